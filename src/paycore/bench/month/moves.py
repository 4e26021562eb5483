"""What moved at the sandbox's banks, written into their record behind their back: the
banks' own word on copied payments, so that statements have them.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec

_MOVE = """
INSERT INTO move (bank, kind, request_id, pay_order_no, amount, currency, at_ms,
                  merchant, bank_ref)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

WITHIN_S = 60


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """Money that moved for a payment, by our books."""

    bank: str
    kind: str
    """charge or refund."""
    request_no: str
    pay_order_no: str
    amount: int
    currency: str
    at: datetime
    channel_ref: str


def write(record: Path, moved: Iterable[Moved]) -> None:
    """Write them into the sandbox's record; it reads them when it is asked."""
    rows = [
        (
            *(one.bank, one.kind, one.request_no, one.pay_order_no, one.amount),
            *(one.currency, int(one.at.timestamp() * 1000)),
            *(f"paycore_{one.bank}", one.channel_ref),
        )
        for one in moved
    ]
    with closing(sqlite3.connect(record, timeout=WITHIN_S)) as bank, bank:
        bank.executemany(_MOVE, rows)

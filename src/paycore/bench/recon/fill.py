"""The same movements in both records: the bank's (SQLite) and ours (PostgreSQL).

Every fiftieth is a refund of the charge before it. Numbers, amounts and times are made
of the movement's place, by the same rule on both sides.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

BANK, ACCOUNT = "quick_a", "main"

REFUND_EVERY = 50

DAY_MS = 86_000_000
"""Spread over the day, but for its last minutes: nothing falls across midnight."""

LEARNED_MS = 120
"""How long after the bank we know of it."""

AT_ONCE = 20_000

_MOVE = """
INSERT INTO move (bank, kind, request_id, pay_order_no, amount, currency, at_ms,
                  merchant, bank_ref)
VALUES (?, ?, ?, ?, ?, 'CNY', ?, ?, ?)
"""

Told = Callable[[int], None]
Move = tuple[str, str, str, str, int, int, str, str]


def amount_of(n: int) -> int:
    """A charge of 1.00 to 91.00; half of it goes back by a refund."""
    return 100 + n % 9000


def order_of(n: int, begins_ms: int, lines: int) -> str:
    """A payment's number as ours are: its time, and eleven letters."""
    at = datetime.fromtimestamp(at_ms(n, begins_ms, lines) / 1000, UTC)
    return f"{at:%y%m%d%H%M%S}{at.microsecond // 1000:03d}{n:011X}"


def at_ms(n: int, begins_ms: int, lines: int) -> int:
    """When it moved."""
    return begins_ms + n * DAY_MS // (lines + 1)


def begins_ms(day: date) -> int:
    """The first millisecond of a day of UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def moves(day: date, lines: int, merchant: str) -> Iterator[Move]:
    """Everything that moved, in order."""
    begins = begins_ms(day)
    for n in range(1, lines + 1):
        at, ref = at_ms(n, begins, lines), f"1{n:019d}"
        refund = n % REFUND_EVERY == 0
        of = n - 1 if refund else n
        order = order_of(of, begins, lines)
        if refund:
            amount, request, kind = amount_of(of) // 2, f"{order}03", "refund"
        else:
            amount, request, kind = amount_of(n), f"{order}01", "charge"
        yield BANK, kind, request, order, amount, at, merchant, ref


def fill_bank(record: Path, day: date, lines: int, merchant: str, told: Told) -> None:
    """Write them into the sandbox's record, which is at rest."""
    with closing(sqlite3.connect(record, timeout=60)) as bank:
        part: list[Move] = []
        for move in moves(day, lines, merchant):
            part.append(move)
            if len(part) == AT_ONCE:
                _put(bank, part)
                told(len(part))
                part = []
        _put(bank, part)
        told(len(part))


def _put(bank: sqlite3.Connection, part: list[Move]) -> None:
    with bank:
        bank.executemany(_MOVE, part)

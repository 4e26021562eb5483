"""What the sandbox knows, read from its record without asking it.

Payers get their codes here: one read of SQLite brings every text that has come since
the last one. Asking the sandbox's control for each would load it with calls that no
payer makes. What money moved is asked of the control itself, once, after the load.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Self, cast

import msgspec

_FRESH = "SELECT n, phone, code FROM text WHERE n > ? AND code IS NOT NULL ORDER BY n"
_TEXTS = "SELECT coalesce(max(n), 0) FROM text"
_NOTICES = "SELECT coalesce(max(n), 0) FROM notice"
_TOLD = """
    SELECT count(DISTINCT pay_order_no) FROM notice
    WHERE verified AND type = 'payment.succeeded'
"""
_SUCCEEDED = """
    SELECT n, pay_order_no FROM notice
    WHERE n > ? AND verified AND type = 'payment.succeeded' ORDER BY n
"""
_CHARGES = """
    SELECT pay_order_no, sum(CASE kind WHEN 'charge' THEN amount ELSE -amount END),
           count(*)
    FROM move GROUP BY pay_order_no
"""
_MOVES = (
    "SELECT bank, kind, request_id, pay_order_no, amount, currency, at_ms FROM move"
    " ORDER BY n"
)
_CAME = "SELECT id, type, pay_order_no, payload, verified, at_ms FROM notice ORDER BY n"


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Money that moved at a bank."""

    bank: str
    kind: str
    """charge or refund."""
    request_id: str
    pay_order_no: str
    amount: int
    currency: str
    at_ms: int = 0

    @property
    def signed(self) -> int:
        """What it took from the payer."""
        return self.amount if self.kind == "charge" else -self.amount


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as it came to the business line."""

    id: str | None
    type: str | None
    pay_order_no: str | None
    payload: str
    verified: bool
    at_ms: int = 0


class Oracle:
    """The sandbox's record, opened for reading only."""

    def __init__(self, folder: Path) -> None:
        self._reader = sqlite3.connect(
            f"file:{folder / 'sandbox.db'}?mode=ro", uri=True, isolation_level=None
        )
        self._codes: dict[str, str] = {}
        self._succeeded: set[str] = set()
        self._heard = 0
        # A code of before is nobody's any more: handed out it would be a wrong one.
        self._seen = self._number(_TEXTS)

    def code(self, phone: str) -> str | None:
        """The code that was texted to a phone, handed out once."""
        found = self._codes.pop(phone, None)
        if found is None:
            for row, to, code in self._reader.execute(_FRESH, (self._seen,)):
                self._codes[to] = code
                self._seen = row
            found = self._codes.pop(phone, None)
        return found

    def succeeded(self, pay_order_no: str) -> bool:
        """Whether a payment's success was told, with a good signature; said once."""
        if pay_order_no not in self._succeeded:
            for row, told in self._reader.execute(_SUCCEEDED, (self._heard,)):
                self._succeeded.add(told)
                self._heard = row
        found = pay_order_no in self._succeeded
        self._succeeded.discard(pay_order_no)
        return found

    def notices(self) -> int:
        """How many notices have come, repeats included; cheap."""
        return self._number(_NOTICES)

    def told(self) -> int:
        """Of how many payments the success was told, with a good signature."""
        return self._number(_TOLD)

    def charges(self) -> Mapping[str, tuple[int, int]]:
        """By payment: the money that moved, and in how many moves."""
        return {
            no: (amount, moves) for no, amount, moves in self._reader.execute(_CHARGES)
        }

    def moves(self) -> list[Move]:
        """All money that moved, in order."""
        rows = self._reader.execute(_MOVES)
        return [Move(**dict(zip(Move.__struct_fields__, r, strict=True))) for r in rows]

    def came(self) -> list[Came]:
        """All notices that came, in order, repeats and forged ones included."""
        names = Came.__struct_fields__
        found = (
            dict(zip(names, row, strict=True)) for row in self._reader.execute(_CAME)
        )
        return [msgspec.convert(row, Came, strict=False) for row in found]

    def _number(self, query: str) -> int:
        return cast("int", self._reader.execute(query).fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

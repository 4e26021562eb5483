"""Differences planted in banks' statements, and the exact word on what was planted.

Pure but for its own random numbers, which are seeded: the same request over the same
lines strikes the same ones. A line is struck once. Nothing is kept over a restart.
"""

import random
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

from paycore.sandbox.faults import BANKS, VENDORS, WrongFault
from paycore.sandbox.statement import Entry

MISSING: Final = "missing_line"
MISSING_REFUND: Final = "missing_refund"
NEXT_DAY: Final = "next_day"
TRUNCATED: Final = "truncated"
ENCODING: Final = "wrong_encoding"
LATE: Final = "late"

_OTHER: Final[Mapping[str, str]] = MappingProxyType({"CNY": "USD"})


class PlantRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /control/statement_faults`."""

    bank: str
    date: str
    fault: str
    count: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    seed: int = 0


class Planted(Struct, frozen=True, kw_only=True, gc=False):
    """One difference: which line, what stood there, and what stands there now."""

    bank: str
    date: str
    fault: str
    kind: str | None = None
    request_id: str | None = None
    pay_order_no: str | None = None
    was: str | None = None
    now: str | None = None


class Line(Struct, frozen=True, kw_only=True, gc=False):
    """A line that may be struck: its number in the record, and whose it is."""

    n: int
    merchant: str
    entry: Entry


Struck = tuple[Entry, ...]
"""What stands in place of a line."""


class StatementFaults:
    """What is planted at the moment."""

    def __init__(self) -> None:
        self.planted: list[Planted] = []
        self._struck: dict[int, Struck] = {}
        self._carried: dict[tuple[str, str], list[Line]] = {}
        self._files: dict[tuple[str, str], dict[str, int]] = {}

    def clear(self) -> int:
        """Forget all; how many there were."""
        count = len(self.planted)
        self.planted.clear()
        self._struck.clear()
        self._carried.clear()
        self._files.clear()
        return count

    # What the statements look like.

    def of_line(self, n: int, entry: Entry) -> Struck:
        """What stands in place of a line: itself, as a rule."""
        return self._struck.get(n, (entry,))

    def carried_to(self, bank: str, day: date, merchant: str) -> list[Entry]:
        """Lines of the day before that stand in this day's statement."""
        lines = self._carried.get((bank, day.isoformat()), ())
        return [line.entry for line in lines if line.merchant == merchant]

    def of_file(self, bank: str, day: date, fault: str) -> int | None:
        """A fault of the whole file, with its number."""
        return self._files.get((bank, day.isoformat()), {}).get(fault)

    # Planting.

    def plant_in_file(self, request: PlantRequest) -> list[Planted] | None:
        """A fault of the file, or None where the request is about lines."""
        kind, _, number = request.fault.partition(":")
        if kind not in (TRUNCATED, ENCODING, LATE) or (kind == LATE) != bool(number):
            return None
        if number and not re.fullmatch("[1-9][0-9]{0,2}", number):
            raise WrongFault(f"not a number of days: {number[:80]!r}")
        faults = self._files.setdefault((request.bank, request.date), {})
        faults[kind] = int(number or 1)
        told = Planted(bank=request.bank, date=request.date, fault=request.fault)
        self.planted.append(told)
        return [told]

    def free(self, fault: str, lines: Sequence[Line]) -> list[Line]:
        """The lines that a fault may still strike."""
        about = "refund" if fault == MISSING_REFUND else "charge"
        kinds = ("charge", "refund") if fault in _ANY_KIND else (about,)
        return [
            line
            for line in lines
            if line.n not in self._struck and line.entry.kind in kinds
        ]

    def plant(self, request: PlantRequest, lines: Sequence[Line]) -> list[Planted]:
        """Strike so many of these lines, which are all free, by the seed's dice."""
        dice = random.Random(request.seed)
        if request.count > len(lines):
            raise WrongFault(f"only {len(lines)} lines can be struck so")
        chosen = dice.sample(range(len(lines)), request.count)
        told = [self._strike(request, lines[at], dice) for at in sorted(chosen)]
        self.planted += told
        return told

    def _strike(
        self, request: PlantRequest, line: Line, dice: random.Random
    ) -> Planted:
        struck = LINE_FAULTS[request.fault](line.entry, dice)
        self._struck[line.n] = struck
        if request.fault == NEXT_DAY:
            day = date.fromisoformat(request.date) + timedelta(days=1)
            key = (request.bank, day.isoformat())
            self._carried.setdefault(key, []).append(line)
        shown = _shown(request.fault, line.entry, struck)
        return Planted(
            bank=request.bank,
            date=request.date,
            fault=request.fault,
            kind=shown.kind,
            request_id=shown.request_id,
            pay_order_no=shown.pay_order_no,
            was=line.entry.text().rstrip(),
            now="\n".join(one.text().rstrip() for one in struck) or None,
        )


def checked(request: PlantRequest) -> PlantRequest:
    """Refuse what is no bank, no day or no fault."""
    if request.bank not in (*BANKS, *VENDORS):
        raise WrongFault(f"no such bank: {request.bank[:80]!r}")
    try:
        date.fromisoformat(request.date)
    except ValueError as error:
        raise WrongFault(f"not a day: {request.date[:80]!r}") from error
    kind = request.fault.partition(":")[0]
    if kind not in (*LINE_FAULTS, TRUNCATED, ENCODING, LATE):
        raise WrongFault(f"not a fault of a statement: {request.fault[:80]!r}")
    return request


def _shown(fault: str, entry: Entry, struck: Struck) -> Entry:
    """By whose numbers a planted difference is told: an extra line has its own."""
    return struck[-1] if fault == "extra_line" else entry


# What each fault makes of a line.


def _without(_entry: Entry, _dice: random.Random) -> Struck:
    return ()


def _amount(entry: Entry, dice: random.Random) -> Struck:
    more = dice.randint(1, 500)
    less = entry.amount - more
    amount = less if less > 0 and dice.random() < 0.5 else entry.amount + more
    return (replace(entry, amount=amount),)


def _fee(entry: Entry, dice: random.Random) -> Struck:
    return (replace(entry, fee=entry.fee + dice.randint(1, 50)),)


def _currency(entry: Entry, _dice: random.Random) -> Struck:
    return (replace(entry, currency=_OTHER.get(entry.currency, "CNY")),)


def _status(entry: Entry, _dice: random.Random) -> Struck:
    return (replace(entry, status="FAIL"),)


def _twice(entry: Entry, _dice: random.Random) -> Struck:
    return entry, entry


def _garbled(entry: Entry, dice: random.Random) -> Struck:
    """Neither number can be read any more; the bank's own is as it was."""
    noise = f"#{dice.getrandbits(40):010x}"
    return (replace(entry, request_id=noise, pay_order_no="?"),)


def _with_stranger(entry: Entry, dice: random.Random) -> Struck:
    """Besides, one of the same shape that nobody asked for."""
    tail = entry.request_id[15:-2]
    letters = (dice.choice(string.ascii_uppercase) for _ in tail)
    order = entry.request_id[:15] + "".join(letters)
    stranger = replace(
        entry,
        request_id=order + entry.request_id[-2:],
        pay_order_no=order,
        bank_ref=f"9{dice.randrange(10**19):019d}",
    )
    return entry, stranger


LINE_FAULTS: Final[Mapping[str, Callable[[Entry, random.Random], Struck]]] = (
    MappingProxyType(
        {
            MISSING: _without,
            MISSING_REFUND: _without,
            NEXT_DAY: _without,
            "extra_line": _with_stranger,
            "other_amount": _amount,
            "other_fee": _fee,
            "other_currency": _currency,
            "other_status": _status,
            "duplicate_line": _twice,
            "unknown_line": _garbled,
        }
    )
)

_ANY_KIND: Final = frozenset({"other_amount", "other_currency", "duplicate_line"})
"""These strike refunds as well."""


def faults() -> Iterator[str]:
    """All that can be planted."""
    yield from LINE_FAULTS
    yield from (TRUNCATED, ENCODING, f"{LATE}:<days>")

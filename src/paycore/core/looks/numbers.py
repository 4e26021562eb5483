"""What somebody may mean by a number that he has before him. Pure.

A payment's number, or one that begins with it: of an attempt, a refund, late money, a
signing, and what a channel file puts behind one. All other numbers are looked up.
"""

import re
from datetime import UTC, datetime

from paycore.kernel.ids import PAY_ORDER_NO_LENGTH, TIME_LETTERS

_TAIL = re.compile(r"[0-9]{4}")
_OURS = re.compile(
    rf"([0-9]{{{TIME_LETTERS}}}[0-9A-Z]{{{PAY_ORDER_NO_LENGTH - TIME_LETTERS}}})"
    r"(?:[RMS]?[0-9]{2}[0-9A-Z]{0,3})?"
)


def tail_of(asked: str) -> str | None:
    """The last four digits of a card or a phone, if that is what was asked for."""
    return asked if _TAIL.fullmatch(asked) else None


def ours_in(asked: str) -> str | None:
    """The payment that a number of ours names by its beginning."""
    found = _OURS.fullmatch(asked)
    return None if found is None else found[1]


def made_at(no: str) -> datetime:
    """When a payment's number was made, to the second."""
    return datetime.strptime(no[:12], "%y%m%d%H%M%S").replace(tzinfo=UTC)

"""What a deliver_sm tells of a text that was taken (SMPP 3.4, appendix B and 5.3.2).

Two optional fields say it exactly: receipted_message_id and message_state. Centres that
do not have them write a line instead, and not all of them write a text's number as they
gave it: `Ids` says how, so that both are known by one. Pure.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from paycore.sms.carrier import Receipt
from paycore.sms.smpp.pdu import Delivered
from paycore.sms.smpp.text import UCS2

Ids = Literal["AUTO", "SAME", "DECIMAL", "HEX"]
"""How receipts have the number of a text: as it was given, apart from the case and
leading zeros of a number (SAME); in decimal where it was given in hexadecimal (DECIMAL,
as appendix B has it); the other way round (HEX). AUTO takes what has letters from A to
F for hexadecimal, and digits alone as they stand."""

RECEIPT = 0x04
_KIND = 0x3C
"""The bits of `esm_class` that say what a message is."""

RECEIPTED_ID = 0x001E
MESSAGE_STATE = 0x0427

DELIVERED = "DELIVRD"
_UNDERWAY = frozenset({"ENROUTE", "ACCEPTD"})
"""No end yet."""

_STATES: Mapping[int, str] = MappingProxyType(
    {
        1: "ENROUTE",
        2: DELIVERED,
        3: "EXPIRED",
        4: "DELETED",
        5: "UNDELIV",
        6: "ACCEPTD",
        7: "UNKNOWN",
        8: "REJECTD",
    }
)

_LINE = re.compile(r"(?i)(?:^|\s)(id|stat|err|done date):\s*(\S{1,65})(?=\s|$)")
_QUOTED = re.compile(r"(?i)\stext:.*", re.DOTALL)
"""The beginning of our own text, which comes last."""

_HEX = re.compile(r"[0-9A-Fa-f]+")
_DIGITS = re.compile(r"[0-9]+")
_WORD = re.compile(r"[0-9A-Za-z]{0,10}")

LONGEST_ID = 64
"""Letters of a number (message_id has 65 octets, its end included)."""


def receipt_of(
    told: Delivered, *, ids: Ids, clock_minutes: int | None
) -> Receipt | None:
    """The receipt that a message is; None where it is none, or tells of no end.

    `clock_minutes`: by how much the centre's clock is ahead of UTC; None: its times
    are not known to be any moment's.
    """
    if told.esm_class & _KIND != RECEIPT:
        return None
    line = _line_of(told)
    state = _state_of(told) or _word(line, "stat").upper()
    number = _number_of(told, line, ids)
    if not number or not state or state in _UNDERWAY:
        return None
    return Receipt(
        delivered=state == DELIVERED,
        code=f"{state} {_word(line, 'err')}".strip(),
        message_id=number,
        at=_moment(line.get("done date", ""), clock_minutes),
    )


def known_as(given: str, ids: Ids) -> str:
    """Under what a text is known whose number came in the answer to it."""
    match ids:
        case "DECIMAL":
            return _as_decimal(given, 16)
        case "HEX":
            return _as_decimal(given, 10)
        case "SAME":
            return _plain(given)
        case "AUTO":
            return _guessed(given)


def _number_of(told: Delivered, line: Mapping[str, str], ids: Ids) -> str:
    """Under what the text is known that a receipt is about."""
    field = told.optional.get(RECEIPTED_ID, b"").rstrip(b"\0").decode("latin-1")
    if field:
        # By the specification it is the very number that was given.
        return known_as(field, ids)
    number = line.get("id", "")
    match ids:
        case "DECIMAL":
            return _as_decimal(number, 10)
        case "HEX":
            return _as_decimal(number, 16)
        case _:
            return known_as(number, ids)


def _state_of(told: Delivered) -> str:
    state = told.optional.get(MESSAGE_STATE, b"")
    return _STATES.get(state[0], "") if len(state) == 1 else ""


def _line_of(told: Delivered) -> Mapping[str, str]:
    """The line's words by their names, the first of each."""
    encoding = "utf-16-be" if told.data_coding == UCS2 else "latin-1"
    text = _QUOTED.sub("", told.octets.decode(encoding, "replace"))
    found: dict[str, str] = {}
    for name, word in _LINE.findall(text):
        found.setdefault(name.lower(), word)
    return found


def _word(line: Mapping[str, str], name: str) -> str:
    """A word that may be shown: whatever else stands there is nobody's code."""
    word = line.get(name, "")
    return word if _WORD.fullmatch(word) else ""


def _moment(digits: str, clock_minutes: int | None) -> datetime | None:
    """YYMMDDhhmm, with or without seconds."""
    if clock_minutes is None or not _DIGITS.fullmatch(digits):
        return None
    form = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S"}.get(len(digits))
    if form is None:
        return None
    try:
        read = datetime.strptime(digits, form).replace(tzinfo=UTC)
    except ValueError:
        return None
    return read - timedelta(minutes=clock_minutes)


def _as_decimal(number: str, base: Literal[10, 16]) -> str:
    """A number in decimal; what is none stays as it is."""
    form = _HEX if base == 16 else _DIGITS
    if len(number) > LONGEST_ID or not form.fullmatch(number):
        return number
    return str(int(number, base))


def _guessed(number: str) -> str:
    return _as_decimal(number, 10 if _DIGITS.fullmatch(number) else 16)


def _plain(number: str) -> str:
    if not _HEX.fullmatch(number):
        return number
    return number.lower().lstrip("0") or "0"

"""What a short message holds: alphabets, headers of parts, a receipt's words. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from paycore.sandbox.vendors.smpp_pdu import Malformed, Status, Submit, Tag

UDHI: Final = 0x40
"""In `esm_class`: the message begins with a header of its own."""
OCTETS: Final = 140
"""What fits into one short message, header included."""

GSM_7: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""3GPP TS 23.038, one letter an octet."""
_ESCAPE: Final = 0x1B
_ESCAPED: Final[Mapping[int, str]] = MappingProxyType(
    dict(zip(b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65", "\f^{}\\[~]|€", strict=True))
)

_CODE: Final = re.compile(r"(?<!\d)\d{4,8}(?!\d)")


class Part(Struct, frozen=True, kw_only=True):
    """A message, or one of those that make one together."""

    text: str
    reference: int = 0
    number: int = 1
    of: int = 1


def part_of(submit: Submit) -> Part:
    """What was submitted; raises `Malformed` where it is too long, or no text."""
    payload = submit.more.get(Tag.MESSAGE_PAYLOAD)
    message, header = payload or submit.message, b""
    if submit.esm_class & UDHI:
        if not message or len(message) <= message[0]:
            raise Malformed(Status.RINVMSGLEN)
        header, message = message[: message[0] + 1], message[message[0] + 1 :]
    if payload is None:
        _check_length(message, len(header), submit.data_coding)
    text = _decoded(message, submit.data_coding)
    reference, of, number = _place(header) if header else _sar(submit.more)
    if not 1 <= number <= of:
        raise Malformed(Status.RSUBMITFAIL)
    return Part(text=text, reference=reference, number=number, of=of)


def _check_length(message: bytes, header: int, coding: int) -> None:
    left = OCTETS - header
    most = left * 8 // 7 if coding == 0 else left
    if not 0 < len(message) <= most:
        raise Malformed(Status.RINVMSGLEN)


def _place(header: bytes) -> tuple[int, int, int]:
    """Reference, count and number by the element of concatenation, if there is one."""
    at = 1
    while at + 2 <= len(header):
        kind, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        if (kind, len(value)) == (0, 3):
            return value[0], value[1], value[2]
        if (kind, len(value)) == (8, 4):
            return int.from_bytes(value[:2], "big"), value[2], value[3]
        at += 2 + length
    return 0, 1, 1


def _sar(more: Mapping[int, bytes]) -> tuple[int, int, int]:
    """The same by optional parameters."""
    reference = more.get(Tag.SAR_MSG_REF_NUM)
    if reference is None:
        return 0, 1, 1
    of, number = more.get(Tag.SAR_TOTAL_SEGMENTS), more.get(Tag.SAR_SEGMENT_SEQNUM)
    return (
        int.from_bytes(reference, "big"),
        int.from_bytes(of or b"", "big"),
        int.from_bytes(number or b"", "big"),
    )


def _decoded(message: bytes, coding: int) -> str:
    try:
        match coding:
            case 0:
                return _gsm_7(message)
            case 1:
                return message.decode("ascii")
            case 3:
                return message.decode("latin-1")
            case 8:
                return message.decode("utf-16-be", "surrogatepass")
    except (UnicodeDecodeError, IndexError, KeyError):
        pass
    raise Malformed(Status.RSUBMITFAIL)


def _gsm_7(message: bytes) -> str:
    letters, octets = [], iter(message)
    for octet in octets:
        if octet == _ESCAPE:
            letters.append(_ESCAPED[next(octets, -1)])
        else:
            letters.append(GSM_7[octet])
    return "".join(letters)


def whole(parts: Mapping[int, str]) -> str:
    """The parts of a text put together; a character may have been cut in two."""
    text = "".join(parts[number] for number in sorted(parts))
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def code_in(text: str) -> str | None:
    """Its first four to eight digits in a row."""
    found = _CODE.search(text)
    return found[0] if found else None


def receipt(message_id: str, text: str, times: tuple[int, int], *, good: bool) -> str:
    """A receipt's words; `times` are those of submission and delivery, in ms."""
    sent, done = (
        f"{datetime.fromtimestamp(at_ms // 1000, UTC):%y%m%d%H%M}" for at_ms in times
    )
    shown = text[:20] if text.isascii() else ""
    return (
        f"id:{message_id} sub:001 dlvrd:{good:03d} submit date:{sent} done date:{done}"
        f" stat:{'DELIVRD' if good else 'UNDELIV'} err:{0 if good else 1:03d}"
        f" text:{shown}"
    )

"""What may be shown of a card number, a phone, a name, an ID number, a code.

    6222021234567894   → 622202******7894     BIN and last four (PCI DSS 3.4.1)
    +8613812341234     → +86*******1234
    张三丰             → 张**
    11010519491231002X → 1****************X
    any code           → ******

Masking keeps the length and cannot be undone. `mask_text` finds such values in text
that we did not compose: a channel's message, an exception, a log line.
It is the last net, not the first: what is known to be secret is masked by its name.
Pure: nothing here reads or writes.
"""

import re
from collections.abc import Callable

_STAR = "*"

_BIN, _LAST_FOUR = 6, 4
_SHORTEST_CARD = 13
_LEAST_HIDDEN = 4
"""Digits of a phone: three could be tried out."""
_MAINLAND = "+86"

_CARD = re.compile(
    # Plain, or in groups of four. The first digits are those that issuers use; what has
    # the shape of a number of our own (a payment's, an attempt's, a refund's, of late
    # money too, a signing's, and what a channel file puts behind one) is left alone.
    r"(?<!\d)(?!\d{15}[0-9A-Z]{11}(?:[RMS]?\d\d[0-9A-Z]{0,3})?(?![0-9A-Za-z]))"
    r"(?:2[2-7]|[34569]\d)"
    r"(?:\d{11,17}|\d{2}(?:[ -]\d{4}){2}[ -]\d{1,4}(?:[ -]\d{1,3})?)(?!\d)"
)
_ID_NO = re.compile(r"(?<![0-9A-Za-z])[1-9]\d{16}[0-9Xx](?![0-9A-Za-z])")
_PHONE = re.compile(
    r"\+\d{8,15}(?!\d)|(?<!\d)(?:0086|86)?[ -]?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)"
)
_CODE = re.compile(r"(?i)((?:验证码|校验码|动态码|\bcode\b)\D{0,8})(\d{4,8})(?!\d)")

_DIGITS = re.compile(r"\d{4}")
"""Whatever is masked in free text has so many in a row: most text has not."""

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"


def mask_card(number: str) -> str:
    """BIN and last four; nothing at all of what is too short to be a card."""
    if len(number) < _SHORTEST_CARD:
        return _STAR * len(number)
    return _keep(number, _BIN, _LAST_FOUR)


def mask_phone(phone: str) -> str:
    """The country's code and the last four; nothing of one so short that these would
    be nearly all.
    """
    head = 0
    if phone.startswith("+"):
        # Countries' codes are one digit in zones 1 and 7, else two or three.
        head = 2 if phone[1:2] in ("1", "7") else len(_MAINLAND)
    if len(phone) - head - _LAST_FOUR < _LEAST_HIDDEN:
        return _STAR * len(phone)
    return _keep(phone, head, _LAST_FOUR)


def mask_name(name: str) -> str:
    """The first character, which in Chinese is the family name."""
    return _keep(name, 1, 0)


def mask_id_no(number: str) -> str:
    """The first and the last character."""
    return _keep(number, 1, 1)


def mask_code(code: str) -> str:
    """Nothing, not even how long it is."""
    return _STAR * 6


def mask_text(text: str) -> str:
    """Mask what looks like a card, an ID number, a phone or a code, in free text."""
    if _DIGITS.search(text) is None:
        return text
    text = mask_numbers(text)
    text = _PHONE.sub(lambda found: mask_phone(found[0]), text)
    return _CODE.sub(lambda found: found[1] + mask_code(found[2]), text)


def mask_numbers(text: str) -> str:
    """Mask card and ID numbers only: in a text that people are to read, a phone or a
    short number may be what it is about.
    """
    text = _CARD.sub(_if(_passes_luhn, mask_card), text)
    return _ID_NO.sub(_if(_is_id_no, mask_id_no), text)


def _keep(text: str, head: int, tail: int) -> str:
    """Keep both ends; too short to have a middle, and nothing is kept."""
    hidden = len(text) - head - tail
    if hidden <= 0:
        return _STAR * len(text)
    return text[:head] + _STAR * hidden + text[len(text) - tail :]


def _if(
    holds: Callable[[str], bool], mask: Callable[[str], str]
) -> Callable[[re.Match[str]], str]:
    """Mask a match where its check digit says that it is one."""
    return lambda found: mask(found[0]) if holds(found[0]) else found[0]


def _passes_luhn(text: str) -> bool:
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_id_no(text: str) -> bool:
    total = sum(int(c) * w for c, w in zip(text[:17], _ID_WEIGHTS, strict=True))
    return _ID_CHECKS[total % 11] == text[17].upper()

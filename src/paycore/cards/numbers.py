"""What a card's numbers say of themselves: check digits, phones, BINs. Pure.

Good form is all that is looked at. Whether there is such a card, and whose it is, only
its bank knows.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import phonenumbers

DEBIT = "DEBIT"
CREDIT = "CREDIT"

BIN_LETTERS = 6
TAIL_LETTERS = 4

_CARD = re.compile(r"[0-9]{12,19}")
_ID_NO = re.compile(r"[A-Za-z0-9-]{1,32}")
_CHINESE_ID_NO = re.compile(r"[0-9]{17}[0-9X]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"

BINS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "622202": ("ICBC", DEBIT),
        "622208": ("ICBC", DEBIT),
        "622848": ("ABC", DEBIT),
        "621661": ("BOC", DEBIT),
        "621700": ("CCB", DEBIT),
        "622588": ("CMB", DEBIT),
        "622262": ("COMM", DEBIT),
        "621098": ("PSBC", DEBIT),
        "625907": ("BOC", CREDIT),
        "628288": ("ICBC", CREDIT),
        "411111": ("VISA", CREDIT),
        "424242": ("VISA", CREDIT),
        "555555": ("MASTERCARD", CREDIT),
    }
)
"""Bank and kind of some BINs, enough to try with; whoever knows better says so."""


def good_card(number: str) -> bool:
    """Whether it is 12 to 19 digits of which the last is Luhn's."""
    if not _CARD.fullmatch(number):
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def good_id_no(number: str) -> bool:
    """Whether it can be an ID number; one of Chinese form has its check digit right."""
    upper = number.upper()
    if not _CHINESE_ID_NO.fullmatch(upper):
        return _ID_NO.fullmatch(number) is not None
    total = sum(int(d) * w for d, w in zip(upper[:17], _WEIGHTS, strict=True))
    return _CHECKS[total % 11] == upper[17]


def e164(phone: str) -> str | None:
    """The phone as E.164, None where no phone of its country is so long.

    Not whether the number is assigned: tables of ranges age faster than we are updated.
    """
    try:
        parsed = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)

"""What a card's numbers say of themselves: check digits, phones, BINs. Pure.

Good form is all that is looked at. Whether there is such a card, and whose it is, only
its bank knows.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import phonenumbers

DEBIT = "DEBIT"
CREDIT = "CREDIT"

BIN_LETTERS = 6
TAIL_LETTERS = 4

SHORTEST_CARD, LONGEST_CARD = 13, 19
"""Of a shorter one BIN and last four would be nearly all."""

_CARD = re.compile(rf"[0-9]{{{SHORTEST_CARD},{LONGEST_CARD}}}")
_SEPARATORS = re.compile(r"[._:-]")
_LONG = re.compile(rf"[0-9]{{{SHORTEST_CARD},}}")
_DOUBLED = tuple(sum(divmod(2 * digit, 10)) for digit in range(10))
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
    """Whether it is 13 to 19 digits of which the last is Luhn's."""
    if not _CARD.fullmatch(number):
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def within(text: str) -> set[str]:
    """Every card number that a business line's own number could hold: at any place, for
    there may be a date or a counter beside it, and however it is separated.
    """
    runs = _LONG.findall(_SEPARATORS.sub("", text))
    return {number for run in runs for number in _good_in(run)}


def _good_in(run: str) -> Iterator[str]:
    """The windows of a run of digits that Luhn's rule holds of and an issuer could have
    made: none begins with a zero. Each by two sums, for an order is waited for.
    """
    # Up to each place: the sum where the last digit counts once, and where it counts
    # twice.
    once, twice = [0], [0]
    for digit in map(int, run):
        before = once[-1]
        once.append(twice[-1] + digit)
        twice.append(before + _DOUBLED[digit])
    for start, first in enumerate(run):
        if first == "0":
            continue
        for end in range(
            start + SHORTEST_CARD, min(start + LONGEST_CARD, len(run)) + 1
        ):
            even = (end - start) % 2 == 0
            head = once[start] if even else twice[start]
            if (once[end] - head) % 10 == 0:
                yield run[start:end]


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


_DOTS = str.maketrans(dict.fromkeys("•‧∙⋅・・.．", "·"))
_HAN = "[\u3400-\u9fff\u3007\U00020000-\U0003ffff]"
_CHINESE_NAME = re.compile(f"{_HAN}{{1,20}}(·{_HAN}{{1,20}}){{0,6}}")
_LATIN_NAME = re.compile(r"[^\W\d_]+([ '’·-]{1,2}[^\W\d_]+)*·?")
_CHINESE_MOBILE = re.compile(r"\+861[3-9][0-9]{9}")
SHORTEST_NAME = 2


def bank_name(name: str) -> str | None:
    """A name as banks compare it, None where none has such a one.

    The dot inside a name (买买提·艾力) is written in many ways; banks have one.
    """
    name = " ".join(name.split())
    dotted = name.translate(_DOTS)
    if len(dotted) >= SHORTEST_NAME and _CHINESE_NAME.fullmatch(dotted):
        return dotted
    plain = dotted.replace("· ", " ").removesuffix("·")
    if len(plain) >= SHORTEST_NAME and _LATIN_NAME.fullmatch(plain):
        return plain
    return None


def bank_phone(phone: str) -> bool:
    """Whether a bank can text a code to it: of a Chinese one, that it is a mobile."""
    normal = e164(phone)
    if normal is None or not normal.startswith("+86"):
        return normal is not None
    return _CHINESE_MOBILE.fullmatch(normal) is not None

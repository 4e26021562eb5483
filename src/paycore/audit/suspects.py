"""Whether a text that was kept holds a card or an ID number. Pure.

The database finds what has the shape of one; here the check digit says whether it is
one, by the same net that masks texts (`kernel/mask.py`), and numbers that others chose
for a payment (the line's own, a channel's reference) are left out: they may look like
anything, unless they look like the card that the payment was made with. A number that
happens to pass is shown masked all the same.
"""

import re
from collections.abc import Collection, Iterator

from paycore.kernel.mask import mask_card, mask_id_no, mask_text

_ID_NO = (
    r"[1-9]\d{5}(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[0-9Xx]"
)
_CARD = (
    r"(?:2[2-7]|[34569]\d)"
    r"(?:\d{11,17}|\d{2}(?:[ -]\d{4}){2}[ -]\d{1,4}(?:[ -]\d{1,3})?)"
)

# What issuers give out: most shorter numbers are barcodes, tickets and references.
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15,18})|3[47]\d{13}|3[0689]\d{12,17}"
    r"|(?:2[2-7]|35|[569]\d)\d{14,17}"
)

# Looked for at every digit that none precedes, for one may stand in another's shadow.
_SHAPE = re.compile(rf"(?<!\d)(?=((?:{_ID_NO}|{_CARD})(?!\d)))")

# Runs of digits in numbers of ours, in uuids and in hashes are no numbers.
_OURS = re.compile(
    r"(?<!\d)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])(?:[0-5]\d){2}"
    r"\d{3}[0-9A-HJKMNP-TV-Z]{11}(?:[RMS]?\d\d[0-9A-HJKMNP-TV-Z]{0,3})?"
    r"(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|[0-9a-fA-F]{32,})(?![0-9A-Za-z])"
)

# As encode(…, 'escape') has octets, and as JSON has what is no plain letter.
_OCTET = re.compile(r"\\(\\|[23][0-7]{2}|000)")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[bfnrt])")

_BIN, _TAIL = 6, 4


def secrets_in(
    text: str, known: Collection[str], card: str | None = None
) -> Iterator[str]:
    """What in a text is a card or an ID number, masked.

    `card`: first six and last four digits of the payer's own.
    """
    for found in _SHAPE.finditer(_OURS.sub(" ", _plain(text))):
        number = found[1]
        if mask_text(number) == number:
            continue
        if _is_of(number, card) or (_likely(number) and not _excused(number, known)):
            yield _masked(number)


def _plain(text: str) -> str:
    """Without escapes: their letters and digits would stand beside a number."""
    text = _OCTET.sub(lambda found: "\\" if found[1] == "\\" else " ", text)
    return _ESCAPE.sub(lambda found: chr(int(found[1] or "20", 16)), text)


def _likely(number: str) -> bool:
    """Whether one is ever so long."""
    plain = re.sub("[ -]", "", number)
    return bool(_ISSUED.fullmatch(plain) or re.fullmatch(_ID_NO, plain))


def _is_of(number: str, card: str | None) -> bool:
    digits = re.sub(r"\D", "", number)
    return card == digits[:_BIN] + digits[-_TAIL:]


def _excused(number: str, known: Collection[str]) -> bool:
    """Whether it is, or is in, a number that somebody else chose."""
    return any(number in one and not re.search(r"\s", one) for one in known)


def _masked(number: str) -> str:
    """As an ID number where it may be one: of a card more is shown."""
    if re.fullmatch(_ID_NO, number):
        return mask_id_no(number)
    return mask_card(re.sub(r"\D", "", number))

"""Whether a text that was kept holds a card or an ID number. Pure.

The database finds what has the shape of one; here the check digit says whether it is
one, by the same net that masks texts (`kernel/mask.py`), and numbers that others chose
for a payment (the line's own, a channel's reference) are left out: they may look like
anything. A number that happens to pass is shown masked all the same.
"""

import re
from collections.abc import Collection, Iterator

from paycore.kernel.mask import mask_card, mask_text

# Standing alone: runs of digits inside of tokens and hashes are no numbers.
_SHAPE = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"(?:2[2-7]|[34569]\d)"
    r"(?:\d{11,17}|\d{2}(?:[ -]\d{4}){2}[ -]\d{1,4}(?:[ -]\d{1,3})?)"
    r"|[1-9]\d{5}(?:18|19|20)\d{9}[0-9Xx])(?![0-9A-Za-z])"
)


def secrets_in(text: str, known: Collection[str]) -> Iterator[str]:
    """What in a text is a card or an ID number, masked."""
    for found in _SHAPE.finditer(text):
        number = found[0]
        if number not in known and mask_text(number) != number:
            yield mask_card(re.sub(r"\D", "", number))

"""Stripe's messages without what charges a card, and without whose it is. Pure.

By form and by name at once, not by structure: the same text may come as JSON, cut off
in the middle, or as our own form repeated in somebody's error page.
"""

import re
from typing import Final

from paycore.gateway.masking import masked

# What charges a card or shows one: names of customers and their methods, keys, secrets.
_TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"((?:cus|pm|[srp]k|(?:src|tok|card|ba)(?=_[A-Za-z0-9]{14}))_)[A-Za-z0-9_*]+"
    r"|(whsec_)[A-Za-z0-9+/=_-]+)"
)
_CLIENT_SECRET: Final = re.compile(r"(_secret_)[A-Za-z0-9]+")
_OF_A_PERSON: Final = re.compile(
    r'("(?:name|email|receipt_email|phone|line1|line2|city|state|postal_code|'
    r'fingerprint|ip|description|verified_name|verified_email)"\s*:\s*")'
    r'(?:[^"\\]|\\.)*'
)


def scrubbed(text: str) -> str:
    """The text as it may be kept."""
    text = _CLIENT_SECRET.sub(r"\1***", text)
    text = _TOKEN.sub(r"\1\2***", text)
    return masked(_OF_A_PERSON.sub(r"\1***", text))

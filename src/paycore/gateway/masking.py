"""What of a message may be stored: the nets that hold whatever a channel wrote.

A channel's `scrub` masks by the names of its protocol's fields. What is here does not
trust it: a bank's error page may repeat our request in any form, so every secret of
the call is looked for by its value. Pure.
"""

import re
from collections.abc import Iterable

from paycore.kernel.mask import mask_text

KEPT_OCTETS = 4_000
"""Enough to see what came; a megabyte of garbage need not be stored."""

_CUT_OFF = 64
"""Longer than any secret that mask_text finds: half of one at the cut would escape."""

_HIDDEN = "***"
_SHORT_DIGITS = 8
_DIGITS = re.compile(r"\d{4}")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def readable(octets: bytes) -> str:
    """Octets of a stranger as text that can be searched and stored.

    To be scrubbed next; where it is cut, an ellipsis stands for what may hide half a
    secret. Without NUL and lone surrogates, which no text column takes.
    """
    if len(octets) > KEPT_OCTETS:
        text = octets[: KEPT_OCTETS - _CUT_OFF].decode("utf-8", "replace")
        text = re.sub(r"\w*$", "…", text)
    else:
        text = octets.decode("utf-8", "replace")
    return storable(text)


def masked(text: str) -> str:
    """`mask_text`, and cheap where there is nothing that it could find."""
    return text if _DIGITS.search(text) is None else mask_text(text)


def storable(text: str) -> str:
    """Text without what PostgreSQL refuses."""
    if text.isascii() and "\x00" not in text:
        return text
    text = text.replace("\x00", "\ufffd")
    return text.encode("utf-8", "replace").decode()


def without(text: str, secrets: Iterable[str]) -> str:
    """Hide every occurrence of a secret, in JSON's escapes too."""
    if "\\u" in text:
        text = storable(_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text))
    for secret in secrets:
        if secret in text:
            text = _hide(text, secret)
    return text


def _hide(text: str, secret: str) -> str:
    """Hide a short number only where it stands alone, not inside another number."""
    if secret.isdigit() and len(secret) < _SHORT_DIGITS:
        return re.sub(rf"(?<!\d){secret}(?!\d)", _HIDDEN, text)
    return text.replace(secret, _HIDDEN)

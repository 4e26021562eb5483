"""Cursors whose key has several parts, and those that are a number."""

import json

from paycore.api.paging import after_of
from paycore.kernel.errors import BadRequest

_MOST_DIGITS = 18


def key_of(*parts: str) -> str:
    """A key as a cursor keeps it, in ASCII: a part may be a channel's own words."""
    return json.dumps(parts)


def parts_of(cursor: str | None, count: int) -> tuple[str, ...] | None:
    """The parts of the key that a cursor stands for; our own cursors only."""
    key = after_of(cursor)
    if key is None:
        return None
    try:
        parts = json.loads(key)
    except ValueError:
        parts = None
    good = isinstance(parts, list) and len(parts) == count
    if not good or not all(isinstance(o, str) and o.isprintable() for o in parts):
        raise not_ours()
    return tuple(parts)


def number_of(cursor: str | None) -> int | None:
    """The number that a cursor stands for."""
    key = after_of(cursor)
    if key is None:
        return None
    if not (key.isascii() and key.isdecimal() and len(key) <= _MOST_DIGITS):
        raise not_ours()
    return int(key)


def not_ours() -> BadRequest:
    """Whoever sent it has not got it from us."""
    return BadRequest("cursor is not one of ours.", "cursor 无效", field="cursor")

"""Cursors whose key has several parts, and those that are a number."""

from paycore.api.paging import after_of
from paycore.kernel.errors import BadRequest

_BETWEEN = "|"
_MOST_DIGITS = 18


def key_of(*parts: object) -> str:
    """A key as a cursor keeps it; no part has the sign between."""
    return _BETWEEN.join(map(str, parts))


def parts_of(cursor: str | None, count: int) -> tuple[str, ...] | None:
    """The parts of the key that a cursor stands for; our own cursors only."""
    key = after_of(cursor)
    if key is None:
        return None
    parts = tuple(key.split(_BETWEEN))
    if len(parts) != count:
        raise not_ours()
    return parts


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

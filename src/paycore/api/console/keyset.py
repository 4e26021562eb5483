"""Cursors whose key has several parts, and those that are a number."""

import json
from datetime import UTC, datetime

from paycore.api.paging import after_of
from paycore.kernel.errors import BadRequest

_MOST_DIGITS = 18


def key_of(*parts: str) -> str:
    """A key as a cursor keeps it, in ASCII: a part may be a channel's own words."""
    return json.dumps(parts)


def parts_of(cursor: str | None, count: int) -> tuple[str, ...] | None:
    """The parts of the key that a cursor stands for; our own cursors only."""
    key = after_of(cursor)
    return None if key is None else _parts(key, count)


def moment_key(at: datetime, no: str) -> str:
    """A key of lists that go by a time: what is of the same one goes by its number."""
    return key_of(at.isoformat(), no)


def moment_of(key: str) -> tuple[datetime, str]:
    """The time and the number in such a key."""
    written, no = _parts(key, 2)
    try:
        at = datetime.fromisoformat(written)
        if at.tzinfo is None:
            raise not_ours()
        return at.astimezone(UTC), no
    except (ValueError, OverflowError):
        raise not_ours() from None


def _parts(key: str, count: int) -> tuple[str, ...]:
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

"""Lists by cursor: a page holds so many, and says where the next one begins."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TypeVar

from paycore.api.door import Plain
from paycore.kernel.errors import BadRequest

DEFAULT_PAGE = 20
MAX_PAGE = 100

T = TypeVar("T")


def query_of(request: Plain) -> dict[str, str]:
    """The query's parameters, each once."""
    sent = list(request.query_params.multi_items())
    members = dict(sent)
    if len(members) != len(sent):
        raise BadRequest("A parameter is there twice.", "查询参数重复")
    return members


def after_of(cursor: str | None) -> str | None:
    """The key that a cursor stands for; our own cursors only."""
    if cursor is None:
        return None
    try:
        key = urlsafe_b64decode(cursor.encode()).decode("ascii")
    except (binascii.Error, ValueError):
        key = ""
    if not (key.isprintable() and key):
        raise BadRequest("cursor is not one of ours.", "cursor 无效", field="cursor")
    return key


def cursor_of(key: str | None) -> str | None:
    """A key as it is given out; None: there is no next page."""
    return None if key is None else urlsafe_b64encode(key.encode()).decode()


def cut(
    found: Sequence[T], size: int, keys: Sequence[str]
) -> tuple[Sequence[T], str | None]:
    """A page out of one row more than it holds, and the cursor of the next."""
    if len(found) <= size:
        return found, None
    return found[:size], cursor_of(keys[size - 1])

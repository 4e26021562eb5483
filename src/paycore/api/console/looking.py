"""What searches of the console have in common: what somebody means by a number."""

import json

from paycore.api.door import Door, read
from paycore.api.paging import after_of
from paycore.core.looks import queries
from paycore.kernel.errors import BadRequest
from paycore.kernel.mask import mask_numbers
from paycore.lines import service as lines


async def named(door: Door, asked: str) -> list[str]:
    """The payments that a number means."""
    known = lines.every(door.node)
    return await read(door, queries.named(door.pool, known, asked))


def refuse_secret(asked: str | None) -> None:
    """BadRequest for the whole number of a card or a person, which nothing is found by:
    the address of a page is kept by browsers.
    """
    if asked is not None and mask_numbers(asked) != asked:
        raise BadRequest(
            "Look for a card or a phone by its last four digits.",
            "请按卡号或手机号后四位查询",
            field="q",
        )


def place_in(cursor: str | None, parts: int) -> tuple[str, ...] | None:
    """The key of several parts that a cursor stands for; our own cursors only."""
    key = after_of(cursor)
    if key is None:
        return None
    try:
        place = json.loads(key)
    except ValueError:
        place = None
    good = isinstance(place, list) and len(place) == parts
    if not good or not all(isinstance(o, str) and _plain(o) for o in place):
        raise BadRequest("cursor is not one of ours.", "cursor 无效", field="cursor")
    return tuple(place)


def key_of_place(place: tuple[str, ...]) -> str:
    """The other way round, in ASCII."""
    return json.dumps(place)


def _plain(part: str) -> bool:
    return part == "" or part.isprintable()

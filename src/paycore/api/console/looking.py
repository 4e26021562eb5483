"""What searches of the console have in common: what somebody means by a number."""

from paycore.api.door import Door, read
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

"""Card numbers where none belongs: in a business line's own numbers, which are kept and
shown as they are, and so are refused; in words, which are masked before anybody keeps
them (docs/decisions/0039-card-numbers-in-texts.md).
"""

from paycore.api.door import Door, read
from paycore.cards import queries, vault
from paycore.cards.numbers import within
from paycore.kernel.errors import BadRequest
from paycore.kernel.mask import mask_numbers
from paycore.kernel.terms import BizLineId


async def refuse_cards(door: Door, biz_line: BizLineId, **fields: str | None) -> None:
    """Refuse a number of the line's that holds one of a card which it has on file.

    Found by the keyed hash, so no order number is refused for looking like a card's;
    and of other lines' cards nothing can be learned.
    """
    key = door.node.settings.search_key_octets
    named = {
        vault.number_hash(key, number): field
        for field, text in fields.items()
        for number in within(text or "")
    }
    if not named:
        return
    found = await read(door, queries.on_file(door.pool, biz_line, list(named)))
    if found is not None:
        raise BadRequest(
            f"{named[found]} holds a card number.",
            f"字段 {named[found]} 中含有银行卡号",
            field=named[found],
        )


def readable(text: str) -> str:
    """Words that people are to read, as they are kept: without the card and ID numbers
    that somebody wrote into them.
    """
    return mask_numbers(text)

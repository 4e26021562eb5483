"""Card numbers where none belongs: in a business line's own numbers, which are kept and
shown as they are, and so are refused; in words, which are masked before anybody keeps
them (docs/decisions/0039-card-numbers-in-texts.md).
"""

from collections.abc import Sequence

from paycore.api.door import Door, read
from paycore.cards import queries, vault
from paycore.cards.numbers import within
from paycore.kernel import log
from paycore.kernel.errors import BadRequest, Unavailable
from paycore.kernel.mask import mask_numbers
from paycore.kernel.terms import BizLineId

AT_ONCE_S = 0.5
"""For what an index answers."""

_log = log.get(__name__)


async def refuse_cards(
    door: Door,
    biz_line: BizLineId,
    **fields: str | None,
) -> None:
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
    found = await _on_file(door, biz_line, list(named))
    if found is not None:
        raise BadRequest(
            f"{named[found]} holds a card number.",
            f"字段 {named[found]} 中含有银行卡号",
            field=named[found],
        )


async def _on_file(
    door: Door, biz_line: BizLineId, hashes: Sequence[bytes]
) -> bytes | None:
    """Which of these is a card's, where that is known at once: people's questions may
    take all of their pool, and an order waits for nobody's.
    """
    asked = queries.on_file(door.pool, biz_line, hashes)
    try:
        return await read(door, asked, within_s=AT_ONCE_S)
    except Unavailable:
        _log.warning("numbers_not_looked_up", biz_line=biz_line)
        return None


def readable(text: str) -> str:
    """Words that people are to read, as they are kept: without the card and ID numbers
    that somebody wrote into them.
    """
    return mask_numbers(text)

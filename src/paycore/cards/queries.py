"""What people ask of cards. Masked columns only: nothing here can open a card."""

from datetime import datetime

import msgspec

from paycore.kernel.db import Pool
from paycore.kernel.terms import BizLineId, CardId


class CardLine(msgspec.Struct, frozen=True, kw_only=True):
    """A card as a list shows it."""

    card_id: CardId
    bin: str
    tail: str
    phone_masked: str
    holder_masked: str
    bank: str
    card_kind: str
    status: str
    created_at: datetime
    revoked_at: datetime | None


CARDS_OF_LINE = """
SELECT card_id, bin, tail, phone_masked, holder_masked, bank, card_kind, status,
       created_at, revoked_at
FROM cards_card
WHERE biz_line = $1 AND card_id > $2
ORDER BY card_id
LIMIT $3
"""


async def cards_of_line(
    pool: Pool, biz_line: BizLineId, *, after: str | None, limit: int
) -> list[CardLine]:
    """A line's cards after a card's id, in the order of their ids."""
    records = await pool.fetch(CARDS_OF_LINE, biz_line, after or "", limit)
    return [CardLine(**dict(record)) for record in records]

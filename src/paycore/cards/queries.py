"""What people ask of cards, and what the key ring's rotation goes through.

What people see are masked columns; sealed ones are given as they are, and nothing here
can open them.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paycore.cards.rows import AgreementRow, CardRow
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


# Forgotten cards have an empty hash, which is nobody's.
WHICH_IS_ON_FILE = """
SELECT number_hash FROM cards_card
WHERE number_hash = ANY($1) AND biz_line = $2
LIMIT 1
"""


async def on_file(
    pool: Pool, biz_line: BizLineId, hashes: Sequence[bytes]
) -> bytes | None:
    """One of these keyed hashes that is of the number of a card of the line's."""
    found: bytes | None = await pool.fetchval(WHICH_IS_ON_FILE, hashes, biz_line)
    return found


# A sealed value begins with its key's id: one octet of length, then the id. Cards that
# were revoked long ago are empty: no key seals them.
SEALED_BY_KEY = """
SELECT 'cards' AS kind, count(*) AS sealed,
       convert_from(substr(sealed, 2, get_byte(sealed, 0)), 'UTF8') AS key_id
FROM cards_card WHERE sealed <> '' GROUP BY 3
UNION ALL
SELECT 'agreements', count(*),
       convert_from(substr(token, 2, get_byte(token, 0)), 'UTF8')
FROM cards_agreement WHERE token <> '' GROUP BY 3
ORDER BY 1, 3
"""

CARDS_NOT_UNDER = """
SELECT * FROM cards_card
WHERE card_id > $1
  AND CASE WHEN sealed = '' THEN false
      ELSE convert_from(substr(sealed, 2, get_byte(sealed, 0)), 'UTF8') <> $2 END
ORDER BY card_id
LIMIT $3
"""

AGREEMENTS_NOT_UNDER = """
SELECT * FROM cards_agreement
WHERE (card_id, pay_type, channel, account) > ($1, $2, $3, $4)
  AND CASE WHEN token = '' THEN false
      ELSE convert_from(substr(token, 2, get_byte(token, 0)), 'UTF8') <> $5 END
ORDER BY card_id, pay_type, channel, account
LIMIT $6
"""


async def sealed_by_key(pool: Pool) -> list[tuple[str, str, int]]:
    """How many values each key seals: kind, key id, count."""
    records = await pool.fetch(SEALED_BY_KEY)
    return [(row["kind"], row["key_id"], row["sealed"]) for row in records]


async def cards_not_under(
    pool: Pool, key_id: str, *, after: CardRow | None, limit: int
) -> list[CardRow]:
    """The next cards that another key seals, ordered by id; "" is no key's id."""
    start = "" if after is None else after.card_id
    records = await pool.fetch(CARDS_NOT_UNDER, start, key_id, limit)
    return [msgspec.convert(dict(record), CardRow) for record in records]


async def agreements_not_under(
    pool: Pool, key_id: str, *, after: AgreementRow | None, limit: int
) -> list[AgreementRow]:
    """The next agreements that another key seals, ordered by key."""
    start = ("", "", "", "") if after is None else after.key()
    records = await pool.fetch(AGREEMENTS_NOT_UNDER, *start, key_id, limit)
    return [msgspec.convert(dict(record), AgreementRow) for record in records]

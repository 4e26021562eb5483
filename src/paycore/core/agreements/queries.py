"""What people ask of agreements: all of them, and everything that happened to a card's.

A list says how each stands; the channel's own number of it is nowhere in it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paycore.kernel.db import Pool
from paycore.kernel.terms import CardId


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    at: datetime
    kind: str
    title: str
    detail: dict[str, object]


# A message that was recorded with a step has its time; the step comes first.
TIMELINE = """
SELECT at, 'transition' AS kind, event AS title,
       jsonb_build_object('from', from_status, 'to', to_status, 'cause', cause,
           'signing_no', signing_no) AS detail, 0 AS place
FROM agreement_transition
WHERE card_id = $1
UNION ALL
SELECT m.at, 'message', m.direction || ' ' || m.operation,
       jsonb_build_object('channel', m.channel, 'account', m.account,
           'verdict', m.verdict, 'body', m.body, 'elapsed_ms', m.elapsed_ms), 1
FROM agreement_signing s JOIN gateway_message m ON m.pay_order_no = s.signing_no
WHERE s.card_id = $1
ORDER BY at, place
"""


async def timeline(pool: Pool, card_id: CardId) -> list[Step]:
    """Transitions and messages (masked), in order."""
    records = await pool.fetch(TIMELINE, card_id)
    return [
        Step(
            at=record["at"],
            kind=record["kind"],
            title=record["title"],
            detail=msgspec.json.decode(record["detail"])
            if isinstance(record["detail"], str)
            else record["detail"],
        )
        for record in records
    ]


class AgreementLine(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement or mandate as a list shows it, or one that is being signed."""

    card_id: str
    signing_no: str | None
    """None: it was there when the card was registered."""
    biz_line: str
    card_tail: str
    phone_tail: str
    bank: str
    pay_type: str
    channel: str
    account: str
    state: str
    scope: str
    single_limit: int | None
    daily_limit: int | None
    since: datetime
    """From when it holds, or when it was asked for."""
    ends_at: datetime | None
    ended_at: datetime | None


Place = tuple[str, str, str, str, str]
"""Where a list stands: card, pay type, channel, account, signing."""

BEHIND_ALL: Place = ("~", "~", "~", "~", "~")
SCAN = 10_000
"""So many agreements one page looks at, at most."""

# Those that hold or held, and those that are to come or never came to it: each a range
# of its primary key, newest card's id first.
_LOOKED_AT = """
WITH given AS (
    SELECT card_id, pay_type, channel, account, '' AS signing_no, status AS state,
           '' AS scope, single_limit, daily_limit, starts_at AS since, ends_at,
           NULL::timestamptz AS ended_at
    FROM cards_agreement
    WHERE (card_id, pay_type, channel, account) <= ($1, $2, $3, $4)
      AND ($6::text[] IS NULL OR card_id = ANY($6))
    ORDER BY card_id DESC, pay_type DESC, channel DESC, account DESC
    LIMIT $7
), signed AS (
    SELECT card_id, pay_type, channel, account, signing_no, status AS state, scope,
           single_limit, daily_limit, coalesce(signed_at, created_at) AS since, ends_at,
           ended_at
    FROM agreement_signing
    WHERE card_id <= $1 AND ($6::text[] IS NULL OR card_id = ANY($6))
      AND status <> 'ACTIVE'
    ORDER BY card_id DESC, pay_type DESC, channel DESC, account DESC, signing_no DESC
    LIMIT $7
), looked_at AS MATERIALIZED (
    SELECT * FROM (TABLE given UNION ALL TABLE signed) both_kinds
    WHERE (card_id, pay_type, channel, account, signing_no) < ($1, $2, $3, $4, $5)
    ORDER BY card_id DESC, pay_type DESC, channel DESC, account DESC, signing_no DESC
    LIMIT $7
)
"""
_PLACE = "card_id, pay_type, channel, account, signing_no"
_END = f"""{_LOOKED_AT}
SELECT {_PLACE} FROM looked_at OFFSET $7 - 1 LIMIT 1
"""  # noqa: S608 - of texts of ours
_FOUND = f"""{_LOOKED_AT}
SELECT one.*, c.biz_line, c.tail AS card_tail, c.bank,
       right(c.phone_masked, 4) AS phone_tail
FROM (
    SELECT * FROM looked_at
    WHERE ($8::text IS NULL OR state = $8) AND ($9::text IS NULL OR channel = $9)
    LIMIT $10
) one
CROSS JOIN LATERAL (SELECT * FROM cards_card WHERE card_id = one.card_id LIMIT 1) c
ORDER BY card_id DESC, pay_type DESC, channel DESC, account DESC, signing_no DESC
"""  # noqa: S608 - of texts of ours


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Agreements, and behind which place the next page goes on; None: that was all."""

    lines: list[AgreementLine]
    before: Place | None


async def page(
    pool: Pool,
    *,
    cards: Sequence[str] | None,
    state: str | None,
    channel: str | None,
    before: Place | None,
    limit: int,
    scan: int = SCAN,
) -> Page:
    """Agreements of some cards, or of all, after a place if one is given.

    A page may hold fewer than it could, or none, where few of so many are as asked.
    """
    where = before or BEHIND_ALL
    narrow = state is not None or channel is not None
    so_many = scan if narrow else limit + 1
    records = await pool.fetch(
        _FOUND, *where, cards, so_many, state, channel, limit + 1
    )
    found = [dict(record) for record in records]
    lines = [
        AgreementLine(**{**one, "signing_no": one["signing_no"] or None})
        for one in found[:limit]
    ]
    if len(found) > limit:
        return Page(lines=lines, before=place_of(lines[-1]))
    end = await pool.fetchrow(_END, *where, cards, so_many)
    return Page(lines=lines, before=None if end is None else tuple(end))


def place_of(line: AgreementLine) -> Place:
    """Where a list stands behind a line."""
    signing = line.signing_no or ""
    return (line.card_id, line.pay_type, line.channel, line.account, signing)


CARDS = """
SELECT card_id FROM cards_card WHERE card_id = $1
UNION
SELECT card_id FROM agreement_number WHERE name = $1
UNION
(SELECT card_id FROM cards_card WHERE tail = $1 OR right(phone_masked, 4) = $1
 ORDER BY card_id DESC LIMIT $2)
"""
MOST_CARDS = 1_000


async def cards_of(pool: Pool, asked: str) -> list[str]:
    """Cards by their own id, a signing's number or the last four digits of card or
    phone.
    """
    records = await pool.fetch(CARDS, asked, MOST_CARDS)
    return [record["card_id"] for record in records]

"""What people ask of agreements: everything that happened to a card's."""

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

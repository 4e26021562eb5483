"""Settlement (清算): what a channel's statement confirms is no longer in transit.

Of each statement that was compared, the lines that agree with an attempt of ours are
settled, charges and refunds each as one posting a currency, and the fee of them that
was kept as another. What differs stays in transit, or is parked, until somebody has
said what it is. A statement is settled once: what a corrected file changes is adjusted
by hand.
"""

from typing import Any

from paycore.accounting import service as accounting
from paycore.accounting.chart import Kind
from paycore.kernel.node import Node
from paycore.recon.queries import Connection

# What did not move settles nothing, though both say so. What agrees but for its fee is
# settled too, by the fee that was kept: a wrong one is claimed, by its case.
TO_BE_SETTLED = """
SELECT s.statement_id, s.channel, s.account, s.day, l.currency,
       coalesce(sum(l.amount) FILTER (WHERE l.trade = 'CHARGE'), 0)::bigint AS charges,
       coalesce(sum(l.amount) FILTER (WHERE l.trade = 'REFUND'), 0)::bigint AS refunds,
       coalesce(sum(l.fee), 0)::bigint AS fees
FROM recon_statement s
JOIN recon_line l USING (statement_id)
WHERE s.state = 'RECONCILED' AND s.settled_at IS NULL
  AND l.found IN ('MATCHED', 'FEE', 'OTHER_DAY') AND l.moved
GROUP BY s.statement_id, l.currency
ORDER BY s.day, s.channel, s.account, l.currency
"""
WAS_SETTLED = """
UPDATE recon_statement SET settled_at = $1
WHERE statement_id = ANY($2::uuid[]) AND settled_at IS NULL
"""


async def settle(node: Node, connection: Connection) -> int:
    """Post what was reconciled since the last time; how many statements that was.

    Stopped anywhere it may be repeated: a posting is its statement's, and there once.
    """
    rows = await connection.fetch(TO_BE_SETTLED)
    for row in rows:
        for kind, amount in (
            (Kind.SETTLEMENT, row["charges"]),
            (Kind.SETTLED_REFUND, row["refunds"]),
            (Kind.FEE, row["fees"]),
        ):
            if amount > 0:
                await _post(node, kind, amount, row)
    ids = {row["statement_id"] for row in rows}
    await connection.execute(WAS_SETTLED, node.now(), list(ids))
    return len(ids)


async def _post(node: Node, kind: Kind, amount: int, row: Any) -> None:
    change = node.change()
    accounting.post_aside(
        node,
        change,
        kind,
        of=f"{row['channel']}/{row['account']}:{row['currency']}",
        day=row["day"],
        channel=row["channel"],
        account=row["account"],
        amount=amount,
        currency=row["currency"],
        at=node.now(),
        once=True,
    )
    await node.journal.commit(change)  # refused: it was posted before

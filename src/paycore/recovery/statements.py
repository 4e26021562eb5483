"""The channels' statements of the days that are in doubt, compared anew.

Reconciliation does it, as on any day: what a channel has and we have not gets its case
there, and its money is parked. Here it is only said what of it a restore explains.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from paycore.core.absorb import load_payment
from paycore.core.rows import PaymentRow
from paycore.gateway import fetching
from paycore.gateway.accounts import AccountKey
from paycore.kernel.errors import Unavailable
from paycore.kernel.ids import payment_of
from paycore.kernel.node import Node
from paycore.recon import queries
from paycore.recon import service as recon
from paycore.recon.queries import Pool
from paycore.recon.rows import Difference as ReconDifference
from paycore.recon.rows import State
from paycore.recovery.match import Difference
from paycore.recovery.telling import of_statement

LONGEST_DAYS = 40
"""More than any restore goes back; only so that the search has an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One account's statement of one day."""

    channel: str
    account: str
    day: str
    state: str
    said: str

    @property
    def read(self) -> bool:
        """Whether it is here and was compared."""
        return self.state == State.RECONCILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A difference, and the payment of ours that its number names."""

    difference: Difference
    payment: PaymentRow | None
    lacking: bool
    """Whether we have nothing under the number."""


async def days(node: Node, since: datetime) -> list[tuple[AccountKey, date]]:
    """Whose statements of which days, up to the present one."""
    wanted = []
    for key in fetching.with_statements(node):
        day = await fetching.today(node, key)
        for _ in range(LONGEST_DAYS):
            wanted.append((key, day))
            if (await fetching.bounds(node, key, day)).begins <= since:
                break
            day -= timedelta(days=1)
    return sorted(wanted)


async def read(node: Node, dsn: str, key: AccountKey, day: date) -> Statement:
    """Have it compared now, and asked for again if it was here before."""
    try:
        outcome = await recon.run(node, dsn, key, day, anew=True)
    except recon.Busy as busy:
        raise Unavailable from busy
    one = outcome.statement
    return Statement(
        channel=key[0], account=key[1], day=one.day, state=one.state, said=one.said
    )


async def differences(
    node: Node, pool: Pool, statement: Statement, since: datetime
) -> list[Known]:
    """What stands in it, or lacks there, that a restore explains."""
    found = []
    async for one in queries.differences(
        pool, statement.day, channel=statement.channel, account=statement.account
    ):
        young = one.happened_at is None or one.happened_at >= since
        if one.healed_at is None and young:
            known = await _known(node, one)
            found += [known] if known is not None else []
    return found


async def _known(node: Node, one: ReconDifference) -> Known | None:
    named = payment_of(one.request_no)
    payment = await load_payment(node, named[0]) if named is not None else None
    no = payment.row.pay_order_no if payment is not None else None
    difference = of_statement(one, no)
    if difference is None:
        return None
    return Known(
        difference=difference,
        payment=payment.row if payment is not None else None,
        lacking=one.pay_order_no is None,
    )

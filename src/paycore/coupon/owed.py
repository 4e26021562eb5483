"""Uses and unlocks that are owed to a coupon system of the user's own.

What is owed is staged in the commit of the order's end, so that neither can be there
without the other. It is told at least once, under an id that is the same at every try.
Nothing is ever given up, and nothing waits for it: the order stands as it is. A system
that is away is asked by one telling at a time, and a person is told when it has been
for long, or when it refuses a use that was paid for.
"""

from datetime import timedelta

from paycore.coupon import foreign, hold
from paycore.coupon.rows import HoldRow, HoldStatus
from paycore.desk import service as desk
from paycore.kernel import log
from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.partner import Partner, Sign, each

BEHIND, GONE = "COUPON_BEHIND", "COUPON_GONE"

_log = log.get(__name__)


class System(Partner):
    """How the coupon system was when this node last told it something."""


async def claim(node: Node, limit: int, sign: Sign) -> int:
    """Tell what is due, so much at most; how much that was."""
    if not foreign.elsewhere(node):
        return 0
    rows = await node.state(System).due(node, HoldRow, limit)

    async def one(row: HoldRow) -> None:
        await _conclude(node, row, await _tell(node, row, sign))

    await each(rows, one)
    return len(rows)


async def _tell(node: Node, row: HoldRow, sign: Sign) -> str | None:
    """One try: None where it was acknowledged, else why not."""
    system = node.state(System)
    if system.shut(node):
        return foreign.AWAY
    tell = foreign.use if row.status is HoldStatus.USING else foreign.unlock
    said = await tell(node, row, sign)
    # What it answers of one coupon is that one's: only who is away is left alone.
    answers = said is None or said == foreign.DIFFERS or _refuses(said)
    system.ended(node, well=answers)
    return said


def _refuses(said: str | None) -> bool:
    return said is not None and said.startswith("refused")


async def _conclude(node: Node, row: HoldRow, said: str | None) -> None:
    """Write down what a try came to."""
    after, change = hold.told(row, said, node.now()), node.change()
    change.update(after, version=row.version)
    try:
        await node.journal.commit(change)
        if said is not None:
            await _perhaps_tell(node, after)
    except Unavailable:
        _log.warning("coupon_result_not_written", pay_order_no=row.pay_order_no)


async def _perhaps_tell(node: Node, row: HoldRow) -> None:
    """A case: at once where what was paid for is refused, else after a while."""
    change = node.change()
    if row.status is HoldStatus.USING and _refuses(row.last_result):
        await _gone(node, row, change)
    else:
        await _behind(node, row, change)
    if not change.empty:
        await node.journal.commit(change)


async def _gone(node: Node, row: HoldRow, change: Change) -> None:
    """Paid with a coupon that it says it cannot use: a person looks."""
    await desk.open_case(
        node,
        change,
        kind=GONE,
        pay_order_no=row.pay_order_no,
        amount=row.amount,
        currency=row.currency,
        evidence={"coupon_no": row.coupon_no, "said": row.last_result},
    )


async def _behind(node: Node, row: HoldRow, change: Change) -> None:
    """One case, however many wait, unless one is open."""
    now = node.now()
    assert row.owed_at is not None, "or nothing would be told"
    if now - row.owed_at < timedelta(seconds=node.settings.coupon_alarm_s):
        return
    await desk.open_case(
        node,
        change,
        kind=BEHIND,
        pay_order_no=None,
        about=f"{now:%Y-%m-%d}",
        evidence={
            "pay_order_no": row.pay_order_no,
            "owed": row.status,
            "owed_at": row.owed_at,
            "tries": row.tries,
            "last_result": row.last_result,
            "cure": "See that the coupon system answers (docs/coupons.md): it goes on"
            " being told, and nothing is lost.",
        },
        again=True,
    )

"""The desk's door: take a case, preview a cure, have it approved, execute it.

Each is one commit with a step of who, when and why. A cure is executed once, whatever
is repeated or breaks off: what it stages and the mark that it was executed are one
change, guarded by the version of the cure and of its case. What a preview was made
from is looked at again before; where any of it has changed, nothing is done.

Who somebody is, is the word of whoever calls: a surface that knows its people must say.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from paycore.core import recover
from paycore.core.chain import GuardRefused
from paycore.core.refunds import recover as refunds
from paycore.cures import acts, queries
from paycore.cures.facts import Facts, gather
from paycore.cures.plans import plan
from paycore.cures.table import Cure, limits, needs_second
from paycore.desk import service as desk
from paycore.desk.rows import CaseRow, CureRow, CureStatus, StepRow
from paycore.kernel import errors
from paycore.kernel.journal import NOT_NEW, Change, ChangeRejected
from paycore.kernel.mask import mask_text
from paycore.kernel.node import Node

__all__ = ["Also", "History", "approve", "execute", "history", "preview", "take"]

Also = Callable[[Change, CaseRow, CaseRow | CureRow | None], None]
"""Stages what a surface keeps with a step, in the step's change: given the case that
the step is of, as it was loaded, and what the act will give, None where it is refused.
"""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
MOST_REASON = 500


def _nothing(_change: Change, _case: CaseRow, _gives: object) -> None:
    """For who keeps nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A case, and all that was done about it."""

    case: CaseRow
    cures: list[CureRow]
    steps: list[StepRow]


async def history(node: Node, case_id: str) -> History:
    """As of now; a refusal where there is no such case."""
    return History(
        case=await _case(node, case_id),
        cures=await node.journal.within(CureRow, case_id),
        steps=await node.journal.within(StepRow, case_id),
    )


async def take(
    node: Node, case_id: str, *, who: str, why: str, also: Also = _nothing
) -> CaseRow:
    """Make it somebody's."""
    _somebody(who)
    case, why = await _case(node, case_id), _reason(why)
    if case.status != "OPEN":
        raise errors.BizCheckError("The case is closed.", "该差错已关闭")
    if case.owner == who:
        return case
    change = node.change()
    taken = desk.act(node, change, case, who=who, what="TAKEN", why=why, owner=who)
    also(change, case, taken)
    await _commit(node, change)
    return await _case(node, case_id)


async def preview(
    node: Node,
    pool: queries.Pool,
    case_id: str,
    cure: Cure,
    *,
    who: str,
    why: str,
    also: Also = _nothing,
) -> CureRow:
    """Say what a cure would do, and keep it: nothing is done yet."""
    _somebody(who)
    case, why = await _case(node, case_id), _reason(why)
    await _refuse_second_cure(node, case_id)
    made = plan(node, await gather(node, pool, case), cure)
    row = CureRow(
        case_id=case_id,
        number=case.version,
        cure=cure,
        amount=made.amount,
        currency=made.currency,
        does=made.does,
        does_zh=made.does_zh,
        seen=made.fingerprint(cure),
        needs_second=needs_second(
            cure, made.amount, made.currency, limits(node.settings.desk_second_above)
        ),
        proposed_by=who,
        why=why,
        proposed_at=node.now(),
    )
    change = node.change()
    change.insert(row)
    _step(node, change, case, row, who=who, what="PREVIEWED", said=made.does)
    also(change, case, row)
    await _commit(node, change)
    return row


async def approve(
    node: Node,
    case_id: str,
    number: int,
    *,
    who: str,
    why: str,
    also: Also = _nothing,
) -> CureRow:
    """A second person's word; once is enough."""
    _somebody(who)
    case, why = await _case(node, case_id), _reason(why)
    row = await _cure(node, case_id, number)
    if who == row.proposed_by:
        raise errors.SecondPerson
    if row.approved_by is not None or row.status is not CureStatus.PREVIEWED:
        return row
    change = node.change()
    approved = replace(row, approved_by=who, approved_at=node.now())
    change.update(approved, version=row.version)
    _step(node, change, case, row, who=who, what="APPROVED", why=why)
    also(change, case, approved)
    await _commit(node, change)
    return await _cure(node, case_id, number)


async def execute(
    node: Node,
    pool: queries.Pool,
    case_id: str,
    number: int,
    *,
    who: str,
    also: Also = _nothing,
) -> CureRow:
    """Do it, once; who repeats it hears what came of it."""
    _somebody(who)
    case = await _case(node, case_id)
    row = await _cure(node, case_id, number)
    if row.status is not CureStatus.PREVIEWED:
        return row
    if row.needs_second and row.approved_by is None:
        raise errors.SecondPerson
    await _refuse_second_cure(node, case_id)
    facts = await gather(node, pool, case)
    await _refuse_stale(node, facts, row, who=who, also=also)
    try:
        await _carry_out(node, facts, row, who=who, also=also)
    except GuardRefused:
        await _refuse_unless_done(node, row)
    except ChangeRejected as error:
        if error.sqlstate != NOT_NEW:
            raise
        # The same money goes back already, by another case or by itself.
        await _refuse_unless_done(node, row)
    return await _cure(node, case_id, number)


async def _carry_out(
    node: Node, facts: Facts, row: CureRow, *, who: str, also: Also
) -> None:
    """The operation's own rows and the mark of it, in one change."""
    cure, case = Cure(row.cure), facts.case
    change = node.change()
    said = await acts.stage(node, change, facts, cure, row)

    def mark(into: Change) -> None:
        also(into, case, _mark(node, into, case, row, who=who, said=said))

    if cure is Cure.FORCE_NOT_TAKEN:
        assert facts.payment is not None, "it was planned"
        leg = facts.payment.money_leg
        assert leg is not None, "it was planned"
        await recover.force_not_taken(node, facts.payment, leg.seq, mark)
        return
    if cure is Cure.FORCE_NOT_REFUNDED:
        assert facts.refund is not None, "it was planned"
        await refunds.force_not_refunded(node, facts.refund, mark)
        return
    mark(change)
    if (refused := await node.journal.commit(change)) is not None:
        raise GuardRefused(refused)


def _mark(
    node: Node, change: Change, case: CaseRow, row: CureRow, *, who: str, said: str
) -> CureRow:
    cure, now = Cure(row.cure), node.now()
    under_way = cure is Cure.REFUND
    executed = replace(
        row,
        status=CureStatus.EXECUTED if under_way else CureStatus.DONE,
        executed_by=who,
        executed_at=now,
        result=said,
        ended_at=None if under_way else now,
    )
    change.update(executed, version=row.version)
    close = cure in acts.FINISHES
    _step(node, change, case, row, who=who, what="EXECUTED", said=said, close=close)
    return executed


async def _refuse_stale(
    node: Node, facts: Facts, row: CureRow, *, who: str, also: Also
) -> None:
    """What is not so any more is written down, and not done."""
    cure = Cure(row.cure)
    try:
        holds = plan(node, facts, cure).fingerprint(cure) == row.seen
    except errors.BizCheckError:
        holds = False
    if holds:
        return
    change = node.change()
    _step(node, change, facts.case, row, who=who, what="STALE")
    also(change, facts.case, None)
    await _commit(node, change)
    raise errors.PreviewStale


async def _refuse_unless_done(node: Node, row: CureRow) -> None:
    """Somebody was faster: with this very cure, or with something else."""
    standing = await _cure(node, row.case_id, row.number)
    if standing.status is CureStatus.PREVIEWED:
        raise errors.InFlight(retry_after_s=1)


async def _refuse_second_cure(node: Node, case_id: str) -> None:
    cures = await node.journal.within(CureRow, case_id)
    if any(one.status is CureStatus.EXECUTED for one in cures):
        raise errors.BizCheckError(
            "A cure of this case is under way: wait for its end.", "该差错正在处理中"
        )


def _step(
    node: Node,
    change: Change,
    case: CaseRow,
    row: CureRow,
    *,
    who: str,
    what: str,
    why: str | None = None,
    said: str = "",
    close: bool = False,
) -> None:
    desk.act(
        *(node, change, case),
        who=who,
        what=what,
        why=why or row.why,
        cure_number=row.number,
        said=said,
        close=close,
    )


async def _commit(node: Node, change: Change) -> None:
    if await node.journal.commit(change) is not None:
        raise errors.InFlight(retry_after_s=1)


async def _case(node: Node, case_id: str) -> CaseRow:
    row = await node.journal.load(CaseRow, case_id)
    if row is None:
        raise errors.DataNotExist("There is no such case.", "差错不存在")
    return row


async def _cure(node: Node, case_id: str, number: int) -> CureRow:
    row = await node.journal.load(CureRow, case_id, number)
    if row is None:
        raise errors.DataNotExist("There is no such preview.", "处理预览不存在")
    return row


def _somebody(who: str) -> None:
    """A name of a person; our own is nobody's."""
    if NAME.fullmatch(who) is None or who == desk.OURSELVES:
        raise errors.BadRequest(
            "A name is 1 to 64 letters, digits and . _ @ -", "操作人名称格式有误"
        )


def _reason(why: str) -> str:
    """As it is kept: masked, for people write what they see."""
    said = why.strip()
    if not said or len(said) > MOST_REASON or not said.isprintable():
        raise errors.BadRequest(
            f"A reason is one line of 1 to {MOST_REASON} characters.",
            "处理原因格式有误",
        )
    return mask_text(said)

"""What an operator does at the desk over the API: a passage of the desk's door, with by
whose token it was done, and with the answer under the caller's key, all in one change.

So whoever repeats a request under its key hears the same answer, whoever repeats it
under another is told what stands, and no act is without its operator. The rules of the
desk itself are in `service`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from paycore.core import keys
from paycore.core.keys import KeptAnswer, Key, KeyClaim
from paycore.core.rows import IdempotencyRow
from paycore.cures.service import Also
from paycore.desk.rows import CaseRow, CureRow
from paycore.kernel.errors import Refusal
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import PayOrderNo
from paycore.operators import service as operators
from paycore.operators.service import Operator

Given = CaseRow | CureRow
Act = Callable[[Also], Awaitable[Given]]
AnswerOf = Callable[[Given, PayOrderNo | None], tuple[int, bytes]]
"""Of what an act gave, and of the payment that its case is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be done about which case, and how its answer is made."""

    case_id: str
    act: Act
    answer_of: AnswerOf


async def once(
    node: Node, operator: Operator, claim: KeyClaim, task: Task
) -> KeptAnswer:
    """Do it and keep its answer; or give the answer that is kept already."""
    standing = await node.journal.load(IdempotencyRow, claim.scope)
    if (said := _kept(node, standing, claim)) is not None:
        return said
    passage = _Passage(node, operator, claim, standing, task.answer_of)
    try:
        given = await task.act(passage.also)
    except Refusal:
        # Somebody was faster with this very request: what he heard is its answer.
        standing = await node.journal.load(IdempotencyRow, claim.scope)
        if (said := _kept(node, standing, claim)) is not None:
            return said
        raise
    if (said := await passage.said()) is not None:
        return said
    case = await node.journal.load(CaseRow, task.case_id)
    no = None if case is None else case.pay_order_no
    return await keys.once(node, claim, lambda _: task.answer_of(given, no), no=no)


class _Passage:
    """One try: what it stages beside the step, and whether that was committed."""

    def __init__(
        self,
        node: Node,
        operator: Operator,
        claim: KeyClaim,
        over: IdempotencyRow | None,
        answer_of: AnswerOf,
    ) -> None:
        """`over`: what stands under the key, and has outlived its retention."""
        self._node, self._operator = node, operator
        self._claim, self._over, self._answer_of = claim, over, answer_of
        self._staged: tuple[UUID, KeptAnswer] | None = None

    def also(self, change: Change, case: CaseRow, gives: Given | None) -> None:
        """Stage whose act it is, and the answer where there will be one."""
        operators.act(change, self._operator, case.case_id, case.version)
        if gives is None:
            return
        status, body = self._answer_of(gives, case.pay_order_no)
        key = (
            Key.renewed(self._node, self._claim, self._over)
            if self._over
            else Key.fresh(self._node, self._claim, None)
        ).of(case.pay_order_no)
        key.answer(self._node, status, body)
        key.stage(change)
        self._staged = change.id, KeptAnswer(status=status, body=body)

    async def said(self) -> KeptAnswer | None:
        """The answer, if it was committed: what came to nothing staged one too."""
        if self._staged is None:
            return None
        change_id, answer = self._staged
        return answer if await self._node.journal.committed(change_id) else None


def _kept(
    node: Node, standing: IdempotencyRow | None, claim: KeyClaim
) -> KeptAnswer | None:
    if standing is None or standing.expires_at <= node.now():
        return None
    return keys.kept(standing, claim, node)

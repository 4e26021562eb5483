"""What an operator does at the desk over the API: a passage of the desk's door, with by
whom it was done, its entry in the log, and the answer under the caller's key, all in
one change.

So whoever repeats a request under its key hears the same answer, whoever repeats it
under another is told what stands, and no act is without its operator. The rules of the
desk itself are in `service`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from msgspec.structs import replace

from paycore.core import keys
from paycore.core.keys import KeptAnswer, Key, KeyClaim
from paycore.cures.service import Also
from paycore.desk.rows import CaseRow, CureRow
from paycore.kernel.errors import InFlight, Refusal
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import PayOrderNo
from paycore.operators import service as operators
from paycore.operators.log import TIMES_TO_TRY, Deed, Log, turn
from paycore.operators.service import Operator

Given = CaseRow | CureRow
Act = Callable[[Also], Awaitable[Given]]
AnswerOf = Callable[[Given, PayOrderNo | None], tuple[int, bytes]]
"""Of what an act gave, and of the payment that its case is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be done about which case, how the log will tell it, and how its answer
    is made.
    """

    case_id: str
    deed: Deed
    act: Act
    answer_of: AnswerOf


async def once(
    node: Node, operator: Operator, claim: KeyClaim, task: Task
) -> KeptAnswer:
    """Do it and keep its answer; or give the answer that is kept already. Where the log
    has grown meanwhile, which refuses it, it is done anew.
    """
    async with turn(node):
        for _ in range(TIMES_TO_TRY):
            log = await Log.of(node)
            now = await operators.again(node, operator)
            try:
                return await _tried(node, now, claim, task, log)
            except InFlight:
                if await Log.of(node) == log:
                    raise
    raise InFlight(retry_after_s=1)


async def _tried(
    node: Node, operator: Operator, claim: KeyClaim, task: Task, log: Log
) -> KeptAnswer:
    key = await keys.claimed(node, claim)
    if isinstance(key, KeptAnswer):
        return key
    passage = _Passage(node, operator, key, task, log)
    try:
        given = await task.act(passage.also)
    except Refusal:
        # Somebody was faster with this very request: what he heard is its answer.
        standing = await keys.claimed(node, claim)
        if isinstance(standing, KeptAnswer):
            return standing
        raise
    if (said := await passage.said()) is not None:
        return said
    case = await node.journal.load(CaseRow, task.case_id)
    no = None if case is None else case.pay_order_no
    return await keys.once(node, claim, lambda _: task.answer_of(given, no), no=no)


class _Passage:
    """One try: what it stages beside the step, and whether that was committed."""

    def __init__(
        self, node: Node, operator: Operator, key: Key, task: Task, log: Log
    ) -> None:
        self._node, self._operator = node, operator
        self._key, self._task, self._log = key, task, log
        self._staged: tuple[UUID, KeptAnswer] | None = None

    def also(self, change: Change, case: CaseRow, gives: Given | None) -> None:
        """Stage whose act it is, and the answer where there will be one."""
        deed = self._task.deed
        if gives is None:
            deed = replace(deed, detail={**deed.detail, "refused": "PREVIEW_STALE"})
        entry = self._log.enter(self._node, change, self._operator, deed)
        step = (case.case_id, case.version)
        operators.act(change, self._operator, step, entry=entry)
        if gives is None:
            return
        status, body = self._task.answer_of(gives, case.pay_order_no)
        key = self._key.of(case.pay_order_no)
        key.answer(self._node, status, body)
        key.stage(change)
        self._staged = change.id, KeptAnswer(status=status, body=body)

    async def said(self) -> KeptAnswer | None:
        """The answer, if it was committed: what came to nothing staged one too."""
        if self._staged is None:
            return None
        change_id, answer = self._staged
        return answer if await self._node.journal.committed(change_id) else None

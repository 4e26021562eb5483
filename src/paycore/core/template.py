"""The service template: load and check, run the chain, answer.

Around the article's three hooks it does once what every use case needs: the refusals
of the first commit (a repeat under the same key, somebody who was first), the answer
kept under the key in the last commit, a last commit that came too late, and the time
by which the API must answer.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

import structlog
from msgspec.structs import replace

from paycore.core import abandoned, keys
from paycore.core.absorb import absorb, load_payment, refunded
from paycore.core.chain import GuardRefused, Run
from paycore.core.keys import AnswerOf, KeptAnswer, Key, KeyClaim, View
from paycore.core.payment import Payment
from paycore.core.rows import (
    IdempotencyRow,
    OutBizNoRow,
    OutRefundNoRow,
    PaymentRow,
)
from paycore.coupon import service as coupon
from paycore.kernel import errors, trace
from paycore.kernel.journal import Refused
from paycore.kernel.node import Node
from paycore.sms import service as sms

TIMES_TO_TRY = 5
"""How often a passage starts over because somebody else was first."""

Standing = OutBizNoRow | OutRefundNoRow
"""What a business line's own number was taken for."""

log = structlog.get_logger(__name__)


Check = Callable[[], Awaitable[None]]
"""Raises a refusal."""


class ServiceCallback(ABC):
    """A use case: the article's three hooks."""

    claim: KeyClaim
    answer_of: AnswerOf
    creates: bool = False
    """Whether the payment is this use case's own work, even where it is found made."""
    tries: ClassVar[int] = TIMES_TO_TRY
    check: Check | None = None
    """What else the surface refuses of what is new: a repeat is answered as it was."""

    @classmethod
    def name(cls) -> str:
        """As traces show it."""
        return cls.__name__.removeprefix("_")

    @abstractmethod
    async def before_process(self, node: Node) -> Run:
        """Load the aggregate and check; raises a refusal, changes nothing."""

    @abstractmethod
    async def execute(self, run: Run) -> None:
        """Run the chain."""

    def result_process(self, run: Run) -> tuple[int, bytes]:
        """The answer, from the aggregate as the last commit will leave it."""
        return self.answer_of(self.view(run))

    def view(self, run: Run) -> View:
        """What the answer is made from."""
        return View(
            payment=run.payment.row, tries_left=run.tries_left, created=self.creates
        )

    @abstractmethod
    def had_effect(self, payment: Payment, since: datetime) -> bool:
        """Whether a passage that died after `since` did what its caller asked: then its
        answer is rebuilt from the state; if not, the request is done afresh.
        """

    async def standing(self, node: Node) -> Standing | None:
        """What stands under the line's own number, if this takes one."""
        return None

    def repeats(self, standing: Standing) -> bool:
        """Whether what stands under the line's own number is what was asked."""
        return False

    def clash(self) -> errors.Refusal:
        """What is said where it is something else."""
        return errors.Duplicate()

    async def absorb(self, refused: Run, *, coupon_gone: bool) -> Run:
        """A passage whose commit came too late, anew over what stands."""
        return await absorb(refused, coupon_gone=coupon_gone)

    async def left_by(self, node: Node, key: IdempotencyRow) -> View | None:
        """What a passage that died under this key did of what was asked; None: nothing.

        Raises InFlight where a worker ends first what it began.
        """
        payment = await load_payment(node, key.pay_order_no)
        if payment is None:
            return None
        if payment.row.lease_epoch is not None:
            raise errors.InFlight(retry_after_s=2)
        if not self.had_effect(payment, key.created_at):
            return None
        return await self.now(node, payment.row)

    async def numbered(self, node: Node, standing: Standing) -> View:
        """What stands under the line's own number, as of now."""
        row = await node.journal.load(PaymentRow, standing.pay_order_no)
        assert row is not None
        return replace(await self.now(node, row), created=False)

    async def doing(self, node: Node, run: Run) -> View:
        """What a passage that still runs is about, as of now."""
        row = await node.journal.load(PaymentRow, run.payment.row.pay_order_no)
        assert row is not None
        return await self.now(node, row)

    async def now(self, node: Node, row: PaymentRow) -> View:
        """A payment, as it is answered."""
        given_back = await refunded(node, row)
        return View(payment=row, created=self.creates, refunded=given_back)


@dataclass(slots=True)
class Running:
    """The passages that run in this node, to be finished before it stops."""

    tasks: set[asyncio.Task[KeptAnswer]] = field(default_factory=set)


class ServiceTemplate:
    """Runs one use case for one caller's key."""

    def __init__(self, node: Node, callback: ServiceCallback) -> None:
        self._node = node
        self._callback = callback
        self._run: Run | None = None

    async def execute(self) -> KeptAnswer:
        """The answer, by the time the API must give one.

        The passage itself runs on whatever becomes of the caller: it is not cancelled
        when he leaves, and not when he is answered DOING.
        """
        task = asyncio.create_task(self._whole_passage())
        running = self._node.state(Running).tasks
        running.add(task)
        task.add_done_callback(self._ended)
        await self._ended_or_late(task)
        if task.done():
            return task.result()
        return await self._answer_doing(task)

    async def _ended_or_late(self, task: asyncio.Task[KeptAnswer]) -> None:
        """Wait for the passage's end, so long as a caller waits: whichever comes first
        wakes us, and the passage knows nothing of it.
        """
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()

        def wake(_task: object = None) -> None:
            if not woken.done():
                woken.set_result(None)

        late = loop.call_later(self._node.settings.answer_within_s, wake)
        task.add_done_callback(wake)
        try:
            await woken
        finally:
            late.cancel()

    def _ended(self, task: asyncio.Task[KeptAnswer]) -> None:
        """Forget it; a bug that nobody waits for any more is at least written down."""
        self._node.state(Running).tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, errors.Refusal):
            log.error("passage_failed", exc_info=error, **self._about())

    def _about(self) -> dict[str, object]:
        no = self._run.payment.row.pay_order_no if self._run is not None else None
        return {"pay_order_no": no, "epoch": self._node.epoch}

    async def _whole_passage(self) -> KeptAnswer:
        """The passage; should it break off, what it held is let go."""
        try:
            return await self._passage()
        except Exception as error:
            broken = not isinstance(error, errors.Refusal)
            if self._run is not None and (
                broken or isinstance(error, errors.Unavailable)
            ):
                abandoned.leave(self._node, self._run, self._callback.absorb)
            raise

    async def _passage(self) -> KeptAnswer:
        node, callback = self._node, self._callback
        key: Key | None = None
        for _ in range(callback.tries):
            try:
                if callback.check is not None:
                    await callback.check()
                run = self._run = await callback.before_process(node)
                no = run.payment.row.pay_order_no
                run.key = (key or Key.fresh(node, callback.claim, no)).of(no)
                with trace.of(node).payment(callback.name(), no):
                    await callback.execute(run)
                    return await self._finish(run)
            except GuardRefused as error:
                if self._run is not None and self._run.committed:
                    return await self._late(self._run, error.refused)
                outcome = await self._first_refused(error.refused)
            except errors.Refusal as refusal:
                outcome = await self._perhaps_replay(refusal)
            if isinstance(outcome, KeptAnswer):
                return outcome
            key = outcome or key
        raise errors.InFlight(retry_after_s=1)

    # The last commit

    async def _finish(self, run: Run) -> KeptAnswer:
        """Answer, release, commit: one change with the chain's end."""
        try:
            return await self._commit_answer(run)
        except GuardRefused as error:
            if not run.committed:
                raise
            return await self._late(run, error.refused)

    async def _commit_answer(self, run: Run) -> KeptAnswer:
        status, body = self._callback.result_process(run)
        if run.key is not None:
            run.key.answer(self._node, status, body)
        run.release()
        await run.commit()
        return KeptAnswer(status=status, body=body)

    async def _late(self, run: Run, refused: Refused) -> KeptAnswer:
        """Somebody was first: a callback, another node, the DOING answer, the coupon.

        Reload, absorb our reply by the common door, answer from what stands.
        """
        for _ in range(TIMES_TO_TRY):
            log.info("commit_refused", guard=refused.guard, **self._about())
            if refused.guard == keys.GUARD:
                run.key = None
            again = await self._callback.absorb(
                run, coupon_gone=refused.guard == coupon.GUARD
            )
            self._run = again
            try:
                answer = await self._commit_answer(again)
                return answer if again.key is not None else await self._given(answer)
            except GuardRefused as error:
                run, refused = again, error.refused
        raise errors.Unavailable(retry_after_s=1)

    async def _given(self, own: KeptAnswer) -> KeptAnswer:
        """The answer that another gave under our key, which is the only one (I18)."""
        row = await keys.look_up(self._node, self._callback.claim)
        if row is None:
            return own
        if row.status is None or row.body is None:
            # Who has it now will say what is kept of it; we must not say another thing.
            raise errors.InFlight(retry_after_s=1)
        return KeptAnswer(status=row.status, body=row.body)

    # The first commit

    async def _first_refused(self, refused: Refused) -> KeptAnswer | Key | None:
        """Nothing was written: say why, give what stands, or start over (None)."""
        row = refused.row
        # Whatever else stands in the way: what this very key did before comes first.
        key = row if isinstance(row, IdempotencyRow) else None
        key = key or await keys.look_up(self._node, self._callback.claim)
        if key is not None:
            return await self._key_stands(key)
        if isinstance(row, OutBizNoRow | OutRefundNoRow):
            return await self._number_stands(row)
        if refused.guard == coupon.GUARD:
            # This very order may have it, under the same number and another key.
            return await self._perhaps_replay(errors.CouponRefused())
        too_many = sms.too_many(self._node, refused)
        if too_many is not None:
            raise too_many
        return None

    async def _perhaps_replay(self, refusal: errors.Refusal) -> KeptAnswer | Key:
        """A refusal of what this very key, or this very order, did before is no refusal
        but a repeat: its coupon is used, its card gone, its status final.
        """
        if isinstance(refusal, errors.Unavailable):
            raise refusal
        row = await keys.look_up(self._node, self._callback.claim)
        if row is None:
            standing = await self._callback.standing(self._node)
            if standing is None:
                raise refusal
            return await self._number_stands(standing)
        outcome = await self._key_stands(row)
        if isinstance(outcome, Key):
            raise refusal
        return outcome

    async def _key_stands(self, row: IdempotencyRow) -> KeptAnswer | Key:
        """The stored answer, or the key of a dead passage to go on with."""
        node = self._node
        if row.expires_at <= node.now():
            return Key.renewed(node, self._callback.claim, row)
        kept = keys.kept(row, self._callback.claim, node)
        if kept is not None:
            return kept
        return await self._take_over(row)

    async def _take_over(self, row: IdempotencyRow) -> KeptAnswer | Key:
        key = Key.again(self._node, row)
        view = await self._callback.left_by(self._node, row)
        return key if view is None else await self._keep(view, key)

    async def _number_stands(self, standing: Standing) -> KeptAnswer:
        """Another key, the same number: the order as it is, if it is the same order."""
        if not self._callback.repeats(standing):
            raise self._callback.clash()
        view = await self._callback.numbered(self._node, standing)
        key = Key.fresh(self._node, self._callback.claim, standing.pay_order_no)
        return await self._keep(view, key)

    async def _keep(self, view: View, key: Key) -> KeptAnswer:
        """Store an answer made from the state under a key."""
        status, body = self._callback.answer_of(view)
        key.answer(self._node, status, body)
        change = self._node.change()
        key.stage(change)
        refused = await self._node.journal.commit(change)
        if refused is None:
            return KeptAnswer(status=status, body=body)
        row = refused.row
        if isinstance(row, IdempotencyRow) and row.expires_at > self._node.now():
            kept = keys.kept(row, self._callback.claim, self._node)
            if kept is not None:
                return kept
        elif isinstance(row, IdempotencyRow) and not key.is_stored:
            renewed = Key.renewed(self._node, self._callback.claim, row)
            return await self._keep(view, renewed.of(key.row.pay_order_no))
        raise errors.InFlight(retry_after_s=1)

    # The time is up

    async def _answer_doing(self, task: "asyncio.Task[KeptAnswer]") -> KeptAnswer:
        """Commit DOING under the key, then say it; the passage leaves the key alone.

        Whoever commits the key first has given the answer. What the passage had staged
        of the key already may come first, as when it took the key over: then the key
        has no answer yet, and nobody but us is to give one.
        """
        run = self._run
        if run is None or run.key is None or not run.key.is_stored:
            return await asyncio.shield(task)
        key, run.key = run.key, None
        for _ in range(TIMES_TO_TRY):
            view = await self._callback.doing(self._node, run)
            status, body = self._callback.answer_of(view)
            key.answer(self._node, status, body)
            change = self._node.change()
            key.stage(change)
            if await self._node.journal.commit(change) is None:
                return KeptAnswer(status=status, body=body)
            row = await keys.look_up(self._node, self._callback.claim)
            ours = row is not None and row.lease_epoch == self._node.epoch
            if row is None or row.status is not None or not ours:
                break
            key = Key(row, row)
        return await self._given(await asyncio.shield(task))


async def drain(node: Node, seconds: float) -> None:
    """Let what runs come to its end; what does not is taken over by another node."""
    tasks = node.state(Running).tasks
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)

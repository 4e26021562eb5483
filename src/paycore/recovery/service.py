"""Recovery's door: after a restore hold, read the statements, ask, tell, let go on.

In this order, and all of it may be repeated and stopped anywhere. What is held stays
held until each of its questions had a last word, and what was found stays a case.
Nothing here changes a payment but the hold, and the ordinary enquiry of an open leg.
"""

import asyncio
import dataclasses
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from paycore.core import queries as core
from paycore.core import recover as ordinary
from paycore.core.absorb import load_payment
from paycore.core.payment import Payment
from paycore.core.restored import Restored, RestoredRow, RestoreRow
from paycore.core.rows import AttemptRow, RefundRow
from paycore.gateway import service as gateway
from paycore.gateway.accounts import AccountKey
from paycore.gateway.call import Operation
from paycore.kernel.ids import REFUND_LEGS, numbered_at
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import (
    SMS_CENTRE,
    BizStatus,
    PayOrderNo,
    ProcessStatus,
    RefundKind,
)
from paycore.recovery import holding, queries, statements, telling
from paycore.recovery.asking import AT_ONCE as CALLS_AT_ONCE
from paycore.recovery.asking import Asker, Told, as_a_statement_says
from paycore.recovery.match import Difference, Found, Question
from paycore.recovery.questions import (
    Place,
    of_ended,
    of_ended_refunds,
    of_leg,
    of_open,
    of_refunds,
    of_statement,
    places,
)
from paycore.recovery.report import Report

AT_ONCE = 32
"""Payments in hand at a time."""

AHEAD = 25
"""Numbers that a payment may have used up in the time that was lost: ten tries of the
code, as many codes (one a minute), and some channels."""

REFUNDS_AHEAD = 2
"""One that never left may stand between two that did."""

LONGEST_LIFE = timedelta(days=2)
"""What ended at a moment was opened at most so long before, with margin."""

MOST_WAIT = timedelta(minutes=2)
"""So long a run waits for "not found" to be a last word; of a channel that takes
longer another run asks."""

Progress = Callable[[str, int], None]
"""Hears what is being done, and how much of it was done since the last time."""

Page = Callable[[str], Awaitable[Sequence[PayOrderNo]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """How far it looks."""

    since: datetime
    ahead: int = AHEAD
    refund_days: int = 1
    """What ended so many days before may have had a refund that was lost."""
    without: frozenset[AccountKey] = frozenset()
    """Accounts that a person does without: nobody is asked there, and nothing waits for
    what they would say.
    """


async def recover(
    node: Node, pool: core.Pool, dsn: str, scope: Scope, told: Progress
) -> Report:
    """All of it, once. The node given must beat; until all is held that was open no
    other may, and later what is held waits for us whoever works.
    """
    at = await places(node, scope.without)
    run = await holding.begin(node, scope.since)
    work = _Work(
        node=node,
        pool=pool,
        dsn=dsn,
        scope=scope,
        told=told,
        at=at,
        run=run,
        report=Report(run=run, without=scope.without),
        asker=Asker(node),
    )
    await work.hold()
    await work.read_statements()
    await work.wait()
    await work.ask_open()
    await work.ask_ended()
    await work.ask_named()
    await work.catch_up()
    return work.report


@dataclass(slots=True, kw_only=True)
class _Work:
    """One run, in hand."""

    node: Node
    pool: core.Pool
    dsn: str
    scope: Scope
    told: Progress
    at: list[Place]
    run: RestoreRow
    report: Report
    asker: Asker
    held_at: datetime | None = None
    """When the last was held that was not held before."""
    named: dict[PayOrderNo, list[Question]] = field(default_factory=dict)
    """By statements, of payments that we know: to be asked after too."""
    free: list[PayOrderNo] = field(default_factory=list)

    # --- hold -------------------------------------------------------------------------

    async def hold(self) -> None:
        """Before anything else; what was opened since the run began is new."""

        async def page(after: str) -> Sequence[PayOrderNo]:
            return await core.open_before(
                self.pool, self.run.begun_at, after=after, limit=AT_ONCE
            )

        async for numbers in _pages(page):
            if await holding.hold(self.node, self.run, numbers):
                self.held_at = self.node.now()
            self.told("holding", len(numbers))

    async def wait(self) -> None:
        """Until the channels surely know what they were sent before we began."""
        windows = [
            gateway.acceptance_window(self.node, place.channel) for place in self.at
        ]
        longest = max((one for one in windows if one <= MOST_WAIT), default=timedelta())
        until = (self.held_at or self.run.begun_at) + longest
        while (left := (until - self.node.now()).total_seconds()) > 0:
            self.told("waiting", 1)
            await self.node.clock.sleep(min(1.0, left))

    # --- statements -------------------------------------------------------------------

    async def read_statements(self) -> None:
        """What they name of payments that we know is asked after, too."""
        for key, day in await statements.days(self.node, self.scope.since):
            statement = await statements.read(self.node, self.dsn, key, day)
            self.report.statements.append(statement)
            self.told("reading", 1)
            if not statement.read:
                continue
            for known in await statements.differences(
                *(self.node, self.pool, statement, self.scope.since)
            ):
                self.report.add(known.difference)
                if known.payment is not None and self._to_ask(known):
                    question = of_statement(known.difference, known.payment, self.at)
                    self.named.setdefault(known.payment.pay_order_no, []).append(
                        question
                    )

    def _to_ask(self, known: statements.Known) -> bool:
        """What we lack; of what we know it is asked as ever, but where nobody is asked
        the statement's is the only word.
        """
        one = known.difference
        there = one.found in (Found.CHARGED_THERE, Found.REFUNDED_THERE)
        return known.lacking or (there and self._left_out(one))

    # --- what was open ----------------------------------------------------------------

    async def ask_open(self) -> None:
        """Each that is held, for whatever it may have sent."""

        async def page(after: str) -> Sequence[PayOrderNo]:
            return await queries.unclear(
                self.pool, self.run.since, after=after, limit=AT_ONCE
            )

        async for numbers in _pages(page):
            await asyncio.gather(*(self._ask_open(no) for no in numbers))
            self.told("asking", len(numbers))

    async def _ask_open(self, no: PayOrderNo) -> None:
        """Also of one that has ended meanwhile: that it was paid by another leg, or by
        none, says nothing of what was forgotten.
        """
        node = self.node
        payment = await load_payment(node, no)
        restored = await node.journal.load(RestoredRow, no)
        assert payment is not None, "it was held"
        assert restored is not None, "it was held"
        refunds = await node.journal.within(RefundRow, no)
        ahead = restored.lost_refunds + REFUNDS_AHEAD
        questions = _once(
            [
                *of_open(payment, self.at, ahead=self.scope.ahead),
                # It may have been paid in the time that was lost, and refunded.
                *self._of_refunds(_chargeable(payment), refunds, ahead),
                *self.named.pop(no, ()),
            ]
        )
        told, change = await self._asked(questions, quiet_from=restored.held_at)
        forgotten = await self._tell(told, change, _known_places(payment))
        unsure = [one.question for one in told if one.unsure]
        self.report.unsure += unsure
        restored = self._with_lost_refunds(restored, refunds, told)
        # What was found once is a person's: who told of it may be silent by now, or not
        # asked, and that takes nothing back.
        ended = payment.row.biz_status.final
        found = forgotten or (restored.state is Restored.FOUND and not ended)
        state = Restored.FOUND if found else Restored.HELD
        state = state if found or unsure else Restored.CLEAR
        await holding.settle(node, change, restored, state)
        stands = await node.journal.commit(change) is None
        if state is Restored.CLEAR and stands and not ended:
            self.report.let_go += 1
            self.free.append(no)
        elif not ended:
            self.report.held += 1
        if not stands:  # somebody works on it: another run asks again
            self.report.unsure += questions[:1]

    # --- what had ended ---------------------------------------------------------------

    async def ask_ended(self) -> None:
        """Their ends, and the refunds that they may have had since."""
        first = self.scope.since - timedelta(days=self.scope.refund_days)
        smallest = numbered_at(first, -LONGEST_LIFE)

        async def page(after: str) -> Sequence[PayOrderNo]:
            return await core.ended_since(
                *(self.pool, first, self.run.begun_at),
                after=max(after, smallest),
                limit=AT_ONCE,
            )

        async for numbers in _pages(page):
            await asyncio.gather(*(self._ask_ended(no) for no in numbers))
            self.told("asking", len(numbers))

    async def _ask_ended(self, no: PayOrderNo) -> None:
        payment = await load_payment(self.node, no)
        assert payment is not None, "it ended"
        refunds = await self.node.journal.within(RefundRow, no)
        since = self.scope.since
        legs = (leg for leg in payment.money_legs if _young(leg.finished_at, since))
        young = (one for one in refunds if _young(one.finished_at, since))
        questions = [*of_ended(payment, legs), *of_ended_refunds(young)]
        if payment.row.biz_status is BizStatus.SUCCESS:
            ours = sum(one.kind is RefundKind.ASKED for one in refunds)
            lost = await self.node.journal.load(RestoredRow, no)
            used = ours + (lost.lost_refunds if lost is not None else 0)
            ahead = used + REFUNDS_AHEAD
            questions += self._of_refunds([payment.charged], refunds, ahead)
        questions = _once([*questions, *self.named.pop(no, ())])
        await self._ask_of_ended(payment, refunds, questions)

    async def ask_named(self) -> None:
        """What only a statement tells of: of payments that ended long before."""
        for no in list(self.named):
            payment = await load_payment(self.node, no)
            assert payment is not None, "it is known"
            refunds = await self.node.journal.within(RefundRow, no)
            await self._ask_of_ended(payment, refunds, _once(self.named.pop(no)))

    async def _ask_of_ended(
        self,
        payment: Payment,
        refunds: Sequence[RefundRow],
        questions: Sequence[Question],
    ) -> None:
        told, change = await self._asked(questions, quiet_from=self.run.begun_at)
        await self._tell(told, change, _known_places(payment))
        self.report.unsure += [one.question for one in told if one.unsure]
        await self._keep_lost_refunds(change, payment, refunds, told)
        if not change.empty and await self.node.journal.commit(change) is not None:
            self.report.unsure += questions[:1]

    async def _keep_lost_refunds(
        self,
        change: Change,
        payment: Payment,
        refunds: Sequence[RefundRow],
        told: Sequence[Told],
    ) -> None:
        no = payment.row.pay_order_no
        standing = await self.node.journal.load(RestoredRow, no)
        before = standing or RestoredRow(
            pay_order_no=no,
            since=self.run.since,
            state=Restored.CLEAR,
            held_at=self.run.begun_at,
            asked_at=self.node.now(),
        )
        after = self._with_lost_refunds(before, refunds, told)
        if after is before:
            return
        if standing is None:
            change.insert(after)
        else:
            change.update(after, version=standing.version)

    def _with_lost_refunds(
        self,
        standing: RestoredRow,
        refunds: Sequence[RefundRow],
        told: Sequence[Told],
    ) -> RestoredRow:
        """Their numbers are not given again, nor what they gave back. The line's are
        counted up: what is far beyond them, or late money, was no part of the order.
        """
        asked = [
            int(one.refund_no[-2:]) for one in refunds if one.kind is RefundKind.ASKED
        ]
        most = REFUND_LEGS + max(asked, default=0) + self.scope.ahead
        lost = {
            one.question.seq - REFUND_LEGS: one.reply.amount or 0
            for one in told
            if one.verdict is Found.REFUNDED_THERE
            and not one.question.known
            and one.question.seq <= most
        }
        if not lost:
            return standing
        before = sum(number < max(lost) for number in asked)
        # An answer that lacks this time takes nothing back of what was told before.
        return replace(
            standing,
            lost_refunds=max(max(lost) - before, standing.lost_refunds),
            lost_refunded=max(sum(lost.values()), standing.lost_refunded),
        )

    def _of_refunds(
        self, legs: Iterable[AttemptRow], refunds: Sequence[RefundRow], count: int
    ) -> Iterator[Question]:
        """The next numbers, where a channel gives anything back at all."""
        able = gateway.capable(self.node, Operation.REFUND)
        for leg in legs:
            if leg.channel in able:
                yield from of_refunds(leg, refunds, first=1, count=count)

    # --- both -------------------------------------------------------------------------

    async def _asked(
        self, questions: Sequence[Question], *, quiet_from: datetime
    ) -> tuple[list[Told], Change]:
        """Where nobody is asked, only statements say what moved."""
        left_out = [one for one in questions if self._left_out(one)]
        asked = [one for one in questions if not self._left_out(one)]
        self.report.asked += len(asked)
        told, change = await self.asker.ask(asked, quiet_from=quiet_from)
        said = (as_a_statement_says(one) for one in left_out if one.stated is not None)
        return [*told, *said], change

    def _left_out(self, one: Question | Difference) -> bool:
        return (one.channel, one.account) in self.scope.without

    async def _tell(
        self, told: Sequence[Told], change: Change, known: Collection[AccountKey]
    ) -> bool:
        """Whether a charge was found: told of, or known by its refund. A refund where a
        leg of ours took the money, or may have, keeps no order from going on: its
        number and its money are kept.
        """
        found = False
        for one in told:
            if isinstance(one.verdict, Found):
                place = one.question.channel, one.question.account
                found = found or not (one.question.is_refund and place in known)
                difference = await telling.of_enquiry(
                    self.node, change, one, one.verdict
                )
                self.report.add(difference)
        return found

    async def catch_up(self) -> None:
        """The ordinary enquiry of what is open, and held no more."""
        for first in range(0, len(self.free), CALLS_AT_ONCE):
            numbers = self.free[first : first + CALLS_AT_ONCE]
            await asyncio.gather(*(self._catch_up(no) for no in numbers))
            self.told("catching up", len(numbers))

    async def _catch_up(self, no: PayOrderNo) -> None:
        """What was paid may have been refunded since, by whomever that was heard."""
        payment = await load_payment(self.node, no)
        if payment is not None and payment.money_leg is not None:
            await ordinary.look_at(self.node, no)
            payment = await load_payment(self.node, no)
        if payment is None:
            return
        if payment.row.biz_status.final:
            self.report.caught_up[no] = payment.row.biz_status
            await self._ask_ended(no)
        elif payment.money_leg is not None:
            self.report.unsure.append(of_leg(payment.money_leg))


async def _pages(page: Page) -> AsyncIterator[Sequence[PayOrderNo]]:
    """By number, from the first on, until there are no more."""
    after = ""
    while numbers := await page(after):
        yield numbers
        after = numbers[-1]


def _chargeable(payment: Payment) -> list[AttemptRow]:
    """The legs whose money a channel may have taken and given back unknown to us: an
    open one, and the orders that a channel opened for us.
    """
    sends = [send for send in payment.sends if send.channel != SMS_CENTRE]
    return sends if payment.money_leg is None else [payment.money_leg, *sends]


def _known_places(payment: Payment) -> set[AccountKey]:
    """Where legs of ours took the money, or may have."""
    return {
        (leg.channel, leg.account)
        for leg in payment.money_legs
        if leg.process_status.open or leg.process_status is ProcessStatus.GW_SUCCESS
    }


def _young(at: datetime | None, since: datetime) -> bool:
    return at is not None and at >= since


def _once(questions: Sequence[Question]) -> list[Question]:
    """Each number at each account once; also what a statement names of it."""
    seen: dict[tuple[str, str, str], Question] = {}
    for one in questions:
        name = (one.channel, one.account, one.request_no)
        first = seen.setdefault(name, one)
        if one.stated is not None:
            seen[name] = dataclasses.replace(first, stated=one.stated)
    return list(seen.values())

"""How a chain runs, and where it commits.

A command is LOCAL (it stages rows) or FOREIGN (before: stage the intent; call: no
transaction open; after: stage the answer). What is staged is committed right before
a foreign call; what the answer staged goes with the next intent, or with the chain's
end. So a chain has as few commits as its foreign calls need, and each leaves a state
from which another process can go on.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from paycore.cards.rows import CardRow
from paycore.core import witness
from paycore.core.keys import Key
from paycore.core.payment import Payment
from paycore.core.rows import AttemptRow, PaymentRow, TrailRow
from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, Reply
from paycore.kernel import errors, trace
from paycore.kernel.journal import Change, KeyOf, Refused, Row
from paycore.kernel.node import Lease, Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import Json, Origin
from paycore.lines.rows import BizLineRow
from paycore.notify import service as notify
from paycore.router import service as router
from paycore.router.question import AccountKey
from paycore.sms.service import Quota


class Step(msgspec.Struct, frozen=True, gc=False):
    """A line of the timeline: what a command did, and when."""

    at: datetime
    command: str
    result: str
    note: str


_ENCODER = msgspec.json.Encoder()


class Next(StrEnum):
    """What a command's end means for the chain: one of these, nothing else."""

    NEXT = "NEXT"
    """On to the next command."""
    AGAIN = "AGAIN"
    """The same foreign command once more, by another route."""
    STOP = "STOP"
    """The answer is in the payment; nothing more is to be done."""


class GuardRefused(Exception):
    """The commit was refused: somebody else was first. Nothing of it was written."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused
        super().__init__(refused.guard)


@dataclass(slots=True, kw_only=True)
class Run:
    """One passage of one payment through a chain: the context its commands share."""

    node: Node
    payment: Payment
    line: BizLineRow
    change: Change
    card: CardRow
    code: str | None = field(default=None, repr=False)
    """The code the payer typed, for a confirm."""
    origin: Origin | None = field(default=None, repr=False)
    """Where who asks for a code is."""
    tries_left: int | None = None
    excluded: set[AccountKey] = field(default_factory=set)
    """Accounts already tried in this passage."""
    coupon_staged: bool = False
    """The coupon's lock is staged and not yet committed."""
    resend: bool = False
    claimed: bool = False
    """A worker claimed the payment: its lease is ours already."""
    closing: bool = False
    """The payment is to be closed, by whomever."""
    expiring: bool = False
    """The closer runs this, not a business line."""
    content: bytes = b""
    """Fingerprint of what was ordered, for a new payment."""
    key: Key | None = None
    """The idempotency key this passage answers for, if any."""
    committed: bool = False
    """Something of this passage is on record: it can no longer be refused."""
    tries: int = 0
    """Calls of the present command in this passage."""
    asked: AccountKey | None = None
    """Where the last attempt went."""
    cause: str = ""
    """Why the first quick route failed, for the conversion that may follow."""
    last_refusal: str | None = None
    too_many: bool = False
    texting: tuple[Quota, ...] = ()
    """What the text takes that a bank is asked for."""
    coupon_refused: bool = False
    last: "LastCall | None" = None
    """The answered call that is not on record yet: what is absorbed anew should its
    commit be refused, or fail.
    """
    coupon_gone: bool = False
    """The commit of the end was refused because another order has the coupon."""
    steps: list[Step] = field(default_factory=list)
    leases: list[datetime] = field(default_factory=list)
    """The ends of all leases that this passage took: by them it knows its own."""
    lease: Lease | None = None
    """The last of them."""

    @property
    def now(self) -> datetime:
        """The node's time."""
        return self.node.now()

    def asked_at(self, seq: int) -> datetime:
        """When attempt `seq` was asked about whose answer is in hand; it may be written
        down much later. Of what nobody asked for: now.
        """
        last = self.last
        asked = last is not None and last.seq == seq
        return last.prepared.ask.asked_at if last is not None and asked else self.now

    def note(self, command: str, result: str, note: str = "") -> None:
        """A line for the timeline."""
        self.steps.append(Step(self.now, command, result, note))

    def exclude(self, attempt: AttemptRow) -> None:
        """Not there again in this passage."""
        self.excluded.add((attempt.channel, attempt.account))

    @property
    def finished_words(self) -> tuple[str, str]:
        """What is said to who comes after the end."""
        return errors.PAYMENT_FINISHED

    @property
    def leased(self) -> tuple[type[Row], KeyOf]:
        """The row that the passage has the lease of."""
        return PaymentRow, (self.payment.row.pay_order_no,)

    @property
    def quiet_from(self) -> datetime | None:
        """Of what may be sent again: from then on nobody is still sending it."""
        return None

    def take_lease(self, ask: Ask) -> None:
        """Ours from the next commit on, for one foreign call and its answer."""
        until = self.lease_payment(ask.timeout_s)
        self.payment.quiet_after(
            ask.attempt_seq, until + timedelta(seconds=ask.timeout_s)
        )

    def lease_payment(self, call_s: float) -> datetime:
        """The lease alone, for a call that is about no attempt and may take so long;
        until when it holds.
        """
        until = self.lease_taken(call_s)
        self.payment.lease(
            self.node.epoch,
            until=until,
            look_at=self.now + timedelta(seconds=self.node.settings.lease_s),
        )
        return until

    def lease_taken(self, call_s: float) -> datetime:
        """Reckon with a lease that is taken now, at the next commit; until when."""
        self.lease = self.node.lease_for(call_s)
        self.leases.append(self.lease.until)
        return self.lease.until

    def release(self) -> None:
        """Give the lease back, where it is ours: a passage that comes late may find the
        payment in another node's hands, and leaves it there.
        """
        row = self.payment.row
        if row.lease_until is None or row.lease_until in self.leases:
            self.payment.release(self.now)

    async def commit(self) -> None:
        """Write what is staged, or raise `GuardRefused` and leave it staged."""
        self._stage_trail()
        self.stage_rows()
        if self.key is not None:
            self.key.stage(self.change)
        if self.change.empty:
            return
        with trace.of(self.node).span("commit") as span:
            refused = await self.node.journal.commit(self.change)
            if refused is not None:
                span.note(refused=refused.guard)
        if refused is not None:
            raise GuardRefused(refused)
        self.rows_stored()
        if self.key is not None:
            self.key.stored()
        self.committed = True
        self.last = None
        notify.deliver_now(self.node, self.change)
        self.change = self.node.change()
        self.steps = []
        self.coupon_staged = False

    def stage_rows(self) -> None:
        """Stage the aggregate that the passage is about, and what it holds no more."""
        self.payment.stage(self.change)
        for attempt in self.payment.no_longer_held():
            router.release(self.node, self.change, attempt.reserved)

    def rows_stored(self) -> None:
        """The commit succeeded: what was staged stands."""
        witness.committed(
            self.node, self.payment.row, self.change, new=self.payment.is_new
        )
        self.payment.stored()

    def _stage_trail(self) -> None:
        if not self.steps:
            return
        self.change.append(
            TrailRow(
                pay_order_no=self.payment.row.pay_order_no,
                change_id=self.change.id,
                at=self.now,
                epoch=self.node.epoch,
                steps=Json(_ENCODER.encode(self.steps).decode()),
            )
        )


class LastCall(msgspec.Struct, frozen=True):
    """A call that was answered: its attempt, what was sent, what came."""

    seq: int
    prepared: gateway.Prepared
    answer: gateway.Answer
    call_ended: bool
    """Whether this was the leg's own call, and not an enquiry about it."""
    quiet_from: datetime | None = None
    """Of a refund, which is sent more than once: that of its last send when it was
    asked; only a later send moves it on.
    """


class Mark(msgspec.Struct, frozen=True):
    """Where a run stood before an intent was staged."""

    payment: Payment
    lengths: tuple[int, ...]
    steps: int

    @classmethod
    def of(cls, run: Run) -> "Mark":
        """Remember."""
        return cls(
            run.payment.copy(), tuple(map(len, _lists(run.change))), len(run.steps)
        )

    def restore(self, run: Run) -> None:
        """Take back what was staged since: the intent, not the answer before it."""
        change = run.node.change()
        for kept, staged, length in zip(
            _lists(change), _lists(run.change), self.lengths, strict=True
        ):
            kept.extend(staged[:length])
        run.change = change
        run.payment = self.payment.copy()
        del run.steps[self.steps :]


def _lists(change: Change) -> tuple[list[object], ...]:
    return (  # type: ignore[return-value]
        change.inserts,
        change.updates,
        change.amends,
        change.counts,
        change.appends,
        change.additions,
    )


class Command(ABC):
    """One step of a chain, with the article's name."""

    @classmethod
    def name(cls) -> str:
        """As the timeline shows it."""
        return cls.__name__

    @abstractmethod
    async def step(self, run: Run) -> Next:
        """Do it, and note for the timeline what came of it."""


class Local(Command):
    """A command that only stages rows."""

    async def step(self, run: Run) -> Next:
        """Run it."""
        result = await self.run(run)
        run.note(self.name(), result)
        return result

    @abstractmethod
    async def run(self, run: Run) -> Next:
        """Stage; may read; calls nobody outside."""


class Foreign(Command):
    """A command that asks somebody outside."""

    async def step(self, run: Run) -> Next:
        """Ask, and ask elsewhere, until there is nobody to be asked any more."""
        while True:
            result = await _once(run, self)
            if result is not Next.AGAIN:
                return result

    @abstractmethod
    async def before(self, run: Run) -> Ask | Next:
        """Stage the intent and give the call, or say that none is needed."""

    @abstractmethod
    async def after(self, run: Run, seq: int, reply: Reply) -> Next:
        """Stage the answer to attempt `seq`."""

    def refused(self, run: Run, refused: Refused) -> Next:
        """Find another way, where a guard of the intent's own refused its commit."""
        raise GuardRefused(refused)


@dataclass(frozen=True, slots=True)
class CommandChain:
    """An ordered list of commands."""

    name: str
    commands: tuple[type[Command], ...]

    async def execute(self, run: Run) -> None:
        """Run the list; commits before each foreign call, not at the end."""
        await run_commands(run, self.commands)


async def run_commands(run: Run, commands: Sequence[type[Command]]) -> None:
    """Run commands in order until one stops the chain."""
    traces = trace.of(run.node)
    for kind in commands:
        name = kind.name()
        run.payment.at_step(name)
        if traces.off:
            result = await kind().step(run)
        else:
            with traces.span(name) as span:
                result = await kind().step(run)
                span.note(result=result)
        if result is Next.STOP:
            return


async def _once(run: Run, command: Foreign) -> Next:
    _refuse_in_doubt(run)
    mark = Mark.of(run)
    ask = await command.before(run)
    if isinstance(ask, Next):
        run.note(command.name(), ask)
        return ask
    prepared = await gateway.prepare(run.node, ask, run.change)
    run.take_lease(ask)
    run.note(command.name(), "CALL", f"{ask.channel}/{ask.account}")
    try:
        await run.commit()
    except GuardRefused as error:
        mark.restore(run)
        return command.refused(run, error.refused)
    answer = await gateway.send(run.node, prepared, run.lease)
    run.last = LastCall(
        *(ask.attempt_seq, prepared, answer),
        call_ended=True,
        quiet_from=run.quiet_from,
    )
    gateway.conclude(run.node, prepared, answer, run.change)
    result = await command.after(run, ask.attempt_seq, answer.reply)
    run.note(command.name(), result, _said(answer.reply))
    return result


def _refuse_in_doubt(run: Run) -> None:
    """Begin nothing while our own life is in doubt: what we would not be allowed to
    send must not be taken for a channel that is down.
    """
    if not run.node.lease_holds(run.node.settings.connect_timeout_s):
        raise errors.Unavailable(retry_after_s=1)


def _said(reply: Reply) -> str:
    blame = f" ({reply.blame})" if reply.outcome is Outcome.DECLINED else ""
    return f"{reply.outcome}{blame} {reply.resp_code}".strip()

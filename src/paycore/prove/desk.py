"""The desk in a simulated world: two people who see to cases while all goes on, and
what must hold of what they do.

They ring the bank before they decide: what it truly has is what they go by. What they
forget is whom a cure needs, and that the other one is at the same case.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import asdict

from paycore.core.keys import KeptAnswer
from paycore.core.rows import AttemptRow, PaymentRow, RefundRow
from paycore.cures import service as cures
from paycore.cures.queries import Pool
from paycore.cures.table import Cure
from paycore.desk.rows import CaseRow, CureRow, CureStatus, StepRow
from paycore.kernel import errors
from paycore.kernel.ids import refund_at
from paycore.kernel.journal import Row
from paycore.kernel.journal_memory import Written
from paycore.kernel.node import Node
from paycore.kernel.terms import BizStatus, PayOrderNo, RefundKind, RefundStatus
from paycore.prove.api import Answer, encode

if TYPE_CHECKING:
    from paycore.prove.world import World

PEOPLE = ("ann", "bert")
LOOK_WITHIN_S = 25.0
TRIES = 6
AGAIN_AFTER_S = 2.0

NO_POOL = cast("Pool", None)
"""Asked only for differences of statements, of which there are none here."""

GOES_BACK = frozenset({"LATE_MONEY", "CHARGED_WITHOUT_CONFIRM"})
UNDECIDED = frozenset({"UNKNOWN_TOO_LONG", "LOOK_FAILED"})
BY_TWO = frozenset({Cure.FORCE_NOT_TAKEN, Cure.FORCE_NOT_REFUNDED})
LOST_REFUND = "REFUND_UNKNOWN_TOO_LONG"
ASKED_AFTER = frozenset({LOST_REFUND, "CHANNEL_ALARM"})
NOTED = frozenset(
    {"COUPON_GONE", "NOTICE_PARKED", "LATE_REFUND", "REFUND_CONTRADICTION"}
)

Work = Callable[[Node], Awaitable[CureRow]]


class Office:
    """The two, where this run has them."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._people: list[Person] = []
        self._working: list[asyncio.Future[None]] = []

    def open(self) -> None:
        """They begin to work."""
        if self._world.faults.strikes("desk_works"):
            self._people = [Person(self._world, name) for name in PEOPLE]
            self._working = [asyncio.ensure_future(one.work()) for one in self._people]

    async def close(self) -> bool:
        """All is calm: each sees to every case that is left, and goes home; whether
        anybody did anything.
        """
        for person in self._people:
            person.over = True
        await asyncio.gather(*self._working)
        done = await asyncio.gather(*(one.last_round() for one in self._people))
        return any(done)


class Person:
    """One of them."""

    def __init__(self, world: "World", name: str) -> None:
        self._world, self._name = world, name
        self._other = next(one for one in PEOPLE if one != name)
        self._rng = world.stream(f"desk {name}")
        self.over = False

    async def work(self) -> None:
        """Now and then a case."""
        while not self.over:
            await asyncio.sleep(self._rng.random() * LOOK_WITHIN_S)
            cases = self._cases()
            if cases and not self.over:
                await self._see_to(self._rng.choice(cases))

    async def last_round(self) -> int:
        """Every case once."""
        cases = self._cases()
        for case in cases:
            await self._see_to(case)
        return len(cases)

    def _cases(self) -> list[CaseRow]:
        rows = self._world.base.every(CaseRow)
        return [row for row in rows if row.status == "OPEN" and self._cure(row)]

    # --- what they decide -------------------------------------------------------------

    def _cure(self, case: CaseRow) -> Cure | None:
        """What the case needs, as the bank has it; nothing where it must wait."""
        order = self._world.base.load(PaymentRow, case.pay_order_no or "")
        if order is None:
            return None
        if case.kind in GOES_BACK:
            return Cure.REFUND if self._to_go_back(order, case) else None
        if case.kind == LOST_REFUND and self._never_given(case):
            return Cure.FORCE_NOT_REFUNDED
        if case.kind in ASKED_AFTER:
            return Cure.ENQUIRE
        if case.kind in UNDECIDED:
            sure = order.biz_status is BizStatus.DOING and self._never_taken(order)
            return Cure.FORCE_NOT_TAKEN if sure else Cure.ENQUIRE
        done = case.kind in NOTED and order.biz_status.final
        return Cure.NOTE if done else None

    def _to_go_back(self, order: PaymentRow, case: CaseRow) -> bool:
        """The bank has it, the order is over, and nothing of it is on its way."""
        world, no = self._world, order.pay_order_no
        leg = world.base.load(AttemptRow, no, case.attempt_seq or 0)
        if leg is None or not order.biz_status.final:
            return False
        taken = any(
            (move.kind, move.bank, move.request_id, move.amount)
            == ("charge", leg.channel, leg.request_no, case.amount)
            for move in world.oracle.moves.get(no, ())
        )
        return taken and not any(
            row.kind is not RefundKind.ASKED
            and row.original_request_no == leg.request_no
            and row.status is not RefundStatus.FAIL
            for row in world.base.within(RefundRow, no)
        )

    def _never_taken(self, order: PaymentRow) -> bool:
        """No bank took anything of it, nor ever will."""
        world, no = self._world, order.pay_order_no
        legs = world.base.within(AttemptRow, no)
        waits = any(
            self._waits(leg.channel, leg.request_no)
            for leg in legs
            if leg.channel in world.banks and leg.trans_type.moves_money
        )
        return no not in world.oracle.moves and not waits

    def _waits(self, bank: str, request_no: str) -> bool:
        """Whether the bank will settle it, and not only some day."""
        there = self._world.banks[bank].orders.get(request_no)
        if there is None or there.status != "PROCESSING":
            return False
        return (there.due_ms or 0) < self._world.now_ms() + 3_600_000

    def _never_given(self, case: CaseRow) -> bool:
        """No bank gave anything back by the refund's number, nor ever will."""
        world, no = self._world, case.pay_order_no or ""
        number = refund_at(PayOrderNo(no), case.attempt_seq or 0)
        row = world.base.load(RefundRow, no, number)
        if row is None or row.status.final:
            return False
        moves = world.oracle.moves.get(no, ())
        given = any(move.request_id == number for move in moves)
        return not given and not self._waits(row.channel, number)

    # --- what they do -----------------------------------------------------------------

    async def _see_to(self, case: CaseRow) -> None:
        """Preview, have it approved, execute: well and badly."""
        cure = self._cure(case)
        if cure is None:
            return
        row = await self._preview(case, cure)
        if row is None:
            return
        number = int(row["number"])
        if self._strikes("cures_twice"):
            await self._preview(case, cure)
        if row["needs_second"]:
            await self._have_approved(case, number)
        if self._strikes("cures_at_once"):
            await asyncio.gather(
                self._execute(case, number, self._name),
                self._execute(case, number, self._other),
            )
        else:
            await self._execute(case, number, self._name)

    async def _preview(self, case: CaseRow, cure: Cure) -> dict[str, Any] | None:
        def work(node: Node) -> Awaitable[CureRow]:
            who, why = self._name, "as the bank says"
            return cures.preview(node, NO_POOL, case.case_id, cure, who=who, why=why)

        # A preview that nobody heard of is one more, and does nothing.
        answer = await self._call(work)
        if answer is None or answer.status != 200:
            return None
        return dict(answer.read())

    async def _have_approved(self, case: CaseRow, number: int) -> None:
        holds = self._world.oracle.holds
        if self._strikes("not_approved"):
            answer = await self._execute(case, number, self._name)
            refused = answer is None or answer.status >= 400
            holds("I26", refused, "executed by one alone", case.pay_order_no or "")
        if self._strikes("approves_oneself"):
            answer = await self._approve(case, number, self._name)
            refused = answer is None or answer.status >= 400
            holds("I26", refused, "approved by oneself", case.pay_order_no or "")
        await self._approve(case, number, self._other)

    async def _approve(self, case: CaseRow, number: int, who: str) -> Answer | None:
        def work(node: Node) -> Awaitable[CureRow]:
            return cures.approve(node, case.case_id, number, who=who, why="seen it too")

        return await self._call(work)

    async def _execute(self, case: CaseRow, number: int, who: str) -> Answer | None:
        def work(node: Node) -> Awaitable[CureRow]:
            return cures.execute(node, NO_POOL, case.case_id, number, who=who)

        answer = await self._call(work)
        if answer is not None and answer.status == 200:
            self._world.oracle.desk.heard(answer.read())
        return answer

    async def _call(self, work: Work) -> Answer | None:
        """Until there is an answer: what is done is done once."""

        async def command(node: Node) -> KeptAnswer:
            row = asdict(await work(node))
            return KeptAnswer(status=200, body=encode({**row, "seen": ""}))

        answer = None
        for _ in range(TRIES):
            answer = await self._world.api.desk(command)
            again = answer is None or answer.status >= 500
            if not again and answer is not None and answer.code != errors.InFlight.code:
                return answer
            await asyncio.sleep(AGAIN_AFTER_S * (0.5 + self._rng.random()))
        return answer

    def _strikes(self, name: str) -> bool:
        """His own dice, as a payer's."""
        faults = self._world.faults
        kind = faults.chosen.get(name)
        if kind is None or self._rng.random() >= kind.share:
            return False
        faults.hits[name] += 1
        return True


# --- what must hold -------------------------------------------------------------------


class DeskWatch:
    """Looks at what people do; what it finds is the oracle's to keep."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def _holds(self, good: object, what: str, no: str, invariant: str = "I26") -> None:
        self._world.oracle.holds(invariant, good, what, no)

    def written(self, old: Row | None, new: CaseRow | CureRow, rows: Written) -> None:
        """A case or a cure that others can see from now on."""
        if isinstance(new, CaseRow):
            assert old is None or isinstance(old, CaseRow)
            self._case(old, new)
        else:
            assert old is None or isinstance(old, CureRow)
            self._cure(old, new, rows)

    def _case(self, old: CaseRow | None, new: CaseRow) -> None:
        no = new.pay_order_no or ""
        self._world.note(None, "case", f"{new.kind} v{new.version} {new.status}", no)
        steps = [one.seq for one in self._world.base.within(StepRow, new.case_id)]
        whole = steps == list(range(1, new.version))
        self._holds(whole, "the steps of a case have a gap", no)
        again = old is not None and old.status == "CLOSED" != new.status
        self._holds(not again, "a closed case was opened", no, "I5")

    def _cure(self, old: CureRow | None, new: CureRow, rows: Written) -> None:
        no = new.case_id.split(":")[1]
        said = f"{new.cure} {new.number} {new.status.value} {new.result}"
        self._world.note(None, "cure", said, no)
        second = new.approved_by is not None and new.approved_by != new.proposed_by
        may = second or not (new.needs_second or new.cure in BY_TWO)
        waits = new.status is CureStatus.PREVIEWED
        self._holds(waits or may, "a cure by one alone", no)
        if waits or old is None or old.status is not CureStatus.PREVIEWED:
            return
        case = next((o for o, r in rows if o and r.key() == (new.case_id,)), None)
        was_open = isinstance(case, CaseRow) and case.status == "OPEN"
        self._holds(was_open, "a cure of a case that was closed", no)
        self._did(new, rows, no)

    def _did(self, cure: CureRow, rows: Written, no: str) -> None:
        """What a cure is for is in its own commit, and nothing else is."""
        returns = [
            row
            for old, row in rows
            if isinstance(row, RefundRow)
            and row.kind is RefundKind.RETURN
            and old is None
        ]
        meant = cure.cure == Cure.REFUND
        self._holds(len(returns) == meant, "a return and its cure differ", no, "I12")
        ended = [
            row
            for _, row in rows
            if isinstance(row, PaymentRow) and row.biz_status is BizStatus.FAIL
        ]
        forced = cure.cure == Cure.FORCE_NOT_TAKEN
        self._holds(len(ended) == forced, "a forced end and its cure differ", no)
        failed = [
            row
            for _, row in rows
            if isinstance(row, RefundRow) and row.status is RefundStatus.FAIL
        ]
        forced = cure.cure == Cure.FORCE_NOT_REFUNDED
        self._holds(len(failed) == forced, "a forced refund and its cure differ", no)

    def heard(self, said: Any) -> None:
        """What a person is told of his cure is so."""
        row = self._world.base.load(CureRow, said["case_id"], said["number"])
        done = row is not None and row.status is not CureStatus.PREVIEWED
        told = done or said["status"] == CureStatus.PREVIEWED
        self._holds(told, "executed, it was said", str(said["case_id"]))

    # --- at the end -------------------------------------------------------------------

    def judge(self) -> None:
        """Cures, and what they had go back, compared; and no gap in any history."""
        base = self._world.base
        for case in base.every(CaseRow):
            steps = [one.seq for one in base.within(StepRow, case.case_id)]
            whole = steps == list(range(1, case.version))
            no = case.pay_order_no or ""
            self._holds(whole, "the steps of a case have a gap", no)
        returns = [r for r in base.every(RefundRow) if r.kind is RefundKind.RETURN]
        for row in returns:
            cure = self._cure_of(row)
            came = {
                RefundStatus.SUCCESS: CureStatus.DONE,
                RefundStatus.FAIL: CureStatus.FAILED,
                RefundStatus.DOING: CureStatus.EXECUTED,
            }[row.status]
            same = cure is not None and cure.status is came
            no = row.pay_order_no
            self._holds(same, "a return and its cure ended differently", no)
        meant = sum(
            row.cure == Cure.REFUND and row.status is not CureStatus.PREVIEWED
            for row in base.every(CureRow)
        )
        same = meant == len(returns)
        self._holds(same, "so many cures, another number of returns", "", "I12")

    def _cure_of(self, row: RefundRow) -> CureRow | None:
        for one in self._world.base.within(CureRow, row.case_id or ""):
            if one.cure == Cure.REFUND and row.refund_no in one.result:
                return one
        return None

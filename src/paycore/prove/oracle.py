"""The oracle: what must hold, looked at in the moment in which it could break.

Every change that is written, every coin that moves and every answer that is given
comes by here. What leaves is `departures`', what must hold at the end `verdict`'s.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from paycore.accounting.rows import EntryRow, PostingRow
from paycore.core.rows import (
    AttemptRow,
    IdempotencyRow,
    PaymentRow,
    RefundRow,
    TransitionRow,
)
from paycore.core.states import Event
from paycore.coupon.rows import CouponRow, CouponStatus
from paycore.kernel.http import HttpRequest
from paycore.kernel.journal import Change, ChangeRejected
from paycore.kernel.journal_memory import Written
from paycore.kernel.node import NodeRow
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import BizStatus, PayType, ProcessStatus, TransType
from paycore.notify.rows import NoticeRow
from paycore.prove import verdict
from paycore.prove.agreements import AgreementWatch
from paycore.prove.checkouts import CheckoutWatch
from paycore.prove.departures import Departures
from paycore.prove.desk import DeskWatch
from paycore.prove.hearing import Hearing
from paycore.prove.journal import expected
from paycore.prove.loop import Machine, Power
from paycore.prove.refunds import RefundWatch
from paycore.prove.windows import WindowWatch
from paycore.router.rows import DecisionRow
from paycore.sandbox.orders import Move
from paycore.sms.rows import CodeRow, CodeStatus

if TYPE_CHECKING:
    from paycore.prove.payers import Payer
    from paycore.prove.world import World

DRIFT = 0.01
"""How much a simulated machine's clock may be off."""

MOST = 20
"""Violations that are kept of one run: the first ones tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something that must hold and did not."""

    invariant: str
    at: float
    pay_order_no: str
    what: str


class Oracle:
    """Looks, and keeps what it found."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.violations: list[Violation] = []
        self.checked: Counter[str] = Counter()
        self.moves: dict[str, list[Move]] = {}
        self.unasked_for: set[str] = set()
        """Payments that a bank charged by itself."""
        self.lies: set[str] = set()
        """Payments about which a bank contradicted itself."""
        self.payers: dict[str, int] = {}
        self.hearing = Hearing(world, self)
        self.refunds = RefundWatch(world)
        self.agreements = AgreementWatch(world)
        self.desk = DeskWatch(world)
        self.checkouts = CheckoutWatch(world)
        self.windows = WindowWatch(world)
        self.departures = Departures(world, self)
        self._told_yes: dict[str, list[Machine]] = {}
        self._born: dict[str, tuple[float, float]] = {}
        self.writer: Machine | None = None
        """Whose change is being written."""
        self._latest: datetime = world.database_now()
        world.base.watch = self.written

    def holds(self, invariant: str, good: object, what: str, no: str = "") -> None:
        """Count a look; keep what it found where it is not as it must be."""
        self.checked[invariant] += 1
        if good:
            return
        if len(self.violations) < MOST:
            self.violations.append(
                Violation(
                    invariant=invariant,
                    at=self._world.loop.time(),
                    pay_order_no=no,
                    what=what,
                )
            )
        self._world.note(None, f"VIOLATION {invariant}", what, no)

    # --- what is written --------------------------------------------------------------

    def written(self, change: Change, rows: Written) -> None:  # noqa: C901 a row a kind
        """A change that others can see from now on."""
        self._latest = max(self._latest, self._world.database_now())
        for old, new in rows:
            match new:
                case PaymentRow():
                    assert old is None or isinstance(old, PaymentRow)
                    self._payment(old, new, rows)
                case AttemptRow():
                    assert old is None or isinstance(old, AttemptRow)
                    self._attempt(old, new)
                case CodeRow():
                    assert old is None or isinstance(old, CodeRow)
                    self._code(old, new)
                case CouponRow():
                    assert old is None or isinstance(old, CouponRow)
                    self._coupon(old, new)
                case RefundRow():
                    assert old is None or isinstance(old, RefundRow)
                    self.refunds.written(old, new, rows)
                case PostingRow():
                    self._posting(new, rows)
                case NoticeRow() if old is None:
                    self._notice(new)
                case IdempotencyRow() if old is not None:
                    assert isinstance(old, IdempotencyRow)
                    self._kept(old, new)
                case DecisionRow():
                    self._decision(new)
                case NodeRow() if old is None and self.writer is not None:
                    self.writer.epochs.add(new.epoch)

    def _payment(self, old: PaymentRow | None, new: PaymentRow, rows: Written) -> None:
        no, world = new.pay_order_no, self._world
        if world.story is not None:
            steps = [
                f"{row.event}" for _, row in rows if isinstance(row, TransitionRow)
            ]
            lease = "" if new.lease_epoch is None else f"lease {new.lease_epoch} "
            said = f"v{new.version} {new.pay_type.value} {new.biz_status.value} "
            world.note(None, "payment", f"{said}{lease}{' '.join(steps)}", no)
        self.holds(
            "I5", old is None or not old.biz_status.final, "a final order changed", no
        )
        self.holds(
            "I6",
            new.biz_status.final or new.next_check_at is not None,
            "an open order that nobody will look at",
            no,
        )
        if old is not None and not new.biz_status.final:
            self._lease(old, new)
        if old is None:
            self._born[no] = (world.loop.time(), world.leapt_s)
        elif old.pay_type is not new.pay_type:
            self._converted(new)
        if new.biz_status.final and (old is None or not old.biz_status.final):
            self._ended(new, rows)

    def _lease(self, old: PaymentRow, new: PaymentRow) -> None:
        """Nobody gives back what another holds (F48)."""
        if old.lease_epoch is None or old.lease_until is None:
            return
        mine = self.writer is None or old.lease_epoch in self.writer.epochs
        over = old.lease_until <= self._latest
        self.holds(
            "F48",
            mine or over or new.lease_epoch is not None,
            "another's lease was given back",
            new.pay_order_no,
        )

    def _converted(self, new: PaymentRow) -> None:
        no = new.pay_order_no
        legs = [a for a in self._attempts(no) if a.trans_type.moves_money]
        self.holds("I3", not legs, "converted after a money leg", no)
        self.holds(
            "I3",
            new.pay_type is PayType.DEDUCT and new.convert_cause and new.converted_at,
            "converted to something else, or without a cause",
            no,
        )

    def _ended(self, new: PaymentRow, rows: Written) -> None:
        """A final status, with everything that belongs into its commit."""
        no = new.pay_order_no
        attempts = self._attempts(no)
        open_legs = [
            a for a in attempts if a.trans_type.moves_money and a.process_status.open
        ]
        self.holds("I2", not open_legs, "final over an open money leg", no)
        paid = [
            a
            for a in attempts
            if a.trans_type.moves_money and a.process_status is ProcessStatus.GW_SUCCESS
        ]
        success = new.biz_status is BizStatus.SUCCESS
        self.holds("I4", len(paid) == success, "status and money leg disagree", no)
        if paid:
            leg = paid[0]
            self.holds(
                "I4",
                (leg.amount, leg.currency) == (new.payable_amount, new.currency),
                "another amount",
                no,
            )
        postings = [
            r for _, r in rows if isinstance(r, PostingRow) and r.kind == "PAYMENT"
        ]
        self.holds("I14", len(postings) == success, "posted apart from its fact", no)
        notices = [r for _, r in rows if isinstance(r, NoticeRow)]
        self.holds("I16", notices, "an end that nobody is told of", no)
        if new.last_event == Event.EXPIRED:
            self.holds("I27", self._may_expire(new), "closed before its time", no)

    def _may_expire(self, new: PaymentRow) -> bool:
        """Whether the database's clock has ever been there; or, where it fell back,
        so much time has passed: then nodes go on by themselves, and never faster.
        """
        if self._latest >= new.expires_at:
            return True
        born, leapt = self._born[new.pay_order_no]
        passed = self._world.loop.time() - born + self._world.leapt_s - leapt
        lasts = (new.expires_at - new.created_at).total_seconds()
        return passed >= lasts * (1 - 2 * DRIFT)

    def _attempt(self, old: AttemptRow | None, new: AttemptRow) -> None:
        no = new.pay_order_no
        self._world.note(
            None,
            "attempt",
            f"{new.seq} {new.trans_type.value} {new.channel} "
            f"{new.process_status.value} {new.outcome or ''} {new.resp_code}",
            no,
        )
        self.holds(
            "I5", old is None or old.process_status.open, "a final leg changed", no
        )
        if old is None and new.trans_type.moves_money:
            self._leg_begun(new)

    def _leg_begun(self, new: AttemptRow) -> None:
        no, base = new.pay_order_no, self._world.base
        payment = base.load(PaymentRow, no)
        assert payment is not None
        self.agreements.leg_begun(payment, new)
        older = [
            a
            for a in self._attempts(no)
            if a.seq != new.seq
            and a.trans_type.moves_money
            and a.process_status is not ProcessStatus.GW_FAIL
        ]
        self.holds("I2", not older, "a second leg beside an open one", no)
        deduct = payment.pay_type is PayType.DEDUCT
        self.holds(
            "I9",
            (new.trans_type is TransType.DEDUCT) == deduct,
            "a leg of the other method",
            no,
        )
        self.holds(
            "I23",
            new.amount == payment.amount - payment.coupon_amount >= 1,
            "another amount than ordered",
            no,
        )
        if deduct and payment.converted_at is None:
            self._tried_on(payment, new)
        elif deduct:
            codes = base.within(CodeRow, no)
            passed = [c for c in codes if c.status is CodeStatus.PASSED]
            self.holds("I7", passed, "a deduct without a code that passed", no)
            self.holds(
                "I9",
                not passed or passed[-1].seq == payment.code_seq,
                "a deduct by a code that is not the one in force",
                no,
            )

    def _tried_on(self, payment: PaymentRow, new: AttemptRow) -> None:
        """A deduction goes on only where the last channel surely took nothing and says
        that it was the channel's fault; so often, and never twice to the same.
        """
        no = new.pay_order_no
        legs = [a for a in self._attempts(no) if a.trans_type.moves_money]
        older = [a for a in legs if a.seq < new.seq]
        unsent = Outcome.NOT_SENT
        sure = all(a.outcome is unsent or a.blame is Blame.CHANNEL for a in older)
        self.holds("I2", sure, "tried elsewhere without a channel's refusal", no)
        places = {(a.channel, a.account) for a in (*older, new)}
        self.holds("I2", len(places) == len(older) + 1, "tried there twice", no)
        within = len(older) < self._world.settings.deduct_tries
        self.holds("I2", within, "tried more often than may be", no)

    def _code(self, old: CodeRow | None, new: CodeRow) -> None:
        no = new.pay_order_no
        limit = self._world.settings.code_tries
        self.holds("I8", new.tries <= limit, "more tries than there are", no)
        if new.status is CodeStatus.PASSED and (
            old is None or old.status is not CodeStatus.PASSED
        ):
            assert new.passed_at is not None
            self.holds("I8", new.passed_at < new.expires_at, "passed too late", no)
            self.holds(
                "I27", new.passed_at < new.expires_at, "a dead code came to life", no
            )

    def _coupon(self, old: CouponRow | None, new: CouponRow) -> None:
        """What was locked is used with its order, or freed when nothing is open."""
        if old is None or old.status is not CouponStatus.LOCKED:
            return
        holder = old.holder
        assert holder is not None
        if new.status is CouponStatus.LOCKED and new.holder == holder:
            return
        order = self._world.base.load(PaymentRow, holder)
        used = new.status is CouponStatus.USED
        paid = order is not None and order.biz_status is BizStatus.SUCCESS
        self.holds("I10", used == paid, "used and paid disagree", holder)
        open_leg = any(
            a.trans_type.moves_money and a.process_status.open
            for a in self._attempts(holder)
        )
        self.holds("I11", used or not open_leg, "freed while money is open", holder)

    def _posting(self, new: PostingRow, rows: Written) -> None:
        signed = sum(
            row.amount if row.side == "DEBIT" else -row.amount
            for _, row in rows
            if isinstance(row, EntryRow) and row.pay_order_no == new.pay_order_no
        )
        self.holds("I13", signed == 0, "debits are not credits", new.pay_order_no)

    def _notice(self, new: NoticeRow) -> None:
        data = msgspec.json.decode(new.body)["data"]
        self.holds(
            "I17", self._true_of(data), "a notice that a read denies", new.pay_order_no
        )

    def _true_of(self, data: dict[str, Any]) -> bool:
        """Whether a notice says what a read would say."""
        if "refund_no" in data:
            return self.refunds.true_of(data)
        order = self._world.base.load(PaymentRow, data["pay_order_no"])
        return order is not None and data["biz_status"] == order.biz_status.value

    def _kept(self, old: IdempotencyRow, new: IdempotencyRow) -> None:
        if old.status is None or old.expires_at <= self._latest:
            return
        self.holds(
            "I18",
            (old.status, old.body) == (new.status, new.body),
            "an answer that was kept is another now",
            new.pay_order_no or "",
        )

    def _decision(self, new: DecisionRow) -> None:
        if "its breaker is open" in new.candidates:
            self._world.faults.count("breaker_open")

    def rejected(
        self, machine: Machine, change: Change, rejected: ChangeRejected
    ) -> None:
        """What only a bug asks of the database, or two nodes that wanted one slot."""
        if expected(change):
            return
        rows = [one.row for one in change.inserts] + [one.row for one in change.updates]
        no = next((getattr(row, "pay_order_no", "") for row in rows), "")
        self.holds("I1", good=False, what=f"{machine.name}: {rejected}", no=no or "")

    # --- what moves -------------------------------------------------------------------

    def moved(self, moves: Iterable[Move]) -> None:
        """Money moved at a bank."""
        for move in moves:
            no = move.pay_order_no
            so_far = self.moves.setdefault(no, [])
            so_far.append(move)
            self._world.note(
                None, "MONEY", f"{move.kind} {move.amount} {move.bank}", no
            )
            if move.kind == "refund":
                self.refunds.moved(move, so_far)
                continue
            charges = [m for m in so_far if m.kind == "charge"]
            self.holds(
                "I1",
                len(charges) == 1 or no in self.unasked_for,
                "charged twice",
                no,
            )
            order = self._world.base.load(PaymentRow, no)
            self.holds(
                "I23",
                order is not None and move.amount == order.payable_amount,
                "another amount was charged",
                no,
            )

    def unasked(self, no: str) -> None:
        """A bank is about to take money that nobody asked for."""
        self.unasked_for.add(no)

    def lied(self, no: str) -> None:
        """A bank is about to contradict itself."""
        self.lies.add(no)

    def listens(self, no: str, machine: Machine) -> None:
        """A node has a bank's yes in its hands."""
        self._told_yes.setdefault(no, []).append(machine)

    def knows(self, no: str) -> bool:
        """Whether somebody who heard the yes still lives, and so must not forget it."""
        told = self._told_yes.get(no, ())
        return any(machine.power is not Power.DEAD for machine in told)

    def announced(self, request: HttpRequest) -> None:
        """A notice has come: what it says is so (I17)."""
        data = msgspec.json.decode(request.body)["data"]
        true, no = self._true_of(data), data["pay_order_no"]
        self.holds("I17", true, "a notice came before its commit", no)

    def differ(self, differences: Iterable[str]) -> None:
        """What the real journal and the one in memory did not do alike."""
        self.checked["JOURNAL"] += 1
        for what in differences:
            self.holds("JOURNAL", good=False, what=what)

    def bug(self, machine: Machine | None, error: BaseException | str) -> None:
        """Something broke that must not, whatever strikes."""
        name = machine.name if machine is not None else "somewhere"
        self.holds("BUG", good=False, what=f"{name}: {error!r}"[:600])

    # --- the end ----------------------------------------------------------------------

    async def last_look(self, payers: "list[Payer]") -> None:
        """What must hold once everything has come to its end."""
        for broken in self._world.loop.broken:
            self.bug(None, broken)
        await verdict.judge(self._world, payers)

    def _attempts(self, no: str) -> list[AttemptRow]:
        return self._world.base.within(AttemptRow, no)

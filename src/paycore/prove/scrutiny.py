"""A second look in the moment: at what is believed, at leases, lives and switches.

The oracle compares what is written with what must hold; here what is written is
compared with what others did and said by then: what a bank truly told, who lives, which
account is switched off. Each look is exact: in a right program it never fails.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from paycore.accounting.rows import FeedRow
from paycore.cards.rows import AgreementRow
from paycore.core.agreements.rows import SigningRow
from paycore.core.rows import AttemptRow, PaymentRow, RefundRow, TransitionRow
from paycore.core.states import Event
from paycore.desk.rows import CaseRow, CureRow
from paycore.gateway.rows import AccountRow
from paycore.kernel.http import HttpRequest
from paycore.kernel.ids import REFUND_LEGS
from paycore.kernel.journal import Change
from paycore.kernel.journal_memory import Written
from paycore.kernel.lives import Lives
from paycore.kernel.node import NodeRow
from paycore.kernel.terms import (
    SMS_CENTRE,
    BizStatus,
    RefundStatus,
    TransType,
    VerifyStatus,
)
from paycore.prove.coupons import HOST as COUPONS
from paycore.prove.departures import named
from paycore.prove.loop import Machine
from paycore.router.rows import DecisionRow, WindowRow
from paycore.sandbox.orders import Order
from paycore.sms.rows import CodeRow

if TYPE_CHECKING:
    from paycore.prove.houses import Exchange, Glance
    from paycore.prove.running import Running
    from paycore.prove.world import World

BENT = ("_garbage", "_badly_signed", "_other_amount", "_acted_500")
"""Faults by which a bank's yes is not to be believed."""

CHOSEN = frozenset({TransType.QUICK_PAY_SEND_MSG, TransType.DEDUCT})
"""Attempts whose account the router chose; a confirm goes where its code came from."""


class Scrutiny:
    """Looks; what it finds is the oracle's to keep."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._oracle = world.oracle
        self._yes: set[tuple[str, str]] = set()
        """Channel and request number of every charge that its bank truly confirmed."""
        self._counted: set[tuple[str, int]] = set()
        """Verifications whose try was counted when they were begun."""
        self._first = world.base.watch
        world.base.watch = self.written

    # --- what is written --------------------------------------------------------------

    def written(self, change: Change, rows: Written) -> None:  # noqa: C901 a row a kind
        """A change that others can see from now on, after the oracle's own look."""
        if self._first is not None:
            self._first(change, rows)
        counts = any(
            isinstance(new, CodeRow)
            and isinstance(old, CodeRow)
            and new.tries == old.tries + 1
            for old, new in rows
        )
        for old, new in rows:
            match new:
                case AttemptRow() if old is None:
                    self._begun(new, counts=counts)
                case PaymentRow():
                    self._paid(old, new)
                case RefundRow():
                    self._refunded(old, new)
                case SigningRow():
                    assert old is None or isinstance(old, SigningRow)
                    self._oracle.agreements.written(old, new, rows)
                case AgreementRow():
                    assert old is None or isinstance(old, AgreementRow)
                    self._oracle.agreements.kept(old, new)
                case FeedRow():
                    assert old is None or isinstance(old, FeedRow)
                    self._world.ledger.written(old, new)
                case CaseRow() | CureRow():
                    self._oracle.desk.written(old, new, rows)
                case TransitionRow():
                    self._judged(new)
                case NodeRow() if old is not None:
                    self._died(old, new)
                case WindowRow() | AccountRow() | DecisionRow():
                    self._oracle.windows.written(old, new, self._oracle.writer)

    def _begun(self, new: AttemptRow, *, counts: bool) -> None:
        no, base = new.pay_order_no, self._world.base
        if counts and new.trans_type is TransType.SMS_VERIFY:
            self._counted.add((no, new.seq))
        if new.trans_type.moves_money:
            payment = base.load(PaymentRow, no)
            held = payment is not None and payment.held is not None
            self._oracle.holds("I1", not held, "a leg of an order that is held", no)
        if new.trans_type in CHOSEN and new.channel != SMS_CENTRE:
            account = base.load(AccountRow, new.channel, new.account)
            enabled = account is not None and account.enabled
            may = enabled or self._oracle.windows.may_be_on(new.channel)
            self._oracle.holds("I21", may, "an account that is switched off", no)

    def _paid(self, old: object, new: PaymentRow) -> None:
        """I30: nothing is paid but by what its bank truly said."""
        if old is None:
            self._oracle.checkouts.opened(new)
            return
        if new.biz_status is not BizStatus.SUCCESS:
            return
        legs = [
            leg
            for leg in self._world.base.within(AttemptRow, new.pay_order_no)
            if leg.trans_type.moves_money
        ]
        said = any((leg.channel, leg.request_no) in self._yes for leg in legs)
        self._oracle.holds("I30", said, "paid, and no bank said so", new.pay_order_no)

    def _judged(self, new: TransitionRow) -> None:
        """I8: what was compared had been counted before, in an earlier commit."""
        wrong = new.event == Event.CODE_REFUSED and new.cause == VerifyStatus.WRONG
        if new.attempt_seq is None or not (wrong or new.event == Event.CODE_PASSED):
            return
        attempt = self._world.base.load(AttemptRow, new.pay_order_no, new.attempt_seq)
        if attempt is None or attempt.trans_type is not TransType.SMS_VERIFY:
            return
        counted = (new.pay_order_no, new.attempt_seq) in self._counted
        self._oracle.holds(
            "I8", counted, "compared before it was counted", new.pay_order_no
        )

    def _died(self, old: Any, new: NodeRow) -> None:
        """F48: who is declared dead has stopped by himself before."""
        if new.died_at is None or old.died_at is not None:
            return
        running = self._life(new.epoch)
        acts = (
            running is not None
            and not running.node.heartbeat.leaving
            and running.node.lease_holds(0)
        )
        self._oracle.holds("F48", not acts, "declared dead while it may still act")

    def _lives_of(self, machine: Machine) -> set[int]:
        """The life that the machine's node lives."""
        there = (one for one in self._world.nodes if one is not None)
        return {one.node.epoch for one in there if one.machine is machine}

    def _life(self, epoch: int) -> "Running | None":
        """The node that lives it."""
        there = (one for one in self._world.nodes if one is not None)
        return next((one for one in there if one.node.epoch == epoch), None)

    # --- what is claimed and what leaves ---------------------------------------------

    def claims(self, machine: Machine, live: Lives) -> None:
        """F48: nothing is taken from a life that the claiming node knows of, and none
        who acts takes another who acts for dead, however young.
        """
        there = [one for one in self._world.nodes if one is not None]
        mine = next((one for one in there if one.machine is machine), None)
        if mine is None:
            return
        good = all(one in live for one in mine.node.heartbeat.live.known)
        self._oracle.holds("F48", good, "claimed from the hands of the living")
        acts = [one.node for one in there if one.node.lease_holds(0)]
        there_is = [node.epoch for node in acts if not node.heartbeat.leaving]
        good = all(one in node.heartbeat.live for node in acts for one in there_is)
        self._oracle.holds("F48", good, "who acts is taken for dead")

    def leaves(
        self, machine: Machine, host: str, path: str, request: HttpRequest
    ) -> None:
        """Whoever calls about a payment has it in hand himself (F48)."""
        about = self._about(host, path, request)
        if about is None:
            return
        no, operation, row = about
        # Where the database's clock fell back, a node that is slow behind it may find
        # its leases ended when it follows others: a code may then be sent, or a coupon
        # locked, for nothing. Of money that must not be so.
        if self._world.fell_back and operation in ("text", "send_code", "lock"):
            return
        over = isinstance(row, PaymentRow) and row.biz_status.final
        if over and operation == "enquire":
            return  # a callback ended it between the commit and the question
        self._oracle.holds(
            "F48",
            row is not None and row.lease_epoch in self._lives_of(machine),
            "a call about what is not in the caller's hands",
            no,
        )

    def _about(
        self, host: str, path: str, request: HttpRequest
    ) -> "tuple[str, str, PaymentRow | RefundRow | None] | None":
        """The payment that a call is about, what it asks for, and the row that must be
        in its caller's hands; None where none must.
        """
        base, house = self._world.base, self._world.banks.get(host)
        if house is not None:
            seen = house.glance(request, path)
            if seen is None or not seen.request_id:
                return None
            return self._asked(seen)
        if host.startswith("carrier_"):
            no = named(_said(request, "request_id"))[0]
            return no, "text", base.load(PaymentRow, no)
        # Of a coupon, whoever is late tells what another has told meanwhile.
        if host == COUPONS and path.endswith("/lock"):
            no = _said(request, "pay_order_no")
            return no, "lock", base.load(PaymentRow, no)
        return None

    def _asked(
        self, seen: "Glance"
    ) -> "tuple[str, str, PaymentRow | RefundRow | None] | None":
        """The same of a call to a bank."""
        base, (no, seq) = self._world.base, named(seen.request_id)
        if seq <= REFUND_LEGS:
            return no, seen.operation, base.load(PaymentRow, no)
        if seen.operation == "refund":
            return no, "refund", base.load(RefundRow, no, seen.request_id)
        return None

    # --- what banks say ---------------------------------------------------------------

    def answers(self, host: str, exchange: "Exchange", strike: str | None) -> None:
        """A bank answers: remember a yes that is to be believed."""
        reply, operation = exchange.answer.reply, exchange.call.operation
        if operation == "confirm":
            known = reply.code != "ORDER_NOT_FOUND"
            what = "a confirm of an order that its bank never had"
            self._oracle.holds("I19", known, what, reply.pay_order_no)
        if self._says_yes(host, exchange, strike):
            self._yes.add((host, reply.request_id))
        self._lists(host, exchange, strike)

    def _lists(self, host: str, exchange: "Exchange", strike: str | None) -> None:
        """A list says yes to all of it whose money came, but to what it denies."""
        house, asked = self._world.banks[host], exchange.asked
        denied = house.denied(asked) if strike == "enquiry_lies" else None
        if strike is None or not strike.endswith(BENT):
            self._yes.update(
                (host, order.request_id)
                for order in house.lists(asked)
                if order.status == "SUCCESS" and order is not denied
            )

    def turned_away(self, host: str, seen: "Glance") -> None:
        """A bank does nothing with a call: not because it is a confirm of nothing."""
        if seen.operation == "confirm":
            known = seen.request_id in self._world.banks[host].orders
            what = "a confirm of an order that its bank never had"
            self._oracle.holds("I19", known, what, seen.request_id[:-2])

    def _says_yes(self, host: str, exchange: "Exchange", strike: str | None) -> bool:
        """Whether a bank truly says yes to money, in an answer to be believed."""
        operation = exchange.call.operation
        bent = strike is not None and strike.endswith(BENT)
        yes = exchange.answer.reply.status == "SUCCESS" and operation != "send_code"
        return yes and not bent and self._world.banks[host].says_end(operation)

    def paid(self, host: str, exchange: "Exchange", strike: str | None) -> str:
        """The payment whose money a bank truly says it took; or nothing."""
        if not self._says_yes(host, exchange, strike):
            return ""
        reply = exchange.answer.reply
        of_refund = named(reply.request_id)[1] > REFUND_LEGS
        return "" if of_refund else reply.pay_order_no

    def _refunded(self, old: object, new: RefundRow) -> None:
        """I30: nothing is refunded but by what its bank truly said."""
        if new.status is RefundStatus.SUCCESS and old is not None:
            said = (new.channel, new.refund_no) in self._yes
            no = new.pay_order_no
            self._oracle.holds("I30", said, "refunded, and no bank said so", no)

    def tells(self, host: str, order: Order) -> None:
        """A bank calls back, unbent."""
        if order.status == "SUCCESS":
            self._yes.add((host, order.request_id))


def _said(request: HttpRequest, name: str) -> str:
    """A field of a JSON body."""
    return str(msgspec.json.decode(request.body, type=dict[str, Any])[name])

"""Refunds in a simulated world: what must hold of them, in the moment and at the end.

What a bank truly gave back is the oracle; who asks for it is in `returns.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from paycore.accounting.rows import EntryRow, PostingRow
from paycore.core.other_money import FORCED
from paycore.core.refunds.document import refund_of
from paycore.core.refunds.refund import Refund
from paycore.core.refunds.service import RefundRequest
from paycore.core.rows import (
    AttemptRow,
    PaymentRow,
    RefundRow,
    RefundTotalRow,
    RefundTransitionRow,
)
from paycore.desk.rows import CaseRow, CureRow, CureStatus
from paycore.desk.service import case_id
from paycore.kernel.ids import late_refund_no, leg_of_refund
from paycore.kernel.journal_memory import Written
from paycore.kernel.terms import (
    AttemptId,
    BizStatus,
    ProcessStatus,
    RefundKind,
    RefundStatus,
)
from paycore.notify.rows import NoticeRow
from paycore.prove.api import Answer
from paycore.prove.houses import Glance
from paycore.sandbox.orders import Move

if TYPE_CHECKING:
    from paycore.prove.world import World

EXCUSES = frozenset({"REFUND_UNKNOWN_TOO_LONG", "LOOK_FAILED"})
"""Cases that a refund may stay open by."""

TYPES: Mapping[RefundStatus, str] = MappingProxyType(
    {
        RefundStatus.SUCCESS: "refund.succeeded",
        RefundStatus.FAIL: "refund.failed",
        RefundStatus.DOING: "nothing",
    }
)


# --- what must hold, in the moment ----------------------------------------------------


class RefundWatch:
    """Looks at refunds; what it finds is the oracle's to keep."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._told: dict[str, str] = {}
        """By refund: the end that a line was told of."""
        self._numbers: dict[str, str] = {}
        """By the line's own number: the refund that it was told of."""

    def _holds(self, invariant: str, good: object, what: str, no: str) -> None:
        self._world.oracle.holds(invariant, good, what, no)

    def heard(self, request: RefundRequest, answer: Answer | None) -> None:
        """An answer to a line: this refund, of this amount, and one for its number."""
        if answer is None or answer.status not in (200, 201):
            return
        said = answer.read()
        no, number = request.pay_order_no, str(said["refund_no"])
        first = self._numbers.setdefault(request.out_refund_no, number)
        self._holds("I18", first == number, "one number, two refunds", no)
        meant = (request.pay_order_no, request.amount, request.out_refund_no)
        given = (said["pay_order_no"], said["amount"], said["out_refund_no"])
        self._holds("I12", meant == given, "another refund than was asked for", no)
        if said["biz_status"] != "DOING":
            told = self._told.setdefault(number, said["biz_status"])
            self._holds("I12", told == said["biz_status"], "two ends were told", no)

    def written(self, old: RefundRow | None, new: RefundRow, rows: Written) -> None:
        """A refund that others can see from now on."""
        no, world = new.pay_order_no, self._world
        if world.story is not None:
            steps = [r.event for _, r in rows if isinstance(r, RefundTransitionRow)]
            said = f"{new.refund_no[-3:]} {new.money_amount} {new.status.value}"
            world.note(None, "refund", f"{said} {' '.join(steps)}", no)
        final = old is not None and old.status.final
        self._holds("I5", not final, "a final refund changed", no)
        looked = new.status.final or new.next_check_at is not None
        self._holds("I6", looked, "an open refund that nobody will look at", no)
        if new.kind is RefundKind.ASKED:
            self._never_too_much(no)
        if old is None:
            born = {
                RefundKind.ASKED: self._born,
                RefundKind.LATE_MONEY: self._late_born,
                RefundKind.RETURN: self._returned_born,
            }
            born[new.kind](new, rows)
        if new.status.final and not final:
            self._ended(new, rows)

    def _never_too_much(self, no: str) -> None:
        """I12: at every instant what is back, and on its way, was paid before."""
        base = self._world.base
        order, total = base.load(PaymentRow, no), base.load(RefundTotalRow, no)
        rows = [r for r in base.within(RefundRow, no) if r.kind is RefundKind.ASKED]
        live = [row for row in rows if row.status is not RefundStatus.FAIL]
        done = [row for row in rows if row.status is RefundStatus.SUCCESS]
        assert order is not None
        self._holds(
            "I12",
            sum(row.amount for row in live) <= order.amount
            and sum(row.money_amount for row in live) <= order.payable_amount,
            "more refunded than was paid",
            no,
        )
        sums = (
            *(sum(r.amount for r in live), sum(r.money_amount for r in live)),
            *(sum(r.amount for r in done), sum(r.money_amount for r in done)),
        )
        kept = total is not None and (
            *(total.taken_amount, total.taken_money),
            *(total.done_amount, total.done_money),
        )
        self._holds("I12", kept == sums, f"the total is {kept}, its refunds {sums}", no)

    def _late_born(self, new: RefundRow, rows: Written) -> None:
        """Late money: a bank took it and no leg of ours stands for it; in one commit
        it is booked, on the desk, and begins to go back.
        """
        no, world = new.pay_order_no, self._world
        taken = [
            move
            for move in world.oracle.moves.get(no, ())
            if (move.kind, move.bank, move.request_id, move.amount)
            == ("charge", new.channel, new.original_request_no, new.amount)
        ]
        known = taken or no in world.oracle.lies
        self._holds("I12", known, "late money that no bank took", no)
        legs = [
            leg
            for leg in world.base.within(AttemptRow, no)
            if leg.request_no == new.original_request_no
            and leg.trans_type.moves_money
            and leg.process_status is not ProcessStatus.GW_FAIL
        ]
        self._holds("I12", not legs, "late money that is a leg's own", no)
        posted = [r.kind for _, r in rows if isinstance(r, PostingRow)]
        self._holds("I14", posted == ["LATE_MONEY"], "late money not booked", no)
        case = world.base.load(CaseRow, new.case_id or "")
        seen = case is not None and case.status == "OPEN"
        self._holds("I28", seen, "late money that nobody is told of", no)

    def _returned_born(self, new: RefundRow, rows: Written) -> None:
        """By the desk: a bank took it, nothing else of it lives, and its cure, which
        says so much, is executed in this very commit.
        """
        no, world = new.pay_order_no, self._world
        taken = [
            move
            for move in world.oracle.moves.get(no, ())
            if (move.kind, move.bank, move.request_id)
            == ("charge", new.channel, new.original_request_no)
        ]
        self._holds("I12", taken, "a return of what no bank took", no)
        alive = [
            row
            for row in world.base.within(RefundRow, no)
            if row.kind is not RefundKind.ASKED
            and row.original_request_no == new.original_request_no
            and row.status is not RefundStatus.FAIL
        ]
        self._holds("I12", len(alive) == 1, "it goes back twice", no)
        cures = [
            row
            for _, row in rows
            if isinstance(row, CureRow)
            and (row.case_id, row.amount) == (new.case_id, new.amount)
            and row.status is CureStatus.EXECUTED
        ]
        self._holds("I26", len(cures) == 1, "a return of no cure", no)
        order = world.base.load(PaymentRow, no)
        over = order is not None and order.biz_status.final
        self._holds("I12", over, "a return of an order that is open", no)

    def _born(self, new: RefundRow, _: Written) -> None:
        no, base = new.pay_order_no, self._world.base
        order = base.load(PaymentRow, no)
        paid = order is not None and order.biz_status is BizStatus.SUCCESS
        self._holds("I12", paid, "a refund of what was not paid", no)
        leg = _charged(base.within(AttemptRow, no))
        same = leg is not None and (leg.channel, leg.account, leg.request_no) == (
            new.channel,
            new.account,
            new.original_request_no,
        )
        self._holds("I12", same, "a refund by another leg", no)

    def _ended(self, new: RefundRow, rows: Written) -> None:
        no, success = new.pay_order_no, new.status is RefundStatus.SUCCESS
        believed = not success and new.resp_code != FORCED and self._said_yes(new)
        self._holds(
            "I12", not believed, "a no after a yes to other money was believed", no
        )
        asked = new.kind is RefundKind.ASKED
        posted = [r for _, r in rows if isinstance(r, PostingRow)]
        fact = ("REFUND" if asked else "LATE_REFUND", new.refund_no)
        due = success
        if new.kind is RefundKind.RETURN:
            owed = self._late_of(new)
            fact = ("LATE_REFUND", late_refund_no(AttemptId(new.original_request_no)))
            due = success and owed is not None and _of_the_charge(new)
        right = [row for row in posted if (row.kind, row.fact) == fact]
        self._holds("I14", len(right) == due, "posted apart from its fact", no)
        told = [r for _, r in rows if isinstance(r, NoticeRow)]
        late = new.kind is RefundKind.LATE_MONEY
        good = told if asked or (late and success) else not told
        self._holds("I16", good, "a refund's end that nobody is told of", no)
        if not asked:
            case = self._world.base.load(CaseRow, new.case_id or "")
            over = case is not None and (case.status == "CLOSED") == success
            self._holds("I28", over, "late money and its case disagree", no)

    def _said_yes(self, row: RefundRow) -> bool:
        """Whether its bank has said yes to other money, by its row or by the desk's."""
        seq = leg_of_refund(row.refund_no)
        name = case_id("CHANNEL_ALARM", row.pay_order_no, seq, "")
        case = self._world.base.load(CaseRow, name)
        if case is None:
            return row.other_money
        said = msgspec.json.decode(case.evidence, type=dict[str, Any])
        return row.other_money or said["alarm"] == "amount differs"

    def _late_of(self, row: RefundRow) -> RefundRow | None:
        """What had begun to go back by itself of the same charge."""
        number = late_refund_no(AttemptId(row.original_request_no))
        return self._world.base.load(RefundRow, row.pay_order_no, number)

    def _by_the_desk(self, row: RefundRow) -> bool:
        """Whether the desk brought back what did not go back by itself."""
        return any(
            one.kind is RefundKind.RETURN
            and one.original_request_no == row.original_request_no
            and one.status is RefundStatus.SUCCESS
            and _of_the_charge(one)
            for one in self._world.base.within(RefundRow, row.pay_order_no)
        )

    def leaves(self, seen: Glance, no: str) -> None:
        """A call about a refund: of one that is on record, in hand, and as recorded."""
        row = self._world.base.load(RefundRow, no, seen.request_id)
        self._holds("I19", row, "a call about a refund that is not there", no)
        if row is None or seen.operation != "refund":
            return
        asked = (seen.amount, seen.currency, seen.original)
        stands = (row.money_amount, row.currency, row.original_request_no)
        self._holds("I12", asked == stands, "another refund was asked for", no)

    def moved(self, move: Move, so_far: Iterable[Move]) -> None:
        """Money went back at a bank: of a refund of ours, once, and never too much."""
        no, base = move.pay_order_no, self._world.base
        row = base.load(RefundRow, no, move.request_id)
        self._holds(
            "I12",
            row is not None
            and (move.amount, move.currency, move.bank)
            == (row.money_amount, row.currency, row.channel),
            "money went back that no refund of ours stands for",
            no,
        )
        refunds = [one for one in so_far if one.kind == "refund"]
        numbers = Counter(one.request_id for one in refunds)
        self._holds("I12", max(numbers.values()) == 1, "refunded twice", no)
        of = row.original_request_no if row is not None else ""
        taken = sum(
            one.amount
            for one in so_far
            if (one.kind, one.bank, one.request_id) == ("charge", move.bank, of)
        )
        back = sum(one.amount for one in refunds if self._is_of(no, one, of))
        self._holds("I12", back <= taken, "more went back than was taken", no)

    def _is_of(self, no: str, move: Move, request_no: str) -> bool:
        """Whether what went back is of this request's money."""
        row = self._world.base.load(RefundRow, no, move.request_id)
        return row is not None and row.original_request_no == request_no

    def true_of(self, data: Mapping[str, Any]) -> bool:
        """Whether a notice about a refund says what a read would say."""
        no, number = str(data["pay_order_no"]), str(data["refund_no"])
        row = self._world.base.load(RefundRow, no, number)
        return row is not None and dict(data) == msgspec.to_builtins(refund_of(row))

    # --- at the end -------------------------------------------------------------------

    def judge(self, cases: Mapping[str, list[CaseRow]]) -> None:
        """Compare refunds with banks, books and notices, once all has ended."""
        base = self._world.base
        for row in base.every(RefundRow):
            self._judge(row, cases[row.pay_order_no])
            self._booked(row)
            self._announced(row)
        for no, moves in self._world.oracle.moves.items():
            for move in moves:
                if move.kind == "refund":
                    known = base.load(RefundRow, no, move.request_id)
                    self._holds("I12", known, "money of a refund that is not there", no)

    def _judge(self, row: RefundRow, cases: list[CaseRow]) -> None:
        no, world = row.pay_order_no, self._world
        back = _moves_of(world, row)
        honest = no not in world.oracle.lies
        if row.status is RefundStatus.SUCCESS:
            self._holds(
                "I12", len(back) == 1, "refunded, and the bank gave nothing", no
            )
        elif row.status is RefundStatus.FAIL:
            # A bank that says yes or nothing is never told no by us.
            known = not back or not honest
            self._holds("I12", known, "failed, it was said, over money given back", no)
        else:
            over = settled(world, row, cases)
            self._holds("I28", over, "a refund neither final nor on the desk", no)
        told = self._told.get(row.refund_no, row.status.value)
        self._holds("I12", told == row.status.value, f"told {told}, and now not", no)
        events = [
            one.seq
            for one in world.base.within(RefundTransitionRow, no)
            if one.refund_no == row.refund_no
        ]
        good = events == list(range(1, row.events + 1))
        self._holds("I5", good, "a refund's transitions are not one after another", no)

    def _booked(self, row: RefundRow) -> None:
        no, success = row.pay_order_no, row.status is RefundStatus.SUCCESS
        due: dict[str, int] = {}
        if row.kind is RefundKind.LATE_MONEY:
            due = {} if success or self._by_the_desk(row) else self._owed(row)
        elif success and row.kind is RefundKind.ASKED:
            due = {
                f"merchant_pending:{row.biz_line}": row.amount,
                f"channel_receivable:{row.channel}:{row.account}": -row.money_amount,
            }
            if row.coupon_amount:
                due["marketing_cost"] = -row.coupon_amount
        sums: Counter[str] = Counter()
        for entry in self._world.base.within(EntryRow, no):
            if entry.fact == row.refund_no:
                sign = 1 if entry.side == "DEBIT" else -1
                sums[entry.account] += sign * entry.amount
        booked = {account: amount for account, amount in sums.items() if amount}
        self._holds("I15", booked == due, "a refund that is not booked as it was", no)

    @staticmethod
    def _owed(row: RefundRow) -> dict[str, int]:
        """Late money that is not back: a channel has it, and it is its payer's."""
        return {
            f"channel_receivable:{row.channel}:{row.account}": row.amount,
            f"payer_pending:{row.biz_line}": -row.amount,
        }

    def _announced(self, row: RefundRow) -> None:
        no, world = row.pay_order_no, self._world
        mine = [
            notice
            for notice in world.base.within(NoticeRow, no)
            if row.refund_no.encode() in notice.body
        ]
        late = row.kind is RefundKind.LATE_MONEY
        back = row.status is RefundStatus.SUCCESS
        ends = (late and back) if row.kind is not RefundKind.ASKED else row.status.final
        self._holds("I16", len(mine) == ends, "not one notice an end", no)
        told = [
            one
            for one in world.line.told.get(no, ())
            if one.data.get("refund_no") == row.refund_no
        ]
        name = "refund.late_payment" if late and back else TYPES[row.status]
        right = {one.type for one in told} <= {name}
        self._holds("I17", right, "told another end of a refund", no)
        wrong = [one for one in told if not self.true_of(one.data)]
        self._holds("I17", not wrong, "a notice of a refund that was never true", no)


def settled(world: "World", row: RefundRow, cases: Iterable[CaseRow]) -> bool:
    """Whether a refund has come to its end; what an honest bank has given back must be
    found out, and what never left must be sent, whatever is on the desk.
    """
    if row.status.final:
        return True
    if Refund(row).surely_unsent:
        return False
    if row.pay_order_no not in world.oracle.lies and _moves_of(world, row):
        return False
    return any(case.kind in EXCUSES and case.status == "OPEN" for case in cases)


def with_a_person(world: "World", no: str, cases: Iterable[CaseRow]) -> bool:
    """Whether what was taken unasked is on its way back, and a person is to say whether
    it came: the order closes after it, so it waits for the same person.
    """
    told, back = list(cases), world.base.within(RefundRow, no)
    waits = [r for r in back if r.kind is RefundKind.LATE_MONEY and not r.status.final]
    return bool(waits) and all(settled(world, row, told) for row in waits)


def still_open(world: "World", cases: "defaultdict[str, list[CaseRow]]") -> bool:
    """Whether a refund has not come to its end."""
    return any(
        not settled(world, row, cases[row.pay_order_no])
        for row in world.base.waiting(RefundRow)
    )


def _moves_of(world: "World", row: RefundRow) -> list[Move]:
    return [
        move
        for move in world.oracle.moves.get(row.pay_order_no, ())
        if move.request_id == row.refund_no
    ]


def _of_the_charge(returned: RefundRow) -> bool:
    """Whether the desk brought back the charge itself, not a second one under its
    number, nor what the channel took beyond the amount.
    """
    kind = (returned.case_id or "").partition(":")[0]
    return kind not in ("RECON_DUPLICATE_LINE", "RECON_AMOUNT")


def _charged(attempts: Iterable[AttemptRow]) -> AttemptRow | None:
    return next(
        (
            a
            for a in attempts
            if a.trans_type.moves_money and a.process_status is ProcessStatus.GW_SUCCESS
        ),
        None,
    )

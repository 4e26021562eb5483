"""What must hold once everything has come to its end: bank, orders, books, coupons,
notices, limits and answers, compared.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from paycore.accounting.rows import BalanceRow, EntryRow, PostingRow
from paycore.core.late import UNASKED
from paycore.core.order import order_of
from paycore.core.payment import SLOW_ENQUIRY_S
from paycore.core.rows import AttemptRow, PaymentRow, RefundRow, TransitionRow
from paycore.coupon.rows import CouponRow, CouponStatus, HoldRow
from paycore.desk.rows import CaseRow
from paycore.gateway.call import Operation
from paycore.gateway.rows import MessageRow
from paycore.kernel.ids import late_refund_no
from paycore.kernel.journal import LimitCounter
from paycore.kernel.mask import mask_text
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import AttemptId, BizStatus, ProcessStatus, RefundKind
from paycore.notify.rows import NoticeRow, NoticeStatus
from paycore.prove import phones, refunds
from paycore.router import rules
from paycore.router.question import Candidate
from paycore.router.rows import DecisionRow
from paycore.sandbox.orders import Move
from paycore.sms.rows import CodeRow

if TYPE_CHECKING:
    from paycore.prove.payers import Payer
    from paycore.prove.world import World

TYPES = MappingProxyType(
    {
        BizStatus.SUCCESS: "payment.succeeded",
        BizStatus.FAIL: "payment.failed",
        BizStatus.CLOSED: "payment.closed",
        BizStatus.DOING: "nothing",
    }
)
"""What a business line is told of each end."""

GOES_BACK = frozenset({"LATE_MONEY", "CHARGED_WITHOUT_CONFIRM"})
"""Cases of money that a bank took when it must not."""

ABOUT_MONEY = frozenset({Operation.CONFIRM, Operation.DEDUCT, Operation.ENQUIRE})

OVERDUE = timedelta(seconds=60)
"""How much later than promised somebody may look (I6)."""

LONGEST_WAIT = timedelta(seconds=SLOW_ENQUIRY_S) + timedelta(minutes=5)
"""Past the ladder's end, by a clock that may have fallen back meanwhile."""

EXCUSES = frozenset(
    {
        "UNKNOWN_TOO_LONG",
        "CONTRADICTION",
        "LATE_MONEY",
        "CHARGED_WITHOUT_CONFIRM",
        "LOOK_FAILED",
    }
)
"""Cases that an order may stay open by: a person is to say what became of its money.
No other case does: an alarm is not an end, nor is a notice that was parked."""


async def judge(world: "World", payers: "list[Payer]") -> None:
    """Compare everything; what does not agree is the oracle's to keep."""
    cases = cases_of(world)
    orders = world.base.every(PaymentRow)
    for order in orders:
        _order(world, order, cases[order.pay_order_no])
    _strangers_money(world)
    world.oracle.refunds.judge(cases)
    world.oracle.agreements.judge(cases)
    world.oracle.desk.judge()
    world.oracle.checkouts.judge()
    world.oracle.windows.judge()
    world.ledger.judge()
    _coupons(world)
    world.coupons.judge()
    _books(world, orders)
    _notices(world, orders, cases)
    _limits(world, orders)
    phones.judge(world, orders)
    _decisions(world)
    await _answers(world, payers)


def _order(world: "World", order: PaymentRow, cases: list[CaseRow]) -> None:
    oracle, no = world.oracle, order.pay_order_no
    charges = [m for m in oracle.moves.get(no, ()) if m.kind == "charge"]
    kept = [move for move in charges if not _went_back(world, move)]
    if order.biz_status is BizStatus.DOING:
        over = settled(world, order, cases)
        oracle.holds("I28", over, "neither final nor on the desk", no)
        due, now = order.next_check_at, world.database_now()
        soon = due is not None and now - OVERDUE <= due <= now + LONGEST_WAIT
        oracle.holds("I6", soon, "nobody looks at it any more, or not for long", no)
    paid, told = order.biz_status is BizStatus.SUCCESS, any(map(excuses, cases))
    if paid:
        leg = _paid_leg(world, no)
        taken = [m for m in kept if leg is not None and _is(m, leg)]
        oracle.holds("I4", len(taken) == 1, "paid, and the bank took nothing", no)
    else:
        known = told or (no in oracle.lies and not _heard(world, no))
        oracle.holds("I4", not kept or known, "the bank took money, nobody knows", no)
        # A bank that says yes or nothing is never told no by us.
        honest = no not in oracle.lies and no not in oracle.unasked_for
        guessed = order.biz_status.final and charges and honest
        oracle.holds("I4", not guessed, "not paid, it was said, over money taken", no)
    oracle.holds("I1", len(kept) <= 1 or told, "charged twice, and nobody is told", no)
    for case in cases:
        back = case.kind not in GOES_BACK or _begun_to_go_back(world, order, case)
        oracle.holds("I12", back, "late money that stays where it came", no)
    moved = world.base.within(TransitionRow, no)
    oracle.holds(
        "I5",
        [row.seq for row in moved] == list(range(1, order.events + 1)),
        "its transitions are not one after the other",
        no,
    )
    converted = [row for row in moved if row.event == "CONVERTED"]
    meant = order.converted_at is not None
    oracle.holds("I3", len(converted) == meant, "converted more than once", no)


def _went_back(world: "World", move: Move) -> bool:
    """Whether all of a charge is back with its payer, as late money or by the desk."""
    number = late_refund_no(AttemptId(move.request_id))
    numbers = {number, *_returns_of(world, move)}
    return any(
        (one.kind, one.bank, one.amount) == ("refund", move.bank, move.amount)
        and one.request_id in numbers
        for one in world.oracle.moves.get(move.pay_order_no, ())
    )


def _returns_of(world: "World", move: Move) -> set[str]:
    """What the desk had go back of a charge, by number."""
    return {
        row.refund_no
        for row in world.base.within(RefundRow, move.pay_order_no)
        if row.kind is RefundKind.RETURN and row.original_request_no == move.request_id
    }


def _begun_to_go_back(world: "World", order: PaymentRow, case: CaseRow) -> bool:
    """Whether late money that is what its request was to take has a refund; what became
    of that is the refunds' own watch's to say.
    """
    no, seq = order.pay_order_no, case.attempt_seq
    attempt = world.base.load(AttemptRow, no, seq) if seq is not None else None
    if attempt is None or (case.amount, case.currency) != (
        *(attempt.amount, attempt.currency),
    ):
        return True
    legs = [
        leg
        for leg in world.base.within(AttemptRow, no)
        if leg.trans_type.moves_money and leg.request_no == attempt.request_no
    ]
    if any(leg.process_status is not ProcessStatus.GW_FAIL for leg in legs):
        return True
    number = late_refund_no(attempt.request_no)
    return (
        not world.settings.return_late_money
        or world.base.load(RefundRow, no, number) is not None
    )


def settled(world: "World", order: PaymentRow, cases: Iterable[CaseRow]) -> bool:
    """Whether an order has come to its end: it is final, or a person's.

    Nobody's case excuses an open order whose bank took the money and says so to whoever
    asks: that one must be found out.
    """
    if order.biz_status.final:
        return True
    no, oracle = order.pay_order_no, world.oracle
    honest = no not in oracle.lies and no not in oracle.unasked_for
    if honest and any(
        _is(move, leg)
        for move in oracle.moves.get(no, ())
        for leg in world.base.within(AttemptRow, no)
        if leg.trans_type.moves_money and leg.process_status.open
    ):
        return False
    # What no order covers is given back: that keeps none open by itself.
    if any(excuses(case) for case in cases if case.kind not in GOES_BACK):
        return True
    return order.held == UNASKED and refunds.with_a_person(world, no, cases)


def _heard(world: "World", no: str) -> bool:
    """Whether a bank's yes to the money is on record, or was told to a node that lives.

    One that took it, was not heard and then denied it is found by its statement only.
    """
    return world.oracle.knows(no) or any(
        row.direction != "OUT"
        and row.operation in ABOUT_MONEY
        and row.verdict.startswith(Outcome.SUCCEEDED)
        for row in world.base.within(MessageRow, no)
    )


def excuses(case: CaseRow) -> bool:
    """Whether an order may stay open by a case, as long as nobody has closed it."""
    return case.kind in EXCUSES and case.status == "OPEN"


def cases_of(world: "World") -> defaultdict[str, list[CaseRow]]:
    """What is on the desk, by payment."""
    cases: defaultdict[str, list[CaseRow]] = defaultdict(list)
    for row in world.base.every(CaseRow):
        cases[row.pay_order_no or ""].append(row)
    return cases


def _paid_leg(world: "World", no: str) -> AttemptRow | None:
    return next(
        (
            a
            for a in world.base.within(AttemptRow, no)
            if a.trans_type.moves_money and a.process_status is ProcessStatus.GW_SUCCESS
        ),
        None,
    )


def _is(move: Move, leg: AttemptRow) -> bool:
    """Whether a bank's move is the charge of a leg."""
    return (move.request_id, move.amount, move.currency, move.bank) == (
        leg.request_no,
        leg.amount,
        leg.currency,
        leg.channel,
    )


def _strangers_money(world: "World") -> None:
    """What a bank took belongs to an order of ours."""
    for no in world.oracle.moves:
        known = world.base.load(PaymentRow, no) is not None
        world.oracle.holds("I4", known, "money of an order that is not there", no)


def _coupons(world: "World") -> None:
    for row in world.base.every(CouponRow):
        if row.holder is None:
            continue
        order = world.base.load(PaymentRow, row.holder)
        if row.status is CouponStatus.USED:
            good = order is not None and order.biz_status is BizStatus.SUCCESS
            world.oracle.holds("I10", good, "used by an unpaid order", row.holder)
            continue
        due = row.next_check_at
        swept = due is not None and due + OVERDUE >= world.database_now()
        doing = order is not None and order.biz_status is BizStatus.DOING
        world.oracle.holds(
            "I10", doing or swept, "locked for an order that is over", row.holder
        )
    for order in world.base.every(PaymentRow):
        if order.coupon_no is None or order.biz_status is not BizStatus.SUCCESS:
            continue
        if world.base.load(HoldRow, order.pay_order_no) is not None:
            continue  # it lives elsewhere, and is judged there
        coupon = world.base.load(CouponRow, order.biz_line, order.coupon_no)
        used = coupon is not None and (coupon.status, coupon.holder) == (
            CouponStatus.USED,
            order.pay_order_no,
        )
        gone = world.base.load(CaseRow, f"COUPON_GONE:{order.pay_order_no}::")
        world.oracle.holds(
            "I10", used or gone, "paid, and its coupon is not used", order.pay_order_no
        )


def _books(world: "World", orders: list[PaymentRow]) -> None:
    oracle, base = world.oracle, world.base
    entries: Counter[str] = Counter()
    for row in base.every(EntryRow):
        entries[row.account] += _signed(row)
    balances: Counter[str] = Counter()
    for balance in base.every(BalanceRow):
        balances[balance.account] += balance.amount
    oracle.holds("I13", sum(balances.values()) == 0, "the books do not add up")
    same = all(balances[a] == entries[a] for a in {*balances, *entries})
    oracle.holds("I13", same, "balances are not the sum of their entries")
    posted = Counter(
        row.pay_order_no for row in base.every(PostingRow) if row.kind == "PAYMENT"
    )
    _late(world)
    paid = {o.pay_order_no for o in orders if o.biz_status is BizStatus.SUCCESS}
    oracle.holds("I14", set(posted) == paid, "postings and payments differ")
    oracle.holds("I14", all(n == 1 for n in posted.values()), "posted twice")
    for order in orders:
        if order.biz_status is BizStatus.SUCCESS:
            leg = _paid_leg(world, order.pay_order_no)
            assert leg is not None, "I4 has said so"
            lines = base.within(EntryRow, order.pay_order_no)
            booked = {r.account: _signed(r) for r in lines if r.kind == "PAYMENT"}
            what = "not booked as it was taken, owed and paid for"
            oracle.holds("I15", booked == _due(order, leg), what, order.pay_order_no)


def _late(world: "World") -> None:
    """What came late and goes back is booked by its refund, and nothing else is."""
    told = {
        (row.pay_order_no, row.refund_no, row.money_amount)
        for row in world.base.every(RefundRow)
        if row.kind is RefundKind.LATE_MONEY
    }
    booked = {
        (row.pay_order_no, row.fact, row.amount)
        for row in world.base.every(PostingRow)
        if row.kind == "LATE_MONEY"
    }
    world.oracle.holds("I14", told == booked, "late money, and it is not booked")


def _signed(row: EntryRow) -> int:
    return row.amount if row.side == "DEBIT" else -row.amount


def _due(order: PaymentRow, leg: AttemptRow) -> Mapping[str, int]:
    """What is booked of a payment: who has the money, who is owed, who gave the rest.

    Spelled out here, and not asked of the chart: it would agree with itself.
    """
    due = {
        f"channel_receivable:{leg.channel}:{leg.account}": order.payable_amount,
        f"merchant_pending:{order.biz_line}": -order.amount,
    }
    if order.coupon_amount:
        due["marketing_cost"] = order.coupon_amount
    return due


def _notices(
    world: "World",
    orders: list[PaymentRow],
    cases: Mapping[str, list[CaseRow]],
) -> None:
    oracle = world.oracle
    for order in orders:
        no = order.pay_order_no
        rows = world.base.within(NoticeRow, no)
        ends = [row for row in rows if row.type.startswith("payment.")]
        oracle.holds(
            "I16", len(ends) == order.biz_status.final, "not one notice an end", no
        )
        told = world.line.told.get(no, [])
        for row in rows:
            came = [t for t in told if t.notice_id == row.notice_id]
            if row.status is NoticeStatus.DELIVERED:
                oracle.holds("I16", came, "delivered, and it never came", no)
            if row.status is NoticeStatus.PENDING:
                free_at = _free_at(world, row)
                soon = free_at is not None and free_at + OVERDUE >= world.database_now()
                oracle.holds("I16", soon, "a notice that nobody sends", no)
            if row.status is NoticeStatus.PARKED:
                gone = world.faults.hits["notice_gone"] > 0
                seen = any(one.kind == "NOTICE_PARKED" for one in cases[no])
                oracle.holds("I16", gone or seen, "parked, and nobody sees it", no)
        told = [t for t in told if "refund_no" not in t.data]
        if told:
            types = {t.type for t in told}
            right = types == {TYPES[order.biz_status]}
            oracle.holds("I17", right, f"told {types} of {order.biz_status}", no)
        wrong = [t for t in told if _differs(world, order, t.data)]
        oracle.holds("I17", not wrong, "a notice that was never true", no)
    oracle.holds("I17", world.line.unverified == 0, "a notice that nobody signed")


def _free_at(world: "World", row: NoticeRow) -> datetime | None:
    """From when on anybody may take a notice up: once it is due, also where whoever had
    it has died; but not before its lease is over where he lives. He may have found no
    place for it, and no database to give it back to: then its lease brings it back.
    """
    due, until = row.next_check_at, row.lease_until
    lives = any(one and one.node.epoch == row.lease_epoch for one in world.nodes)
    return max(due, until) if due and until and lives else due


def _differs(world: "World", order: PaymentRow, data: Mapping[str, object]) -> bool:
    """Whether a notice says anything else than the order, whose end it tells."""
    now = world.database_now()
    true = order_of(order, now=now, code_gap_s=world.settings.code_gap_s)
    said = msgspec.to_builtins(true)
    return any(data[name] != value for name, value in said.items() if name != "code")


def _limits(world: "World", orders: list[PaymentRow]) -> None:
    """I29: a counter is the sum of what counts: what is open, in force, or paid."""
    held: Counter[str] = Counter()
    for order in orders:
        for attempt in world.base.within(AttemptRow, order.pay_order_no):
            if attempt.reserved is None or not _counts(order, attempt):
                continue
            for counter, amount, _ in msgspec.json.decode(attempt.reserved):
                held[counter] += amount
        for code in world.base.within(CodeRow, order.pay_order_no):
            for counter, amount, _ in msgspec.json.decode(code.held or "[]"):
                held[counter] += amount
    for row in world.base.every(LimitCounter):
        if row.counter.startswith(("sms.", "told.")):
            continue
        world.oracle.holds(
            "I29",
            row.used == held[row.counter],
            f"{row.counter}: {row.used} counted, {held[row.counter]} held",
        )


def _counts(order: PaymentRow, attempt: AttemptRow) -> bool:
    """Whether an attempt's reservation counts now (core/payment.py, `_holding`)."""
    charged = (
        attempt.trans_type.moves_money
        and attempt.process_status is ProcessStatus.GW_SUCCESS
    )
    in_force = attempt.seq == order.code_seq and order.biz_status in (
        BizStatus.DOING,
        BizStatus.SUCCESS,
    )
    return attempt.process_status.open or charged or in_force


def _decisions(world: "World") -> None:
    """I22: what was chosen follows from what was stored of it."""
    for number, row in enumerate(world.base.every(DecisionRow)):
        if row.chosen is None or number % 7:
            continue
        candidates = msgspec.json.decode(row.candidates, type=list[Candidate])
        asked = msgspec.json.decode(row.question)
        draw = msgspec.convert(asked.get("draw", [0, 0]), type=rules.Draw)
        world.oracle.holds(
            "I22",
            rules.recompute(candidates, draw) == row.chosen,
            "a choice that its explanation does not give",
            row.pay_order_no,
        )
        world.oracle.holds(
            "I25",
            mask_text(row.question) == row.question,
            "a decision that holds somebody's number",
            row.pay_order_no,
        )


async def _answers(world: "World", payers: "list[Payer]") -> None:
    """Every line reads what it was told."""
    for payer in payers:
        if payer.shopper is not None:
            await payer.shopper.last_look()
        if not payer.no:
            continue
        answer = await world.api.get(payer.line, payer.no)
        read = answer is not None and answer.status == 200
        world.oracle.holds("I4", read, "an order that cannot be read", payer.no)
        if answer is None or not read:
            continue
        world.oracle.hearing.heard(answer.read())
        said = answer.read()["biz_status"]
        world.oracle.holds(
            "I4",
            not payer.ended or said == payer.ended,
            f"told {payer.ended}, and now {said}",
            payer.no,
        )


def trial_balance(world: "World") -> int:
    """What is left over of debits and credits in each currency, summed: 0."""
    currencies = {
        (row.pay_order_no, row.kind, row.fact): row.currency
        for row in world.base.every(PostingRow)
    }
    left: Counter[str] = Counter()
    for row in world.base.every(EntryRow):
        currency = currencies.get((row.pay_order_no, row.kind, row.fact), "?")
        left[currency] += _signed(row)
    return sum(map(abs, left.values()))

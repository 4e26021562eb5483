"""What must hold once everything has come to its end: bank, orders, books, coupons,
notices, limits and answers, compared.
"""

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from paycore.accounting.rows import BalanceRow, EntryRow, PostingRow
from paycore.core.rows import AttemptRow, PaymentRow, TransitionRow
from paycore.coupon.rows import CouponRow, CouponStatus
from paycore.desk.rows import CaseRow
from paycore.kernel.journal import LimitCounter
from paycore.kernel.mask import mask_text
from paycore.kernel.terms import BizStatus, PayType, ProcessStatus
from paycore.notify.rows import NoticeRow, NoticeStatus
from paycore.router import rules
from paycore.router.rows import DecisionRow
from paycore.router.rules import Candidate
from paycore.sandbox.orders import Move

if TYPE_CHECKING:
    from paycore.prove.payers import Payer
    from paycore.prove.world import World

OVERDUE = timedelta(seconds=60)
"""How much later than promised somebody may look (I6)."""


async def judge(world: "World", payers: "list[Payer]") -> None:
    """Compare everything; what does not agree is the oracle's to keep."""
    cases: dict[str, list[CaseRow]] = {}
    for row in world.base.every(CaseRow):
        cases.setdefault(row.pay_order_no or "", []).append(row)
    orders = world.base.every(PaymentRow)
    for order in orders:
        _order(world, order, cases.get(order.pay_order_no, []))
    _strangers_money(world)
    _coupons(world)
    _books(world, orders)
    _notices(world, orders)
    _limits(world, orders)
    _decisions(world)
    await _answers(world, payers)


def _order(world: "World", order: PaymentRow, cases: list[CaseRow]) -> None:
    oracle, no = world.oracle, order.pay_order_no
    charges = [m for m in oracle.moves.get(no, ()) if m.kind == "charge"]
    if order.biz_status is BizStatus.DOING:
        oracle.holds("I28", cases, "neither final nor on the desk", no)
        late = order.next_check_at is None or (
            order.next_check_at + OVERDUE < world.database_now()
        )
        oracle.holds("I6", not late, "nobody looks at it any more", no)
    paid = order.biz_status is BizStatus.SUCCESS
    if paid:
        leg = _paid_leg(world, no)
        told = [m for m in charges if leg is not None and _is(m, leg)]
        oracle.holds("I4", len(told) == 1, "paid, and the bank took nothing", no)
    else:
        oracle.holds(
            "I4", not charges or cases, "the bank took money, nobody knows", no
        )
        # A bank that says yes or nothing is never told no by us.
        honest = no not in oracle.lies and no not in oracle.unasked_for
        guessed = order.biz_status.final and charges and honest
        oracle.holds("I4", not guessed, "not paid, it was said, over money taken", no)
    oracle.holds(
        "I1", len(charges) <= 1 or cases, "charged twice, and nobody is told", no
    )
    moved = world.base.within(TransitionRow, no)
    oracle.holds(
        "I5",
        [row.seq for row in moved] == list(range(1, order.events + 1)),
        "its transitions are not one after the other",
        no,
    )
    quick = order.pay_type is PayType.QUICK_PAY
    converted = [row for row in moved if row.event == "CONVERTED"]
    oracle.holds("I3", len(converted) == (not quick), "converted more than once", no)


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
        entries[row.account] += row.amount if row.side == "DEBIT" else -row.amount
    balances: Counter[str] = Counter()
    for balance in base.every(BalanceRow):
        balances[balance.account] += balance.amount
    oracle.holds("I13", sum(balances.values()) == 0, "the books do not add up")
    same = all(balances[a] == entries[a] for a in {*balances, *entries})
    oracle.holds("I13", same, "balances are not the sum of their entries")
    posted = Counter(row.pay_order_no for row in base.every(PostingRow))
    paid = {o.pay_order_no for o in orders if o.biz_status is BizStatus.SUCCESS}
    oracle.holds("I14", set(posted) == paid, "postings and payments differ")
    oracle.holds("I14", all(n == 1 for n in posted.values()), "posted twice")
    cleared: Counter[str] = Counter()
    for no in paid:
        leg = _paid_leg(world, no)
        if leg is not None:
            cleared[f"{leg.channel}/{leg.account}"] += leg.amount
    for name, amount in cleared.items():
        booked = sum(v for a, v in balances.items() if name.replace("/", ":") in a)
        oracle.holds("I15", booked == amount, f"{name}: {booked} booked, {amount} took")


def _notices(world: "World", orders: list[PaymentRow]) -> None:
    oracle = world.oracle
    for order in orders:
        no = order.pay_order_no
        rows = world.base.within(NoticeRow, no)
        oracle.holds(
            "I16", len(rows) == order.biz_status.final, "not one notice an end", no
        )
        told = world.line.told.get(no, [])
        for row in rows:
            came = [t for t in told if t.notice_id == row.notice_id]
            if row.status is NoticeStatus.DELIVERED:
                oracle.holds("I16", came, "delivered, and it never came", no)
            if row.status is NoticeStatus.PENDING:
                due, until = row.next_check_at, row.lease_until
                sending = until is not None and until > world.database_now()
                late = due is None or due + OVERDUE < world.database_now()
                oracle.holds(
                    "I16", sending or not late, "a notice that nobody sends", no
                )
        wrong = [t for t in told if t.data["biz_status"] != order.biz_status.value]
        oracle.holds("I17", not wrong, "a notice that was never true", no)
    oracle.holds("I17", world.line.unverified == 0, "a notice that nobody signed")


def _limits(world: "World", orders: list[PaymentRow]) -> None:
    """I29: a counter is the sum of what counts: what is open, in force, or paid."""
    held: Counter[str] = Counter()
    for order in orders:
        for attempt in world.base.within(AttemptRow, order.pay_order_no):
            if attempt.reserved is None or not _counts(order, attempt):
                continue
            for counter, amount, _ in msgspec.json.decode(attempt.reserved):
                held[counter] += amount
    for row in world.base.every(LimitCounter):
        if row.counter.startswith("sms."):
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
        if not payer.no or payer.number % 4:
            continue
        answer = await world.api.get(payer.line, payer.no)
        if answer is None or answer.status != 200:
            continue
        said = answer.read()["biz_status"]
        world.oracle.holds(
            "I4",
            not payer.ended or said == payer.ended,
            f"told {payer.ended}, and now {said}",
            payer.no,
        )

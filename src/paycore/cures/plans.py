"""What a cure would do to a case as it stands: the preview, or a refusal that says why.

`seen` is all that the plan was made from. Should any of it be another by the time it is
executed, the preview does not hold any more, and nothing is done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from paycore.accounting.suspense import Parked
from paycore.core import late
from paycore.core.refunds import recover as refunds
from paycore.core.refunds import returns
from paycore.core.restored import RESTORED
from paycore.core.rows import AttemptRow
from paycore.cures.facts import RECON, Facts
from paycore.cures.table import UNDECIDED, Cure, suggested
from paycore.desk.rows import CaseRow
from paycore.gateway.call import OTHER_MONEY
from paycore.kernel.crypto import content_hash
from paycore.kernel.errors import BizCheckError
from paycore.kernel.ids import attempt_id
from paycore.kernel.money import decimal_text
from paycore.kernel.node import Node
from paycore.kernel.terms import BizStatus
from paycore.recovery import adopting


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be done."""

    does: str
    """In words."""
    does_zh: str
    """The same in Chinese."""
    seen: Mapping[str, object]
    amount: int | None = None
    currency: str | None = None

    def fingerprint(self, cure: Cure) -> bytes:
        """By which it is known again: without the Chinese, which says the same and
        which nodes of the version before do not have.
        """
        plan = (cure, self.does, self.amount, self.currency, self.seen)
        return content_hash(msgspec.json.encode(plan, order="deterministic"))


def plan(node: Node, facts: Facts, cure: Cure) -> Plan:
    """The plan of a cure that suits its case; a refusal where it does not."""
    if facts.case.status != "OPEN":
        raise BizCheckError("The case is closed.", "该差错已关闭")
    if cure not in suggested(facts.case.kind):
        raise BizCheckError("No cure of this kind of case.", "该类差错不适用此处理方式")
    return _PLANS[cure](node, facts)


def _enquire(_: Node, facts: Facts) -> Plan:
    if facts.payment is None:
        raise BizCheckError("It is about no payment.", "该差错不涉及支付订单")
    row, refund = facts.payment.row, facts.refund
    status = row.biz_status if refund is None else refund.status
    if status.final:
        raise BizCheckError(
            "It has had its last word: nobody is asked any more.", "已有最终结果"
        )
    return Plan(
        does="The channel is asked at once, by whoever works; the case stays open.",
        does_zh="立即向渠道查单；差错保持待处理。",
        seen={"open": True},
    )


def _renotify(_: Node, facts: Facts) -> Plan:
    return Plan(
        does="The notice is sent again with the same id; the case is closed.",
        does_zh="重发同一通知，编号不变；差错结案。",
        seen={"notice_id": notice_of(facts.case)},
    )


def notice_of(case: CaseRow) -> str:
    """Which notice a case is about."""
    said = msgspec.json.decode(case.evidence, type=dict[str, object])
    return str(said.get("notice_id", ""))


def _refund(node: Node, facts: Facts) -> Plan:
    """Only what no order covers, and only where it is certain that it was taken."""
    payment, leg, case = facts.payment, facts.leg, facts.case
    if payment is None or leg is None:
        raise BizCheckError("It is about no payment of ours.", "该差错不涉及支付订单")
    if not payment.row.biz_status.final:
        raise BizCheckError(
            "The payment is open: its money may still be its own.", "支付尚未完结"
        )
    if facts.given_back is not None:
        raise BizCheckError("It was given back, or is under way.", "已退款或退款中")
    returns.refuse_incapable(node, leg)
    amount, currency = _strange_money(facts)
    return Plan(
        does=f"{_sum(amount, currency)} go back by {leg.channel}/{leg.account}, request"
        f" {leg.request_no}; the case is closed when the channel says so.",
        does_zh=f"由 {leg.channel}/{leg.account} 原路退回 {_sum(amount, currency)}"
        f"（原请求号 {leg.request_no}）；渠道确认退款后结案。",
        amount=amount,
        currency=currency,
        seen={
            "case": case.case_id,
            "biz_status": payment.row.biz_status,
            "leg": [leg.seq, leg.process_status, leg.request_no],
            "parked": facts.parked and facts.parked.amount,
        },
    )


def _strange_money(facts: Facts) -> tuple[int, str]:
    """How much of it no order covers, in its currency."""
    if facts.case.kind.startswith(RECON):
        parked, leg = facts.parked, facts.leg
        if parked is None and leg is not None and _failed_since(facts, leg):
            return leg.amount, leg.currency
        if parked is None or not parked.surplus or facts.healed:
            raise BizCheckError(
                "The channel has no more of it than our books say.", "渠道无多收款项"
            )
        return parked.amount, parked.currency
    amount, currency = facts.case.amount, facts.case.currency
    if facts.charged or not amount or not currency:
        raise BizCheckError("The order was paid by it.", "该笔款项即订单支付款")
    return amount, currency


def _failed_since(facts: Facts, leg: AttemptRow) -> bool:
    """Whether they had the money when ours was still open, so that nothing was parked,
    and ours failed then: no order covers it.
    """
    behind = facts.case.kind == f"{RECON}STATUS_OURS" and not facts.healed
    return behind and facts.moved_there == leg.amount and not facts.charged


def _adjust(_: Node, facts: Facts) -> Plan:
    if facts.payment is None:
        raise BizCheckError("It is about no payment of ours.", "该差错不涉及支付订单")
    line = facts.payment.row.biz_line
    surplus = _parked(facts).surplus
    way = "credited to" if surplus else "charged to"
    way_zh = "贷记" if surplus else "借记"
    return _out_of_suspense(
        facts,
        f"{way} business line {line}",
        f"调账至业务方 {line}（{way_zh}其账户）",
        to=line,
    )


def _write_off(_: Node, facts: Facts) -> Plan:
    surplus = _parked(facts).surplus
    way = "our gain" if surplus else "our loss"
    way_zh = "收益" if surplus else "损失"
    return _out_of_suspense(
        facts, f"written off as {way}", f"计入差错损益，作为我方{way_zh}", to=""
    )


def _release(_: Node, facts: Facts) -> Plan:
    if not (facts.healed or _caught_up(facts)):
        raise BizCheckError(
            "The difference stands: it cannot be taken as settled.", "差异仍然存在"
        )
    return _out_of_suspense(
        facts, "as if it had never been parked", "视同从未挂账", to="channel"
    )


def _caught_up(facts: Facts) -> bool:
    """Whether our own books know of the money by now."""
    returned = facts.given_back
    back = returned is not None and returned.status == "SUCCESS"
    if returned is not None and late.is_of_more(facts.case.case_id):
        # One line too many that went back says nothing of another.
        back = back and returned.case_id == facts.case.case_id
    ours = facts.case.kind == f"{RECON}STATUS_OURS"
    return back or (ours and facts.charged)


def _out_of_suspense(facts: Facts, where: str, where_zh: str, *, to: str) -> Plan:
    parked = _parked(facts)
    parked_sum = _sum(parked.amount, parked.currency)
    return Plan(
        does=f"{parked_sum} leave suspense, {where}; the case is closed.",
        does_zh=f"挂账金额 {parked_sum} 转出挂账，{where_zh}；差错结案。",
        amount=parked.amount,
        currency=parked.currency,
        seen={"surplus": parked.surplus, "to": to, "back": _return_of(facts)},
    )


def _sum(amount: int, currency: str) -> str:
    """As people read it who are to say yes: never in minor units."""
    return f"{decimal_text(amount, currency)} {currency}"


def _parked(facts: Facts) -> Parked:
    if facts.parked is None:
        raise BizCheckError("Nothing is parked for this case.", "该差错未挂账")
    if facts.given_back is not None and facts.given_back.status == "DOING":
        raise BizCheckError("Its refund is under way.", "退款处理中")
    return facts.parked


def _return_of(facts: Facts) -> str | None:
    return None if facts.given_back is None else facts.given_back.status


def _note(_: Node, facts: Facts) -> Plan:
    """Not where money is parked, and not over a state that somebody works on."""
    if facts.parked is not None:
        raise BizCheckError(
            "Money is parked for this case: settle it first.", "该差错尚有挂账"
        )
    if facts.given_back is not None and facts.given_back.status == "DOING":
        raise BizCheckError("Its refund is under way.", "退款处理中")
    row = None if facts.payment is None else facts.payment.row
    if facts.case.kind in UNDECIDED and not _decided(facts):
        raise BizCheckError(
            "Nobody knows yet whether its money moved: have the channel asked, or write"
            " down by two that it did not.",
            "资金是否划转尚无结论：请查单，或由两人强制认定",
        )
    if row is not None and row.held == RESTORED and not row.biz_status.final:
        raise BizCheckError(
            "The order is held for this: adopt the charge, or close it.",
            "该支付因此被挂起,请补记扣款或关闭订单",
        )
    return Plan(
        does="The case is closed with this reason; nothing else is done.",
        does_zh="以此原因备注结案，不做其他操作。",
        amount=facts.case.amount,
        currency=facts.case.currency,
        seen={"healed": facts.healed, "back": _return_of(facts)},
    )


def _decided(facts: Facts) -> bool:
    """Whether what the case is about has had its last word."""
    if facts.refund is not None:
        return facts.refund.status.final
    return facts.payment is None or facts.payment.money_leg is None


def _adopt(_: Node, facts: Facts) -> Plan:
    send = adopting.adoptable(facts.payment, facts.leg, facts.case)
    return Plan(
        does=f"The confirm of {send.request_no} at {send.channel}/{send.account} is"
        " written down again as open, and asked after at once: the payment goes by what"
        " the channel says. The case is closed.",
        does_zh=f"将 {send.channel}/{send.account} 的短信确认 {send.request_no}"
        " 补记为未决并立即查单，支付以渠道结果为准；差错结案。",
        amount=send.amount,
        currency=send.currency,
        seen={"send": send.seq, "request": send.request_no},
    )


def _close(_: Node, facts: Facts) -> Plan:
    row = adopting.refuse_unheld(facts.payment).row
    return Plan(
        does="Nothing of this order begins any more, and it closes at its time; what"
        " was taken for it is not given back by us. The case is closed.",
        does_zh="该订单不再发起任何交易，到期关闭；已扣资金不由系统退回；差错结案。",
        amount=facts.case.amount,
        currency=facts.case.currency,
        seen={"held": row.held, "attempts": row.attempts},
    )


_YES_BEFORE = (
    " Its channel has said yes to another amount before: be sure that this was wrong.",
    "渠道此前曾确认另一金额：请务必核实该答复有误。",
)


def _force(_: Node, facts: Facts) -> Plan:
    payment = facts.payment
    leg = payment.money_leg if payment is not None else None
    if payment is None or payment.row.biz_status is not BizStatus.DOING or leg is None:
        raise BizCheckError("No money leg of it is open.", "没有未决的扣款请求")
    if payment.row.held == RESTORED:
        # A no ends nothing while another leg may be forgotten that was paid.
        raise BizCheckError(
            "It is held for a restore: let its channels be asked first.",
            "该支付正在恢复核查中,请先完成核查",
        )
    no = attempt_id(payment.row.pay_order_no, leg.seq)
    other_money = leg.resp_code == OTHER_MONEY
    yes, yes_zh = _YES_BEFORE if other_money else ("", "")
    return Plan(
        does=f"{no} is written down as not taken, and the payment fails. Should the"
        f" money have moved after all, it is a case again.{yes}",
        does_zh=f"强制认定 {no} 未扣款，支付置为失败；"
        f"若事后发现资金已划转，将再次产生差错。{yes_zh}",
        amount=leg.amount,
        currency=leg.currency,
        seen={
            "leg": leg.seq,
            "status": leg.process_status,
            "request": leg.request_no,
            "other_money": other_money,
        },
    )


def _force_refund(node: Node, facts: Facts) -> Plan:
    refund = facts.refund
    if refund is None or refund.status.final:
        raise BizCheckError("No refund of it is open.", "没有未决的退款")
    refunds.refuse_under_way(node, refund)
    yes, yes_zh = _YES_BEFORE if refund.other_money else ("", "")
    return Plan(
        does=f"{refund.refund_no} is written down as not given back, and the refund"
        " fails: its money may be refunded again. Should it have moved after all, it is"
        f" a case again.{yes}",
        does_zh=f"强制认定 {refund.refund_no} 未退款，退款置为失败，该金额可再次退款；"
        f"若事后发现资金已退回，将再次产生差错。{yes_zh}",
        amount=refund.money_amount,
        currency=refund.currency,
        seen={
            "refund": refund.refund_no,
            "sends": refund.sends,
            "other_money": refund.other_money,
            "channel_ref": refund.channel_ref,
        },
    )


_PLANS: Mapping[Cure, Callable[[Node, Facts], Plan]] = MappingProxyType(
    {
        Cure.ENQUIRE: _enquire,
        Cure.RENOTIFY: _renotify,
        Cure.REFUND: _refund,
        Cure.ADJUST: _adjust,
        Cure.WRITE_OFF: _write_off,
        Cure.RELEASE: _release,
        Cure.NOTE: _note,
        Cure.ADOPT: _adopt,
        Cure.CLOSE: _close,
        Cure.FORCE_NOT_TAKEN: _force,
        Cure.FORCE_NOT_REFUNDED: _force_refund,
    }
)

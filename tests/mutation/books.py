"""What must be true of every row that a simulated world leaves behind.

The oracle asks of money, limits and ends; here it is the record: each row says what
its columns mean, and the rows of one payment tell one story.
"""

import json

import msgspec

from paycore.cards.rows import CardRow
from paycore.core import conversion
from paycore.core.messages import words
from paycore.core.rows import (
    AttemptRow,
    PaymentRow,
    RefundRow,
    TrailRow,
    TransitionRow,
)
from paycore.core.states import TRANSITIONS
from paycore.desk.rows import CaseRow
from paycore.kernel.ids import LATE_LEGS, REFUND_LEGS, refund_at
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import (
    SMS_CENTRE,
    BizStatus,
    CodeSender,
    PayType,
    ProcessStatus,
    TransType,
    VerifyStatus,
)
from paycore.lines.rows import BizLineRow

SEND = frozenset({TransType.QUICK_PAY_SEND_MSG})
VERIFY = frozenset({TransType.SMS_VERIFY})
CONFIRM = frozenset({TransType.QUICK_PAY_CONFIRM})
MONEY = frozenset({TransType.QUICK_PAY_CONFIRM, TransType.DEDUCT})

ABOUT = {
    "CODE_SENT": SEND,
    "CODE_PASSED": VERIFY,
    "CHARGE_BEGUN": MONEY,
    "CHARGE_UNKNOWN": MONEY,
    "NOT_CHARGED": MONEY | VERIFY,
    "PAID": MONEY,
}
"""Events that are always about an attempt, and of which type."""

SOMETIMES = {"DECLINED": MONEY, "CODE_REFUSED": VERIFY | CONFIRM}
"""Events that may be about one."""

CAUSES = {
    "CODE_SENT": set(CodeSender),
    "CODE_PASSED": {""},
    "CHARGE_BEGUN": {""},
    "PAID": {""},
    "CLOSED": {"CLOSED"},
    "EXPIRED": {"EXPIRED"},
    "CONVERTED": {
        conversion.LINE_DEDUCTS,
        conversion.ROUTE_NONE,
        conversion.ROUTE_ERROR,
        conversion.CHANNEL_DOWN,
        conversion.CHANNEL_REFUSED,
        conversion.CHANNEL_UNKNOWN,
    },
}

SAID = {
    "PAID": {"SUCCESS"},
    "CLOSED": {"CLOSED"},
    "EXPIRED": {"EXPIRED"},
    "CODE_SENT": {"CODE_SENT", "RESEND_FAILED", "NOT_CHARGED"},
    "CHARGE_UNKNOWN": {"CONFIRMING"},
    "NOT_CHARGED": {"NOT_CHARGED", "RESEND_FAILED"},
}
"""What a payment answers whose last event is this one."""

EVIDENCE = {
    "CHANNEL_ALARM": {
        "alarm",
        "channel",
        "account",
        "said_amount",
        "said_currency",
    },
    "COUPON_GONE": {"coupon_no", "biz_status"},
    "CHARGED_WITHOUT_CONFIRM": {"channel", "channel_ref"},
}

COMMANDS = {
    "UniqueCheck",
    "OpenPayment",
    "QuickPaySmsVerify",
    "CouponLock",
    "CardQuickPayConfirm",
    "CardDeductReceipt",
    "CouponModify",
    "CouponFree",
    "PayResultNotifyBiz",
    "CardQuickPaySend",
    "SmsCentreSend",
    "AskBeforeClose",
    "ClosePayment",
    "MandateCheck",
    "CardDeduct",
}

CODED = {
    "QuickPaySmsVerify",
    "CardQuickPayConfirm",
    "CardDeductReceipt",
    "CardQuickPaySend",
    "SmsCentreSend",
}
"""What is never done about a deduction: there is nobody to type a code."""


class Reader:
    """Reads every row as it is written: what is overwritten later was answered too."""

    def __init__(self, store) -> None:
        self._store = store

    def read(self, row) -> None:
        """Assert what must be true of it at any time."""
        kind = type(row)
        said = msgspec.json.encode(row)
        assert row == msgspec.json.decode(said, type=kind), row
        if kind is PaymentRow:
            line = self._store.load(BizLineRow, row.biz_line)
            assert row.resp_msg in ("", words(row.resp_code, line.language)), row
            assert bool(row.resp_msg) == bool(row.resp_code), row


def agree(store) -> None:
    """Assert what must be true in the end."""
    for payment in store.every(PaymentRow):
        no = payment.pay_order_no
        attempts = {row.seq: row for row in store.within(AttemptRow, no)}
        moved = store.within(TransitionRow, no)
        _attempts(payment, attempts)
        for row in moved:
            _transition(payment, attempts, row)
        _codes(store, payment, attempts, moved)
        _end(store, payment, moved)
        _trail(store, payment, attempts)
    for case in store.every(CaseRow):
        _case(store, case)


def _attempts(payment, attempts) -> None:
    assert list(attempts) == list(range(1, payment.attempts + 1))
    for row in attempts.values():
        assert (row.amount, row.currency) == (payment.payable_amount, payment.currency)
        assert all((row.channel, row.account, row.inst_trans_id, row.request_no))
        assert row.process_status is not ProcessStatus.INIT
        assert row.process_status.open == (row.finished_at is None)
        assert row.process_status.open or row.quiet_from <= row.finished_at
        assert row.finished_at is None or row.outcome is not None
        assert (row.blame is not None) == (row.outcome is Outcome.DECLINED)
        ours = row.channel == SMS_CENTRE
        assert ours or row.trans_type is not TransType.SMS_VERIFY
        assert row.outcome is not Outcome.SUCCEEDED or (
            row.process_status is ProcessStatus.GW_SUCCESS
        )


def _transition(payment, attempts, row) -> None:
    event, seq = row.event, row.attempt_seq
    assert any(
        (row.from_status, event, row.to_status)
        == (each.source, each.event, each.target)
        for each in TRANSITIONS
    )
    assert row.cause in CAUSES.get(event, {row.cause}), row
    if event in ABOUT:
        assert attempts[seq].trans_type in ABOUT[event], row
    elif seq is not None:
        assert attempts[seq].trans_type in SOMETIMES[event], row
    if event in ("CODE_SENT", "CODE_PASSED", "PAID"):
        assert attempts[seq].process_status is ProcessStatus.GW_SUCCESS
    if event in ("NOT_CHARGED", "CODE_REFUSED", "DECLINED") and seq is not None:
        assert attempts[seq].process_status is ProcessStatus.GW_FAIL
        assert attempts[seq].trans_type is TransType.SMS_VERIFY or (
            row.cause == attempts[seq].resp_code
        )
    if event in ("DECLINED", "CODE_REFUSED", "SEND_FAILED"):
        assert row.cause, row
    if event == "CODE_REFUSED" and (seq is None or attempts[seq].channel == SMS_CENTRE):
        assert row.cause in set(VerifyStatus)
    if event == "CODE_SENT":
        ours = attempts[seq].channel == SMS_CENTRE
        assert row.cause == (CodeSender.SMS_CENTRE if ours else CodeSender.CHANNEL)
        assert row.at == attempts[seq].finished_at
    if event == "CHARGE_BEGUN":
        assert row.at == attempts[seq].created_at


def _codes(store, payment, attempts, moved) -> None:
    sent = [row for row in moved if row.event == "CODE_SENT"]
    converted = [row for row in moved if row.event == "CONVERTED"]
    deduct = payment.pay_type is PayType.DEDUCT
    if deduct and not converted:
        _deduction(store, payment, attempts, sent)
        return
    assert deduct == bool(converted)
    if converted:
        assert (payment.convert_cause, payment.converted_at) == (
            converted[0].cause,
            converted[0].at,
        )
        sent = [row for row in sent if row.seq > converted[0].seq]
    assert (payment.code_seq is None) == (not sent)
    if not sent:
        return
    last = sent[-1]
    card = store.load(CardRow, payment.card_id)
    assert payment.code_by == last.cause
    assert payment.code_seq == last.attempt_seq
    assert payment.code_sent_at == last.at
    assert payment.code_phone == card.phone_masked
    assert payment.code_expires_at > payment.code_sent_at
    assert deduct == (payment.code_by is CodeSender.SMS_CENTRE)
    judged = {row.event for row in moved if row.seq > last.seq} & {
        "CODE_PASSED",
        "CODE_REFUSED",
        "PAID",
    }
    if not judged:
        assert payment.verify_status is VerifyStatus.NOT_VERIFIED
        assert payment.pass_until is None
    wrong = [
        row
        for row in moved
        if (row.event, row.cause) == ("CODE_REFUSED", VerifyStatus.WRONG)
    ]
    assert payment.wrong_tries >= len(wrong)


def _deduction(store, payment, attempts, sent) -> None:
    """Never converted: a mandate was used from the order on."""
    assert not sent
    assert (payment.code_seq, payment.code_by) == (None, None)
    assert (payment.convert_cause, payment.converted_at) == (None, None)
    assert payment.verify_status is VerifyStatus.NOT_VERIFIED
    assert {row.trans_type for row in attempts.values()} <= {TransType.DEDUCT}
    for trail in store.within(TrailRow, payment.pay_order_no):
        steps = {step["command"] for step in json.loads(trail.steps)}
        assert not steps & CODED, steps


def _end(store, payment, moved) -> None:
    line = store.load(BizLineRow, payment.biz_line)
    final = payment.biz_status is not BizStatus.DOING
    assert payment.resp_msg == words(payment.resp_code, line.language), payment
    assert final == (payment.finished_at is not None)
    assert final == (payment.next_check_at is None)
    assert payment.lease_epoch is None or not final
    if not moved:
        assert payment.last_event == "OPENED"
        return
    last = moved[-1]
    assert (payment.last_event, payment.biz_status) == (last.event, last.to_status)
    assert payment.resp_code in SAID.get(last.event, {payment.resp_code}), payment
    if last.event in ("DECLINED", "SEND_FAILED"):
        assert payment.resp_code == last.cause
    if last.event == "CODE_REFUSED" and last.cause in set(VerifyStatus):
        assert payment.verify_status == last.cause
        assert payment.resp_code in (f"CODE_{last.cause}", "RESEND_FAILED")
    if last.event == "PAID":
        coded = any(row.event == "CODE_SENT" for row in moved)
        assert coded == (payment.verify_status is VerifyStatus.PASS)
    if final:
        assert payment.finished_at == last.at
    passed = [row for row in moved if row.event == "CODE_PASSED"]
    if passed and passed[-1].seq == payment.events:
        assert payment.pass_until == payment.code_expires_at


def _trail(store, payment, attempts) -> None:
    places = {f"{row.channel}/{row.account}" for row in attempts.values()}
    for trail in store.within(TrailRow, payment.pay_order_no):
        steps = json.loads(trail.steps)
        assert steps
        assert trail.epoch > 0
        for step in steps:
            assert set(step) == {"at", "command", "result", "note"}
            assert step["at"]
            assert step["command"]
            assert step["result"]
            if step["command"] in COMMANDS and step["result"] == "CALL":
                assert step["note"] in places, step
    assert payment.step in COMMANDS, payment.step


def _case_of_refund(store, case, evidence) -> None:
    refund = store.load(
        RefundRow, case.pay_order_no, refund_at(case.pay_order_no, case.attempt_seq)
    )
    assert (case.amount, case.currency) == (refund.money_amount, refund.currency)
    said = EVIDENCE[case.kind] | {"refund_no", "channel_ref"}
    assert said == set(evidence), case
    places = (evidence["channel"], evidence["account"])
    assert places == (refund.channel, refund.account)


def _case(store, case) -> None:
    if case.kind not in EVIDENCE:
        return
    evidence = json.loads(case.evidence)
    payment = store.load(PaymentRow, case.pay_order_no)
    if (case.attempt_seq or 0) > REFUND_LEGS:
        _case_of_refund(store, case, evidence)
        return
    # By callback or enquiry more is known of it than by the question before a close.
    more = {"account"} if case.kind == "CHARGED_WITHOUT_CONFIRM" else set()
    if "refund_no" in evidence:  # late money that goes back, and what became of it
        number = refund_at(case.pay_order_no, LATE_LEGS + case.attempt_seq)
        refund = store.load(RefundRow, case.pay_order_no, number)
        assert number == evidence["refund_no"]
        end = {"refund_status": refund.status, "refund_code": refund.resp_code}
        found = {name: evidence[name] for name in end if name in evidence}
        assert found == (end if refund.status.final else {}), case
        more |= {"account", "refund_no", *found}
    assert set(evidence) - more == EVIDENCE[case.kind] - more, case
    if case.kind == "COUPON_GONE":
        assert case.amount == payment.coupon_amount
        assert evidence["coupon_no"] == payment.coupon_no
        assert evidence["biz_status"] == "SUCCESS"
    else:
        attempt = store.load(AttemptRow, case.pay_order_no, case.attempt_seq)
        assert evidence["channel"] == attempt.channel
    if case.kind == "CHANNEL_ALARM":
        assert (case.amount, case.currency) == (
            payment.payable_amount,
            payment.currency,
        )
        assert evidence["account"] == attempt.account
        assert evidence["alarm"]
    assert case.currency == payment.currency

"""What each answer to a money leg makes of the payment, and what a confirm asks for."""

import json
from datetime import timedelta

import pytest
from a_payment import NO, NO_ANSWER, NOW, YES, begun, sent
from a_run import an_order, converted, events, run_of, says, told
from msgspec.structs import replace

from paycore.core import ask as asking
from paycore.core.chain import LastCall, Next
from paycore.core.commands import CardQuickPayConfirm
from paycore.core.settle import settle
from paycore.gateway import service as gateway
from paycore.gateway.call import Operation, Reply
from paycore.gateway.channels.sandbox import Sandbox
from paycore.gateway.service import Answer, Prepared
from paycore.kernel.clock import SystemClock
from paycore.kernel.outcome import AfterCharge, Blame, Outcome
from paycore.kernel.terms import (
    BizStatus,
    ProcessStatus,
    TransType,
    VerifyStatus,
)

NOT_FOUND = Reply(outcome=Outcome.UNKNOWN, resp_code="NO_SUCH_ORDER", not_found=True)


def declined(blame: Blame, **given) -> Reply:
    return Reply(outcome=Outcome.DECLINED, blame=blame, resp_code="R1", **given)


async def charged(kind: TransType, reply: Reply, *, call_ended: bool = True):
    """A payment whose money leg of this type got this answer."""
    payment = converted() if kind is TransType.DEDUCT else an_order()
    if kind is TransType.QUICK_PAY_CONFIRM:
        sent(payment)
    leg = begun(payment, kind)
    run = await run_of(payment)
    step = await settle(run, leg, reply, call_ended=call_ended)
    return run, payment.attempts[leg.seq], step


CONFIRM, DEDUCT = TransType.QUICK_PAY_CONFIRM, TransType.DEDUCT
OK, NO_GOOD, OPEN = (
    ProcessStatus.GW_SUCCESS,
    ProcessStatus.GW_FAIL,
    ProcessStatus.GW_DOING,
)


@pytest.mark.parametrize(
    ("kind", "reply", "expected"),
    [
        (CONFIRM, YES, (AfterCharge.PAID, OK, "PAID", "", "SUCCESS")),
        (DEDUCT, YES, (AfterCharge.PAID, OK, "PAID", "", "SUCCESS")),
        *(
            (kind, declined(blame), (AfterCharge.FAIL, NO_GOOD, "DECLINED", "R1", "R1"))
            for kind in (CONFIRM, DEDUCT)
            for blame in (Blame.PAYER, Blame.CARD, Blame.REQUEST)
        ),
        (
            CONFIRM,
            declined(Blame.CODE),
            (AfterCharge.ASK_CODE_AGAIN, NO_GOOD, "CODE_REFUSED", "R1", "R1"),
        ),
        (
            DEDUCT,
            declined(Blame.CODE),
            (AfterCharge.FAIL, NO_GOOD, "DECLINED", "R1", "R1"),
        ),
        (
            CONFIRM,
            declined(Blame.CHANNEL),
            (AfterCharge.FAIL, NO_GOOD, "DECLINED", "R1", "R1"),
        ),
        (
            DEDUCT,
            declined(Blame.CHANNEL),
            (
                AfterCharge.NEXT_DEDUCT_ROUTE,
                NO_GOOD,
                "NOT_CHARGED",
                "R1",
                "NOT_CHARGED",
            ),
        ),
        *(
            (
                kind,
                Reply(outcome=Outcome.NOT_SENT, resp_code="N1"),
                (AfterCharge.NOT_TAKEN, NO_GOOD, "NOT_CHARGED", "N1", "NOT_CHARGED"),
            )
            for kind in (CONFIRM, DEDUCT)
        ),
        *(
            (
                kind,
                Reply(outcome=outcome, resp_code="U1"),
                (AfterCharge.ENQUIRE, OPEN, "CHARGE_UNKNOWN", "U1", "CONFIRMING"),
            )
            for kind in (CONFIRM, DEDUCT)
            for outcome in (Outcome.UNKNOWN, Outcome.PENDING)
        ),
        (
            DEDUCT,
            NOT_FOUND,
            (
                *(AfterCharge.ENQUIRE, OPEN, "CHARGE_UNKNOWN"),
                *("NO_SUCH_ORDER", "CONFIRMING"),
            ),
        ),
    ],
)
async def test_an_answer_to_our_call(kind, reply, expected):
    """One answer is one step, one event with its cause, and one word to the line."""
    run, leg, step = await charged(kind, reply)
    event = events(run)[-1]

    assert expected == (
        step,
        leg.process_status,
        event.event,
        event.cause,
        run.payment.row.resp_code,
    )
    assert says(expected[-1]) == told(run)
    assert leg.seq == event.attempt_seq
    assert (leg.finished_at is None) == (leg.process_status is OPEN)
    assert leg.outcome is reply.outcome
    assert run.change.empty


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (YES, VerifyStatus.PASS),
        (declined(Blame.CODE), VerifyStatus.WRONG),
        (
            declined(Blame.CODE, verify_status=VerifyStatus.EXPIRED),
            VerifyStatus.EXPIRED,
        ),
        (declined(Blame.CARD), VerifyStatus.NOT_VERIFIED),
    ],
)
async def test_a_confirm_judges_the_code_too(reply, expected):
    """In quick pay the channel's answer is its verdict on its own code."""
    run, _, _ = await charged(CONFIRM, reply)

    assert expected is run.payment.row.verify_status


async def test_a_deduct_says_nothing_of_the_code():
    """Our own code was judged before; a deduct's yes does not judge it again."""
    run, _, _ = await charged(DEDUCT, YES)

    assert VerifyStatus.NOT_VERIFIED is run.payment.row.verify_status
    assert BizStatus.SUCCESS is run.payment.row.biz_status


async def test_an_enquiry_that_knows_nothing_yet_moves_nothing():
    """An answer by another door is noted on the leg; the wait goes on as it was."""
    payment = converted()
    leg = begun(payment, DEDUCT)
    payment.look_again()
    run = await run_of(payment)
    before = len(events(run))
    step = await settle(run, leg, NO_ANSWER, call_ended=False)

    assert AfterCharge.ENQUIRE is step
    assert before == len(events(run))
    assert (1, 1) == (payment.row.checks, payment.attempts[leg.seq].enquiries)
    assert says("CONFIRMING") == told(run)


async def test_a_wait_begins_on_the_first_rung():
    """The end of our own call starts the ladder of enquiries."""
    payment = converted()
    leg = begun(payment, DEDUCT)
    payment.look_again()
    run = await run_of(payment)
    await settle(run, leg, NO_ANSWER, call_ended=True)

    assert (0, 0) == (payment.row.checks, payment.attempts[leg.seq].enquiries)


async def test_nobody_goes_elsewhere_after_the_chain():
    """A refusal that is the channel's own, heard by enquiry, is the payment's end."""
    run, leg, step = await charged(DEDUCT, declined(Blame.CHANNEL), call_ended=False)

    assert (AfterCharge.FAIL, NO_GOOD) == (step, leg.process_status)
    assert BizStatus.FAIL is run.payment.row.biz_status


async def test_not_found_is_not_the_last_word_where_time_has_leapt():
    """A window is over when so much time has passed, not when a clock says so (F29,
    F69): the request may be on its way still.
    """
    payment = converted()
    run = await run_of(payment)
    window = gateway.acceptance_window(run.node, "deduct_a")
    leg = begun(payment, DEDUCT, channel="deduct_a", quiet_from=NOW)
    moment = [0.0]
    run.node.clock = SystemClock(NOW, monotonic=lambda: moment[0])
    run.node.clock.anchor(NOW + timedelta(hours=1))
    just_after = await settle(run, leg, NOT_FOUND, call_ended=False)
    moment[0] += window.total_seconds() + run.node.unheard_s
    later = await settle(
        run, run.payment.attempts[leg.seq], NOT_FOUND, call_ended=False
    )

    assert (AfterCharge.ENQUIRE, AfterCharge.FAIL) == (just_after, later)


TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("late", "steady_late_s", "final"),
    [
        (timedelta(0), 0.0, True),
        (timedelta(0), -0.001, False),
        (-TICK, 0.0, False),
        (timedelta(seconds=-9), 3600.0, False),
    ],
)
async def test_the_window_is_over_at_its_very_end(late, steady_late_s, final):
    """Reached, not passed: by the wall clock, and as much and a lease by one that has
    been steady so long.
    """
    payment = converted()
    run = await run_of(payment)
    window = gateway.acceptance_window(run.node, "deduct_a")
    assert window == timedelta(seconds=10)
    steady = window.total_seconds() + run.node.unheard_s
    moment = [0.0]
    run.node.clock = SystemClock(NOW, monotonic=lambda: moment[0])
    run.node.clock.anchor(NOW + timedelta(hours=1))
    moment[0] = steady + steady_late_s
    leg = begun(payment, DEDUCT, channel="deduct_a", quiet_from=run.now - window - late)
    step = await settle(run, leg, NOT_FOUND, call_ended=False)

    assert (AfterCharge.FAIL if final else AfterCharge.ENQUIRE) is step


@pytest.mark.parametrize(("asked_s", "final"), [(-0.001, False), (0.0, True)])
async def test_not_found_speaks_of_the_moment_it_was_asked_for(asked_s, final):
    """Heard, or written down, after the window's end it is not yet the last word: the
    request may have come to the channel in between (F29, F36).
    """
    payment = converted()
    run = await run_of(payment)
    window = gateway.acceptance_window(run.node, "deduct_a")
    leg = begun(payment, DEDUCT, channel="deduct_a", quiet_from=NOW - window)
    moment = [0.0]
    run.node.clock = SystemClock(NOW, monotonic=lambda: moment[0])
    ask = asking.call(run, leg, timeout_s=3.0, operation=Operation.ENQUIRE)
    ask = replace(ask, asked_at=NOW + timedelta(seconds=asked_s))
    run.last = LastCall(
        leg.seq,
        Prepared(ask=ask, opened=None, outgoing=None),
        Answer(reply=NOT_FOUND, message=None),
        call_ended=False,
    )
    moment[0] = 60.0
    step = await settle(run, leg, NOT_FOUND, call_ended=False)

    assert (AfterCharge.FAIL if final else AfterCharge.ENQUIRE) is step


async def test_the_clock_was_steady_when_it_was_asked():
    """What has passed since the question does not count."""
    payment = converted()
    run = await run_of(payment)
    window = gateway.acceptance_window(run.node, "deduct_a")
    leg = begun(payment, DEDUCT, channel="deduct_a", quiet_from=NOW - 2 * window)
    steady = window.total_seconds() + run.node.unheard_s
    moment = [0.0]
    run.node.clock = SystemClock(NOW, monotonic=lambda: moment[0])
    run.node.clock.anchor(NOW + timedelta(hours=1))
    moment[0] = steady - 1.0
    ask = asking.call(run, leg, timeout_s=3.0, operation=Operation.ENQUIRE)
    prepared = Prepared(ask=ask, opened=None, outgoing=None)
    answer = Answer(reply=NOT_FOUND, message=None)
    run.last = LastCall(leg.seq, prepared, answer, call_ended=False)
    moment[0] += 60.0

    step = await settle(run, leg, NOT_FOUND, call_ended=False)
    assert AfterCharge.ENQUIRE is step


@pytest.mark.parametrize(("late_s", "final"), [(-30.0, False), (0.0, True)])
async def test_not_found_is_the_last_word_only_after_the_window(late_s, final):
    """As long as the channel may still come to know of it, it is asked again."""
    payment = converted()
    run = await run_of(payment)
    window = gateway.acceptance_window(run.node, "deduct_a")
    leg = begun(
        payment,
        DEDUCT,
        channel="deduct_a",
        quiet_from=NOW - window - timedelta(seconds=late_s),
    )
    step = await settle(run, leg, NOT_FOUND, call_ended=False)

    assert (AfterCharge.FAIL if final else AfterCharge.ENQUIRE) is step
    if final:
        assert says("NOT_TAKEN") == told(run)
        event = events(run)[-1]
        assert ("DECLINED", "NOT_TAKEN") == (event.event, event.cause)
        assert "NOT_TAKEN" == payment.attempts[leg.seq].resp_code


@pytest.mark.parametrize(
    ("amount", "currency", "alarm", "named"),
    [
        (901, "CNY", None, "amount differs"),
        (900, "USD", None, "amount differs"),
        (901, "CNY", "odd", "odd"),
    ],
)
async def test_a_yes_over_other_money_is_for_a_person(amount, currency, alarm, named):
    """It is no yes: the leg stays open, and a case says what was said and asked."""
    reply = Reply(
        outcome=Outcome.SUCCEEDED, amount=amount, currency=currency, alarm=alarm
    )
    run, leg, step = await charged(DEDUCT, reply)
    (staged,) = run.change.inserts
    case = staged.row

    assert (AfterCharge.ENQUIRE, OPEN) == (step, leg.process_status)
    assert (Outcome.UNKNOWN, "AMOUNT_DIFFERS") == (leg.outcome, leg.resp_code)
    assert ("CHANNEL_ALARM", NO, leg.seq, 900, "CNY") == (
        case.kind,
        case.pay_order_no,
        case.attempt_seq,
        case.amount,
        case.currency,
    )
    assert {
        "alarm": named,
        "channel": leg.channel,
        "account": leg.account,
        "said_amount": amount,
        "said_currency": currency,
    } == json.loads(case.evidence)


async def test_an_alarm_is_told_once():
    """The same alarm at every enquiry is one case; a new one is another."""
    payment = converted()
    leg = begun(payment, DEDUCT)
    run = await run_of(payment)
    reply = Reply(outcome=Outcome.UNKNOWN, resp_code="BAD_SIGNATURE", alarm="forged?")
    await settle(run, leg, reply, call_ended=True)
    assert 1 == len(run.change.inserts)
    run.change = run.node.change()
    await settle(run, payment.attempts[leg.seq], reply, call_ended=False)
    assert run.change.empty
    other = replace(payment.attempts[leg.seq], resp_code="ELSE")
    await settle(run, other, reply, call_ended=False)

    assert 1 == len(run.change.inserts)


# --- the confirm ----------------------------------------------------------------------


async def test_a_confirm_goes_where_the_code_came_from():
    """Same channel, account and token as the send; a yes there is the payment's end."""
    payment = an_order()
    send = sent(payment, channel="quick_a", account="main")
    run = await run_of(payment, code="123456")
    ask = await CardQuickPayConfirm().before(run)

    assert (Operation.CONFIRM, "quick_a", "main", "123456") == (
        ask.operation,
        ask.channel,
        ask.account,
        ask.code,
    )
    assert ("agreement_quick_a_shop", send.channel_token) == (
        ask.agreement,
        ask.channel_token,
    )
    assert send.request_no == ask.request_no
    assert run.node.settings.money_timeout_s == ask.timeout_s
    event = events(run)[-1]
    assert ("CHARGE_BEGUN", ask.attempt_seq) == (event.event, event.attempt_seq)
    assert Next.NEXT is await CardQuickPayConfirm().after(run, ask.attempt_seq, YES)
    assert BizStatus.SUCCESS is payment.row.biz_status


async def test_a_confirm_brings_back_what_the_send_was_given():
    """The token of the send's answer is how the channel knows which order it is."""
    payment = an_order()
    send = sent(payment)
    payment.attempts[send.seq] = replace(send, channel_token="t-9")
    ask = await CardQuickPayConfirm().before(await run_of(payment))

    assert "t-9" == ask.channel_token


@pytest.mark.parametrize("inherits", [True, False])
async def test_whose_number_a_confirm_carries_is_the_channels_to_say(
    monkeypatch, inherits
):
    """That of the send that opened the order there, or one of the confirm's own."""
    monkeypatch.setattr(Sandbox, "confirm_inherits_request_no", inherits)
    payment = an_order()
    send = sent(payment)
    ask = await CardQuickPayConfirm().before(await run_of(payment))

    assert inherits == (send.request_no == ask.request_no)
    assert ask.request_no == payment.money_leg.request_no


@pytest.mark.parametrize("names_card", [True, False])
async def test_a_confirm_is_given_the_card_where_it_must_name_it(
    monkeypatch, names_card
):
    """And nowhere else: facts that nobody needs leave the vault for no call."""
    monkeypatch.setattr(Sandbox, "confirm_names_card", lambda *_: names_card)
    payment = an_order()
    sent(payment)
    ask = await CardQuickPayConfirm().before(await run_of(payment))

    assert names_card == (ask.card is not None)


async def test_a_confirm_of_unknown_fate_begins_its_own_wait():
    """Our own call is over: the leg is quiet, and the ladder starts at its foot."""
    payment = an_order()
    sent(payment)
    run = await run_of(payment)
    ask = await CardQuickPayConfirm().before(run)
    payment.look_again()
    step = await CardQuickPayConfirm().after(run, ask.attempt_seq, NO_ANSWER)

    assert Next.NEXT is step
    assert ("CHARGE_UNKNOWN", ask.attempt_seq) == (
        events(run)[-1].event,
        events(run)[-1].attempt_seq,
    )
    assert (0, 0) == (payment.row.checks, payment.money_leg.enquiries)


async def test_a_confirm_without_its_agreement_is_declined():
    """An agreement that ended meanwhile ends the payment, and nobody is asked."""
    payment = an_order()
    sent(payment, channel="quick_z", account="main")
    run = await run_of(payment, code="123456")

    assert Next.NEXT is await CardQuickPayConfirm().before(run)
    assert says("AGREEMENT_GONE") == told(run)
    assert BizStatus.FAIL is payment.row.biz_status

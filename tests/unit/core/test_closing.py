"""Closing: who is asked first, and what each answer leads to."""

import json

import pytest
from a_payment import NO, NO_ANSWER, sent
from a_run import an_order, converted, events, run_of, says, told

from paycore.core import service as core
from paycore.core.chain import Next
from paycore.core.closing import MAX_ASKS_ON_EXPIRY, AskBeforeClose, ClosePayment
from paycore.core.keys import Key, KeyClaim
from paycore.gateway.call import Operation, Reply
from paycore.kernel.lives import Lives
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import BizStatus, Epoch


async def test_a_channel_with_an_open_order_is_asked():
    """Before a close the channel that sent the code says what it knows of its order."""
    payment = an_order()
    send = sent(payment)
    run = await run_of(payment)
    ask = await AskBeforeClose().before(run)

    assert (Operation.ENQUIRE, send.seq, send.request_no) == (
        ask.operation,
        ask.attempt_seq,
        ask.request_no,
    )
    assert run.node.settings.enquiry_timeout_s == ask.timeout_s
    assert Operation.SEND_CODE is ask.enquired_operation


@pytest.mark.parametrize("payment", [an_order, converted])
async def test_who_has_no_order_of_ours_is_not_asked(payment):
    """Where no code went out, or we sent it ourselves, there is nobody to ask."""
    run = await run_of(payment())

    assert Next.NEXT is await AskBeforeClose().before(run)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(outcome=Outcome.UNKNOWN, not_found=True),
        Reply(outcome=Outcome.DECLINED, blame=Blame.PAYER),
    ],
)
async def test_nothing_taken_closes(reply):
    """A channel that knows of no money lets the order be closed."""
    payment = an_order()
    send = sent(payment)
    run = await run_of(payment)

    assert Next.NEXT is await AskBeforeClose().after(run, send.seq, reply)
    assert 0 == payment.row.checks


@pytest.mark.parametrize(
    ("expiring", "asks", "expected"),
    [
        (False, MAX_ASKS_ON_EXPIRY, Next.STOP),
        (True, MAX_ASKS_ON_EXPIRY - 2, Next.STOP),
        (True, MAX_ASKS_ON_EXPIRY - 1, Next.NEXT),
        (True, MAX_ASKS_ON_EXPIRY, Next.NEXT),
    ],
)
async def test_no_answer_is_asked_for_again(expiring, asks, expected):
    """A channel that is away keeps an order open, an expired one not for ever."""
    payment = an_order(checks=asks)
    send = sent(payment)
    run = await run_of(payment, expiring=expiring)

    assert expected is await AskBeforeClose().after(run, send.seq, NO_ANSWER)
    assert asks + 1 == payment.row.checks


async def test_money_that_nobody_asked_for_is_for_a_person():
    """Nothing of the order begins any more, and the case says whose money it is and
    where it lies; of another amount than was asked for nothing goes back by itself.
    """
    payment = an_order()
    send = sent(payment, channel="quick_a")
    run = await run_of(payment)
    reply = Reply(
        outcome=Outcome.SUCCEEDED, amount=777, currency="USD", channel_ref="r9"
    )

    assert Next.STOP is await AskBeforeClose().after(run, send.seq, reply)
    assert "LATE_MONEY_AT_DESK" == payment.row.held
    assert not payment.waits_for_a_person
    (staged,) = run.change.inserts
    case = staged.row
    assert ("CHARGED_WITHOUT_CONFIRM", NO, send.seq, 777, "USD") == (
        case.kind,
        case.pay_order_no,
        case.attempt_seq,
        case.amount,
        case.currency,
    )
    assert {"channel": "quick_a", "channel_ref": "r9"} == json.loads(case.evidence)


@pytest.mark.parametrize(
    ("expiring", "word"),
    [(True, "EXPIRED"), (False, "CLOSED")],
)
async def test_closed_is_closed(expiring, word):
    """By its line or by its time: the answer and the history say which."""
    run = await run_of(an_order(), expiring=expiring)

    assert Next.NEXT is await ClosePayment().run(run)
    assert says(word) == told(run)
    assert BizStatus.CLOSED is run.payment.row.biz_status
    (event,) = events(run)
    assert (word, word, None) == (event.event, event.cause, event.attempt_seq)
    assert run.payment.row.finished_at == event.at


@pytest.mark.parametrize("begun", [False, True])
async def test_what_is_kept_with_an_act_is_kept_once(begun):
    """In the change that begins it: who goes on under the key of a passage that died
    finds it there.
    """
    run = await run_of(an_order(amount=900, coupon_amount=0))
    node, asked = run.node, []
    node.heartbeat.good_until = float("inf")
    claim = KeyClaim(scope=b"s" * 32, fingerprint=b"f" * 32)
    change = node.change()
    change.insert(run.payment.row)
    if begun:
        node.heartbeat.epoch = Epoch(1)
        Key.fresh(node, claim, NO).stage(change)
    node.heartbeat.epoch = Epoch(2)
    node.heartbeat.live = Lives.of(2)
    assert await node.journal.commit(change) is None

    async def also(staged):
        asked.append(staged.id)

    line = run.payment.row.biz_line
    answer = await core.close(
        node, line, NO, claim, lambda view: (200, view.payment.biz_status), also=also
    )

    assert (200, BizStatus.CLOSED) == (answer.status, answer.body)
    # Before the key is known to be taken over it is staged, and refused with the key.
    assert 1 == len(asked)
    if begun:
        assert not await node.journal.committed(asked[0])

"""What an answer comes to after a restore: never more than it says."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from paycore.core.restored import RestoreRow
from paycore.gateway.call import Operation, Reply
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import AttemptId, PayOrderNo
from paycore.recovery.match import Difference, Found, Question, Said, Source, judge
from paycore.recovery.report import Report

NO = PayOrderNo("261128091500000ABCDEFGHJKM")
YES = Reply(outcome=Outcome.SUCCEEDED, amount=100, currency="CNY")
LESS = Reply(outcome=Outcome.SUCCEEDED, amount=90, currency="CNY")
STRANGE = Reply(outcome=Outcome.UNKNOWN, alarm="amount differs", amount=90)
FORGED = Reply(outcome=Outcome.UNKNOWN, alarm="bad signature")
NEVER = Reply(outcome=Outcome.UNKNOWN, not_found=True)
REFUSED = Reply(outcome=Outcome.DECLINED, blame=Blame.PAYER)
LATER = Reply(outcome=Outcome.PENDING)
SILENT = Reply(outcome=Outcome.NOT_SENT)


def question(
    *, paid: bool = False, operation: Operation = Operation.DEDUCT
) -> Question:
    """One number of a payment of 100."""
    return Question(
        pay_order_no=NO,
        seq=4,
        request_no=AttemptId(f"{NO}04"),
        channel="deduct_a",
        account="main",
        operation=operation,
        amount=100,
        currency="CNY",
        inst_trans_id="T",
        known=paid,
        paid=paid,
    )


@pytest.mark.parametrize(
    ("reply", "not_known", "paid"),
    [
        (YES, Found.CHARGED_THERE, Said.AGREES),
        (LESS, Found.CHARGED_THERE, Found.CHARGED_AMOUNT),
        (STRANGE, Found.CHARGED_THERE, Found.CHARGED_AMOUNT),
        (NEVER, Said.AGREES, Found.CHARGED_HERE),
        (REFUSED, Said.AGREES, Found.CHARGED_HERE),
        (FORGED, Said.UNSURE, Said.UNSURE),
        (LATER, Said.UNSURE, Said.UNSURE),
        (SILENT, Said.UNSURE, Said.UNSURE),
    ],
)
def test_an_answer_comes_to_one_thing(reply: Reply, not_known: object, paid: object):
    """Money that moved is found, whatever its amount; no answer proves nothing."""
    assert not_known is judge(question(), reply, last_word=True)
    assert paid is judge(question(paid=True), reply, last_word=True)


def test_not_found_is_no_last_word_before_its_time():
    """What is still on its way is not known there yet: it stays held."""
    assert Said.UNSURE is judge(question(), NEVER, last_word=False)
    assert Said.UNSURE is judge(question(paid=True), NEVER, last_word=False)


def test_a_refund_is_told_as_one():
    """The same of money that went back."""
    back = question(operation=Operation.REFUND)

    assert Found.REFUNDED_THERE is judge(back, YES, last_word=True)
    assert Found.REFUNDED_THERE is judge(back, STRANGE, last_word=True)
    assert Said.AGREES is judge(back, NEVER, last_word=True)


def _told(*sources: Source) -> Sequence[Difference]:
    return [
        Difference(
            found=Found.CHARGED_THERE,
            number=f"{NO}04",
            pay_order_no=NO,
            channel="deduct_a",
            account="main",
            ours=None,
            theirs=100,
            currency="CNY",
            case_id=str(source),
            sources=frozenset({source}),
        )
        for source in sources
    ]


def test_both_sources_tell_one_difference():
    """Whichever comes first; its case is that of who asked the channel."""
    run = RestoreRow(since="then", begun_at=datetime(2026, 11, 28, tzinfo=UTC))
    for order in ((Source.ENQUIRY, Source.STATEMENT), tuple(Source)[::-1]):
        report = Report(run=run)
        for one in _told(*order):
            report.add(one)
        (found,) = report.differences.values()
        assert (frozenset(Source), "enquiry") == (found.sources, found.case_id)

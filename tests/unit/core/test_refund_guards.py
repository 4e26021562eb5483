"""What the database itself refuses of refunds, whatever the code does (I5, I12)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import asyncpg
import pytest
from a_refund import a_row
from msgspec.structs import replace

from paycore.core.refunds.refund import done, given_back, reserved
from paycore.core.rows import AttemptRow, PaymentRow, RefundRow, RefundTotalRow
from paycore.kernel.ids import SystemIds, attempt_id, pay_order_no
from paycore.kernel.journal import Change, ChangeRejected, Refused
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.terms import (
    BizLineId,
    BizStatus,
    CardId,
    ProcessStatus,
    RefundStatus,
    TransType,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CHECK = "23514"


@pytest.fixture
async def journal(dsn: str) -> AsyncIterator[PostgresJournal]:
    opened = await PostgresJournal.open(dsn)
    yield opened
    await opened.close()


async def paid(journal: PostgresJournal, **given) -> PaymentRow:
    """A payment of 1000 with a coupon of 100, charged at a deduct bank."""
    no = pay_order_no(SystemIds(), NOW)
    payment = PaymentRow(
        **{
            "pay_order_no": no,
            "biz_line": BizLineId("shop"),
            "out_biz_no": f"o-{no}",
            "biz_order_no": None,
            "amount": 1000,
            "coupon_no": "C1",
            "coupon_amount": 100,
            "payable_amount": 900,
            "currency": "CNY",
            "card_id": CardId("card_1"),
            "subject": "Tea",
            "biz_status": BizStatus.SUCCESS,
            "created_at": NOW,
            "expires_at": NOW + timedelta(minutes=15),
            "finished_at": NOW,
            "next_check_at": None,
            **given,
        }
    )
    leg = AttemptRow(
        pay_order_no=no,
        seq=1,
        trans_type=TransType.DEDUCT,
        process_status=ProcessStatus.GW_SUCCESS,
        channel="deduct_a",
        account="main",
        inst_trans_id="deduct_a.deduct",
        request_no=attempt_id(no, 1),
        amount=900,
        currency="CNY",
        created_at=NOW,
        quiet_from=NOW,
        finished_at=NOW,
    )
    change = Change(uuid4())
    change.insert(payment)
    change.append(leg)
    assert await journal.commit(change) is None
    return payment


def total_of(payment: PaymentRow, **given) -> RefundTotalRow:
    return RefundTotalRow(
        **{
            "pay_order_no": payment.pay_order_no,
            "amount": payment.amount,
            "payable_amount": payment.payable_amount,
            **given,
        }
    )


def of(payment: PaymentRow, seq: int = 1, **given) -> RefundRow:
    return a_row(seq, pay_order_no=payment.pay_order_no, **given)


async def begin(journal: PostgresJournal, refund: RefundRow, total: RefundTotalRow):
    """Stage a refund with the total that it leaves: the first makes the total."""
    change = Change(uuid4())
    if total.refunds == 1:
        change.insert(total)
    else:
        change.update(total, version=total.version)
    change.append(refund)
    return await journal.commit(change)


async def refunded(journal: PostgresJournal) -> tuple[PaymentRow, RefundRow]:
    """A payment with one refund of 100 in flight."""
    payment = await paid(journal)
    refund = of(payment)
    total = reserved(total_of(payment), amount=100, money=90)
    assert await begin(journal, refund, total) is None
    return payment, refund


async def updated(journal: PostgresJournal, row, *, version: int = 1):
    change = Change(uuid4())
    change.update(row, version=version)
    return await journal.commit(change)


async def rejected(work) -> str:
    with pytest.raises(ChangeRejected) as caught:
        await work
    return caught.value.sqlstate


async def test_no_refund_is_born_without_its_reservation(journal):
    """A refund row alone, or over a total that is too small, is refused (I12)."""
    payment = await paid(journal)
    change = Change(uuid4())
    change.append(of(payment))

    assert CHECK == await rejected(journal.commit(change))
    small = reserved(total_of(payment), amount=99, money=90)
    assert CHECK == await rejected(begin(journal, of(payment), small))
    little = reserved(total_of(payment), amount=100, money=89)
    assert CHECK == await rejected(begin(journal, of(payment), little))


async def test_no_second_refund_hides_behind_the_firsts_reservation(journal):
    """Each adds its own: the sum of all must be reserved."""
    payment, _ = await refunded(journal)
    change = Change(uuid4())
    change.append(of(payment, 2))

    assert CHECK == await rejected(journal.commit(change))


async def test_never_more_is_reserved_than_was_paid(journal):
    """Not by a unit: neither of the order nor of the money nor of the coupon."""
    payment = await paid(journal)
    for amount, money in ((1001, 900), (1000, 901), (1000, 899), (101, 0)):
        refund = of(
            payment,
            amount=amount,
            money_amount=max(money, 1),
            coupon_amount=amount - max(money, 1),
        )
        total = reserved(total_of(payment), amount=amount, money=money)

        assert CHECK == await rejected(begin(journal, refund, total)), (amount, money)


async def test_a_reservation_is_not_given_back_while_its_refund_is_open(journal):
    """F47: whoever forgets the refund cannot free its money."""
    payment, refund = await refunded(journal)
    change = Change(uuid4())
    change.amend(
        RefundTotalRow, (payment.pay_order_no,), partial(given_back, refund=refund)
    )

    assert CHECK == await rejected(journal.commit(change))


@pytest.mark.parametrize("status", [RefundStatus.SUCCESS, RefundStatus.FAIL])
async def test_an_end_is_written_with_its_total_and_stands(journal, status):
    """Done counts, failed is given back; then nothing of it changes any more (I5)."""
    payment, refund = await refunded(journal)
    event = "REFUNDED" if status is RefundStatus.SUCCESS else "REFUND_REFUSED"
    ended = replace(
        refund, status=status, last_event=event, finished_at=NOW, next_check_at=None
    )
    step = done if status is RefundStatus.SUCCESS else given_back
    change = Change(uuid4())
    change.update(ended, version=1)
    change.amend(RefundTotalRow, (payment.pay_order_no,), partial(step, refund=refund))

    assert await journal.commit(change) is None
    total = await journal.load(RefundTotalRow, payment.pay_order_no)
    kept = 100 if status is RefundStatus.SUCCESS else 0
    assert (kept, kept) == (total.taken_amount, total.done_amount)
    late = replace(ended, resp_msg="x")
    assert CHECK == await rejected(updated(journal, late, version=2))


async def test_a_status_moves_only_by_a_row_of_the_table(journal):
    """No other event leads to an end."""
    _, refund = await refunded(journal)
    for status, event in (
        (RefundStatus.SUCCESS, "REFUND_REFUSED"),
        (RefundStatus.FAIL, "REFUND_NOT_FOUND"),
        (RefundStatus.SUCCESS, "PAID"),
    ):
        ended = replace(
            refund, status=status, last_event=event, finished_at=NOW, next_check_at=None
        )
        assert CHECK == await rejected(updated(journal, ended))


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": 101, "coupon_amount": 11},
        {"money_amount": 91, "coupon_amount": 9},
        {"channel": "deduct_b"},
        {"account": "other"},
        {"original_request_no": "x"},
        {"currency": "USD"},
        {"out_refund_no": "r-9"},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_what_was_sent_cannot_change(journal, changed):
    """How much goes where, and of which charge, is written once."""
    _, refund = await refunded(journal)

    assert CHECK == await rejected(updated(journal, replace(refund, **changed)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"channel": "deduct_b"},
        {"account": "other"},
        {"original_request_no": "x"},
        {"biz_line": BizLineId("tickets")},
        {"currency": "USD"},
        {"status": RefundStatus.SUCCESS, "finished_at": NOW, "next_check_at": None},
        {"money_amount": 100},
        {"amount": 0, "money_amount": 0, "coupon_amount": 0},
        {"amount": 10, "money_amount": 0},
        {"next_check_at": None},
        {"refund_no": "X" * 26 + "R01"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_refund_is_of_the_leg_that_was_charged(journal, wrong):
    """Elsewhere, of another line, or of nothing: refused at its birth."""
    payment = await paid(journal)
    total = reserved(total_of(payment), amount=500, money=450)

    assert CHECK == await rejected(begin(journal, of(payment, **wrong), total))


async def test_only_what_was_paid_is_refunded(journal):
    """A payment that took nothing has no total, nor has one of other amounts."""
    closed = await paid(journal, biz_status=BizStatus.CLOSED)
    success = await paid(journal)
    for total in (
        total_of(closed),
        total_of(success, amount=1001),
        total_of(success, payable_amount=901),
    ):
        more = reserved(total, amount=100, money=90)
        change = Change(uuid4())
        change.insert(more)
        assert CHECK == await rejected(journal.commit(change))


async def test_a_total_only_grows_by_what_is_done(journal):
    """What was paid stays, what is done is never undone, no number is given twice."""
    payment, _ = await refunded(journal)
    total = await journal.load(RefundTotalRow, payment.pay_order_no)
    for changed in ({"amount": 2000}, {"payable_amount": 901}, {"refunds": 0}):
        wrong = replace(total, **changed)
        assert CHECK == await rejected(updated(journal, wrong, version=total.version))


async def test_of_two_who_take_the_same_rest_one_is_refused(journal):
    """A reservation is made over the total as it was read, or not at all."""
    payment, _ = await refunded(journal)
    total = await journal.load(RefundTotalRow, payment.pay_order_no)
    more = reserved(total, amount=600, money=540)
    parts = {"amount": 600, "money_amount": 540, "coupon_amount": 60}

    assert await begin(journal, of(payment, 2, **parts), more) is None
    answer = await begin(journal, of(payment, 3, **parts), more)
    assert isinstance(answer, Refused)
    assert "refund_total" == answer.guard


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM refund",
        "DELETE FROM refund_total",
        "TRUNCATE refund",
        "UPDATE refund SET status = 'SUCCESS', last_event = 'REFUNDED'",
        "UPDATE refund_total SET taken_amount = 0, taken_money = 0",
        "UPDATE refund_total SET taken_amount = amount + 1",
    ],
)
async def test_the_database_says_so_to_plain_sql_too(dsn, journal, statement):
    """No statement of anybody's gets round it."""
    await refunded(journal)
    connection = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(statement)
    finally:
        await connection.close()

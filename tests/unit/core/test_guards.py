"""What the database itself refuses of the payment core, whatever the code does."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from paycore.core.rows import AttemptRow, PaymentRow, TransitionRow
from paycore.kernel.ids import SystemIds, attempt_id, pay_order_no
from paycore.kernel.journal import Change, ChangeRejected
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.terms import (
    BizLineId,
    BizStatus,
    CardId,
    PayType,
    ProcessStatus,
    TransType,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CHECK, UNIQUE = "23514", "23505"


@pytest.fixture
async def journal(dsn: str) -> AsyncIterator[PostgresJournal]:
    opened = await PostgresJournal.open(dsn)
    yield opened
    await opened.close()


def opened(**given) -> PaymentRow:
    return PaymentRow(
        **{
            "pay_order_no": pay_order_no(SystemIds(), NOW),
            "biz_line": BizLineId("shop"),
            "out_biz_no": "o-1",
            "biz_order_no": None,
            "amount": 1000,
            "coupon_no": None,
            "coupon_amount": 0,
            "payable_amount": 1000,
            "currency": "CNY",
            "card_id": CardId("card_1"),
            "subject": "Tea",
            "created_at": NOW,
            "expires_at": NOW + timedelta(minutes=15),
            "next_check_at": NOW + timedelta(minutes=15),
            **given,
        }
    )


def attempt_of(payment: PaymentRow, seq: int, kind: TransType, **given) -> AttemptRow:
    return AttemptRow(
        **{
            "pay_order_no": payment.pay_order_no,
            "seq": seq,
            "trans_type": kind,
            "process_status": ProcessStatus.GW_DOING,
            "channel": "deduct_a",
            "account": "main",
            "inst_trans_id": "deduct_a.deduct",
            "request_no": attempt_id(payment.pay_order_no, seq),
            "amount": payment.payable_amount,
            "currency": payment.currency,
            "created_at": NOW,
            "quiet_from": NOW,
            **given,
        }
    )


def final(row: PaymentRow, status: BizStatus, event: str) -> PaymentRow:
    return replace(
        row, biz_status=status, last_event=event, finished_at=NOW, next_check_at=None
    )


async def stored(journal: PostgresJournal, *rows) -> None:
    change = Change(uuid4())
    for row in rows:
        if isinstance(row, PaymentRow):
            change.insert(row)
        else:
            change.append(row)
    assert await journal.commit(change) is None


async def updated(journal: PostgresJournal, row, *, version: int = 1) -> None:
    change = Change(uuid4())
    change.update(row, version=version)
    assert await journal.commit(change) is None


async def refused(journal: PostgresJournal, row, *, version: int = 1) -> str:
    with pytest.raises(ChangeRejected) as caught:
        await updated(journal, row, version=version)
    return caught.value.sqlstate


@pytest.mark.parametrize("first", [ProcessStatus.GW_DOING, ProcessStatus.GW_SUCCESS])
@pytest.mark.parametrize("second", [TransType.DEDUCT, TransType.QUICK_PAY_CONFIRM])
async def test_a_second_money_leg_is_refused(journal, first, second):
    """Of one payment at most one money leg is open or successful (I1, I2)."""
    payment = opened()
    ended = None if first.open else NOW
    leg = attempt_of(
        payment, 1, TransType.DEDUCT, process_status=first, finished_at=ended
    )
    await stored(journal, payment, leg)

    with pytest.raises(ChangeRejected) as caught:
        await stored(journal, attempt_of(payment, 2, second))
    assert UNIQUE == caught.value.sqlstate


async def test_after_a_leg_that_surely_failed_there_may_be_another(journal):
    """A leg that took nothing does not stand in the way of the next."""
    payment = opened()
    failed = attempt_of(
        payment,
        1,
        TransType.DEDUCT,
        process_status=ProcessStatus.GW_FAIL,
        finished_at=NOW,
    )
    await stored(journal, payment, failed)
    await stored(journal, attempt_of(payment, 2, TransType.DEDUCT))

    assert 2 == len(await journal.within(AttemptRow, payment.pay_order_no))


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (BizStatus.SUCCESS, "PAID"),
        (BizStatus.FAIL, "DECLINED"),
        (BizStatus.CLOSED, "EXPIRED"),
    ],
)
async def test_a_final_payment_refuses_every_update(journal, status, event):
    """What is final cannot be changed, not even in a word (I5)."""
    payment = opened()
    await stored(journal, payment)
    done = final(payment, status, event)
    await updated(journal, done)

    assert CHECK == await refused(journal, replace(done, resp_msg="x"), version=2)


async def test_a_status_moves_only_by_a_row_of_the_table(journal):
    """An event that does not lead to a status does not lead there."""
    payment = opened()
    await stored(journal, payment)

    for status, event in ((BizStatus.SUCCESS, "DECLINED"), (BizStatus.FAIL, "PAID")):
        assert CHECK == await refused(journal, final(payment, status, event))


async def test_a_final_status_without_its_end_is_refused(journal):
    """Final is with an end and without a next look, open is the reverse (I6)."""
    payment = opened()
    await stored(journal, payment)
    half = replace(payment, biz_status=BizStatus.SUCCESS, last_event="PAID")

    assert CHECK == await refused(journal, half)
    assert CHECK == await refused(journal, replace(payment, next_check_at=None))


async def test_the_pay_type_changes_before_any_money_leg(journal):
    """A conversion with its time and cause is allowed once, and without them never."""
    payment = opened()
    await stored(journal, payment)
    deduct = replace(payment, pay_type=PayType.DEDUCT)

    assert CHECK == await refused(journal, deduct)
    converted = replace(deduct, convert_cause="ROUTE_NONE", converted_at=NOW)
    await updated(journal, converted)
    assert CHECK == await refused(journal, payment, version=2)


@pytest.mark.parametrize("kind", [TransType.DEDUCT, TransType.QUICK_PAY_CONFIRM])
async def test_the_pay_type_stands_after_a_money_leg(journal, kind):
    """Once money was asked for nothing converts, even if the leg failed (I3)."""
    payment = opened()
    leg = attempt_of(
        payment, 1, kind, process_status=ProcessStatus.GW_FAIL, finished_at=NOW
    )
    await stored(journal, payment, leg)
    converted = replace(
        payment, pay_type=PayType.DEDUCT, convert_cause="ROUTE_NONE", converted_at=NOW
    )

    assert CHECK == await refused(journal, converted)


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": 999, "payable_amount": 999},
        {"currency": "USD"},
        {"card_id": CardId("card_2")},
        {"biz_line": BizLineId("other")},
        {"out_biz_no": "o-2"},
        {"expires_at": NOW + timedelta(days=1)},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_what_was_ordered_cannot_change(journal, changed):
    """Amount, currency, card and owner of a payment are those of its order."""
    payment = opened()
    await stored(journal, payment)

    assert CHECK == await refused(journal, replace(payment, **changed))


@pytest.mark.parametrize("status", [ProcessStatus.GW_SUCCESS, ProcessStatus.GW_FAIL])
async def test_a_final_attempt_cannot_change(journal, status):
    """The first last word on an attempt is the last (I5)."""
    payment = opened()
    leg = attempt_of(payment, 1, TransType.DEDUCT)
    await stored(journal, payment, leg)
    done = replace(leg, process_status=status, finished_at=NOW)
    await updated(journal, done)

    assert CHECK == await refused(journal, replace(done, resp_code="x"), version=2)


async def test_what_was_sent_cannot_change(journal):
    """Where an attempt went, under which number and for how much, is written once."""
    payment = opened()
    leg = attempt_of(payment, 1, TransType.DEDUCT)
    await stored(journal, payment, leg)

    for changed in ({"channel": "deduct_b"}, {"amount": 1}, {"request_no": "x"}):
        assert CHECK == await refused(journal, replace(leg, **changed))


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0, "payable_amount": 0},
        {"amount": 10**12 + 1, "payable_amount": 10**12 + 1},
        {"payable_amount": 999},
        {"coupon_amount": 1000, "payable_amount": 0},
        {"coupon_amount": 1, "payable_amount": 999},
    ],
)
async def test_amounts_that_do_not_add_up_are_refused(journal, wrong):
    """What is payable is the amount without the coupon, and at least one unit (I23)."""
    with pytest.raises(ChangeRejected) as caught:
        await stored(journal, opened(**wrong))
    assert CHECK == caught.value.sqlstate


async def test_the_database_says_so_to_plain_sql_too(dsn, journal):
    """No statement of anybody's moves a final payment: the trigger is the table's."""
    payment = opened()
    await stored(journal, payment)
    await updated(journal, final(payment, BizStatus.SUCCESS, "PAID"))
    connection = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "UPDATE payment SET biz_status = 'FAIL' WHERE pay_order_no = $1",
                payment.pay_order_no,
            )
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement", ["UPDATE transition SET cause = 'x'", "DELETE FROM transition"]
)
async def test_history_is_kept(dsn, journal, statement):
    """What happened to a payment is neither rewritten nor forgotten."""
    payment = opened()
    happened = TransitionRow(
        pay_order_no=payment.pay_order_no,
        seq=1,
        from_status=BizStatus.DOING,
        event="CODE_SENT",
        to_status=BizStatus.DOING,
        cause="channel",
        attempt_seq=1,
        at=NOW,
    )
    await stored(journal, payment, happened)
    connection = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(statement)
    finally:
        await connection.close()

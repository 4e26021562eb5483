from collections import Counter
from pathlib import Path

import asyncpg
import pytest

from paycore.cli import docs
from paycore.core.states import (
    REFUND_TRANSITIONS,
    TRANSITIONS,
    Audience,
    Event,
    NoSuchTransition,
    RefundEvent,
    refund_transition,
    transition,
)
from paycore.kernel.terms import BizStatus, RefundStatus

ROOT = Path(__file__).parents[3]


def _reached_from(start: BizStatus) -> set[BizStatus]:
    reached, grown = {start}, True
    while grown:
        more = {row.target for row in TRANSITIONS if row.source in reached} - reached
        reached, grown = reached | more, bool(more)
    return reached


def test_no_duplicate_key():
    """A status and an event name one row, so that an event has one meaning."""
    counts = Counter((row.source, row.event) for row in TRANSITIONS)

    assert [] == [key for key, count in counts.items() if count > 1]


def test_every_status_is_reachable():
    """A new payment can come to every status there is."""
    assert set(BizStatus) == _reached_from(BizStatus.DOING)


@pytest.mark.parametrize("status", [s for s in BizStatus if not s.final])
def test_every_open_status_reaches_a_final_one(status):
    """No payment can be caught in a status without a way to an end."""
    assert any(reached.final for reached in _reached_from(status))


def test_final_statuses_have_no_exit():
    """What is final stays as it is: a correction is a refund or an adjustment."""
    assert [] == [row for row in TRANSITIONS if row.source.final]


def test_every_row_into_a_final_status_tells_the_business_line():
    """A business line hears of every end, and only of ends."""
    for row in TRANSITIONS:
        assert row.target.final == (Audience.BIZ_LINE in row.told), row


def test_accounting_is_told_of_money_and_of_nothing_else():
    """Only a payment that succeeded is posted."""
    for row in TRANSITIONS:
        paid = row.target is BizStatus.SUCCESS

        assert paid == (Audience.ACCOUNTING in row.told), row


def test_every_event_has_a_row():
    """No event is declared that nothing answers to."""
    assert set(Event) == {row.event for row in TRANSITIONS}


def test_an_event_without_a_row_is_refused():
    """An event that the table does not know in a status moves nothing."""
    for status in BizStatus:
        if status.final:
            with pytest.raises(NoSuchTransition) as refused:
                transition(status, Event.PAID)
            assert (status, Event.PAID) == (refused.value.source, refused.value.event)
            assert f"no transition for PAID in {status}" == str(refused.value)


async def test_the_database_refuses_what_the_table_refuses(dsn):
    """The rows of `transition_rule` are those of the table, so neither moves alone."""
    connection = await asyncpg.connect(dsn)
    try:
        rules = await connection.fetch("SELECT * FROM transition_rule")
    finally:
        await connection.close()

    assert {(row.source, row.event, row.target) for row in TRANSITIONS} == {
        tuple(rule) for rule in rules
    }


def test_refunds_have_a_table_of_the_same_kind():
    """One row an event; every event has one; what is final has no exit, and every end
    is told to the business line, a success to accounting as well.
    """
    keys = [(row.source, row.event) for row in REFUND_TRANSITIONS]

    assert len(keys) == len(set(keys))
    assert set(RefundEvent) == {row.event for row in REFUND_TRANSITIONS}
    assert set(RefundStatus) == {row.target for row in REFUND_TRANSITIONS}
    for row in REFUND_TRANSITIONS:
        assert not row.source.final
        assert row.target.final == (Audience.BIZ_LINE in row.told), row
        paid_back = row.target is RefundStatus.SUCCESS
        assert paid_back == (Audience.ACCOUNTING in row.told), row
    for status in (RefundStatus.SUCCESS, RefundStatus.FAIL):
        with pytest.raises(NoSuchTransition):
            refund_transition(status, RefundEvent.REFUNDED)


async def test_the_database_refuses_what_the_refunds_table_refuses(dsn):
    """As for payments: neither moves alone."""
    connection = await asyncpg.connect(dsn)
    try:
        rules = await connection.fetch("SELECT * FROM refund_transition_rule")
    finally:
        await connection.close()

    assert {(row.source, row.event, row.target) for row in REFUND_TRANSITIONS} == {
        tuple(rule) for rule in rules
    }


def test_the_page_is_fresh():
    """docs/states.md is drawn from this tuple as it stands."""
    page = ROOT / "docs" / "states.md"

    assert docs.states() == page.read_text(encoding="utf-8")

"""Minutes of payments: which are read again, and what they come to."""

from datetime import UTC, datetime, timedelta

import pytest

from paycore.core.overview import minutes
from paycore.core.overview.minutes import Leg, Minute, Money, Paid
from paycore.kernel.terms import BizStatus, TransType

NOW = datetime(2026, 11, 30, 8, 30, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def paid(status: BizStatus, payments: int = 1, **more) -> Paid:
    """Payments that are alike."""
    given = {"minute": "2611300830", "currency": "CNY", "converted": False, **more}
    return Paid(biz_status=status, payments=payments, amount=payments * 100, **given)


def read(ago: timedelta, *parts: Paid, legs=()) -> Minute:
    """A minute that was read so long ago."""
    return Minute(read_at=NOW - ago, paid=parts, legs=legs)


@pytest.mark.parametrize(
    ("age", "known", "again"),
    [
        (0, None, True),
        (600, None, True),
        (0, read(timedelta(0), paid(BizStatus.SUCCESS)), True),
        (10, read(timedelta(seconds=1), paid(BizStatus.SUCCESS)), False),
        (10, read(timedelta(minutes=9), paid(BizStatus.SUCCESS)), True),
        (10, read(timedelta(seconds=14), paid(BizStatus.DOING)), False),
        (10, read(timedelta(seconds=15), paid(BizStatus.DOING)), True),
        (90, read(timedelta(seconds=119), paid(BizStatus.DOING)), False),
        (90, read(timedelta(seconds=120), paid(BizStatus.DOING)), True),
        (90, read(timedelta(minutes=80), paid(BizStatus.SUCCESS)), False),
        (10, read(timedelta(seconds=1)), False),
    ],
)
def test_a_minute_is_read_until_all_of_it_has_ended(age, known, again):
    """Often while it is young, more rarely later, and never once it is settled; what
    was read while it was still being written is not settled.
    """
    minute = minutes.minute_of(NOW) - age * MINUTE

    assert again == minutes.stale(known, minute, NOW)


def test_minutes_are_read_in_runs():
    """The newest first, ten at most together, and a gap ends a run."""
    at = minutes.minute_of(NOW)
    wanted = [at - MINUTE * back for back in (*range(12), 20)]

    assert [
        (at - MINUTE * 9, at + MINUTE),
        (at - MINUTE * 11, at - MINUTE * 9),
        (at - MINUTE * 20, at - MINUTE * 19),
    ] == minutes.runs(wanted)


def test_a_minute_is_how_its_numbers_begin():
    """In UTC, whatever zone a moment is of."""
    there = NOW.astimezone(tz=None)

    assert "2611300830" == minutes.name_of(there)
    assert 60 == len(minutes.hour_until(NOW))
    assert minutes.minute_of(NOW) == minutes.hour_until(NOW)[-1]


def test_a_day_is_the_sum_of_its_minutes():
    """By status and currency; rescued is what succeeded because it was converted."""
    parts = [
        paid(BizStatus.SUCCESS, 3),
        paid(BizStatus.SUCCESS, 2, converted=True),
        paid(BizStatus.SUCCESS, 1, currency="EUR", converted=True),
        paid(BizStatus.FAIL, 4, converted=True),
        paid(BizStatus.CLOSED, 5),
        paid(BizStatus.DOING, 6),
    ]
    since = minutes.day_of(NOW)
    day, rescued = minutes.of_day(
        since, [read(MINUTE, *parts[:2]), read(MINUTE, *parts[2:])]
    )
    cny, eur = (
        Money(currency=name, amount=a) for name, a in (("CNY", 500), ("EUR", 100))
    )

    assert (6, 4, 5, 6) == (day.succeeded, day.failed, day.closed, day.doing)
    assert since == day.since
    assert [cny, eur] == day.amounts
    assert 3 == rescued.payments
    assert [Money(currency="CNY", amount=200), eur] == rescued.amounts


def test_attempts_by_place_and_money_by_bank():
    """A code that was sent is no money that was asked for."""

    def leg(kind: TransType, tried: int, succeeded: int, bank: str = "ICBC") -> Leg:
        return Leg(
            minute="2611300830",
            channel="quick_a",
            account="main",
            trans_type=kind,
            bank=bank,
            tried=tried,
            succeeded=succeeded,
        )

    found = [
        read(MINUTE, legs=[leg(TransType.QUICK_PAY_SEND_MSG, 5, 4)]),
        read(MINUTE, legs=[leg(TransType.QUICK_PAY_CONFIRM, 3, 2)]),
        read(MINUTE, legs=[leg(TransType.QUICK_PAY_CONFIRM, 2, 1, "ABC")]),
    ]
    named = {one: one.lower() for one in TransType}
    places = {
        one.operation: (one.tried, one.succeeded)
        for one in minutes.of_places(found, named)
    }
    banks = {o.bank: (o.tried, o.succeeded) for o in minutes.of_banks(found)}

    assert {"quick_pay_send_msg": (5, 4), "quick_pay_confirm": (5, 3)} == places
    assert {"ABC": (2, 1), "ICBC": (3, 2)} == banks


def test_a_minute_that_nobody_has_read_counts_nothing():
    """Until it is."""
    at = minutes.minute_of(NOW)
    line = minutes.of_minute(at, None)

    assert (0, 0, 0) == (line.succeeded, line.failed, line.converted)

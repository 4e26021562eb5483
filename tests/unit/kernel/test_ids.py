import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paycore.kernel.ids import (
    ALPHABET,
    LATE_LEGS,
    MAX_ATTEMPTS,
    MAX_REFUNDS,
    PAY_ORDER_NO_LENGTH,
    REFUND_LEGS,
    SystemIds,
    attempt_id,
    late_refund_no,
    leg_of_refund,
    letters,
    numbered_at,
    pay_order_no,
    payment_of,
    refund_at,
    refund_no,
)

MOMENTS = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(MOMENTS)
def test_a_number_is_short_enough_for_the_strictest_channel(now):
    """A payment's number has 26 letters and digits, with its attempt 28 of 32."""
    no = pay_order_no(SystemIds(), now)

    assert PAY_ORDER_NO_LENGTH == len(no) <= 28
    assert set(no) <= set(ALPHABET)


@given(MOMENTS, st.integers(min_value=1, max_value=10**9))
def test_numbers_sort_by_their_time(now, later_ms):
    """A later millisecond makes a greater number: partitions are ranges of it."""
    first = pay_order_no(SystemIds(), now)
    second = pay_order_no(SystemIds(), now + timedelta(milliseconds=later_ms))

    assert first < second


@given(MOMENTS, st.integers(min_value=1, max_value=MAX_ATTEMPTS))
def test_a_request_number_names_its_payment(now, seq):
    """What a channel sends back leads to the payment and the attempt."""
    no = pay_order_no(SystemIds(), now)

    assert (no, seq) == payment_of(attempt_id(no, seq))


@given(MOMENTS, st.integers(min_value=1, max_value=MAX_REFUNDS))
def test_a_refunds_number_names_its_payment(now, seq):
    """It is short enough for a channel, no attempt's, and leads back to the payment."""
    no = pay_order_no(SystemIds(), now)
    number = refund_no(no, seq)

    assert (no, REFUND_LEGS + seq) == payment_of(number)
    assert len(number) <= 32
    assert number.isalnum()


@given(st.text(max_size=40) | st.from_regex(r"[0-9A-Z]{26}[MR]?[0-9]{0,3}"))
def test_a_strangers_number_never_breaks_us(text):
    """Whatever is sent as a request number is a payment's or nobody's."""
    named = payment_of(text)

    if named is not None:
        no, seq = named
        of_refund = seq > MAX_ATTEMPTS
        assert text == (refund_at(no, seq) if of_refund else attempt_id(no, seq))


@given(MOMENTS, st.integers(min_value=1, max_value=MAX_ATTEMPTS))
def test_late_money_has_one_number_by_its_request(now, seq):
    """It is no attempt's and no other refund's, and leads back to the payment."""
    no = pay_order_no(SystemIds(), now)
    number = late_refund_no(attempt_id(no, seq))

    assert (no, LATE_LEGS + seq) == payment_of(number)
    assert LATE_LEGS + seq == leg_of_refund(number)
    assert number == refund_at(no, LATE_LEGS + seq)
    assert len(number) <= 32
    assert number.isalnum()


@pytest.mark.parametrize(
    ("moment", "begins"),
    [
        ("2026-11-22T00:30:00Z", "261121233000"),
        ("2026-11-22T08:30:00+08:00", "261121233000"),
        ("2026-11-21T12:30:00-12:00", "261121233000"),
        ("0001-01-01T00:00:00+12:00", "000101230000"),
        ("1999-12-31T00:00:00Z", "000101230000"),
        ("2100-01-01T00:00:00Z", "991229230000"),
        ("9999-12-31T23:00:00-05:00", "991229230000"),
    ],
)
def test_a_moment_is_told_as_numbers_tell_theirs(moment, begins):
    """In UTC, whatever its zone; outside of the century before them all, or after."""
    assert begins == numbered_at(datetime.fromisoformat(moment), -timedelta(hours=1))


@pytest.mark.parametrize("seq", [0, 100, -1])
def test_an_attempt_beyond_two_digits_is_a_bug(seq):
    """A number that would name another payment's attempt is never made."""
    with pytest.raises(AssertionError):
        attempt_id(pay_order_no(SystemIds(), datetime(2026, 1, 1, tzinfo=UTC)), seq)


def test_letters_are_drawn_evenly():
    """All 32 letters come from whole octets, so that none is likelier."""

    class Seeded(SystemIds):
        def token(self, octets):
            return random.Random(7).randbytes(octets)

    drawn = letters(Seeded(), 32_000)

    assert set(ALPHABET) == set(drawn)
    assert all(800 < drawn.count(letter) < 1200 for letter in ALPHABET)


def test_uuids_are_ordered_by_their_making():
    """A later UUID is greater, so that an index grows at its end."""
    ids = SystemIds()
    made = [ids.uuid() for _ in range(50)]

    assert all(isinstance(one, UUID) and one.version == 7 for one in made)
    assert sorted(made) == made

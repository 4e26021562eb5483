"""A finished payment's copies, where they lie in the past, and what is told of them."""

import struct
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from msgspec.structs import replace

from paycore.bench.growth import space
from paycore.bench.growth.audits import Audit, scopes
from paycore.bench.growth.blocks import by_deed, deed, since
from paycore.bench.growth.fillings import moment_of, second_of
from paycore.bench.growth.history import (
    BRIEFLY,
    EVER,
    LEAST_DAYS,
    MONTHLY,
    History,
)
from paycore.bench.growth.pattern import Column, Pattern, tuples
from paycore.kernel.errors import Misconfigured
from paycore.kernel.ids import PAY_ORDER_NO_LENGTH
from paycore.retention.service import numbered

NOTICE = UUID("01a18fa2-38ca-7769-83b1-63b5260d8442")
REFERENCE = b"17400000010000000001"
NO = b"261125190753550D6F143P712S"
LINES_NO = b"228d7a83a53298c6bfd3b7635c557262"
SCOPE, CHANGE = bytes(range(32)), UUID("01a2141b-754e-71a9-b4a5-838edc8717e3").bytes
AT = datetime(2026, 11, 25, 19, 7, 53, 550528, tzinfo=UTC)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
EARLIER = datetime(2025, 3, 1, 4, 5, 6, tzinfo=UTC)
UNTIL = datetime(2026, 11, 25, 12, tzinfo=UTC)


def micros(moment: datetime) -> bytes:
    return struct.pack(">q", (moment - EPOCH) // timedelta(microseconds=1))


def row(*fields: bytes | None) -> bytes:
    made = struct.pack(">h", len(fields))
    for field in fields:
        made += struct.pack(">i", -1 if field is None else len(field))
        made += field or b""
    return made


def column(name: str, kind: str = "text", *, in_key: bool = False) -> Column:
    return Column(name=name, kind=kind, in_key=in_key)


TABLES = {
    "payment": (
        [
            column("pay_order_no", in_key=True),
            column("out_biz_no"),
            column("coupon_no"),
            column("amount", "bigint"),
            column("created_at", "timestamp with time zone"),
            column("held"),
        ],
        row(NO, LINES_NO, b"B0000007", struct.pack(">q", 1234), micros(AT), None),
    ),
    "trail": (
        [column("pay_order_no", in_key=True), column("change_id", "uuid", in_key=True)],
        row(NO, CHANGE) + row(NO, CHANGE),
    ),
    "key": (
        [column("scope", "bytea", in_key=True), column("body", "bytea")],
        row(
            SCOPE,
            b'{"pay_order_no":"%s","request":"%s01","at":"2026-11-25T19:07:53.574Z",'
            b'"share":"100%%"}' % (NO, NO),
        ),
    ),
    "attempt": (
        [column("pay_order_no", in_key=True), column("channel_ref")],
        row(NO, REFERENCE) + row(NO, b"17") + row(NO, None),
    ),
    "notify_notice": (
        [column("notice_id", in_key=True), column("payload")],
        row(b"msg_%s" % NOTICE.hex.encode(), b'{"ref":"%s","n":17}' % REFERENCE),
    ),
    "sms_code": ([column("pay_order_no", in_key=True)], b""),
}


def copied(nth: int = 5, moment: datetime = EARLIER) -> dict[str, list]:
    pattern = Pattern.of(TABLES)
    values = pattern.fillings.values(nth, second_of(moment), Random(nth))
    return {
        table: list(tuples(sheet.rows(values)))
        for table, sheet in pattern.sheets.items()
    }


def test_a_copy_has_its_own_number_wherever_the_payment_is_named():
    """In its key, in other tables, in texts, and before an attempt's two digits."""
    made = copied()
    number = made["payment"][0][0]

    assert PAY_ORDER_NO_LENGTH == len(number)
    assert number.startswith(b"250301040506550")
    assert NO != number
    assert [number, number] == [fields[0] for fields in made["trail"]]
    assert (
        b'"pay_order_no":"%s","request":"%s01"' % (number, number) in made["key"][0][1]
    )


def test_moments_move_by_whole_seconds():
    """In columns and in texts alike; the rest of a second stays."""
    made = copied()

    assert micros(EARLIER.replace(microsecond=550528)) == made["payment"][0][4]
    assert b'"at":"2025-03-01T04:05:06.574Z"' in made["key"][0][1]


def test_random_keys_are_new_and_the_same_in_every_row():
    """A change's id is one in all tables, of the copy's time, and of version 7."""
    first, second = (UUID(bytes=fields[1]) for fields in copied()["trail"])

    assert first == second
    assert 7 == first.version
    moved = AT - AT.replace(microsecond=0)
    assert (EARLIER + moved).timestamp() == pytest.approx(
        (first.int >> 80) / 1000, abs=1
    )
    assert SCOPE != copied()["key"][0][0]


def test_a_channels_number_is_its_own_wherever_it_stands():
    """Digits, as many; what is too short to name anything is left in every text."""
    made = copied()
    number = made["attempt"][0][1]

    assert len(REFERENCE) == len(number)
    assert number.isdigit()
    assert REFERENCE != number
    assert [b"17", None] == [fields[1] for fields in made["attempt"][1:]]
    assert b'{"ref":"%s","n":17}' % number == made["notify_notice"][0][1]


def test_a_notices_number_has_the_time_at_which_it_was_made():
    """By it a notice is found again."""
    (number, _) = copied()["notify_notice"][0]
    spelled = number.removeprefix(b"msg_").decode()
    moved = EARLIER.replace(microsecond=0) - AT.replace(microsecond=0)

    assert 7 == UUID(spelled).version
    millis = (UUID(spelled).int >> 80) - (NOTICE.int >> 80)
    assert int(moved.total_seconds() * 1000) == millis


def test_what_names_nothing_is_as_it_was_recorded():
    """Amounts, what is NULL, and a per cent sign."""
    made = copied()

    assert [struct.pack(">q", 1234), None] == [made["payment"][0][at] for at in (3, 5)]
    assert made["key"][0][1].endswith(b'"share":"100%"}')
    assert "sms_code" not in made


def test_no_two_copies_share_a_name():
    """Numbers, the lines' own numbers, and coupons."""
    made = [copied(nth, EARLIER + timedelta(seconds=nth)) for nth in range(1000)]

    for at, recorded in ((0, NO), (1, LINES_NO), (2, b"B0000007")):
        names = {each["payment"][0][at] for each in made}
        assert 1000 == len(names)
        assert {len(recorded)} == {len(name) for name in names}
        assert recorded not in names


def test_a_history_may_begin_within_a_month():
    """Thirty days, in the months that they touch, and all of it kept."""
    since = UNTIL - timedelta(days=30)
    history = History(
        payments=3000, until=UNTIL, since=since, months=2, kept_whole=3000
    )
    seconds = history.seconds(range(3000))

    assert since <= moment_of(seconds[0]) < moment_of(seconds[-1]) <= UNTIL
    assert ["2610", "2611"] == [month.name for month in history.by_month()]
    assert 3000 == sum(len(month.payments) for month in history.by_month())
    assert range(3000) == history.newest


def test_a_history_lies_evenly_over_its_months():
    """Every payment in the month that its number says, in order, up to the end."""
    history = History(payments=10_000, until=UNTIL, months=12, kept_whole=100)
    months = list(history.by_month())
    seconds = history.seconds(range(10_000))

    assert "2512" == months[0].name
    assert "2611" == months[-1].name
    assert list(range(10_000)) == [nth for month in months for nth in month.payments]
    for month in months:
        assert {month.name} == {
            f"{moment_of(seconds[nth]):%y%m}" for nth in month.payments
        }
    assert seconds == sorted(seconds)
    assert UNTIL - timedelta(hours=1) < moment_of(seconds[-1]) < UNTIL


@pytest.mark.parametrize(
    ("until", "kept_whole", "kept_from"),
    [
        # No month goes before it is thirty days old, however few are wanted.
        (UNTIL, 1, date(2026, 10, 1)),
        (datetime(2026, 10, 31, tzinfo=UTC), 1, date(2026, 10, 1)),
        (datetime(2026, 10, 30, tzinfo=UTC), 1, date(2026, 9, 1)),
        (UNTIL, 400, date(2026, 7, 1)),
        (UNTIL, 10_000, date(2025, 12, 1)),
    ],
)
def test_months_are_kept_whole_or_not_at_all(until, kept_whole, kept_from):
    """So many payments at least; a node that is told so many days leaves as much."""
    history = History(payments=1000, until=until, kept_whole=kept_whole)
    first = history.seconds(history.newest)[0]

    assert kept_from == history.kept_from
    assert kept_from.replace(day=1) == moment_of(first).date().replace(day=1)
    assert f"{kept_from:%y%m}" == numbered(until - timedelta(days=history.keep_days))
    assert LEAST_DAYS <= history.keep_days
    assert min(kept_whole, 1000) <= len(history.newest)


def test_every_table_has_the_payments_that_it_must_have():
    """For good, for months, for a week and for a day; and each is in its stretch."""
    history = History(payments=10_000, until=UNTIL, kept_whole=100)
    stretches = list(history.stretches(range(10_000)))

    assert {10_000} == {len(history.kept(table)) for table in EVER}
    assert {history.newest} == {history.kept(table) for table in MONTHLY}
    week, day = (len(history.kept(table)) for table in BRIEFLY)
    assert (week, day) == pytest.approx((7 * 10_000 / 360, 10_000 / 360), abs=2)
    assert 4 == len(stretches)
    for table in (*EVER, *MONTHLY, *BRIEFLY):
        having = [nth for at in stretches if table in at.tables for nth in at.payments]
        assert list(history.kept(table)) == having


def test_a_history_of_few_is_whole():
    """And is not audited twice."""
    few = History(payments=10, until=UNTIL, kept_whole=100)

    assert range(10) == few.newest
    assert [("everything", None), ("the last day", "24h")] == scopes(few)


def test_what_is_whole_is_audited_by_itself_too():
    """From its first payment on."""
    history = History(payments=1000, until=UNTIL, kept_whole=100)
    (_, whole), (name, newest), _ = scopes(history)

    assert whole is None
    assert f"the newest {len(history.newest)}" == name
    (second,) = history.seconds(history.newest[:1])
    assert moment_of(second).isoformat() == newest


@pytest.mark.parametrize(("violations", "unanswered"), [(1, 0), (0, 1)])
def test_an_audit_holds_where_nothing_is_wrong(violations, unanswered):
    """And every question was answered."""
    audit = Audit(
        scope="everything",
        seconds=1.0,
        rows=1,
        violations=violations,
        unanswered=unanswered,
        broken=["I19"] * violations,
    )

    assert not audit.holds
    assert replace(audit, violations=0, unanswered=0).holds


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(tmp_path):
    """How much it needs, how much there is, and what to do."""
    few, more, most = (
        History(payments=each, until=UNTIL) for each in (1, 1_000_000, 10**11)
    )
    space.refuse_full(tmp_path, [few])
    with pytest.raises(Misconfigured) as refused:
        space.refuse_full(tmp_path, [more, most])

    assert "1,000,000 and 100,000,000,000 finished payments need" in str(refused.value)
    assert "--history" in str(refused.value)


def test_statements_are_told_by_what_they_do():
    """The journal's combinations together, others by their tables."""
    assert "add journal_change" == deed("INSERT INTO journal_change (id, at) SELECT 1")
    assert "read payment, change payment" == deed(
        'WITH d AS (SELECT 1 FROM "payment" AS t FOR NO KEY UPDATE SKIP LOCKED) '
        'UPDATE "payment" AS t SET lease_epoch = $4 FROM d'
    )
    assert "add rows of several tables" == deed(
        'WITH w0 AS (INSERT INTO "trail" AS t SELECT 1), '
        'w1 AS (INSERT INTO "attempt" AS t SELECT 1) SELECT'
    )
    assert "read payment" == deed(
        "SELECT 1 FROM (SELECT * FROM unnest($1::text[]) AS u) AS u "
        'CROSS JOIN LATERAL (SELECT 1 FROM "payment" AS t) AS r'
    )
    assert "COMMIT" == deed("COMMIT")


def test_blocks_are_those_of_the_window_and_a_payment():
    """What was touched before it does not count."""
    before = {'SELECT 1 FROM "payment"': (10, 100)}
    after = {'SELECT 1 FROM "payment"': (14, 140), "COMMIT": (2, 0)}
    touched = since(before, after)

    assert {'SELECT 1 FROM "payment"': (4, 40), "COMMIT": (2, 0)} == touched
    assert {"read payment": 10.0, "COMMIT": 0.0} == by_deed([touched, touched], 8)

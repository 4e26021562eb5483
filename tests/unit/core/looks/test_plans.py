"""What searches read of a history: ranges of indexes, and never the whole of it."""

import asyncio
import re
from datetime import UTC, datetime

import asyncpg
import pytest

from paycore.core.agreements import queries as agreements
from paycore.core.looks import queries
from paycore.core.looks.queries import Asked
from paycore.core.overview import queries as overview
from paycore.core.refunds import queries as refunds
from paycore.coupon import queries as coupons
from paycore.kernel import db
from paycore.operators import queries as operators

PAYMENTS = 40_000
SCAN = 500

HISTORY = """
SET session_replication_role = replica;
INSERT INTO cards_card (card_id, version, biz_line, sealed, number_hash, phone_hash,
    bin, tail, phone_masked, holder_masked, bank, card_kind, status, created_at)
SELECT 'c' || i, 1, 'line' || i % 4, '', '', '', '622202',
    lpad((i % 10000)::text, 4, '0'), '+86*******' || lpad((i % 9999)::text, 4, '0'),
    '王*', 'ICBC', 'DEBIT', 'ACTIVE', now()
FROM generate_series(1, {n} / 4) i;
CREATE TEMP TABLE made AS
SELECT i, at, to_char(at, 'YYMMDDHH24MISSMS') || lpad(i::text, 11, '0') AS no
FROM (SELECT i, timestamptz '2026-11-01' + i * interval '40 seconds' AS at
      FROM generate_series(1, {n}) i) moments;
INSERT INTO payment (pay_order_no, version, biz_line, out_biz_no, biz_order_no, amount,
    coupon_no, coupon_amount, payable_amount, currency, card_id, subject, pay_type,
    biz_status, verify_status, step, last_event, events, attempts, wrong_tries,
    resp_code, resp_msg, created_at, expires_at, finished_at, checks, next_check_at)
SELECT no, 5, 'line' || i % 4, 'o-' || i, 'b-' || md5(i::text), 1250, NULL, 0, 1250,
    'CNY', 'c' || 1 + i % ({n} / 4), 'tea', 'QUICK_PAY',
    CASE WHEN i % 1000 = 0 THEN 'CLOSED' ELSE 'SUCCESS' END, 'PASS', '', 'PAID', 4, 2,
    0, 'OK', '', at, at, at, 0, NULL
FROM made;
INSERT INTO payment_out_biz_no SELECT 'line' || i % 4, 'o-' || i, no, '' FROM made;
INSERT INTO attempt (pay_order_no, seq, version, trans_type, process_status, channel,
    account, inst_trans_id, request_no, amount, currency, outcome, channel_ref,
    resp_code, resp_msg, created_at, quiet_from, finished_at, enquiries)
SELECT no, seq, 3,
    CASE seq WHEN 1 THEN 'QUICK_PAY_SEND_MSG' ELSE 'QUICK_PAY_CONFIRM' END,
    'GW_SUCCESS', 'quick_a', 'main', 'quick_a', no || '01', 1250, 'CNY', 'SUCCEEDED',
    md5(no || seq), '', '', at, at, at, 0
FROM made, generate_series(1, 2) seq ORDER BY no, seq;
INSERT INTO cards_agreement (card_id, pay_type, channel, account, version, token,
    starts_at, status)
SELECT 'c' || i, 'QUICK_PAY', 'quick_a', 'main', 1, '', now(), 'ACTIVE'
FROM generate_series(1, {n} / 4) i;
INSERT INTO coupon (biz_line, coupon_no, version, amount, currency, status)
SELECT 'line' || i % 4, 'cp' || i, 1, 50, 'CNY', 'AVAILABLE'
FROM generate_series(1, {n} / 4) i;
INSERT INTO operators_entry (seq, at, operator, role, act, subject, why, detail,
    previous, hash)
SELECT i, at, 'anna', 'operator', 'replayNotice', 'msg_' || i % 1000, 'why', '{{}}',
    '', ''
FROM made;
"""
# Payments that are open: every third has no money leg yet, the others have been asked
# after, an hour apart, the older order the newer leg. Of refunds every second is open.
OPEN = 30
STANDING = """
CREATE TEMP TABLE standing AS
SELECT i, at, '261120' || lpad(i::text, 9, '0') || lpad('1', 11, '0') AS no
FROM (SELECT i, timestamptz '2026-11-20' - i * interval '1 hour' AS at
      FROM generate_series(1, {open}) i) moments;
INSERT INTO payment (pay_order_no, version, biz_line, out_biz_no, amount,
    coupon_amount, payable_amount, currency, card_id, subject, pay_type, biz_status,
    verify_status, step, last_event, events, attempts, wrong_tries, resp_code, resp_msg,
    created_at, expires_at, checks, next_check_at)
SELECT no, 5, 'line' || i % 2, 'u-' || i, 1250, 0, 1250, 'CNY', 'c1', 'tea',
    'QUICK_PAY', 'DOING', 'PASS', '', 'PAID', 4, 2, 0, '', '',
    timestamptz '2026-11-20', timestamptz '2026-11-21', 0, now()
FROM standing;
INSERT INTO attempt (pay_order_no, seq, version, trans_type, process_status, channel,
    account, inst_trans_id, request_no, amount, currency, outcome, resp_code, resp_msg,
    created_at, quiet_from, finished_at, enquiries)
SELECT no, 2, 3, CASE i % 3 WHEN 0 THEN 'QUICK_PAY_SEND_MSG' ELSE 'QUICK_PAY_CONFIRM'
    END, 'GW_DOING', 'quick_a', 'main', 'quick_a', no || '02', 1250, 'CNY',
    CASE i % 3 WHEN 1 THEN 'UNKNOWN' END, '', '', at,
    CASE i % 3 WHEN 1 THEN now() + interval '1 day' ELSE at END, NULL, 0
FROM standing;
INSERT INTO refund (pay_order_no, refund_no, version, biz_line, kind, out_refund_no,
    amount, money_amount, coupon_amount, currency, channel, account, inst_trans_id,
    original_request_no, status, last_event, events, sends, outcome, resp_code,
    resp_msg, created_at, quiet_from, finished_at, checks, next_check_at)
SELECT no, no || 'R01', 1, 'line1', 'ASKED', 'r-' || i, 10, 10, 0, 'CNY', 'quick_a',
    'main', 'quick_a', no || '02', CASE WHEN i % 2000 = 0 THEN 'DOING' ELSE 'SUCCESS'
    END, '', 1, 1, CASE WHEN i % 4000 = 0 THEN 'UNKNOWN' END, '', '',
    timestamptz '2026-11-20' - i * interval '1 second',
    CASE WHEN i % 6000 = 0 THEN at ELSE now() + interval '1 day' END,
    CASE WHEN i % 2000 = 0 THEN NULL ELSE at END, 0,
    CASE WHEN i % 2000 = 0 THEN now() END
FROM made;
"""


@pytest.fixture(scope="module")
def history(dsn) -> str:
    """A month of payments, as they are after a vacuum."""
    asyncio.run(_fill(dsn))
    return dsn


async def _fill(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    # There from the beginning is the month in which this is run.
    await connection.execute("SELECT ensure_partitions('2026-11-01', 1)")
    await connection.execute(HISTORY.format(n=PAYMENTS))
    await connection.execute(STANDING.format(open=OPEN))
    cards = ("cards_card", "cards_agreement", "coupon")
    for table in ("payment", "attempt", "refund", *cards, "operators_entry"):
        await connection.execute(f"VACUUM ANALYZE {table}")
    await connection.close()


class Watched:
    """A pool that says how each question was answered."""

    def __init__(self, pool) -> None:
        self._pool, self.plans = pool, []

    async def fetch(self, text, *args):
        """Ask, and keep the plan."""
        told = await self._pool.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {text}", *args)
        self.plans.append("\n".join(row[0] for row in told))
        return await self._pool.fetch(text, *args)

    async def fetchval(self, text, *args):
        """The first column of the first row."""
        rows = await self.fetch(text, *args)
        return rows[0][0] if rows else None

    async def fetchrow(self, text, *args):
        """The first row."""
        rows = await self.fetch(text, *args)
        return rows[0] if rows else None

    def read_whole(self) -> list[str]:
        """Where rows of a table were read one after the other, and there were many."""
        lines = [line for plan in self.plans for line in plan.splitlines()]
        scans = [line.strip() for line in lines if "Seq Scan" in line]
        empty = ("rows=0.00", "never executed")
        return [one for one in scans if not any(word in one for word in empty)]


def looked_at(plan: str, table: str) -> int:
    """How many rows of a table a plan looked at, kept or thrown away."""
    rows, of_it = 0, False
    for line in plan.splitlines():
        if found := re.search(r"actual .*rows=([\d.]+) loops=(\d+)", line):
            of_it = f" on {table} " in line
            rows += round(float(found[1]) * int(found[2])) if of_it else 0
        elif of_it and (thrown := re.search(r"Removed by Filter: (\d+)", line)):
            rows += int(thrown[1])
    return rows


@pytest.fixture
async def pool(history):
    """As people's questions are asked."""
    made = await db.pool(history, size=2)
    yield Watched(made)
    await made.close()


@pytest.mark.parametrize(
    "asked",
    [
        Asked(),
        Asked(biz_line="line1"),
        Asked(biz_status="DOING"),
        Asked(biz_status="CLOSED"),
        Asked(biz_line="line1", biz_status="CLOSED"),
        Asked(biz_line="line1", biz_status="CLOSED", currency="EUR"),
        Asked(tail="0007"),
        Asked(tail="0007", biz_line="line1"),
        Asked(channel="nowhere"),
        Asked(channel="quick_a", biz_line="line1"),
        Asked(resp_code="NEVER", amount_from=5),
        Asked(numbers=["261101000040000" + "1".zfill(11)]),
    ],
    ids=str,
)
async def test_a_search_reads_a_range(pool, asked):
    """By an index, so many rows and no more."""
    page = await queries.search(pool, asked, before=None, limit=20, scan=SCAN)

    assert [] == pool.read_whole()
    assert len(page.lines) <= 20


async def test_a_search_that_finds_little_says_how_far_it_came(pool):
    """And goes on from there, till it has come to the end."""
    asked, before, found, pages = Asked(biz_status="CLOSED"), None, [], 0
    while True:
        page = await queries.search(pool, asked, before=before, limit=20, scan=5_000)
        found += page.lines
        pages += 1
        assert (page.before is None) == (page.searched_from is None)
        before = page.before
        if before is None:
            break

    assert PAYMENTS // 1000 == len(found)
    assert PAYMENTS // 5_000 <= pages <= PAYMENTS // 5_000 + 1
    numbers = [one.pay_order_no for one in found]
    assert sorted(numbers, reverse=True) == numbers


async def test_unknown_results_are_read_among_what_is_open(pool):
    """The oldest first, page by page; those that have asked for no money are not there,
    and no payment that has ended is looked at.
    """
    asked, after, found = Asked(), None, []
    while True:
        page = await queries.oldest_unknown(pool, asked, after=after, limit=7)
        found += page.lines
        after = page.after
        if after is None:
            break
    plan = pool.plans[0]
    ages = [one.unknown_since for one in found]

    assert OPEN * 2 // 3 == len(found)
    assert sorted(ages) == ages
    assert [] == pool.read_whole()
    assert "payment_p2611_next_check_at_idx" in plan
    assert OPEN == looked_at(plan, "payment_p2611")
    assert "attempt_p2611_pay_order_no" in plan


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        (Asked(biz_line="line1"), 10),
        (Asked(channel="quick_a"), 20),
        (Asked(channel="nowhere"), 0),
        (Asked(biz_status="SUCCESS"), 0),
        (Asked(amount_from=1251), 0),
        (Asked(numbers=["261120" + "1".zfill(9) + "1".zfill(11)]), 1),
        (Asked(until=datetime(2026, 11, 19, tzinfo=UTC)), 0),
    ],
    ids=str,
)
async def test_unknown_results_are_as_asked(pool, asked, number):
    """Every other filter is one of theirs as well."""
    page = await queries.oldest_unknown(pool, asked, after=None, limit=100)

    assert number == len(page.lines)
    assert [] == pool.read_whole()


async def test_unknown_refunds_are_read_among_what_is_open(pool):
    """Those that were answered without a last word, and those that are surely not being
    sent any more; the oldest first.
    """
    all_ = refunds.Asked()
    first = await refunds.oldest_unknown(pool, all_, after=None, limit=9)
    second = await refunds.oldest_unknown(pool, all_, after=first.after, limit=9)
    found = [*first.lines, *second.lines]
    ages = [one.created_at for one in found]
    of_one = refunds.Asked(numbers=[found[3].pay_order_no])
    alone = await refunds.oldest_unknown(pool, of_one, after=None, limit=9)

    # Of 20 open ones: every second was answered, every third is sent no more.
    assert (9, 4) == (len(first.lines), len(second.lines))
    assert second.after is None
    assert sorted(ages) == ages
    assert found[3:4] == alone.lines
    assert [] == pool.read_whole()
    assert all("refund_p2611_next_check_at_idx" in plan for plan in pool.plans)
    assert {20} == {looked_at(plan, "refund_p2611") for plan in pool.plans}


async def test_a_channels_number_is_found_by_pages(history):
    """A filter a group of pages says where it is not; the tables are not read."""
    pool = await db.pool(history, size=2)
    async with pool.acquire() as connection, connection.transaction():
        for setting in queries.NOT_THE_WHOLE:
            await connection.execute(setting)
        told = await connection.fetch(
            f"EXPLAIN (ANALYZE) {queries.NAMED_BY_BLOOM}", "nobody's", 10
        )
    plan = "\n".join(row[0] for row in told)
    row = await pool.fetchrow(
        "SELECT pay_order_no, channel_ref FROM attempt ORDER BY pay_order_no LIMIT 1"
    )
    order = await pool.fetchrow("SELECT * FROM payment ORDER BY pay_order_no LIMIT 1")
    by_ref = await queries.named(pool, [], row["channel_ref"])
    by_order = await queries.named(pool, [], order["biz_order_no"])
    by_line = await queries.named(pool, ["line0", "line1"], order["out_biz_no"])
    await pool.close()

    assert "Seq Scan" not in plan
    assert "Bitmap Index Scan on attempt_p2611_channel_ref_idx" in plan
    assert [row["pay_order_no"]] == by_ref
    assert [order["pay_order_no"]] == by_order == by_line


async def test_lists_read_ranges(pool):
    """Agreements, coupons and refunds too; a filter that fits none ends somewhere."""
    lines = ["line1"]
    await agreements.page(
        pool, cards=None, state="REVOKED", channel=None, before=None, limit=5, scan=SCAN
    )
    cards = await agreements.cards_of(pool, "0007")
    await agreements.page(
        pool, cards=cards, state=None, channel=None, before=None, limit=5, scan=SCAN
    )
    await coupons.page(
        pool, lines=lines, coupon_no=None, state="USED", after=None, limit=5, scan=SCAN
    )
    await coupons.page(
        pool, lines=lines, coupon_no="cp9", state=None, after=None, limit=5, scan=SCAN
    )
    failed = refunds.Asked(status="FAIL")
    await refunds.page(pool, failed, before=None, limit=5, scan=SCAN)

    assert cards
    assert [] == pool.read_whole()


async def test_what_was_done_about_some_subjects_is_looked_up(pool):
    """The newest of all together, each once; by the index of subjects, of each so many
    and no more.
    """
    asked = ["msg_7", "nobody's", "msg_8", "msg_7"]
    found = await operators.about(pool, asked, limit=5)

    last = PAYMENTS - 1_000
    assert [last + 8, last + 7, last - 992, last - 993, last - 1_992] == [
        one.seq for one in found
    ]
    assert [] == pool.read_whole()
    assert "operators_entry_subject" in pool.plans[0]


async def test_the_overview_reads_minutes(pool):
    """A range of the numbers, of each table that it asks."""
    bounds = ("2611050000", "2611050010")
    paid = await overview.paid(pool, *bounds)
    legs = await overview.legs(pool, *bounds)
    await overview.opened(pool, *bounds)

    assert 15 == sum(part.payments for part in paid)
    assert {(30, 30)} == {
        (sum(leg.tried for leg in legs), sum(leg.succeeded for leg in legs))
    }
    assert [] == pool.read_whole()

"""What is old goes, what is not or is still open stays, and all of it is on record."""

from datetime import timedelta

import pytest
from long_ago import MONTHLY, STAYS, id_at, month_of

from paycore.checkout.rows import CheckoutNumberRow, CheckoutRow
from paycore.kernel.jobs import JobRow
from paycore.kernel.journal import LimitCounter
from paycore.kernel.node import NodeRow
from paycore.notify.rows import NoticeRow
from paycore.retention import queries, removal, service
from paycore.retention.catalogue import RULES
from paycore.retention.service import Busy, plan, remove

LOCK_MS = removal.LOCK_MS


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """PostgreSQL's own vacuum may have a table for a second, on a busy machine."""
    monkeypatch.setattr(removal, "LOCK_MS", 5_000)


def line_of(report, table):
    """A table's line of a report."""
    (line,) = (one for one in report.lines if one.table == table)
    return line


async def test_an_old_month_goes_as_a_whole(past, node, pool, dsn):
    """The partitions are gone with their rows and the disk they took; money's own
    history stays, and what was taken away is on record.
    """
    at = past.ago(500)
    for _ in range(3):
        await past.payment(at)
    report = await remove(node, dsn)

    assert [0, 0, 0, 0] == await past.counts(*MONTHLY)
    assert [3, 3] == await past.counts(*STAYS)
    for table in MONTHLY:
        assert not await past.is_there(table + month_of(at))
        assert 3 == line_of(report, table).removed_rows
        assert line_of(report, table).freed_octets > 8192
    told = [(r["table_name"], r["how"], r["rows"]) for r in await past.removals()]
    assert sorted((table, "DROPPED", 3) for table in MONTHLY) == sorted(told)
    assert all(r["finished_at"] for r in await past.removals())


async def test_what_is_not_old_stays(past, node, pool, dsn):
    """Of a year ago there are messages still, and no longer a code."""
    at = past.ago(365)
    no = await past.payment(at)
    report = await remove(node, dsn)

    assert [1, 1, 1, 0] == await past.counts(*MONTHLY)
    assert {no} == await past.numbers("gateway_message")
    assert 0 == line_of(report, "gateway_message").removed_rows


async def test_the_plan_is_what_is_done(past, node, pool, dsn):
    """What a look counts is what a removal then takes, table by table; a look takes
    nothing.
    """
    for days in (500, 470, 200, 3):
        await past.payment(past.ago(days))
    held = await past.payment(past.ago(500), open_still=True)
    await past.write([past.key(past.ago(1)), past.key(past.ago(-1))])
    before = await past.counts(*MONTHLY, "idempotency_key")
    looked = await plan(node, pool)
    assert before == await past.counts(*MONTHLY, "idempotency_key")
    done = await remove(node, dsn)

    assert {one.table: one.past_rows for one in looked.lines} == {
        one.table: one.removed_rows for one in done.lines
    }
    assert (2, 1) == (
        line_of(looked, "gateway_message").past_rows,
        line_of(looked, "gateway_message").held_payments,
    )
    oldest = line_of(looked, "gateway_message").oldest
    assert abs(oldest - past.ago(500)) < timedelta(minutes=1)
    assert held in await past.numbers("gateway_message")
    again = await remove(node, dsn)
    assert 0 == again.total("removed_rows")


@pytest.mark.parametrize("what", ["open", "case", "notice"])
async def test_what_is_still_open_keeps_all_it_has(past, node, pool, dsn, what):
    """An open payment, an open case, a notice that is owed: nothing of theirs goes,
    the others of the month do; once it is over the rest goes, and the month with it.
    """
    at = past.ago(500)
    kept = await past.payment(at, open_still=what == "open")
    await past.payment(at)
    if what == "case":
        await past.write([past.case(kept)])
    if what == "notice":
        await past.write([_notice(past, kept)])
    report = await remove(node, dsn)
    for table in MONTHLY:
        assert {kept} == await past.numbers(table)
        assert (1, 1) == (
            line_of(report, table).removed_rows,
            line_of(report, table).held_payments,
        )
        assert await past.is_there(table + month_of(at))

    await _over(pool)
    await remove(node, dsn)

    assert [0, 0, 0, 0] == await past.counts(*MONTHLY)
    assert not await past.is_there(MONTHLY[0] + month_of(at))


def _notice(past, no):
    return NoticeRow(
        pay_order_no=no,
        notice_id="msg_1",
        biz_line="shop",
        endpoint_id="ep_1",
        type="payment.succeeded",
        body=b"{}",
        created_at=past.ago(500),
        next_check_at=past.ago(-1),
    )


async def _over(pool):
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "UPDATE payment SET biz_status = 'CLOSED', finished_at = created_at,"
            " next_check_at = NULL WHERE next_check_at IS NOT NULL"
        )
        await connection.execute("UPDATE desk_case SET status = 'CLOSED'")
        await connection.execute(
            "UPDATE notify_notice SET status = 'PARKED', next_check_at = NULL"
        )


async def test_something_new_keeps_what_is_old_of_a_payment(past, node, pool, dsn):
    """A payment's messages go together: as long as one of them is new all stay."""
    at = past.ago(500)
    no = await past.payment(at)
    await past.payment(at)
    await past.write([past.message(no, past.ago(10))])
    await remove(node, dsn)

    assert {no} == await past.numbers("gateway_message")
    assert [2] == await past.counts("gateway_message")
    assert set() == await past.numbers("trail")


async def test_what_belongs_to_no_month_goes_as_well(past, node, pool, dsn):
    """Rows in the default partition go one payment after the other."""
    at = past.ago(500)
    no = await past.payment(at)
    await remove(node, dsn)
    late = past.ago(450)
    await past.write([past.message(no, late)])
    assert [1] == await past.counts("gateway_message_p_other")
    report = await remove(node, dsn)

    assert [0] == await past.counts("gateway_message")
    assert 1 == line_of(report, "gateway_message").removed_rows
    assert await past.is_there("gateway_message_p_other")


async def test_a_day_takes_one_month_of_a_table(past, node, pool, dsn):
    """So that a clock that leaps ahead is noticed before it has cost more."""
    months = [past.ago(500), past.ago(540), past.ago(580)]
    for at in months:
        no = await past.payment(at)
    nobodys = f"{past.ago(700):%y%m%d%H%M%S}{no[12:]}"
    await past.write([past.message(nobodys, past.ago(700))])
    assert [1] == await past.counts("gateway_message_p_other")
    first = await remove(node, dsn, months_a_day=1)
    again = await remove(node, dsn, months_a_day=1)

    assert [2] == await past.counts("gateway_message")
    assert not await past.is_there("gateway_message" + month_of(months[2]))
    assert await past.is_there("gateway_message" + month_of(months[1]))
    assert first.done
    assert service.ENOUGH_TODAY == line_of(first, "gateway_message").left
    assert 0 == again.total("removed_rows")


async def test_what_was_not_done_in_time_is_done_later(
    past, node, pool, dsn, monkeypatch
):
    """A removal that has to stop says so, and the next one goes on where it was."""
    monkeypatch.setattr(service, "PAYMENTS_A_BATCH", 1)
    monkeypatch.setattr(service, "ROWS_A_BATCH", 1)
    at = past.ago(500)
    await past.payment(at, open_still=True)
    for _ in range(3):
        await past.payment(at)
    await past.write([past.key(past.ago(days)) for days in (1, 2, 3)])
    short = await remove(node, dsn, within_s=0)
    assert not short.done
    assert 1 == line_of(short, "idempotency_key").removed_rows
    done = await remove(node, dsn)

    assert done.done
    assert [1] == await past.counts("gateway_message")
    assert [0] == await past.counts("idempotency_key")


async def test_a_node_that_is_leaving_stops(past, node, pool, dsn):
    """What a stopping node does not come to is left to the others."""
    await past.payment(past.ago(500))
    node.heartbeat.leaving = True
    report = await remove(node, dsn)

    assert not report.done
    assert [1] == await past.counts("gateway_message")


async def test_a_death_between_the_two_steps_is_made_good(past, node, pool, dsn):
    """A month that was taken out of its table is thrown away by the next removal, and
    what had come into it at the last moment is given back.
    """
    at = past.ago(500)
    old, late = await past.payment(at), await past.payment(at)
    (rule,) = (one for one in RULES if one.table == "gateway_message")
    name = "gateway_message" + month_of(at)
    async with queries.claimed(dsn) as connection:
        record = removal.Record(
            id=node.ids.uuid(),
            rule=rule,
            how="DROPPED",
            until=rule.until(node.settings, node.now()),
            at=node.now(),
            partition=name,
            before=f"{at + timedelta(days=31):%y%m}",
        )
        await past.write([past.message(late, past.ago(1))])
        await removal.detach(connection, record)
    assert [0] == await past.counts("gateway_message")
    report = await remove(node, dsn)

    assert not await past.is_there(name)
    assert {late} == await past.numbers("gateway_message")
    assert 2 == line_of(report, "gateway_message").removed_rows
    assert old not in await past.numbers("gateway_message")
    assert all(r["finished_at"] for r in await past.removals())


async def test_a_reader_is_not_waited_for(past, node, pool, dsn, monkeypatch):
    """While somebody has had the table for long no lock is asked for, so nobody waits
    behind one; the month is still whole, and goes another time.
    """
    monkeypatch.setattr(removal, "LONG_AGO_S", 0)
    at = past.ago(500)
    await past.payment(at)
    async with pool.acquire() as reader, reader.transaction():
        await reader.fetch("SELECT FROM gateway_message")
        report = await remove(node, dsn)
        waiting = await pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
    assert (0, False) == (waiting, report.done)
    assert "has read the table" in line_of(report, "gateway_message").postponed
    assert [1, 0] == await past.counts("gateway_message", "trail")

    assert (await remove(node, dsn)).done
    assert [0] == await past.counts("gateway_message")


async def test_a_lock_that_does_not_come_is_given_up(
    past, node, pool, dsn, monkeypatch
):
    """Whoever came after us waits for a moment only; nothing has changed."""
    monkeypatch.setattr(removal, "LOCK_MS", LOCK_MS)
    at = past.ago(500)
    await past.payment(at)
    async with pool.acquire() as reader, reader.transaction():
        await reader.fetch("SELECT FROM gateway_message")
        report = await remove(node, dsn)

    assert "in use" in line_of(report, "gateway_message").postponed
    assert [1] == await past.counts("gateway_message")
    assert not [
        r for r in await past.removals() if r["table_name"] == "gateway_message"
    ]


async def test_there_is_never_a_second_removal(past, node, pool, dsn):
    """Who comes while one is at it is told so."""
    async with queries.claimed(dsn):
        with pytest.raises(Busy, match="already"):
            await remove(node, dsn)

    assert (await remove(node, dsn)).done


async def test_keys_go_when_their_answer_is_no_longer_promised(past, node, pool, dsn):
    """A day after the answer, and not before; nor does one whose work died stay."""
    stays = past.key(past.ago(-0.5))
    await past.write(
        [past.key(past.ago(0.1)), past.key(past.ago(3), answered=False), stays]
    )
    await remove(node, dsn)

    rows = await pool.fetch("SELECT scope FROM idempotency_key")
    assert [stays.scope] == [row["scope"] for row in rows]


async def test_the_journals_own_rows_go(past, node, pool, dsn):
    """Ids of changes, limits whose period is over, lives and jobs of long ago; the last
    epoch stays, for no other life may get it.
    """
    await pool.execute("DELETE FROM node; DELETE FROM limit_counter")
    for at in (past.ago(30), past.ago(1)):
        await pool.execute("INSERT INTO journal_change VALUES ($1, $2)", id_at(at), at)
    for epoch, died_at in ((1, past.ago(99)), (2, None), (3, past.ago(98))):
        row = NodeRow(
            epoch=epoch,
            name="n",
            slot=epoch,
            started_at=past.ago(100),
            beat_at=past.ago(99),
            died_at=died_at,
        )
        await past.write([row])
    for name, at in (("over", past.ago(2)), ("today", past.ago(-1))):
        await past.write([LimitCounter(counter=name, used=1, expires_at=at)])
    for day, at in (("a", past.ago(500)), ("b", past.ago(1))):
        await past.write(
            [JobRow(job="test", day=day, finished_at=at, next_check_at=None)]
        )
    await remove(node, dsn)

    changes = await pool.fetch("SELECT at FROM journal_change ORDER BY at LIMIT 1")
    assert changes[0]["at"] > past.ago(2)
    assert [2, 3] == [r[0] for r in await pool.fetch("SELECT epoch FROM node")]
    assert ["today"] == [
        r[0] for r in await pool.fetch("SELECT counter FROM limit_counter")
    ]
    assert ["b"] == [r[0] for r in await pool.fetch("SELECT day FROM job")]


async def test_a_clock_that_leapt_ahead_takes_nothing_that_still_holds(
    past, node, pool, dsn, monkeypatch
):
    """What ends tomorrow by the database's clock stays, though a node takes it for a
    year old: a checkout that its payer is about to pay.
    """
    named = {"biz_line": "shop", "out_biz_no": "o1", "checkout_no": "C0"}
    asked = {"key_id": "k", "salt": b"", "digest": bytes(32), "subject": "s"}
    asked |= {"biz_order_no": None, "amount": 1, "currency": "CNY", "sign": None}
    asked |= {"coupon_no": None, "coupon_amount": 0, "card_ids": "[]"}
    asked |= {"own_cards": "[]", "return_url": "https://shop.example", "locale": None}
    times = {"created_at": past.ago(1), "expires_at": past.ago(-1)}
    number = CheckoutNumberRow(**named, content=b"", expires_at=past.ago(-1))
    await past.write([CheckoutRow(**named, **asked, **times), number])
    mine = [rule for rule in RULES if rule.table.startswith("checkout")]
    monkeypatch.setattr(service, "RULES", mine)
    now = node.now() + timedelta(days=366)
    node.clock.now = lambda: now

    await remove(node, dsn)

    assert 1 == await pool.fetchval("SELECT count(*) FROM checkout")
    assert 1 == await pool.fetchval("SELECT count(*) FROM checkout_out_biz_no")


def test_no_century_is_taken_for_another():
    """A limit of so many years that it leads into the last century takes nothing."""
    from datetime import UTC, datetime

    assert "2603" == service.numbered(datetime(2026, 3, 31, tzinfo=UTC))
    assert "" == service.numbered(datetime(1999, 3, 31, tzinfo=UTC))

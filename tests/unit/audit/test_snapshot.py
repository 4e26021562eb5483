"""How an audit reads: one moment, beside whatever is written, and in nobody's way."""

import asyncio
import re
import threading
import time
from datetime import datetime, timedelta

import asyncpg
import pytest
from auditing import audited, compared, found_in, node_on, plant

from paycore.audit import queries
from paycore.audit.catalogue import CATALOGUE
from paycore.audit.queries import Pace, Unanswered, snapshot
from paycore.audit.service import audit
from paycore.kernel import db, partitions
from paycore.kernel.errors import Unavailable

CHECKS = [check for one in CATALOGUE for check in one.checks]


async def test_no_question_locks_what_a_writer_needs(copy):
    """All questions take the lock of a reader and no other, and no row is locked: the
    payment that was just read is changed meanwhile without waiting.
    """
    reader, writer = await db.connect(copy), await asyncpg.connect(copy)
    try:
        async with snapshot(reader, Pace.ONCE) as seen:
            for check in CHECKS:
                await (seen.count_texts if check.scan else seen.count)(check.sql)
            held = await writer.fetch(
                "SELECT DISTINCT locktype, mode FROM pg_locks WHERE pid = $1",
                reader.get_server_pid(),
            )
            await writer.execute("SET lock_timeout = '100ms'")
            await writer.execute(
                "UPDATE payment SET step = step WHERE held IS NULL"
                " AND biz_status = 'DOING'"
            )
            await writer.execute("UPDATE limit_counter SET used = used")
    finally:
        await reader.close()
        await writer.close()

    assert {"AccessShareLock", "ExclusiveLock", "ShareLock"} >= {m for _, m in held}
    assert {"virtualxid"} == {kind for kind, mode in held if mode == "ExclusiveLock"}
    assert {"advisory"} == {kind for kind, mode in held if mode == "ShareLock"}


async def test_nothing_of_the_audit_is_written(copy):
    """The server itself refuses to write in the auditor's transaction."""
    reader = await db.connect(copy)
    try:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with snapshot(reader, Pace.ONCE):
                await reader.execute("UPDATE limit_counter SET used = used")
    finally:
        await reader.close()


async def test_all_questions_see_one_moment(copy, made):
    """What is committed after the first question is not there for the last one."""
    reader = await db.connect(copy)
    try:
        async with snapshot(reader, Pace.ONCE) as seen:
            before = [await seen.count(one.sql) for one in CHECKS if not one.scan]
            await plant(copy, "DELETE FROM transition; DELETE FROM notify_notice")
            after = [await seen.count(one.sql) for one in CHECKS if not one.scan]
    finally:
        await reader.close()

    assert before == after
    assert await found_in(copy)


def test_nothing_is_found_while_payments_run(filled):
    """Payers pay on both lines, codes are wrong and banks fail at times, and every
    audit beside them finds nothing: what it sees is whole at each moment, and so does
    every comparison with the banks.
    """
    stack, stop = filled.stack, threading.Event()
    node = len(stack.nodes) - 1
    stack.fault("bank.*.confirm", "http_500", share=0.1)
    stack.fault("bank.*.deduct", "decline:MAINTENANCE", share=0.2)
    payers = [
        threading.Thread(target=_pay, args=(stack.payer(line, node=node), stop))
        for line in (0, 1, 0, 1)
    ]
    for payer in payers:
        payer.start()
    try:
        found, until, audits = [], time.monotonic() + 5, 0
        while audits < 3 or time.monotonic() < until:
            found += asyncio.run(found_in(stack.on.cluster.dsn))
            found += asyncio.run(compared(filled)).examples
            audits += 1
    finally:
        stop.set()
        for payer in payers:
            payer.join()
        stack.no_faults()

    assert [] == found


def _pay(payer, stop):
    while not stop.is_set():
        answer = payer.open()
        if answer.status_code == 201 and answer.json()["biz_status"] == "DOING":
            no = answer.json()["pay_order_no"]
            payer.confirm(no, "000000")
            payer.confirm(no)


async def test_a_question_that_takes_too_long_is_given_up_alone(copy):
    """The server gives a statement up, its line says so, and the next one is asked."""
    reader = await db.connect(copy)
    slow = "SELECT NULL AS pay_order_no, NULL AS about, pg_sleep(1) IS NULL AS wrong"
    try:
        async with snapshot(reader, Pace.ONCE) as seen:
            await reader.execute("SET LOCAL statement_timeout = '50ms'")
            with pytest.raises(Unanswered, match="too long"):
                await seen.count(slow)
            await reader.execute("SET LOCAL statement_timeout = '60s'")
            counted = await seen.count(CHECKS[0].sql)
    finally:
        await reader.close()

    assert counted.looked > 0


async def test_a_round_has_an_end(copy, payments, monkeypatch):
    """When its time is over all further questions are without an answer, texts first
    of all, and what was found by then is told.
    """
    await plant(copy, "UPDATE payment SET attempts = attempts + 1")
    async with node_on(copy) as node:
        connection = await db.connect(copy)
        whole = await audit(node, connection, pace=Pace.BESIDE)
        monkeypatch.setattr(Pace, "whole_s", 0.0)
        nothing = await audit(node, connection, pace=Pace.BESIDE, since=node.now())
        await connection.close()

    assert (0, len(payments)) == (whole.unanswered, whole.violations)
    asked = sum(len(one.unanswered) + len(one.left_out) for one in nothing.verdicts)
    assert (len(CHECKS), 0) == (asked, nothing.violations)
    assert "no time left" in nothing.verdicts[0].unanswered[0]


async def test_texts_are_read_while_there_is_time(copy, made):
    """A scan that finds much ends with the round, and a statement is given up then."""
    reader = await db.connect(copy)
    (scan,) = (one.sql for one in CHECKS if one.name == "a secret in a message")
    slow = "SELECT NULL AS pay_order_no, NULL AS about, pg_sleep(1) IS NULL AS wrong"
    await plant(copy, "UPDATE gateway_message SET body = '6222020200112233446'")
    try:
        async with snapshot(reader, Pace.BESIDE) as seen:
            left = iter((60.0, 60.0, 0.0))
            seen.left_s = lambda: next(left)
            with pytest.raises(Unanswered, match="no time left"):
                [one async for one in seen.texts(scan)]
            seen.left_s = lambda: 0.05
            with pytest.raises(Unanswered, match="too long"):
                await seen.count(slow)
    finally:
        await reader.close()


@pytest.mark.parametrize("sqlstate", ["53200", "53100", "55P03"])
async def test_what_the_server_has_no_room_for_is_unanswered_alone(copy, sqlstate):
    """Memory or disk that one question lacked, or a lock: the next one is asked."""
    await plant(
        copy,
        "CREATE FUNCTION spent() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
        f" RAISE EXCEPTION 'card' USING ERRCODE = '{sqlstate}'; END $$",
    )
    reader = await db.connect(copy)
    asked = "SELECT NULL AS pay_order_no, NULL AS about, spent() AS wrong"
    try:
        async with snapshot(reader, Pace.ONCE) as seen:
            with pytest.raises(Unanswered, match=f"could not: SQLSTATE {sqlstate}"):
                await seen.count(asked)
            counted = await seen.count(CHECKS[0].sql)
    finally:
        await reader.close()

    assert counted.looked > 0


async def test_what_is_open_may_be_unknown(copy, made, monkeypatch):
    """Where what is open from before cannot be found, the rest is audited all the
    same, and that it was not is said.
    """
    monkeypatch.setattr(
        queries, "WHAT_IS_OPEN_FROM_BEFORE", "SELECT $1::text, 1 / ($2::int - 10001)"
    )
    async with node_on(copy) as node:
        report = await audited(copy, since=node.now(), with_open=True)

    (said,) = report.left_behind
    assert said.startswith("of what is open from before nothing: a row cannot be read")
    assert 1 == report.unanswered


async def test_a_row_that_cannot_be_read_is_no_verdict(copy, made):
    """A notice that is no JSON leaves its question open, and no other one. The reason
    is the database's word for it, without what stands in the row.
    """
    sql = "UPDATE notify_notice SET body = 'card 1' WHERE pay_order_no = '{no}'"
    await plant(copy, sql.format(no=made["paid"]))

    report = await audited(copy)

    unsure = [one for one in report.verdicts if one.unanswered]
    assert ["I17"] == [one.invariant for one in unsure]
    (why,) = unsure[0].unanswered
    assert re.search(r"a notice that a read would deny: .*22P02 \(Invalid\w+\)$", why)
    assert "card" not in why
    assert 0 == report.violations


async def test_a_change_of_the_schema_waits_and_nobody_behind_it(copy, monkeypatch):
    """While an audit reads no partition is made, and whoever pays goes on; once it is
    over they are.
    """
    monkeypatch.setattr(partitions, "TURN_MS", 2500)
    reader, pool = await db.connect(copy), await db.pool(copy, size=2)
    try:
        async with snapshot(reader, Pace.ONCE) as seen:
            await seen.count(CHECKS[0].sql)
            month = seen.at.date() + timedelta(days=400)
            making = asyncio.create_task(partitions.ensure(pool, month))
            await asyncio.sleep(0.3)
            assert not making.done()
            await pool.execute("SET lock_timeout = '100ms'")
            await pool.execute(
                "UPDATE payment SET step = step WHERE biz_status = 'DOING'"
            )
            assert [] == (await making).made
        assert [] == (await partitions.ensure(pool, month)).left
    finally:
        await reader.close()
        await pool.close()


async def test_no_audit_begins_while_the_schema_changes(copy):
    """Who would read half a schema is told to come back."""
    reader, migrating = await db.connect(copy), await db.connect(copy)
    try:
        await migrating.execute("SELECT pg_advisory_lock($1)", db.MIGRATION_LOCK)
        with pytest.raises(Unavailable):
            async with snapshot(reader, Pace.ONCE):
                pass
    finally:
        await reader.close()
        await migrating.close()


# --- from a time on -------------------------------------------------------------------


async def test_what_is_older_is_left_out_unless_it_is_open(copy, made):
    """From a time on only what was numbered since is audited; in the rounds also what
    is open from before.
    """
    await plant(copy, "UPDATE payment SET attempts = attempts + 1")
    async with node_on(copy) as node:
        since = node.now() + timedelta(seconds=1)

    assert [] == await found_in(copy, since=since)
    found = await found_in(copy, since=since, with_open=True)
    names = {name for name, no in made.items() if no in {one.payment for one in found}}
    assert {
        "unknown",
        "open",
        "open_converted",
        "open_converted_tried",
        "refunding",
        "untold",
        "unknown_elsewhere",
        "owed_elsewhere",
    } == names


async def test_what_is_open_and_too_much_is_said_and_the_oldest_is_audited(
    copy, made, monkeypatch
):
    """Open payments come before none of their coupons and notices; of each kind the
    oldest, and that there is more is a question without an answer.
    """
    await plant(copy, "UPDATE payment SET attempts = attempts + 1")
    async with node_on(copy) as node:
        since = node.now() + timedelta(seconds=1)
    monkeypatch.setattr(queries, "MAX_OPEN", 2)

    report = await audited(copy, since=since, with_open=True, examples=100)

    found = {one.payment for verdict in report.verdicts for one in verdict.examples}
    names = ("unknown", "open", "open_converted", "open_converted_tried")
    oldest = sorted(made[name] for name in names)[:2]
    assert {*oldest, made["refunding"], made["unknown"], made["untold"]} | {
        made["owed_elsewhere"]
    } == found
    assert ("of open payments from before only the oldest 2",) == report.left_behind
    assert 1 == report.unanswered


async def test_each_question_shows_what_it_found(copy, made):
    """An invariant with an example of one question has one of another too."""
    await plant(
        copy,
        "UPDATE payment SET next_check_at = next_check_at - interval '3 days'"
        " WHERE next_check_at IS NOT NULL;"
        "UPDATE coupon SET next_check_at = next_check_at - interval '3 days'"
        " WHERE next_check_at IS NOT NULL",
    )

    report = await audited(copy, examples=1, only=("I6",))

    assert {
        "a payment that nobody looks at",
        "a locked coupon that nobody looks at",
    } == {one.check for one in report.verdicts[0].examples}


async def test_a_time_before_them_all_audits_them_all(copy, payments):
    """The same violations, but for the sums that know no beginning."""
    await plant(
        copy,
        "UPDATE payment SET attempts = attempts + 1;"
        "UPDATE accounting_balance SET amount = amount + 1",
    )
    async with node_on(copy) as node:
        since = node.now() - timedelta(days=1)

    found = await found_in(copy, since=since)

    assert payments == {one.payment for one in found if one.payment}
    assert {"books that do not add up"} == {
        one.check for one in found if one.payment is None
    }


@pytest.mark.parametrize(
    ("since", "first"),
    [
        ("2026-11-25T12:30:30+00:00", "261125123030"),
        ("2026-11-25T20:30:30+08:00", "261125123030"),
        ("1931-11-25T12:30:30+00:00", "000101000000"),
        ("0001-01-01T00:00:00+08:00", "000101000000"),
        ("2126-11-25T12:30:30+00:00", "991231000000"),
    ],
)
async def test_payments_are_numbered_in_utc(copy_once, since, first):
    """A time of any zone and century begins where the numbers of its moment do."""
    reader = await db.connect(copy_once)
    try:
        async with snapshot(reader, Pace.ONCE) as seen:
            await seen.narrow(datetime.fromisoformat(since), with_open=False)
    finally:
        await reader.close()

    assert first == seen.first


async def test_what_is_left_out_is_said(copy):
    """A question that only all payments can answer is named where it is not asked."""
    async with node_on(copy) as node:
        report = await audited(copy, since=node.now() - timedelta(days=1))

    left_out = {one.invariant: one.left_out for one in report.verdicts if one.left_out}
    assert {"I7": 1, "I14": 1, "I15": 4, "I18": 1} == {
        one: len(names) for one, names in left_out.items()
    }


async def test_only_what_is_named_is_asked(copy):
    """One verdict for each invariant that was named, in the catalogue's order."""
    heard = []
    async with node_on(copy) as node:
        connection = await db.connect(copy)
        report = await audit(node, connection, only=("I4", "I1"), told=heard.append)
        await connection.close()

    assert ["I1", "I4"] == [one.invariant for one in report.verdicts]
    assert ["I1", "I4", "I4"] == [one.partition(":")[0] for one in heard]

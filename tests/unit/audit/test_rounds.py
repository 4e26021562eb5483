"""The rounds: one node audits, and what it finds is told once."""

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import asyncpg
import httpx2 as httpx
import pytest
from auditing import node_on, plant

from paycore.api.metrics import Metrics
from paycore.app import _audits
from paycore.audit.service import Audited
from paycore.kernel import db
from paycore.kernel.config import Settings
from paycore.kernel.errors import Unavailable
from paycore.worker import auditor

SOON = 0.05


async def ticks(node, dsn):
    """Take the seat, once it is free: of who is cut off the server hears a little
    later, and a node asks again.
    """
    while True:
        await auditor.tick(node, dsn)
        await asyncio.sleep(SOON)


@asynccontextmanager
async def rounds(node, dsn, by=auditor.tick):
    """A node's rounds, for as long as the block runs."""
    task = asyncio.create_task(by(node, dsn))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Unavailable):
            await task


async def next_report(node, after=None):
    """What the node's next round finds."""
    for _ in range(3000):
        if (report := node.state(Audited).report) is not after:
            return report
        await asyncio.sleep(0.02)
    raise AssertionError("no round came to its end")


async def cases(dsn):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(
            "SELECT * FROM desk_case WHERE kind = 'INVARIANT' ORDER BY case_id"
        )
    finally:
        await connection.close()


async def told(node):
    """What Prometheus is told of the audit, by name and label."""

    async def away():
        return None

    text = (await Metrics(node, away).render(ready=True)).decode()
    lines = [
        one.split() for one in text.splitlines() if one.startswith("paycore_audit")
    ]
    return {name: float(value) for name, value in lines}


async def test_a_violation_is_a_case_and_a_figure(copy, made):
    """A person finds it on the desk with what the rows say, and Prometheus by its
    invariant; seen again it is the same case.
    """
    no = made["discounted"]
    broken = (
        "UPDATE coupon SET amount = amount + 1 WHERE holder = '{no}';"
        "UPDATE limit_counter SET used = used + 1 WHERE counter = (SELECT min(counter)"
        " FROM limit_counter WHERE counter LIKE 'agreement:%')"
    )
    await plant(copy, broken.format(no=no))
    async with node_on(copy, audit_every_s=SOON) as node, rounds(node, copy):
        report = await next_report(node)
        first = await cases(copy)
        await next_report(node, report)
        figures = await told(node)

    limit, coupon = sorted(first, key=lambda one: one["pay_order_no"] or "")
    assert (f"INVARIANT:{no}::I10", no) == (coupon["case_id"], coupon["pay_order_no"])
    assert "a coupon out of step with its order" in coupon["evidence"]
    assert limit["case_id"].startswith("INVARIANT:::I29:agreement:card_")
    assert first == await cases(copy)
    assert 1 == figures['paycore_audit_violations{invariant="I10"}']
    assert 0 == figures['paycore_audit_violations{invariant="I1"}']
    assert 0 < figures['paycore_audit_rows{invariant="I1"}']
    assert 0 == figures["paycore_audit_unanswered"]
    assert 60 > abs(time.time() - figures["paycore_audit_timestamp_seconds"])
    assert 0 < figures["paycore_audit_seconds"] < 60


async def test_a_flood_of_violations_is_told_a_few_at_a_time(
    copy, payments, monkeypatch
):
    """One bug may break everything at once: the desk gets so many cases a round, and
    the figure says how many there are.
    """
    monkeypatch.setattr(auditor, "CASES_A_ROUND", 3)
    await plant(copy, "UPDATE payment SET attempts = attempts + 1")
    async with node_on(copy, audit_every_s=3600) as node:
        connection = await db.connect(copy)
        report = await auditor._round(node, connection)
        await connection.close()

    assert len(payments) == report.violations
    assert 3 == len(await cases(copy))


async def _told_once(node, dsn):
    """The cases after one more round."""
    connection = await db.connect(dsn)
    try:
        await auditor._round(node, connection)
    finally:
        await connection.close()
    return await cases(dsn)


async def test_a_flood_of_one_invariant_hides_no_other(copy, payments, monkeypatch):
    """Cases are opened in turn, and those that stand take nobody's place: round by
    round everything that was found comes to the desk.
    """
    monkeypatch.setattr(auditor, "CASES_A_ROUND", 3)
    monkeypatch.setattr(auditor, "EXAMPLES", len(payments) + 1)
    await plant(
        copy,
        "UPDATE payment SET attempts = attempts + 1;"
        "UPDATE limit_counter SET used = used + 1 WHERE counter = (SELECT min(counter)"
        " FROM limit_counter WHERE counter LIKE 'agreement:%')",
    )
    async with node_on(copy, audit_every_s=3600) as node:
        seen = [len(await _told_once(node, copy)) for _ in range(11)]
        last = await cases(copy)

    assert [3, 6, 9, 12, 15] == seen[:5]
    assert len(payments) + 1 == seen[-2] == seen[-1]
    assert 1 == sum(":I29:" in one["case_id"] for one in last)


async def test_a_closed_case_of_what_is_still_so_is_followed_by_another(copy, made):
    """A person who closes a case has not mended it: the next round tells it anew, and
    once; what was closed stays as it was.
    """
    no = made["discounted"]
    await plant(copy, f"UPDATE coupon SET amount = amount + 1 WHERE holder = '{no}'")
    async with node_on(copy, audit_every_s=3600) as node:
        (first,) = await _told_once(node, copy)
        await plant(copy, "UPDATE desk_case SET status = 'CLOSED'")
        again = await _told_once(node, copy)
        assert again == await _told_once(node, copy)

    assert [("CLOSED", first["case_id"]), ("OPEN", f"{first['case_id']}:2")] == [
        (one["status"], one["case_id"]) for one in again
    ]


async def test_texts_are_looked_through_once_until_one_holds_a_secret(copy, made):
    """What was written before the last round is not read again; a secret that was found
    stays a violation for as long as it stands.
    """
    # Old steps and fresh messages, however long ago all of them were made.
    await plant(
        copy,
        "UPDATE trail SET at = at - interval '30 minutes';"
        "UPDATE gateway_message SET at = now()",
    )
    async with node_on(copy, audit_every_s=3600) as node:
        connection = await db.connect(copy)
        try:
            first = await auditor._round(node, connection)
            second = await auditor._round(node, connection, first)
            await plant(
                copy,
                "UPDATE gateway_message SET body = body || ' 6222020200112233446'"
                f" WHERE pay_order_no = '{made['paid']}' AND direction = 'IN'"
                " AND operation = 'confirm'",
            )
            found = await auditor._round(node, connection, second)
            node.clock.anchor(node.now() + timedelta(hours=2))
            again = await auditor._round(node, connection, found)
        finally:
            await connection.close()

    verdicts = [_of(report, "I25") for report in (first, second, found, again)]
    assert verdicts[0].looked > verdicts[1].looked == verdicts[2].looked > 0
    assert verdicts[3].looked >= verdicts[2].looked
    assert [0, 0, 1, 1] == [verdict.violations for verdict in verdicts]


def _of(report, invariant):
    (verdict,) = (one for one in report.verdicts if one.invariant == invariant)
    return verdict


async def test_one_node_at_a_time_audits(copy):
    """Of two nodes one has the seat; the other tells no figures, and takes over when
    the first one is gone.
    """
    async with (
        node_on(copy, audit_every_s=SOON) as first,
        node_on(copy, epoch=2, audit_every_s=SOON) as second,
    ):
        async with rounds(first, copy):
            await next_report(first)
            await asyncio.wait_for(auditor.tick(second, copy), 60)
            assert {} == await told(second)
        async with rounds(second, copy, by=ticks):
            await next_report(second)
            await asyncio.wait_for(auditor.tick(first, copy), 60)
            assert {} == await told(first)


async def test_a_killed_connection_gives_the_seat_up(copy):
    """What becomes of the auditor's connection becomes of his seat: a node whose
    connection is gone says so, and another may audit.
    """
    async with node_on(copy, audit_every_s=SOON) as node:
        async with rounds(node, copy) as task:
            await next_report(node)
            connection = await asyncpg.connect(copy)
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
            )
            await connection.close()
            # He rests nine times as long as he worked before he looks again.
            done, _ = await asyncio.wait([task], timeout=60)
            assert done
            assert "Unavailable" == type(task.exception()).__name__
        async with rounds(node, copy, by=ticks):
            await next_report(node)


async def test_a_leaving_node_audits_no_more(copy):
    """Who was told to stop finishes his round and gives up the seat."""
    async with (
        node_on(copy, audit_every_s=SOON) as node,
        rounds(node, copy) as task,
    ):
        await next_report(node)
        node.heartbeat.leaving = True
        await asyncio.wait_for(task, 60)


@pytest.mark.parametrize(
    ("settings", "audits"),
    [
        ({}, True),
        ({"role": "worker"}, True),
        ({"role": "api"}, False),
        ({"audit_every_s": 0}, False),
    ],
)
def test_who_works_audits_unless_told_not_to(settings, audits):
    """A node that only answers does not, and 0 switches it off."""
    assert audits == bool(_audits(Settings.for_dev(**settings), "postgresql://"))


def test_a_running_node_tells_its_audits(filled):
    """A node as it is started audits by itself: nothing is wrong, and it says so."""
    api = filled.stack.nodes[-1].info.api
    deadline, text = time.monotonic() + 60, ""
    while "paycore_audit_violations{" not in text:
        assert time.monotonic() < deadline, text
        text = httpx.get(f"{api}/metrics", timeout=60).text
        time.sleep(0.2)

    counts = [
        float(line.split()[1])
        for line in text.splitlines()
        if line.startswith("paycore_audit_violations{")
    ]
    assert len(counts) > 20
    assert 0 == sum(counts)

"""A database that dies or goes away: nothing acknowledged is lost, nothing comes twice.

One server is killed with -9 under load; and a proxy cuts the connection at the very
COMMIT, before it, after it, or leaving the old transaction open behind it.
"""

import asyncio
import os
import random
import signal
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from journal_suite import (
    NOW,
    SOON,
    Balance,
    Claim,
    Coupon,
    Line,
    Paper,
    inserting,
    new,
    no,
)

from paycore.kernel import db
from paycore.kernel.clock import SystemClock
from paycore.kernel.db import DatabaseUnavailableError
from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import ChangeRejected, LimitCounter, Refused
from paycore.kernel.journal_oneway import CALLED
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.postgres_process import _children

pytestmark = pytest.mark.long

# --- a proxy that loses what is said at COMMIT ----------------------------------------

BEFORE, AFTER, OPEN, LATE = "before", "after", "open", "late"
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
GROUP = f"\0{CALLED}".encode()
"""In what asks for a whole group in one way; it is committed by the Sync after it."""
SYNC = b"S\x00\x00\x00\x04"


def parted(data):
    """What goes before a COMMIT of either kind, and the COMMIT; or all, and nothing."""
    for said, commit in ((COMMIT, COMMIT), (GROUP, SYNC)):
        if said in data and data.endswith(commit):
            return data.removesuffix(commit), commit
    return data, b""


class Proxy:
    """Stands before the server; `cuts` says what befalls the next COMMITs."""

    def __init__(self, socket):
        self.cuts = []
        self.down = False
        self.commits = 0
        self._socket = socket
        self._left_open = []
        self._tasks = set()

    async def serve(self, reader, writer):
        """Carry one connection, both ways, until one side is cut."""
        if self.down:
            writer.transport.abort()
            return
        there, here = await asyncio.open_unix_connection(self._socket)
        answers = asyncio.create_task(self._carry(there, writer))
        self._tasks.add(answers)
        with suppress(OSError):
            while data := await reader.read(65536):
                before, commit = parted(data)
                here.write(before)
                await here.drain()
                cut = None
                if commit:
                    self.commits += 1
                    cut = self.cuts.pop(0) if self.cuts else None
                if cut is not None:
                    await self._cut(cut, commit, here, answers, writer)
                    return
                here.write(commit)
                await here.drain()
        here.close()
        writer.close()

    async def _carry(self, there, writer):
        with suppress(OSError):
            while data := await there.read(65536):
                writer.write(data)
        writer.close()

    async def _cut(self, cut, data, here, answers, writer):
        """Cut the client off; the server hears of it at once, or never."""
        answers.cancel()
        if cut == AFTER:
            here.write(data)
            await here.drain()
            await asyncio.sleep(0.05)
        writer.transport.abort()
        if cut in (OPEN, LATE):
            self._left_open.append(here)
        if cut == LATE:
            await asyncio.sleep(0.3)
            with suppress(OSError):
                here.write(data)
                await here.drain()
        if cut in (BEFORE, AFTER):
            here.close()

    def close(self):
        """Let go of what was left open."""
        for here in self._left_open:
            here.close()
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def proxy_to(dsn):
    """A proxy before a server's socket, and the DSN that goes through it."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    proxy = Proxy(str(Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}"))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield proxy, f"postgresql://paycore@127.0.0.1:{port}{parts.path}?sslmode=disable"
    server.close()
    proxy.close()


@asynccontextmanager
async def journal_on(dsn, **how):
    """A journal that is closed whatever happens: one that is forgotten fails whichever
    test runs when its sockets are collected.
    """
    journal = await PostgresJournal.open(dsn, clock=SystemClock(NOW), **how)
    try:
        yield journal
    finally:
        await journal.close()


@pytest.fixture
async def proxied(tables, postgres):
    """A journal whose connections go through a proxy."""
    async with proxy_to(tables) as (proxy, dsn), journal_on(dsn) as journal:
        yield proxy, journal


def payment(n):
    """A change with a row of each kind; its balance proves how often it was written."""
    change = inserting(Paper(no=no(n)))
    change.append(Line(no=no(n), seq=1))
    change.add(Balance(account="a", slot=0, amount=1))
    change.count("c", 1, limit=10**6, expires_at=SOON)
    return change


async def totals(journal):
    """How often the whole of it was written, by each kind of row."""
    return {
        len(await journal.every(Paper)),
        len(await journal.every(Line)),
        sum(row.amount for row in await journal.every(Balance)),
        sum(row.used for row in await journal.every(LimitCounter)),
    }


@pytest.mark.parametrize("cut", [BEFORE, AFTER, OPEN, LATE])
async def test_a_connection_cut_at_commit_is_no_riddle(proxied, postgres, cut):
    """Whatever became of the COMMIT, each change is written once and answered."""
    proxy, journal = proxied
    await journal.commit(payment("first"))
    proxy.cuts = [cut]
    changes = [payment(f"{n:02}") for n in range(30)]
    answers = await asyncio.gather(*map(journal.commit, changes))

    assert [None] * 30 == answers
    assert not proxy.cuts
    assert {31} == await totals(postgres)
    if cut == LATE:
        await asyncio.sleep(0.4)
        assert {31} == await totals(postgres)


async def test_cut_after_cut(proxied, postgres):
    """Also a try that is written again may be cut, and again."""
    proxy, journal = proxied
    proxy.cuts = [BEFORE, AFTER, OPEN, BEFORE, AFTER]
    for at in range(3):
        changes = [payment(f"{at}-{n:02}") for n in range(10)]
        assert [None] * 10 == await asyncio.gather(*map(journal.commit, changes))

    assert not proxy.cuts
    assert {30} == await totals(postgres)


@pytest.mark.parametrize("cut", [BEFORE, AFTER])
async def test_a_refusal_is_not_taken_for_durable(proxied, postgres, cut):
    """Who was refused beside those whose COMMIT was lost is refused, not forgotten."""
    proxy, journal = proxied
    stands = Claim(biz_line="L", name="taken")
    await journal.commit(inserting(stands))
    refused = payment("no")
    refused.insert(stands)
    proxy.cuts = [cut]
    answers = await asyncio.gather(
        journal.commit(payment("A")), journal.commit(refused), journal.commit(new())
    )

    assert [None, Refused("t_claim", stands), None] == answers
    assert {1} == await totals(postgres)
    assert not await postgres.committed(refused.id)


async def test_a_culprit_beside_a_cut(proxied, postgres):
    """Halves of a group are cut and written again like whole ones."""
    proxy, journal = proxied
    changes = [payment(f"{n:02}") for n in range(8)]
    changes[5].append(Line(no=no("00"), seq=1))
    proxy.cuts = [AFTER, BEFORE]
    answers = await asyncio.gather(
        *map(journal.commit, changes), return_exceptions=True
    )

    assert [5] == [n for n, answer in enumerate(answers) if answer is not None]
    assert {7} == await totals(postgres)


# --- a server that dies ---------------------------------------------------------------


async def write_until(journal, done, name, answered):
    """Write changes, one after the other, and note what was answered."""
    for n in range(100_000):
        if done.is_set():
            return
        change = payment(f"{name}-{n}")
        try:
            answered[change.id] = await journal.commit(change)
        except Unavailable:
            answered[change.id] = Unavailable


async def kill_and_restart(cluster, *, away_s):
    """What befalls a database."""
    await asyncio.to_thread(cluster.kill)
    await asyncio.sleep(away_s)
    await asyncio.to_thread(cluster.restart)


async def works(ask, *about):
    """Ask until there is an answer: a server that takes connections may still be slow
    for somebody with little patience.
    """
    async with asyncio.timeout(60):
        while True:
            with suppress(Unavailable):
                return await ask(*about)


async def works_again(answered, after):
    """Wait until a change that was begun after so many others is acknowledged."""
    async with asyncio.timeout(60):
        while None not in list(answered.values())[after:]:  # noqa: ASYNC110 - their dict
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("away_s", "patience_s"), [(0.0, 60.0), (1.0, 0.3)])
async def test_a_killed_server_loses_nothing(
    cluster, tables, postgres, away_s, patience_s
):
    """What was acknowledged is there, once; the rest is wholly there or not at all."""
    done, answered, dice = asyncio.Event(), {}, random.Random(7)
    async with journal_on(tables, patience_s=patience_s) as journal:
        writers = [
            asyncio.create_task(write_until(journal, done, f"{n:02}", answered))
            for n in range(24)
        ]
        for _ in range(3):
            await asyncio.sleep(dice.uniform(0.1, 0.4))
            await kill_and_restart(cluster, away_s=away_s)
        outages = len(answered)
        await works_again(answered, outages)
        done.set()
        await asyncio.gather(*writers)
    # Looked at by one with patience: the server was killed a moment ago.
    durable = {id_ for id_ in answered if await postgres.committed(id_)}
    written = await totals(postgres)
    acknowledged = {id_ for id_, answer in answered.items() if answer is None}

    assert acknowledged <= durable
    assert {len(durable)} == written
    assert (away_s > patience_s) == (Unavailable in answered.values())


async def test_a_database_that_is_away_is_said_to_be(cluster, tables, postgres):
    """Reads and changes are refused after a while, and work again when it is back."""
    async with journal_on(tables, patience_s=0.2) as journal:
        await works(journal.commit, inserting(Coupon(coupon_no="A")))
        await asyncio.to_thread(cluster.kill)
        try:
            for ask in (
                journal.load(Coupon, "A"),
                journal.every(Coupon),
                journal.committed(new().id),
                journal.database_now(),
                journal.commit(inserting(Coupon(coupon_no="B"))),
            ):
                with pytest.raises(Unavailable):
                    await ask
            with pytest.raises(DatabaseUnavailableError):
                await PostgresJournal.open(tables, patience_s=0.2)
        finally:
            await asyncio.to_thread(cluster.restart)
        assert await works(journal.commit, inserting(Coupon(coupon_no="C"))) is None
        rows = await works(journal.every, Coupon)
        assert ["A", "C"] == [row.coupon_no for row in rows]


@contextmanager
def deaf(cluster):
    """A server that has every connection and answers on none."""
    pids = [cluster.pid, *_children(cluster.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


async def test_a_question_has_no_longer_than_it_was_given(cluster, tables, postgres):
    """Of a server that answers nothing: not even its connection is waited for."""
    clock = SystemClock(NOW)
    async with await db.pool(tables, size=1) as pool:
        with deaf(cluster):
            asked = asyncio.create_task(clock.within(0.2, pool.fetchval("SELECT 1")))
            done, _ = await asyncio.wait((asked,), timeout=60)

        assert done
        assert isinstance(asked.exception(), TimeoutError)
        assert 1 == await clock.within(60, pool.fetchval("SELECT 1"))
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await clock.within(60, pool.fetchval("nonsense"))


async def took(answer):
    """In how many seconds it was refused."""
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await answer
    return time.monotonic() - began


async def test_patience_is_for_all_tries_together(cluster, tables, postgres):
    """Whether it is the answer or a connection that does not come."""
    async with journal_on(tables, patience_s=3.0) as journal:
        await journal.commit(payment("first"))
        await journal.load(Paper, no("first"))

        async def behind():
            await asyncio.sleep(0.1)
            return await took(journal.commit(payment("behind")))

        with deaf(cluster):
            first, read, late = await asyncio.gather(
                took(journal.commit(payment("second"))),
                took(journal.load(Paper, no("first"))),
                behind(),
            )

        # Each try anew would be twice that, and more.
        assert 2.9 < first < 6.0
        assert 2.9 < read < 6.0
        assert late < 9.0
        assert await works(journal.commit, payment("third")) is None


async def test_patience_begins_anew_with_any_answer(tables, postgres):
    """Also where all that it came to after an outage is that a change was rejected."""
    async with (
        proxy_to(tables) as (proxy, dsn),
        journal_on(dsn, patience_s=4.0) as journal,
    ):
        proxy.cuts, proxy.down = [BEFORE], True
        with pytest.raises(Unavailable):
            await journal.commit(payment("first"))
        proxy.down = False
        with pytest.raises(ChangeRejected):
            await journal.commit(inserting(Paper(no=no("bad"), amount=-1)))
        proxy.cuts, proxy.down = [BEFORE], True
        written = asyncio.create_task(journal.commit(payment("second")))
        await asyncio.sleep(0.3)
        proxy.down = False

        assert await written is None
        assert not proxy.cuts


async def test_a_backend_that_was_ended_is_replaced(tables, postgres):
    """An operator who ends our sessions costs nobody an answer."""
    connection = await asyncpg.connect(tables)
    for n in range(5):
        commits = [
            asyncio.create_task(postgres.commit(payment(f"{n}-{m}"))) for m in range(20)
        ]
        await asyncio.sleep(0.003 * n)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'paycore journal' "
            "AND datname = current_database()"
        )
        assert [None] * 20 == await asyncio.gather(*commits)
        assert await postgres.load(Paper, no(f"{n}-0")) == Paper(no=no(f"{n}-0"))
    await connection.close()

    assert {100} == await totals(postgres)


async def test_a_table_that_is_missing_stops_nothing_else(postgres):
    """What the database will not do for a lasting reason is Unavailable, no more."""
    change = new()
    change.count("c", 1, limit=None, expires_at=NOW)
    await postgres._writer.execute("SET search_path = nowhere")
    with pytest.raises(Unavailable):
        await postgres.commit(change)

    assert await postgres.commit(change) is None

"""A kill -9 of PostgreSQL is the death of all of it, and it starts again afterwards."""

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from paycore.kernel.postgres import Cluster, fresh_folder

GONE_WITHIN_S = 15.0
"""Killed is gone; a backend that is left alone computes for half a minute."""

BUSY = """
import asyncio, asyncpg, sys

async def ask():
    connection = await asyncpg.connect(sys.argv[1])
    print("at work", flush=True)
    await connection.fetchval("SELECT count(*) FROM generate_series(1, 400000000) n")

asyncio.run(ask())
"""
"""Work that never waits: who does it does not look whether the main process lives."""


@pytest.fixture
def cluster():
    """One that may be killed."""
    folder = fresh_folder("paycore-kill-test-")
    with Cluster.start(folder) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


def gone(cluster: Cluster) -> bool:
    """Whether nothing of it is left soon: each of its processes holds the lock."""
    with (cluster.data / "postgres.lock").open() as lock:
        for _ in range(int(GONE_WITHIN_S / 0.05)):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
                continue
            return True
    return False


def segments(cluster: Cluster) -> set[str]:
    """The shared memory that its main process has by name: others may have theirs."""
    maps = Path(f"/proc/{cluster.pid}/maps").read_text().splitlines()
    return {line.split()[-1] for line in maps if "/dev/shm/PostgreSQL." in line}


async def _ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def ask(cluster: Cluster, question: str) -> object:
    """One answer of it."""
    return asyncio.run(_ask(cluster.dsn, question))


@pytest.mark.skipif(
    not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists(),
    reason="nobody says here who the children of a process are",
)
@pytest.mark.long
def test_who_is_at_work_dies_with_the_main_process(cluster: Cluster):
    """A backend that would go on to its COMMIT is killed too; three times, and each
    time it starts again with what was committed, and leaves no shared memory behind.
    """
    ask(cluster, "CREATE TABLE kept AS SELECT 0 AS value")
    for number in range(1, 4):
        busy = subprocess.Popen(
            [sys.executable, "-c", BUSY, cluster.dsn],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        busy.stdout.readline()
        time.sleep(0.2)
        shared = segments(cluster)
        ask(cluster, f"UPDATE kept SET value = {number} RETURNING value")

        cluster.kill()

        assert gone(cluster)
        busy.wait(60)
        busy.stdout.close()
        cluster.restart()
        assert number == ask(cluster, "SELECT value FROM kept")
        assert not [name for name in shared if Path(name).exists()]

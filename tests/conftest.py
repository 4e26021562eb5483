"""What all tests share: a real database, fresh for each module, and no network.

cluster           a PostgreSQL server of this worker's own
dsn               a database of this module's own, migrated
unused_tcp_port   a port that stays free until it is used
one_hour          a test that counts by the hour or the day is within one
"""

import asyncio
import re
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))  # for what all tests may use

from paycore.kernel import db
from paycore.kernel.postgres import Cluster, fresh_folder
from ports import free_row

# How long an example takes is the machine's matter: on a busy one none is wrong for it.
settings.register_profile(
    "paycore", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("paycore")

TEMPLATE = "paycore_template"

HOUR_S = 3600
ENOUGH_OF_IT_S = 30
"""No such test takes so long."""

NAME_MAX = 63
"""PostgreSQL cuts longer names, and two modules would share a database."""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Start this worker's server; its main database is the migrated template's source.

    Every xdist worker is a process with a session of its own, so it has its own server:
    a test may kill it, and no other worker notices.
    """
    folder = fresh_folder("paycore-tests-")
    try:
        with Cluster.start(folder, settings={"max_connections": "120"}) as running:
            asyncio.run(_make_template(running))
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def unused_tcp_port() -> int:
    """Instead of pytest-asyncio's, whose port may be given away before it is used."""
    return free_row()


@pytest.fixture
def one_hour() -> None:
    """Let an hour that is nearly over pass: with it a limit's count begins anew, and in
    some zone a day does.
    """
    left = HOUR_S - time.time() % HOUR_S
    if left < ENOUGH_OF_IT_S:
        time.sleep(left)


@pytest.fixture(scope="module")
def dsn(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """Make a fresh database for this module, a copy of the migrated template."""
    name = _name_of(request.node.nodeid)
    asyncio.run(_run(cluster, f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE}'))
    yield cluster.dsn_of(name)
    if cluster.alive:
        asyncio.run(_run(cluster, f'DROP DATABASE "{name}" WITH (FORCE)'))


def _name_of(nodeid: str) -> str:
    return re.sub(r"\W+", "_", nodeid.removesuffix(".py"))[-NAME_MAX:]


async def _make_template(cluster: Cluster) -> None:
    await _run(cluster, f"CREATE DATABASE {TEMPLATE}")
    await db.migrate(cluster.dsn_of(TEMPLATE))


async def _run(cluster: Cluster, statement: str) -> None:
    connection = await asyncpg.connect(cluster.dsn_of("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


TOGETHER = ("tests/unit/audit/",)
"""Folders whose files share what takes long to make: one worker has them."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """By file means: a file's tests go to one worker, and those of a folder that
    shares.
    """
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFolder(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            folder = next((one for one in TOGETHER if nodeid.startswith(one)), None)
            return folder or super()._split_scope(nodeid)

    return ByFolder(config, log)


def _refuse_foreign(event: str, args: tuple[Any, ...]) -> None:
    """Refuse every connection that is not to this machine; an audit hook."""
    if event != "socket.connect":
        return
    connecting, address = args
    if connecting.family in (socket.AF_INET, socket.AF_INET6):
        host = str(address[0])
        if host != "localhost" and not ip_address(host.partition("%")[0]).is_loopback:
            raise PermissionError(f"tests connect to loopback only, not to {host}")


def pytest_configure(config: pytest.Config) -> None:
    """Close the network for the whole run: a hook cannot be forgotten by a test."""
    sys.addaudithook(_refuse_foreign)

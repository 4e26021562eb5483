"""Databases on somebody's server: made under a name of ours, and gone afterwards."""

import asyncio
import shutil
from collections.abc import Iterator

import asyncpg
import pytest

from paycore import app as apps
from paycore.bench import queries
from paycore.bench.ground import PREFIX, Own, borrow, dsn_of, without_password
from paycore.kernel.errors import Misconfigured
from paycore.kernel.postgres import Cluster, fresh_folder

MAY, MAY_NOT = "bench_may", "bench_may_not"


def asked(cluster: Cluster, *statements: str) -> list[str]:
    """What the last of these statements gives, as the server's own superuser."""

    async def ask() -> list[str]:
        connection = await asyncpg.connect(cluster.dsn_of("postgres"))
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return [str(row[0]) for row in await connection.fetch(statements[-1])]
        finally:
            await connection.close()

    return asyncio.run(ask())


def databases(cluster: Cluster) -> list[str]:
    return [
        name
        for name in asked(cluster, "SELECT datname FROM pg_database")
        if name.startswith(PREFIX)
    ]


@pytest.fixture
def as_role(cluster: Cluster) -> Iterator[dict[str, str]]:
    """Addresses of two roles of this server, as their owners would write them."""
    asked(
        cluster,
        f"CREATE ROLE {MAY} LOGIN CREATEDB",
        f"CREATE ROLE {MAY_NOT} LOGIN",
        "SELECT 1",
    )
    dsn = cluster.dsn_of("postgres")
    yield {role: dsn.replace("paycore@", f"{role}@") for role in (MAY, MAY_NOT)}
    asked(cluster, f"DROP ROLE {MAY}", f"DROP ROLE {MAY_NOT}", "SELECT 1")


def test_a_database_is_made_filled_and_dropped(cluster, as_role, tmp_path):
    """A role that may make databases needs no more; nothing is left of them."""
    host = borrow(as_role[MAY], processes=1, durable=False)
    with host.database(tmp_path, "paycore") as database:
        beside = database.beside("system")
        asyncio.run(apps.migrate(database.dsn))
        there = databases(cluster)

        assert database.pid is None
        assert beside != database.dsn
    assert [PREFIX, PREFIX] == [name[: len(PREFIX)] for name in there]
    assert all("paycore" in name for name in there)
    assert [] == databases(cluster)


def test_a_run_that_fails_leaves_nothing(cluster, as_role, tmp_path):
    """Not even where somebody is still connected."""
    host = borrow(as_role[MAY], processes=1, durable=False)

    async def fails(dsn: str) -> None:
        await asyncpg.connect(dsn)  # and never hangs up
        raise RuntimeError

    with (
        pytest.raises(RuntimeError),
        pytest.warns(ResourceWarning),
        host.database(tmp_path, "paycore") as database,
    ):
        asyncio.run(fails(database.dsn))

    assert [] == databases(cluster)


def test_two_runs_do_not_meet(as_role):
    """Each has a name of its own."""
    first, second = (borrow(as_role[MAY], processes=1, durable=False) for _ in range(2))

    assert first.run != second.run


def test_a_role_that_may_make_none_is_told_what_to_do(as_role):
    """Before anything is started."""
    with pytest.raises(Misconfigured, match=f'ALTER ROLE "{MAY_NOT}" CREATEDB'):
        borrow(as_role[MAY_NOT], processes=1, durable=False)


def test_a_server_with_too_few_connections_is_told_of(as_role):
    """And not found out in the middle of the load."""
    with pytest.raises(Misconfigured, match="--processes"):
        borrow(as_role[MAY], processes=16, durable=True)


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("localhost:5432", "postgresql://"),
        ("mysql://localhost/x", "postgresql://"),
        ("postgresql://nobody@127.0.0.1:1/x", "cannot be reached"),
    ],
)
def test_an_address_that_is_none_is_refused(dsn, said):
    """With what one looks like, or what went wrong."""
    with pytest.raises(Misconfigured, match=said):
        borrow(dsn, processes=1, durable=False)


def test_a_server_of_our_own_has_room_for_every_process():
    """However many there are: DBOS alone takes two dozen connections each."""

    async def most(dsn: str) -> int:
        return (await queries.server(dsn)).free_connections

    folder = fresh_folder("paycore-tests-")
    try:
        with Own(4).database(folder, "paycore") as database:
            assert asyncio.run(most(database.dsn)) >= 100
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_address_of_another_database_keeps_all_else():
    """User, password, host and options; a name among the options does not win."""
    given = "postgresql://u:p%40w@h:5433/mine?sslmode=require&dbname=mine"

    assert "postgresql://u:p%40w@h:5433/other?sslmode=require" == dsn_of(given, "other")
    assert "postgresql:///other?host=%2Ftmp" == dsn_of(
        "postgresql:///mine?host=%2Ftmp", "other"
    )


def test_a_password_is_not_in_the_list_of_processes():
    """It goes by the environment, decoded as the server must see it."""
    shown, password = without_password("postgresql://u:p%40w@h:5433/mine")

    assert "postgresql://u@h:5433/mine" == shown
    assert "p@w" == password
    assert ("postgresql://u@h/x", None) == without_password("postgresql://u@h/x")

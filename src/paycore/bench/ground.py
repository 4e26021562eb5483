"""What contenders stand on: a database each, and a sandbox each.

`Own` starts a PostgreSQL server under the folder, as `paycore dev` does. `Borrowed`
makes databases on a server that the user named, called `paycore_bench_…`, touches no
other, and drops them in the end. Whose server it is, all that a run measures is the
same, but for the processor time of a server whose processes are not ours to look at.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from paycore.bench import queries
from paycore.dev import folder as folders
from paycore.dev.folder import Kept
from paycore.dev.processes import Sandbox, start_sandbox
from paycore.dev.stack import Ground as DevGround
from paycore.kernel.errors import Misconfigured
from paycore.kernel.log import get
from paycore.kernel.postgres import Cluster

PREFIX = "paycore_bench_"
SCHEMES = ("postgresql", "postgres")

NODE_CONNECTIONS, COPY_CONNECTIONS, DURABLE_CONNECTIONS = 16, 1, 25
"""At most, of a node, of a process of the bare path, and of one on DBOS."""

SPARE_CONNECTIONS = 20
"""For pgbench, for seeding, and for looking."""

log = get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One database, and a way to have another beside it on the same server."""

    dsn: str
    beside: Callable[[str], str]
    """By its name: the address of another database, for what has one of its own."""
    pid: int | None
    """The server's main process; None where it is not ours to look at."""


class Host(Protocol):
    """Who has databases to give."""

    def database(self, folder: Path, name: str) -> AbstractContextManager[Database]:
        """An empty database for one contender, gone with the block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What one contender stands on."""

    data: Path
    kept: Kept
    sandbox: Sandbox
    database: Database

    @classmethod
    def of(cls, on: DevGround) -> "Ground":
        """What `paycore dev` stands on is good enough for payers."""
        cluster = on.cluster
        return cls(
            data=on.data, kept=on.kept, sandbox=on.sandbox, database=_own(cluster)
        )


@contextmanager
def ground(
    host: Host, data: Path, name: str, *, vendors: Sequence[str] = (), api: str = ""
) -> Iterator[Ground]:
    """A database of the host and a sandbox under a folder; both end with the block.

    Providers (`vendors`) tell of their own accord what they have to tell to `api`.
    """
    data = folders.make(data)
    with folders.locked(data) as lock:
        kept = folders.with_vendors(data, folders.load(data), vendors)
        with (
            host.database(data, name) as database,
            start_sandbox(data, kept, lock=lock, vendors=vendors, api=api) as sandbox,
        ):
            yield Ground(data=data, kept=kept, sandbox=sandbox, database=database)


@dataclass(frozen=True, slots=True)
class Own:
    """A server a contender, for as many processes."""

    processes: int

    @contextmanager
    def database(self, folder: Path, name: str) -> Iterator[Database]:
        """A server under the folder, with room for each process's connections."""
        most = SPARE_CONNECTIONS + self.processes * DURABLE_CONNECTIONS
        settings = {"max_connections": str(most)}
        with Cluster.start(folder / "postgres", settings=settings) as cluster:
            yield _own(cluster)


def _own(cluster: Cluster) -> Database:
    return Database(dsn=cluster.dsn, beside=cluster.dsn_of, pid=cluster.pid)


@dataclass(frozen=True, slots=True)
class Borrowed:
    """Databases on somebody's server. Make it with `borrow`."""

    dsn: str = field(repr=False)
    run: str
    """In the name of each of them: two runs at once do not meet."""

    @contextmanager
    def database(self, folder: Path, name: str) -> Iterator[Database]:
        """A database, and those made beside it, dropped with the block."""
        made: list[str] = []

        def make(called: str) -> str:
            full = f"{PREFIX}{self.run}_{called}"
            asyncio.run(queries.create_database(self.dsn, full))
            made.append(full)
            return dsn_of(self.dsn, full)

        try:
            yield Database(
                dsn=make(name), beside=lambda other: make(f"{name}_{other}"), pid=None
            )
        finally:
            for full in made:
                self._drop(full)

    def _drop(self, name: str) -> None:
        """What cannot be dropped is named: it is somebody's server."""
        try:
            asyncio.run(queries.drop_database(self.dsn, name))
        except Misconfigured as error:
            log.warning("database_left", database=name, reason=str(error))


def borrow(dsn: str, *, processes: int, durable: bool) -> Borrowed:
    """Look whether this server can be used; raises Misconfigured, saying what to do."""
    if urlsplit(dsn).scheme not in SCHEMES:
        raise Misconfigured("--dsn is written postgresql://user@host:port/database")
    about = asyncio.run(queries.server(dsn))
    if not about.may_create:
        raise Misconfigured(
            f"the role {about.role} may not create databases on that server, and the "
            "benchmark makes its own there: have a superuser say "
            f'ALTER ROLE "{about.role}" CREATEDB, or name another role'
        )
    each = NODE_CONNECTIONS + COPY_CONNECTIONS + DURABLE_CONNECTIONS * durable
    needed = SPARE_CONNECTIONS + processes * each
    if needed > about.free_connections:
        raise Misconfigured(
            f"{processes} processes of each contender need about {needed} connections, "
            f"and that server has {about.free_connections} free: take fewer with "
            "--processes, or raise its max_connections"
        )
    for name in about.left:
        log.warning("database_of_another_run", database=name)
    return Borrowed(dsn, secrets.token_hex(3))


def dsn_of(dsn: str, database: str) -> str:
    """The address of another database on the same server."""
    parts = urlsplit(dsn)
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query)
        if name not in ("database", "dbname")
    ]
    return _spelled(parts._replace(path=f"/{quote(database)}", query=urlencode(query)))


def without_password(dsn: str) -> tuple[str, str | None]:
    """An address that may stand in a list of processes, and what may not."""
    parts = urlsplit(dsn)
    if parts.password is None:
        return dsn, None
    user, _, place = parts.netloc.rpartition("@")
    shown = f"{user.partition(':')[0]}@{place}"
    return _spelled(parts._replace(netloc=shown)), unquote(parts.password)


def _spelled(parts: SplitResult) -> str:
    """An address again; `geturl` drops the slashes where a socket's has no host."""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}{query}"

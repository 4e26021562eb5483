"""Starts, stops and kills a PostgreSQL server of our own.

    cluster = Cluster.start(Path("data"))
    cluster.dsn                                 # database paycore, role paycore
    cluster.stop()

Under the folder given: `pgdata` (the cluster), `run` (the socket), `postgres.log`,
`postgres.lock`, `postgres.password` (for TCP, which is off unless asked for).
The lock is inherited by every process of the server, so that it is free when, and
only when, nothing of an earlier server is left; that makes `postmaster.pid` of a
server killed with -9 safe to remove, whoever has its number by now.
The server ends with this process, kill -9 included.
This is not a way to reach somebody's server: that is `kernel/db.py`.
"""

import fcntl
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self
from urllib.parse import quote

from paycore.kernel.postgres_process import POLL_S, Server, run_program
from paycore.kernel.postgres_programs import (
    Account,
    Programs,
    ServerUnavailableError,
    account_for,
    closed_to,
    find,
)

__all__ = ["Chosen", "Cluster", "ServerUnavailableError", "choose", "fresh_folder"]

DATABASE = "paycore"
ROLE = "paycore"

SOCKET_PATH_MAX = 100
"""The kernel's limit is 104 to 108 bytes, and the socket's lock adds to the name."""

LEFTOVER_S = 30.0
"""How long a second start waits for what is left of the first."""

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # A node's pools, the console, tests in parallel; each costs a process.
        "max_connections": "60",
        # PostgreSQL's own default, said aloud: the machine is shared with the nodes.
        "shared_buffers": "128MB",
        # After a checkpoint most of the log is whole pages, and they pack well.
        "wal_compression": "on",
        # Every statement is short: compiling one costs more than running it.
        "jit": "off",
        # Times are read by programs and people in several zones.
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Only whoever may enter the socket's folder, which is ours.
        "unix_socket_permissions": "0700",
    }
)

DURABLE = frozenset({"fsync", "synchronous_commit", "full_page_writes"})
"""What an answer rests on: nobody may ask for a server without them."""


class Cluster:
    """A running server: `dsn`, `pid`, `stop`, `kill`, `restart`."""

    def __init__(
        self, *, data: Path, tcp_port: int | None, settings: Mapping[str, str]
    ) -> None:
        """Use `Cluster.start`."""
        if unsafe := DURABLE & settings.keys():
            raise ValueError(f"{', '.join(sorted(unsafe))} stay on")
        self.data = data.absolute()
        self.tcp_port = tcp_port
        self._settings = {**SETTINGS, **settings}
        self._socket_folder: Path | None = None
        self._server: Server | None = None

    @classmethod
    def start(
        cls,
        data: Path,
        *,
        tcp_port: int | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> Self:
        """Start a server on the folder `data`, which is made if it is not there.

        It waits for what is left of an earlier server on the same folder.
        Raises ServerUnavailableError, whose text says what to do.
        """
        cluster = cls(data=data, tcp_port=tcp_port, settings=settings)
        cluster._start()
        return cluster

    @property
    def dsn(self) -> str:
        """How to reach the database `paycore`, over the Unix socket."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """How to reach another database of this server, over the Unix socket."""
        folder = quote(str(self._folder_of_socket()), safe="")
        return f"postgresql://{ROLE}@/{quote(database)}?host={folder}&port={self._port}"

    def tcp_dsn_of(self, database: str = DATABASE, *, port: int | None = None) -> str:
        """How to reach it over loopback, or through a proxy at `port` before it."""
        password = _password(self.data)
        address = f"127.0.0.1:{port or self._port}"
        return f"postgresql://{ROLE}:{password}@{address}/{database}?sslmode=disable"

    @property
    def pid(self) -> int:
        """The server's main process."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the main process runs."""
        return self._server is not None and self._server.alive

    def stop(self, *, fast: bool = True) -> None:
        """Stop; `fast` ends the sessions, else they may finish. Twice is once."""
        if self._server is not None:
            self._server.end(signal.SIGINT if fast else signal.SIGTERM)
            self._server = None
        if self._socket_folder not in (None, self.data / "run"):
            shutil.rmtree(self._folder_of_socket(), ignore_errors=True)
            self._socket_folder = None

    def shoot(self) -> None:
        """Kill all of its processes with -9, now, and wait for nothing; `kill` does."""
        self._running().shoot()

    def kill(self) -> None:
        """Kill all of it with -9, as a fault does; `restart` brings it back."""
        self.shoot()
        self._running().end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop what runs, or what is left of it, and start on the same folder."""
        if self.alive:
            self.stop()
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _port(self) -> int:
        return self.tcp_port or 5432

    def _running(self) -> Server:
        if self._server is None:
            raise ServerUnavailableError("this server was stopped")
        return self._server

    def _folder_of_socket(self) -> Path:
        if self._socket_folder is None:
            raise ServerUnavailableError("this server was stopped")
        return self._socket_folder

    def _start(self) -> None:
        _make_folder(self.data)
        pgdata = self.data / "pgdata"
        account = account_for(pgdata)
        _refuse_closed(self.data, account)
        lock = _lock(self.data)
        try:
            programs = find(data=self.data, account=account, major=_version(pgdata))
            if not pgdata.exists():
                _create(self.data, programs=programs, account=account, lock=lock)
            self._serve(programs, account=account, lock=lock)
        finally:
            os.close(lock)  # from here on only the server's own processes hold it

    def _serve(self, programs: Programs, *, account: Account | None, lock: int) -> None:
        if self._socket_folder is None:
            self._socket_folder = _socket_folder(self.data, account)
        for leftover in (
            self.data / "pgdata" / "postmaster.pid",
            self._socket_folder / f".s.PGSQL.{self._port}.lock",
        ):
            leftover.unlink(missing_ok=True)
        server = Server(
            self._command(programs), data=self.data, account=account, lock=lock
        )
        server.await_ready()
        self._server = server

    def _command(self, programs: Programs) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1" if self.tcp_port else "",
            "port": str(self._port),
            "unix_socket_directories": str(self._socket_folder),
            **self._settings,
            **dict.fromkeys(sorted(DURABLE), "on"),
        }
        flags = [part for k, v in settings.items() for part in ("-c", f"{k}={v}")]
        return [programs.path("postgres"), "-D", str(self.data / "pgdata"), *flags]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The database that `serve` uses, and the server to stop if it is our own."""

    dsn: str
    cluster: Cluster | None


def choose(database_url: str | None, *, data: Path) -> Chosen:
    """Take the server that was named, else start one of our own under `data`.

    Our own is the wheel's, else the system's programs, else an error that says so.
    """
    if database_url:
        return Chosen(dsn=database_url, cluster=None)
    cluster = Cluster.start(data)
    return Chosen(dsn=cluster.dsn, cluster=cluster)


def fresh_folder(prefix: str = "paycore-") -> Path:
    """Make a temporary folder that a server can live in even when we are root.

    `tempfile` makes folders that only root can enter; this one lets others pass
    through (not look), and what is inside keeps its own mode.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if os.geteuid() == 0:
        folder.chmod(0o711)
    return folder


# --- the folder -----------------------------------------------------------------------


def _make_folder(data: Path) -> None:
    """Make what is missing of the path; what we make, the server may pass through."""
    missing = [folder for folder in (data, *data.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def _refuse_closed(data: Path, account: Account | None) -> None:
    if account is None:
        return
    closed = closed_to(account, data.resolve())
    if closed is not None:
        raise ServerUnavailableError(
            f"data cannot live in {data}: as we are root, PostgreSQL runs as "
            f"{account.name}, and {closed} lets only its owner in. Choose a folder "
            "outside of it (such as /var/lib/paycore), or start as an ordinary user; "
            "we do not change the mode of somebody's folder"
        )


def _lock(data: Path) -> int:
    """Take the folder's lock, waiting for the processes of an earlier server."""
    lock = os.open(data / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LEFTOVER_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(POLL_S)
                continue
            os.close(lock)
            raise ServerUnavailableError(
                f"another server still runs on {data}: stop it, or take another folder"
            ) from None
        return lock


def _version(pgdata: Path) -> int | None:
    """The major version that made the cluster: no other can serve it."""
    try:
        return int((pgdata / "PG_VERSION").read_text().strip())
    except FileNotFoundError:
        return None


def _create(
    data: Path, *, programs: Programs, account: Account | None, lock: int
) -> None:
    """Make the cluster with its database; whole or not at all, by a rename."""
    fresh = data / "pgdata.new"
    shutil.rmtree(fresh, ignore_errors=True)
    password = data / "postgres.password.new"
    fresh.mkdir(mode=0o700)
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24))
    for ours in (fresh, password):
        _give(ours, account)
    run_program(
        [
            *(programs.path("initdb"), "-D", str(fresh), "-U", ROLE),
            *("--no-locale", "--encoding=UTF8", f"--pwfile={password}"),
            *("--auth-local=trust", "--auth-host=scram-sha-256"),
        ],
        account=account,
        lock=lock,
    )
    run_program(
        [programs.path("postgres"), "--single", "-D", str(fresh), "postgres"],
        account=account,
        lock=lock,
        says=f"CREATE DATABASE {DATABASE};\n",
    )
    password.rename(data / "postgres.password")
    fresh.rename(data / "pgdata")
    _sync(data)


def _sync(folder: Path) -> None:
    """Make the rename durable: what has the old name would be made anew."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _socket_folder(data: Path, account: Account | None) -> Path:
    """`run` beside the data, or a short temporary folder where that is too long."""
    folder = data / "run"
    if len(os.fsencode(folder / ".s.PGSQL.65535")) > SOCKET_PATH_MAX:
        folder = Path(tempfile.mkdtemp(prefix="paycore-", dir="/tmp"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    _give(folder, account)
    return folder


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _password(data: Path) -> str:
    return (data / "postgres.password").read_text().strip()

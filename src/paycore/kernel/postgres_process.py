"""Runs the server's programs as processes that cannot outlive this one.

The child's life is bound to this process twice over: Linux tells it when we end, kill
-9 included; elsewhere a shell reads a pipe that only we hold open.
What is run, and on which folder, is `kernel/postgres.py`.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict

from paycore.kernel.postgres_programs import Account, ServerUnavailableError

START_S = 60.0
"""Crash recovery replays at most `max_wal_size` of log; this is ample for that."""

STOP_S = 30.0
"""A fast stop writes a checkpoint; past this it is an immediate one."""

INSIST_S = 10.0
"""An immediate stop kills what did not end by itself after five seconds."""

POLL_S = 0.01

_LAST_WORDS = 2000
_DIES_WITH_PARENT = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1


class Server:
    """One run of the `postgres` program, from its start to its end."""

    def __init__(
        self, command: Sequence[str], *, data: Path, account: Account | None, lock: int
    ) -> None:
        """Start it; `lock` is a descriptor that all its processes will hold."""
        self._data = data
        self._log = data / "postgres.log"
        self._log_begins = self._log.stat().st_size if self._log.exists() else 0
        with _cannot_run(command, account):
            self._process = _spawn_tied(lambda: self._spawn(command, account, lock))
        self._watch = None if _DIES_WITH_PARENT else _watch(self.pid)

    def _spawn(
        self, command: Sequence[str], account: Account | None, lock: int
    ) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 our own command, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._data,
                env=_clean_environment(),
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C is for us: we stop it in order
                preexec_fn=_end_with_parent(),  # noqa: PLW1509 its docstring says why
                **_identity(account),
            )

    @property
    def pid(self) -> int:
        """The server's main process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the main process runs."""
        return self._process.poll() is None

    def await_ready(self) -> None:
        """Wait until it takes connections, as `pg_ctl` does: by its status line."""
        deadline = time.monotonic() + START_S
        while not self._ready():
            if not self.alive or time.monotonic() > deadline:
                self.end(signal.SIGQUIT)
                raise ServerUnavailableError(
                    f"PostgreSQL did not start on {self._data}: {self._last_words()}"
                )
            time.sleep(POLL_S)

    def shoot(self) -> None:
        """Kill -9 of the main process and, at once, of all that it has started.

        A backend that is at work looks for its main process only when it waits: left
        alone it would still finish its COMMIT. Where the system does not tell who the
        children are, they are left alone all the same, and end when they look.
        """
        if not self.alive:
            return  # its number may be somebody else's by now
        children = _children(self.pid)
        self._process.kill()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end(self, how: signal.Signals) -> None:
        """Ask it to end, then insist."""
        insist = ((how, STOP_S), (signal.SIGQUIT, INSIST_S), (signal.SIGKILL, INSIST_S))
        for sign, patience_s in insist:
            self._process.send_signal(sign)
            try:
                self._process.wait(patience_s)
                break
            except subprocess.TimeoutExpired:
                continue
        if self._watch is not None:
            self._watch.kill()
            self._watch.wait()

    def _ready(self) -> bool:
        try:
            lines = (self._data / "pgdata" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _last_words(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._log_begins)
            said = log.read().decode(errors="replace").strip()
        return said[-_LAST_WORDS:] or f"it ended with {self._process.poll()}, silently"


def _children(pid: int) -> list[int]:
    """The processes that a process has started itself; none where nobody says."""
    try:
        return [
            int(child)
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


def run_program(
    command: Sequence[str], *, account: Account | None, lock: int, says: str = ""
) -> None:
    """Run one of the server's programs to its end, holding the folder's lock."""
    with _cannot_run(command, account):
        done = subprocess.run(  # noqa: S603 our own command, no shell
            command,
            input=says.encode(),
            capture_output=True,
            check=False,
            cwd="/",
            env=_clean_environment(),
            pass_fds=(lock,),
            **_identity(account),
        )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        name = Path(command[0]).name
        raise ServerUnavailableError(f"{name} failed: {said[-_LAST_WORDS:]}")


@contextmanager
def _cannot_run(command: Sequence[str], account: Account | None) -> Iterator[None]:
    """Say it where the system does not let us: a container may know no other user."""
    try:
        yield
    except OSError as error:
        who = "ourselves" if account is None else account.name
        raise ServerUnavailableError(
            f"cannot run {command[0]} as {who} ({error.strerror}): "
            "start as an ordinary user, or set DATABASE_URL"
        ) from error


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _identity(account: Account | None) -> _Identity:
    """Popen's arguments for running as the account, with none of root's groups."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _clean_environment() -> dict[str, str]:
    """Nothing of the caller's: PGDATA, PGPORT and locales would change the server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _spawn_tied(
    spawn: "Callable[[], subprocess.Popen[bytes]]",
) -> "subprocess.Popen[bytes]":
    """Spawn from a thread that lives as long as the child.

    Linux sends the parent-death signal when the *thread* that made the child ends,
    and whoever calls us may be a short-lived one.
    """
    made: list[subprocess.Popen[bytes] | BaseException] = []
    is_made = threading.Event()

    def keep() -> None:
        try:
            made.append(spawn())
        except BaseException as error:  # noqa: BLE001 raised again by the caller
            made.append(error)
        is_made.set()
        if isinstance(made[0], subprocess.Popen):
            made[0].wait()

    threading.Thread(target=keep, name="postgres", daemon=True).start()
    is_made.wait()
    if isinstance(made[0], BaseException):
        raise made[0]
    return made[0]


def _end_with_parent() -> Callable[[], None] | None:
    """What the child does between fork and exec: bind its life to ours.

    Other threads may hold locks at the fork, so it only makes system calls; all else
    is looked up before. SIGQUIT is PostgreSQL's immediate stop.
    """
    if not _DIES_WITH_PARENT:
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT))
        if os.getppid() != parent:
            os._exit(1)

    return bind


def _watch(pid: int) -> "subprocess.Popen[bytes]":
    """Where there is no such signal: a shell that reads a pipe only we hold open."""
    return subprocess.Popen(  # noqa: S603 no input of anybody's
        ["/bin/sh", "-c", 'read -r _; kill -QUIT "$1"', "watch", str(pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )

"""The children of `paycore dev`: a cluster, the sandbox, and nodes as processes.

Each ends with its parent, kill -9 included: on Linux by the parent-death signal, and
everywhere else because it reads a pipe that only the parent holds open. Start them
from a thread that lives on (the main one): Linux goes by the thread, not the process.
"""

import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

import msgspec

from paycore.dev.folder import Kept, sandbox_config, write_private
from paycore.kernel.config import Settings
from paycore.kernel.config_keys import PREFIX
from paycore.kernel.errors import Misconfigured
from paycore.kernel.postgres import Cluster

READY_S = 30.0
STOP_S = 35.0
"""A node drains for 30 s at most."""

_PR_SET_PDEATHSIG = 1

T = TypeVar("T")


class SandboxInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Where the sandbox listens: its own line of JSON."""

    control: str
    banks: dict[str, str]
    carriers: dict[str, str]
    biz: str


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Where a node listens: the line of JSON of `paycore serve --json`."""

    api: str
    epoch: int


@dataclass(slots=True)
class Child:
    """A process of ours."""

    process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ask it to end, then insist."""
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close()

    def kill(self) -> None:
        """Kill it with -9, as a fault does."""
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()


@dataclass(slots=True)
class Sandbox(Child):
    """The running sandbox."""

    info: SandboxInfo


@dataclass(slots=True)
class NodeProcess(Child):
    """A running node."""

    info: NodeInfo


def start_cluster(data: Path, *, tcp_port: int | None = None) -> Cluster:
    """A PostgreSQL server of our own under the folder; off the network by default."""
    return Cluster.start(data / "postgres", tcp_port=tcp_port)


def start_sandbox(
    data: Path,
    kept: Kept,
    *,
    port: int = 0,
    lock: int | None = None,
    vendors: Sequence[str] = (),
    api: str = "",
) -> Sandbox:
    """The sandbox, with its record under the folder; ready when this returns.

    `vendors`: the providers that are to be there too, which tell of their own accord
    what they have to tell to `api`.
    """
    folder = data / "sandbox"
    folder.mkdir(exist_ok=True)
    config = data / "sandbox.json"
    write_private(config, msgspec.json.encode(sandbox_config(kept, vendors, api)))
    process = _spawn(
        [
            *(sys.executable, "-m", "paycore.sandbox", "--port", str(port)),
            *("--data", str(folder), "--config", str(config)),
            *("--die-with-parent", "--watch-stdin"),
        ],
        environ=None,
        lock=lock,
    )
    return Sandbox(process, _first_line(process, SandboxInfo, "the sandbox"))


def start_node(
    dsn: str,
    settings: Settings,
    *,
    lock: int | None = None,
    log: IO[bytes] | None = None,
) -> NodeProcess:
    """A node as a process of its own (`paycore serve`); ready when this returns.

    What it logs goes where our own log goes, or to the file given.
    """
    process = _spawn(
        [sys.executable, "-m", "paycore", "serve", "--json", "--die-with-parent"],
        environ={**_inherited(), **environ_of(settings), "DATABASE_URL": dsn},
        lock=lock,
        log=log,
    )
    return NodeProcess(process, _first_line(process, NodeInfo, "the node"))


def environ_of(settings: Settings) -> dict[str, str]:
    """Settings as the environment of a child."""
    values = msgspec.structs.asdict(settings)
    del values["database_url"]
    return {
        f"{PREFIX}{name.upper()}": _text(value)
        for name, value in values.items()
        if value is not None and value != ""
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inherited() -> dict[str, str]:
    """Our environment without anybody's settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}


def free_port() -> int:
    """A port of loopback that nobody has right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """Bind this process's life to its parent's; where the system can, by a signal."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:
            os._exit(1)


def _spawn(
    command: Sequence[str],
    *,
    environ: Mapping[str, str] | None,
    lock: int | None,
    log: IO[bytes] | None = None,
) -> "subprocess.Popen[bytes]":
    """Ctrl-C is for us: we stop the children in order."""
    return subprocess.Popen(  # noqa: S603 our own command, no shell
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environ,
        start_new_session=True,
        pass_fds=() if lock is None else (lock,),
    )


def _first_line(process: "subprocess.Popen[bytes]", kind: type[T], who: str) -> T:
    """The line that a child prints when it is ready."""
    assert process.stdout is not None
    line = _line_within(process.stdout, READY_S)
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError:
        Child(process).kill()
        raise Misconfigured(f"{who} did not start; it says why above") from None


def _line_within(pipe: IO[bytes], seconds: float) -> bytes:
    """One line, or what came of it until the time was up or the pipe was closed."""
    deadline = time.monotonic() + seconds  # tidy: time a child has no clock of ours
    line = b""
    # Not select(): it knows no descriptor past 1,023, and a busy process has those.
    with selectors.DefaultSelector() as waiting:
        waiting.register(pipe, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            now = time.monotonic()  # tidy: time a child has no clock of ours
            ready = waiting.select(max(0.0, deadline - now))
            octet = os.read(pipe.fileno(), 1) if ready else b""
            if not octet:
                break
            line += octet
    return line

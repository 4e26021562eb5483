"""Reconciles a day of very many lines by the command that people use, and looks at it.

`paycore recon run` is a process of its own: its time is the wall's, its memory what the
system says at its end. The server's is what its processes have to themselves, looked at
all along. Where there are two cores, command and server have one of them together, and
the bank, who is a stranger, the other.
"""

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from time import perf_counter

import msgspec

from paycore.bench import cpu
from paycore.bench.recon import fill, queries
from paycore.bench.recon.control import Planted, plant, set_day
from paycore.dev.processes import environ_of, free_port
from paycore.dev.stack import Ground, ground, prepare, settings_of
from paycore.kernel.clock import machine_now
from paycore.kernel.config import Settings
from paycore.kernel.errors import Misconfigured
from paycore.kernel.postgres import fresh_folder

KINDS: Sequence[tuple[str, str]] = (
    ("missing_refund", "REFUND_MISSING"),
    ("missing_line", "THEY_LACK"),
    ("extra_line", "WE_LACK"),
    ("other_amount", "AMOUNT"),
    ("other_fee", "FEE"),
    ("other_currency", "CURRENCY"),
    ("other_status", "STATUS_THEIRS"),
    ("duplicate_line", "DUPLICATE_LINE"),
    ("next_day", "OTHER_DAY"),
    ("unknown_line", "UNKNOWN_LINE"),
)
"""What is planted, and what it must be called."""

DAYS = 4
"""The day, and the three in which the pool looks for what it lacks."""

LOOK_S = 0.1
MB = 1 << 20

Told = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run came to."""

    lines: int
    seconds: float
    """Of the day with all the lines: fetched, compared, told."""
    process_mb: float
    server_mb: float
    core_s: float
    """Processor time of the command and of the server."""
    planted: int
    found: int
    """Of those planted, rightly named."""
    false: int
    """Named, and not planted."""
    cases: int

    @property
    def holds(self) -> bool:
        """Whether all that was planted was found, and nothing else."""
        return self.found == self.planted and not self.false

    def document(self) -> dict[str, object]:
        """The line of JSON."""
        return {
            "recon_lines": self.lines,
            "recon_seconds": round(self.seconds, 1),
            "recon_lines_per_s": round(self.lines / self.seconds),
            "recon_core_seconds": round(self.core_s, 1),
            "recon_process_mb": round(self.process_mb),
            "recon_server_mb": round(self.server_mb),
            "planted": self.planted,
            "found": self.found,
            "false": self.false,
            "cases": self.cases,
            "holds": self.holds,
        }


def run(lines: int, planted: int, told: Told) -> Found:
    """Fill both records, plant, reconcile the day and the three after it."""
    if planted % len(KINDS):
        raise Misconfigured(f"so many of each of {len(KINDS)} kinds: a multiple of it")
    folder = fresh_folder("paycore-bench-recon-")
    try:
        with ground(folder) as on:
            return _measured(on, lines, planted // len(KINDS), told)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(on: Ground, lines: int, each: int, told: Told) -> Found:
    settings = settings_of(on.kept, port=free_port(), audit_every_s=0)
    asyncio.run(prepare(on, settings))
    day = machine_now().date() - timedelta(days=1)
    merchant = f"paycore_{fill.BANK}"
    record = on.data / "sandbox" / "sandbox.db"
    fill.fill_bank(record, day, lines, merchant, lambda n: told("the bank", n))
    asyncio.run(
        queries.fill_ours(on.cluster.dsn, day, lines, lambda n: told("ours", n))
    )
    control = on.sandbox.info.control
    planted = asyncio.run(_planted(control, day, each, told))
    asyncio.run(set_day(control, day + timedelta(days=DAYS + 1)))
    with _looked_at(on) as looks:
        told("reconciling", 0)
        began = perf_counter()
        child = _reconcile(on, settings, day)
        seconds = perf_counter() - began
    for ahead in range(1, DAYS):
        told("the days after", 1)
        _reconcile(on, settings, day + timedelta(days=ahead))
    stands = asyncio.run(queries.found(on.cluster.dsn))
    return Found(
        lines=lines,
        seconds=seconds,
        process_mb=child.ru_maxrss * 1024 / MB,
        server_mb=looks.most / MB,
        core_s=child.ru_utime + child.ru_stime + looks.server_s,
        planted=len(planted),
        found=len(planted & stands),
        false=len(stands - planted),
        cases=asyncio.run(queries.cases(on.cluster.dsn)),
    )


async def _planted(
    control: str, day: date, each: int, told: Told
) -> set[tuple[str, str]]:
    """Plant so many of each kind; what must be found of it."""
    names = dict(KINDS)
    made: set[tuple[str, str]] = set()
    for fault in names if each else ():
        for one in await plant(control, fill.BANK, day, fault, each):
            made.add((names[fault], _number(one)))
        told("planting", each)
    return made


def _number(one: Planted) -> str:
    """A garbled line is known by the bank's own number."""
    return one.was.split(",")[6] if one.fault == "unknown_line" else one.request_id


def _reconcile(on: Ground, settings: Settings, day: date) -> resource.struct_rusage:
    """Run the command; what it used."""
    command = [sys.executable, "-m", "paycore", "recon", "run", "--json"]
    command += ["--channel", fill.BANK, "--account", fill.ACCOUNT, "--day", f"{day}"]
    environ = {**os.environ, **environ_of(settings), "DATABASE_URL": on.cluster.dsn}
    child = subprocess.Popen(  # noqa: S603 our own command, no shell
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    if _two_cores():
        os.sched_setaffinity(child.pid, {0})
    assert child.stdout is not None
    said = child.stdout.read()
    child.stdout.close()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode or msgspec.json.decode(said)["state"] != "RECONCILED":
        raise Misconfigured(f"{day} was not reconciled: {said.decode()}")
    return used


# --- the server -----------------------------------------------------------------------


@dataclass(slots=True)
class _Looks:
    """The most that the server's processes had to themselves, and their time."""

    pid: int
    most: int = 0
    server_s: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def go_on(self) -> None:
        """Until it is over."""
        while not self.over.wait(LOOK_S):
            self.most = max(self.most, cpu.own_memory(self.pid))


@contextmanager
def _looked_at(on: Ground) -> Iterator[_Looks]:
    """Look at the server while the block runs; it shares the command's core."""
    looks = _Looks(on.cluster.pid)
    if _two_cores():
        for pid in (looks.pid, *cpu.children(looks.pid)):
            os.sched_setaffinity(pid, {0})  # and so whoever it starts from now on
        os.sched_setaffinity(on.sandbox.pid, {1})
    before = cpu.seconds(looks.pid, family=True)
    looking = threading.Thread(target=looks.go_on, daemon=True)
    looking.start()
    try:
        yield looks
    finally:
        looks.over.set()
        looking.join()
        looks.server_s = cpu.seconds(looks.pid, family=True) - before


def _two_cores() -> bool:
    return hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1

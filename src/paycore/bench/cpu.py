"""Processor time of processes, from /proc; where there is none, it is not known."""

import os
from pathlib import Path

PROC = Path("/proc")


def known() -> bool:
    """Whether this system tells."""
    return (PROC / "self" / "stat").exists()


def seconds(pid: int, *, family: bool = False) -> float:
    """User and system time so far; of the children too, those that ended included."""
    if not known():
        return 0.0
    ticks = _ticks(pid, ended=family)
    if family:
        ticks += sum(_ticks(child, ended=True) for child in children(pid))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """Octets of memory that a process has in use."""
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def own_memory(pid: int) -> int:
    """Octets that a process and its children have to themselves: what they share, as a
    server's buffers, is nobody's.
    """
    return sum(_anonymous(each) for each in (pid, *children(pid)))


def _anonymous(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    kilobytes = (line.split()[1] for line in lines if line.startswith("RssAnon:"))
    return 1024 * int(next(kilobytes, "0"))


def machine() -> float:
    """What the whole machine has spent so far, whoever spent it."""
    if not known():
        return 0.0
    _, user, nice, system, _, _, *interrupts = (
        (PROC / "stat").read_text().partition("\n")[0].split()
    )
    # irq, softirq and steal; a guest's time is in `user` already.
    ticks = sum(int(each) for each in (user, nice, system, *interrupts[:3]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int, *, ended: bool) -> int:
    try:
        fields = _fields(PROC / str(pid) / "stat")
    except OSError:
        return 0  # It has ended meanwhile.
    # utime, stime, and those of the children that were waited for.
    return sum(int(field) for field in fields[11 : 15 if ended else 13])


def children(pid: int) -> list[int]:
    """The processes that a process has started, and that live."""
    found: list[int] = []
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            if int(_fields(stat)[1]) == pid:
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


def _fields(stat: Path) -> list[str]:
    """What stands behind the name, which may hold spaces and brackets of its own."""
    return stat.read_text().rpartition(") ")[2].split()

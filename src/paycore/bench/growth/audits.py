"""The auditor over a history: everything, what is kept whole, and the last day.

Asked as an operator asks it, as a process of its own. Every invariant holds in each,
whatever retention has taken away.
"""

import asyncio
import os
import sys
from collections.abc import Sequence

import msgspec

from paycore.bench.growth.fillings import moment_of
from paycore.bench.growth.history import History
from paycore.bench.payer import WrongAnswer

_SAID = 2000


class _Verdict(msgspec.Struct):
    id: str
    violations: int


class _Report(msgspec.Struct):
    seconds: float
    rows: int
    violations: int
    unanswered: int
    invariants: Sequence[_Verdict]


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """One audit."""

    scope: str
    seconds: float
    rows: int
    violations: int
    unanswered: int
    broken: Sequence[str]
    """Ids of the invariants that are."""

    @property
    def holds(self) -> bool:
        """Whether every question was answered, and nothing is wrong."""
        return not self.violations and not self.unanswered


def scopes(history: History) -> list[tuple[str, str | None]]:
    """What is audited: its name, and from when on."""
    whole = history.newest
    found: list[tuple[str, str | None]] = [("everything", None)]
    if len(whole) < history.payments:
        (second,) = history.seconds(whole[:1])
        found.append((f"the newest {len(whole):,}", moment_of(second).isoformat()))
    return [*found, ("the last day", "24h")]


async def audit(dsn: str, scope: str, since: str | None) -> Audit:
    """Run one; raises WrongAnswer where it came to no end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "paycore", "audit", "--json"),
        *(("--since", since) if since else ()),
        env={**os.environ, "DATABASE_URL": dsn},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    try:
        report = msgspec.json.decode(out.strip(), type=_Report)
    except msgspec.DecodeError:
        said = err.decode(errors="replace")[-_SAID:]
        raise WrongAnswer(f"no audit: {said}") from None
    return Audit(
        scope=scope,
        seconds=report.seconds,
        rows=report.rows,
        violations=report.violations,
        unanswered=report.unanswered,
        broken=[each.id for each in report.invariants if each.violations],
    )

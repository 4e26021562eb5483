"""The auditor over a history: everything, what is kept whole, and the last day.

Asked as an operator asks it, as a process of its own. Where retention has taken
messages and decisions away, an audit of everything misses them: that is told, and does
not count.
"""

import asyncio
import os
import sys
from collections.abc import Sequence

import msgspec

from paycore.bench.growth.fillings import moment_of
from paycore.bench.growth.history import History
from paycore.bench.payer import WrongAnswer

MISSED = frozenset({"I3", "I19", "I22", "I30"})
"""They are told by messages and decisions."""

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
    misses: bool = False
    """Whether it looks at payments of which not everything is kept."""

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong, but for what it must miss."""
        missed = MISSED if self.misses else frozenset[str]()
        return missed.issuperset(self.broken)


def scopes(history: History) -> list[tuple[str, str | None, bool]]:
    """What is audited: its name, from when on, and whether something is missing."""
    missing = len(history.newest) < history.payments
    found: list[tuple[str, str | None, bool]] = [("everything", None, missing)]
    if missing:
        (second,) = history.seconds(history.newest[:1])
        since = moment_of(second).isoformat()
        found.append((f"the newest {len(history.newest):,}", since, False))
    return [*found, ("the last day", "24h", False)]


async def audit(dsn: str, scope: str, since: str | None, *, misses: bool) -> Audit:
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
        misses=misses,
    )

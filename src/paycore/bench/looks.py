"""What the database and the nodes say of themselves at one moment.

Asked before and after a window, never within it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from paycore.bench.client import Connection, get
from paycore.bench.queries import wal_octets
from paycore.kernel.meters import GROUP_CHANGES, LOOP_LAG

_SAMPLE = re.compile(r'^(\w+)(?:\{le="([^"]+)"\})? (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Counts since the start; only differences mean something."""

    wal_octets: int = 0
    groups: int = 0
    changes: int = 0
    lags: Mapping[float, int] = field(default_factory=dict)
    """How often an event loop was late by at most so many seconds."""

    def longest_lag_s(self, before: "Seen") -> float:
        """The bucket in which the longest lag since then lies."""
        longest, counted = 0.0, 0
        for most_s, count in sorted(self.lags.items()):
            since = count - before.lags.get(most_s, 0)
            if since > counted:
                longest, counted = most_s, since
        return longest


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Where to look."""

    dsn: str
    nodes: Sequence[str] = ()
    """Addresses of nodes; the bare path and others tell nothing of themselves."""

    async def now(self) -> Seen:
        """Look."""
        told = [await _told(api) for api in self.nodes]
        lags: dict[float, int] = {}
        for of_node in told:
            for most_s, count in of_node.lags.items():
                lags[most_s] = lags.get(most_s, 0) + count
        return Seen(
            wal_octets=await wal_octets(self.dsn),
            groups=sum(each.groups for each in told),
            changes=sum(each.changes for each in told),
            lags=lags,
        )


async def _told(api: str) -> Seen:
    connection = await Connection.open(api)
    try:
        text = (await connection.call(get("/metrics"))).body.decode()
    finally:
        connection.close()
    found = {(name, at_most): value for name, at_most, value in _SAMPLE.findall(text)}
    return Seen(
        groups=int(float(found.get((f"{GROUP_CHANGES.name}_count", ""), 0))),
        changes=int(float(found.get((f"{GROUP_CHANGES.name}_sum", ""), 0))),
        lags={
            float(at_most): int(float(value))
            for (name, at_most), value in found.items()
            if name == f"{LOOP_LAG.name}_bucket"
        },
    )

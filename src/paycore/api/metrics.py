"""What Prometheus may read of a node: its tally, and what the database says waits.

What is counted, and what it means, is declared in `paycore.kernel.meters`. Counters
were added to as things happened; gauges are read now, at the scrape. Each node has
figures of its own, so several can live in one process.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from paycore.api.queries import Backlog
from paycore.api.room import room_of
from paycore.audit.service import Audited, Report
from paycore.gateway import service as gateway
from paycore.kernel import log
from paycore.kernel.meter import Kind, Labels, Meter
from paycore.kernel.meters import (
    BREAKER_OPEN,
    CASES_OPEN,
    CONNECTIONS,
    DATABASE_UP,
    DUE_AGE,
    DUE_PAYMENTS,
    LEASE_LEFT,
    METERS,
    NODE_EPOCH,
    NODE_READY,
    NOTICE_AGE,
    NOTICES_WAITING,
    REQUEST_SECONDS,
    REQUESTS,
    REQUESTS_RUNNING,
    UNKNOWN_AGE,
    UNKNOWN_LEGS,
    Spread,
    Tally,
)
from paycore.kernel.meters_upkeep import (
    AUDIT_AT,
    AUDIT_ROWS,
    AUDIT_SECONDS,
    AUDIT_UNANSWERED,
    AUDIT_VIOLATIONS,
    COUPON_AGE,
    COUPONS_OWED,
    JOB_AT,
    PARTITIONS_MISSING,
    POSTING_AGE,
    POSTINGS_WAITING,
)
from paycore.kernel.node import Node

UNKNOWN_PATH = "(none)"
"""One label for every path that is not ours: a stranger must not make new ones."""

Figures = dict[str, dict[Labels, float]]
"""Gauges, by their meter's name and labels."""

_log = log.get(__name__)


class Metrics:
    """A node's figures. `waiting` gives what waits, or None: the database is away."""

    def __init__(
        self, node: Node, waiting: Callable[[], Awaitable[Backlog | None]]
    ) -> None:
        self._node = node
        self._tally = node.state(Tally)
        self._waiting = waiting
        self._running = 0

    async def render(self, *, ready: bool) -> bytes:
        """The text that Prometheus scrapes."""
        figures = self._of_node(ready=ready)
        report = self._node.state(Audited).report
        if report is not None:
            figures.update(_of_audit(report))
        waiting = await self._waiting()
        figures[DATABASE_UP.name] = {(): float(waiting is not None)}
        if waiting is not None:
            figures.update(_of_backlog(waiting))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Told(self._tally, figures))
        return generate_latest(registry)

    def _of_node(self, *, ready: bool) -> Figures:
        node = self._node
        left_s = node.heartbeat.good_until - node.clock.monotonic()
        opened = gateway.breakers_open(node)
        return {
            REQUESTS_RUNNING.name: {(): self._running},
            CONNECTIONS.name: {(): room_of(node).held},
            BREAKER_OPEN.name: dict.fromkeys(opened, 1.0),
            NODE_READY.name: {(): float(ready)},
            NODE_EPOCH.name: {(): node.epoch},
            LEASE_LEFT.name: {(): left_s},
        }

    def around(self, app: ASGIApp) -> ASGIApp:
        """The same application, counted, and polite to who is to go elsewhere."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            status = 500

            async def note(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    if self._node.heartbeat.leaving:
                        # Told with the answer, so that nobody is hung up on.
                        message["headers"] = _closing(message["headers"])
                await send(message)

            began = time.perf_counter()
            self._running += 1
            try:
                await app(scope, receive, note)
            finally:
                self._running -= 1
                self._count(scope, status, time.perf_counter() - began)

        return counted

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        call = str(scope.get("path_template") or UNKNOWN_PATH)
        known = call != UNKNOWN_PATH
        method = str(scope.get("method")) if known else UNKNOWN_PATH
        self._tally.count(REQUESTS, method, call, str(status))
        self._tally.observe(REQUEST_SECONDS, seconds, method, call)
        _log.debug(
            "request_answered",
            method=method,
            call=call,
            status=status,
            elapsed_ms=round(seconds * 1000),
        )


def _closing(
    headers: Iterable[tuple[bytes, bytes]],
) -> list[tuple[bytes, bytes]]:
    return [*headers, (b"connection", b"close")]


def _of_backlog(waiting: Backlog) -> Figures:
    return {
        UNKNOWN_LEGS.name: {(): waiting.unknown_legs.number},
        UNKNOWN_AGE.name: {(): waiting.unknown_legs.age_s},
        DUE_PAYMENTS.name: {(): waiting.due.number},
        DUE_AGE.name: {(): waiting.due.age_s},
        NOTICES_WAITING.name: {(): waiting.notices.number},
        NOTICE_AGE.name: {(): waiting.notices.age_s},
        POSTINGS_WAITING.name: {(): waiting.postings.number},
        POSTING_AGE.name: {(): waiting.postings.age_s},
        COUPONS_OWED.name: {(): waiting.coupons.number},
        COUPON_AGE.name: {(): waiting.coupons.age_s},
        CASES_OPEN.name: {(kind,): count for kind, count in waiting.cases.items()},
        JOB_AT.name: {(job,): at for job, at in waiting.jobs.items()},
        PARTITIONS_MISSING.name: {(): waiting.partitions_missing},
    }


def _of_audit(report: Report) -> Figures:
    told = [verdict for verdict in report.verdicts if verdict.shown]
    return {
        AUDIT_VIOLATIONS.name: {(one.invariant,): one.violations for one in told},
        AUDIT_ROWS.name: {(one.invariant,): one.looked for one in told},
        AUDIT_UNANSWERED.name: {(): report.unanswered},
        AUDIT_AT.name: {(): report.at.timestamp()},
        AUDIT_SECONDS.name: {(): report.seconds},
    }


class _Told(Collector):
    """Everything, in the words of the Prometheus client."""

    def __init__(self, tally: Tally, figures: Figures) -> None:
        self._tally = tally
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Each meter that has a value."""
        for meter in METERS:
            match meter.kind:
                case Kind.COUNTER:
                    yield _counter(meter, self._tally.counts.get(meter.name, {}))
                case Kind.HISTOGRAM:
                    yield _histogram(meter, self._tally.spreads.get(meter.name, {}))
                case Kind.GAUGE:
                    yield _gauge(meter, self._figures.get(meter.name, {}))


def _counter(meter: Meter, counts: Mapping[Labels, int]) -> Metric:
    family = CounterMetricFamily(
        meter.name.removesuffix("_total"), meter.meaning, labels=meter.labels
    )
    for labels, count in counts.items():
        family.add_metric(labels, count)
    return family


def _histogram(meter: Meter, spreads: Mapping[Labels, Spread]) -> Metric:
    family = HistogramMetricFamily(meter.name, meter.meaning, labels=meter.labels)
    for labels, spread in spreads.items():
        family.add_metric(labels, list(spread.below()), spread.total)
    return family


def _gauge(meter: Meter, values: Mapping[Labels, float]) -> Metric:
    family = GaugeMetricFamily(meter.name, meter.meaning, labels=meter.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family

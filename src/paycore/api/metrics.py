"""What Prometheus may read of a node: requests by call and status, and the node's life.

One registry a node, so that several nodes can live in one process.
"""

import time

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from paycore.kernel.node import Node

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
"""To the 15 s within which every call is answered."""

UNKNOWN_PATH = "(none)"
"""One label for every path that is not ours: a stranger must not make new ones."""


class Metrics:
    """A node's own counters."""

    def __init__(self, node: Node) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "paycore_http_requests",
            "Requests answered, by call and status.",
            ("method", "call", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "paycore_http_request_seconds",
            "Time to the whole answer, by call.",
            ("method", "call"),
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._running = Gauge(
            "paycore_http_requests_running",
            "Requests that are being answered now.",
            registry=self._registry,
        )
        epoch = Gauge(
            "paycore_node_epoch", "This life of the node.", registry=self._registry
        )
        epoch.set_function(lambda: node.epoch)
        lease = Gauge(
            "paycore_node_lease_left_seconds",
            "How long the node may still send without a heartbeat.",
            registry=self._registry,
        )
        lease.set_function(lambda: node.heartbeat.good_until - node.clock.monotonic())

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self._registry)

    def around(self, app: ASGIApp) -> ASGIApp:
        """The same application, counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            status = 500

            async def note(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            began = time.perf_counter()
            self._running.inc()
            try:
                await app(scope, receive, note)
            finally:
                self._running.dec()
                call = scope.get("path_template") or UNKNOWN_PATH
                known = call != UNKNOWN_PATH
                method = str(scope.get("method")) if known else UNKNOWN_PATH
                self._requests.labels(method, call, status).inc()
                self._seconds.labels(method, call).observe(time.perf_counter() - began)

        return counted

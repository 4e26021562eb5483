"""Traces by OpenTelemetry: one a payment, whoever works on it and whenever.

    with trace.of(node).payment("Confirm", pay_order_no):
        with trace.of(node).span("commit"):
            ...

A payment's trace has an id that follows from its number, so that sending, confirming,
callbacks and looks of workers, on any node, end up in one trace without anything being
handed on. Without the extra (`pip install paycore[otel]`) or with `traces = "off"` all
of it does nothing. A span says which step it was, at which channel, and what came of
it; nothing of a card, a payer, a code or a message is ever an attribute.
"""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from paycore.kernel.config import Settings
from paycore.kernel.errors import Misconfigured
from paycore.kernel.node import Node

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

TRACE_OCTETS = 16
SPAN_OCTETS = 8


class Mark(Protocol):
    """A span under way, as its block sees it."""

    def note(self, **said: str) -> None:
        """Add what is known only now."""


class NoMark:
    """Where nothing is traced."""

    def note(self, **said: str) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class SpanMark:
    """A span of OpenTelemetry's."""

    span: "Span"

    def note(self, **said: str) -> None:
        """Add attributes."""
        for name, value in said.items():
            self.span.set_attribute(f"paycore.{name}", value)


_NOTHING: AbstractContextManager[Mark] = nullcontext(NoMark())


@dataclass(slots=True)
class Tracing:
    """One node's traces; off until the composition root puts in a provider."""

    provider: "TracerProvider | None" = None
    _tracer: "Tracer | None" = None

    def __post_init__(self) -> None:
        """A tracer is made once."""
        if self.provider is not None:
            self._tracer = self.provider.get_tracer("paycore")

    @property
    def off(self) -> bool:
        """Whether nothing is traced; what is done most asks before it makes a span."""
        return self._tracer is None

    def payment(
        self, name: str, pay_order_no: str, **said: str
    ) -> AbstractContextManager[Mark]:
        """A span directly under its payment."""
        if self._tracer is None:
            return _NOTHING
        said["pay_order_no"] = pay_order_no
        return self._spanned(self._tracer, name, said, pay_order_no)

    def span(self, name: str, **said: str) -> AbstractContextManager[Mark]:
        """A span under the one around it."""
        if self._tracer is None:
            return _NOTHING
        return self._spanned(self._tracer, name, said, None)

    @contextmanager
    def _spanned(
        self, tracer: "Tracer", name: str, said: dict[str, str], no: str | None
    ) -> Iterator[Mark]:
        from opentelemetry import trace as otel  # noqa: PLC0415 an extra
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

        with tracer.start_as_current_span(
            name,
            context=None if no is None else otel.set_span_in_context(_root(no)),
            attributes={f"paycore.{key}": value for key, value in said.items()},
            # What an exception says may quote anything: its class is enough.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield SpanMark(span)
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def close(self) -> None:
        """Send what is left; blocks, so call it from a thread."""
        if self.provider is not None:
            self.provider.shutdown()


def of(node: Node) -> Tracing:
    """The node's traces."""
    return node.state(Tracing)


def trace_id_of(pay_order_no: str) -> int:
    """A payment's trace: the same on every node, for ever."""
    return int.from_bytes(_digest(pay_order_no)[:TRACE_OCTETS])


def begin(settings: Settings) -> Tracing:
    """Traces as the settings want them; Misconfigured where the extra is missing."""
    if settings.traces == "off":
        return Tracing()
    try:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise Misconfigured(
            "PAYCORE_TRACES needs OpenTelemetry: pip install 'paycore[otel]'"
        ) from error
    about = Resource.create(
        {"service.name": "paycore", "service.instance.id": settings.node_name}
    )
    provider = TracerProvider(resource=about)
    provider.add_span_processor(BatchSpanProcessor(_exporter(settings)))
    return Tracing(provider)


def _exporter(settings: Settings) -> "SpanExporter":
    if settings.traces == "console":
        from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
            ConsoleSpanExporter,
        )

        # One span a line, beside the log's lines.
        return ConsoleSpanExporter(
            out=sys.stderr, formatter=lambda span: span.to_json(indent=None) + "\n"
        )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )

    return OTLPSpanExporter(endpoint=settings.traces_url or None)


def _root(pay_order_no: str) -> "Span":
    """The payment itself, as the parent of all that is done for it."""
    from opentelemetry.trace import (  # noqa: PLC0415 an extra
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
    )

    digest = _digest(pay_order_no)
    return NonRecordingSpan(
        SpanContext(
            trace_id=trace_id_of(pay_order_no),
            span_id=int.from_bytes(digest[TRACE_OCTETS : TRACE_OCTETS + SPAN_OCTETS]),
            is_remote=True,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        )
    )


def _digest(pay_order_no: str) -> bytes:
    return hashlib.sha256(pay_order_no.encode()).digest()

"""Traces: one a payment, nothing of what an exception says, and nothing when off."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from paycore.kernel import trace
from paycore.kernel.config import Settings

NO = "2611221528491915S7HAVDKJNH"


@pytest.fixture
def seen():
    """Where spans end up."""
    return InMemorySpanExporter()


@pytest.fixture
def tracing(seen):
    """Traces that are on."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(seen))
    return trace.Tracing(provider)


def test_spans_of_one_payment_share_a_trace(tracing, seen):
    """Whoever works on it, one after the other: the trace follows from the number."""
    with tracing.payment("Open", NO), tracing.span("commit"):
        pass
    with tracing.payment("Confirm", NO):
        pass
    spans = seen.get_finished_spans()

    assert ["commit", "Open", "Confirm"] == [span.name for span in spans]
    assert {trace.trace_id_of(NO)} == {span.context.trace_id for span in spans}
    commit, opened, confirmed = spans
    assert opened.context.span_id == commit.parent.span_id
    assert opened.parent.span_id == confirmed.parent.span_id


def test_payments_have_traces_of_their_own(tracing, seen):
    """Another payment, another trace, even where one is worked on within the other."""
    with tracing.payment("Look", NO), tracing.payment("Look", f"{NO[:-1]}X"):
        pass

    assert 2 == len({span.context.trace_id for span in seen.get_finished_spans()})


def test_what_is_known_later_is_added(tracing, seen):
    """What a step came to is an attribute of its span."""
    with tracing.span("call", channel="quick_a") as span:
        span.note(outcome="UNKNOWN")
    (found,) = seen.get_finished_spans()

    assert {
        "paycore.channel": "quick_a",
        "paycore.outcome": "UNKNOWN",
    } == dict(found.attributes)


def test_an_exception_tells_its_class_only(tracing, seen):
    """What an exception says may quote a card: it is not in the span."""
    with pytest.raises(ValueError, match="6222"), tracing.span("commit"):
        raise ValueError("6222020200112233446")
    (found,) = seen.get_finished_spans()

    assert "ValueError" == found.status.description
    assert "6222" not in found.to_json()
    assert () == found.events


def test_off_is_nothing():
    """Without the setting no span is made, and blocks run as they are."""
    off = trace.begin(Settings.for_dev())

    with off.payment("Open", NO) as outer, off.span("commit") as inner:
        inner.note(refused="alive")

    assert outer is inner
    off.close()

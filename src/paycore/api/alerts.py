"""`paycore.kernel.meters` for people: a table, and example alerts for Prometheus."""

from collections.abc import Iterator

from paycore.kernel.meter import Meter
from paycore.kernel.meters import METERS

HEAD = """\
# Example alerts, one for each metric: docs/metrics.md says what each metric means.
# Made from the code by `make generate`; copy it, and fit the numbers to your traffic.
groups:
  - name: paycore
    rules:
"""


COLUMNS = ("metric", "kind", "unit", "labels", "meaning", "example alert")


def overview() -> Iterator[tuple[str, ...]]:
    """A row for each metric, in Markdown."""
    for meter in METERS:
        yield (
            f"`{meter.name}`",
            meter.kind,
            meter.unit,
            ", ".join(f"`{label}`" for label in meter.labels),
            meter.meaning,
            f"{meter.alert.says} `{meter.alert.when}`",
        )


def rules() -> str:
    """The whole file."""
    return HEAD + "".join(line for meter in METERS for line in _rule(meter))


def _rule(meter: Meter) -> Iterator[str]:
    alert = meter.alert
    yield f"      - alert: {alert.name}\n"
    yield f"        expr: {_quoted(alert.when)}\n"
    yield f"        for: {alert.lasting}\n"
    yield f"        labels: {{severity: {'page' if alert.page else 'ticket'}}}\n"
    yield "        annotations:\n"
    yield f"          summary: {_quoted(alert.says)}\n"


def _quoted(text: str) -> str:
    """A YAML scalar in which nothing is special but the quote itself."""
    return "'" + text.replace("'", "''") + "'"

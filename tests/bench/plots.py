"""Plots as SVG: lines over an axis, and bars made of parts.

They are text with classes of their own, so that they follow the reader's light or dark
mode and a change of a figure is a readable change of a line. For what three small
pictures need a plotting library would weigh more than all the rest of `make setup`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

WIDTH = 760
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 92, 52
PANEL_HEIGHT = 250
BAR, BAR_GAP, BAR_LABEL = 22, 12, 176
TICKS = 5
LETTER = 6.6
"""How wide a letter of a legend is, about."""

LIGHT = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#6e7781")
DARK = ("#4493f8", "#db6d28", "#3fb950", "#ab7df8", "#9198a1")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One series; a dashed one is somebody else's."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False
    markers: bool = True


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """From a measure to a place: `low` stands at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float
    doubling: bool = False

    def at(self, value: float) -> float:
        """Where a value stands."""
        low, high = self.low, self.high
        if self.doubling:
            low, high, value = math.log2(low), math.log2(high), math.log2(value)
        share = (value - low) / (high - low) if high > low else 0.5
        return round(self.start + share * (self.end - self.start), 1)


def lines(
    title: str,
    panels: Sequence[Panel],
    *,
    x_label: str,
    y_label: str,
    doubling: bool = False,
    x_ticks: Sequence[float] = (),
) -> str:
    """Panels side by side, with one legend; all of them begin at zero."""
    wide = (WIDTH - RIGHT) / len(panels)
    made = _legend([each.name for each in panels[0].lines])
    for number, panel in enumerate(panels):
        made += _panel(
            panel,
            left=number * wide + LEFT,
            right=(number + 1) * wide,
            doubling=doubling,
            x_ticks=x_ticks,
        )
        middle = (number * wide + LEFT + (number + 1) * wide) / 2
        made.append(_text(middle, TOP + PANEL_HEIGHT + 40, x_label, "soft middle"))
    made.append(_text(LEFT - 44, TOP - 16, y_label, "soft"))
    return _svg(title, made, height=TOP + PANEL_HEIGHT + BOTTOM)


def bars(title: str, rows: Mapping[str, Mapping[str, float]], *, x_label: str) -> str:
    """A bar a row, made of its parts, each row's sum at its end."""
    parts = list(next(iter(rows.values())))
    height = TOP + len(rows) * (BAR + BAR_GAP) + BOTTOM
    top = _nice(max(sum(row.values()) for row in rows.values()))
    axis = Axis(low=0, high=top[-1], start=BAR_LABEL, end=WIDTH - RIGHT - 60)
    made = _legend(parts)
    for tick in top:
        x = axis.at(tick)
        made.append(_stroke(x, TOP - 8, x, height - BOTTOM, "grid"))
        made.append(_text(x, height - BOTTOM + 18, _said(tick), "soft middle"))
    for number, (name, row) in enumerate(rows.items()):
        y = TOP + number * (BAR + BAR_GAP)
        made.append(_text(BAR_LABEL - 10, y + 16, name, "ink end"))
        made += _bar(axis, [row.get(part, 0) for part in parts], y)
    made.append(_text(WIDTH / 2, height - 10, x_label, "soft middle"))
    return _svg(title, made, height=height)


def _bar(axis: Axis, values: Sequence[float], y: float) -> list[str]:
    made, done = [], 0.0
    for part, value in enumerate(values):
        x, end = axis.at(done), axis.at(done + value)
        wide = round(end - x, 1)
        made.append(
            f'<rect class="f{part}" x="{x}" y="{y}" width="{wide}" height="{BAR}"/>'
        )
        done += value
    made.append(_text(axis.at(done) + 8, y + 16, _said(round(done)), "ink"))
    return made


def _panel(
    panel: Panel,
    *,
    left: float,
    right: float,
    doubling: bool,
    x_ticks: Sequence[float],
) -> list[str]:
    points = [point for line in panel.lines for point in line.points]
    ticks = _nice(max((y for _, y in points), default=1))
    xs = list(x_ticks) or _nice(max((x for x, _ in points), default=1))
    bottom = TOP + PANEL_HEIGHT
    across = Axis(
        low=xs[0], high=xs[-1], start=left + 12, end=right - 12, doubling=doubling
    )
    up = Axis(low=0, high=ticks[-1], start=bottom, end=TOP)
    made = [_text((left + right) / 2, TOP - 16, panel.title, "ink middle")]
    for tick in ticks:
        y = up.at(tick)
        made.append(_stroke(left, y, right, y, "grid"))
        made.append(_text(left - 8, y + 4, _said(tick), "soft end"))
    made += [
        _text(across.at(tick), bottom + 20, _said(tick), "soft middle") for tick in xs
    ]
    for colour, line in enumerate(panel.lines):
        made += _line(line, colour, across, up)
    return made


def _line(line: Line, colour: int, across: Axis, up: Axis) -> list[str]:
    places = [(across.at(x), up.at(y)) for x, y in line.points]
    path = " ".join(f"{x},{y}" for x, y in places)
    dashed = " dashed" if line.dashed else ""
    made = [f'<polyline class="s{colour}{dashed}" points="{path}"/>']
    if line.markers:
        made += [
            f'<circle class="f{colour}" cx="{x}" cy="{y}" r="3.5"/>' for x, y in places
        ]
    return made


def _legend(names: Sequence[str]) -> list[str]:
    made, x = [], float(LEFT - 44)
    for colour, name in enumerate(names):
        made.append(
            f'<rect class="f{colour}" x="{x}" y="36" width="12" height="12" rx="2"/>'
        )
        made.append(_text(x + 18, 47, name, "soft"))
        x = round(x + 18 + len(name) * LETTER + 22, 1)
    return made


def _nice(most: float) -> list[float]:
    """Ticks from zero to no less than the most, at steps that people count in."""
    rough = most / TICKS if most > 0 else 1 / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= rough)
    return [round(step * number, 6) for number in range(math.ceil(most / step) + 1)]


def _said(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.10g}"


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _stroke(x: float, y: float, to_x: float, to_y: float, style: str) -> str:
    return f'<line class="{style}" x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}"/>'


def _svg(title: str, parts: Sequence[str], *, height: float) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" role="img" aria-label={quoteattr(title)}>'
    )
    paper = (
        f'<rect class="paper" x="0.5" y="0.5" width="{WIDTH - 1}" '
        f'height="{height - 1:g}" rx="6"/>'
    )
    named = _text(LEFT - 44, 24, title, "ink title")
    return "\n".join((head, _style(), paper, named, *parts, "</svg>", ""))


def _style() -> str:
    """Both modes bring their own paper: the picture is legible on any page."""
    return f"""<style>
text {{ font: 12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }}
.title {{ font-size: 14px; font-weight: 600; }}
.middle {{ text-anchor: middle; }}
.end {{ text-anchor: end; }}
polyline {{ fill: none; stroke-width: 2; stroke-linejoin: round; }}
.dashed {{ stroke-dasharray: 6 4; }}
{_colours("#ffffff", "#1f2328", "#59636e", "#d1d9e0", LIGHT)}
@media (prefers-color-scheme: dark) {{
{_colours("#0d1117", "#f0f6fc", "#9198a1", "#3d444d", DARK)}
}}
</style>"""


def _colours(paper: str, ink: str, soft: str, grid: str, series: Sequence[str]) -> str:
    rules = [
        f".paper {{ fill: {paper}; stroke: {grid}; }}",
        f".ink {{ fill: {ink}; }}",
        f".soft {{ fill: {soft}; }}",
        f".grid {{ stroke: {grid}; }}",
    ]
    rules += [
        f".s{number} {{ stroke: {colour}; }} .f{number} {{ fill: {colour}; }}"
        for number, colour in enumerate(series)
    ]
    return "\n".join(rules)

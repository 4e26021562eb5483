"""docs/benchmarks.md and its plots show what the runs wrote down, and nothing else."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from paycore.bench import cpu, kept
from paycore.bench.load import Level
from paycore.bench.pgbench import Yardstick
from paycore.bench.routes import MIXES, Decisions
from paycore.bench.run import Figures, Plan

_spec = spec_from_file_location("bench_page", Path(__file__).with_name("page.py"))
bench = module_from_spec(_spec)
_spec.loader.exec_module(bench)

PICTURES = bench.pictures()
LINES = [
    bench.plots.Line(name="ours & theirs", points=[(1, 10.0), (16, 90.0), (256, 95.0)]),
    bench.plots.Line(name="other", points=[(1, 50.0), (256, 50.0)], dashed=True),
]


def places(svg: str) -> list[list[tuple[float, float]]]:
    """The points of each line, as they are drawn."""
    return [
        [tuple(map(float, each.split(","))) for each in points.split()]
        for points in re.findall(r'<polyline [^>]*points="([^"]*)"', svg)
    ]


def a_plot() -> str:
    return bench.plots.lines(
        "A title",
        [bench.plots.Panel(title="", lines=LINES)],
        x_label="at once",
        y_label="per s",
        doubling=True,
        x_ticks=[1, 16, 256],
    )


def a_level(at_once: int, payments: int = 900, **cpu_s: float) -> Level:
    return Level(
        concurrency=at_once,
        payments=payments,
        seconds=2.0,
        send_s={"a": 0.01},
        confirm_s={"a": 0.02},
        cpu_s=cpu_s,
    )


def a_run(folder: Path, *, durable: bool, **cpu_s: float) -> Path:
    """What a run keeps, as the benchmark writes it."""
    plan = Plan(concurrency=[16, 64], seconds=2, converted=True, rounds=2, processes=2)
    in_turn = [a_level(64, **cpu_s)] * 2
    figures = Figures(
        quick=[a_level(each, **cpu_s) for each in plan.concurrency],
        converted=[a_level(each, 700, **cpu_s) for each in plan.concurrency],
        deducted=[a_level(64, 800, **cpu_s)],
        ours=in_turn,
        bare=in_turn,
        durable=in_turn if durable else [],
        half=None,
        own_ms=((), ()),
        payments=1000,
        coupons=333,
        charged=1,
        rows=37,
        processes=2,
        yardstick=Yardstick(per_s=1000.0, clients=8, postgres="18.6"),
        routes=[
            Decisions(rules_on_amount=mix, decisions=3000, cpu_s=0.5) for mix in MIXES
        ],
    )
    kept.keep(folder / "bench.json", kept.details(figures, plan))
    return folder


def test_a_run_is_drawn_as_it_was_kept(monkeypatch, tmp_path):
    """Each figure of it, with the command that makes it again."""
    spent = {"node": 1.8, "postgres": 0.9, "sandbox": 0.3, "driver": 0.1}
    monkeypatch.setattr(bench, "RESULTS", a_run(tmp_path, durable=True, **spent))
    drawn = bench.render(f"{bench.BEGIN}{bench.END}")

    assert "`paycore bench --seconds 2 --rounds 2 --processes 2" in drawn
    assert "| the bare path | 450 | 450 | 1 |" in drawn
    assert "| quick pay, 64 at once | 2,000 | 1,000 | 333 | 111 | 3,444 |" in drawn
    assert "| DBOS, 64 at once | 2,000 |" in drawn
    assert "| a fifth | 6,000 |" in drawn
    assert "\n\nDeductions, 64 at once: 400/s.\n\n" in drawn
    assert "| 64 | deduction | – | 20.0/20.0/20.0 |" in drawn
    assert "| deduction, 64 at once | 2,250 |" in drawn
    assert ">3,444</text>" in bench.pictures()["bench-cpu.svg"]


def test_what_a_run_could_not_measure_is_left_out(monkeypatch, tmp_path):
    """No DBOS, no processor time of the server: a dash, never a zero."""
    spent = {"node": 1.8, "sandbox": 0.3, "driver": 0.1}
    monkeypatch.setattr(bench, "RESULTS", a_run(tmp_path, durable=False, **spent))
    drawn = bench.render(f"{bench.BEGIN}{bench.END}")

    assert "| the same payment on DBOS | – | 450 | – |" in drawn
    assert "| quick pay, 64 at once | 2,000 | – | 333 | 111 | 2,444 |" in drawn
    assert "DBOS" not in bench.pictures()["bench-throughput.svg"]
    assert "PostgreSQL" not in bench.pictures()["bench-cpu.svg"]


def test_a_system_that_tells_no_processor_time_has_no_picture_of_it(
    monkeypatch, tmp_path
):
    """And the page says why."""
    monkeypatch.setattr(cpu, "PROC", tmp_path)
    monkeypatch.setattr(bench, "RESULTS", a_run(tmp_path, durable=True))
    drawn = bench.render(f"{bench.BEGIN}{bench.END}")

    assert "does not tell processor time" in drawn
    assert "bench-cpu.svg" not in drawn
    assert "bench-cpu.svg" not in bench.pictures()


def test_the_page_is_what_the_runs_wrote_down():
    """Drawing it again would change nothing."""
    stored = bench.PAGE.read_text(encoding="utf-8")

    assert bench.render(stored) == stored


def test_the_plots_are_what_the_runs_wrote_down():
    """Each as stored; none is left over from a run whose figures are gone."""
    stored = {
        file.name: file.read_text(encoding="utf-8")
        for file in bench.DOCS.glob("bench-*.svg")
    }

    assert PICTURES == stored


def test_what_was_not_run_says_so_and_how(monkeypatch, tmp_path):
    """No figure is made up, and who wants one is told the command."""
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    drawn = bench.render(
        f"before\n\n{bench.BEGIN}\n\nold 123\n\n{bench.END}\n\nafter\n"
    )

    assert "Not run yet: `make bench`." in drawn
    assert "Not run yet: `make bench-memory`." in drawn
    assert "Not run yet: `make bench-schemes`." in drawn
    assert "old 123" not in drawn
    assert drawn.startswith("before\n")
    assert drawn.endswith(f"{bench.END}\n\nafter\n")
    assert {} == bench.pictures()


def test_a_plot_puts_values_where_they_belong():
    """Twice as many is as far each time, more is higher, and zero is the ground."""
    first, second = places(a_plot())
    xs, ys = zip(*first, strict=True)

    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert ys[0] > ys[1] > ys[2]
    assert (ys[0] - ys[1]) / (ys[1] - ys[2]) == pytest.approx(80 / 5, rel=0.1)
    assert (xs[0], xs[2]) == (second[0][0], second[1][0])


def test_parts_of_a_bar_are_as_long_as_their_values():
    """And the sum stands at its end."""
    rows = {"a": {"x": 100.0, "y": 300.0}, "b": {"x": 50.0, "y": 0.0}}
    drawn = bench.plots.bars("A title", rows, x_label="µs")
    wide = [float(each) for each in re.findall(r'y="[^"]*" width="([\d.]+)" h', drawn)]

    assert wide[-3] == pytest.approx(3 * wide[-4], abs=0.3)
    assert wide[-2] == pytest.approx(wide[-4] / 2, abs=0.3)
    assert ">400</text>" in drawn


@pytest.mark.parametrize("name", ["a plot", *PICTURES])
def test_a_plot_is_whole_and_asks_nobody(name):
    """It is good XML, has a mode for dark pages, and fetches nothing."""
    svg = PICTURES.get(name) or a_plot()

    assert ET.fromstring(svg).tag.endswith("svg")
    assert "prefers-color-scheme: dark" in svg
    assert not re.search(r"href|url\(|<script|@import", svg)

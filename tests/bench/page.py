"""The figures of docs/benchmarks.md and its plots, drawn from what the runs wrote down.

    python tests/bench/page.py            draw them anew

What stands between the two marks of the page is drawn, and nobody writes there; each
part of it names the command that makes it again. What was not run yet says so.
"""

import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = DOCS / "benchmarks.md"
RESULTS = Path(__file__).with_name("results")

BEGIN = "<!-- Drawn by `make bench` from tests/bench/results; do not edit. -->"
END = "<!-- The end of what is drawn. -->"
NOT_YET = "Not run yet: {command}."

PERCENTS = ("p50", "p95", "p99")
WAYS = (("quick pay", ""), ("converted", "converted_"), ("deduction", "deducted_"))
TAKES = ("confirm", "deduct")
"""The call that takes the money, by whichever name."""
WHO = {"node": "node", "postgres": "PostgreSQL", "sandbox": "sandbox"}
WHO["driver"] = "driver"

Result = Mapping[str, Any]

_spec = importlib.util.spec_from_file_location(
    "bench_plots", Path(__file__).with_name("plots.py")
)
plots = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plots)


def result(name: str) -> Result:
    """What a run wrote down; nothing where none has."""
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def reconciled() -> list[Result]:
    """What runs of a reconciliation wrote down, the small one first."""
    found = [result(file.stem) for file in RESULTS.glob("recon-*.json")]
    return sorted(found, key=lambda one: one["recon_lines"])


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_said, line))} |" for line in lines)


def _said(value: object) -> str:
    """A figure as people read it; one that was not measured is a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if value == round(value) else f"{value:,}"


def render(page: str) -> str:
    """The page with its figures drawn anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    bench, memory, schemes = map(result, ("bench", "memory", "schemes"))
    parts = [
        "## Figures",
        *(_bench(bench) if bench else [NOT_YET.format(command="`make bench`")]),
        "### Memory of a node",
        *(
            _memory(memory)
            if memory
            else [NOT_YET.format(command="`make bench-memory`")]
        ),
        "### Reconciliation of a day",
        *(_reconciliation(reconciled())),
        "### What a signature costs",
        *(
            _schemes(schemes)
            if schemes
            else [NOT_YET.format(command="`make bench-schemes`")]
        ),
    ]
    return before + "\n\n".join((BEGIN, *parts, END)) + after


def pictures() -> dict[str, str]:
    """Each plot that there are figures for, by its file's name."""
    drawn = {}
    if bench := result("bench"):
        drawn["bench-throughput.svg"] = _throughput(bench)
        drawn["bench-latency.svg"] = _latency(bench)
        if _spenders(bench):
            drawn["bench-cpu.svg"] = _cpu(bench)
    if memory := result("memory"):
        drawn["bench-memory.svg"] = _resident(memory)
    if schemes := result("schemes"):
        drawn["bench-schemes.svg"] = _signatures(schemes)
    return drawn


# --- the run of all -------------------------------------------------------------------


def _bench(bench: Result) -> tuple[str, ...]:
    return (
        "Down to the route decisions all of it is of one run of `make bench`:",
        _where(bench),
        "### Beside the others",
        _ratios(bench),
        "### Throughput",
        "![Whole payments a second by how many pay at once](bench-throughput.svg)",
        _loads(bench),
        "### Latency",
        "![How long the two calls take, by how many pay at once](bench-latency.svg)",
        _latencies(bench),
        _own(bench),
        "### Processor time",
        *_costs(bench),
        "### Route decisions",
        _decisions(bench),
    )


def _where(found: Result) -> str:
    """The command, the day and the machine."""
    server = f", PostgreSQL {found['postgres']}" if found.get("postgres") else ""
    return (
        f"`{found['command']}` on {found['day']}: {found['cores']} cores, "
        f"{found['system']}, Python {found['python']}{server}."
    )


def _ratios(bench: Result) -> str:
    rows = [
        (f"the {name}", bench[per_s], bench["duel_per_s"], bench[ratio])
        for name, per_s, ratio in (
            ("bare path", "bare_path_per_s", "bare_path_ratio"),
            (
                "same rows written by pgbench",
                "pgbench_payments_per_s",
                "pgbench_ratio",
            ),
            ("same payment on DBOS", "dbos_per_s", "dbos_ratio"),
        )
    ]
    head = ("at 64 at once, beside", "payments/s there", "ours", "ratio")
    per_s, ratio = bench["payments_per_s"], _said(bench["c128_over_c16"])
    return table(head, rows) + (
        f"\n\n128 at once by 16 at once: {ratio} "
        f"({_said(per_s.get('128'))} by {_said(per_s.get('16'))} payments/s)."
    )


def _loads(bench: Result) -> str:
    rows = [
        (
            at_once,
            per_s,
            bench.get("converted_per_s", {}).get(at_once),
            bench["commits_per_payment"][at_once],
            bench["changes_a_group"][at_once],
            bench["wal_octets_per_payment"][at_once],
            bench["node_memory_mb"][at_once],
            bench["event_loop_lag_ms"][at_once],
            bench.get("others_busy", {}).get(at_once),
        )
        for at_once, per_s in bench["payments_per_s"].items()
    ]
    head = (
        *("at once", "quick pay/s", "converted/s", "commits a payment"),
        *("changes a group", "WAL octets a payment", "memory of the nodes, MB"),
        *("longest lag of an event loop, ms", "processors busy with others"),
    )
    said = [
        f"Deductions, {at_once} at once: {_said(per_s)}/s."
        for at_once, per_s in bench.get("deducted_per_s", {}).items()
    ]
    said.append(f"Rows a payment: {bench['rows_per_payment']}.")
    return "\n\n".join((table(head, rows), *said))


def _latencies(bench: Result) -> str:
    rows = [
        (at_once, way, *_calls(calls))
        for way, prefix in WAYS
        for at_once, calls in bench.get(f"{prefix}latency_ms", {}).items()
    ]
    head = ("at once", "way", "send p50/p95/p99 ms", "confirm p50/p95/p99 ms")
    return table(head, rows)


def _calls(calls: Mapping[str, Mapping[str, float]]) -> tuple[str | None, str]:
    """A deduction has one call only."""
    sent = calls.get("send")
    (took,) = (calls[call] for call in TAKES if call in calls)
    return sent and _percentiles(sent), _percentiles(took)


def _reconciliation(runs: Sequence[Result]) -> tuple[str, ...]:
    if not runs:
        return (NOT_YET.format(command="`make bench-recon`"),)
    head = (
        *("lines", "s", "lines/s", "core s", "command, MB", "server, MB"),
        *("planted", "found and rightly named", "false"),
    )
    said = (
        *("lines", "seconds", "lines_per_s", "core_seconds"),
        *("process_mb", "server_mb"),
    )
    rows = [
        (
            *(one[f"recon_{name}"] for name in said),
            *(one[name] for name in ("planted", "found", "false")),
        )
        for one in runs
    ]
    return ("\n\n".join(map(_where, runs)), table(head, rows))


def _own(bench: Result) -> str:
    own = bench.get("own_share_ms")
    if own is None:
        return "Our own share of a call was not measured."
    return (
        f"At half the best speed ({own['payments_per_s']:,}/s) our own share of a "
        "call, above the bank's time, is p50/p95/p99 "
        f"{_percentiles(own['send'])} ms for send and "
        f"{_percentiles(own['confirm'])} ms for confirm."
    )


def _percentiles(found: Mapping[str, float]) -> str:
    return "/".join(f"{found[each]:,.1f}" for each in PERCENTS)


def _spenders(bench: Result) -> dict[str, Mapping[str, float]]:
    """Who spends how much, by what was measured; of the others at 64 at once."""
    found = {
        f"{way}, {at_once} at once": cost
        for way, prefix in WAYS
        for at_once, cost in bench.get(f"{prefix}cpu_us_per_payment", {}).items()
    }
    found["bare path, 64 at once"] = bench["bare_path_cpu_us_per_payment"]
    found["DBOS, 64 at once"] = bench["dbos_cpu_us_per_payment"]
    return {name: cost for name, cost in found.items() if cost}


def _costs(bench: Result) -> tuple[str, ...]:
    rows = [
        (name, *(cost.get(who) for who in WHO), sum(cost.values()))
        for name, cost in _spenders(bench).items()
    ]
    if not rows:
        return ("This system does not tell processor time by process.",)
    return (
        "![Processor time of a payment, by who spends it](bench-cpu.svg)",
        table(("µs a payment", *WHO.values(), "all"), rows),
    )


def _decisions(bench: Result) -> str:
    channels, rules = bench["route_channels"], bench["route_rules"]
    rows = bench["route_decisions_by_rules_on_amount"].items()
    return (
        f"Explained, a second of one core, with {channels} channels and {rules} rules "
        "(`paycore bench routes`), by how many of the rules look at the amount, so "
        "that no two payments share their answers:\n\n"
        + table(("rules on the amount", "decisions/s"), rows)
    )


def _memory(memory: Result) -> tuple[str, ...]:
    return (
        "`make bench-memory`:",
        _where(memory),
        "![Resident memory of one node, by how many it made](bench-memory.svg)",
        (
            f"{memory['payments']:,} payments in {memory['seconds']:,} s; after the "
            f"first tenth {memory['mb_after_warm_up']:,} MB, at the end "
            f"{memory['mb_at_end']:,} MB, never more than {memory['mb_most']:,} MB: "
            f"{memory['mb_per_100000_payments']:+,} MB per 100,000 payments."
        ),
    )


# --- signatures -----------------------------------------------------------------------

PAYERS = (
    ("UnionPay, quick pay", "unionpay"),
    ("Huifu, converted, a code by Aliyun", "huifu"),
    ("Stripe, converted, a code by Tencent", "stripe"),
)
"""Whole payments, and what their figures are called by."""


def _schemes(schemes: Result) -> tuple[str, ...]:
    parts = (
        "`make bench-schemes`:",
        _where(schemes),
        "![Processor time of a call, by scheme](bench-schemes.svg)",
        (
            f"Of {schemes['rounds']} rounds the best; processors that were busy with "
            f"others meanwhile: {schemes['others_busy']:,}."
        ),
        _of_schemes(schemes),
        _of_calls(schemes),
    )
    if "unionpay_payments_per_s" not in schemes:
        return parts
    return *parts, _at_providers(schemes)


def _of_schemes(schemes: Result) -> str:
    rows = [
        (
            title,
            schemes[f"{scheme}_assemble_us"],
            schemes[f"{scheme}_read_us"],
            schemes.get(f"{scheme}_by_hmac", 1),
        )
        for scheme, title in schemes["titles"].items()
    ]
    head = ("scheme", "a call assembled, µs", "an answer read, µs", "by HMAC's")
    return table(head, rows)


def _of_calls(schemes: Result) -> str:
    """A line a call; the two halves of each scheme's, with a stroke between."""
    calls: dict[str, dict[str, str]] = {}
    for one in schemes["calls"]:
        halves = (one["assemble_us"], one["read_us"])
        said = "/".join("–" if us is None else f"{us:,.0f}" for us in halves)
        calls.setdefault(one["call"], {})[one["scheme"]] = said
    names = list(schemes["titles"])
    rows = [(call, *map(said.get, names)) for call, said in calls.items()]
    return table(("assembled/read, µs", *names), rows)


def _at_providers(schemes: Result) -> str:
    head = ("64 at once", "payments/s", "the house's by it", *WHO.values(), "others")
    rows = []
    for title, name in PAYERS:
        if f"{name}_others_busy" not in schemes:
            continue  # kept before there was such a way
        others = schemes[f"{name}_others_busy"]
        for where, which, ratio in (
            ("the sandbox's banks, the same way", "house_", None),
            (title, "", schemes[f"house_by_{name}"]),
        ):
            per_s = schemes[f"{name}_{which or 'payments_'}per_s"]
            cost = schemes[f"{name}_{which}cpu_us_per_payment"]
            rows.append((where, per_s, ratio, *map(cost.get, WHO), others))
    said = "Whole payments, processor time in µs a payment:"
    return f"{said}\n\n{table(head, rows)}"


# --- plots ----------------------------------------------------------------------------


def _points(figures: Mapping[str, float]) -> list[tuple[float, float]]:
    return [(float(at_once), value) for at_once, value in figures.items()]


def _throughput(bench: Result) -> str:
    ticks = [float(each) for each in bench["payments_per_s"]]
    ends = (ticks[0], ticks[-1])
    drawn = [plots.Line(name="quick pay", points=_points(bench["payments_per_s"]))]
    if bench.get("converted_per_s"):
        converted = _points(bench["converted_per_s"])
        drawn.append(plots.Line(name="converted", points=converted))
    for name, key in (
        ("bare path at 64", "bare_path_per_s"),
        ("pgbench, the rows alone", "pgbench_payments_per_s"),
        ("DBOS at 64", "dbos_per_s"),
    ):
        if bench[key] is not None:
            level = [(end, bench[key]) for end in ends]
            drawn.append(
                plots.Line(name=name, points=level, dashed=True, markers=False)
            )
    return plots.lines(
        "Whole payments a second",
        [plots.Panel(title="", lines=drawn)],
        x_label="payers at once",
        y_label="payments/s",
        doubling=True,
        x_ticks=ticks,
    )


def _latency(bench: Result) -> str:
    panels = [
        plots.Panel(
            title=call,
            lines=[
                plots.Line(
                    name=percent,
                    points=_points(
                        {
                            at_once: calls[call][percent]
                            for at_once, calls in bench["latency_ms"].items()
                        }
                    ),
                )
                for percent in PERCENTS
            ],
        )
        for call in ("send", "confirm")
    ]
    return plots.lines(
        "How long a call of a quick payment takes, as the payer sees it",
        panels,
        x_label="payers at once",
        y_label="ms",
        doubling=True,
        x_ticks=[float(each) for each in bench["latency_ms"]],
    )


def _cpu(bench: Result) -> str:
    """Of those that fit on one scale; the table has all."""
    shown = {
        name: cost
        for name, cost in _spenders(bench).items()
        if not name.startswith("DBOS") and ", 1 at once" not in name
    }
    known = [who for who in WHO if any(who in cost for cost in shown.values())]
    rows = {
        name: {WHO[who]: cost.get(who, 0) for who in known}
        for name, cost in shown.items()
    }
    return plots.bars(
        "Where a payment's processor time goes", rows, x_label="µs a payment"
    )


def _signatures(schemes: Result) -> str:
    rows = {
        name: {
            "assembled": schemes[f"{name}_assemble_us"],
            "read": schemes[f"{name}_read_us"],
        }
        for name in schemes["titles"]
    }
    title = "What a call and its answer cost, by how they are signed"
    return plots.bars(title, rows, x_label="µs of one core")


def _resident(memory: Result) -> str:
    line = plots.Line(name="resident", points=memory["points"], markers=False)
    return plots.lines(
        "Resident memory of one node",
        [plots.Panel(title="", lines=[line])],
        x_label="payments",
        y_label="MB",
    )


def main() -> None:
    """Draw the page and its plots."""
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for name, picture in pictures().items():
        (DOCS / name).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()

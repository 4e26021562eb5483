"""The figures as tables for people and as one line of JSON for programs."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.table import Table

from paycore.bench import cpu, routes
from paycore.bench.bare.durable import available
from paycore.bench.contenders import BARE, DURABLE, OURS
from paycore.bench.load import Level, percentile
from paycore.bench.run import DUEL_AT, Figures

PERCENTS = (50, 95, 99)

LOW, HIGH = 16, 128
"""The two concurrencies whose ratio says how well many share a commit."""


def tables(figures: Figures) -> list[Table]:
    """The duel, one a way, and the router's."""
    made = [_duel(figures)]
    if figures.quick:
        made.append(table("Quick pay", figures.quick))
    if figures.converted:
        made.append(table("Converted to deduct", figures.converted))
    if figures.deducted:
        made.append(table("Deductions: one call and no payer", figures.deducted))
    made.append(routes.table(figures.routes))
    return made


def table(title: str, levels: Sequence[Level]) -> Table:
    """One line a concurrency."""
    made = Table(title=title, title_justify="left", caption_justify="left")
    made.caption = (
        "Calls in ms, p50/p95/p99. Processor time a payment in µs.\n"
        "Others: processors that were busy with something else meanwhile."
    )
    made.add_column("at once", justify="right")
    made.add_column("per s", justify="right", style="bold")
    who = (*levels[0].cpu_s, "others") if cpu.known() else ()
    for column in ("send", "confirm", *who):
        made.add_column(column, justify="right", no_wrap=True)
    for level in levels:
        made.add_row(
            str(level.concurrency),
            f"{level.per_s:,.0f}",
            _spelled(level.send_s.values()),
            _spelled(level.confirm_s.values()),
            *_costs(level),
        )
    return made


def _duel(figures: Figures) -> Table:
    """We and the others, in turn."""
    made = Table(title=f"In turn, {DUEL_AT} at once", title_justify="left")
    made.add_column("round", justify="right")
    made.add_column("who")
    made.add_column("per s", justify="right", style="bold")
    for column in (*figures.ours[0].cpu_s, "others") if cpu.known() else ():
        made.add_column(column, justify="right", no_wrap=True)
    who = ((BARE, figures.bare), (DURABLE, figures.durable), (OURS, figures.ours))
    for number in range(len(figures.ours)):
        for name, levels in who:
            for level in levels[number : number + 1]:
                made.add_row(
                    str(number + 1), name, f"{level.per_s:,.0f}", *_costs(level)
                )
    return made


def _costs(level: Level) -> list[str]:
    if not cpu.known():
        return []
    return [f"{each:,.0f}" for each in _cpu_us(level).values()] + [
        f"{level.others:.1f}"
    ]


def summary(figures: Figures) -> str:
    """What the tables do not say."""
    yardstick, shown = figures.yardstick, ratios(figures)
    own = f"{yardstick.per_s:,.0f} payments/s (PostgreSQL {yardstick.postgres})"
    lines = [
        f"by the bare path: {_shown(shown['bare_path_ratio'])}",
        (
            f"by pgbench: {_shown(shown['pgbench_ratio'])}; {yardstick.clients} clients"
            f", the {figures.rows} rows of one payment, prepared: {own}"
        ),
        f"by the same payment on DBOS: {_beside_durable(shown['dbos_ratio'])}",
        f"{HIGH} at once by {LOW} at once: {_shown(shown['c128_over_c16'])}",
    ]
    if cpu.known() and "postgres" not in figures.ours[0].cpu_s:
        lines.append(
            "what your PostgreSQL spent is not known: where it runs on this machine "
            "it is among the others"
        )
    if figures.half is not None:
        lines.append(
            f"at half the best speed ({figures.half.per_s:,.0f}/s) our own share of a "
            f"call above the bank's, p50/p95/p99 ms: send {_own(figures.own_ms[0])}, "
            f"confirm {_own(figures.own_ms[1])}"
        )
    lines.append(
        f"{figures.payments:,} payments, {figures.coupons:,} of them with a coupon: "
        "each succeeded, was charged once and was told; the banks charged "
        f"{figures.charged:,}, as we say"
    )
    return "\n".join(lines)


def _beside_durable(ratio: float | None) -> str:
    if ratio is None and not available():
        return "not measured, it is not installed: pip install 'paycore[bench]'"
    return _shown(ratio)


def ratios(figures: Figures) -> dict[str, float | None]:
    """What does not depend on how fast the machine is today."""
    ours, bare = per_s(figures.ours), per_s(figures.bare)
    durable = per_s(figures.durable)
    by_concurrency = {level.concurrency: level.per_s for level in figures.quick}
    low, high = by_concurrency.get(LOW), by_concurrency.get(HIGH)
    pgbench = figures.yardstick.per_s
    return {
        "bare_path_ratio": ours / bare if ours and bare else None,
        "pgbench_ratio": ours / pgbench if ours else None,
        "dbos_ratio": ours / durable if ours and durable else None,
        "c128_over_c16": high / low if high and low else None,
    }


def per_s(levels: Sequence[Level]) -> float | None:
    """Over all rounds."""
    seconds = sum(level.seconds for level in levels)
    return sum(level.payments for level in levels) / seconds if seconds else None


def document(figures: Figures) -> Mapping[str, object]:
    """The line of JSON; its keys are in docs/benchmarks.md."""
    found = {name: _round(value) for name, value in ratios(figures).items()}
    levels = {str(each.concurrency): each for each in figures.quick}
    made: dict[str, object] = {
        "payments_per_s": _of_each(levels, lambda each: round(each.per_s, 1)),
        **found,
        "bare_path_per_s": _round(per_s(figures.bare), 1),
        "dbos_per_s": _round(per_s(figures.durable), 1),
        "duel_per_s": _round(per_s(figures.ours), 1),
        "pgbench_payments_per_s": round(figures.yardstick.per_s, 1),
        "processes": figures.processes,
        "rows_per_payment": figures.rows,
        **routes.document(figures.routes),
        "payments": figures.payments,
        "coupons": figures.coupons,
        "charged": figures.charged,
        "latency_ms": _of_each(levels, _ms),
        "cpu_us_per_payment": _of_each(levels, _whole_us),
        "bare_path_cpu_us_per_payment": mean_us(figures.bare),
        "dbos_cpu_us_per_payment": mean_us(figures.durable),
        "wal_octets_per_payment": _of_each(levels, _a_payment("wal_octets")),
        "commits_per_payment": _of_each(levels, _a_payment("groups", 3)),
        "changes_a_group": _of_each(levels, _group),
        "node_memory_mb": _of_each(levels, lambda each: each.node_octets >> 20),
        "event_loop_lag_ms": _of_each(levels, lambda each: round(each.lag_s * 1000)),
    }
    if cpu.known():
        made["others_busy"] = _of_each(levels, lambda each: round(each.others, 2))
    if figures.converted:
        converted = {str(each.concurrency): each for each in figures.converted}
        made["converted_per_s"] = _of_each(converted, lambda each: round(each.per_s, 1))
        made["converted_latency_ms"] = _of_each(converted, _ms)
        made["converted_cpu_us_per_payment"] = _of_each(converted, _whole_us)
    if figures.deducted:
        made |= _deductions(figures.deducted)
    if figures.half is not None:
        made["own_share_ms"] = {
            "payments_per_s": round(figures.half.per_s, 1),
            "send": _percentiles(figures.own_ms[0]),
            "confirm": _percentiles(figures.own_ms[1]),
        }
    return made


def _deductions(levels: Sequence[Level]) -> dict[str, object]:
    by_load = {str(each.concurrency): each for each in levels}
    return {
        "deducted_per_s": _of_each(by_load, lambda each: round(each.per_s, 1)),
        "deducted_latency_ms": _of_each(
            by_load, lambda each: {"deduct": _ms(each)["confirm"]}
        ),
        "deducted_cpu_us_per_payment": _of_each(by_load, _whole_us),
    }


def _of_each(
    levels: Mapping[str, Level], figure: Callable[[Level], object]
) -> dict[str, object]:
    return {at_once: figure(level) for at_once, level in levels.items()}


def _a_payment(name: str, digits: int = 0) -> Callable[[Level], float]:
    def figure(level: Level) -> float:
        found: int = getattr(level, name)
        return round(found / max(1, level.payments), digits)

    return figure


def _group(level: Level) -> float:
    return round(level.changes / max(1, level.groups), 1)


def _ms(level: Level) -> dict[str, dict[str, float]]:
    calls = (("send", level.send_s), ("confirm", level.confirm_s))
    return {
        call: _percentiles([value * 1000 for value in values.values()])
        for call, values in calls
    }


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {f"p{each}": round(percentile(values, each), 2) for each in PERCENTS}


def _spelled(values: Iterable[float]) -> str:
    found = list(values)
    if not found:
        return "–"
    return "/".join(f"{percentile(found, percent) * 1000:.0f}" for percent in PERCENTS)


def _own(values: Sequence[float]) -> str:
    return "/".join(f"{percentile(values, percent):.0f}" for percent in PERCENTS)


def _shown(ratio: float | None) -> str:
    return "not measured" if ratio is None else f"{ratio:.2f}"


def _round(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)


def _whole_us(level: Level) -> dict[str, int]:
    return {who: round(us) for who, us in _cpu_us(level).items()}


def mean_us(levels: Sequence[Level]) -> dict[str, int]:
    """Over all rounds."""
    payments = max(1, sum(level.payments for level in levels))
    spent: dict[str, float] = {}
    for level in levels:
        for who, seconds in level.cpu_s.items():
            spent[who] = spent.get(who, 0.0) + seconds
    return {who: round(of / payments * 1_000_000) for who, of in spent.items()}


def _cpu_us(level: Level) -> dict[str, float]:
    """Processor time a payment, by who spent it."""
    if not cpu.known():
        return {}
    return {
        who: spent / max(1, level.payments) * 1_000_000
        for who, spent in level.cpu_s.items()
    }

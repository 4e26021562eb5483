"""The figures as a table for people and as one line of JSON for programs."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from paycore.bench import cpu
from paycore.bench.load import Level, percentile
from paycore.bench.run import Figures

YARDSTICK_AT = 64
"""The concurrency whose figure is set against pgbench's."""

PERCENTS = (50, 95, 99)


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
            _spelled(level.send_s),
            _spelled(level.confirm_s),
            *(f"{each:,.0f}" for each in _cpu_us(level).values()),
            *([f"{level.others:.1f}"] * cpu.known()),
        )
    return made


def summary(figures: Figures) -> str:
    """What the tables do not say."""
    yardstick = figures.yardstick
    shown = ratio(figures)
    own = f"{yardstick.per_s:,.0f} payments/s (PostgreSQL {yardstick.postgres})"
    by = f"{shown:.2f}" if shown is not None else "not measured"
    return (
        f"pgbench, {yardstick.clients} clients, the {figures.rows} rows of one payment,"
        f" prepared: {own}\n"
        f"ours at {YARDSTICK_AT} concurrent by pgbench's: {by}\n"
        f"{figures.payments:,} payments, {figures.coupons:,} of them with a coupon;"
        " each succeeded, was charged once and was told;"
        f" the banks charged {figures.charged:,}, as we say"
    )


def ratio(figures: Figures) -> float | None:
    """Ours by PostgreSQL's own, in the same run."""
    for level in figures.quick:
        if level.concurrency == YARDSTICK_AT:
            return level.per_s / figures.yardstick.per_s
    return None


def document(figures: Figures) -> Mapping[str, object]:
    """The line of JSON; its keys are in CONTRIBUTING.md."""
    shown = ratio(figures)
    made: dict[str, object] = {
        "payments_per_s": _by_concurrency(figures.quick),
        "pgbench_ratio": round(shown, 3) if shown is not None else None,
        "pgbench_payments_per_s": round(figures.yardstick.per_s, 1),
        "rows_per_payment": figures.rows,
        "payments": figures.payments,
        "coupons": figures.coupons,
        "charged": figures.charged,
        "latency_ms": {str(each.concurrency): _ms(each) for each in figures.quick},
        "cpu_us_per_payment": {
            str(each.concurrency): {who: round(us) for who, us in _cpu_us(each).items()}
            for each in figures.quick
        },
    }
    if cpu.known():
        made["others_busy"] = {
            str(each.concurrency): round(each.others, 2) for each in figures.quick
        }
    if figures.converted:
        made["converted_per_s"] = _by_concurrency(figures.converted)
    return made


def _by_concurrency(levels: Sequence[Level]) -> dict[str, float]:
    return {str(level.concurrency): round(level.per_s, 1) for level in levels}


def _ms(level: Level) -> dict[str, dict[str, float]]:
    return {
        call: {
            f"p{percent}": round(percentile(values, percent) * 1000, 2)
            for percent in PERCENTS
        }
        for call, values in (("send", level.send_s), ("confirm", level.confirm_s))
    }


def _spelled(values: Sequence[float]) -> str:
    return "/".join(f"{percentile(values, percent) * 1000:.0f}" for percent in PERCENTS)


def _cpu_us(level: Level) -> dict[str, float]:
    """Processor time a payment, by who spent it."""
    if not cpu.known():
        return {}
    return {
        who: spent / max(1, level.payments) * 1_000_000
        for who, spent in level.cpu_s.items()
    }

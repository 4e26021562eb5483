"""What signatures cost, as tables for people and as one line of JSON for programs."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from rich.table import Table

from paycore.bench import cpu
from paycore.bench.load import Level
from paycore.bench.report import mean_us, per_s
from paycore.bench.run import DUEL_AT
from paycore.bench.schemes.calls import HOUSE, HOUSE_TEXT, TITLES
from paycore.bench.schemes.payments import WAYS, Pair
from paycore.bench.schemes.run import Cost, Costs


def tables(costs: Costs, pairs: Sequence[Pair]) -> list[Table]:
    """The calls, and the whole payments where they were measured."""
    return [_calls(costs), *([_payments(pairs)] if pairs else [])]


def _calls(costs: Costs) -> Table:
    made = Table(
        title="Processor time of one call, µs: the best of"
        f" {costs.rounds} rounds in turn",
        title_justify="left",
        caption_justify="left",
        caption=f"Processors that were busy with others: {costs.others_busy:.1f}",
    )
    made.add_column("scheme")
    made.add_column("call")
    for column in ("assemble", "read", "by HMAC's"):
        made.add_column(column, justify="right")
    for scheme, title in TITLES.items():
        for number, cost in enumerate(costs.of(scheme)):
            made.add_row(
                title if number == 0 else "",
                cost.operation,
                "–" if cost.assemble_us is None else f"{cost.assemble_us:,.0f}",
                f"{cost.read_us:,.0f}",
                f"{costs.by_hmac(scheme):.1f}" if number == 0 else "",
            )
    return made


def _payments(pairs: Sequence[Pair]) -> Table:
    made = Table(title=f"Whole payments, {DUEL_AT} at once", title_justify="left")
    made.add_column("at")
    made.add_column("per s", justify="right", style="bold")
    made.add_column("house by it", justify="right")
    known = pairs[0].house[0].cpu_s if cpu.known() else ()
    for column in (*known, "others"):
        made.add_column(column, justify="right")
    for pair in pairs:
        way = "converted" if WAYS[pair.provider].converted else "quick pay"
        for name, levels, ratio in (
            (f"the sandbox's banks, {way}", pair.house, ""),
            (f"{pair.provider}, {way}", pair.theirs, f"{_ratio(pair):.2f}"),
        ):
            spent = (f"{us:,}" for us in mean_us(levels).values())
            others = f"{_others(levels):.1f}"
            made.add_row(name, f"{per_s(levels) or 0:,.0f}", ratio, *spent, others)
    return made


def document(costs: Costs, pairs: Sequence[Pair]) -> dict[str, object]:
    """The line of JSON; its keys are in docs/benchmarks.md."""
    made: dict[str, object] = {}
    for scheme in TITLES:
        of = costs.of(scheme)
        made[f"{scheme}_assemble_us"] = _mean(of, lambda cost: cost.assemble_us)
        made[f"{scheme}_read_us"] = _mean(of, lambda cost: cost.read_us)
        if scheme not in (HOUSE, HOUSE_TEXT):
            made[f"{scheme}_by_hmac"] = round(costs.by_hmac(scheme), 2)
    made |= {"rounds": costs.rounds, "others_busy": round(costs.others_busy, 2)}
    for pair in pairs:
        made |= _pair(pair)
    return made


def _pair(pair: Pair) -> dict[str, object]:
    name = pair.provider
    return {
        f"{name}_payments_per_s": round(per_s(pair.theirs) or 0.0, 1),
        f"{name}_house_per_s": round(per_s(pair.house) or 0.0, 1),
        f"house_by_{name}": round(_ratio(pair), 3),
        f"{name}_cpu_us_per_payment": mean_us(pair.theirs),
        f"{name}_house_cpu_us_per_payment": mean_us(pair.house),
        f"{name}_others_busy": round(_others([*pair.house, *pair.theirs]), 2),
    }


def details(costs: Costs, pairs: Sequence[Pair]) -> Mapping[str, object]:
    """That, and each call by itself, for docs/benchmarks.md."""
    calls = [
        {
            "scheme": cost.scheme,
            "call": str(cost.operation),
            "assemble_us": None
            if cost.assemble_us is None
            else round(cost.assemble_us, 1),
            "read_us": round(cost.read_us, 1),
        }
        for scheme in TITLES
        for cost in costs.of(scheme)
    ]
    return {**document(costs, pairs), "titles": dict(TITLES), "calls": calls}


def _mean(costs: Sequence[Cost], of: Callable[[Cost], float | None]) -> float:
    """Over a scheme's calls; what has no such half is left out."""
    return round(fmean(us for cost in costs if (us := of(cost)) is not None), 1)


def _ratio(pair: Pair) -> float:
    house, theirs = per_s(pair.house), per_s(pair.theirs)
    return house / theirs if house and theirs else 0.0


def _others(levels: Sequence[Level]) -> float:
    return fmean(level.others for level in levels)

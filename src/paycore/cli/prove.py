"""`paycore prove`: simulated payments under faults, from seeds.

It says on standard error how far it is, prints what struck and what held, tells each
failing run as a story with the one command that runs it again, and ends with one line
of JSON. Exit code 1: something that must hold did not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from paycore.prove.plan import Plan
    from paycore.prove.run import Outcome
    from paycore.prove.tally import Tally

NO_SEEDS = "Seeds are written 1..400, the last one included, or as one number."
TABLE_LETTERS = 110


def prove(
    seeds: Annotated[str, typer.Option(help="A..B, both included, or one.")] = "1..400",
    fault: Annotated[
        list[str] | None,
        typer.Option(help="Always strike with this row (F28) or kind; repeatable."),
    ] = None,
    payments: Annotated[
        int, typer.Option(min=1, max=2000, help="Payments of a seed.")
    ] = 116,
    nodes: Annotated[
        int | None, typer.Option(min=1, max=8, help="Nodes; else 2, in some seeds 3.")
    ] = None,
    *,
    postgres: Annotated[
        bool, typer.Option("--postgres", help="Beside a real PostgreSQL, compared.")
    ] = False,
    keep: Annotated[str | None, typer.Option(help="Only these payers: 3,17.")] = None,
    only: Annotated[
        str | None, typer.Option(help="No faults but these kinds; or none.")
    ] = None,
    always: Annotated[
        str | None, typer.Option(help="These kinds, whatever the seed draws.")
    ] = None,
    tell: Annotated[
        bool, typer.Option("--tell", help="Tell the story, failing or not.")
    ] = False,
    processes: Annotated[int, typer.Option(min=0, help="0: one a core.")] = 0,
    state: Annotated[
        Path | None,
        typer.Option(help="A folder: go on from what was kept there of this code."),
    ] = None,
    keep_results: Annotated[
        Path | None, typer.Option(help="Write the figures there, as JSON.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Nothing but the line of JSON.")
    ] = False,
) -> None:
    """Simulate payments under faults, from seeds, and look at all that must hold."""
    from rich.console import Console

    from paycore.prove.plan import Plan

    first, last = _range(seeds)
    console = Console(stderr=True)
    plain = Plan(
        seed=first,
        payments=payments,
        keep=None if keep is None else tuple(int(one) for one in keep.split(",")),
        only=_kinds(only),
        always=(*_always(fault or []), *(_kinds(always) or ())),
    )
    with _server(wanted=postgres) as server:
        plans = [
            replace(
                plain, seed=seed, nodes=nodes or 2 + (seed % 3 == 0), postgres=server
            )
            for seed in range(first, last + 1)
        ]
        tally = _all(plans, processes or None, console, state)
        _say(tally, console, as_json=as_json)
        if tell and not tally.failed:
            _tell(plans[0], console)
    _end(tally, keep_results)


def _say(tally: "Tally", console: "Console", *, as_json: bool) -> None:
    """The tables, and the failing runs, each made as small as it gets."""
    from rich.console import Console

    from paycore.prove.shrink import shrunk

    if not as_json:
        out = Console()
        out.width = max(out.width, TABLE_LETTERS)
        out.print(*tally.tables())
    for failed in tally.failed:
        _told(shrunk(failed), console)


def _end(tally: "Tally", keep_results: Path | None) -> None:
    """The figures, kept where that was asked for, and the line of JSON."""
    import msgspec

    from paycore.kernel.clock import machine_now

    document = tally.document()
    if keep_results is not None:
        day = f"{machine_now():%Y-%m-%d}"
        keep_results.parent.mkdir(parents=True, exist_ok=True)
        kept = msgspec.json.format(msgspec.json.encode(tally.details(day)), indent=1)
        keep_results.write_bytes(kept + b"\n")
    typer.echo(msgspec.json.encode(document).decode())
    if document["violations"]:
        raise typer.Exit(1)


def _all(
    plans: "list[Plan]", processes: int | None, console: "Console", state: Path | None
) -> "Tally":
    """Make the runs that are not made yet, and say how far they are."""
    from contextlib import nullcontext

    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from paycore.prove.fleet import fleet, outcomes
    from paycore.prove.tally import Tally

    tally = Tally()
    state = None if state is None else _state_in(state)
    done = tally.resume(state, plans) if state is not None else set()
    left = [plan for plan in plans if plan not in done]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with (
        fleet(processes) as pool,
        Progress(*columns, console=console) as progress,
        nullcontext() if state is None else state.open("ab") as file,
    ):
        task = progress.add_task("seeds", total=len(plans), completed=len(done))
        for outcome in outcomes(pool, left):
            line = tally.add(outcome)
            if file is not None:
                file.write(line)
                file.flush()
            broken = sum(tally.broken.values())
            progress.update(
                task,
                advance=1,
                description=f"{tally.payments:,} payments, {broken} violations, seeds",
            )
    return tally


def _state_in(folder: Path) -> Path:
    """The file of this very code: what other code came to is nothing to go on from."""
    import hashlib

    import paycore

    digest = hashlib.sha256()
    for file in sorted(Path(paycore.__path__[0]).rglob("*.py")):
        digest.update(file.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"prove-{digest.hexdigest()[:12]}.jsonl"


def _told(outcome: "Outcome", console: "Console") -> None:
    """A failing run: what broke, how it is run again, and what happened."""
    console.rule(f"seed {outcome.plan.seed}")
    for one in outcome.violations:
        console.print(
            f"[bold]{one.invariant}[/] at {one.at:.3f} s, {one.pay_order_no or '-'}: "
            f"{one.what}"
        )
    console.print(f"again: {outcome.plan.command} --tell", soft_wrap=True)
    _tell(outcome.plan, console)


def _tell(plan: "Plan", console: "Console") -> None:
    """The story of the payment that broke, or of the first one, in time order."""
    from paycore.prove.run import story

    outcome, records = story(plan)
    first = next((one.pay_order_no for one in outcome.violations), "")
    first = first or next((record[4] for record in records if record[4]), "")
    for at, who, what, more, no in records:
        if no in (first, ""):
            console.print(
                f"{at:10.3f}  {who:6} {what:14} {more}", markup=False, soft_wrap=True
            )


@contextmanager
def _server(*, wanted: bool) -> "Iterator[str | None]":
    """A PostgreSQL for the runs, while the block lasts."""
    if not wanted:
        yield None
        return
    import shutil

    from paycore.kernel.postgres import Cluster, fresh_folder
    from paycore.prove.mirror import template

    folder = fresh_folder("paycore-prove-")
    try:
        with Cluster.start(folder) as cluster, template(cluster.dsn):
            yield cluster.dsn
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _range(text: str) -> tuple[int, int]:
    first, dots, last = text.partition("..")
    try:
        found = int(first), int(last) if dots else int(first)
    except ValueError:
        raise typer.BadParameter(NO_SEEDS, param_hint="--seeds") from None
    if found[0] > found[1]:
        raise typer.BadParameter(NO_SEEDS, param_hint="--seeds")
    return found


def _kinds(text: str | None) -> tuple[str, ...] | None:
    """Names of kinds; what is none is refused by its place, not by its name."""
    from paycore.prove.kinds import BY_NAME

    if text is None:
        return None
    names = tuple(name for name in text.split(",") if name and name != "none")
    if not set(names) <= set(BY_NAME):
        raise typer.BadParameter(f"Kinds are: {', '.join(BY_NAME)}.")
    return names


def _always(faults: list[str]) -> tuple[str, ...]:
    """The kinds of rows, or kinds by name."""
    from paycore.prove.kinds import BY_NAME, NOT_SIMULATED, kinds_of

    found: list[str] = []
    for fault in faults:
        if fault in NOT_SIMULATED:
            raise typer.BadParameter(
                f"{fault} is not simulated: {NOT_SIMULATED[fault]}."
            )
        kinds = [fault] if fault in BY_NAME else sorted(kinds_of(fault))
        if not kinds:
            raise typer.BadParameter("That is no row of the matrix and no kind.")
        found += kinds
    return tuple(found)

"""`paycore bench`: whole payments a second, everything on this machine."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from paycore.cli.growth import growth
from paycore.cli.schemes import schemes

if TYPE_CHECKING:
    from paycore.bench.memory import Memory
    from paycore.bench.recon.run import Found as Reconciled
    from paycore.bench.run import Figures, Plan

F = TypeVar("F")

app = typer.Typer(invoke_without_command=True, add_completion=False)
app.command()(growth)
app.command()(schemes)

MOST_AT_ONCE = 512

RESULTS = Path("tests/bench/results/bench.json")
"""What `make bench` keeps."""

ROUNDS, CHECK_ROUNDS = 4, 4
QUICK_ROUNDS = 2

WHOLE, WHOLE_S = "1,16,64,128,256", 10
QUICK, QUICK_S = "16,64,128", 5

TABLE_LETTERS = 96
"""A file is no terminal, and its table need not wrap at eighty."""


AsJson = Annotated[bool, typer.Option("--json", help="Nothing but the line of JSON.")]
KeepResults = Annotated[
    Path | None, typer.Option(help="Write the figures there, as JSON.")
]


Seconds = Annotated[
    int | None, typer.Option(min=1, max=300, help="Length of each window.")
]


@app.callback()
def bench(
    context: typer.Context,
    seconds: Seconds = None,
    concurrency: Annotated[
        str | None, typer.Option(help="Payers at once, separated by commas.")
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, max=20, help="In turn with the bare path and others."),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=0, max=16, help="Nodes; 0: one a core.")
    ] = 0,
    *,
    dsn: Annotated[
        str | None,
        typer.Option(
            help="Your own PostgreSQL: databases named paycore_bench_… are made there "
            "and dropped. A password belongs in PGPASSWORD or ~/.pgpass.",
            show_default=False,
        ),
    ] = None,
    converted: Annotated[
        bool | None,
        typer.Option(
            "--converted/--no-converted", help="Converted ones and deductions."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Less of everything: under three minutes.")
    ] = False,
    keep_results: KeepResults = None,
    as_json: AsJson = False,
) -> None:
    """Start all of it in a temporary folder, load it, and print what it did."""
    if context.invoked_subcommand is not None:
        _refuse_lost(context)
        return
    import msgspec

    from paycore.bench import kept, report
    from paycore.bench import run as runs

    plan = runs.Plan(
        concurrency=_concurrencies(concurrency or (QUICK if quick else WHOLE)),
        seconds=seconds or (QUICK_S if quick else WHOLE_S),
        converted=not quick if converted is None else converted,
        rounds=rounds or (QUICK_ROUNDS if quick else ROUNDS),
        processes=processes or runs.processes(),
        dsn=dsn,
    )
    figures = _measured(plan)
    if not as_json:
        _show(figures)
    if keep_results is not None:
        kept.keep(keep_results, kept.details(figures, plan))
    typer.echo(msgspec.json.encode(report.document(figures)).decode())


@app.command()
def check(
    against: Annotated[
        Path, typer.Argument(help="What `--keep-results` wrote.")
    ] = RESULTS,
    seconds: Seconds = None,
    rounds: Annotated[
        int, typer.Option(min=2, max=20, help="In turn with the bare path and others.")
    ] = CHECK_ROUNDS,
    *,
    as_json: AsJson = False,
) -> None:
    """Measure quickly, and say what got slower since; exit status 1 if anything did."""
    import msgspec
    from rich.console import Console

    from paycore.bench import compare, kept
    from paycore.bench import run as runs

    then = compare.read(against)
    plan = runs.Plan(
        concurrency=_concurrencies(QUICK),
        seconds=seconds or QUICK_S,
        converted=False,
        rounds=rounds,
        processes=then.get("processes") or runs.processes(),
    )
    found = compare.compare(then, kept.details(_measured(plan), plan))
    if not as_json:
        console = Console()
        console.width = max(console.width, TABLE_LETTERS)
        console.print(compare.table(found))
        for note in found.notes:
            console.print(note, highlight=False)
    said = compare.document(found)
    typer.echo(msgspec.json.encode(said).decode())
    if not said["holds"]:
        raise typer.Exit(1)


@app.command()
def routes(
    seconds: Annotated[
        int, typer.Option(min=1, max=300, help="Of processor time, for each mix.")
    ] = 3,
    *,
    as_json: AsJson = False,
) -> None:
    """Explained route decisions a second of one core, with many channels and rules."""
    import msgspec
    from rich.console import Console
    from rich.progress import Progress

    from paycore.bench import routes as decisions

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("deciding", total=seconds * len(decisions.MIXES))
        found = decisions.measure(
            seconds, lambda passed: progress.advance(task, passed)
        )
    if not as_json:
        Console().print(decisions.table(found))
    typer.echo(msgspec.json.encode(decisions.document(found)).decode())


@app.command()
def memory(
    payments: Annotated[
        int, typer.Option(min=1000, max=10_000_000, help="Payments of one node.")
    ] = 200_000,
    payers: Annotated[
        int, typer.Option(min=1, max=MOST_AT_ONCE, help="Payers at once.")
    ] = 64,
    *,
    keep_results: KeepResults = None,
    as_json: AsJson = False,
) -> None:
    """Look at a node's memory over many payments; exit status 1 if it is not flat."""
    import msgspec
    from rich.console import Console
    from rich.progress import Progress

    from paycore.bench import kept
    from paycore.bench import memory as memories

    def watched() -> "Memory":
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("one node", total=payments)
            return memories.run(payments, payers, lambda n: progress.advance(task, n))

    found = _or_refused(watched)
    said = memories.document(found)
    if not as_json:
        Console().print(memories.table(found))
        typer.echo(memories.summary(found))
    if keep_results is not None:
        command = f"paycore bench memory --payments {payments} --payers {payers}"
        points = {"points": found.points}
        kept.keep(keep_results, {**kept.header(command), **said, **points})
    typer.echo(msgspec.json.encode(said).decode())
    if not said["holds"]:
        raise typer.Exit(1)


@app.command()
def recon(
    lines: Annotated[
        int, typer.Option(min=100, max=20_000_000, help="Lines of the statement.")
    ] = 1_000_000,
    planted: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Differences, of ten kinds.")
    ] = 1000,
    *,
    keep_results: KeepResults = None,
    as_json: AsJson = False,
) -> None:
    """Reconcile a day of so many lines; exit status 1 unless all that differs is found.

    Time and memory are of `paycore recon run` and of the database's server, on one core
    where there are two.
    """
    import msgspec
    from rich.console import Console
    from rich.progress import Progress

    from paycore.bench import kept
    from paycore.bench.recon import run as recons

    def watched() -> "Reconciled":
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("starting", total=None)
            return recons.run(
                lines,
                planted,
                lambda what, n: progress.update(task, description=what, advance=n),
            )

    found = _or_refused(watched)
    said = found.document()
    if not as_json:
        typer.echo(
            f"{found.lines:,} lines in {found.seconds:.1f} s, with"
            f" {found.process_mb:.0f} MB and the server's {found.server_mb:.0f} MB;"
            f" {found.found:,} of {found.planted:,} differences found, {found.false:,}"
            " false"
        )
    if keep_results is not None:
        command = f"paycore bench recon --lines {lines} --planted {planted}"
        kept.keep(keep_results, {**kept.header(command), **said})
    typer.echo(msgspec.json.encode(said).decode())
    if not found.holds:
        raise typer.Exit(1)


def _refuse_lost(context: typer.Context) -> None:
    """An option before the name of what is to be run would be ignored."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(
                f"{option} stands before `{context.invoked_subcommand}`, which would "
                "not see it: write its options after it"
            )


def _measured(plan: "Plan") -> "Figures":
    """Run it, and say on standard error how far it is."""
    from rich.console import Console
    from rich.progress import Progress

    from paycore.bench import run as runs

    def watched() -> "Figures":
        with Progress(console=Console(stderr=True), transient=True) as progress:
            return runs.run(plan, progress)

    return _or_refused(watched)


def _or_refused(run: "Callable[[], F]") -> "F":
    """Its figures; where a payment was not as it must be there are none."""
    from paycore.bench.payer import WrongAnswer
    from paycore.kernel import log

    log.configure(level="warning", style="console")
    try:
        return run()
    except* WrongAnswer as wrong:
        typer.echo(f"paycore: {wrong.exceptions[0]}", err=True)
    raise typer.Exit(1)


def _concurrencies(given: str) -> list[int]:
    try:
        found = [int(part) for part in given.split(",")]
    except ValueError:
        raise typer.BadParameter("numbers, separated by commas") from None
    if not all(1 <= each <= MOST_AT_ONCE for each in found):
        raise typer.BadParameter(f"1 to {MOST_AT_ONCE} payers at once")
    return found


def _show(figures: "Figures") -> None:
    from rich.console import Console

    from paycore.bench import report

    console = Console()
    console.width = max(console.width, TABLE_LETTERS)
    console.print(*report.tables(figures))
    console.print(report.summary(figures), highlight=False, soft_wrap=True)

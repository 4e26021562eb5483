"""`paycore explore`: every order of events in which one payment can go, tried.

It says on standard error how far it is, prints a table, and ends with one line of
JSON. Exit code 1: an invariant was broken, or a state has no way to an end.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.drill import show

if TYPE_CHECKING:
    from rich.progress import Progress

    from paycore.prove.explore import Figures


def explore(
    depth: Annotated[
        int, typer.Option(min=1, max=40, help="How many actions deep.")
    ] = 12,
    minutes: Annotated[
        float, typer.Option(min=0.05, max=1440, help="Stop after so long.")
    ] = 10.0,
    processes: Annotated[
        int, typer.Option(min=0, max=64, help="How many work at it; 0: this one.")
    ] = 2,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Nothing but the line of JSON.")
    ] = False,
) -> None:
    """Try every order of events, and find what must not be reached."""
    from paycore.prove import explore as search

    def run(progress: "Progress") -> "Figures":
        task = progress.add_task("depth 0", total=None)

        def told(figures: "Figures", done: int, frontier: int) -> None:
            said = f"depth {figures.depth_reached}, {figures.states:,} states"
            progress.update(task, description=said, completed=done, total=frontier)

        return search.explore(depth, minutes, processes=processes, told=told)

    show(run, table=search.table, document=search.document, as_json=as_json)

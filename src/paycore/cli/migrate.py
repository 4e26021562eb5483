"""`paycore migrate`: the schema, brought up to date, by whoever deploys; and its
partitions, where nodes cannot make them.
"""

import os
from pathlib import Path
from typing import Annotated

import typer


def migrate(
    data: Annotated[
        Path,
        typer.Option(help="Folder of our own PostgreSQL.", envvar="PAYCORE_DATA_DIR"),
    ] = Path(".paycore"),
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only say what would be applied.")
    ] = False,
    alone: Annotated[
        bool,
        typer.Option(
            "--alone",
            help="No node runs: also give every month its partitions, however many rows"
            " lie in the default ones.",
        ),
    ] = False,
) -> None:
    """Bring the schema of DATABASE_URL up to date, else of our own PostgreSQL."""
    import asyncio

    from paycore.kernel import db, postgres

    if check and alone:
        raise typer.BadParameter("--check changes nothing, --alone does")
    chosen = postgres.choose(os.environ.get("DATABASE_URL"), data=data)
    left: list[str] = []
    try:
        names = asyncio.run((db.pending if check else db.migrate)(chosen.dsn))
        if alone:
            made, left = asyncio.run(_partitions(chosen.dsn))
            names += made
    finally:
        if chosen.cluster is not None:
            chosen.cluster.stop()
    for name in names:
        typer.echo(name)
    for line in left:
        typer.echo(line, err=True)
    if (check and names) or left:
        raise typer.Exit(1)


async def _partitions(dsn: str) -> tuple[list[str], list[str]]:
    """The partitions that were made, and those that were not, with the reason."""
    from paycore.kernel import db, partitions
    from paycore.kernel.clock import machine_now

    async with await db.pool(dsn, size=1) as pool:
        report = await partitions.ensure(pool, machine_now().date(), partitions.ALONE)
    made = [f"{one.month.partition}: {one.moved} rows moved" for one in report.made]
    return made, [f"{one.month.partition}: {one.why}" for one in report.left]

"""`paycore migrate`: the schema, brought up to date, by whoever deploys."""

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
) -> None:
    """Bring the schema of DATABASE_URL up to date, else of our own PostgreSQL."""
    import asyncio

    from paycore.kernel import db, postgres

    chosen = postgres.choose(os.environ.get("DATABASE_URL"), data=data)
    try:
        names = asyncio.run((db.pending if check else db.migrate)(chosen.dsn))
    finally:
        if chosen.cluster is not None:
            chosen.cluster.stop()
    for name in names:
        typer.echo(name)
    if check and names:
        raise typer.Exit(1)

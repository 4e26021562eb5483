"""`paycore cards`: the table of BINs that cards are told by."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import AsJson, Database, examples, group, run, say

if TYPE_CHECKING:
    from paycore.cards.rows import BinRow
    from paycore.cli.visit import Visit

app = group("Cards, and what tells whose they are.")
bins = group("The table of BINs.")
app.add_typer(bins, name="bins", help="The table of BINs.")


@app.callback()
def _cards() -> None:
    """Cards, and what tells whose they are."""


@bins.callback()
def _bins() -> None:
    """The table of BINs."""


@bins.command("load", epilog=examples("paycore cards bins load deploy/test-bins.csv"))
def load(
    file: Annotated[Path, typer.Argument(help="CSV: prefix,bank,kind a line.")],
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Load BINs over what is loaded; a file that is wrong somewhere changes nothing."""
    from paycore.cards.bins import read
    from paycore.kernel.errors import BadRequest

    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = read(lines)
    except OSError as error:
        raise BadRequest(f"The file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadRequest("The file is not UTF-8.") from error
    changed = run(database, lambda visit: _load(visit, rows))
    say(
        {"read": len(rows), "changed": changed},
        f"{len(rows)} BINs read, {changed} new or changed",
        as_json=as_json,
    )


async def _load(visit: "Visit", rows: "list[BinRow]") -> int:
    """Piece by piece, saying how far it is; what was done stays where it is stopped."""
    from paycore.cards.bins import AT_ONCE
    from paycore.cards.bins import load as load_some

    changed = 0
    for start in range(0, len(rows), AT_ONCE):
        changed += await load_some(visit.node, rows[start : start + AT_ONCE])
        if len(rows) > AT_ONCE:
            done = min(start + AT_ONCE, len(rows))
            typer.echo(f"{done} of {len(rows)}", err=True)
    return changed

"""`paycore lines`: business lines, for whom everything else is set up."""

from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import AsJson, Database, examples, group, run, say, show

if TYPE_CHECKING:
    from paycore.cli.visit import Visit
    from paycore.lines.rows import BizLineRow

app = group("Business lines.")

Name = Annotated[str, typer.Argument(help="The line's name: a-z 0-9 _ -.")]


@app.command(
    epilog=examples("paycore lines add shop --title 'Tea Shop' --currency CNY")
)
def add(
    line: Name,
    title: Annotated[str, typer.Option(help="The payee, as payers read it.")],
    currency: Annotated[list[str], typer.Option(help="ISO 4217; may be repeated.")],
    *,
    language: Annotated[str, typer.Option(help="Of the texts: zh or en.")] = "zh",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make a business line; `paycore apikeys add` makes its first key."""
    from paycore.lines import service as lines

    row = run(
        database,
        lambda visit: lines.create_line(
            visit.node, line, title=title, currencies=currency, language=language
        ),
    )
    say(_shown(row), f"{line} made", as_json=as_json)


@app.command("list")
def list_(*, database: Database = None, as_json: AsJson = False) -> None:
    """List the lines."""
    from paycore.lines import service as lines

    rows = run(database, lambda visit: lines.list_lines(visit.node))
    show("lines", [_shown(row) for row in rows], as_json=as_json)


@app.command(epilog=examples("paycore lines disable shop"))
def disable(line: Name, *, database: Database = None, as_json: AsJson = False) -> None:
    """Refuse all of a line's keys from now on; every node does within a second."""
    _switch(line, database, enabled=False, as_json=as_json)


@app.command()
def enable(line: Name, *, database: Database = None, as_json: AsJson = False) -> None:
    """Take a line's calls again."""
    _switch(line, database, enabled=True, as_json=as_json)


@app.command(epilog=examples("paycore lines convert shop"))
def convert(
    line: Name,
    *,
    always: Annotated[
        bool, typer.Option("--always/--never", help="As it is opened, or when it must.")
    ] = True,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Sell deduct as quick pay: convert a line's quick payments as they are opened."""
    from paycore.kernel.terms import BizLineId
    from paycore.lines import service as lines

    async def set_(visit: "Visit") -> None:
        await lines.convert_always(visit.node, BizLineId(line), always=always)

    run(database, set_)
    said = "always" if always else "only where no code can be sent"
    say(
        {"biz_line": line, "always_converted": always},
        f"{line}: quick payments are converted {said}",
        as_json=as_json,
    )


def _switch(line: str, database: str | None, *, enabled: bool, as_json: bool) -> None:
    from paycore.kernel.terms import BizLineId
    from paycore.lines import service as lines

    async def switch(visit: "Visit") -> None:
        await lines.switch_line(visit.node, BizLineId(line), enabled=enabled)

    run(database, switch)
    word = "enabled" if enabled else "disabled"
    say({"biz_line": line, "enabled": enabled}, f"{line} {word}", as_json=as_json)


def _shown(row: "BizLineRow") -> dict[str, object]:
    from paycore.lines import service as lines

    return {
        "biz_line": row.biz_line,
        "title": row.title,
        "language": row.language,
        "currencies": sorted(lines.currencies(row)),
        "enabled": row.enabled,
        "always_converted": row.always_converted,
    }

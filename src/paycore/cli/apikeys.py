"""`paycore apikeys`: API keys of business lines, and the lines that they are for."""

from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import AsJson, Database, examples, group, run, say, show

if TYPE_CHECKING:
    from paycore.cli.visit import Visit

app = group("API keys of business lines.")


@app.command(
    epilog=examples(
        "paycore apikeys add --line shop --label checkout",
        "paycore apikeys add --line shop --title 'Tea Shop' --currency CNY",
    )
)
def add(
    line: Annotated[str, typer.Option(help="The business line.")],
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    *,
    title: Annotated[
        str | None, typer.Option(help="Make the line under this title first.")
    ] = None,
    currency: Annotated[
        list[str] | None, typer.Option(help="The new line's; may be repeated.")
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown this once; what is kept is its hash."""
    from paycore.kernel.terms import BizLineId
    from paycore.lines import service as lines

    async def make(visit: "Visit") -> str:
        if title is None:
            await lines.load_line(visit.node, line)
        else:
            given = currency or ["CNY"]
            await lines.create_line(visit.node, line, title=title, currencies=given)
        return await lines.create_key(visit.node, BizLineId(line), label)

    key = run(database, make)
    key_id = key.split("_")[1]
    say({"biz_line": line, "key_id": key_id, "api_key": key}, key, as_json=as_json)


@app.command("list")
def list_(
    line: Annotated[str | None, typer.Option(help="Only this line's.")] = None,
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List the keys: whose they are, since when, and whether they still work."""
    from paycore.kernel.terms import BizLineId
    from paycore.lines import service as lines

    chosen = None if line is None else BizLineId(line)
    rows = run(database, lambda visit: lines.list_keys(visit.node, chosen))
    found = [
        {
            "key_id": row.key_id,
            "biz_line": row.biz_line,
            "label": row.label,
            "created_at": row.created_at,
            "disabled_at": row.disabled_at,
        }
        for row in rows
    ]
    show("keys", found, as_json=as_json)


@app.command()
def disable(
    key_id: Annotated[str, typer.Argument(help="The part between the underscores.")],
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a key from now on; every node does within about a second."""
    from paycore.lines import service as lines

    run(database, lambda visit: lines.disable_key(visit.node, key_id))
    say({"key_id": key_id, "disabled": True}, f"{key_id} disabled", as_json=as_json)

"""`paycore apikeys`: API keys of business lines, and the lines that they are for."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from paycore.kernel.node import Node

T = TypeVar("T")

Database = Annotated[
    str | None, typer.Option(help="Else DATABASE_URL.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON.")]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
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

    async def make(node: "Node") -> str:
        if title is not None:
            given = currency or ["CNY"]
            await lines.create_line(node, line, title=title, currencies=given)
        return await lines.create_key(node, BizLineId(line), label)

    key = _with_node(database, make)
    key_id = key.split("_")[1]
    _show({"biz_line": line, "key_id": key_id, "api_key": key}, key, as_json=as_json)


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
    rows = _with_node(database, lambda node: lines.list_keys(node, chosen))
    found = [
        {
            "key_id": row.key_id,
            "biz_line": row.biz_line,
            "label": row.label,
            "created_at": row.created_at.isoformat(),
            "disabled_at": row.disabled_at.isoformat() if row.disabled_at else None,
        }
        for row in rows
    ]
    text = "\n".join(
        f"{one['key_id']}  {one['biz_line']}  since {one['created_at']}"
        f"  {'disabled' if one['disabled_at'] else 'good'}  {one['label']}"
        for one in found
    )
    _show({"keys": found}, text or "There are no keys.", as_json=as_json)


@app.command()
def disable(
    key_id: Annotated[str, typer.Argument(help="The part between the underscores.")],
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a key from now on; every node does within about a second."""
    from paycore.lines import service as lines

    _with_node(database, lambda node: lines.disable_key(node, key_id))
    _show({"key_id": key_id, "disabled": True}, f"{key_id} disabled", as_json=as_json)


def _with_node(
    database: str | None, work: "Callable[[Node], Coroutine[object, object, T]]"
) -> T:
    """Run one piece of work on a node; a refusal is one line and status 2."""
    import asyncio

    from paycore.cli.visit import visiting
    from paycore.kernel.errors import Refusal

    async def visit() -> T:
        async with visiting(database) as node:
            return await work(node)

    try:
        return asyncio.run(visit())
    except Refusal as refusal:
        typer.echo(f"paycore: {refusal.en}", err=True)
        raise typer.Exit(2) from refusal


def _show(found: dict[str, object], text: str, *, as_json: bool) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(found).decode() if as_json else text)

"""`paycore endpoints`: where business lines want their notices, and their secrets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import (
    AsJson,
    Database,
    examples,
    group,
    run,
    say,
    secret_in,
    show,
)

if TYPE_CHECKING:
    from paycore.cli.visit import Visit
    from paycore.notify.rows import EndpointRow

app = group("End points of business lines, for notices.")

Id = Annotated[str, typer.Argument(help="The end point's id, ep_…")]
SecretFile = Annotated[
    Path | None,
    typer.Option(help='File with a whsec_ secret, "-" for standard input.'),
]


@app.command(
    epilog=examples(
        "paycore endpoints add --line shop --url https://shop.example.com/paid",
        "paycore endpoints add --line shop --url https://… --secret-file secret.txt",
    )
)
def add(
    line: Annotated[str, typer.Option(help="Whose notices go there.")],
    url: Annotated[str, typer.Option(help="https, and no private address.")],
    *,
    secret_file: SecretFile = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Send a line's notices there. A secret that was not given is shown this once."""
    from paycore.cli.visit import demand_keys
    from paycore.lines import service as lines
    from paycore.notify import service as notify

    demand_keys()
    given = None if secret_file is None else secret_in(secret_file)

    async def make(visit: "Visit") -> tuple[str, str]:
        row = await lines.load_line(visit.node, line)
        return await notify.add_endpoint(visit.node, row.biz_line, url, given)

    endpoint_id, secret = run(database, make)
    _say_secret(endpoint_id, None if given else secret, as_json=as_json)


@app.command("list")
def list_(
    line: Annotated[str | None, typer.Option(help="Only this line's.")] = None,
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List the end points, and why one is switched off."""
    from paycore.notify.rows import EndpointRow

    rows = run(database, lambda visit: visit.node.journal.every(EndpointRow))
    found = [_shown(row) for row in rows if line in (None, row.biz_line)]
    show("endpoints", found, as_json=as_json)


@app.command(epilog=examples("paycore endpoints rotate ep_… --secret-file -"))
def rotate(
    endpoint_id: Id,
    *,
    secret_file: SecretFile = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Sign with a new secret; the one before signs too until the next rotation."""
    from paycore.cli.visit import demand_keys
    from paycore.notify import service as notify

    demand_keys()
    given = None if secret_file is None else secret_in(secret_file)
    secret = run(
        database, lambda visit: notify.rotate_secret(visit.node, endpoint_id, given)
    )
    _say_secret(endpoint_id, None if given else secret, as_json=as_json)


@app.command(epilog=examples("paycore endpoints disable ep_…"))
def disable(
    endpoint_id: Id, *, database: Database = None, as_json: AsJson = False
) -> None:
    """Send nothing there from now on; what waits for it is parked."""
    from paycore.notify import upkeep

    run(database, lambda visit: upkeep.disable_endpoint(visit.node, endpoint_id))
    _say_switched(endpoint_id, enabled=False, as_json=as_json)


@app.command()
def enable(
    endpoint_id: Id, *, database: Database = None, as_json: AsJson = False
) -> None:
    """Send there again, also after it answered 410; parked notices can be replayed."""
    from paycore.cli.visit import demand_keys
    from paycore.notify import service as notify

    demand_keys()
    run(database, lambda visit: notify.enable_endpoint(visit.node, endpoint_id))
    _say_switched(endpoint_id, enabled=True, as_json=as_json)


def _say_switched(endpoint_id: str, *, enabled: bool, as_json: bool) -> None:
    document = {"endpoint_id": endpoint_id, "enabled": enabled}
    word = "enabled" if enabled else "disabled"
    say(document, f"{endpoint_id} {word}", as_json=as_json)


def _say_secret(endpoint_id: str, secret: str | None, *, as_json: bool) -> None:
    """The id, and the secret where nobody knows it yet."""
    document: dict[str, object] = {"endpoint_id": endpoint_id}
    if secret is not None:
        document["secret"] = secret
    say(document, "\n".join(filter(None, (endpoint_id, secret))), as_json=as_json)


def _shown(row: "EndpointRow") -> dict[str, object]:
    return {
        "endpoint_id": row.endpoint_id,
        "biz_line": row.biz_line,
        "url": row.url,
        "enabled": row.enabled,
        "disabled_reason": row.disabled_reason,
    }

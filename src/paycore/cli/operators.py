"""`paycore operators`: who works at the exception desk over the API, and as what."""

from typing import Annotated

import typer

from paycore.cli.command import AsJson, Database, examples, group, run, say, show

app = group("Operators of the exception desk, and their tokens (docs/desk.md).")

Name = Annotated[str, typer.Argument(help="It is kept with all that they do.")]


@app.command(epilog=examples("paycore operators add anna --role operator"))
def add(
    name: Name,
    role: Annotated[str, typer.Option(help="viewer, operator or approver.")],
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make an operator. The token is shown this once; what is kept is its hash."""
    from paycore.kernel.errors import BadRequest
    from paycore.operators import service as operators
    from paycore.operators.roles import Role

    if role not in list(Role):
        raise BadRequest(f"A role is one of {', '.join(Role)}.")
    token = run(database, lambda visit: operators.add(visit.node, name, Role(role)))
    say({"name": name, "role": role, "token": token}, token, as_json=as_json)


@app.command("list")
def list_(*, database: Database = None, as_json: AsJson = False) -> None:
    """List the operators that there are and were: since when, and until when."""
    from paycore.operators import service as operators

    rows = run(database, lambda visit: operators.every(visit.node))
    found = [
        {
            "name": row.name,
            "role": row.role,
            "operator_id": row.operator_id,
            "created_at": row.created_at,
            "revoked_at": row.revoked_at,
        }
        for row in rows
    ]
    show("operators", found, as_json=as_json)


@app.command()
def revoke(name: Name, *, database: Database = None, as_json: AsJson = False) -> None:
    """Refuse an operator's token from now on; the name may then be added anew."""
    from paycore.operators import service as operators

    run(database, lambda visit: operators.revoke(visit.node, name))
    say({"name": name, "revoked": True}, f"{name} revoked", as_json=as_json)

"""`paycore operators`: who works at the desk and in the console, as what, and what they
did.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import (
    AsJson,
    Database,
    Limit,
    examples,
    group,
    run,
    say,
    show,
)

if TYPE_CHECKING:
    from paycore.cli.visit import Visit
    from paycore.kernel.config import Settings
    from paycore.operators.roles import Role

app = group("Operators, their log-ins and tokens, and their log (docs/operators.md).")

Name = Annotated[str, typer.Argument(help="It is kept with all that they do.")]
OfRole = Annotated[str, typer.Option(help="viewer, operator, approver or admin.")]


@app.command(epilog=examples("paycore operators invite anna --role admin"))
def invite(
    name: Name,
    role: OfRole = "admin",
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make an operator who logs in, or invite one anew. The invitation is shown this
    once, and is good once and for a day.
    """
    from paycore.operators import logins
    from paycore.operators.logins import Invitation

    wanted = _role(role)

    async def work(visit: "Visit") -> tuple[Invitation, str]:
        made = await logins.invite(visit.node, name, wanted)
        return made, _console(visit.node.settings)

    made, page = run(database, work)
    document = {
        "name": name,
        "role": wanted,
        "invitation": made.clear,
        "expires_at": made.expires_at,
        "open": page,
    }
    text = f"{made.clear}\nto be entered at {page} before {made.expires_at:%F %T}Z"
    say(document, text, as_json=as_json)


@app.command(epilog=examples("paycore operators add anna --role operator"))
def add(
    name: Name,
    role: OfRole,
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make an operator with a token, for programs. It is shown this once; what is kept
    is its hash.
    """
    from paycore.operators import service as operators

    wanted = _role(role)
    token = run(database, lambda visit: operators.add(visit.node, name, wanted))
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
    """Refuse an operator's token and sessions from now on; the name is free again."""
    from paycore.operators import service as operators

    run(database, lambda visit: operators.revoke(visit.node, name))
    say({"name": name, "revoked": True}, f"{name} revoked", as_json=as_json)


@app.command(epilog=examples("paycore operators audit --limit 20"))
def audit(
    *,
    limit: Limit = 20,
    head: Annotated[
        str | None,
        typer.Option(help="A last hash of earlier, which must still be in the log."),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Hash the whole log of operators anew, and show its newest entries; status 1
    where it is not whole. Keep the last hash elsewhere: by it you can tell later that
    nothing was cut off.
    """
    from paycore.operators import queries, verification
    from paycore.operators.queries import Entry, Wanted
    from paycore.operators.verification import Verified

    async def work(visit: "Visit") -> tuple[Verified, list[Entry]]:
        said = await verification.verify(visit.node, visit.pool, kept=head)
        newest = await queries.entries(visit.pool, Wanted(), before=None, limit=limit)
        return said, newest

    said, newest = run(database, work)
    found = [
        {
            "seq": one.seq,
            "at": one.at,
            "operator": one.operator,
            "role": one.role,
            "act": one.act,
            "subject": one.subject,
            "why": one.why,
            "detail": one.detail,
        }
        for one in newest
    ]
    whole = {
        "entries": said.entries,
        "intact": said.intact,
        "broken_at": said.broken_at,
        "head": said.head,
    }
    if as_json:
        say({**whole, "newest": found}, "", as_json=True)
    else:
        show("newest", found, as_json=False)
        typer.echo(
            f"{said.entries:,} entries, whole; the last hash is {said.head}"
            if said.intact
            else f"NOT WHOLE from entry {said.broken_at} on"
        )
    if not said.intact:
        raise typer.Exit(1)


def _role(role: str) -> "Role":
    from paycore.kernel.errors import BadRequest
    from paycore.operators.roles import Role

    if role not in list(Role):
        raise BadRequest(f"A role is one of {', '.join(Role)}.")
    return Role(role)


def _console(settings: "Settings") -> str:
    """Where the console is, as far as the environment says."""
    base = settings.public_url or f"http://{settings.host}:{settings.port}"
    return f"{base.rstrip('/')}/console/"

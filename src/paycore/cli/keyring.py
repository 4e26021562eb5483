"""`paycore keyring`: which keys seal what is sealed, and how an old one is let go.

Rotation: put a new key in front of the old one on every node and start them again, then
`paycore keyring rotate`, then take the old one away where `list` no longer counts it.
"""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import AsJson, Database, examples, group, run, say, show

if TYPE_CHECKING:
    from paycore.cli.sealed import Use
    from paycore.cli.visit import Visit

app = group("The keys that sealed values are under, and their rotation.")

PASSES = 3
"""What changes while it is being re-sealed is found by the next pass."""


@app.command(
    epilog=examples('PAYCORE_KEY_RING="$(paycore keyring new k2),$PAYCORE_KEY_RING"')
)
def new(
    key_id: Annotated[str, typer.Argument(help="Its id: a-z 0-9 _ -, not used yet.")],
) -> None:
    """Make a key, as it stands in PAYCORE_KEY_RING; put it before the others."""
    from paycore.kernel.config_keys import fresh_keys
    from paycore.kernel.errors import BadRequest

    if not re.fullmatch(r"[a-z0-9_-]{1,32}", key_id):
        raise BadRequest("A key's id is 1-32 of a-z 0-9 _ -.")
    _, _, key = fresh_keys()["key_ring"].partition(":")
    typer.echo(f"{key_id}:{key}")


@app.command("list")
def list_(*, database: Database = None, as_json: AsJson = False) -> None:
    """List the key ids: how many values each seals, and whether the ring has it."""
    from paycore.cli import sealed
    from paycore.cli.visit import demand_keys

    demand_keys()

    async def work(visit: "Visit") -> list[dict[str, object]]:
        return _by_key(visit, await sealed.uses(visit))

    show("keys", run(database, work), as_json=as_json)


@app.command(
    epilog=examples(
        "PAYCORE_KEY_RING=k2:…,k1:… paycore keyring rotate",
    )
)
def rotate(*, database: Database = None, as_json: AsJson = False) -> None:
    """Seal everything with the active key, which is the first one of the ring.

    May run while payments do, may be stopped at any time, and goes on where it was.
    """
    from paycore.cli.visit import demand_keys

    demand_keys()
    done, active, left = run(database, _rotate)
    document = {"active": active, "resealed": done, "left": left}
    say(document, _sentence(done, active, left), as_json=as_json)
    if left:
        raise typer.Exit(1)


async def _rotate(visit: "Visit") -> tuple[int, str, dict[str, int]]:
    """Pass after pass until nothing is left; how many, and what is left by key."""
    from rich.console import Console
    from rich.progress import Progress

    from paycore.cli import sealed

    active = visit.node.key_ring.active
    done = 0
    left = _left(await sealed.uses(visit), active)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("sealing with " + active, total=sum(left.values()))
        for _ in range(PASSES):
            if not left:
                break
            async for count in sealed.reseal(visit):
                done += count
                progress.update(task, completed=done)
            left = _left(await sealed.uses(visit), active)
    return done, active, left


def _left(found: "list[Use]", active: str) -> dict[str, int]:
    left: dict[str, int] = {}
    for use in found:
        if use.key_id != active:
            left[use.key_id] = left.get(use.key_id, 0) + use.sealed
    return left


def _sentence(done: int, active: str, left: dict[str, int]) -> str:
    if left:
        still = ", ".join(f"{key}: {count}" for key, count in sorted(left.items()))
        return (
            f"{done} sealed with {active}; still under others: {still}. "
            "Some node still seals with an old key: start it with the new ring, "
            "then rotate again."
        )
    return (
        f"{done} sealed with {active}; no other key seals anything. Once every node "
        f"runs with {active} in front, drop the others from the ring. Keep them with "
        "the backups that were made until now."
    )


def _by_key(visit: "Visit", found: "list[Use]") -> list[dict[str, object]]:
    """One row a key, those of the ring first, in the ring's order."""
    ring = list(visit.node.settings.ring_keys)
    used = dict.fromkeys([*ring, *sorted({use.key_id for use in found})])
    kinds = ("cards", "agreements", "accounts", "carriers", "endpoints")
    rows: list[dict[str, object]] = []
    for key_id in used:
        counts = {
            kind: sum(
                use.sealed for use in found if use.key_id == key_id and use.kind == kind
            )
            for kind in kinds
        }
        rows.append(
            {
                "key_id": key_id,
                "state": _state(ring, key_id, sum(counts.values())),
                **counts,
            }
        )
    return rows


def _state(ring: list[str], key_id: str, used: int) -> str:
    if key_id not in ring:
        return "MISSING: the ring has it not"
    if key_id == ring[0]:
        return "active"
    return "opens only" if used else "may be dropped"

"""`paycore coupons`: issue them, and see what became of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import (
    AsJson,
    Database,
    Limit,
    examples,
    group,
    moment,
    run,
    say,
    show,
)

if TYPE_CHECKING:
    from paycore.cli.visit import Visit
    from paycore.kernel.terms import CouponNo

app = group("Coupons of business lines.")

_HIDDEN = ("owed_at", "acknowledged_at", "next_check_at")
"""In a list of holds, where their age says as much."""


@app.command(
    epilog=examples(
        "paycore coupons issue --line shop --count 100 --amount 500 --currency CNY",
        "paycore coupons issue --line shop --amount 500 --currency CNY "
        "--valid-until 2027-01-01 --out coupons.txt",
    )
)
def issue(
    line: Annotated[str, typer.Option(help="Whose customers may use them.")],
    amount: Annotated[int, typer.Option(min=1, help="Of each, in minor units.")],
    currency: Annotated[str, typer.Option(help="ISO 4217.")],
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 1,
    *,
    valid_until: Annotated[
        str | None, typer.Option(help="A date or RFC 3339; without it for ever.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the numbers there, one a line.")
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make coupons with numbers that nobody can guess."""
    from paycore.coupon import service as coupon
    from paycore.lines import service as lines

    until = moment(valid_until)

    async def make(visit: "Visit") -> "list[CouponNo]":
        row = await lines.load_line(visit.node, line)
        return await coupon.issue(
            visit.node,
            row.biz_line,
            count=count,
            amount=amount,
            currency=currency,
            valid_until=until,
        )

    numbers = run(database, make)
    if out is not None:
        out.write_text("".join(f"{one}\n" for one in numbers), encoding="utf-8")
    text = f"{len(numbers)} written to {out}" if out else "\n".join(numbers)
    say({"biz_line": line, "coupons": numbers}, text, as_json=as_json)


@app.command("list", epilog=examples("paycore coupons list --line shop --status USED"))
def list_(
    line: Annotated[str | None, typer.Option(help="Only this line's.")] = None,
    status: Annotated[
        str | None, typer.Option(help="AVAILABLE, LOCKED or USED.")
    ] = None,
    *,
    limit: Limit = 100,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List coupons: what they are worth, and which order has them."""
    import msgspec

    from paycore.coupon import queries
    from paycore.coupon.rows import CouponStatus
    from paycore.kernel.errors import BadRequest

    if status is not None and status not in list(CouponStatus):
        raise BadRequest("A coupon is AVAILABLE, LOCKED or USED.")
    rows = run(
        database,
        lambda visit: queries.coupons(
            visit.pool, biz_line=line, status=status, limit=limit
        ),
    )
    show("coupons", [msgspec.structs.asdict(row) for row in rows], as_json=as_json)


@app.command(
    epilog=examples(
        "paycore coupons holds --open",
        "paycore coupons holds --line shop --json",
    )
)
def holds(
    line: Annotated[str | None, typer.Option(help="Only this line's.")] = None,
    *,
    open_only: Annotated[
        bool,
        typer.Option("--open", help="Only what your system has not acknowledged."),
    ] = False,
    limit: Limit = 100,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List what orders have of coupons in a system of your own, and what is owed to it:
    for how long, and what came of the last try.
    """
    import msgspec

    from paycore.coupon import queries

    find = queries.owed if open_only else queries.holds
    rows = run(
        database,
        lambda visit: find(
            visit.pool, biz_line=line, now=visit.node.now(), limit=limit
        ),
    )
    show(
        "holds",
        [msgspec.structs.asdict(row) for row in rows],
        as_json=as_json,
        hide=_HIDDEN,
    )

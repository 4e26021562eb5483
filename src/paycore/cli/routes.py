"""`paycore routes`: where payments can be led: types, rules, and who may use what."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import (
    AsJson,
    Database,
    examples,
    group,
    object_in,
    print_table,
    run,
    say,
    show,
)
from paycore.cli.route import try_out

if TYPE_CHECKING:
    from paycore.cli.visit import Visit
    from paycore.router.rows import LineAccountRow, RuleRow, TransTypeRow

app = group("Transaction types, rules, and which line may use which account.")
types = group("Transaction types of accounts: what a route leads to.")
rules = group("Rules over all routes: drop or prefer where a condition holds.")
app.add_typer(types, name="types")
app.add_typer(rules, name="rules")
app.command(
    "try",
    epilog=examples(
        "paycore routes try --line shop --amount 1250 --currency CNY --card card_…"
    ),
)(try_out)

LineName = Annotated[str, typer.Argument(help="The business line.")]
ChannelName = Annotated[str, typer.Argument(help="The channel.")]
AccountName = Annotated[str, typer.Option(help="Our account there.")]
TypeName = Annotated[str, typer.Argument(help="The type's name, such as bank.deduct.")]
RuleName = Annotated[str, typer.Argument(help="The rule's name.")]
Condition = Annotated[
    str | None,
    typer.Option(help="CEL over the question, such as 'amount > 100000'."),
]


@app.command("list")
def list_(*, database: Database = None, as_json: AsJson = False) -> None:
    """List types, rules, and who may use which account."""
    from paycore.router import service as router

    tables = run(database, lambda visit: router.tables(visit.node))
    found = {
        "types": [_type(row) for row in tables.types],
        "rules": [_rule(row) for row in tables.rules],
        "lines": [_allowed(row) for row in tables.allowed],
    }
    if as_json:
        say(found, "", as_json=True)
        return
    for name, rows in found.items():
        print_table(name, rows)


@app.command(epilog=examples("paycore routes allow shop quick_a"))
def allow(
    line: LineName,
    channel: ChannelName,
    *,
    account: AccountName = "main",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Let a line use an account."""
    from paycore.lines import service as lines
    from paycore.router import service as router

    async def work(visit: "Visit") -> None:
        row = await lines.load_line(visit.node, line)
        await _refuse_unknown(visit, channel, account)
        await router.allow(visit.node, row.biz_line, channel, account)

    run(database, work)
    document = {"biz_line": line, "channel": channel, "account": account}
    say(document, f"{line} may use {channel}/{account}", as_json=as_json)


@app.command(epilog=examples("paycore routes withdraw shop quick_a"))
def withdraw(
    line: LineName,
    channel: ChannelName,
    *,
    account: AccountName = "main",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Let a line use an account no more; what was begun there goes on."""
    from paycore.kernel.terms import BizLineId
    from paycore.router import service as router

    run(
        database,
        lambda visit: router.withdraw(visit.node, BizLineId(line), channel, account),
    )
    document = {"biz_line": line, "channel": channel, "account": account}
    say(document, f"{line} may not use {channel}/{account}", as_json=as_json)


async def _refuse_unknown(visit: "Visit", channel: str, account: str) -> None:
    """Nothing is set up for an account that is not there."""
    from paycore.gateway.rows import AccountRow
    from paycore.kernel.errors import DataNotExist

    if await visit.node.journal.load(AccountRow, channel, account) is None:
        raise DataNotExist(
            f"There is no account {channel}/{account}: `paycore channels add` makes it."
        )


# --- transaction types ----------------------------------------------------------------


@types.command(
    "add",
    epilog=examples(
        "paycore routes types add quick_a.send --channel quick_a "
        "--kind QUICK_PAY_SEND_MSG --currency CNY",
        "paycore routes types add bank.deduct --file bank_deduct.json",
    ),
)
def add_type(
    name: TypeName,
    *,
    channel: Annotated[str | None, typer.Option(help="The channel.")] = None,
    account: AccountName = "main",
    kind: Annotated[
        str | None,
        typer.Option(
            help="QUICK_PAY_SEND_MSG, QUICK_PAY_CONFIRM, SMS_VERIFY, DEDUCT, REFUND."
        ),
    ] = None,
    currency: Annotated[
        list[str] | None, typer.Option(help="ISO 4217; may be repeated.")
    ] = None,
    bank: Annotated[
        list[str] | None, typer.Option(help="Only these banks; may be repeated.")
    ] = None,
    priority: Annotated[int, typer.Option(help="Lower comes first.")] = 100,
    weight: Annotated[int, typer.Option(help="Share among equals.")] = 1,
    single_min: Annotated[int, typer.Option(help="Least amount, minor units.")] = 1,
    single_max: Annotated[int | None, typer.Option(help="Most at once.")] = None,
    daily_limit: Annotated[int | None, typer.Option(help="Most a day (UTC).")] = None,
    condition: Condition = None,
    file: Annotated[
        Path | None,
        typer.Option(help='JSON of the row instead, also maintenance windows; "-".'),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Offer a transaction type of an account, or replace it."""
    given: dict[str, object] = {
        "channel": channel,
        "account": account,
        "trans_type": kind,
        "currencies": currency or [],
        "banks": bank or None,
        "priority": priority,
        "weight": weight,
        "single_min": single_min,
        "single_max": single_max,
        "daily_limit": daily_limit,
        "condition": condition,
    }
    _save_type(name, given if file is None else object_in(file), database)
    say({"inst_trans_id": name, "saved": True}, f"{name} saved", as_json=as_json)


def _save_type(name: str, given: dict[str, object], database: str | None) -> None:
    from paycore.router import service as router
    from paycore.router.rows import TransTypeRow

    async def work(visit: "Visit") -> None:
        standing = await visit.node.journal.load(TransTypeRow, name)
        kept = {} if standing is None else {"enabled": standing.enabled}
        version = 1 if standing is None else standing.version
        row = _type_of(name, {**kept, **given}, version=version)
        await _refuse_unknown(visit, row.channel, row.account)
        await router.save_trans_type(visit.node, row)

    run(database, work)


def _type_of(name: str, given: dict[str, object], *, version: int) -> "TransTypeRow":
    """The row; its lists are kept as JSON."""
    import msgspec

    from paycore.kernel.errors import BadRequest
    from paycore.router.rows import TransTypeRow

    lists = {
        key: msgspec.json.encode(given[key]).decode()
        for key in ("currencies", "banks", "maintenance")
        if given.get(key) is not None
    }
    if unknown := given.keys() - set(TransTypeRow.__struct_fields__):
        raise BadRequest(f"A transaction type has no {', '.join(sorted(unknown))}.")
    values = {**given, **lists, "inst_trans_id": name, "version": version}
    try:
        return msgspec.convert(values, TransTypeRow)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The transaction type is not complete: {error}.") from None


@types.command("list")
def list_types(*, database: Database = None, as_json: AsJson = False) -> None:
    """List the transaction types."""
    from paycore.router import service as router

    tables = run(database, lambda visit: router.tables(visit.node))
    show("types", [_type(row) for row in tables.types], as_json=as_json)


@types.command("disable")
def disable_type(
    name: TypeName, *, database: Database = None, as_json: AsJson = False
) -> None:
    """Offer a transaction type no more, within a second."""
    _switch_type(name, database, enabled=False, as_json=as_json)


@types.command("enable")
def enable_type(
    name: TypeName, *, database: Database = None, as_json: AsJson = False
) -> None:
    """Offer a transaction type again."""
    _switch_type(name, database, enabled=True, as_json=as_json)


def _switch_type(
    name: str, database: str | None, *, enabled: bool, as_json: bool
) -> None:
    from paycore.router import service as router

    run(
        database,
        lambda visit: router.switch_trans_type(visit.node, name, enabled=enabled),
    )
    word = "enabled" if enabled else "disabled"
    document = {"inst_trans_id": name, "enabled": enabled}
    say(document, f"{name} {word}", as_json=as_json)


# --- rules ----------------------------------------------------------------------------


@rules.command(
    "add",
    epilog=examples(
        "paycore routes rules add big --title 'large amounts go elsewhere' "
        "--condition 'amount > 100000' --effect DROP --channel quick_a"
    ),
)
def add_rule(
    name: RuleName,
    title: Annotated[str, typer.Option(help="What it is for.")],
    condition: Annotated[str, typer.Option(help="CEL, such as 'amount > 100000'.")],
    effect: Annotated[str, typer.Option(help="DROP or PREFER.")],
    channel: Annotated[str, typer.Option(help="Which channel.")],
    *,
    account: Annotated[
        str | None, typer.Option(help="Which account; without it every one.")
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Drop or prefer routes where a condition holds, or replace the rule."""
    from paycore.router import service as router
    from paycore.router.rows import RuleRow

    async def work(visit: "Visit") -> None:
        standing = await visit.node.journal.load(RuleRow, name)
        row = RuleRow(
            rule_id=name,
            version=standing.version if standing else 1,
            title=title,
            condition=condition,
            effect=effect,
            channel=channel,
            account=account,
            enabled=standing is None or standing.enabled,
        )
        await router.save_rule(visit.node, row)

    run(database, work)
    say({"rule_id": name, "saved": True}, f"{name} saved", as_json=as_json)


@rules.command("list")
def list_rules(*, database: Database = None, as_json: AsJson = False) -> None:
    """List the rules."""
    from paycore.router import service as router

    tables = run(database, lambda visit: router.tables(visit.node))
    show("rules", [_rule(row) for row in tables.rules], as_json=as_json)


@rules.command("disable")
def disable_rule(
    name: RuleName, *, database: Database = None, as_json: AsJson = False
) -> None:
    """Ask a rule no more, within a second."""
    _switch_rule(name, database, enabled=False, as_json=as_json)


@rules.command("enable")
def enable_rule(
    name: RuleName, *, database: Database = None, as_json: AsJson = False
) -> None:
    """Ask a rule again."""
    _switch_rule(name, database, enabled=True, as_json=as_json)


def _switch_rule(
    name: str, database: str | None, *, enabled: bool, as_json: bool
) -> None:
    from paycore.router import service as router

    run(database, lambda visit: router.switch_rule(visit.node, name, enabled=enabled))
    word = "enabled" if enabled else "disabled"
    say({"rule_id": name, "enabled": enabled}, f"{name} {word}", as_json=as_json)


# --- shown ----------------------------------------------------------------------------


def _type(row: "TransTypeRow") -> dict[str, object]:
    import msgspec

    found = msgspec.structs.asdict(row)
    del found["version"]
    for name in ("currencies", "banks", "maintenance"):
        if found[name] is not None:
            found[name] = msgspec.json.decode(found[name])
    return found


def _rule(row: "RuleRow") -> dict[str, object]:
    import msgspec

    found = msgspec.structs.asdict(row)
    del found["version"]
    return found


def _allowed(row: "LineAccountRow") -> dict[str, object]:
    return {
        "biz_line": row.biz_line,
        "channel": row.channel,
        "account": row.account,
        "allowed": row.enabled,
    }

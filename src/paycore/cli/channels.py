"""`paycore channels`: accounts at channels, and the carriers that text for us."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import (
    AsJson,
    Database,
    examples,
    group,
    object_in,
    run,
    say,
    show,
)
from paycore.cli.sm2_file import unlock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import msgspec

    from paycore.cli.visit import Visit
    from paycore.gateway.checking import Checked

app = group("Accounts at channels, and carriers.")
carriers = group("Carriers that text for the SMS centre.")
app.add_typer(carriers, name="carriers")
app.command(epilog=examples("paycore channels unlock merchant.sm2"))(unlock)

Credentials = Annotated[
    Path | None,
    typer.Option(help='JSON file of the driver\'s fields, "-" for standard input.'),
]
NewerCredentials = Annotated[
    Path, typer.Option(help='JSON file of the newer ones, "-" for standard input.')
]
ChannelName = Annotated[str, typer.Argument(help="The channel's name.")]
AccountName = Annotated[str, typer.Option(help="Our account there.")]
CarrierName = Annotated[str, typer.Argument(help="The carrier's name.")]
Driver = Annotated[
    str, typer.Option(help="The file that speaks to it: `paycore channels drivers`.")
]
BaseUrl = Annotated[str, typer.Option(help="Where it is.")]


@app.command()
def drivers(*, as_json: AsJson = False) -> None:
    """List the channel and carrier files, and the credentials that each needs."""
    from paycore.gateway.registry import Registry
    from paycore.sms import registry

    known = Registry()
    found = [known.find(code) for code in known.codes()]
    rows = [
        ("channel", one.code, one.title, one.Config) for one in found if one is not None
    ]
    rows += [
        ("carrier", one.code, one.title, one.Config)
        for one in registry.drivers().values()
    ]
    show(
        "drivers",
        [
            {"kind": kind, "driver": code, "title": title, "credentials": _fields(form)}
            for kind, code, title, form in rows
        ],
        as_json=as_json,
    )


@app.command(
    epilog=examples(
        "paycore channels add quick_a --driver sandbox --base-url https://… "
        "--credentials quick_a.json",
        "paycore channels add sms_centre --driver sms_centre",
    )
)
def add(
    channel: ChannelName,
    driver: Driver,
    *,
    account: AccountName = "main",
    base_url: BaseUrl = "",
    credentials: Credentials = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Open an account at a channel, or replace it; what would not open is refused.

    One that is switched off stays so.
    """
    from paycore.cli.visit import demand_keys
    from paycore.gateway import service as gateway

    demand_keys()
    given = {} if credentials is None else object_in(credentials)

    async def save(visit: "Visit") -> bool:
        return await gateway.save_account(
            visit.node,
            channel=channel,
            account=account,
            driver=driver,
            base_url=base_url,
            credentials=given,
            enabled=None,
        )

    enabled = run(database, save)
    _say_switched(channel, account, "saved", enabled=enabled, as_json=as_json)


@app.command("list")
def list_(*, database: Database = None, as_json: AsJson = False) -> None:
    """List the accounts; their credentials are never shown."""
    from paycore.gateway.rows import AccountRow

    rows = run(database, lambda visit: visit.node.journal.every(AccountRow))
    found = [
        {
            "channel": row.channel,
            "account": row.account,
            "driver": row.driver,
            "base_url": row.base_url,
            "enabled": row.enabled,
        }
        for row in rows
    ]
    show("accounts", found, as_json=as_json)


@app.command(epilog=examples("paycore channels disable quick_a"))
def disable(
    channel: ChannelName,
    *,
    account: AccountName = "main",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Switch an account off: within a second no payment begins there.

    What was begun there is confirmed, asked after and finished there.
    """
    _switch(channel, account, database, enabled=False, as_json=as_json)


@app.command(epilog=examples("paycore channels enable quick_a"))
def enable(
    channel: ChannelName,
    *,
    account: AccountName = "main",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Let payments begin there again."""
    _switch(channel, account, database, enabled=True, as_json=as_json)


def _switch(
    channel: str, account: str, database: str | None, *, enabled: bool, as_json: bool
) -> None:
    from paycore.gateway import accounts

    async def switch(visit: "Visit") -> None:
        await accounts.switch(visit.node, channel, account, enabled=enabled)

    run(database, switch)
    word = "enabled" if enabled else "disabled"
    _say_switched(channel, account, word, enabled=enabled, as_json=as_json)


def _say_switched(
    channel: str, account: str, word: str, *, enabled: bool, as_json: bool
) -> None:
    document = {"channel": channel, "account": account, "enabled": enabled}
    say(document, f"{channel}/{account} {word}", as_json=as_json)


@app.command(
    epilog=examples("paycore channels rotate quick_a --credentials newer.json")
)
def rotate(
    channel: ChannelName,
    credentials: NewerCredentials,
    *,
    account: AccountName = "main",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Sign by newer credentials, and believe the former ones too, until `retire`.

    Both are live: first make the newer known at the channel, then `rotate`, then have
    the channel forget the former, then `retire`.
    """
    from paycore.cli.visit import demand_keys
    from paycore.gateway import service as gateway
    from paycore.gateway.rows import AccountRow
    from paycore.kernel.errors import DataNotExist

    demand_keys()
    given = object_in(credentials)

    async def save(visit: "Visit") -> None:
        standing = await visit.node.journal.load(AccountRow, channel, account)
        if standing is None:
            raise DataNotExist("There is no such account.", "渠道账户不存在")
        await gateway.save_account(
            visit.node,
            channel=channel,
            account=account,
            driver=standing.driver,
            base_url=standing.base_url,
            credentials=given,
            enabled=None,
            rotate=True,
            version=standing.version,
        )

    run(database, save)
    named = {"channel": channel, "account": account}
    _say_former(named, former=True, as_json=as_json)


@app.command(epilog=examples("paycore channels retire quick_a"))
def retire(
    channel: ChannelName,
    *,
    account: AccountName = "main",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Believe the newest credentials only: what `rotate` kept is forgotten."""
    from paycore.gateway import accounts

    run(database, lambda visit: accounts.retire(visit.node, channel, account))
    named = {"channel": channel, "account": account}
    _say_former(named, former=False, as_json=as_json)


@app.command(epilog=examples("paycore channels check quick_a"))
def check(
    channel: ChannelName,
    *,
    account: AccountName = "main",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Try an account by the cheapest call that moves nothing, and explain the answer.

    The channel is asked after a number that nobody has. Exit status 1 where it fails.
    """
    from paycore.gateway import checking

    async def look(visit: "Visit") -> "Checked":
        return await checking.account(visit.node, channel, account)

    _check(f"{channel}/{account}", database, look, as_json=as_json)


def _say_former(named: dict[str, str], *, former: bool, as_json: bool) -> None:
    """Say whose credentials are two sets from now on, or one."""
    said = "has one set of credentials"
    if former:
        said = "signs by the newer credentials, and believes both"
    say(
        {**named, "former": former},
        f"{'/'.join(named.values())} {said}",
        as_json=as_json,
    )


def _check(
    name: str,
    database: str | None,
    look: "Callable[[Visit], Coroutine[object, object, Checked]]",
    *,
    as_json: bool,
) -> None:
    """Try an account or a carrier, and say how it went."""
    from dataclasses import asdict

    from paycore.cli.visit import demand_keys

    demand_keys()
    checked = run(database, look)
    heard = " ".join(filter(None, (checked.resp_code, checked.resp_msg)))
    heard = f" ({heard})" if heard else ""
    state = "good" if checked.good else "WRONG"
    text = f"{name}: {state}{heard}, {checked.elapsed_ms} ms: {checked.explanation}"
    say({"name": name, **asdict(checked)}, text, as_json=as_json)
    if not checked.good:
        raise typer.Exit(1)


# --- carriers -------------------------------------------------------------------------


@carriers.command(
    "add",
    epilog=examples(
        "paycore channels carriers add a --driver sandbox --base-url https://… "
        "--credentials carrier_a.json --priority 1"
    ),
)
def add_carrier(
    carrier: CarrierName,
    driver: Driver,
    base_url: BaseUrl,
    *,
    credentials: Credentials = None,
    priority: Annotated[int, typer.Option(help="Lower is tried first.")] = 100,
    price: Annotated[
        int | None,
        typer.Option(min=0, help="Of one text, in millionths; else sms_price."),
    ] = None,
    spend_per_day: Annotated[
        int | None,
        typer.Option(min=0, help="At most, in millionths; else sms_spend_per_day."),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Text by a carrier, or replace it; what would not open is refused.

    One that is switched off stays so.
    """
    from paycore.cli.visit import demand_keys
    from paycore.sms import registry

    demand_keys()
    given = {} if credentials is None else object_in(credentials)

    async def save(visit: "Visit") -> bool:
        return await registry.save(
            visit.node,
            carrier=carrier,
            driver=driver,
            base_url=base_url,
            credentials=given,
            priority=priority,
            enabled=None,
            price=price,
            spend_per_day=spend_per_day,
        )

    enabled = run(database, save)
    say({"carrier": carrier, "enabled": enabled}, f"{carrier} saved", as_json=as_json)


@carriers.command("list")
def list_carriers(*, database: Database = None, as_json: AsJson = False) -> None:
    """List the carriers in the order in which they are tried."""
    from paycore.sms.rows import CarrierRow

    rows = run(database, lambda visit: visit.node.journal.every(CarrierRow))
    found = [
        {
            "carrier": row.carrier,
            "driver": row.driver,
            "base_url": row.base_url,
            "priority": row.priority,
            "enabled": row.enabled,
            "price": row.price,
            "spend_per_day": row.spend_per_day,
        }
        for row in sorted(rows, key=lambda row: (row.priority, row.carrier))
    ]
    show("carriers", found, as_json=as_json)


@carriers.command(
    "rotate", epilog=examples("paycore channels carriers rotate a --credentials n.json")
)
def rotate_carrier(
    carrier: CarrierName,
    credentials: NewerCredentials,
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Sign by newer credentials, and believe the former ones too, until `retire`."""
    from paycore.cli.visit import demand_keys
    from paycore.kernel.errors import DataNotExist
    from paycore.sms import registry
    from paycore.sms.rows import CarrierRow

    demand_keys()
    given = object_in(credentials)

    async def save(visit: "Visit") -> None:
        standing = await visit.node.journal.load(CarrierRow, carrier)
        if standing is None:
            raise DataNotExist("There is no such carrier.", "运营商不存在")
        await registry.save(
            visit.node,
            carrier=carrier,
            driver=standing.driver,
            base_url=standing.base_url,
            credentials=given,
            priority=standing.priority,
            enabled=None,
            price=standing.price,
            spend_per_day=standing.spend_per_day,
            rotate=True,
            version=standing.version,
        )

    run(database, save)
    _say_former({"carrier": carrier}, former=True, as_json=as_json)


@carriers.command("retire")
def retire_carrier(
    carrier: CarrierName, *, database: Database = None, as_json: AsJson = False
) -> None:
    """Believe the newest credentials only: what `rotate` kept is forgotten."""
    from paycore.sms import registry

    run(database, lambda visit: registry.retire(visit.node, carrier))
    _say_former({"carrier": carrier}, former=False, as_json=as_json)


@carriers.command("check")
def check_carrier(
    carrier: CarrierName, *, database: Database = None, as_json: AsJson = False
) -> None:
    """Try a carrier by the cheapest call that texts nobody, and explain the answer.

    Exit status 1 where it fails.
    """
    from paycore.gateway import checking

    async def look(visit: "Visit") -> "Checked":
        return await checking.carrier(visit.node, carrier)

    _check(carrier, database, look, as_json=as_json)


@carriers.command("disable")
def disable_carrier(
    carrier: CarrierName, *, database: Database = None, as_json: AsJson = False
) -> None:
    """Text by a carrier no more, within a second."""
    _switch_carrier(carrier, database, enabled=False, as_json=as_json)


@carriers.command("enable")
def enable_carrier(
    carrier: CarrierName, *, database: Database = None, as_json: AsJson = False
) -> None:
    """Text by a carrier again."""
    _switch_carrier(carrier, database, enabled=True, as_json=as_json)


def _switch_carrier(
    carrier: str, database: str | None, *, enabled: bool, as_json: bool
) -> None:
    from paycore.sms import registry

    run(database, lambda visit: registry.switch(visit.node, carrier, enabled=enabled))
    word = "enabled" if enabled else "disabled"
    say({"carrier": carrier, "enabled": enabled}, f"{carrier} {word}", as_json=as_json)


def _fields(form: "type[msgspec.Struct]") -> list[str]:
    """The fields of a driver's `Config`; one with a default need not be given."""
    required = len(form.__struct_fields__) - len(form.__struct_defaults__)
    return [
        name if at < required else f"{name} (optional)"
        for at, name in enumerate(form.__struct_fields__)
    ]

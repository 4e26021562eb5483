"""Accounts at channels: how they are, on and off, left out for a time, tried."""

from datetime import datetime

from litestar import Response, get, post
from litestar.types import ASGIApp

from paycore.api.acting import Told, acted, begun, doing_of
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.channels_schema import (
    ChannelOperation,
    ChannelSwitched,
    Checked,
    ConsoleChannel,
    ConsoleChannels,
    MaintenanceWindow,
    OpenWindow,
    Switch,
    UsedLimit,
)
from paycore.api.console.keyset import key_of, parts_of
from paycore.api.console.schema import Because
from paycore.api.contract import Call
from paycore.api.decode import Shape, refuse_content
from paycore.api.door import Door, Plain, door_of, read
from paycore.api.paging import cut, query_of
from paycore.api.schema import Page
from paycore.gateway import accounts, checking, looking
from paycore.gateway import queries as gateway
from paycore.gateway.accounts import AccountKey
from paycore.gateway.queries import AccountLine
from paycore.kernel.errors import BizCheckError, DataNotExist
from paycore.kernel.journal import Change
from paycore.operators import service as operators
from paycore.operators.roles import May
from paycore.router import queries as router
from paycore.router import windows
from paycore.router.queries import Used, Window

_SEARCH = Shape(Page)
_SWITCH = Shape(Switch)
_OPEN = Shape(OpenWindow)
_BECAUSE = Shape(Because)


@get(
    "/v1/console/channels",
    opt={
        "call": Call(
            name="listChannels",
            summary="Accounts at channels: how calls go, limits of the day, windows",
            asks=Page,
            gives=((200, ConsoleChannels),),
            may=May.READ,
        )
    },
)
async def list_channels(request: Plain) -> Response[bytes]:
    """Accounts by channel and name, as this node sees them."""
    await operator_of(request)
    door, asked = door_of(request), _SEARCH.convert(query_of(request))
    after = parts_of(asked.cursor, 2)
    rows = await read(
        door,
        gateway.accounts(
            door.pool,
            after=None if after is None else (after[0], after[1]),
            limit=asked.limit + 1,
        ),
    )
    now = door.node.now()
    used = await read(door, router.used(door.pool, now))
    closed = await read(door, router.windows(door.pool, now))
    keys = [key_of(row.channel, row.account) for row in rows]
    page, more = cut(rows, asked.limit, keys)
    return found(
        ConsoleChannels(
            items=[_shown(door, row, used, closed) for row in page],
            next=more,
            node=door.node.settings.node_name,
        )
    )


@post(
    "/v1/console/channels/{channel:str}/{account:str}/switch",
    status_code=200,
    opt={
        "call": Call(
            name="switchChannel",
            summary="Let payments begin at an account again, or within a second no"
            " more; on takes the right to configure",
            takes=Switch,
            gives=((200, ChannelSwitched),),
            refuses=(DataNotExist,),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def switch_channel(request: Plain, channel: str, account: str) -> ASGIApp:
    """An account on or off."""
    doing = await doing_of(request)
    asked = _SWITCH.decode(doing.body)
    if asked.enabled:
        operators.refuse_unless(doing.operator, May.CONFIGURE)
    key = (channel, account)

    async def stage(change: Change) -> Told:
        await accounts.switched(doing.door.node, change, key, enabled=asked.enabled)
        return Told.ok(
            ChannelSwitched(channel=channel, account=account, enabled=asked.enabled)
        )

    deed = doing.deed(_place(key), asked.why, enabled=asked.enabled)
    return await acted(request, doing, deed, stage)


@post(
    "/v1/console/channels/{channel:str}/{account:str}/windows",
    opt={
        "call": Call(
            name="openWindow",
            summary="Leave an account out of routes for a time; what was begun there"
            " goes on",
            takes=OpenWindow,
            gives=((201, MaintenanceWindow),),
            refuses=(DataNotExist, BizCheckError),
            keyed=True,
            may=May.CONFIGURE,
        )
    },
)
async def open_window(request: Plain, channel: str, account: str) -> ASGIApp:
    """A maintenance window."""
    doing = await doing_of(request)
    asked = _OPEN.decode(doing.body)
    key = (channel, account)

    async def stage(change: Change) -> Told:
        node = doing.door.node
        await accounts.refuse_unknown(node, key)
        row = await windows.opened(
            node,
            change,
            key,
            begins=asked.since,
            ends=asked.until,
            why=asked.why,
            by=doing.operator.name,
        )
        return Told.made(_window(row))

    times = {"from": asked.since.isoformat(), "to": asked.until.isoformat()}
    return await acted(
        request, doing, doing.deed(_place(key), asked.why, **times), stage
    )


@post(
    "/v1/console/channels/{channel:str}/{account:str}/windows/{window_id:str}/end",
    status_code=200,
    opt={
        "call": Call(
            name="endWindow",
            summary="End a window now; one that has not begun never does",
            takes=Because,
            gives=((200, MaintenanceWindow),),
            refuses=(DataNotExist, BizCheckError),
            keyed=True,
            may=May.CONFIGURE,
        )
    },
)
async def end_window(
    request: Plain, channel: str, account: str, window_id: str
) -> ASGIApp:
    """A maintenance window is over."""
    doing = await doing_of(request)
    asked = _BECAUSE.decode(doing.body)
    key = (channel, account)

    async def stage(change: Change) -> Told:
        row = await windows.ended(doing.door.node, change, key, window_id)
        return Told.ok(_window(row))

    deed = doing.deed(_place(key), asked.why, window_id=window_id)
    return await acted(request, doing, deed, stage)


@post(
    "/v1/console/channels/{channel:str}/{account:str}/check",
    status_code=200,
    opt={
        "call": Call(
            name="checkChannel",
            summary="Try an account by the cheapest call that moves nothing",
            gives=((200, Checked),),
            refuses=(DataNotExist,),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def check_channel(request: Plain, channel: str, account: str) -> ASGIApp:
    """Ask the channel after a number that nobody has."""
    doing = await doing_of(request)
    refuse_content(doing.body)
    node, key = doing.door.node, (channel, account)

    async def refuse() -> None:
        await accounts.refuse_unknown(node, key)

    async def work(_: datetime) -> Told:
        said = await checking.account(node, channel, account)
        return Told.ok(shown_check(said))

    deed = doing.deed(_place(key))
    return await begun(request, doing, deed, work, refuse=refuse)


def shown_check(said: checking.Checked) -> Checked:
    """What trying something came to."""
    return Checked(
        ok=said.good,
        says=[said.explanation],
        resp_code=said.resp_code,
        resp_msg=said.resp_msg,
        took_ms=said.elapsed_ms,
    )


def _place(key: AccountKey) -> str:
    return "/".join(key)


def _shown(
    door: Door, row: AccountLine, used: list[Used], closed: list[Window]
) -> ConsoleChannel:
    key = (row.channel, row.account)
    return ConsoleChannel(
        channel=row.channel,
        account=row.account,
        name=looking.title(door.node, row.driver),
        driver=row.driver,
        enabled=row.enabled,
        operations=[
            ChannelOperation(
                operation=one.operation,
                breaker=one.breaker,
                calls=one.calls,
                failures=one.failures,
                p50_ms=one.p50_ms,
            )
            for one in looking.operations(door.node, key)
        ],
        limits=[
            UsedLimit(
                name=f"{one.inst_trans_id} {one.currency}",
                used=one.used,
                limit=one.daily_limit,
            )
            for one in used
            if (one.channel, one.account) == key
        ],
        windows=[_window(one) for one in closed if (one.channel, one.account) == key],
    )


def _window(row: Window) -> MaintenanceWindow:
    return MaintenanceWindow(
        window_id=row.window_id,
        since=row.starts_at,
        until=row.ends_at,
        why=row.why,
        by=row.opened_by,
    )

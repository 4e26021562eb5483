"""Carriers that text for the SMS centre: how they are, on and off, tried."""

from datetime import datetime

from litestar import Response, get, post
from litestar.types import ASGIApp

from paycore.api.acting import Told, acted, begun, doing_of
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.channels import shown_check
from paycore.api.console.channels_schema import (
    CarrierSwitched,
    Checked,
    ConsoleCarrier,
    ConsoleCarriers,
    Switch,
    UsedLimit,
)
from paycore.api.contract import Call
from paycore.api.decode import Shape, refuse_content
from paycore.api.door import Plain, door_of, read
from paycore.api.paging import after_of, cut, query_of
from paycore.api.schema import Page
from paycore.gateway import checking
from paycore.kernel.errors import DataNotExist
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.operators import service as operators
from paycore.operators.roles import May
from paycore.sms import queries, registry
from paycore.sms.queries import CarrierLine

_SEARCH = Shape(Page)
_SWITCH = Shape(Switch)


@get(
    "/v1/console/carriers",
    opt={
        "call": Call(
            name="listCarriers",
            summary="Carriers in the order in which they are tried, and what was spent",
            asks=Page,
            gives=((200, ConsoleCarriers),),
            may=May.READ,
        )
    },
)
async def list_carriers(request: Plain) -> Response[bytes]:
    """Carriers, the first to be tried first."""
    await operator_of(request)
    door, asked = door_of(request), _SEARCH.convert(query_of(request))
    after = after_of(asked.cursor)
    rows = await read(
        door,
        queries.carriers(
            door.pool, door.node.now(), after=after, limit=asked.limit + 1
        ),
    )
    page, more = cut(rows, asked.limit, [row.carrier for row in rows])
    items = [_shown(door.node, row) for row in page]
    return found(ConsoleCarriers(items=items, next=more))


@post(
    "/v1/console/carriers/{carrier:str}/switch",
    status_code=200,
    opt={
        "call": Call(
            name="switchCarrier",
            summary="Text by a carrier again, or within a second no more; on takes the"
            " right to configure",
            takes=Switch,
            gives=((200, CarrierSwitched),),
            refuses=(DataNotExist,),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def switch_carrier(request: Plain, carrier: str) -> ASGIApp:
    """A carrier on or off."""
    doing = await doing_of(request)
    asked = _SWITCH.decode(doing.body)
    if asked.enabled:
        operators.refuse_unless(doing.operator, May.CONFIGURE)

    async def stage(change: Change) -> Told:
        node = doing.door.node
        await registry.switched(node, change, carrier, enabled=asked.enabled)
        return Told.ok(CarrierSwitched(carrier=carrier, enabled=asked.enabled))

    deed = doing.deed(carrier, asked.why, enabled=asked.enabled)
    return await acted(request, doing, deed, stage)


@post(
    "/v1/console/carriers/{carrier:str}/check",
    status_code=200,
    opt={
        "call": Call(
            name="checkCarrier",
            summary="Try a carrier by the cheapest call that texts nobody",
            gives=((200, Checked),),
            refuses=(DataNotExist,),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def check_carrier(request: Plain, carrier: str) -> ASGIApp:
    """Ask the carrier something that moves nothing."""
    doing = await doing_of(request)
    refuse_content(doing.body)
    node = doing.door.node

    async def refuse() -> None:
        await registry.refuse_unknown(node, carrier)

    async def work(_: datetime) -> Told:
        return Told.ok(shown_check(await checking.carrier(node, carrier)))

    return await begun(request, doing, doing.deed(carrier), work, refuse=refuse)


def _shown(node: Node, row: CarrierLine) -> ConsoleCarrier:
    most = row.spend_per_day
    most = node.settings.sms_spend_per_day if most is None else most
    spent = UsedLimit(name="spend", used=row.spent, limit=most)
    return ConsoleCarrier(
        carrier=row.carrier,
        name=registry.title(node, row.driver),
        driver=row.driver,
        enabled=row.enabled,
        priority=row.priority,
        price=node.settings.sms_price if row.price is None else row.price,
        limits=[spent] if most else [],
    )

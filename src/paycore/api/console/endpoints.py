"""End points of business lines: on and off, and their secrets."""

from datetime import datetime

from litestar import Response, get, post
from litestar.types import ASGIApp

from paycore.api.acting import Told, acted, begun, doing_of
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.channels_schema import Switch
from paycore.api.console.notices_schema import (
    ConsoleEndpoint,
    ConsoleEndpoints,
    EndpointSecret,
    EndpointSwitched,
)
from paycore.api.console.schema import Because
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of, read
from paycore.api.paging import after_of, cut, query_of
from paycore.api.schema import Page
from paycore.kernel.errors import BadRequest, DataNotExist, ShownOnce
from paycore.kernel.journal import Change
from paycore.notify import endpoints, queries, service, upkeep
from paycore.operators.roles import May

_SEARCH = Shape(Page)
_SWITCH = Shape(Switch)
_BECAUSE = Shape(Because)


@get(
    "/v1/console/endpoints",
    opt={
        "call": Call(
            name="listEndpoints",
            summary="End points of all lines, and why one is off",
            asks=Page,
            gives=((200, ConsoleEndpoints),),
            may=May.READ,
        )
    },
)
async def list_endpoints(request: Plain) -> Response[bytes]:
    """End points, by id."""
    await operator_of(request)
    door, asked = door_of(request), _SEARCH.convert(query_of(request))
    after = after_of(asked.cursor)
    rows = await read(
        door, queries.endpoints(door.pool, after=after, limit=asked.limit + 1)
    )
    page, more = cut(rows, asked.limit, [row.endpoint_id for row in rows])
    items = [
        ConsoleEndpoint(
            endpoint_id=row.endpoint_id,
            biz_line=row.biz_line,
            url=row.url,
            enabled=row.enabled,
            disabled_reason=row.disabled_reason,
        )
        for row in page
    ]
    return found(ConsoleEndpoints(items=items, next=more))


@post(
    "/v1/console/endpoints/{endpoint_id:str}/switch",
    status_code=200,
    opt={
        "call": Call(
            name="switchEndpoint",
            summary="Send notices there again, or no more; what waits for one that is"
            " off is parked",
            takes=Switch,
            gives=((200, EndpointSwitched),),
            refuses=(BadRequest, DataNotExist),
            keyed=True,
            may=May.CONFIGURE,
        )
    },
)
async def switch_endpoint(request: Plain, endpoint_id: str) -> ASGIApp:
    """An end point on or off; on again, its address is looked at anew."""
    doing = await doing_of(request)
    asked = _SWITCH.decode(doing.body)
    node = doing.door.node

    async def refuse() -> None:
        await endpoints.refuse_unknown(node, endpoint_id)

    async def work(_: datetime) -> Told:
        if asked.enabled:
            await service.enable_endpoint(node, endpoint_id)
        else:
            await upkeep.disable_endpoint(node, endpoint_id)
        return Told.ok(EndpointSwitched(endpoint_id=endpoint_id, enabled=asked.enabled))

    deed = doing.deed(endpoint_id, asked.why, enabled=asked.enabled)
    return await begun(request, doing, deed, work, refuse=refuse)


@post(
    "/v1/console/endpoints/{endpoint_id:str}/secrets",
    opt={
        "call": Call(
            name="rotateSecret",
            summary="A new secret, shown this once; the one before it signs too until"
            " the next",
            takes=Because,
            gives=((201, EndpointSecret),),
            refuses=(DataNotExist, ShownOnce),
            keyed=True,
            may=May.CONFIGURE,
        )
    },
)
async def rotate_secret(request: Plain, endpoint_id: str) -> ASGIApp:
    """Sign with another secret as well."""
    doing = await doing_of(request)
    asked = _BECAUSE.decode(doing.body)

    async def stage(change: Change) -> Told:
        secret = await service.rotated(doing.door.node, change, endpoint_id)
        return Told.made(
            EndpointSecret(endpoint_id=endpoint_id, secret=secret, old_until=None),
            secret=True,
        )

    return await acted(request, doing, doing.deed(endpoint_id, asked.why), stage)

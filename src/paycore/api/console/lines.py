"""Business lines and their API keys."""

from litestar import Response, get, post
from litestar.types import ASGIApp

from paycore.api.acting import Told, acted, doing_of
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.schema import Because
from paycore.api.console.setup_schema import (
    ConsoleKey,
    ConsoleKeys,
    ConsoleLine,
    ConsoleLines,
    KeyMade,
    KeyRevoked,
    MakeKey,
)
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of, read
from paycore.api.paging import after_of, cut, query_of
from paycore.api.schema import Page
from paycore.kernel.errors import DataNotExist, ShownOnce
from paycore.kernel.journal import Change
from paycore.kernel.mask import mask_text
from paycore.kernel.terms import BizLineId
from paycore.lines import queries, service
from paycore.operators.roles import May

_SEARCH = Shape(Page)
_MAKE = Shape(MakeKey)
_BECAUSE = Shape(Because)


@get(
    "/v1/console/lines",
    opt={
        "call": Call(
            name="listLines",
            summary="Business lines, by name",
            asks=Page,
            gives=((200, ConsoleLines),),
            may=May.READ,
        )
    },
)
async def list_lines(request: Plain) -> Response[bytes]:
    """Lines, by name."""
    await operator_of(request)
    door, asked = door_of(request), _SEARCH.convert(query_of(request))
    after = after_of(asked.cursor)
    rows = await read(
        door, queries.lines(door.pool, after=after, limit=asked.limit + 1)
    )
    page, more = cut(rows, asked.limit, [row.biz_line for row in rows])
    items = [
        ConsoleLine(
            biz_line=row.biz_line,
            title=row.title,
            language=row.language,
            currencies=row.currencies,
            enabled=row.enabled,
            always_converted=row.always_converted,
        )
        for row in page
    ]
    return found(ConsoleLines(items=items, next=more))


@get(
    "/v1/console/lines/{line:str}/keys",
    opt={
        "call": Call(
            name="listKeys",
            summary="A line's API keys, by id; of a key only a hash is kept",
            asks=Page,
            gives=((200, ConsoleKeys),),
            refuses=(DataNotExist,),
            may=May.READ,
        )
    },
)
async def list_keys(request: Plain, line: str) -> Response[bytes]:
    """A line's keys."""
    await operator_of(request)
    door, asked = door_of(request), _SEARCH.convert(query_of(request))
    after = after_of(asked.cursor)
    if not await read(door, queries.is_there(door.pool, line)):
        raise DataNotExist
    rows = await read(
        door, queries.keys(door.pool, line, after=after, limit=asked.limit + 1)
    )
    page, more = cut(rows, asked.limit, [row.key_id for row in rows])
    items = [
        ConsoleKey(
            key_id=row.key_id,
            label=row.label,
            created_at=row.created_at,
            disabled_at=row.disabled_at,
        )
        for row in page
    ]
    return found(ConsoleKeys(items=items, next=more))


@post(
    "/v1/console/lines/{line:str}/keys",
    opt={
        "call": Call(
            name="makeKey",
            summary="An API key of a line, shown this once",
            takes=MakeKey,
            gives=((201, KeyMade),),
            refuses=(DataNotExist, ShownOnce),
            keyed=True,
            may=May.ADMINISTER,
        )
    },
)
async def make_key(request: Plain, line: str) -> ASGIApp:
    """Another key of a line."""
    doing = await doing_of(request)
    asked = _MAKE.decode(doing.body)

    async def stage(change: Change) -> Told:
        made = await service.key_made(
            doing.door.node, change, BizLineId(line), mask_text(asked.label)
        )
        return Told.made(KeyMade(key_id=made.id, api_key=made.clear), secret=True)

    deed = doing.deed(line, asked.why, label=asked.label)
    return await acted(request, doing, deed, stage)


@post(
    "/v1/console/lines/{line:str}/keys/{key_id:str}/revoke",
    status_code=200,
    opt={
        "call": Call(
            name="revokeKey",
            summary="Refuse a key: every node does within a second",
            takes=Because,
            gives=((200, KeyRevoked),),
            refuses=(DataNotExist,),
            keyed=True,
            may=May.ADMINISTER,
        )
    },
)
async def revoke_key(request: Plain, line: str, key_id: str) -> ASGIApp:
    """A key is good no more."""
    doing = await doing_of(request)
    asked = _BECAUSE.decode(doing.body)

    async def stage(change: Change) -> Told:
        at = await service.key_disabled(
            doing.door.node, change, key_id, BizLineId(line)
        )
        return Told.ok(KeyRevoked(key_id=key_id, disabled_at=at))

    deed = doing.deed(line, asked.why, key_id=key_id)
    return await acted(request, doing, deed, stage)

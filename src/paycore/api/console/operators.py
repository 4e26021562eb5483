"""Operators, as the console's admins see and manage them."""

import msgspec
from litestar import Response, get, post
from litestar.types import ASGIApp

from paycore.api.acting import Told, acted, doing_of
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.schema import (
    Because,
    ConsoleOperator,
    ConsoleOperators,
    InviteOperator,
    OperatorInvited,
    OperatorRevoked,
)
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of, read
from paycore.api.paging import after_of, cut, query_of
from paycore.api.schema import Page
from paycore.kernel.errors import BadRequest, DataNotExist, Duplicate, ShownOnce
from paycore.kernel.journal import Change
from paycore.operators import logins, queries, service
from paycore.operators.logins import Invitation
from paycore.operators.roles import May

_SEARCH = Shape(Page)
_INVITE = Shape(InviteOperator)
_BECAUSE = Shape(Because)


@get(
    "/v1/console/operators",
    opt={
        "call": Call(
            name="listOperators",
            summary="Operators that there are and were, by name",
            asks=Page,
            gives=((200, ConsoleOperators),),
            may=May.READ,
        )
    },
)
async def list_operators(request: Plain) -> Response[bytes]:
    """Operators, by name."""
    await operator_of(request)
    door, asked = door_of(request), _SEARCH.convert(query_of(request))
    rows = await read(
        door,
        queries.operators(
            door.pool, after=after_of(asked.cursor), limit=asked.limit + 1
        ),
    )
    page, more = cut(rows, asked.limit, [row.operator_id for row in rows])
    items = [
        msgspec.convert(row, ConsoleOperator, from_attributes=True) for row in page
    ]
    return found(ConsoleOperators(items=items, next=more))


@post(
    "/v1/console/operators",
    opt={
        "call": Call(
            name="inviteOperator",
            summary="Make an operator and an invitation, which is shown this once",
            takes=InviteOperator,
            gives=((201, OperatorInvited),),
            refuses=(BadRequest, Duplicate, ShownOnce),
            keyed=True,
            may=May.ADMINISTER,
        )
    },
)
async def invite_operator(request: Plain) -> ASGIApp:
    """Make an operator who may enrol."""
    doing = await doing_of(request)
    asked = _INVITE.decode(doing.body)

    async def stage(change: Change) -> Told:
        node = doing.door.node
        made = await logins.newcomer(node, change, asked.name, asked.role)
        return Told.made(_shown(made), secret=True)

    deed = doing.deed(asked.name, asked.why, role=asked.role)
    return await acted(request, doing, deed, stage)


@post(
    "/v1/console/operators/{operator_id:str}/revoke",
    status_code=200,
    opt={
        "call": Call(
            name="revokeOperator",
            summary="Refuse an operator's token and sessions from now on",
            takes=Because,
            gives=((200, OperatorRevoked),),
            refuses=(DataNotExist,),
            keyed=True,
            may=May.ADMINISTER,
        )
    },
)
async def revoke_operator(request: Plain, operator_id: str) -> ASGIApp:
    """Somebody is an operator no more."""
    doing = await doing_of(request)
    asked = _BECAUSE.decode(doing.body)
    node = doing.door.node
    name = await service.name_of(node, operator_id)

    async def stage(change: Change) -> Told:
        row = service.revoked(node, change, await service.one(node, operator_id))
        return Told.ok(
            OperatorRevoked(
                operator_id=row.operator_id, name=row.name, revoked_at=node.now()
            )
        )

    return await acted(request, doing, doing.deed(name, asked.why), stage)


@post(
    "/v1/console/operators/{operator_id:str}/invitation",
    opt={
        "call": Call(
            name="inviteOperatorAgain",
            summary="An invitation to a new password and new codes, shown this once;"
            " the old ones are good for nothing from now on",
            takes=Because,
            gives=((201, OperatorInvited),),
            refuses=(DataNotExist, ShownOnce),
            keyed=True,
            may=May.ADMINISTER,
        )
    },
)
async def invite_again(request: Plain, operator_id: str) -> ASGIApp:
    """Somebody begins anew."""
    doing = await doing_of(request)
    asked = _BECAUSE.decode(doing.body)
    node = doing.door.node
    name = await service.name_of(node, operator_id)

    async def stage(change: Change) -> Told:
        await service.one(node, operator_id)
        made = await logins.invited(node, change, operator_id)
        return Told.made(_shown(made), secret=True)

    return await acted(request, doing, doing.deed(name, asked.why), stage)


def _shown(made: Invitation) -> OperatorInvited:
    return OperatorInvited(
        operator_id=made.operator_id,
        invitation=made.clear,
        expires_at=made.expires_at,
    )

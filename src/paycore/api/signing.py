"""Signing over HTTP: the code that completes it, and what happened to a card's
agreement. What asks for it is a field of `POST /v1/cards` (`api/cards.py`).
"""

import msgspec
from litestar import Response, get
from litestar import post as posted
from litestar.types import ASGIApp

from paycore.api.answers import encode, found, kept
from paycore.api.auth import caller_of
from paycore.api.cards import card_id_of, details
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of, read
from paycore.api.idempotency import post_of
from paycore.api.schema import CardDetails, Confirm, Timeline
from paycore.cards import service as cards
from paycore.core.agreements import queries
from paycore.core.agreements import service as agreements
from paycore.core.timeline import Item
from paycore.kernel.errors import BizCheckError, DataNotExist

_CONFIRM = Shape(Confirm)


@posted(
    "/v1/cards/{card_id:str}/confirm",
    status_code=200,
    opt={
        "call": Call(
            name="confirmCard",
            summary="Complete a signing with the code that the bank texted",
            takes=Confirm,
            gives=((200, CardDetails),),
            refuses=(DataNotExist, BizCheckError),
            keyed=True,
        )
    },
)
async def confirm_card(request: Plain, card_id: str) -> ASGIApp:
    """Complete a signing with the code."""
    post = await post_of(request)
    asked = _CONFIRM.decode(post.body)
    typed = agreements.Typed(
        biz_line=post.caller.biz_line,
        card_id=card_id_of(card_id),
        code=asked.sms_verify_code,
    )
    node = door_of(request).node
    return kept(
        request, await agreements.confirm(node, typed, post.claim(node), _confirmed)
    )


@get(
    "/v1/cards/{card_id:str}/timeline",
    opt={
        "call": Call(
            name="getCardTimeline",
            summary="Everything that happened to a card's agreement, in order",
            gives=((200, Timeline),),
            refuses=(DataNotExist,),
        )
    },
)
async def get_card_timeline(request: Plain, card_id: str) -> Response[bytes]:
    """Everything that happened to a card's agreement, in order."""
    caller, door = await caller_of(request), door_of(request)
    number = card_id_of(card_id)
    await cards.card_of(door.node, caller.biz_line, number)
    steps = await read(door, queries.timeline(door.pool, number))
    items = [Item(**msgspec.structs.asdict(step)) for step in steps]
    return found(Timeline(items=items))


def _confirmed(view: agreements.View) -> tuple[int, bytes]:
    return 200, encode(details(view))

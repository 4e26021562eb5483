"""Refunds over HTTP: translate, call core, translate back."""

from functools import partial

from litestar import Response, get
from litestar import post as posted
from litestar.types import ASGIApp

from paycore.api.answers import encode, found, kept
from paycore.api.auth import caller_of
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of, read
from paycore.api.idempotency import post_of
from paycore.api.numbers import refuse_cards
from paycore.api.paging import after_of, cut, query_of
from paycore.api.schema import CreateRefund, Refunds, SearchRefunds
from paycore.core.keys import View
from paycore.core.refunds import queries
from paycore.core.refunds import service as core
from paycore.core.refunds.document import Refund, refund_of
from paycore.core.refunds.service import RefundRequest
from paycore.kernel.errors import (
    BizCheckError,
    DataNotExist,
    Duplicate,
    RefundExceeds,
)
from paycore.kernel.mask import mask_text
from paycore.kernel.terms import PayOrderNo, RefundNo

_CREATE = Shape(CreateRefund)
_SEARCH = Shape(SearchRefunds)


@posted(
    "/v1/refunds",
    opt={
        "call": Call(
            name="createRefund",
            summary="Give back a part or all of a payment, to the card that paid",
            takes=CreateRefund,
            gives=((201, Refund), (200, Refund)),
            refuses=(DataNotExist, BizCheckError, RefundExceeds, Duplicate),
            keyed=True,
        )
    },
)
async def create_refund(request: Plain) -> ASGIApp:
    """Give back a part or all of a payment."""
    post = await post_of(request)
    asked, door = _CREATE.decode(post.body), door_of(request)
    line, number = post.caller.biz_line, asked.out_refund_no
    return kept(
        request,
        await core.refund(
            door.node,
            RefundRequest(
                biz_line=post.caller.biz_line,
                pay_order_no=PayOrderNo(asked.pay_order_no),
                out_refund_no=asked.out_refund_no,
                amount=asked.amount,
                reason=asked.reason and mask_text(asked.reason),
            ),
            post.claim(door.node),
            _refund_answer,
            check=partial(refuse_cards, door, line, out_refund_no=number),
        ),
    )


@get(
    "/v1/refunds/{refund_no:str}",
    opt={
        "call": Call(
            name="getRefund",
            summary="The refund as of now",
            gives=((200, Refund),),
            refuses=(DataNotExist,),
        )
    },
)
async def get_refund(request: Plain, refund_no: str) -> Response[bytes]:
    """The refund as of now."""
    caller = await caller_of(request)
    row = await core.get(door_of(request).node, caller.biz_line, RefundNo(refund_no))
    return found(refund_of(row))


@get(
    "/v1/refunds",
    opt={
        "call": Call(
            name="searchRefunds",
            summary="Search refunds, newest first",
            asks=SearchRefunds,
            gives=((200, Refunds),),
        )
    },
)
async def search_refunds(request: Plain) -> Response[bytes]:
    """Search refunds, newest first."""
    caller = await caller_of(request)
    door = door_of(request)
    asked = _SEARCH.convert(query_of(request))
    rows = await read(
        door,
        queries.search(
            door.pool,
            caller.biz_line,
            pay_order_no=asked.pay_order_no,
            out_refund_no=asked.out_refund_no,
            status=asked.biz_status,
            before=after_of(asked.cursor),
            limit=asked.limit + 1,
        ),
    )
    page, following = cut(rows, asked.limit, [row.refund_no for row in rows])
    return found(Refunds(items=[refund_of(row) for row in page], next=following))


def _refund_answer(view: View) -> tuple[int, bytes]:
    """201 with the refund that this request made, 200 with one that was there."""
    assert view.refund is not None
    return 201 if view.created else 200, encode(refund_of(view.refund))

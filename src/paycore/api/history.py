"""What people ask of payments: a search, and everything that happened to one."""

from litestar import Response, get

from paycore.api.answers import found
from paycore.api.auth import caller_of
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of, read
from paycore.api.paging import after_of, cut, query_of
from paycore.api.payments import number_of, order_in
from paycore.api.schema import Orders, Search, Timeline
from paycore.checkout import service as checkouts
from paycore.core import queries
from paycore.core import service as core
from paycore.core.refunds import queries as refunds
from paycore.core.service import View
from paycore.kernel.errors import BadRequest, DataNotExist

_SEARCH = Shape(Search)


@get(
    "/v1/payments",
    opt={
        "call": Call(
            name="searchPayments",
            summary="Search, newest first",
            asks=Search,
            gives=((200, Orders),),
        )
    },
)
async def search_payments(request: Plain) -> Response[bytes]:
    """Search, newest first."""
    caller = await caller_of(request)
    door = door_of(request)
    asked = _SEARCH.convert(query_of(request))
    if asked.since and asked.until and asked.since > asked.until:
        raise BadRequest("from is after to.", "from 晚于 to", field="from")
    rows = await read(
        door,
        queries.search(
            door.pool,
            caller.biz_line,
            out_biz_no=asked.out_biz_no,
            biz_status=asked.biz_status,
            since=asked.since,
            until=asked.until,
            before=after_of(asked.cursor),
            limit=asked.limit + 1,
        ),
    )
    page, following = cut(rows, asked.limit, [row.pay_order_no for row in rows])
    numbers = [row.pay_order_no for row in page]
    refunded = await read(door, refunds.refunded(door.pool, numbers))
    items = [
        order_in(
            door.node,
            View(payment=row, refunded=refunded.get(row.pay_order_no, 0)),
        )
        for row in page
    ]
    return found(Orders(items=items, next=following))


@get(
    "/v1/payments/{pay_order_no:str}/timeline",
    opt={
        "call": Call(
            name="getTimeline",
            summary="Everything that happened to a payment, in order",
            gives=((200, Timeline),),
            refuses=(DataNotExist,),
        )
    },
)
async def get_timeline(request: Plain, pay_order_no: str) -> Response[bytes]:
    """Everything that happened to a payment, in order."""
    caller = await caller_of(request)
    door = door_of(request)
    number = number_of(pay_order_no)
    payment = await core.get(door.node, caller.biz_line, number)
    items = await checkouts.timeline(door.node, payment)
    return found(Timeline(items=items))

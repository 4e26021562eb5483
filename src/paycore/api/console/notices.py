"""Notices: which there are, what became of one, sending one or a time's again."""

from datetime import datetime, timedelta

import msgspec
from litestar import Response, get, post
from litestar.types import ASGIApp

from paycore.api.acting import Doing, Told, acted, begun, doing_of
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.keyset import key_of, parts_of
from paycore.api.console.notices_schema import (
    ConsoleNotice,
    ConsoleNoticeDetails,
    ConsoleNotices,
    Delivery,
    NoticeReplayed,
    NoticesReplayed,
    ReplayNotices,
    SearchNotices,
)
from paycore.api.console.schema import Because
from paycore.api.console.works import fresh
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Door, Plain, door_of, read
from paycore.api.paging import cursor_of, query_of
from paycore.kernel.errors import (
    BadRequest,
    BizCheckError,
    DataNotExist,
    InFlight,
    TooMany,
)
from paycore.kernel.journal import Change
from paycore.notify import endpoints, queries, replays
from paycore.notify.queries import Looked, Notice, NoticeLine, Wanted
from paycore.operators import works
from paycore.operators.roles import May
from paycore.operators.works import Came, Tell

LONGEST_RANGE = timedelta(days=31)

_SEARCH = Shape(SearchNotices)
_REPLAY = Shape(ReplayNotices)
_BECAUSE = Shape(Because)


@get(
    "/v1/console/notices",
    opt={
        "call": Call(
            name="searchNotices",
            summary="Notices of all lines, those of the newest payments first",
            asks=SearchNotices,
            gives=((200, ConsoleNotices),),
            may=May.READ,
        )
    },
)
async def search_notices(request: Plain) -> Response[bytes]:
    """Notices, those of the newest payments first."""
    await operator_of(request)
    door, asked = door_of(request), _SEARCH.convert(query_of(request))
    number = asked.q
    if number is not None and number.startswith("msg_"):
        row = await read(door, queries.one(door.pool, number))
        items = [] if row is None else [_shown(row)]
        return found(ConsoleNotices(items=items, next=None, searched_from=None))
    before = parts_of(asked.cursor, 2)
    page = await read(
        door,
        queries.page(
            door.pool,
            Looked(
                state=asked.state,
                endpoint_id=asked.endpoint,
                type=asked.type,
                pay_order_no=number,
                since=asked.since,
                until=asked.until,
            ),
            before=None if before is None else (before[0], before[1]),
            limit=asked.limit,
        ),
    )
    return found(
        ConsoleNotices(
            items=[_shown(line) for line in page.lines],
            next=cursor_of(None if page.before is None else key_of(*page.before)),
            searched_from=page.searched_from,
        )
    )


@get(
    "/v1/console/notices/{notice_id:str}",
    opt={
        "call": Call(
            name="getNotice",
            summary="One notice: what it says, and what came of its last try",
            gives=((200, ConsoleNoticeDetails),),
            refuses=(DataNotExist,),
            may=May.READ,
        )
    },
)
async def get_notice(request: Plain, notice_id: str) -> Response[bytes]:
    """One notice with what it says."""
    await operator_of(request)
    door = door_of(request)
    row = await _one(door, notice_id)
    known = endpoints.known(door.node, row.endpoint_id)
    return found(
        ConsoleNoticeDetails(
            notice=_shown(row),
            url=None if known is None else known.url,
            replayed_at=row.replayed_at,
            deliveries=[_delivery(row)] if row.last_result else [],
            payload=msgspec.json.decode(row.body),
        )
    )


@post(
    "/v1/console/notices/{notice_id:str}/replays",
    opt={
        "call": Call(
            name="replayNotice",
            summary="Send a notice again, with the same webhook-id",
            takes=Because,
            gives=((201, NoticeReplayed),),
            refuses=(DataNotExist, BizCheckError, InFlight),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def replay_notice(request: Plain, notice_id: str) -> ASGIApp:
    """One notice once more."""
    doing = await doing_of(request)
    asked = _BECAUSE.decode(doing.body)
    door = doing.door

    async def stage(change: Change) -> Told:
        row = await _one(door, notice_id)
        await replays.stage(door.node, change, row.pay_order_no, notice_id)
        return Told.made(NoticeReplayed(notice_id=notice_id))

    return await acted(request, doing, doing.deed(notice_id, asked.why), stage)


@post(
    "/v1/console/notices/replays",
    opt={
        "call": Call(
            name="replayNotices",
            summary="Send all notices of a time again, or only count them",
            takes=ReplayNotices,
            gives=((201, NoticesReplayed),),
            refuses=(TooMany,),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def replay_notices(request: Plain) -> ASGIApp:
    """A time's notices once more; it goes on after the answer."""
    doing = await doing_of(request)
    asked = _REPLAY.decode(doing.body)
    if not timedelta(0) < asked.until - asked.since <= LONGEST_RANGE:
        raise BadRequest(
            f"to is after from, by {LONGEST_RANGE.days} days at most.",
            f"to 须晚于 from,且不超过 {LONGEST_RANGE.days} 天",
            field="to",
        )
    door = doing.door
    wanted = Wanted(
        since=asked.since,
        until=asked.until,
        type=asked.type,
        endpoint_id=asked.endpoint,
    )

    async def work(since: datetime) -> Told:
        number, more = await read(door, queries.count(door.pool, wanted))
        work_id = None
        if not asked.preview:
            total = None if more else number
            work_id = await _begin(doing, since, wanted, total)
        return Told.made(NoticesReplayed(number=number, more=more, work_id=work_id))

    async def refuse() -> None:
        """Whatever is well-formed may be begun."""

    deed = doing.deed(
        "notices",
        asked.why,
        **{"from": asked.since.isoformat(), "to": asked.until.isoformat()},
        type=asked.type,
        endpoint=asked.endpoint,
        preview=asked.preview,
    )
    return await begun(request, doing, deed, work, refuse=refuse)


async def _begin(
    doing: Doing, since: datetime, wanted: Wanted, total: int | None
) -> str:
    node, pool = doing.door.node, doing.door.pool

    async def work(tell: Tell) -> Came:
        sent = await replays.replay_range(node, pool, wanted, tell)
        await tell(sent)
        return Came(said=f"{sent} on their way")

    row = await works.begin(node, fresh(doing, since, total=total), work)
    return row.work_id


async def _one(door: Door, notice_id: str) -> Notice:
    row = await read(door, queries.one(door.pool, notice_id))
    if row is None:
        raise DataNotExist("There is no such notice.", "通知不存在")
    return row


def _shown(row: NoticeLine | Notice) -> ConsoleNotice:
    return ConsoleNotice(
        notice_id=row.notice_id,
        type=row.type,
        pay_order_no=row.pay_order_no,
        biz_line=row.biz_line,
        endpoint=row.endpoint_id,
        state=row.status,
        tries=row.tries,
        last_result=row.last_result,
        created_at=row.created_at,
        next_at=row.next_check_at,
        delivered_at=row.delivered_at,
    )


def _delivery(row: Notice) -> Delivery:
    delivered = row.delivered_at is not None
    says = "delivered" if delivered else f"try {row.tries} was no delivery"
    return Delivery(at=row.delivered_at, status=row.last_result, says=says)

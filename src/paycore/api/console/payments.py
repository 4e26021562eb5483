"""Payments as operators see them: searched, exported, and one with all it has."""

from collections.abc import Sequence

from litestar import Response, get
from litestar.response import Stream

from paycore.api.answers import NO_STORE, found
from paycore.api.auth import operator_of
from paycore.api.console.export import MOST_ROWS, Ask, written
from paycore.api.console.keyset import moment_key, moment_of
from paycore.api.console.looking import named, refuse_secret
from paycore.api.console.payments_schema import (
    ConsolePayments,
    ConsoleTimeline,
    ExportPayments,
    Filters,
    SearchConsolePayments,
)
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Door, Plain, door_of, read
from paycore.api.paging import after_of, cursor_of, query_of
from paycore.api.payments import number_of
from paycore.core.looks import queries
from paycore.core.looks.document import CaseOf, Details, details_of
from paycore.core.looks.numbers import tail_of
from paycore.core.looks.queries import Asked, Page
from paycore.core.timeline import Item
from paycore.cures.document import ref_of
from paycore.desk import queries as desk
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.terms import PayOrderNo
from paycore.operators import queries as operators
from paycore.operators.roles import ALLOWS, May

MOST_CASES = 100
MOST_ACTS = 1_000
MOST_NOTICES = 100
"""Of so many notices operators' acts are looked for: the newest."""

_SEARCH = Shape(SearchConsolePayments)
_EXPORT = Shape(ExportPayments)


@get(
    "/v1/console/payments",
    opt={
        "call": Call(
            name="searchConsolePayments",
            summary="Search payments of all lines, newest first; with result=unknown "
            "the oldest first",
            asks=SearchConsolePayments,
            gives=((200, ConsolePayments),),
            may=May.READ,
        )
    },
)
async def search_payments(request: Plain) -> Response[bytes]:
    """Search payments of all lines."""
    await operator_of(request)
    door, asked = door_of(request), _SEARCH.convert(query_of(request))
    look = await _look(door, asked)
    page = await look(after_of(asked.cursor), asked.limit)
    return found(
        ConsolePayments(
            items=page.lines,
            next=cursor_of(page.before),
            searched_from=page.searched_from,
        )
    )


@get(
    "/v1/console/payments.csv",
    opt={
        "call": Call(
            name="exportPayments",
            summary=f"The same as CSV, {MOST_ROWS:,} rows at most; a last line that "
            "begins with # says where it was cut",
            asks=ExportPayments,
            gives=((200, None),),
            may=May.READ,
        )
    },
)
async def export_payments(request: Plain) -> Stream:
    """The same as CSV."""
    await operator_of(request)
    door, asked = door_of(request), _EXPORT.convert(query_of(request))
    return Stream(
        written(await _look(door, asked)),
        media_type="text/csv; charset=utf-8; header=present",
        headers={
            **NO_STORE,
            "Content-Disposition": 'attachment; filename="payments.csv"',
            "X-Content-Type-Options": "nosniff",
        },
    )


@get(
    "/v1/console/payments/{pay_order_no:str}",
    opt={
        "call": Call(
            name="getConsolePayment",
            summary="One payment with all that it has, and what may be done now",
            gives=((200, Details),),
            refuses=(DataNotExist,),
            may=May.READ,
        )
    },
)
async def get_payment(request: Plain, pay_order_no: str) -> Response[bytes]:
    """One payment with all that it has."""
    operator = await operator_of(request)
    door, no = door_of(request), number_of(pay_order_no)
    rows = await read(door, queries.whole(door.pool, no))
    cases = await read(door, desk.cases(door.pool, pay_order_no=no, limit=MOST_CASES))
    return found(
        details_of(
            rows,
            cases=[
                CaseOf(case_ref=ref_of(one.case_id), kind=one.kind, status=one.status)
                for one in cases
            ],
            may_act=May.ACT in ALLOWS[operator.role],
            now=door.node.now(),
        )
    )


@get(
    "/v1/console/payments/{pay_order_no:str}/timeline",
    opt={
        "call": Call(
            name="getConsoleTimeline",
            summary="Everything that happened to a payment, what people did about it "
            "as well, in order",
            gives=((200, ConsoleTimeline),),
            refuses=(DataNotExist,),
            may=May.READ,
        )
    },
)
async def get_timeline(request: Plain, pay_order_no: str) -> Response[bytes]:
    """Everything that happened to a payment, in order."""
    await operator_of(request)
    door, no = door_of(request), number_of(pay_order_no)
    items = await read(door, queries.timeline(door.pool, no))
    people = await _people(door, no, _notices(items))
    return found(ConsoleTimeline(items=_in_order([*items, *people])))


def _notices(items: Sequence[Item]) -> list[str]:
    """The ids of the newest notices that are on an axis."""
    ids = dict.fromkeys(str(o.detail["id"]) for o in items if o.kind == "notice")
    return list(ids)[-MOST_NOTICES:]


async def _people(door: Door, no: PayOrderNo, notices: Sequence[str]) -> list[Item]:
    """The desk's cases of a payment with their steps, and operators' other acts, on its
    notices as well.
    """
    cases = await read(door, desk.cases(door.pool, pay_order_no=no, limit=MOST_CASES))
    steps = await read(door, desk.steps(door.pool, [one.case_id for one in cases]))
    acts = await read(door, operators.about(door.pool, [no, *notices], limit=MOST_ACTS))
    return [
        *(
            Item(
                at=one.opened_at,
                kind="case",
                title=f"{one.kind} opened",
                detail={"case_ref": ref_of(one.case_id), "now": one.status},
            )
            for one in cases
        ),
        *(
            Item(
                at=one.at,
                kind="case",
                title=one.what,
                detail={
                    "case_ref": ref_of(one.case_id),
                    "who": one.who,
                    "why": one.why,
                    "said": one.said,
                },
            )
            for one in steps
        ),
        *(
            Item(
                at=one.at,
                kind="act",
                title=one.act,
                detail={
                    "operator": one.operator,
                    "role": one.role,
                    "why": one.why,
                    "entry": one.seq,
                    "subject": one.subject,
                },
            )
            for one in acts
        ),
    ]


def _in_order(items: list[Item]) -> list[Item]:
    return sorted(items, key=lambda item: item.at)


async def _look(door: Door, asked: Filters) -> Ask:
    """Pages of what was asked for, each from a key on."""
    wanted = await _wanted(door, asked)

    async def newest(before: str | None, limit: int) -> Page:
        return await read(
            door, queries.search(door.pool, wanted, before=before, limit=limit)
        )

    async def oldest(key: str | None, limit: int) -> Page:
        after = None if key is None else moment_of(key)
        page = await read(
            door, queries.oldest_unknown(door.pool, wanted, after=after, limit=limit)
        )
        following = None if page.after is None else moment_key(*page.after)
        return Page(lines=page.lines, before=following, searched_from=None)

    return newest if asked.result is None else oldest


async def _wanted(door: Door, asked: Filters) -> Asked:
    """What was asked for, its number looked up."""
    if asked.since and asked.until and asked.since > asked.until:
        raise BadRequest("from is after to.", "from 晚于 to", field="from")
    refuse_secret(asked.q)
    tail = None if asked.q is None else tail_of(asked.q)
    by_number = asked.q is not None and tail is None
    return Asked(
        numbers=await named(door, asked.q or "") if by_number else None,
        tail=tail,
        biz_line=asked.biz_line,
        biz_status=asked.biz_status,
        pay_type=asked.pay_type,
        converted=asked.converted,
        currency=asked.currency,
        amount_from=asked.amount_from,
        amount_to=asked.amount_to,
        since=asked.since,
        until=asked.until,
        channel=asked.channel,
        resp_code=asked.resp_code,
    )

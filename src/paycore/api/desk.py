"""The exception desk over HTTP, for operators: translate, call `cures`, translate back.

Who acts is whose token it is, never what a body says.
"""

import re

from litestar import Response, get
from litestar import post as posted
from litestar.types import ASGIApp

from paycore.api.acting import Doing, doing_of
from paycore.api.answers import encode, found, kept
from paycore.api.auth import operator_of
from paycore.api.contract import Call
from paycore.api.decode import Shape, refuse_content
from paycore.api.desk_schema import (
    ApproveCure,
    DeskCases,
    PreviewCure,
    SearchCases,
    TakeCase,
)
from paycore.api.door import Plain, door_of, read
from paycore.api.paging import query_of
from paycore.cures import acting, service
from paycore.cures.acting import Act, Given, Task
from paycore.cures.document import (
    DeskCase,
    DeskCaseDetails,
    DeskCure,
    case_of,
    details_of,
    given,
    id_of,
)
from paycore.desk import queries
from paycore.kernel.errors import (
    BadRequest,
    BizCheckError,
    DataNotExist,
    PreviewStale,
    SecondPerson,
)
from paycore.operators.log import Deed
from paycore.operators.roles import May

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")

_SEARCH = Shape(SearchCases)
_TAKE = Shape(TakeCase)
_PREVIEW = Shape(PreviewCure)
_APPROVE = Shape(ApproveCure)


@get(
    "/v1/desk/cases",
    opt={
        "call": Call(
            name="searchCases",
            summary="Cases of the exception desk, the oldest first",
            asks=SearchCases,
            gives=((200, DeskCases),),
            may=May.READ,
        )
    },
)
async def search_cases(request: Plain) -> Response[bytes]:
    """Cases, the oldest first."""
    await operator_of(request)
    door = door_of(request)
    asked = _SEARCH.convert(query_of(request))
    rows = await read(
        door,
        queries.cases(
            door.pool,
            status=asked.status,
            kind=asked.kind,
            pay_order_no=asked.pay_order_no,
            owner=asked.owner,
            after=None if asked.cursor is None else _after(asked.cursor),
            limit=asked.limit + 1,
        ),
    )
    items = [case_of(row) for row in rows[: asked.limit]]
    more = len(rows) > asked.limit
    return found(DeskCases(items=items, next=items[-1].case_ref if more else None))


@get(
    "/v1/desk/cases/{case_ref:str}",
    opt={
        "call": Call(
            name="getCase",
            summary="One case, its evidence, masked, and all that was done about it",
            gives=((200, DeskCaseDetails),),
            refuses=(DataNotExist,),
            may=May.READ,
        )
    },
)
async def get_case(request: Plain, case_ref: str) -> Response[bytes]:
    """One case with all that was done about it."""
    await operator_of(request)
    node, case_id = door_of(request).node, id_of(case_ref)
    return found(details_of(await service.history(node, case_id)))


@posted(
    "/v1/desk/cases/{case_ref:str}/take",
    status_code=200,
    opt={
        "call": Call(
            name="takeCase",
            summary="Make a case yours",
            takes=TakeCase,
            gives=((200, DeskCase),),
            refuses=(DataNotExist, BizCheckError),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def take_case(request: Plain, case_ref: str) -> ASGIApp:
    """Make a case yours."""
    doing = await doing_of(request)
    asked = _TAKE.decode(doing.body)
    case_id, who = id_of(case_ref), doing.operator.name
    return await _acted(
        *(request, doing, (case_id, doing.deed(case_id, asked.why))),
        lambda also: service.take(
            doing.door.node, case_id, who=who, why=asked.why, also=also
        ),
    )


@posted(
    "/v1/desk/cases/{case_ref:str}/cures",
    opt={
        "call": Call(
            name="previewCure",
            summary="Say what a cure would do; it is kept, and nothing is done",
            takes=PreviewCure,
            gives=((201, DeskCure),),
            refuses=(DataNotExist, BizCheckError),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def preview_cure(request: Plain, case_ref: str) -> ASGIApp:
    """Say what a cure would do."""
    doing = await doing_of(request)
    asked = _PREVIEW.decode(doing.body)
    case_id, who = id_of(case_ref), doing.operator.name
    place = (doing.door.node, doing.door.pool, case_id)
    return await _acted(
        *(request, doing, (case_id, doing.deed(case_id, asked.why, cure=asked.cure))),
        lambda also: service.preview(
            *place, asked.cure, who=who, why=asked.why, also=also
        ),
        status=201,
    )


@posted(
    "/v1/desk/cases/{case_ref:str}/cures/{number:str}/approve",
    status_code=200,
    opt={
        "call": Call(
            name="approveCure",
            summary="Approve what somebody else has previewed",
            takes=ApproveCure,
            gives=((200, DeskCure),),
            refuses=(DataNotExist, SecondPerson),
            keyed=True,
            may=May.APPROVE,
        )
    },
)
async def approve_cure(request: Plain, case_ref: str, number: str) -> ASGIApp:
    """Approve what somebody else has previewed."""
    doing = await doing_of(request)
    asked = _APPROVE.decode(doing.body)
    case_id, who = id_of(case_ref), doing.operator.name
    place = (doing.door.node, case_id, _number(number))
    return await _acted(
        *(
            request,
            doing,
            (case_id, doing.deed(case_id, asked.why, cure=_number(number))),
        ),
        lambda also: service.approve(*place, who=who, why=asked.why, also=also),
    )


@posted(
    "/v1/desk/cases/{case_ref:str}/cures/{number:str}/execute",
    status_code=200,
    opt={
        "call": Call(
            name="executeCure",
            summary="Do what was previewed, once",
            gives=((200, DeskCure),),
            refuses=(DataNotExist, BizCheckError, SecondPerson, PreviewStale),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def execute_cure(request: Plain, case_ref: str, number: str) -> ASGIApp:
    """Do what was previewed, once."""
    doing = await doing_of(request)
    refuse_content(doing.body)
    case_id, who = id_of(case_ref), doing.operator.name
    place = (doing.door.node, doing.door.pool, case_id, _number(number))
    return await _acted(
        *(request, doing, (case_id, doing.deed(case_id, cure=_number(number)))),
        lambda also: service.execute(*place, who=who, also=also),
    )


async def _acted(
    request: Plain,
    doing: Doing,
    about: tuple[str, Deed],
    act: Act,
    *,
    status: int = 200,
) -> ASGIApp:
    node, (case_id, deed) = doing.door.node, about

    def answer_of(row: Given, no: str | None) -> tuple[int, bytes]:
        return status, encode(given(row, no))

    task = Task(case_id=case_id, deed=deed, act=act, answer_of=answer_of)
    said = await acting.once(node, doing.operator, doing.claim(), task)
    return kept(request, said)


def _after(cursor: str) -> str:
    try:
        return id_of(cursor)
    except DataNotExist:
        raise BadRequest(
            "cursor is not one of ours.", "cursor 无效", field="cursor"
        ) from None


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise DataNotExist("There is no such preview.", "处理预览不存在")
    return int(text)

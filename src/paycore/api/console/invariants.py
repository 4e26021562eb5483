"""What must always hold: what the last audit said, and one more."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from litestar import Response, get, post
from litestar.types import ASGIApp

from paycore.api.acting import Told, begun, doing_of
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.schema import Because
from paycore.api.console.setup_schema import (
    ConsoleInvariant,
    ConsoleInvariants,
    WorkBegun,
)
from paycore.api.console.works import fresh
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Door, Plain, door_of, read
from paycore.audit import service as audit
from paycore.audit.catalogue import CATALOGUE
from paycore.audit.report import ROUND, Found, summary
from paycore.kernel.errors import TooMany
from paycore.kernel.terms import Json
from paycore.operators import queries, works
from paycore.operators.queries import Work
from paycore.operators.roles import May
from paycore.operators.works import Came, Tell

_RUN = "runInvariants"
_TOLD_EVERY_S = 1.0

_BECAUSE = Shape(Because)


@get(
    "/v1/console/invariants",
    opt={
        "call": Call(
            name="listInvariants",
            summary="What must always hold, and what the last audit said of each",
            gives=((200, ConsoleInvariants),),
            may=May.READ,
        )
    },
)
async def list_invariants(request: Plain) -> Response[bytes]:
    """Every invariant with its last verdict."""
    await operator_of(request)
    door = door_of(request)
    audits = await read(door, queries.newest_works(door.pool, (ROUND, _RUN)))
    verdicts = _newest(audits)
    items = [
        ConsoleInvariant(
            id=one.id,
            says=one.holds,
            state=_state(verdicts.get(one.id), shown=bool(one.checks)),
            found=verdicts[one.id].found if one.id in verdicts else 0,
            at=verdicts[one.id].at if one.id in verdicts else None,
            otherwise=one.otherwise,
        )
        for one in CATALOGUE
    ]
    window_s = door.node.settings.audit_window_s
    return found(ConsoleInvariants(items=items, next=None, window_s=window_s))


@post(
    "/v1/console/invariants/runs",
    opt={
        "call": Call(
            name=_RUN,
            summary="Audit the recent past and what is open now",
            takes=Because,
            gives=((201, WorkBegun),),
            refuses=(TooMany,),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def run_invariants(request: Plain) -> ASGIApp:
    """Begin an audit; it goes on after the answer."""
    doing = await doing_of(request)
    asked = _BECAUSE.decode(doing.body)
    door = doing.door

    async def refuse() -> None:
        """It may always be begun: it only reads."""

    async def run(tell: Tell) -> Came:
        return await _audited(door, tell)

    async def work(since: datetime) -> Told:
        row = fresh(doing, since, total=audit.steps())
        return Told.made(
            WorkBegun(work_id=(await works.begin(door.node, row, run)).work_id)
        )

    deed = doing.deed("invariants", asked.why)
    return await begun(request, doing, deed, work, refuse=refuse)


async def _audited(door: Door, tell: Tell) -> Came:
    """Audit beside the payments, and tell every second how far it is."""
    node, asked = door.node, 0

    def told(_: str) -> None:
        nonlocal asked
        asked += 1

    async with audit.lent(door.pool) as connection:
        auditing = asyncio.ensure_future(
            audit.audit(
                node,
                connection,
                pace=audit.Pace.BESIDE,
                since=node.now() - timedelta(seconds=node.settings.audit_window_s),
                with_open=True,
                texts_since=node.now() - timedelta(hours=1),
                told=told,
            )
        )
        try:
            while not auditing.done():
                await asyncio.wait([auditing], timeout=_TOLD_EVERY_S)
                await tell(asked)
            report = auditing.result()
        finally:
            auditing.cancel()
    said = f"{report.violations} violations, {report.unanswered} without an answer"
    result = Json(msgspec.json.encode(summary(report)).decode())
    return Came(said=said, result=result)


def _newest(audits: Sequence[Work]) -> dict[str, Found]:
    """Of each invariant the verdict of the newest audit."""
    verdicts: dict[str, Found] = {}
    for row in sorted(audits, key=lambda row: row.begun_at):
        if row.result is not None:
            of = msgspec.json.decode(row.result, type=list[Found])
            verdicts.update({one.id: one for one in of})
    return verdicts


def _state(verdict: Found | None, *, shown: bool) -> str:
    if not shown:
        return "ELSEWHERE"
    if verdict is None:
        return "NOT_ASKED"
    if verdict.found:
        return "VIOLATED"
    return "UNANSWERED" if verdict.unanswered else "HOLDS"

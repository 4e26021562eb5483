"""A payment's story, for people who must find out what went wrong with it.

Everything that anybody knows of it in order of time: the timeline, the rows as they
stand, the banks' moves, the notices that came, what its caller heard, and what was
killed around it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from paycore.bench.drills.kill import queries
from paycore.bench.drills.kill.compare import Theirs
from paycore.bench.drills.kill.heard import Said
from paycore.bench.drills.kill.strikes import Struck
from paycore.core.timeline import timeline
from paycore.kernel.clock import utc_from_unix
from paycore.kernel.node import Node
from paycore.kernel.terms import PayOrderNo

AROUND = timedelta(seconds=3)
"""What was killed so long before its beginning may still matter."""

Line = tuple[datetime, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """Who is asked."""

    node: Node
    pool: queries.Pool
    theirs: Theirs
    answers: Sequence[Said]
    struck: Sequence[Struck]


async def story(of: Witnesses, pay_order_no: str) -> str:
    """All of it, one line each."""
    lines = [
        *(await _timeline(of, pay_order_no)),
        *(await _rows(of, pay_order_no)),
        *_strangers(of.theirs, pay_order_no),
        *_heard(of.answers, pay_order_no),
    ]
    lines += _struck(of.struck, lines)
    return "\n".join(f"{at:%H:%M:%S.%f}  {said}" for at, said in sorted(lines))


async def _timeline(of: Witnesses, no: str) -> list[Line]:
    items = await timeline(of.node, PayOrderNo(no))
    return [
        (item.at, f"{item.kind:<10} {item.title}  {_json(item.detail)}")
        for item in items
    ]


async def _rows(of: Witnesses, no: str) -> list[Line]:
    rows = await queries.rows_of(of.pool, no)
    return [(at, f"row        {title}  {detail}") for at, title, detail in rows]


def _strangers(theirs: Theirs, no: str) -> Iterable[Line]:
    for move in theirs.moves:
        if move.pay_order_no == no:
            yield utc_from_unix(move.at_ms / 1000), f"bank       {_json(move)}"
    for came in theirs.came:
        if came.pay_order_no == no:
            yield utc_from_unix(came.at_ms / 1000), f"came       {_json(came)}"


def _heard(answers: Iterable[Said], no: str) -> Iterable[Line]:
    for said in answers:
        if no.encode() in said.body:
            text = said.body.decode(errors="replace")
            heard = f"{said.status} {said.path} under {said.key}  {text}"
            yield utc_from_unix(said.at), f"heard      {heard}"


def _struck(struck: Iterable[Struck], lines: Sequence[Line]) -> list[Line]:
    """What was killed while the payment lived."""
    if not lines:
        return []
    first, last = min(lines)[0] - AROUND, max(lines)[0]
    moments = ((utc_from_unix(each.at), each) for each in struck)
    return [
        (at, f"STRUCK     {each.name}, {each.what}")
        for at, each in moments
        if first <= at <= last
    ]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

"""How payments go, and what waits, for operators who look every two seconds."""

import asyncio
from dataclasses import dataclass, field

import msgspec
from litestar import Response, get

from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.payments_schema import CasesOfKind, ConsoleOverview, Waits
from paycore.api.contract import Call
from paycore.api.door import READ_WITHIN_S, Door, Plain, door_of, read
from paycore.api.queries import Waiting, backlog
from paycore.core.overview import service
from paycore.operators.roles import May

GOOD_FOR_S = 1.0
"""So long an answer is given again, to whoever asks this node."""


@dataclass(slots=True)
class Seen:
    """The last answer of a node, and whose turn it is to make the next."""

    answer: ConsoleOverview | None = None
    good_until: float = 0.0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@get(
    "/v1/console/overview",
    opt={
        "call": Call(
            name="getOverview",
            summary="How payments go just now and today, and what waits",
            gives=((200, ConsoleOverview),),
            may=May.READ,
        )
    },
)
async def get_overview(request: Plain) -> Response[bytes]:
    """How payments go; whoever comes meanwhile waits for one look."""
    await operator_of(request)
    door = door_of(request)
    seen = door.node.state(Seen)
    async with seen.turn:
        now = door.node.clock.monotonic()
        if seen.answer is None or now >= seen.good_until:
            seen.answer = await _look(door)
            seen.good_until = door.node.clock.monotonic() + GOOD_FOR_S
    return found(seen.answer)


async def _look(door: Door) -> ConsoleOverview:
    figures = await read(door, service.overview(door.node, door.pool))
    waits = await read(door, backlog(door.pool, within_s=READ_WITHIN_S))
    return ConsoleOverview(
        **msgspec.structs.asdict(figures),
        unknown=_waits(waits.unknown_legs),
        due=_waits(waits.due),
        notices=_waits(waits.notices),
        cases=[
            CasesOfKind(kind=kind, number=number)
            for kind, number in sorted(waits.cases.items())
        ],
    )


def _waits(found_waiting: Waiting) -> Waits:
    return Waits(number=found_waiting.number, oldest_s=found_waiting.age_s)

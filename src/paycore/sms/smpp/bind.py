"""A bind that is kept: made, made again after it was lost, and let go of in the end.

Each node has one of its own at each line. What it is for is read in `carriers/smpp.py`;
that texts leave over it only while it stands is what makes NOT_SENT certain.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from paycore.kernel import log
from paycore.kernel.http import NotSent
from paycore.kernel.node import Node
from paycore.kernel.stream import Place
from paycore.sms.carrier import Line
from paycore.sms.smpp import pdu as wire
from paycore.sms.smpp.pdu import Login, Pdu
from paycore.sms.smpp.session import ANSWER_WITHIN_S, Session, Take

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Between two tries: doubled each time, until a bind has stood for the longest."""

GOODBYE_S = 0.5
"""For the answers to what was asked, and to our unbind: a stopping node has little."""

WRONG_LOGIN = frozenset({0x0D, 0x0E, 0x0F})
"""Refused for good: asking again soon only gets the account locked."""

TakeFor = Callable[[Line, bytes], Awaitable[int]]
"""Takes what was delivered over a line's bind, and gives the status of the answer."""

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Where and as whom to bind, and how the bind is to be used."""

    place: Place
    login: Login
    window: int
    enquire_link_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbound:
    """Why there is no bind."""

    reason: str
    connected: bool = True
    """Whether somebody was there at all."""
    status: int | None = None
    """The centre's, where it refused."""


async def dial(node: Node, terms: Terms, carrier: str, take: Take) -> Session | Unbound:
    """Connect and bind, once."""
    stream = await node.transport.connect(terms.place)
    if isinstance(stream, NotSent):
        return Unbound(reason=stream.reason, connected=False)
    session = Session(
        node.clock, stream, carrier=carrier, window=terms.window, take=take
    )
    bound = False
    try:
        heard = await session.ask(
            wire.BIND_TRANSCEIVER,
            wire.bind_body(terms.login),
            within_s=ANSWER_WITHIN_S,
        )
        bound = isinstance(heard, Pdu) and heard.status == wire.ROK
    finally:
        if not bound:
            await session.close()
    if not isinstance(heard, Pdu):
        return Unbound(reason=heard.reason)
    if bound:
        return session
    name = wire.STATUSES.get(heard.status, "")
    return Unbound(
        reason=f"bind refused: {wire.named(heard.status)} {name}".strip(),
        status=heard.status,
    )


class Bind:
    """One line's bind at one node."""

    def __init__(self, node: Node, line: Line, terms: Terms, take: TakeFor) -> None:
        self.line = line
        self._node, self._terms, self._take = node, terms, take
        self._session: Session | None = None
        self._stands = asyncio.Event()
        self._why = "not bound yet"
        self._again_at: float | None = None
        """When the next try begins, while it is waited for."""
        self.task = asyncio.create_task(self._keep())

    def serves(self, line: Line) -> bool:
        """Whether it is to the same place and as the same client."""
        ours = (self.line.base_url, self.line.config)
        return ours == (line.base_url, line.config)

    async def session(self, within_s: float) -> Session | NotSent:
        """The connection, bound; waited for where it may still come in time."""
        until = self._node.clock.monotonic() + within_s
        if self._again_at is not None and self._again_at >= until:
            return NotSent(reason=self._why)
        try:
            async with self._node.clock.timeout(within_s):
                await self._stands.wait()
        except TimeoutError:
            return NotSent(reason=self._why)
        return self._session or NotSent(reason=self._why)

    async def _keep(self) -> None:
        """Bind, and bind again, until cancelled."""
        clock, wait_s = self._node.clock, FIRST_WAIT_S
        while True:
            began = clock.monotonic()
            try:
                ended = await self._once()
            except Exception:  # noqa: BLE001 - the next try may go well
                _log.exception("carrier_broke", carrier=self.line.carrier)
                ended = Unbound(reason="broken; see the log")
            if ended.status in WRONG_LOGIN:
                wait_s = LONGEST_WAIT_S
            elif clock.monotonic() - began >= LONGEST_WAIT_S:
                wait_s = FIRST_WAIT_S
            self._why, self._again_at = ended.reason, clock.monotonic() + wait_s
            _log.warning(
                "smpp_unbound",
                carrier=self.line.carrier,
                why=ended.reason,
                again_in_s=wait_s,
            )
            await clock.sleep(wait_s)
            self._again_at = None
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _once(self) -> Unbound:
        """One connection, from its opening to its end."""
        carrier = self.line.carrier
        session = await dial(self._node, self._terms, carrier, self._taken)
        if isinstance(session, Unbound):
            return session
        _log.info("smpp_bound", carrier=carrier)
        self._session = session
        self._stands.set()
        try:
            return Unbound(reason=await session.keep(self._terms.enquire_link_s))
        finally:
            self._stands.clear()
            self._session = None
            await session.leave(GOODBYE_S)

    async def _taken(self, body: bytes) -> int:
        return await self._take(self.line, body)


@dataclass(slots=True)
class Binds:
    """A node's binds."""

    _standing: dict[str, Bind] = field(default_factory=dict)
    """By the name of the carrier."""
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    def of(self, line: Line) -> Bind | None:
        """The bind over which a line's texts go."""
        bind = self._standing.get(line.carrier)
        return bind if bind is not None and bind.serves(line) else None

    def keep(self, lines: Sequence[Line], begin: Callable[[Line], Bind]) -> None:
        """Have a bind for each of these lines and no other."""
        wanted = {line.carrier: line for line in lines}
        for carrier, bind in tuple(self._standing.items()):
            if carrier in wanted and bind.serves(wanted[carrier]):
                bind.line = wanted[carrier]
            else:
                self._leave(carrier)
        for carrier, line in wanted.items():
            if carrier not in self._standing:
                self._standing[carrier] = begin(line)

    async def close(self) -> None:
        """Let go of all of them."""
        for carrier in tuple(self._standing):
            self._leave(carrier)
        if self._leaving:
            await asyncio.wait(self._leaving)

    def _leave(self, carrier: str) -> None:
        """Say goodbye, in a task of its own."""
        task = self._standing.pop(carrier).task
        task.cancel()
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

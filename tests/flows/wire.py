"""The wire between one node and PostgreSQL, in the test's hands.

It reads what the node says to the server and strikes where a transaction has said
certain words: at its COMMIT (before it gets there, after it, or with the old connection
left open behind), or at a statement. A group that is asked for in one way to the server
is committed by the Sync that ends it. Everything on both sides of it is real.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from stack import Stack

from paycore.dev.processes import NodeProcess, free_port, start_node
from paycore.dev.stack import settings_of
from paycore.kernel.journal_oneway import CALLED

REACHED_WITHIN_S = 60.0
COMMIT = b"COMMIT\0"
BEGIN = b"BEGIN\0"
READY, ERROR = b"Z\0\0\0\x05", b"E"
"""How the last message of an answer begins, and the kind of a refusal."""
GROUP = CALLED.encode()
"""So the name of a statement begins that writes a whole group."""

BEFORE, AFTER, OPEN = "before", "after", "open"
"""Where a COMMIT is struck: it never arrives; it is done and nobody hears of it; it
never arrives and the server is left waiting for it.
"""


@dataclass(eq=False)
class Strike:
    """One thing that will happen, once its words have been said."""

    words: tuple[bytes, ...]
    at: str
    hold: bool
    """Keep the node waiting instead of cutting it off."""
    reached: threading.Event = field(default_factory=threading.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def wait(self) -> None:
        """Until it has happened."""
        assert self.reached.wait(REACHED_WITHIN_S), self.words


@dataclass
class Stall:
    """Statements that wait before the server sees them."""

    fragment: bytes
    seconds: float
    left: int
    struck: int = 0


class Wire:
    """A listener on loopback that carries connections to a server's socket."""

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        query = parse_qs(parts.query)
        self._socket = str(Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}")
        self._strikes: list[Strike] = []
        self._stalls: list[Stall] = []
        self._tasks: set[asyncio.Task] = set()
        self.commits = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        port = self._server.sockets[0].getsockname()[1]
        user = parts.netloc.partition("@")[0] or "paycore"
        self.dsn = f"postgresql://{user}@127.0.0.1:{port}{parts.path}?sslmode=disable"

    # What the test asks for

    def hold(self, *words: str, at: str) -> Strike:
        """Keep the node waiting at the COMMIT of what says these words."""
        return self._strike(words, at, hold=True)

    def cut(self, *words: str, at: str) -> Strike:
        """Cut the node off at the COMMIT of what says these words."""
        return self._strike(words, at, hold=False)

    def _strike(self, words: tuple[str, ...], at: str, *, hold: bool) -> Strike:
        strike = Strike(tuple(word.encode() for word in words), at, hold)
        self._strikes.append(strike)
        return strike

    def stall(self, fragment: str, seconds: float, *, times: int = 1) -> Stall:
        """Let the next statements with this in their text wait."""
        stall = Stall(fragment.encode(), seconds, times)
        self._stalls.append(stall)
        return stall

    def drop(self, strike: Strike) -> None:
        """Let the server, too, know that a held connection is gone."""
        self._loop.call_soon_threadsafe(strike.over.set)

    # How it is carried

    async def _serve(self, reader, writer) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        there, here = await asyncio.open_unix_connection(self._socket)
        link = Link(there, here, writer)
        answers = asyncio.create_task(link.carry_answers())
        try:
            await self._carry(reader, link)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            answers.cancel()
            here.close()
            writer.close()
            self._tasks.discard(task)

    async def _carry(self, reader, link: "Link") -> None:
        length = await reader.readexactly(4)
        await link.pass_on(length + await reader.readexactly(_left(length)))
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(_left(head[1:]))
            link.listen(head[:1], body)
            await self._perhaps_stall(link)
            if link.commits(head[:1], body):
                self.commits += 1
                strike = self._struck(link.said)
                if strike is not None:
                    if await link.struck(strike, head + body):
                        return
                    self._strikes.append(strike)
                    continue
            await link.pass_on(head + body)

    def _struck(self, said: bytes) -> Strike | None:
        for strike in self._strikes:
            if all(word in said for word in strike.words):
                self._strikes.remove(strike)
                return strike
        return None

    async def _perhaps_stall(self, link: "Link") -> None:
        for stall in self._stalls:
            if stall.left and link.statement and stall.fragment in link.statement:
                stall.left -= 1
                stall.struck += 1
                await asyncio.sleep(stall.seconds)

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _end(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        """Cut everything."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


class Link:
    """One connection: what was said on it since BEGIN, and its answers."""

    def __init__(self, there, here, writer) -> None:
        self._there, self._here, self._writer = there, here, writer
        self._texts: dict[bytes, bytes] = {}
        self._heard = asyncio.Event()
        self._deaf = False
        self._answer = b""
        self._whole = False
        self.said = b""
        self.statement = b""
        """The text of the statement that is asked for right now."""

    def listen(self, kind: bytes, body: bytes) -> None:
        """Note what is said."""
        self.statement = b""
        if kind == b"P":
            name, _, rest = body.partition(b"\0")
            self._texts[name] = rest.partition(b"\0")[0]
        elif kind == b"B":
            name = body.split(b"\0", 2)[1]
            self.statement = self._texts.get(name, b"")
            self._whole = name.startswith(GROUP)
            if self._whole:
                self.said = b""
            self.said += self.statement + body
        elif kind == b"Q" and body.startswith(BEGIN):
            self.said = b""

    def commits(self, kind: bytes, body: bytes) -> bool:
        """Whether this commits what was said."""
        if kind == b"S" and self._whole:
            self._whole = False
            return True
        return kind == b"Q" and body == COMMIT

    async def pass_on(self, octets: bytes) -> None:
        """To the server."""
        self._here.write(octets)
        await self._here.drain()

    async def carry_answers(self) -> None:
        """To the node, for as long as it may hear."""
        with suppress(OSError):
            while octets := await self._there.read(65536):
                if not self._deaf:
                    self._writer.write(octets)
                    continue
                self._answer += octets
                if self._answer[-6:-1] == READY:
                    self._heard.set()
        self._writer.close()

    async def struck(self, strike: Strike, commit: bytes) -> bool:
        """Do what is to be done at a COMMIT; the connection ends with it. Not where the
        server refused: the node hears that, and says it again.
        """
        self._deaf = True
        if strike.at == AFTER:
            await self.pass_on(commit)
            await self._heard.wait()
            if ERROR in _kinds(self._answer):
                self._writer.write(self._answer)
                self._deaf, self._answer = False, b""
                self._heard.clear()
                return False
        if not strike.hold:
            self._writer.transport.abort()
        strike.reached.set()
        if strike.hold or strike.at == OPEN:
            await strike.over.wait()
        return True


def _left(length: bytes) -> int:
    return int.from_bytes(length, "big") - 4


def _kinds(answer: bytes) -> Iterator[bytes]:
    """Of the messages in it."""
    at = 0
    while at < len(answer):
        yield answer[at : at + 1]
        at += 1 + int.from_bytes(answer[at + 1 : at + 5], "big")


@contextmanager
def wired(stack: Stack, **settings: object) -> Iterator[tuple[Wire, NodeProcess]]:
    """A node of a stack behind a wire of its own, while the block runs."""
    wire = Wire(stack.on.cluster.dsn)
    port = free_port()
    given = settings_of(stack.on.kept, port=port, **{**stack.overrides, **settings})
    node = start_node(wire.dsn, given)
    stack.nodes.append(node)
    try:
        yield wire, node
    finally:
        if node.alive:
            node.stop()
        wire.close()

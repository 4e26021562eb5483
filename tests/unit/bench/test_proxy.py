"""The proxy breaks a network as it says, over real sockets, and mends it again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from time import perf_counter

import pytest

from paycore.bench.drills.proxy import HOST, Proxy

SOON_S = 30.0
A_MOMENT_S = 0.15


class Echo:
    """A server that says back whatever it hears, and keeps it."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.left = 0
        self.port = 0

    async def serve(self) -> asyncio.Server:
        """Listen at a free port."""
        server = await asyncio.start_server(self._answer, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _answer(self, reader, writer) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        self.left += 1
        writer.transport.abort()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    """The server behind the proxy."""
    made = Echo()
    server = await made.serve()
    yield made
    server.close()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    """A proxy before it."""
    made = await Proxy.open(HOST, echo.port)
    yield made
    await made.close()
    await asyncio.sleep(0.01)


class Caller:
    """Who connects to the proxy."""

    def __init__(self, reader, writer) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes) -> bytes:
        """Something there, and as much back."""
        self.writer.write(data)
        return await self.answer(len(data))

    async def answer(self, octets: int) -> bytes:
        """What comes back."""
        return await asyncio.wait_for(self.reader.readexactly(octets), SOON_S)


@pytest.fixture
async def call(proxy: Proxy) -> AsyncIterator[Callable[[], Awaitable[Caller]]]:
    """Connect, as often as wanted; all hang up in the end."""
    made: list[Caller] = []

    async def connect(to: Proxy = proxy) -> Caller:
        made.append(Caller(*await asyncio.open_connection(HOST, to.port)))
        return made[-1]

    yield connect
    for caller in made:
        caller.writer.transport.abort()
    await asyncio.sleep(0.01)


async def until(true) -> None:
    """Wait until something holds."""
    deadline = perf_counter() + SOON_S
    while not true():
        assert perf_counter() < deadline
        await asyncio.sleep(0.01)


async def test_in_good_weather_everything_goes_through(proxy: Proxy, echo: Echo, call):
    """Both ways, in order, however much of it; and a good-bye is passed on."""
    caller = await call()
    much = bytes(range(256)) * 20_000

    assert b"one" == await caller.ask(b"one")
    assert much == await caller.ask(much)
    caller.writer.close()
    await until(lambda: echo.left == 1)

    assert b"one" + much == echo.heard


async def test_a_cut_resets_every_connection_at_once(proxy: Proxy, echo: Echo, call):
    """Callers hear a reset, the other side too; the next call is a good one."""
    callers = [await call() for _ in range(3)]
    for caller in callers:
        await caller.ask(b"before")

    cut = proxy.cut()

    assert 3 == cut
    for caller in callers:
        with pytest.raises(ConnectionResetError):
            await caller.answer(1)
    await until(lambda: echo.left == 3)
    assert b"after" == await (await call()).ask(b"after")


async def test_what_is_refused_never_connects(proxy: Proxy, call):
    """New callers are refused until it is healed; who was connected goes on."""
    before = await call()
    await before.ask(b"before")

    await proxy.refuse()

    with pytest.raises(ConnectionRefusedError):
        await call()
    assert b"still" == await before.ask(b"still")
    await proxy.heal()
    assert b"after" == await (await call()).ask(b"after")


async def test_a_swallowed_call_is_accepted_and_comes_late(
    proxy: Proxy, echo: Echo, call
):
    """Nothing goes through either way, to old callers and new; healed, all of it."""
    before = await call()
    await before.ask(b"before")

    proxy.swallow()
    fresh = await call()
    for caller in (before, fresh):
        caller.writer.write(b"late")
    await asyncio.sleep(A_MOMENT_S)

    assert b"before" == echo.heard
    await proxy.heal()
    assert b"late" == await before.answer(4)
    assert b"late" == await fresh.answer(4)


async def test_an_answer_too_can_be_swallowed(proxy: Proxy, echo: Echo, call):
    """What was asked has gone through, and what comes back waits until it is healed."""
    caller = await call()
    await caller.ask(b"before")

    proxy.watch(b"asked", proxy.swallow)
    caller.writer.write(b"asked")
    await until(lambda: echo.heard.endswith(b"asked"))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(caller.reader.readexactly(5), A_MOMENT_S)
    await proxy.heal()
    assert b"asked" == await caller.answer(5)


@pytest.mark.parametrize("connected_before", [True, False])
async def test_who_leaves_does_not_take_back_what_he_said(
    proxy: Proxy, echo: Echo, call, *, connected_before: bool
):
    """A request that is late arrives though its caller gave up: networks do that."""
    if connected_before:
        caller = await call()
        await caller.ask(b"before")
    proxy.swallow()
    if not connected_before:
        caller = await call()
    caller.writer.write(b"take my money")
    await asyncio.sleep(A_MOMENT_S)
    caller.writer.close()
    await asyncio.sleep(A_MOMENT_S)

    await proxy.heal()

    await until(lambda: echo.heard.endswith(b"take my money"))
    await until(lambda: echo.left == 1)


async def test_what_is_cut_while_swallowed_never_arrives(
    proxy: Proxy, echo: Echo, call
):
    """A cut forgets what was under way."""
    proxy.swallow()
    caller = await call()
    caller.writer.write(b"lost")
    await asyncio.sleep(A_MOMENT_S)

    proxy.cut()
    await proxy.heal()

    with pytest.raises(ConnectionResetError):
        await caller.answer(4)
    await asyncio.sleep(A_MOMENT_S)
    assert b"" == echo.heard


@pytest.mark.parametrize(
    ("there_s", "back_s"), [(0.2, 0.0), (0.0, 0.2), (0.1, 0.1)], ids=str
)
async def test_a_delay_is_added_to_its_direction(
    proxy: Proxy, echo: Echo, there_s: float, back_s: float, call
):
    """Each way has its own, order is kept, and none is left when it is healed."""
    caller = await call()
    await caller.ask(b"before")

    proxy.delay(there_s=there_s, back_s=back_s)
    began = perf_counter()
    caller.writer.write(b"a")
    caller.writer.write(b"b")
    await until(lambda: echo.heard.endswith(b"ab"))
    arrived_s = perf_counter() - began

    assert b"ab" == await caller.answer(2)
    assert there_s <= arrived_s + 0.02
    assert 0.2 <= perf_counter() - began
    await proxy.heal()
    took_s = []
    for _ in range(50):
        began = perf_counter()
        await caller.ask(b"after")
        took_s.append(perf_counter() - began)
    assert min(took_s) < 0.1


async def test_an_answer_is_lost_after_the_request_went_through(
    proxy: Proxy, echo: Echo, call
):
    """So many times: the other side has acted, the caller hears a reset."""
    proxy.lose_answers(2)

    for _ in range(2):
        caller = await call()
        with pytest.raises(ConnectionResetError):
            await caller.ask(b"act")
    assert b"act" == await (await call()).ask(b"act")

    assert b"act" * 3 == echo.heard
    assert 2 == proxy.lost_answers


async def test_only_the_answer_to_what_was_named_is_lost(proxy: Proxy, call):
    """Others pass: a COMMIT's answer can be lost alone."""
    proxy.lose_answers(1, after=b"COMMIT")
    caller = await call()

    assert b"BEGIN" == await caller.ask(b"BEGIN")
    with pytest.raises(ConnectionResetError):
        await caller.ask(b"COMMIT")


async def test_what_is_stranded_is_overtaken(proxy: Proxy, echo: Echo, call):
    """One request is held up with its connection, and arrives after later ones, though
    its caller has gone meanwhile.
    """
    proxy.strand(1, (b"PAY", b"DEDUCT"))
    first, other = await call(), await call()
    assert b"HELLO" == await first.ask(b"HELLO")

    first.writer.write(b"PAY 1")
    await asyncio.sleep(A_MOMENT_S)
    assert b"PAY 2" == await other.ask(b"PAY 2")
    assert b"WHAT OF 1?" == await (await call()).ask(b"WHAT OF 1?")
    first.writer.close()
    await proxy.heal()

    await until(lambda: echo.heard.endswith(b"PAY 1"))
    assert b"HELLOPAY 2WHAT OF 1?PAY 1" == echo.heard
    assert 1 == proxy.stranded


async def test_a_watcher_is_called_once_when_it_has_gone_through(
    proxy: Proxy, echo: Echo, call
):
    """At the moment the other side is to hear it; not if it was taken back."""
    seen = []
    proxy.watch(b"COMMIT", lambda: seen.append("once"))
    proxy.watch(b"COMMIT", lambda: seen.append("never"))()
    caller = await call()

    await caller.ask(b"BEGIN")
    assert [] == seen
    await caller.ask(b"COMMIT")
    await caller.ask(b"COMMIT")

    assert ["once"] == seen


async def test_nobody_behind_it_is_a_reset(proxy: Proxy, call):
    """Where the other side is gone the caller is not left waiting."""
    proxy.upstream = (HOST, 1)

    with pytest.raises(ConnectionResetError):
        await (await call()).ask(b"anybody?")


async def test_the_death_of_the_other_side_is_passed_on(echo: Echo, call):
    """A server that ends its connections ends them for the callers too."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0)
    proxy = await Proxy.open(HOST, server.sockets[0].getsockname()[1])

    caller = await call(proxy)

    assert b"" == await asyncio.wait_for(caller.reader.read(1), SOON_S)
    await proxy.close()
    server.close()

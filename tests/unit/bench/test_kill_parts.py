"""A node that does not start is found, unless something was in its way."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from paycore.bench.drills.kill import parts as module
from paycore.bench.drills.kill.parts import Parts, Place
from paycore.bench.drills.proxy import Proxy
from paycore.kernel.errors import Misconfigured


def do_nothing(_: Parts, __: Place) -> None:
    """Nothing is in the way."""


def shoot(made: Parts, _: Place) -> None:
    """The database is killed, and is back before the start has failed."""
    made.shots += 1


def cut(_: Parts, place: Place) -> None:
    """The node's connections are reset."""
    place.proxy.cut()


def delay(_: Parts, place: Place) -> None:
    """All that the node says is late."""
    place.proxy.delay(there_s=0.1)


def lose(_: Parts, place: Place) -> None:
    """An answer to the node does not come back."""
    place.proxy.lose_answers(1)


def swallow(_: Parts, place: Place) -> None:
    """Nothing passes, until the start has failed."""
    place.proxy.swallow()
    place.proxy.passing.set()


def started(monkeypatch, trouble: Callable[[Parts, Place], None], *, before=False):
    """How many died alone, where the first start of two fails."""
    proxy, tries = Proxy("127.0.0.1", 1), []
    cluster = SimpleNamespace(alive=True, tcp_dsn_of=lambda **_: "")

    async def start() -> int:
        with ThreadPoolExecutor(1) as starter:
            on = SimpleNamespace(cluster=cluster)
            made = Parts(on=on, starter=starter, banks={}, carriers={}, biz=proxy)
            place = Place(number=0, settings=None, proxy=proxy, log=None)

            def start_node(*_: object, **__: object) -> object:
                tries.append(1)
                if len(tries) > 1:
                    return SimpleNamespace(alive=True)
                if not before:
                    trouble(made, place)
                raise Misconfigured("it did not start")

            monkeypatch.setattr(module, "start_node", start_node)
            if before:
                trouble(made, place)
            await made.start(place)
            assert place.up
        return len(made.died_alone)

    return asyncio.run(start())


def test_a_start_that_fails_with_nothing_in_its_way_is_found(monkeypatch):
    """The node is started again all the same."""
    assert 1 == started(monkeypatch, do_nothing)


@pytest.mark.parametrize("trouble", [shoot, cut, delay, lose, swallow])
def test_a_start_may_fail_where_something_is_in_its_way(monkeypatch, trouble):
    """The database dies, or the network breaks, while the node starts."""
    assert 0 == started(monkeypatch, trouble)


@pytest.mark.parametrize("trouble", [delay, lose])
def test_bad_weather_from_before_is_in_the_way_too(monkeypatch, trouble):
    """What began before the start and has not ended."""
    assert 0 == started(monkeypatch, trouble, before=True)


def test_a_node_that_cannot_come_back_is_waited_for_until_its_deadline(monkeypatch):
    """The network stays shut: there is an end to waiting, and it is told when calm is
    wanted, though the waiting was over long before.
    """
    monkeypatch.setattr(module, "READY_WITHIN_S", 0.1)

    async def wait() -> None:
        proxy = Proxy("127.0.0.1", 1)
        on = SimpleNamespace(cluster=SimpleNamespace(alive=True))
        made = Parts(on=on, starter=None, banks={}, carriers={}, biz=proxy)
        node = SimpleNamespace(alive=False, kill=lambda: None)
        place = Place(number=0, settings=None, proxy=proxy, log=None, node=node)
        proxy.swallow()
        made.bury(place, pause_s=0.0)
        await asyncio.wait(made.deaths)
        await asyncio.sleep(0)
        await made.calm()

    with pytest.raises(TimeoutError, match="node 0 does not start"):
        asyncio.run(wait())

import asyncio
import random

import pytest

from paycore.prove.loop import Machine, Stuck, VirtualLoop


def test_time_is_virtual():
    """An hour passes at once, and to the second."""
    loop = VirtualLoop(random.Random(1))
    loop.run(asyncio.sleep(3600))

    assert 3600 == loop.time()


def test_who_waits_for_what_never_comes_is_told():
    """A run that cannot go on ends with an error, not with silence."""
    loop = VirtualLoop(random.Random(1))

    async def wait():
        await loop.create_future()

    with pytest.raises(Stuck):
        loop.run(wait())


def order_of(seed):
    """In which order five who can run at once do so."""
    loop, seen = VirtualLoop(random.Random(seed)), []

    async def one(number):
        await asyncio.sleep(1)
        seen.append(number)

    async def all_of_them():
        await asyncio.gather(*(one(number) for number in range(5)))

    loop.run(all_of_them())
    return seen


def test_the_seed_decides_who_is_first():
    """The same seed gives the same order, another one another."""
    assert order_of(1) == order_of(1)
    assert len({tuple(order_of(seed)) for seed in range(20)}) > 10


def beating(loop, machine, beats, last):
    """Start a task on a machine that counts, and would clean up behind it."""

    async def beat():
        try:
            while True:
                await asyncio.sleep(1)
                beats.append(loop.time())
        finally:
            last.append("cleaned up")

    return loop.create_task(beat(), context=loop.context_of(machine))


def test_a_killed_machine_runs_nothing_more_not_even_what_cleans_up():
    """A `finally` that freed something would make a kill kinder than it is."""
    loop, machine = VirtualLoop(random.Random(1)), Machine("n")
    beats, last = [], []

    async def main():
        beating(loop, machine, beats, last)
        await asyncio.sleep(2.5)
        loop.kill(machine)
        await asyncio.sleep(10)

    loop.run(main())

    assert [1, 2] == beats
    assert not last


def test_a_paused_machine_goes_on_without_knowing():
    """What was due meanwhile runs when it wakes, and not before."""
    loop, machine = VirtualLoop(random.Random(1)), Machine("n")
    beats, last = [], []

    async def main():
        beating(loop, machine, beats, last)
        await asyncio.sleep(1.5)
        loop.pause(machine)
        await asyncio.sleep(10)
        loop.wake(machine)
        await asyncio.sleep(1.5)

    loop.run(main())

    assert [1, 11.5, 12.5] == beats


def test_the_end_lets_go_of_every_task():
    """Nothing of a run is left to the next one."""
    loop, machine = VirtualLoop(random.Random(1)), Machine("n")
    beats, last = [], []

    async def main():
        beating(loop, machine, beats, last)
        await asyncio.sleep(1.5)
        loop.kill(machine)

    loop.run(main())
    loop.end([machine])

    assert not machine.tasks

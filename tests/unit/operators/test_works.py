"""Long work: begun once, told as it goes, and known for lost with its node."""

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from paycore.kernel.errors import BadRequest, TooMany
from paycore.operators import works
from paycore.operators.works import Came, Work, WorkState


def fresh(node, work_id) -> Work:
    """Work that was just asked for."""
    now = node.now()
    return Work(
        work_id=work_id, kind="tried", begun_by="ann", begun_at=now, told_at=now
    )


async def over(node, work_id) -> Work:
    """The row, once its work is over."""
    for _ in range(3000):
        row = await works.one(node, work_id)
        if row.ended_at is not None:
            return row
        await asyncio.sleep(0.02)
    raise AssertionError("it does not end")


async def test_it_is_begun_once_and_told(node):
    """A repeat finds the same work, and what came of it is kept."""
    ran = []

    async def work(tell):
        ran.append(1)
        await tell(7)
        return Came(said="all seven")

    first = await works.begin(node, fresh(node, "wk_1"), work)
    again = await works.begin(node, fresh(node, "wk_1"), work)
    row = await over(node, "wk_1")

    assert first.work_id == again.work_id
    assert [1] == ran
    assert (7, "all seven", False) == (row.done, row.said, row.failed)
    assert WorkState.DONE is works.state(node, row)


async def test_what_breaks_is_a_failure_without_its_words(node):
    """A refusal speaks for itself; a bug's words may repeat what stands in a row."""

    async def refused(_):
        raise BadRequest("not so", field="x")

    async def broken(_):
        raise ValueError("card 6222020200112233446")

    await works.begin(node, fresh(node, "wk_2"), refused)
    await works.begin(node, fresh(node, "wk_3"), broken)
    second, third = await over(node, "wk_2"), await over(node, "wk_3")

    assert (True, "not so") == (second.failed, second.said)
    assert (True, "failed: ValueError") == (third.failed, third.said)
    assert WorkState.FAILED is works.state(node, third)


async def test_silence_is_a_node_that_is_gone(node):
    """Nobody goes on with it, and whoever asks is told."""
    row = fresh(node, "wk_4")
    silent = replace(row, told_at=node.now() - works.SILENT - timedelta(seconds=1))

    assert WorkState.RUNNING is works.state(node, row)
    assert WorkState.LOST is works.state(node, silent)


async def test_work_with_nothing_to_tell_is_not_taken_for_lost(node, monkeypatch):
    """Its node tells that it is still at it, until it is over."""
    monkeypatch.setattr(works, "ALIVE_EVERY_S", 0.02)
    enough = asyncio.Event()

    async def silent(_):
        await enough.wait()
        return Came(said="done")

    row = await works.begin(node, fresh(node, "wk_5"), silent)
    for _ in range(3000):
        told = await works.one(node, "wk_5")
        if told.told_at > row.told_at:
            break
        await asyncio.sleep(0.02)
    enough.set()
    ended = await over(node, "wk_5")
    await asyncio.sleep(0.1)

    assert row.told_at < told.told_at
    assert WorkState.RUNNING is works.state(node, told)
    assert ended == await works.one(node, "wk_5")


async def test_at_once_no_more_begin_than_have_room(node):
    """Who comes with others is told to come again, like who comes after them."""
    enough = asyncio.Event()

    async def waits(_):
        await enough.wait()
        return Came(said="done")

    names = [f"wk_many_{number}" for number in range(2 * works.AT_ONCE)]
    begun = await asyncio.gather(
        *(works.begin(node, fresh(node, name), waits) for name in names),
        return_exceptions=True,
    )
    enough.set()
    refused = [one for one in begun if isinstance(one, TooMany)]
    for one in begun:
        if isinstance(one, Work):
            await over(node, one.work_id)

    assert [works.AT_ONCE, works.AT_ONCE] == [len(refused), len(begun) - len(refused)]


async def test_the_last_of_what_is_done_again_and_again_is_kept(node):
    """One row, however often."""
    for number in range(3):
        row = replace(fresh(node, "round"), ended_at=node.now(), said=f"{number}")
        await works.kept(node, row)

    assert "2" == (await works.one(node, "round")).said

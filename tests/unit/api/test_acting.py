"""Acts with commits of their own: entered before they begin, and done once."""

from datetime import datetime, timedelta
from typing import cast

import msgspec
import pytest
from litestar import Request

from paycore.api.acting import Doing, Told, begun
from paycore.api.console import works
from paycore.api.contract import KEY_AS_SENT
from paycore.api.door import Door
from paycore.core.rows import IdempotencyRow
from paycore.kernel.errors import BizCheckError, DataNotExist, InFlight
from paycore.kernel.lives import Lives
from paycore.operators import service
from paycore.operators.roles import Role
from paycore.operators.rows import EntryRow


class Done(msgspec.Struct, frozen=True):
    """What came of it."""

    times: int


class Work:
    """Something that is done, or dies, or is refused."""

    def __init__(self, *fails: BaseException) -> None:
        self.times, self._fails = 0, list(fails)
        self.since: list[datetime] = []

    async def __call__(self, since: datetime) -> Told:
        """Once more."""
        self.times += 1
        self.since.append(since)
        if self._fails:
            raise self._fails.pop(0)
        return Told.ok(Done(times=self.times))


@pytest.fixture
async def doing(node) -> Doing:
    """An operator who asks for something under a key of his own."""
    name = f"anna-{node.ids.uuid().hex[-8:]}"
    await service.add(node, name, Role.OPERATOR)
    row = await service.live(node, name)
    door = Door(node=node, pool=cast("object", None), metrics=None, ready=None)
    return Doing(
        door=door,
        operator=service.operator_of(row),
        act="closeForTest",
        path="/v1/console/payments/x/close",
        key="one",
        body=b"{}",
    )


async def may_begin() -> None:
    """Nothing is against it."""


async def answered(doing, work, *, refuse=may_begin) -> tuple[int, bytes, bool]:
    """Status and body, and whether it is a replay."""
    request = Request({"type": "http", "state": {KEY_AS_SENT: "one"}})
    answer = await begun(request, doing, doing.deed("x", "so"), work, refuse=refuse)
    replayed = any(name == b"idempotent-replayed" for name, _ in answer.headers)
    return answer.status, answer.body, replayed


async def entries(doing) -> int:
    """How often the log has it."""
    rows = await doing.door.node.journal.every(EntryRow)
    return sum(row.operator == doing.operator.name for row in rows)


async def test_it_is_done_once_and_answered_as_often_as_asked(doing):
    """One entry, one piece of work, the same octets."""
    work = Work()
    first, again = await answered(doing, work), await answered(doing, work)

    assert (200, b'{"times":1}', False) == first
    assert (*first[:2], True) == again
    assert (1, 1) == (work.times, await entries(doing))


async def test_what_may_not_begin_is_not_entered(doing):
    """Neither an entry nor a key; a kept answer is given all the same."""

    async def refuse() -> None:
        raise DataNotExist

    work = Work()
    with pytest.raises(DataNotExist):
        await answered(doing, work, refuse=refuse)
    before = (work.times, await entries(doing))
    await answered(doing, work)

    assert (0, 0) == before
    assert (await answered(doing, work, refuse=refuse))[2]


async def test_what_was_refused_on_the_way_may_be_tried_again(doing):
    """Under the same key at once, with the entry that there is."""
    work = Work(BizCheckError())
    with pytest.raises(BizCheckError):
        await answered(doing, work)

    assert (200, b'{"times":2}', False) == await answered(doing, work)
    assert 1 == await entries(doing)


async def test_what_died_on_the_way_is_taken_over(doing):
    """Not while its life lives; then with no second entry."""
    node, work = doing.door.node, Work(KeyboardInterrupt())
    node.heartbeat.live = Lives(known=(node.epoch,))
    with pytest.raises(KeyboardInterrupt):
        await answered(doing, work)
    with pytest.raises(InFlight):
        await answered(doing, work)
    node.heartbeat.live = Lives()

    assert (200, b'{"times":2}', False) == await answered(doing, work)
    assert 1 == await entries(doing)
    assert 1 == len({works.fresh(doing, one, total=None).work_id for one in work.since})


async def test_a_key_after_its_retention_is_another_act(doing):
    """Entered a second time, and long work is begun a second time."""
    node, work = doing.door.node, Work()
    await answered(doing, work)
    row = await node.journal.load(IdempotencyRow, doing.claim().scope)
    change = node.change()
    over = msgspec.structs.replace(row, expires_at=node.now() - timedelta(seconds=1))
    change.update(over, version=row.version)
    assert await node.journal.commit(change) is None

    assert (200, b'{"times":2}', False) == await answered(doing, work)
    assert 2 == await entries(doing)
    assert 2 == len({works.fresh(doing, one, total=None).work_id for one in work.since})

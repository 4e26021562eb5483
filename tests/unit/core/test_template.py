"""What is answered is what is kept under its key, also when the time is up."""

import asyncio

from a_payment import NO, NOW
from a_run import an_order, run_of
from msgspec.structs import replace

from paycore.core.absorb import load_payment
from paycore.core.keys import Key, KeyClaim
from paycore.core.rows import IdempotencyRow
from paycore.core.template import ServiceCallback, ServiceTemplate
from paycore.kernel.journal_memory import MemoryJournal
from paycore.kernel.lives import Lives
from paycore.kernel.terms import Epoch

CLAIM = KeyClaim(scope=b"s" * 32, fingerprint=b"f" * 32)
DEAD, ALIVE = Epoch(3), Epoch(7)
LATE_S = 1.2
"""Twice what is waited for, and enough to come to it in time."""


class Slow(MemoryJournal):
    """A journal whose answer comes long after what it says was written."""

    late: bool = False

    async def commit(self, change):
        """As its parent; the next one is heard of late."""
        late, self.late = self.late, False
        refused = await super().commit(change)
        if late:
            await asyncio.sleep(LATE_S)
        return refused


class Work(ServiceCallback):
    """Two commits, and then an answer that tells it from DOING."""

    claim = CLAIM
    creates = False
    tries = 3

    def __init__(self, again):
        self.again = again

    def answer_of(self, view):
        """By the step."""
        return 200, view.payment.step.encode()

    async def before_process(self, node):
        """Over what stands."""
        run = await self.again(node)
        run.node = node
        return run

    async def execute(self, run):
        """An intent, whose commit has the key; then the end."""
        run.payment.at_step("begun")
        if run.key.is_stored:
            run.node.journal.late = True
        await run.commit()
        run.payment.at_step("done")

    def had_effect(self, payment, since):
        """What died had done nothing."""
        return False


async def _work(answer_within_s: float):
    """A passage under a key whose node died; what was said, and what is kept."""
    node = (await run_of(an_order())).node
    node.settings = replace(node.settings, answer_within_s=answer_within_s)
    node.journal = Slow(node.journal.store, clock=lambda: NOW)
    node.journal.store.checks = {}
    node.heartbeat.epoch, node.heartbeat.live = DEAD, Lives.of(ALIVE)
    change = node.change()
    change.insert(an_order().row)
    Key.fresh(node, CLAIM, NO).stage(change)
    assert await node.journal.commit(change) is None
    node.heartbeat.epoch = ALIVE

    async def again(at):
        run = await run_of(await load_payment(at, NO))
        run.change = at.change()
        return run

    said = await ServiceTemplate(node, Work(again)).execute()
    await asyncio.sleep(LATE_S)
    return said, await node.journal.load(IdempotencyRow, CLAIM.scope)


async def test_a_key_that_was_taken_over_keeps_the_answer():
    """In time."""
    said, row = await _work(60)

    assert (200, b"done") == (row.status, row.body) == (said.status, said.body)


async def test_what_is_said_while_the_key_is_being_taken_over_is_kept():
    """The time is up when the commit that takes the key over was written and is not
    heard of yet: DOING is refused by it, and once more under the key as it stands.
    """
    said, row = await _work(LATE_S / 2)

    assert (200, b"begun") == (row.status, row.body) == (said.status, said.body)

"""A few simulated worlds that meet most of what the money core does, in a second.

The seeds are fixed: these are not a search for bugs (`paycore prove` is), they are the
worlds in which a changed line of the money core has to show.
"""

import gc
import sys
import warnings
from pathlib import Path

import pytest

from paycore.core.rows import PaymentRow
from paycore.kernel.terms import BizStatus
from paycore.prove.kinds import (
    CALLBACK,
    DATABASE,
    ENQUIRY,
    LINE,
    MONEY,
    NODE,
    PAYER,
    REFUND,
    SEND,
    SETUP,
    TEXT,
    Kind,
)
from paycore.prove.plan import Plan
from paycore.prove.world import World

sys.path.insert(0, str(Path(__file__).parent))  # for what these files share

import books


def plan(seed: int, *strikes: str | Kind, payments: int = 30) -> Plan:
    """A world in which all of these faults strike, and no others."""
    names = tuple(one if isinstance(one, str) else one.name for one in strikes)
    return Plan(seed=seed, payments=payments, only=names, always=names)


AWAY = ("no_quick_route", "send_refused", "send_unanswered")
NO_DEDUCT = (
    *("money_refused", "money_maintenance", "money_declined", "money_lost"),
    *("magic_card", "day_is_full"),
)

PLANS = {
    "calm": plan(1, payments=15),
    "money": plan(2, *MONEY, *ENQUIRY, *CALLBACK, *PAYER),
    "sends": plan(2, *SEND, *TEXT, *SETUP),
    "converted": plan(3, *AWAY, *PAYER, *NO_DEDUCT, payments=40),
    "refused": plan(9, *AWAY, *PAYER, *NO_DEDUCT, payments=40),
    "refunds": plan(7, *LINE, *REFUND, *CALLBACK, "closes", "deducts"),
    # So much goes wrong here that one order in ten is paid.
    "nodes": plan(6, *NODE, *DATABASE, *MONEY, *PAYER, *CALLBACK, payments=80),
}


class First(list):
    """Ends the world with the first thing that goes wrong: the rest adds nothing."""

    def append(self, what: object) -> None:
        """Nobody in the world catches this."""
        raise KeyboardInterrupt(what)


def run(world: World) -> None:
    """Run it to its end, or to the first thing that went wrong."""
    with warnings.catch_warnings(action="ignore"):  # of whom a kill left halfway
        try:
            world.run()
        except KeyboardInterrupt as wrong:
            pytest.fail(str(wrong))
        finally:
            world.loop.broken = []
            gc.collect()


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_world_holds_every_invariant(plan):
    """Whatever strikes, no invariant breaks, everything ends, every row is true."""
    world = World(plan)
    world.loop.broken = First()
    world.oracle.violations = First()
    reader = books.Reader(world.base)
    watching = world.base.watch

    def watch(change, written) -> None:
        watching(change, written)
        for _, row in written:
            try:
                reader.read(row)
            except Exception as wrong:
                raise KeyboardInterrupt(repr(wrong)) from wrong

    world.base.watch = watch
    run(world)

    books.agree(world.base)
    orders = world.base.every(PaymentRow)
    paid = [row for row in orders if row.biz_status is BizStatus.SUCCESS]
    assert paid
    if not plan.always:
        assert orders == paid
        assert len(orders) >= plan.payments

"""One run as a value: the plan in, what was found and how often was looked out."""

import gc
import time
from dataclasses import dataclass

from paycore.core.rows import PaymentRow
from paycore.prove.oracle import Violation
from paycore.prove.plan import Plan
from paycore.prove.verdict import trial_balance
from paycore.prove.world import Record, World

RARELY = 200_000
"""Objects made before the collector looks: a run is over before it matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one run came to."""

    plan: Plan
    payments: int
    steps: int
    virtual_s: float
    cpu_s: float
    hits: dict[str, int]
    checked: dict[str, int]
    violations: tuple[Violation, ...]
    trial_balance: int = 0
    """Debits less credits of all entries in each currency, summed; of the rows."""

    @property
    def broke(self) -> frozenset[str]:
        """The invariants that did not hold."""
        return frozenset(one.invariant for one in self.violations)


def begin_process() -> None:
    """What a process that makes many runs does first."""
    from paycore.prove.stage import stage  # noqa: PLC0415 the set-up takes a moment

    stage()
    gc.freeze()
    gc.set_threshold(RARELY, 20, 20)


def run(plan: Plan) -> Outcome:
    """Make a run; nothing it does can raise."""
    return _run(plan, story=False)[0]


def story(plan: Plan) -> tuple[Outcome, list[Record]]:
    """The same run, told."""
    outcome, world = _run(plan, story=True)
    return outcome, [] if world is None else world.story or []


def _run(plan: Plan, *, story: bool) -> tuple[Outcome, World | None]:
    began = time.process_time()
    world = World(plan, story=story)
    try:
        try:
            world.run()
        except Exception as error:  # noqa: BLE001 whatever it is, it is what was found
            world.oracle.bug(None, error)
        return _outcome(world, cpu_s=time.process_time() - began), world
    finally:
        world.close()


def _outcome(world: World, *, cpu_s: float) -> Outcome:
    return Outcome(
        plan=world.plan,
        payments=len(world.base.every(PaymentRow)),
        steps=world.loop.steps,
        virtual_s=world.loop.time(),
        cpu_s=cpu_s,
        hits={name: n for name, n in world.faults.hits.items() if n > 0},
        checked=dict(world.oracle.checked),
        violations=tuple(world.oracle.violations),
        trial_balance=trial_balance(world),
    )

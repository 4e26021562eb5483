"""A failing run made smaller: fewer payers, fewer faults, as long as it fails alike."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import process_time

from paycore.prove.kinds import BY_NAME
from paycore.prove.plan import Plan
from paycore.prove.run import Outcome, run

MOST_RUNS = 120
MOST_CPU_S = 40.0
"""How much smaller it gets is worth a minute."""


def shrunk(failed: Outcome, make: Callable[[Plan], Outcome] = run) -> Outcome:
    """The smallest run that was found to break one of the same invariants."""
    best, left, until = failed, MOST_RUNS, process_time() + MOST_CPU_S
    wanted = failed.broke
    improved = True
    while improved and left > 0 and process_time() < until:
        improved = False
        for plan in _smaller(best):
            left -= 1
            tried = make(plan)
            if tried.broke & wanted:
                best, improved = tried, True
                break
            if left <= 0 or process_time() >= until:
                break
    return best


def _smaller(outcome: Outcome) -> Iterator[Plan]:
    """Ways to make it smaller, those that take away most first."""
    plan = outcome.plan
    payers, kinds = plan.payers, _kinds(outcome)
    for size in _sizes(len(payers)):
        for kept in _without(payers, size):
            yield replace(plan, keep=kept)
    for size in _sizes(len(kinds)):
        for left in _without(kinds, size):
            always = tuple(name for name in plan.always if name in left)
            yield replace(plan, only=left, always=always)
    if plan.nodes > 1:
        yield replace(plan, nodes=plan.nodes - 1)


def _kinds(outcome: Outcome) -> tuple[str, ...]:
    """The kinds that may strike: those that did, where nobody has said which."""
    if outcome.plan.only is not None:
        return outcome.plan.only
    return tuple(name for name in BY_NAME if name in outcome.hits)


def _sizes(count: int) -> Iterator[int]:
    size = count // 2
    while size >= 1:
        yield size
        size //= 2


def _without(items: Sequence, size: int) -> Iterator[tuple]:  # type: ignore[type-arg]
    """The items without each stretch of so many."""
    for at in range(0, len(items), size):
        left = tuple(items[:at]) + tuple(items[at + size :])
        if left:
            yield left

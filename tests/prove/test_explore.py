"""The exhaustive search: what it promises, in small; `make explore` goes deep."""

from collections.abc import Iterator

import pytest

from paycore.core import recover
from paycore.core.chain import Run
from paycore.core.rows import AttemptRow
from paycore.core.settle import settle
from paycore.gateway.call import Reply
from paycore.kernel.outcome import Blame, Outcome
from paycore.prove import explore
from paycore.prove.explore import Figures

pytestmark = pytest.mark.long

DEPTH = 3
STATES = 900
"""Measured: 983. Fewer means that something is not tried any more."""

LONG = 60.0


@pytest.fixture(scope="module")
def searched() -> Figures:
    return explore.explore(DEPTH, LONG, processes=0)


@pytest.fixture
def unknown_is_no(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A bug: what an enquiry does not know is taken for a refusal."""

    async def wrong(
        run: Run, attempt: AttemptRow, reply: Reply, *, call_ended: bool
    ) -> object:
        if reply.outcome is Outcome.UNKNOWN:
            reply = Reply(
                outcome=Outcome.DECLINED,
                blame=Blame.PAYER,
                resp_code="INSUFFICIENT_FUNDS",
            )
        return await settle(run, attempt, reply, call_ended=call_ended)

    monkeypatch.setattr(recover, "settle", wrong)
    return None


def test_nothing_is_broken_and_everything_ends(searched: Figures) -> None:
    """Every state down to the depth is tried: no invariant broken, none without end."""
    assert [] == searched.violations
    assert [] == searched.stuck
    assert DEPTH == searched.depth
    assert searched.states == searched.judged


def test_all_is_tried(searched: Figures) -> None:
    """As many states as were measured, final ones among them, by every action there."""
    assert STATES <= searched.states
    assert {"SUCCESS", "FAIL", "CLOSED"} <= set(searched.ends)
    assert {"open", "confirm", "resend", "close", "look", "expire", "recover"} <= set(
        searched.actions
    )


def test_the_same_twice(searched: Figures) -> None:
    """The search has no chance in it: the same states by the same actions."""
    once, again = (explore.explore(2, LONG, processes=0) for _ in range(2))

    assert once.digest == again.digest
    assert once.actions == again.actions
    assert searched.by_depth[:3] == once.by_depth == again.by_depth


@pytest.mark.long
def test_a_planted_bug_is_found_with_its_path(unknown_is_no: None) -> None:
    """A bug that a few events in a row bring out is found, with the shortest way."""
    found = explore.explore(DEPTH, LONG, processes=0, first=True)

    assert not found.holds
    first = min(found.violations, key=lambda one: len(one.path))
    assert first.path[0].startswith("open")
    assert len(first.path) > 2

"""Which faults are part of a run, which of them strike, and how often they did."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from paycore.prove.kinds import KINDS, Kind

OFTENER, MOST_OFTEN = 4.0, 0.5
"""What is asked for strikes so much more often: in up to half of its chances."""


def _often(kind: Kind) -> Kind:
    share = max(kind.share, min(OFTENER * kind.share, MOST_OFTEN))
    return replace(kind, share=share)


class Faults:
    """The faults of one run. Off, nothing strikes: the phase that must come to an end.

    What is part of the run is drawn first, so that a run meets some kinds often and
    others never: what all strike at once hides what two do together.

    Each kind has dice of its own, and a family that strikes as one has its first
    kind's. So a kind that is added changes no run that it is not part of: what a seed
    has shown, it shows again.
    """

    def __init__(
        self,
        stream: Callable[[str], random.Random],
        *,
        only: Iterable[str] | None = None,
        always: Iterable[str] = (),
    ) -> None:
        always = frozenset(always)
        self._dice = {kind.name: stream(f"fault {kind.name}").random for kind in KINDS}
        drawn = {
            kind.name: _often(kind) if kind.name in always else kind
            for kind in KINDS
            if self._dice[kind.name]() < kind.chosen or kind.name in always
        }
        if only is not None:
            wanted = frozenset(only)
            drawn = {name: kind for name, kind in drawn.items() if name in wanted}
        self.chosen = drawn
        self.on = True
        self.hits: Counter[str] = Counter()

    def has(self, name: str) -> bool:
        """Whether a kind is part of the run."""
        return name in self.chosen

    def strikes(self, name: str, dice: random.Random | None = None) -> bool:
        """Whether a kind strikes now; counted where it does. `dice`: those of who does
        it, where that is a person: what he does, others do not change.
        """
        kind = self.chosen.get(name)
        if kind is None or not self.on:
            return False
        rolled = self._dice[name]() if dice is None else dice.random()
        if rolled >= kind.share:
            return False
        self.hits[name] += 1
        return True

    def one_of(self, kinds: tuple[Kind, ...]) -> str | None:
        """The one of a family that strikes now."""
        if not self.on:
            return None
        dice = self._dice[kinds[0].name]()
        for kind in kinds:
            if kind.name not in self.chosen:
                continue
            dice -= kind.share
            if dice < 0:
                self.hits[kind.name] += 1
                return kind.name
        return None

    def count(self, name: str) -> None:
        """It struck by other means than by chance."""
        if self.has(name):
            self.hits[name] += 1

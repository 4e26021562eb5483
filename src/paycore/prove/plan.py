"""What a run is made from: everything that makes it this run and no other."""

from collections.abc import Callable
from dataclasses import dataclass, field

from paycore.kernel.journal_memory import MemoryStore

PAYMENTS = 100
NODES = 3


def _copy(store: MemoryStore) -> MemoryStore:
    return store.copy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run. The same plan is the same run, to the last step."""

    seed: int
    payments: int = PAYMENTS
    nodes: int = 2
    keep: tuple[int, ...] | None = None
    """The payers that take part; None: all."""
    only: tuple[str, ...] | None = None
    """The kinds of fault that may take part; None: those that the seed draws."""
    always: tuple[str, ...] = ()
    """The kinds that take part whatever the seed draws."""
    base: Callable[[MemoryStore], MemoryStore] = field(default=_copy)
    """Makes the run's database from the one that was set up."""

    @property
    def payers(self) -> tuple[int, ...]:
        """The numbers of those who pay."""
        return tuple(range(self.payments)) if self.keep is None else self.keep

    @property
    def command(self) -> str:
        """What runs it again."""
        parts = [f"paycore prove --seeds {self.seed}..{self.seed}"]
        parts.append(f"--payments {self.payments} --nodes {self.nodes}")
        if self.keep is not None:
            parts.append(f"--keep {','.join(map(str, self.keep))}")
        if self.only is not None:
            parts.append(f"--only {','.join(self.only) or 'none'}")
        if self.always:
            parts.append(f"--always {','.join(self.always)}")
        return " ".join(parts)

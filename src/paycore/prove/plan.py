"""What a run is made from: everything that makes it this run and no other."""

from dataclasses import dataclass

PAYMENTS = 100
NODES = 3


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
    postgres: str | None = None
    """A server, by its address: the run's database is there as well, and what the two
    answer is compared."""

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
        if self.postgres is not None:
            parts.append("--postgres")
        return " ".join(parts)

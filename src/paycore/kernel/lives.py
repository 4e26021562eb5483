"""Whose leases hold: what a node knows of the lives of nodes."""

import msgspec

from paycore.kernel.terms import Epoch


class Lives(msgspec.Struct, frozen=True):
    """The lives of a cluster as one node saw them when it last looked round.

    A life that began since is in no list yet, and it acts at once: what it holds is not
    free because nobody has told of it. So an epoch is dead only where it was there to
    be seen and was not among the living.
    """

    known: tuple[Epoch, ...] = ()
    newest: Epoch = Epoch(0)
    """The last epoch that had begun then, dead or alive."""

    def __contains__(self, epoch: int | None) -> bool:
        """Whether a lease of this epoch is in the hands of the living."""
        return epoch is not None and (epoch in self.known or epoch > self.newest)

    @classmethod
    def of(cls, *known: int) -> "Lives":
        """These are alive, the last of them began last, and all others are dead."""
        return cls(tuple(map(Epoch, known)), Epoch(max(known, default=0)))

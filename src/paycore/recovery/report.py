"""What a run of recovery came to. Pure but for its rows."""

from dataclasses import dataclass, field, replace

from paycore.core.restored import RestoreRow
from paycore.gateway.accounts import AccountKey
from paycore.kernel.terms import BizStatus, PayOrderNo
from paycore.recovery.match import Difference, Found, Question, Source
from paycore.recovery.statements import Statement


@dataclass(slots=True, kw_only=True)
class Report:
    """All of it."""

    run: RestoreRow
    without: frozenset[AccountKey] = frozenset()
    """Accounts that were not asked, by a person's word."""
    held: int = 0
    """Payments that are held when it ends."""
    let_go: int = 0
    """Of which nothing was lost: they go on."""
    caught_up: dict[PayOrderNo, BizStatus] = field(default_factory=dict)
    """Whose open leg had its last word now, by the ordinary enquiry."""
    asked: int = 0
    unsure: list[Question] = field(default_factory=list)
    """Nobody answered, or not with a last word."""
    statements: list[Statement] = field(default_factory=list)
    differences: dict[tuple[str, str, str, Found], Difference] = field(
        default_factory=dict
    )

    @property
    def complete(self) -> bool:
        """Whether another run would hear nothing more."""
        everybody = not self.unsure and not self.without
        return everybody and all(one.read for one in self.statements)

    @property
    def new_cases(self) -> int:
        """Those that nobody was told of before."""
        return sum(one.new for one in self.differences.values())

    def add(self, one: Difference) -> None:
        """Once, whoever tells it; its case is that of who asked the channel."""
        before = self.differences.get(one.key)
        if before is not None:
            asked = before if Source.ENQUIRY in before.sources else one
            one = replace(asked, sources=before.sources | one.sources)
        self.differences[one.key] = one

"""What accounting keeps: the chart and the rules, postings with their entries,
balances, and what a ledger of the user's own has still to acknowledge.
"""

from datetime import datetime
from enum import StrEnum

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import PayOrderNo


@table(
    "accounting_posting",
    key=("pay_order_no", "kind", "fact"),
    owner="pay_order_no",
    partition="pay_order_no",
)
class PostingRow(Row, frozen=True, kw_only=True):
    """One posting (凭证): one per fact and kind; append-only."""

    pay_order_no: PayOrderNo
    """Empty: it is of no payment."""
    kind: str
    fact: str = ""
    """Which of the payment's facts of this kind: empty for the payment itself, the
    number of a refund."""
    currency: str
    amount: int
    """The sum of its debits, which is the sum of its credits."""
    at: datetime


@table(
    "accounting_entry",
    key=("pay_order_no", "kind", "fact", "line"),
    owner="pay_order_no",
    partition="pay_order_no",
)
class EntryRow(Row, frozen=True, kw_only=True):
    """One line (分录) of a posting; append-only."""

    pay_order_no: PayOrderNo
    kind: str
    fact: str = ""
    line: int
    account: str
    side: str
    """DEBIT or CREDIT."""
    amount: int


@table("accounting_balance", key=("account", "currency", "slot"), additive="amount")
class BalanceRow(Row, frozen=True, kw_only=True):
    """A balance without a limit: one row a node slot, summed when read.

    `amount` is debits minus credits.
    """

    account: str
    currency: str
    slot: int
    amount: int


@table("accounting_account", key="account")
class AccountRow(Row, frozen=True, kw_only=True):
    """An account of the chart (科目)."""

    account: str
    """What stands in braces names whose."""
    category: str
    """ASSET, LIABILITY, COST, SUSPENSE, or ANY for what an adjustment names."""
    title: str
    title_zh: str


@table("accounting_rule", key=("kind", "line"))
class RuleRow(Row, frozen=True, kw_only=True):
    """A posting rule (分录规则): so much of a fact from the credit to the debit."""

    kind: str
    line: int
    debit: str
    credit: str
    part: str


@table("accounting_adjustment", key="adjustment_no")
class AdjustmentRow(Row, frozen=True, kw_only=True):
    """What an adjustment (调账) was for, and who answers for it; append-only."""

    adjustment_no: str
    made_by: str
    approved_by: str | None = None
    """Where it is about much: another person than who made it."""
    why: str
    at: datetime


class FeedStatus(StrEnum):
    """Whether the user's own ledger has a posting."""

    PENDING = "PENDING"
    ACKNOWLEDGED = "ACKNOWLEDGED"


@table(
    "accounting_feed",
    key=("pay_order_no", "kind", "fact"),
    owner="pay_order_no",
    partition="pay_order_no",
    claimed=True,
)
class FeedRow(Row, frozen=True, kw_only=True):
    """A posting on its way to a ledger of the user's own."""

    pay_order_no: PayOrderNo
    kind: str
    fact: str
    version: int = 1
    status: FeedStatus = FeedStatus.PENDING
    tries: int = 0
    last_result: str = ""
    booked_at: datetime
    """The posting's own time: the order among those of a payment."""
    acknowledged_at: datetime | None = None
    next_check_at: datetime | None
    lease_epoch: int | None = None
    lease_until: datetime | None = None

    @property
    def posting_id(self) -> str:
        """By which the other side knows a repeat."""
        return posting_id(self.pay_order_no, self.kind, self.fact)


def posting_id(pay_order_no: str, kind: str, fact: str) -> str:
    """A posting's name outside."""
    return ":".join(part for part in (pay_order_no, kind, fact) if part)

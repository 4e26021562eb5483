"""What accounting keeps: postings with their entries, and balances."""

from datetime import datetime

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

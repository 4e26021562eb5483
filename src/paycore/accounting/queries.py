"""Read-only SQL over the books, for people and for the audit.

Balances are kept a row a node slot; here they are summed.
"""

from datetime import datetime

import msgspec

from paycore.kernel.db import Pool
from paycore.kernel.terms import PayOrderNo


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on an account: debits minus credits."""

    account: str
    currency: str
    amount: int


async def balances(pool: Pool, *, account: str | None = None) -> list[Balance]:
    """What stands on each account, or on one, in each currency."""
    rows = await pool.fetch(
        """
        SELECT account, currency, sum(amount)::bigint AS amount
        FROM accounting_balance
        WHERE $1::text IS NULL OR account = $1
        GROUP BY account, currency
        ORDER BY account, currency
        """,
        account,
    )
    return [Balance(**row) for row in rows]


class TrialBalance(msgspec.Struct, frozen=True, kw_only=True):
    """All balances of a currency: debit balances must equal credit balances."""

    currency: str
    debit: int
    credit: int

    @property
    def balanced(self) -> bool:
        """Whether the books of this currency add up."""
        return self.debit == self.credit


async def trial_balance(pool: Pool) -> list[TrialBalance]:
    """Whether the books add up, currency by currency."""
    rows = await pool.fetch(
        """
        WITH balance AS (
            SELECT account, currency, sum(amount)::bigint AS amount
            FROM accounting_balance
            GROUP BY account, currency
        )
        SELECT currency,
               coalesce(sum(amount) FILTER (WHERE amount > 0), 0)::bigint AS debit,
               coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)::bigint AS credit
        FROM balance
        GROUP BY currency
        ORDER BY currency
        """
    )
    return [TrialBalance(**row) for row in rows]


async def differing_balances(pool: Pool) -> list[Balance]:
    """Where a balance differs from the sum of its entries, and by how much."""
    rows = await pool.fetch(
        """
        WITH posted AS (
            SELECT e.account, p.currency,
                   sum(CASE e.side WHEN 'DEBIT' THEN e.amount ELSE -e.amount END)
                       AS amount
            FROM accounting_entry e
            JOIN accounting_posting p USING (pay_order_no, kind, fact)
            GROUP BY e.account, p.currency
        ), kept AS (
            SELECT account, currency, sum(amount) AS amount
            FROM accounting_balance
            GROUP BY account, currency
        )
        SELECT account, currency,
               (coalesce(kept.amount, 0) - coalesce(posted.amount, 0))::bigint
                   AS amount
        FROM posted FULL JOIN kept USING (account, currency)
        WHERE coalesce(kept.amount, 0) <> coalesce(posted.amount, 0)
        ORDER BY account, currency
        """
    )
    return [Balance(**row) for row in rows]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a payment's postings, with its posting's date and currency."""

    kind: str
    fact: str
    line: int
    account: str
    side: str
    amount: int
    currency: str
    at: datetime


async def entries(pool: Pool, pay_order_no: PayOrderNo) -> list[Entry]:
    """What was posted for this payment, in order."""
    rows = await pool.fetch(
        """
        SELECT e.kind, e.fact, e.line, e.account, e.side, e.amount, p.currency, p.at
        FROM accounting_entry e
        JOIN accounting_posting p USING (pay_order_no, kind, fact)
        WHERE e.pay_order_no = $1 AND p.pay_order_no = $1
        ORDER BY p.at, e.kind, e.fact, e.line
        """,
        pay_order_no,
    )
    return [Entry(**row) for row in rows]

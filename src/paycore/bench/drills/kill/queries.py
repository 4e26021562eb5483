"""What the database says at the end of a round: the rows, past all of our own words."""

from datetime import datetime

import msgspec

from paycore.core.rows import PaymentRow
from paycore.kernel.db import Pool

__all__ = [
    "Balance",
    "Case",
    "Coupon",
    "Entry",
    "Leg",
    "Notice",
    "Ours",
    "Pool",
    "Posting",
    "Unsettled",
    "forsaken",
    "ours",
    "parked",
    "put_off",
    "rows_of",
    "unsettled",
]

_PAYMENTS = "SELECT * FROM payment ORDER BY pay_order_no"
_LEGS = """
SELECT pay_order_no, seq, trans_type, process_status, channel, account, request_no,
       amount, currency
FROM attempt ORDER BY pay_order_no, seq
"""
_POSTINGS = "SELECT pay_order_no, kind, currency, amount FROM accounting_posting"
_ENTRIES = """
SELECT e.pay_order_no, e.kind, e.account, e.side, e.amount, p.currency
FROM accounting_entry e LEFT JOIN accounting_posting p USING (pay_order_no, kind)
"""
_BALANCES = """
SELECT account, currency, sum(amount)::bigint AS amount
FROM accounting_balance GROUP BY account, currency
"""
_COUPONS = "SELECT biz_line, coupon_no, status, holder FROM coupon"
_NOTICES = "SELECT pay_order_no, notice_id, type, status, body FROM notify_notice"
_CASES = "SELECT kind, pay_order_no, status FROM desk_case"

# What has not come to its end, by what it is; a live row of an index each.
_UNSETTLED = """
SELECT (SELECT count(*) FROM payment WHERE next_check_at IS NOT NULL)
           AS payments,
       (SELECT count(*) FROM attempt WHERE process_status IN ('INIT', 'GW_DOING'))
           AS attempts,
       (SELECT count(*) FROM coupon WHERE status = 'LOCKED') AS coupons,
       (SELECT count(*) FROM notify_notice WHERE status = 'PENDING') AS notices
"""
# Nobody will pay these: they wait for a payer, and no money was asked for. What is to
# be looked at sooner than its expiry is in a worker's care, and must end by itself.
_FORSAKEN = """
SELECT pay_order_no, biz_line FROM payment p
WHERE biz_status = 'DOING' AND lease_epoch IS NULL AND expires_at > $1
  AND next_check_at = expires_at
  AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.pay_order_no = p.pay_order_no
                  AND a.process_status IN ('INIT', 'GW_DOING'))
"""
# Tried in vain, and due later than anybody here will wait.
_PUT_OFF = """
SELECT pay_order_no, notice_id FROM notify_notice
WHERE status = 'PENDING' AND next_check_at > $1
"""
# Nobody tries these any more. It takes three days of failures, which nobody has here.
_PARKED = """
SELECT pay_order_no, notice_id, last_result FROM notify_notice WHERE status = 'PARKED'
"""
_ROWS_OF = """
SELECT created_at AS at, 'attempt ' || to_char(seq, 'FM00') || ' ' || trans_type
       || ' at ' || channel AS title, to_jsonb(a) AS detail
FROM attempt a WHERE pay_order_no = $1
UNION ALL
SELECT created_at, 'the order as it stands', to_jsonb(p)
FROM payment p WHERE pay_order_no = $1
UNION ALL
SELECT opened_at, 'case ' || kind, to_jsonb(c) FROM desk_case c WHERE pay_order_no = $1
UNION ALL
SELECT k.created_at, 'key, answered ' || coalesce(k.status::text, 'never'),
       to_jsonb(k) - 'body' - 'scope' - 'fingerprint'
FROM idempotency_key k WHERE pay_order_no = $1
UNION ALL
SELECT coalesce(locked_at, used_at), 'coupon ' || status, to_jsonb(c)
FROM coupon c WHERE holder = $1
ORDER BY at
"""


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt, as far as it is compared."""

    pay_order_no: str
    seq: int
    trans_type: str
    process_status: str
    channel: str
    account: str
    request_no: str
    amount: int
    currency: str

    @property
    def moves_money(self) -> bool:
        """Whether it asked for money."""
        return self.trans_type in ("QUICK_PAY_CONFIRM", "DEDUCT")

    @property
    def open(self) -> bool:
        """Whether its last word is still to come."""
        return self.process_status in ("INIT", "GW_DOING")


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """A posting."""

    pay_order_no: str
    kind: str
    currency: str
    amount: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a posting, with the posting's currency; None where there is none."""

    pay_order_no: str
    kind: str
    account: str
    side: str
    amount: int
    currency: str | None

    @property
    def signed(self) -> int:
        """What it adds to its account's balance."""
        return self.amount if self.side == "DEBIT" else -self.amount


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """An account's balance, over all slots."""

    account: str
    currency: str
    amount: int


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon."""

    biz_line: str
    coupon_no: str
    status: str
    holder: str | None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A notice of the outbox."""

    pay_order_no: str
    notice_id: str
    type: str
    status: str
    body: bytes


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A case of the desk."""

    kind: str
    pay_order_no: str | None
    status: str


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """All that the database says."""

    payments: list[PaymentRow]
    legs: list[Leg]
    postings: list[Posting]
    entries: list[Entry]
    balances: list[Balance]
    coupons: list[Coupon]
    notices: list[Notice]
    cases: list[Case]


class Unsettled(msgspec.Struct, frozen=True, kw_only=True):
    """How much has not come to its end."""

    payments: int
    attempts: int
    coupons: int
    notices: int

    @property
    def any(self) -> bool:
        """Whether anything has not."""
        return any(msgspec.structs.astuple(self))


async def ours(pool: Pool) -> Ours:
    """Everything, as of one moment."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        found = {
            "payments": await connection.fetch(_PAYMENTS),
            "legs": await connection.fetch(_LEGS),
            "postings": await connection.fetch(_POSTINGS),
            "entries": await connection.fetch(_ENTRIES),
            "balances": await connection.fetch(_BALANCES),
            "coupons": await connection.fetch(_COUPONS),
            "notices": await connection.fetch(_NOTICES),
            "cases": await connection.fetch(_CASES),
        }
    rows = {name: [dict(row) for row in records] for name, records in found.items()}
    return msgspec.convert(rows, Ours)


async def unsettled(pool: Pool) -> Unsettled:
    """What has not come to its end."""
    row = await pool.fetchrow(_UNSETTLED)
    assert row is not None, "a SELECT without FROM gives one row"
    return Unsettled(**dict(row))


async def forsaken(pool: Pool, after: datetime) -> list[tuple[str, str]]:
    """Number and line of orders that nobody will pay and that expire after a moment."""
    rows = await pool.fetch(_FORSAKEN, after)
    return [(row["pay_order_no"], row["biz_line"]) for row in rows]


async def put_off(pool: Pool, after: datetime) -> list[tuple[str, str]]:
    """Payment and id of notices that will not be tried before a moment."""
    rows = await pool.fetch(_PUT_OFF, after)
    return [(row["pay_order_no"], row["notice_id"]) for row in rows]


async def parked(pool: Pool) -> list[tuple[str, str, str]]:
    """Payment, id and last result of notices that are tried no more."""
    rows = await pool.fetch(_PARKED)
    return [(row["pay_order_no"], row["notice_id"], row["last_result"]) for row in rows]


async def rows_of(pool: Pool, pay_order_no: str) -> list[tuple[datetime, str, str]]:
    """What stands of one payment beside its timeline: time, title, the row as JSON."""
    rows = await pool.fetch(_ROWS_OF, pay_order_no)
    return [(row["at"], row["title"], row["detail"]) for row in rows]

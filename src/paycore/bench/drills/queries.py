"""What a drill asks the database at the end: the facts, past all of our own words."""

from collections.abc import Mapping

from paycore.kernel import db

_CONVERTED = "SELECT count(*) FROM transition WHERE event = 'CONVERTED'"

# Both ways of telling: by what happened to the payment, and by the calls on record.
_CONVERTED_AFTER_MONEY = """
SELECT count(*) FROM transition converted
WHERE converted.event = 'CONVERTED'
  AND (EXISTS (SELECT 1 FROM transition begun
               WHERE begun.pay_order_no = converted.pay_order_no
                 AND begun.event = 'CHARGE_BEGUN' AND begun.seq < converted.seq)
    OR EXISTS (SELECT 1 FROM attempt leg
               WHERE leg.pay_order_no = converted.pay_order_no
                 AND leg.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
                 AND leg.created_at <= converted.at))
"""
_POSTED = """
SELECT pay_order_no,
       sum(CASE side WHEN 'DEBIT' THEN amount ELSE -amount END)::bigint AS amount
FROM accounting_entry
WHERE account LIKE 'channel\\_receivable:%'
GROUP BY pay_order_no
"""
_TAKEN = """
SELECT pay_order_no, payable_amount AS amount FROM payment
WHERE biz_status = 'SUCCESS'
"""
_OPEN = "SELECT count(*) FROM payment WHERE biz_status = 'DOING'"
_HELD_BY = """
SELECT count(*) FROM payment WHERE biz_status = 'DOING' AND lease_epoch = $1
"""
_HELD = """
SELECT pay_order_no, version FROM payment
WHERE biz_status = 'DOING' AND lease_epoch IS NOT NULL
"""
_STILL = """
SELECT count(*) FROM payment
JOIN unnest($1::text[], $2::bigint[]) AS was(pay_order_no, version)
     USING (pay_order_no, version)
WHERE biz_status = 'DOING'
"""


class Facts:
    """A connection for looking. Make it with `open`."""

    def __init__(self, connection: db.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, dsn: str) -> "Facts":
        """Connect."""
        return cls(await db.connect(dsn))

    async def close(self) -> None:
        """Hang up."""
        await self._connection.close()

    async def converted(self) -> int:
        """Payments that converted."""
        return await self._number(_CONVERTED)

    async def converted_after_money(self) -> int:
        """Of these, those that had asked for money before: there must be none."""
        return await self._number(_CONVERTED_AFTER_MONEY)

    async def open_payments(self) -> int:
        """Payments that have not come to their end."""
        return await self._number(_OPEN)

    async def held_by(self, epoch: int) -> int:
        """Open payments that are in the hands of one life of one node."""
        return await self._number(_HELD_BY, epoch)

    async def held(self) -> Mapping[str, int]:
        """Open payments that are in anybody's hands, each with its version."""
        rows = await self._connection.fetch(_HELD)
        return {row["pay_order_no"]: row["version"] for row in rows}

    async def still(self, were: Mapping[str, int]) -> int:
        """How many of these payments nothing was written to since."""
        return await self._number(_STILL, list(were), list(were.values()))

    async def differences(self, charged: Mapping[str, tuple[int, int]]) -> list[str]:
        """Payments about which banks, orders and books disagree; `charged` is what the
        banks say: by payment the sum, and in how many moves.
        """
        posted = await self._by_payment(_POSTED)
        taken = await self._by_payment(_TAKEN)
        return sorted(
            no
            for no in charged.keys() | posted.keys() | taken.keys()
            if not (
                charged.get(no, (0, 0)) == (taken.get(no, 0), 1)
                and posted.get(no) == taken.get(no)
            )
        )

    async def _number(self, query: str, *values: object) -> int:
        return int(await self._connection.fetchval(query, *values))

    async def _by_payment(self, query: str) -> Mapping[str, int]:
        rows = await self._connection.fetch(query)
        return {row["pay_order_no"]: row["amount"] for row in rows}

"""Both sides of a reconciliation, as a test writes them down."""

import itertools
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from paycore.gateway.fetching import Day
from paycore.gateway.statement import StatementLine, Trade
from paycore.recon import keeping, queries
from paycore.recon.comparing import Comparison
from paycore.recon.match import Terms

DAY = date(2026, 11, 28)
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
TERMS = Terms(charge_rate=3800, refund_rate=0)

ATTEMPT = """
INSERT INTO attempt (pay_order_no, seq, version, trans_type, process_status, channel,
    account, inst_trans_id, request_no, amount, currency, channel_ref, resp_code,
    resp_msg, created_at, quiet_from, finished_at, enquiries)
VALUES ($1, $2, 1, $3, $4, $5, 'main', '', $6, $7, $8, $9, '', '', $10, $10, $11, 0)
"""
_NUMBERS = itertools.count(1)


class Books:
    """An account's legs, and the days of its statements."""

    def __init__(self, connection) -> None:
        self.connection = connection
        self.channel = f"bank{next(_NUMBERS)}"
        self.key = (self.channel, "main")
        self.now = NOON + timedelta(days=1)

    async def leg(
        self,
        *,
        status="GW_SUCCESS",
        at=NOON,
        opened=None,
        amount=1250,
        currency="CNY",
        kind="DEDUCT",
    ):
        """One of our legs; the line that agrees with it."""
        number = next(_NUMBERS)
        begun = opened or at - timedelta(seconds=5)
        order = f"{begun:%y%m%d%H%M%S}000{number:011d}"
        ended = None if status in ("INIT", "GW_DOING") else at
        ref = f"7{number:019d}"
        request = order + ("50" if kind == "REFUND" else "02")
        await self.connection.execute(
            *(ATTEMPT, order, int(request[-2:]), kind, status, self.channel),
            *(request, amount, currency, ref, begun, ended),
        )
        trade = Trade.REFUND if kind == "REFUND" else Trade.CHARGE
        fee = 0 if kind == "REFUND" else (amount * 38 + 5000) // 10_000
        return StatementLine(
            *(0, trade, request, order, amount, currency, fee, True, ref, at, "")
        )

    async def compare(self, lines, *, day=DAY, terms=TERMS):
        """A day's statement compared; its figures."""
        await keeping.expect(
            self.connection, uuid4(), self.key, day.isoformat(), self.now
        )
        statement = await queries.statement(self.connection, self.key, day.isoformat())
        await self.connection.execute(
            "UPDATE recon_statement SET digest = '', state = 'KEPT', next_try_at = NULL"
            " WHERE statement_id = $1",
            statement.statement_id,
        )
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
        comparison = Comparison(
            connection=self.connection,
            statement=statement,
            day=Day(begins=begins, ends=begins + timedelta(days=1)),
            terms=terms,
            now=self.now,
        )
        async with self.connection.transaction():
            return await comparison.run(_numbered(lines))

    async def found(self, *, healed=False):
        """The differences that stand (or were healed): kind, request number, day."""
        rows = await self.connection.fetch(
            "SELECT kind, request_no, day FROM recon_difference WHERE channel = $1"
            " AND (healed_at IS NOT NULL) = $2 ORDER BY kind, request_no",
            *(self.channel, healed),
        )
        return [tuple(row) for row in rows]

    async def pool(self):
        """What is in the pool, by state."""
        rows = await self.connection.fetch(
            "SELECT request_no, state FROM recon_pool WHERE channel = $1"
            " ORDER BY request_no",
            self.channel,
        )
        return [tuple(row) for row in rows]

    async def everything(self):
        """All that a run leaves behind, but for the moment."""
        lines = await self.connection.fetch(
            "SELECT l.* FROM recon_line l JOIN recon_statement USING (statement_id)"
            " WHERE channel = $1 ORDER BY day, line",
            self.channel,
        )
        figures = await self.connection.fetch(
            "SELECT day, figures FROM recon_statement WHERE channel = $1 ORDER BY day",
            self.channel,
        )
        found = await self.connection.fetch(
            "SELECT * FROM recon_difference WHERE channel = $1 ORDER BY kind, fact",
            self.channel,
        )
        return list(lines), list(figures), list(found), await self.pool()


async def _numbered(lines):
    for no, line in enumerate(lines, 1):
        yield line._replace(no=no)

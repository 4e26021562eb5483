"""Comparing a kept statement with our legs: in sets, and the odd lines one by one.

One transaction, all or nothing. The lines are copied into a table of the transaction's
own, our legs of about that day into another, and both are joined once. `CLEAN` says in
SQL what `match.judge` calls agreement (a test holds them together); every line that is
not clean is judged by it. Nothing is written that a second run would write otherwise.

Pass one asks for each of our successes of the day whether the statement has it; those
that it has not go to the pool. Pass two asks for each line whether it is ours, of
whatever day: so what falls across midnight is found, and leaves the pool.
"""
# ruff: noqa: S608 - what is put together is our own text, and values are parameters

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from paycore.gateway.fetching import Day
from paycore.gateway.statement import StatementLine, Trade
from paycore.recon.match import (
    Kind,
    Leg,
    Line,
    Seen,
    Status,
    Terms,
    judge,
    lacking,
)
from paycore.recon.queries import Connection
from paycore.recon.rows import Difference, Figures, Statement, Sum
from paycore.recon.writing import DIFFERENCE, RECONCILED, values_of

MATCHED = "MATCHED"

OPENED_BEFORE = timedelta(days=3)
"""A payment of the day was opened at the earliest so long before: what took longer is
found by its line."""

NEIGHBOURS = timedelta(days=7)
"""Statements of so many days around may have a line as well."""

POOL_DAYS = 3
"""What stands in no statement of so many days after its own is a difference."""

ODD_AT_ONCE = 2000

SCRATCH = """
CREATE TEMP TABLE recon_theirs (
    line bigint, trade text, request_no text COLLATE "C", pay_order_no text COLLATE "C",
    amount bigint, currency text, fee bigint, moved boolean, channel_ref text,
    at timestamptz, said text
) ON COMMIT DROP;
CREATE TEMP TABLE recon_mine (
    trade text, request_no text COLLATE "C", pay_order_no text COLLATE "C",
    attempt_seq bigint, amount bigint, currency text, channel_ref text,
    finished_at timestamptz, of_day boolean
) ON COMMIT DROP;
CREATE TEMP TABLE recon_odd (
    line bigint PRIMARY KEY, nth bigint
) ON COMMIT DROP;
CREATE TEMP TABLE recon_verdict (
    line bigint, found text, request_no text COLLATE "C", pay_order_no text COLLATE "C",
    attempt_seq bigint
) ON COMMIT DROP;
"""

# Their numbers begin with the time of their payment's opening.
MINE = """
INSERT INTO recon_mine
SELECT trade, request_no, pay_order_no, attempt_seq, amount, currency, channel_ref,
       finished_at, finished_at >= $5 AND finished_at < $6
FROM recon_leg
WHERE pay_order_no >= $1 AND pay_order_no < $2 AND channel = $3 AND account = $4
  AND status = 'PAID'
"""

FEE = "(m.amount * {rate} + 500000) / 1000000"

CLEAN = f"""(
    t.moved AND t.said = '' AND t.amount = m.amount AND t.currency = m.currency
    AND t.at >= $1 AND t.at < $2 AND m.of_day
    AND ($3::bigint IS NULL OR t.fee IS NULL OR t.fee =
         CASE t.trade WHEN 'CHARGE' THEN {FEE.format(rate="$3::bigint")}
                      ELSE {FEE.format(rate="$4::bigint")} END)
)"""
"""Whether `t`, a line, agrees with `m`, its leg: NULL where there is none."""

# The first of a number is as good as any; the others are one too many. What did not
# move is none too many: a wrong code before the right one has the same number. Lines
# without a number, as of an account that takes money for others as well, share none.
ODD = f"""
INSERT INTO recon_odd
SELECT t.line, coalesce(d.nth, 1)
FROM recon_theirs t
LEFT JOIN recon_mine m USING (trade, request_no)
LEFT JOIN (
    SELECT line, row_number() OVER (PARTITION BY trade, request_no ORDER BY line) AS nth
    FROM recon_theirs
    WHERE moved AND (trade, request_no) IN (
        SELECT trade, request_no FROM recon_theirs
        WHERE moved AND said = '' AND request_no <> ''
        GROUP BY trade, request_no HAVING count(*) > 1)
) AS d ON d.line = t.line AND d.nth > 1
WHERE d.line IS NOT NULL OR {CLEAN} IS NOT TRUE
"""

# By its number, whatever became of it; else by the channel's own reference, which a
# garbled line still has.
WHOSE_THEY_ARE = """
SELECT t.*, o.nth,
       coalesce(l.pay_order_no, r.pay_order_no) AS our_order,
       coalesce(l.attempt_seq, r.attempt_seq) AS our_seq,
       coalesce(l.request_no, r.request_no, t.request_no) AS our_request,
       coalesce(l.amount, r.amount) AS our_amount,
       coalesce(l.currency, r.currency) AS our_currency,
       coalesce(l.status, CASE WHEN r.pay_order_no IS NOT NULL THEN 'PAID' END)
           AS our_status,
       l.pay_order_no IS NULL AND r.pay_order_no IS NOT NULL AS by_reference,
       NOT t.moved AND EXISTS (
           SELECT FROM recon_theirs x
           WHERE x.moved AND x.request_no = t.request_no AND x.trade = t.trade)
           AS beside,
       t.moved AND EXISTS (
           SELECT FROM recon_line x
           WHERE x.request_no = t.request_no AND x.trade = t.trade
             AND x.statement_id = ANY($3::uuid[]) AND x.attempt_seq IS NOT NULL
             AND x.moved AND x.found <> 'DUPLICATE_LINE') AS seen_before
FROM (SELECT * FROM recon_odd WHERE line > $4 ORDER BY line LIMIT $5) AS o
JOIN recon_theirs t USING (line)
LEFT JOIN LATERAL (
    SELECT * FROM recon_leg g
    WHERE g.pay_order_no IN (left(t.request_no, 26), t.pay_order_no)
      AND g.request_no = t.request_no AND g.trade = t.trade
      AND g.channel = $1 AND g.account = $2
    ORDER BY array_position(ARRAY['PAID', 'OPEN', 'FAILED'], g.status), g.attempt_seq
    LIMIT 1
) AS l ON true
LEFT JOIN recon_mine r
    ON l.pay_order_no IS NULL AND r.channel_ref = t.channel_ref AND r.trade = t.trade
   AND t.channel_ref <> ''
ORDER BY t.line
"""

FORGET = "DELETE FROM recon_line WHERE statement_id = $1"
LINES = """
INSERT INTO recon_line
    (statement_id, line, trade, request_no, amount, fee, currency, moved, pay_order_no,
     attempt_seq, found)
SELECT $1::uuid, t.line, t.trade, coalesce(v.request_no, t.request_no), t.amount, t.fee,
       t.currency, t.moved,
       CASE WHEN v.line IS NULL THEN m.pay_order_no ELSE v.pay_order_no END,
       CASE WHEN v.line IS NULL THEN m.attempt_seq ELSE v.attempt_seq END,
       coalesce(v.found, 'MATCHED')
FROM recon_theirs t
LEFT JOIN recon_verdict v USING (line)
LEFT JOIN recon_mine m ON v.line IS NULL AND m.trade = t.trade
                      AND m.request_no = t.request_no
ORDER BY t.line
"""

NEIGHBOUR_IDS = """
SELECT coalesce(array_agg(statement_id), '{}') FROM recon_statement
WHERE channel = $1 AND account = $2 AND day BETWEEN $3 AND $4 AND statement_id <> $5
"""

# --- the pool -------------------------------------------------------------------------

# A bank's clock is a little before ours: what we learned after midnight may stand in
# the statement of the day before, and is through with.
POOLED = """
INSERT INTO recon_pool
    (channel, account, trade, request_no, day, pay_order_no, attempt_seq, amount,
     currency, moved_at, state, entered_at)
SELECT $1::text, $2::text, m.trade, m.request_no, $3::text, m.pay_order_no,
       m.attempt_seq, m.amount, m.currency, m.finished_at, 'WAITING', $4::timestamptz
FROM recon_mine m
WHERE m.of_day
  AND NOT EXISTS (SELECT FROM recon_theirs t
                  WHERE t.trade = m.trade AND t.request_no = m.request_no)
  AND NOT EXISTS (SELECT FROM recon_verdict v
                  WHERE v.pay_order_no = m.pay_order_no
                    AND v.attempt_seq = m.attempt_seq)
  AND NOT EXISTS (SELECT FROM recon_line x
                  WHERE x.request_no = m.request_no AND x.trade = m.trade
                    AND x.statement_id = ANY($5::uuid[]) AND x.attempt_seq IS NOT NULL)
ON CONFLICT (channel, account, trade, request_no) DO NOTHING
"""
FOUND = """
UPDATE recon_pool p SET state = 'FOUND', left_at = $4
FROM recon_line x
WHERE x.statement_id = $1 AND x.request_no = p.request_no AND x.trade = p.trade
  AND x.pay_order_no = p.pay_order_no AND x.attempt_seq = p.attempt_seq
  AND p.channel = $2 AND p.account = $3 AND p.state <> 'FOUND'
"""
# A corrected file may take back what an earlier one of its day had: it waits again, and
# is found again at once if the file has it still.
WAITS_AGAIN = """
UPDATE recon_pool p SET state = 'WAITING', left_at = NULL
FROM recon_line x
WHERE x.statement_id = $1 AND x.request_no = p.request_no AND x.trade = p.trade
  AND p.channel = $2 AND p.account = $3 AND p.state = 'FOUND'
  AND NOT EXISTS (SELECT FROM recon_line y
                  WHERE y.request_no = x.request_no AND y.trade = x.trade
                    AND y.pay_order_no = p.pay_order_no
                    AND y.attempt_seq = p.attempt_seq
                    AND y.statement_id <> x.statement_id)
"""
FOUND_AFTER_ALL = """
UPDATE recon_difference d SET healed_at = $3
FROM recon_pool p
WHERE p.channel = $1 AND p.account = $2 AND p.state = 'FOUND' AND p.left_at = $3
  AND d.channel = p.channel AND d.account = p.account
  AND d.kind IN ('THEY_LACK', 'REFUND_MISSING')
  AND d.fact = p.trade || ':' || p.request_no AND d.healed_at IS NULL
"""
STILL_POOLED = """
SELECT count(*) FROM recon_pool
WHERE channel = $1 AND account = $2 AND day = $3 AND state = 'WAITING'
"""
LACKING = """
UPDATE recon_pool p SET state = 'LACKING', left_at = $3
WHERE p.channel = $1 AND p.account = $2 AND p.state = 'WAITING'
  AND $4::int <= (SELECT count(*) FROM recon_statement s
             WHERE s.channel = $1 AND s.account = $2 AND s.state = 'RECONCILED'
               AND s.day > p.day
               AND s.day <= to_char(p.day::date + $4::int, 'YYYY-MM-DD'))
RETURNING *
"""

# --- what it came to ------------------------------------------------------------------

HEALED = """
UPDATE recon_difference SET healed_at = $2
WHERE statement_id = $1 AND healed_at IS NULL
  AND (kind, fact) NOT IN (SELECT * FROM unnest($3::text[], $4::text[]))
"""
THEIR_SUMS = """
SELECT currency, trade, count(*) AS count, sum(amount)::bigint AS amount,
       coalesce(sum(fee), 0)::bigint AS fee
FROM recon_theirs WHERE moved AND said = '' GROUP BY currency, trade ORDER BY 1, 2
"""
OUR_SUMS = """
SELECT currency, trade, count(*) AS count, sum(amount)::bigint AS amount
FROM recon_mine WHERE of_day GROUP BY currency, trade ORDER BY 1, 2
"""
BY_KIND = """
SELECT found, count(*) AS count FROM recon_line WHERE statement_id = $1 GROUP BY found
"""


@dataclass(slots=True, kw_only=True)
class Comparison:
    """One statement being compared, in a transaction that is open."""

    connection: "Connection"
    statement: Statement
    day: Day
    terms: Terms | None
    now: datetime
    _facts: list[tuple[str, str]] = field(default_factory=list)

    async def run(self, lines: AsyncIterator[StatementLine]) -> Figures:
        """Compare all of it; raises `StatementBroken` where the file is no good."""
        await self.connection.execute(SCRATCH)
        await self._copy(lines)
        await self._gather()
        around = await self._neighbours()
        await self._judge_odd(around)
        statement_id = self.statement.statement_id
        await self.connection.execute(WAITS_AGAIN, statement_id, *self.statement.key)
        await self.connection.execute(FORGET, statement_id)
        await self.connection.execute(LINES, statement_id)
        await self._heal()
        await self._pool(around)
        figures = await self._figures()
        await self.connection.execute(
            RECONCILED,
            statement_id,
            self.now,
            msgspec.json.encode(figures).decode(),
        )
        await self._expire()
        return figures

    # --- both sides -------------------------------------------------------------------

    async def _copy(self, lines: AsyncIterator[StatementLine]) -> None:
        await self.connection.copy_records_to_table("recon_theirs", records=lines)
        await self.connection.execute("ANALYZE recon_theirs")

    async def _gather(self) -> None:
        begins, ends = self.day.begins, self.day.ends
        await self.connection.execute(
            MINE,
            f"{begins - OPENED_BEFORE:%y%m%d%H%M%S}",
            f"{ends:%y%m%d%H%M%S}",
            *self.statement.key,
            begins,
            ends,
        )
        await self.connection.execute("ANALYZE recon_mine")

    async def _neighbours(self) -> list[object]:
        day = date.fromisoformat(self.statement.day)
        found: list[object] = await self.connection.fetchval(
            NEIGHBOUR_IDS,
            *self.statement.key,
            (day - NEIGHBOURS).isoformat(),
            (day + NEIGHBOURS).isoformat(),
            self.statement.statement_id,
        )
        return found

    # --- the odd ones -----------------------------------------------------------------

    async def _judge_odd(self, around: list[object]) -> None:
        rates: tuple[int | None, int | None] = (None, None)
        if self.terms is not None:
            rates = (self.terms.charge_rate, self.terms.refund_rate)
        await self.connection.execute(ODD, self.day.begins, self.day.ends, *rates)
        after = 0
        while rows := await self.connection.fetch(
            WHOSE_THEY_ARE, *self.statement.key, around, after, ODD_AT_ONCE
        ):
            await self._judge(rows)
            after = rows[-1]["line"]
        await self.connection.execute("ANALYZE recon_verdict")

    async def _judge(self, rows: list[Any]) -> None:
        verdicts: list[tuple[object, ...]] = []
        found: list[Difference] = []
        for row in rows:
            seen = self._seen(row)
            kind = judge(seen)
            ours = (row["our_request"], row["our_order"], row["our_seq"])
            verdicts.append((row["line"], str(kind or MATCHED), *ours))
            if kind is not None:
                found.append(self._difference(row, seen, kind))
        await self.connection.copy_records_to_table("recon_verdict", records=verdicts)
        await self._write(found)

    def _seen(self, row: Any) -> Seen:
        leg = None
        if row["our_order"] is not None:
            leg = Leg(
                status=Status(row["our_status"]),
                amount=row["our_amount"],
                currency=row["our_currency"],
            )
        at = row["at"]
        line = Line(
            trade=row["trade"] and Trade(row["trade"]),
            request_no=row["request_no"],
            amount=row["amount"],
            currency=row["currency"],
            fee=row["fee"],
            moved=row["moved"],
            readable=not row["said"],
            first=row["nth"] == 1 and not row["seen_before"],
            of_this_day=at is not None and self.day.begins <= at < self.day.ends,
            by_reference=row["by_reference"],
            beside=row["beside"],
        )
        return Seen(line=line, leg=leg, terms=self.terms)

    def _difference(self, row: Any, seen: Seen, kind: Kind) -> Difference:
        return Difference(
            channel=self.statement.channel,
            account=self.statement.account,
            kind=kind,
            fact=_fact(self.statement, row, kind),
            day=self.statement.day,
            statement_id=self.statement.statement_id,
            line=row["line"],
            trade=row["trade"],
            request_no=row["request_no"],
            pay_order_no=row["our_order"],
            attempt_seq=row["our_seq"],
            our_amount=row["our_amount"],
            their_amount=row["amount"],
            our_currency=row["our_currency"],
            their_currency=row["currency"],
            our_fee=seen.agreed_fee,
            their_fee=row["fee"],
            our_status=row["our_status"],
            moved=row["moved"],
            channel_ref=row["channel_ref"],
            happened_at=row["at"],
            said=row["said"],
            found_at=self.now,
        )

    async def _write(self, found: list[Difference]) -> None:
        self._facts += [(one.kind, one.fact) for one in found]
        await self.connection.executemany(DIFFERENCE, map(values_of, found))

    async def _heal(self) -> None:
        """What was found in it before, and is not so any more."""
        kinds = [kind for kind, _ in self._facts]
        facts = [fact for _, fact in self._facts]
        await self.connection.execute(
            HEALED, self.statement.statement_id, self.now, kinds, facts
        )

    # --- the pool ---------------------------------------------------------------------

    async def _pool(self, around: list[object]) -> None:
        key = self.statement.key
        await self.connection.execute(
            POOLED, *key, self.statement.day, self.now, around
        )
        await self.connection.execute(
            FOUND, self.statement.statement_id, *key, self.now
        )
        await self.connection.execute(FOUND_AFTER_ALL, *key, self.now)

    async def _expire(self) -> None:
        """What waited for three days and was not found is a difference of its day."""
        rows = await self.connection.fetch(
            LACKING, *self.statement.key, self.now, POOL_DAYS
        )
        await self._write([self._lacking(row) for row in rows])

    def _lacking(self, row: Any) -> Difference:
        trade = Trade(row["trade"])
        return Difference(
            channel=row["channel"],
            account=row["account"],
            kind=lacking(trade),
            fact=f"{trade}:{row['request_no']}",
            day=row["day"],
            trade=trade,
            request_no=row["request_no"],
            pay_order_no=row["pay_order_no"],
            attempt_seq=row["attempt_seq"],
            our_amount=row["amount"],
            our_currency=row["currency"],
            our_status=Status.PAID,
            happened_at=row["moved_at"],
            found_at=self.now,
        )

    # --- what it came to --------------------------------------------------------------

    async def _figures(self) -> Figures:
        connection, statement = self.connection, self.statement
        counted = await connection.fetch(BY_KIND, statement.statement_id)
        found = {row["found"]: row["count"] for row in counted}
        lines = sum(found.values())
        matched = found.pop(MATCHED, 0)
        pooled = await connection.fetchval(STILL_POOLED, *statement.key, statement.day)
        return Figures(
            lines=lines,
            matched=matched,
            pooled=pooled,
            differences={Kind(kind): count for kind, count in sorted(found.items())},
            theirs=[_sum(row) for row in await connection.fetch(THEIR_SUMS)],
            ours=[_sum(row) for row in await connection.fetch(OUR_SUMS)],
        )


def _sum(row: Any) -> Sum:
    return msgspec.convert(dict(row), Sum)


def _fact(statement: Statement, row: Any, kind: Kind) -> str:
    """What a difference is about: the same thing seen again is the same difference."""
    match kind:
        case Kind.DUPLICATE_LINE:
            place = f"@{statement.day}#{row['nth']}"
            return f"{row['trade']}:{row['request_no']}{place}"
        case Kind.UNKNOWN_LINE:
            ref = row["channel_ref"]
            return f"ref:{ref}" if ref else f"{statement.day}#{row['line']}"
        case Kind.AMOUNT:
            # So much is parked for it: another sum is another difference.
            return f"{row['trade']}:{row['request_no']}={row['amount']}"
        case _:
            return f"{row['trade']}:{row['request_no']}"

"""How the auditor reads: one snapshot, its questions, and the turn to audit.

A snapshot is one read-only transaction at REPEATABLE READ: all of it is as of one
commit, whatever is written meanwhile, and it takes no lock that a writer waits for.
Changes of the schema would wait for it, and everybody behind them: so it holds the
advisory locks that they take first, and they wait there instead. A statement that takes
too long is given up, and only that one.
"""
# ruff: noqa: S608 - what is put together is our own text, and values are parameters

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from math import ceil, inf
from typing import TYPE_CHECKING, cast

import msgspec

from paycore.audit.questions.secrets import (
    LOOKS_LIKE_A_NUMBER,
    WHICH_TEXTS_MAY_HOLD_A_NUMBER,
)
from paycore.audit.report import Case, Known, Leg
from paycore.kernel import db
from paycore.kernel.db import Pool
from paycore.kernel.errors import Unavailable
from paycore.kernel.terms import PayOrderNo

if TYPE_CHECKING:
    from paycore.kernel.db import Connection
else:
    Connection = object

__all__ = [
    "Candidate",
    "Connection",
    "Counted",
    "Found",
    "Pace",
    "Pool",
    "Snapshot",
    "Unanswered",
    "lent",
    "seated",
    "snapshot",
]

AUDIT_LOCK = db.MIGRATION_LOCK + 2
"""Whoever holds it audits; the others leave it to him."""

MAX_OPEN = 10_000
"""Payments from before the beginning that are audited besides: so many that are open,
so many with a locked coupon, with a waiting notice and with an open refund, the oldest
of each."""

TEXTS_AT_ONCE = 500

EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""Before all of it."""

FOR_EVER = datetime(2099, 12, 31, tzinfo=UTC)
"""And after: the two digits of a number's year sort within one century."""

ABOUT_MONEY = (
    *("LATE_MONEY", "CHARGED_WITHOUT_CONFIRM", "CONTRADICTION", "CHANNEL_ALARM"),
)
"""Kinds of cases that may explain why a bank and we differ."""

GIVEN_UP = "57014"
LOCKED = "55P03"
UNREADABLE = "22"
SPENT = "53"
"""SQLSTATE of a statement that was cancelled, and of one that waited too long for a
lock; classes of data that cannot be read, and of resources that are spent: of memory or
disk one question may need more than another."""

NO_TIME = "there was no time left for it"

_OVER_PAYMENTS = (
    *("payment", "attempt", "transition", "trail", "gateway_message"),
    *("router_decision", "accounting_posting", "accounting_entry", "notify_notice"),
    *("sms_code", "idempotency_key", "refund", "refund_total", "refund_transition"),
    *("coupon_hold", "checkout"),
)

_IN_SCOPE = "({0} >= $1::text OR {0} = ANY($2::text[]))"

# A question need not ask for all of them, and the server must know what each is.
_ASKED = "$1::text, $2::text[], $3::timestamptz, $4::text, $5::timestamptz"

# No index knows a coupon by its holder. From a time on they are those that the payments
# name, and all that are locked; only an audit of everything reads every coupon.
HELD_COUPONS = f"""
    SELECT * FROM coupon WHERE $1::text = '' AND holder >= ''
    UNION
    SELECT c.* FROM payment p
    JOIN coupon c ON c.biz_line = p.biz_line COLLATE "C"
                 AND c.coupon_no = p.coupon_no COLLATE "C"
    WHERE $1::text <> '' AND {_IN_SCOPE.format("c.holder")}
    UNION
    SELECT * FROM coupon
    WHERE $1::text <> '' AND next_check_at IS NOT NULL AND {_IN_SCOPE.format("holder")}
"""

_MADE_OF = (
    *(("messages", "attempt"), ("messages", "trail"), ("codes", "attempt")),
    ("messages", "refund"),
    *(("decisions", "attempt"), ("decisions", "payment")),
    ("decisions", "router_decision"),
)
"""What a question needs of a payment, and the rows that it then asks about."""

LET_GO = """
    SELECT coalesce(max(before) FILTER (WHERE table_name = 'gateway_message'), '')
               AS messages,
           coalesce(max(before) FILTER (WHERE table_name = 'router_decision'), '')
               AS decisions,
           coalesce(max(before) FILTER (WHERE table_name = 'sms_code'), '') AS codes
    FROM retention_removal
"""
"""Payments numbered before may have lost these by their age; open ones have not."""

_STILL_KEPT = """
    SELECT * FROM {of} WHERE pay_order_no >= (SELECT {kept} FROM let_go)
       OR pay_order_no IN (
              SELECT pay_order_no FROM every_payment WHERE next_check_at IS NOT NULL
              UNION ALL
              SELECT pay_order_no FROM every_refund WHERE next_check_at IS NOT NULL)
"""

SCOPE = "\n, ".join(
    (
        "WITH every_payment AS NOT MATERIALIZED (SELECT * FROM payment)",
        "every_attempt AS NOT MATERIALIZED (SELECT * FROM attempt)",
        "every_refund AS NOT MATERIALIZED (SELECT * FROM refund)",
        "every_idempotency_key AS NOT MATERIALIZED (SELECT * FROM idempotency_key)",
        *(
            f"{name} AS NOT MATERIALIZED (SELECT * FROM {name}"
            f" WHERE {_IN_SCOPE.format('pay_order_no')})"
            for name in _OVER_PAYMENTS
        ),
        "order_refund AS NOT MATERIALIZED (SELECT * FROM refund WHERE kind = 'ASKED')",
        f"held_coupon AS NOT MATERIALIZED ({HELD_COUPONS})",
        f"let_go AS ({LET_GO})",
        *(
            f"{of}_with_{kept} AS NOT MATERIALIZED"
            f" ({_STILL_KEPT.format(of=of, kept=kept)})"
            for kept, of in _MADE_OF
        ),
        f"asked AS (SELECT {_ASKED})",
    )
)
"""Before every question: in it a table's name means the rows of what is audited."""

HOW_MANY = """{scope}
SELECT count(*) AS looked, count(*) FILTER (WHERE wrong IS NOT FALSE) AS wrong
FROM ({question}) AS one
"""

WHICH = """{scope}
SELECT pay_order_no AS payment, about, said
FROM ({question}) AS one
WHERE wrong IS NOT FALSE
ORDER BY pay_order_no, about
LIMIT $6
"""

HOW_MANY_TEXTS = "{scope}\nSELECT count(*) FROM ({question}) AS one WHERE made >= $5"

WHICH_TEXTS = "{scope}\n{question}"

# Of each kind the oldest: it has been open longest, and no kind takes another's place.
# OFFSET 0: what is open is few, and is sorted only once it is found.
WHAT_IS_OPEN_FROM_BEFORE = """
(SELECT no, 'payments' AS kind FROM (
    SELECT pay_order_no AS no FROM payment
    WHERE next_check_at IS NOT NULL AND pay_order_no < $1 OFFSET 0
) AS open ORDER BY no LIMIT $2)
UNION ALL
(SELECT DISTINCT no, 'coupons' FROM (
    SELECT holder AS no FROM coupon
    WHERE next_check_at IS NOT NULL AND holder < $1
    UNION ALL
    SELECT pay_order_no FROM coupon_hold
    WHERE next_check_at IS NOT NULL AND pay_order_no < $1 OFFSET 0
) AS open ORDER BY no LIMIT $2)
UNION ALL
(SELECT DISTINCT no, 'notices' FROM (
    SELECT pay_order_no AS no FROM notify_notice
    WHERE next_check_at IS NOT NULL AND pay_order_no < $1 OFFSET 0
) AS open ORDER BY no LIMIT $2)
UNION ALL
(SELECT DISTINCT no, 'refunds' FROM (
    SELECT pay_order_no AS no FROM refund
    WHERE next_check_at IS NOT NULL AND pay_order_no < $1 OFFSET 0
) AS open ORDER BY no LIMIT $2)
"""

# clock_timestamp, as in every audit: the time at which the snapshot was taken.
WHAT_TIME_IS_IT = "SELECT clock_timestamp()"

MAY_THE_SCHEMA_STAND = """
SELECT pg_try_advisory_xact_lock_shared($1) AND pg_try_advisory_xact_lock_shared($2)
"""

# Legs that may have charged, and payments that say so or that a bank speaks of; and of
# the cases at the desk those that are about such money, each with the attempt it names.
WHAT_DO_WE_KNOW_OF_CHARGES = """
SELECT p.pay_order_no, p.biz_status, p.payable_amount, p.currency,
       coalesce(a.legs, '[]') AS legs, coalesce(d.cases, '[]') AS cases,
       coalesce(f.refunded, 0) AS refunded, coalesce(f.refunding, '[]') AS refunding
FROM payment p
LEFT JOIN (
    SELECT pay_order_no,
           (sum(money_amount) FILTER (WHERE surely))::bigint AS refunded,
           jsonb_agg(money_amount) FILTER (WHERE NOT surely) AS refunding
    FROM (
        SELECT r.pay_order_no, r.money_amount,
               r.status = 'SUCCESS' AND r.finished_at < $4::timestamptz
               AND c.case_id IS NULL AS surely
        FROM refund r
        LEFT JOIN desk_case c ON c.status = 'OPEN' AND c.case_id
             = CASE r.status WHEN 'FAIL' THEN 'LATE_REFUND:'
                   ELSE 'REFUND_CONTRADICTION:' END
               || r.pay_order_no || ':1' || right(r.refund_no, 2) || ':'
        WHERE r.pay_order_no >= $1 AND r.kind = 'ASKED'
          AND (r.status <> 'FAIL' OR c.case_id IS NOT NULL)
    ) AS each
    GROUP BY pay_order_no
) f USING (pay_order_no)
LEFT JOIN (
    SELECT pay_order_no,
           jsonb_agg(jsonb_build_object('request_no', request_no, 'channel', channel,
               'open', process_status <> 'GW_SUCCESS')) AS legs
    FROM attempt
    WHERE trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
      AND process_status IN ('INIT', 'GW_DOING', 'GW_SUCCESS')
      AND pay_order_no >= $1
    GROUP BY pay_order_no
) a USING (pay_order_no)
LEFT JOIN (
    SELECT c.pay_order_no,
           jsonb_agg(jsonb_build_object('kind', c.kind, 'request_no', t.request_no,
               'channel', t.channel, 'amount', c.amount,
               'currency', c.currency)) AS cases
    FROM desk_case c
    LEFT JOIN attempt t ON t.pay_order_no = c.pay_order_no AND t.seq = c.attempt_seq
    WHERE c.kind = ANY($3::text[]) AND (c.status = 'OPEN' OR EXISTS (
        -- Late money that went back behind the banks' word.
        SELECT FROM refund r WHERE r.pay_order_no = c.pay_order_no
          AND r.case_id = c.case_id AND r.finished_at >= $4::timestamptz))
    GROUP BY c.pay_order_no
) d USING (pay_order_no)
WHERE p.pay_order_no >= $1
  AND (p.biz_status = 'SUCCESS' OR p.pay_order_no = ANY($2::text[]))
"""


class Unanswered(Exception):
    """The server gave a statement up, or could not read a row: there is no verdict."""


class Pace(Enum):
    """How much of the server an audit may take."""

    BESIDE = (60, "0", "16MB")
    """While payments go on, time after time: a minute for all of it, no parallel
    workers, little memory."""
    ONCE = (600, "2", "64MB")
    """For somebody who waits for it: ten minutes a question."""

    @property
    def whole_s(self) -> float:
        """How long all questions may take together."""
        return self.value[0] if self is Pace.BESIDE else inf

    @property
    def limits(self) -> Mapping[str, str]:
        """As settings of the transaction."""
        statement_s, workers, memory = self.value
        return {
            "statement_timeout": f"{statement_s}s",
            "lock_timeout": "2s",
            "idle_in_transaction_session_timeout": "60s",
            "max_parallel_workers_per_gather": workers,
            "work_mem": memory,
            # Compiling costs more than it saves, over partitions above all.
            "jit": "off",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many rows a question looked at, and how many are wrong."""

    looked: int
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One row that is wrong."""

    payment: PayOrderNo | None
    about: str | None
    said: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A text that may hold a secret."""

    payment: PayOrderNo | None
    about: str | None
    text: str = field(repr=False)
    known: Sequence[str]
    """Numbers that may stand in it: others chose them."""
    card: str | None
    """First six and last four digits of the payer's card, which may not."""


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """The database as of one commit."""

    at: datetime
    first: str = ""
    """The number from which payments are audited; empty: all."""
    open: Sequence[str] = ()
    """Older ones that are audited besides."""
    left_behind: Sequence[str] = ()
    """What is open and too much to be audited besides, in words."""
    left_s: Callable[[], float] = field(repr=False, default=lambda: inf)
    """How much time is left for all further questions."""
    texts_from: datetime = EVER
    """Texts that were written before then were looked through before."""
    connection: "Connection" = field(repr=False)

    async def narrow(self, since: datetime, *, with_open: bool) -> None:
        """Audit from a time on, and what is open from before if so wanted."""
        since = min(max(since, EVER), FOR_EVER).astimezone(UTC)
        self.first = f"{since:%y%m%d%H%M%S}"
        if with_open:
            try:
                async with self._asked():
                    rows = await self.connection.fetch(
                        WHAT_IS_OPEN_FROM_BEFORE, self.first, MAX_OPEN + 1
                    )
            except Unanswered as error:
                self.left_behind = (f"of what is open from before nothing: {error}",)
                return
            self._take_open([(row["no"], row["kind"]) for row in rows])

    def _take_open(self, found: Sequence[tuple[str, str]]) -> None:
        numbers = set[str]()
        for kind in dict.fromkeys(kind for _, kind in found):
            of_kind = [no for no, of in found if of == kind]
            numbers.update(of_kind[:MAX_OPEN])
            if len(of_kind) > MAX_OPEN:
                self.left_behind = (
                    *self.left_behind,
                    f"of open {kind} from before only the oldest {MAX_OPEN:,}",
                )
        self.open = sorted(numbers)

    async def count(self, question: str) -> Counted:
        """How many rows, and how many wrong ones."""
        sql = HOW_MANY.format(scope=SCOPE, question=question)
        async with self._asked():
            row = await self.connection.fetchrow(sql, *self._values())
        assert row is not None, "a count gives one row"
        return Counted(**dict(row))

    async def find(self, question: str, limit: int) -> list[Found]:
        """The first rows that are wrong."""
        sql = WHICH.format(scope=SCOPE, question=question)
        async with self._asked():
            rows = await self.connection.fetch(sql, *self._values(), limit)
        return [
            Found(
                payment=row["payment"],
                about=row["about"],
                said=msgspec.json.decode(row["said"], type=dict[str, object]),
            )
            for row in rows
        ]

    async def count_texts(self, question: str) -> int:
        """How many texts."""
        sql = HOW_MANY_TEXTS.format(scope=SCOPE, question=question)
        async with self._asked():
            number: int = await self.connection.fetchval(sql, *self._values())
        return number

    async def texts(self, question: str) -> AsyncIterator[Candidate]:
        """The texts that look as if they held a secret, a few at a time."""
        wanted = WHICH_TEXTS_MAY_HOLD_A_NUMBER.replace("{texts}", question)
        sql = WHICH_TEXTS.format(scope=SCOPE, question=wanted)
        async with self._asked():
            async for row in self.connection.cursor(
                sql, *self._values(), prefetch=TEXTS_AT_ONCE
            ):
                yield Candidate(**dict(row))
                if self.left_s() <= 0:
                    raise Unanswered(NO_TIME)

    async def charges(
        self, numbers: Sequence[str], *, asked_at: datetime
    ) -> list[Known]:
        """What we know of payments that succeeded, and of these; `asked_at`: from then
        on a refund may have moved behind the banks' word.
        """
        async with self._asked():
            rows = await self.connection.fetch(
                WHAT_DO_WE_KNOW_OF_CHARGES,
                *(self.first, list(numbers), list(ABOUT_MONEY), asked_at),
            )
        return [_known(dict(row)) for row in rows]

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        """One statement, in the time that is left."""
        left_s = self.left_s()
        if left_s <= 0:
            raise Unanswered(NO_TIME)
        async with _answered(self.connection):
            if left_s < inf:
                await self.connection.execute(
                    "SELECT set_config('statement_timeout', $1, true)",
                    f"{ceil(left_s * 1000)}ms",
                )
            yield

    def _values(self) -> tuple[object, ...]:
        shape = LOOKS_LIKE_A_NUMBER
        return (self.first, list(self.open), self.at, shape, self.texts_from)


def _known(row: Mapping[str, object]) -> Known:
    legs = msgspec.json.decode(cast("str", row["legs"]), type=list[Leg])
    cases = msgspec.json.decode(cast("str", row["cases"]), type=list[Case])
    refunding = msgspec.json.decode(cast("str", row["refunding"]), type=list[int])
    decoded = {"legs": legs, "cases": cases, "refunding": refunding}
    return Known(**{**row, **decoded})  # type: ignore[arg-type]


@asynccontextmanager
async def lent(pool: Pool) -> "AsyncIterator[Connection]":
    """One of a pool's connections, for one audit."""
    async with pool.acquire() as connection:
        yield cast("Connection", connection)


@asynccontextmanager
async def snapshot(connection: "Connection", pace: Pace) -> AsyncIterator[Snapshot]:
    """Everything as of now; Unavailable where the schema is being changed."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for name, value in pace.limits.items():
            await connection.execute("SELECT set_config($1, $2, true)", name, value)
        if not await connection.fetchval(
            MAY_THE_SCHEMA_STAND, db.MIGRATION_LOCK, db.PARTITIONS_LOCK
        ):
            raise Unavailable("The schema is being changed: try again.")
        at = await connection.fetchval(WHAT_TIME_IS_IT)
        yield Snapshot(at=at, connection=connection)


@asynccontextmanager
async def _answered(connection: "Connection") -> AsyncIterator[None]:
    """One statement: given up it does not take the others with it."""
    try:
        async with connection.transaction():
            yield
    except db.AWAY as error:
        sqlstate = str(getattr(error, "sqlstate", None) or "")
        if sqlstate == GIVEN_UP:
            raise Unanswered("it took too long") from error
        if sqlstate == LOCKED or sqlstate.startswith(SPENT):
            raise Unanswered(f"the server could not: {_named(error)}") from error
        if sqlstate.startswith(UNREADABLE):
            raise Unanswered(f"a row cannot be read: {_named(error)}") from error
        raise


def _named(error: BaseException) -> str:
    """Not in the server's words: they repeat what stands in the row."""
    return f"SQLSTATE {getattr(error, 'sqlstate', '')} ({type(error).__name__})"


@asynccontextmanager
async def seated(dsn: str) -> "AsyncIterator[Connection | None]":
    """The auditor's seat: a connection of one's own, or None where another has it."""
    try:
        async with db.seated(dsn, AUDIT_LOCK) as connection:
            yield connection
    except (*db.AWAY, db.DatabaseUnavailableError) as error:
        raise Unavailable from error

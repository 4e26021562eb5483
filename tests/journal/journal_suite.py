"""What the suite's files share: tables of its own, one of each kind, and their rows."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

import asyncpg

from paycore.kernel.journal import Change, Row, table
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore
from paycore.kernel.terms import Epoch, Json, PayOrderNo

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
SOON = NOW + timedelta(seconds=30)
DAY = "261122"


class Colour(StrEnum):
    """A closed set that is stored as text."""

    RED = "RED"
    BLUE = "BLUE"


@table("t_paper", key="no", partition="no", versioned=True)
class Paper(Row, frozen=True, kw_only=True):
    """Versioned, partitioned, with a column of every type."""

    no: PayOrderNo
    version: int = 1
    colour: Colour = Colour.RED
    shade: Colour | None = None
    amount: int = 0
    flag: bool = False
    extra: Json | None = None
    seal: bytes | None = None
    at: datetime | None = None
    ref: UUID | None = None


@table("t_leg", key=("no", "seq"), owner="no", partition="no", versioned=True)
class Leg(Row, frozen=True, kw_only=True):
    """Many to an owner; one of them may be open, says a unique index."""

    no: PayOrderNo
    seq: int
    version: int = 1
    open: bool = False


@table("t_line", key=("no", "seq"), owner="no", partition="no")
class Line(Row, frozen=True, kw_only=True):
    """Append-only."""

    no: PayOrderNo
    seq: int
    text: str = ""


@table("t_claim", key=("biz_line", "name"))
class Claim(Row, frozen=True, kw_only=True):
    """Only its key matters."""

    biz_line: str
    name: str
    by: str = ""


@table("t_coupon", key="coupon_no")
class Coupon(Row, frozen=True, kw_only=True):
    """Amended without a version."""

    coupon_no: str
    holder: str | None = None


@table("t_job", key="name", claimed=True)
class Job(Row, frozen=True, kw_only=True):
    """Claimed when due."""

    name: str
    version: int = 1
    next_check_at: datetime | None = NOW
    lease_epoch: Epoch | None = None
    lease_until: datetime | None = None
    shade: Colour | None = None


@table("t_balance", key=("account", "slot"), additive="amount")
class Balance(Row, frozen=True, kw_only=True):
    """Only ever added to."""

    account: str
    slot: int
    currency: str = "CNY"
    amount: int


KINDS = (Paper, Leg, Line, Claim, Coupon, Job, Balance)
TABLES = (*(kind.__table__.name for kind in KINDS), "limit_counter", "journal_change")

DDL = """
CREATE TABLE t_paper (
    no text COLLATE "C" PRIMARY KEY, version bigint NOT NULL, colour text NOT NULL,
    shade text, amount bigint NOT NULL CHECK (amount >= 0), flag boolean NOT NULL,
    extra jsonb, seal bytea, at timestamptz, ref uuid
) PARTITION BY RANGE (no);
CREATE TABLE t_leg (
    no text COLLATE "C", seq bigint, version bigint NOT NULL, open boolean NOT NULL,
    PRIMARY KEY (no, seq)
) PARTITION BY RANGE (no);
CREATE UNIQUE INDEX t_leg_open ON t_leg (no) WHERE open;
CREATE TABLE t_line (
    no text COLLATE "C", seq bigint, text text NOT NULL, PRIMARY KEY (no, seq)
) PARTITION BY RANGE (no);
CREATE TABLE t_claim (
    biz_line text COLLATE "C", name text COLLATE "C", by text NOT NULL,
    PRIMARY KEY (biz_line, name)
);
CREATE TABLE t_coupon (coupon_no text COLLATE "C" PRIMARY KEY, holder text);
CREATE TABLE t_job (
    name text COLLATE "C" PRIMARY KEY, version bigint NOT NULL,
    next_check_at timestamptz, lease_epoch bigint, lease_until timestamptz, shade text
);
CREATE INDEX t_job_due ON t_job (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE TABLE t_balance (
    account text COLLATE "C", slot bigint, currency text NOT NULL,
    amount bigint NOT NULL, PRIMARY KEY (account, slot)
);
CREATE FUNCTION t_paper_says_no() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.colour = 'BLUE' AND NEW.colour = 'RED' THEN
        RAISE EXCEPTION 'blue is final' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER t_paper_final BEFORE UPDATE ON t_paper
    FOR EACH ROW EXECUTE FUNCTION t_paper_says_no();
""" + "\n".join(
    f"CREATE TABLE {name}_{start} PARTITION OF {name} "
    f"FOR VALUES FROM ('{start}') TO ('{end}');"
    for name in ("t_paper", "t_leg", "t_line")
    for start, end in (("0", "261121"), ("261121", "261123"), ("261123", "Z"))
)

EMPTY = "; ".join(f"DELETE FROM {name}" for name in TABLES)


def no(name: object, day: str = DAY) -> PayOrderNo:
    """A payment's number for a test."""
    return PayOrderNo(f"{day}{name}")


def new() -> Change:
    """An empty change."""
    return Change(uuid4())


def inserting(*rows: Row) -> Change:
    """A change that inserts these rows."""
    change = new()
    for row in rows:
        change.insert(row)
    return change


async def execute(dsn: str, statements: str) -> None:
    """Run what no change could."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


def in_memory() -> MemoryJournal:
    """The journal in memory, told what the tables' DDL says."""
    store = MemoryStore(
        unique=[(Leg, "t_leg_open", lambda leg: leg.no if leg.open else None)],
        checks={
            Paper: [
                lambda _store, _, row: row.amount >= 0,
                lambda _store, old, row: (
                    old is None or (old.colour, row.colour) != (Colour.BLUE, Colour.RED)
                ),
            ]
        },
    )
    return MemoryJournal(store, clock=lambda: NOW)

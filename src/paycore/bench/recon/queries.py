"""Our side of a day of very many movements, and what was found of it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from paycore.bench.recon.fill import (
    ACCOUNT,
    AT_ONCE,
    BANK,
    LEARNED_MS,
    Move,
    Told,
    at_ms,
    begins_ms,
    moves,
)
from paycore.kernel import db

if TYPE_CHECKING:
    from paycore.kernel.db import Connection
else:
    Connection = object

# What a quick payment leaves: the code that was sent, and the confirm under its number.
COLUMNS = (
    *("pay_order_no", "seq", "version", "trans_type", "process_status", "channel"),
    *("account", "inst_trans_id", "request_no", "amount", "currency", "channel_ref"),
    *("resp_code", "resp_msg", "created_at", "quiet_from", "finished_at", "enquiries"),
)

FOUND = """
SELECT kind, request_no, channel_ref FROM recon_difference WHERE healed_at IS NULL
"""
COUNT = "SELECT count(*) FROM desk_case WHERE kind LIKE 'RECON%'"
SETTLE = "VACUUM (ANALYZE) attempt"

Attempt = tuple[Any, ...]


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator["Connection"]:
    """A connection for as long as the block runs."""
    connection = await db.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def fill_ours(dsn: str, day: date, lines: int, told: Told) -> None:
    """Write our legs of the same movements."""
    async with connected(dsn) as connection:
        part: list[Attempt] = []
        for rows in _attempts(day, lines):
            part += rows
            if len(part) >= AT_ONCE:
                told(await _copy(connection, part))
                part = []
        told(await _copy(connection, part))
        await connection.execute(SETTLE)


async def _copy(connection: "Connection", part: list[Attempt]) -> int:
    await connection.copy_records_to_table("attempt", records=part, columns=COLUMNS)
    return len(part)


def _attempts(day: date, lines: int) -> Iterator[list[Attempt]]:
    """The attempts of each movement."""
    begins = begins_ms(day)
    for n, move in enumerate(moves(day, lines, ""), 1):
        learned_ms = at_ms(n, begins, lines) + LEARNED_MS
        yield _legs(move, datetime.fromtimestamp(learned_ms / 1000, UTC))


def _legs(move: Move, at: datetime) -> list[Attempt]:
    _, kind, request, order, amount, _, _, ref = move

    def leg(seq: int, what: str, reference: str | None) -> Attempt:
        named = (order, seq, 1, what, "GW_SUCCESS", BANK, ACCOUNT, f"{BANK}.x")
        return (*named, request, amount, "CNY", reference, "OK", "", at, at, at, 0)

    if kind == "refund":
        return [leg(3, "REFUND", ref)]
    return [leg(1, "QUICK_PAY_SEND_MSG", None), leg(2, "QUICK_PAY_CONFIRM", ref)]


async def found(dsn: str) -> set[tuple[str, str]]:
    """The differences that stand: kind, and the request's or the bank's own number."""
    async with connected(dsn) as connection:
        rows = await connection.fetch(FOUND)
    return {(row[0], row[2] if row[0] == "UNKNOWN_LINE" else row[1]) for row in rows}


async def cases(dsn: str) -> int:
    """How many the desk has of them."""
    async with connected(dsn) as connection:
        count: int = await connection.fetchval(COUNT)
    return count

"""What the benchmark asks the database: what a window cost, how long the banks took."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from paycore.kernel import db

_WAL = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
_BANKS_TIME = """
SELECT pay_order_no, operation, elapsed_ms FROM gateway_message
WHERE direction = 'IN' AND elapsed_ms IS NOT NULL AND pay_order_no >= $1
"""


async def wal_octets(dsn: str) -> int:
    """How much was ever written to the write-ahead log."""
    connection = await db.connect(dsn)
    try:
        written: Decimal = await connection.fetchval(_WAL)
    finally:
        await connection.close()
    return int(written)


async def channel_ms(dsn: str, numbers: Iterable[str]) -> Mapping[tuple[str, str], int]:
    """How long the bank took for each call of these payments, by operation."""
    connection = await db.connect(dsn)
    try:
        found = await connection.fetch(_BANKS_TIME, min(numbers, default=""))
    finally:
        await connection.close()
    return {(no, operation): ms for no, operation, ms in found}

"""What people ask of accounts at channels; credentials are never read here."""

from dataclasses import dataclass

from paycore.kernel.db import Pool

__all__ = ["AccountLine", "Pool", "accounts", "known"]

ACCOUNTS = """
SELECT channel, account, driver, enabled FROM gateway_account
WHERE ($1::text IS NULL OR (channel, account) > ($1, $2))
ORDER BY channel, account
LIMIT $3
"""

KNOWN = "SELECT channel, account FROM gateway_account"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """An account as a list shows it."""

    channel: str
    account: str
    driver: str
    enabled: bool


async def accounts(
    pool: Pool, *, after: tuple[str, str] | None, limit: int
) -> list[AccountLine]:
    """Accounts by channel and name; after one, if it is given."""
    channel, account = after or (None, None)
    rows = await pool.fetch(ACCOUNTS, channel, account, limit)
    return [AccountLine(**dict(row)) for row in rows]


async def known(pool: Pool) -> list[tuple[str, str]]:
    """Channel and name of every account."""
    return [(row["channel"], row["account"]) for row in await pool.fetch(KNOWN)]

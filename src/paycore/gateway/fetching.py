"""Fetching a channel's statements: one request, its answer given away as it comes.

Nothing is read here: the file is kept first, and read from what was kept.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from paycore.gateway.accounts import AccountKey, Accounts, Opened, look_up
from paycore.gateway.channel import StatementChannel
from paycore.gateway.statement import Arrived, Fetched, StatementLine, Take
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.node import Node

__all__ = ["Arrived", "Day", "Fetched", "bounds", "fetch", "reading", "today"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day of a channel's: its moments in UTC."""

    begins: datetime
    ends: datetime


def with_statements(node: Node) -> list[AccountKey]:
    """The accounts whose channel writes statements, disabled ones too."""
    return sorted(
        key
        for key, opened in node.state(Accounts).every()
        if isinstance(opened.driver, StatementChannel)
    )


async def bounds(node: Node, key: AccountKey, day: date) -> Day:
    """From when to when a day lasts, where the channel is."""
    _, driver = await _found(node, key)
    begins = datetime.combine(day, time(), tzinfo=driver.statement_zone)
    return Day(begins=begins, ends=begins + timedelta(days=1))


async def today(node: Node, key: AccountKey) -> date:
    """Which day it is, where the channel is."""
    _, driver = await _found(node, key)
    return node.now().astimezone(driver.statement_zone).date()


async def fetch(node: Node, key: AccountKey, day: date, take: Take) -> Fetched:
    """Ask for a day's statement and give its octets to `take` as they come."""
    opened, driver = await _found(node, key)
    return await driver.fetch_statement(node, opened.account, day, take)


async def reading(
    node: Node, key: AccountKey, day: date, octets: AsyncIterator[bytes]
) -> AsyncIterator[StatementLine]:
    """Begin to read a kept file: its lines, which raise `StatementBroken` where it is
    no good.
    """
    opened, driver = await _found(node, key)
    return driver.read_statement(opened.account, day, octets)


async def _found(node: Node, key: AccountKey) -> tuple[Opened, StatementChannel]:
    """The account and its channel file; a refusal where it has no statements."""
    opened = await look_up(node, *key)
    if opened is None:
        raise DataNotExist("There is no such account.", "渠道账户不存在")
    if not isinstance(opened.driver, StatementChannel):
        raise BadRequest("This channel writes no statements.", "该渠道没有对账单")
    return opened, opened.driver

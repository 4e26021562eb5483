"""Fetching a channel's statements: one request, its answer given away as it comes.

Nothing is read here: the file is kept first, and read from what was kept.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum

import msgspec

from paycore.gateway.accounts import AccountKey, Accounts, Opened
from paycore.gateway.channel import StatementChannel
from paycore.gateway.rows import AccountRow
from paycore.gateway.statement import StatementLine
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.http import Answered, NoAnswer, NotSent
from paycore.kernel.node import Node

WITHIN_S = 600.0
"""For a whole file, however slowly it comes."""

MOST_OCTETS = 4 << 30

Take = Callable[[bytes], Awaitable[None]]


class Arrived(Enum):
    """What became of asking for a statement."""

    WHOLE = "all of it came"
    """As far as HTTP can tell: whether it is the whole file its own trailer says."""
    ABSENT = "it is not there yet"
    FAILED = "it did not come"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What became of it, and why."""

    arrived: Arrived
    said: str


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
    asked = driver.ask_statement(opened.account, day, at=node.now(), timeout_s=WITHIN_S)
    request = msgspec.structs.replace(
        asked,
        most_octets=MOST_OCTETS,
        connect_timeout_s=node.settings.connect_timeout_s,
    )
    result = await node.transport.receive(request, take)
    match result:
        case NotSent(reason=reason) | NoAnswer(reason=reason):
            return Fetched(arrived=Arrived.FAILED, said=reason)
        case Answered(status=status):
            return _answered(driver, status)


def _answered(driver: StatementChannel, status: int) -> Fetched:
    if status == 200:
        return Fetched(arrived=Arrived.WHOLE, said="")
    if status in driver.statement_absent:
        return Fetched(arrived=Arrived.ABSENT, said=Arrived.ABSENT.value)
    return Fetched(arrived=Arrived.FAILED, said=f"HTTP {status}")


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
    opened = node.state(Accounts).find(*key)
    if opened is None and (row := await node.journal.load(AccountRow, *key)):
        opened = node.state(Accounts).add(node, row)
    if opened is None:
        raise DataNotExist("There is no such account.", "渠道账户不存在")
    if not isinstance(opened.driver, StatementChannel):
        raise BadRequest("This channel writes no statements.", "该渠道没有对账单")
    return opened, opened.driver

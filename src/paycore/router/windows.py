"""Windows of accounts: times in which an account is left out of routes.

A window is known to every node within a second of being opened or ended. When it begins
and ends is then each node's own clock's, to the moment: a decision compares the moment
of its question with it, and nothing that is kept for many questions knows of it.
What was begun at the account before goes on there.
"""

from datetime import datetime, timedelta

import msgspec

from paycore.kernel.errors import BadRequest, BizCheckError, DataNotExist
from paycore.kernel.ids import letters
from paycore.kernel.journal import Change
from paycore.kernel.mask import mask_text
from paycore.kernel.node import Node
from paycore.router.question import AccountKey
from paycore.router.rows import WindowRow

LONGEST = timedelta(days=31)
"""Whatever is away for longer is switched off."""

FURTHEST = timedelta(days=366)

MOST = 50
"""Of one account, that are not over: each is looked at by every decision."""


async def opened(
    node: Node,
    change: Change,
    key: AccountKey,
    *,
    begins: datetime,
    ends: datetime,
    why: str,
    by: str,
) -> WindowRow:
    """Stage a window; what lies in the past of it begins now."""
    now = node.now()
    begins = max(begins, now)
    _check(begins, ends, now)
    standing = [
        row
        for row in await node.journal.every(WindowRow)
        if (row.channel, row.account) == key and row.ends_at > now
    ]
    if len(standing) >= MOST:
        raise BizCheckError(
            f"The account has {MOST} windows that are not over.",
            f"该账户未结束的维护时段已达 {MOST} 个",
        )
    channel, account = key
    row = WindowRow(
        window_id=f"mw_{letters(node.ids, 16)}",
        channel=channel,
        account=account,
        starts_at=begins,
        ends_at=ends,
        why=mask_text(why),
        opened_by=by,
        opened_at=now,
    )
    change.insert(row)
    return row


async def ended(
    node: Node, change: Change, key: AccountKey, window_id: str
) -> WindowRow:
    """Stage its end now; one that has not begun is to close nothing."""
    row = await one(node, key, window_id)
    now = node.now()
    if row.ends_at <= max(now, row.starts_at):
        raise BizCheckError("The window is over.", "该维护时段已结束")
    over = msgspec.structs.replace(row, ends_at=max(row.starts_at, now))
    change.update(over, version=row.version)
    return over


async def one(node: Node, key: AccountKey, window_id: str) -> WindowRow:
    """A window of an account; DataNotExist where it has none of that name."""
    row = await node.journal.load(WindowRow, window_id)
    if row is None or (row.channel, row.account) != key:
        raise DataNotExist("There is no such window.", "维护时段不存在")
    return row


def _check(begins: datetime, ends: datetime, now: datetime) -> None:
    if ends <= begins:
        raise BadRequest(
            "A window ends after it begins, and not in the past.",
            "维护时段的结束须晚于开始,且不在过去",
            field="to",
        )
    if ends - begins > LONGEST or begins - now > FURTHEST:
        raise BadRequest(
            f"A window is of {LONGEST.days} days at most and begins within a year.",
            f"维护时段最长 {LONGEST.days} 天,且须在一年内开始",
            field="to",
        )

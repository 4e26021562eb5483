"""What channels want used with them, asked for and kept (`Channel.learn`)."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from paycore.gateway import accounts
from paycore.gateway.rows import FactRow
from paycore.kernel import log
from paycore.kernel.node import Node
from paycore.kernel.terms import Json

_log = log.get(__name__)


async def learn(node: Node, channel: str, account: str) -> bool:
    """Ask one account's channel, and keep what is new; whether anything was."""
    opened = await accounts.look_up(node, channel, account)
    if opened is None:
        return False
    try:
        facts = await opened.driver.learn(node, opened.account)
    except Exception:  # noqa: BLE001 - a plug-in perhaps; what was known still is
        _log.exception("channel_broke", channel=channel, account=account)
        return False
    if facts is None or dict(facts) == dict(opened.account.facts):
        return False
    kept = await _keep(node, channel, account, facts)
    if kept:
        _log.info("channel_taught", channel=channel, account=account)
    return kept


async def _keep(
    node: Node, channel: str, account: str, facts: Mapping[str, str]
) -> bool:
    """Keep them; whoever was first meanwhile has asked the same channel."""
    text = Json(msgspec.json.encode(facts).decode())
    row = FactRow(channel=channel, account=account, facts=text, at=node.now())
    change = node.change()
    standing = await node.journal.load(FactRow, channel, account)
    if standing is None:
        change.insert(row)
    else:
        row = replace(row, version=standing.version)
        change.update(row, version=standing.version)
    return await node.journal.commit(change) is None

"""End points that people keep: switched off by hand, and sealed with another key."""

import msgspec

from paycore.kernel.errors import DataNotExist
from paycore.kernel.node import Node
from paycore.notify import endpoints
from paycore.notify.rows import EndpointRow

BY_HAND = "by hand"


async def disable_endpoint(node: Node, endpoint_id: str) -> None:
    """Send nothing there, from the nodes' next refresh on; twice is once.

    It opens nothing, so that it can be done without the keys.
    """

    def step(row: EndpointRow) -> EndpointRow:
        if not row.enabled:
            return row
        return msgspec.structs.replace(row, enabled=False, disabled_reason=BY_HAND)

    change = node.change()
    change.amend(EndpointRow, (endpoint_id,), step)
    if await node.journal.commit(change) is not None:
        raise DataNotExist("There is no such end point.", "通知地址不存在")


async def reseal(node: Node, row: EndpointRow) -> bool:
    """Seal the secrets with the active key; False where they changed meanwhile."""
    kept = endpoints.unsealed(node, row)
    change = node.change()
    change.update(endpoints.with_secrets(node, row, kept), version=row.version)
    return await node.journal.commit(change) is None

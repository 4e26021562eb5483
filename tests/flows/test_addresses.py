"""Where notices may go: end points are judged when they are saved and when sent to."""

import socket
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from receivers import (
    KEYS,
    PATIENT,
    due_now,
    leap,
    left_due,
    line_of,
    node,
    nodes,
    notices,
    receiver,
    settled,
)

from paycore.desk.rows import CaseRow
from paycore.kernel.config import Settings
from paycore.kernel.errors import BadRequest
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport
from paycore.notify import service as notify
from paycore.notify import upkeep
from paycore.notify.endpoints import Endpoints
from paycore.notify.rows import NoticeStatus
from paycore.worker import dispatcher

__all__ = ["node", "nodes", "receiver"]  # fixtures

PUBLIC = "93.184.215.14"


class Names:
    """A name server of the test's, which changes its mind when it is told to."""

    def __init__(self) -> None:
        self.says: dict[str, Sequence[str]] = {}

    async def look_up(self, host: str) -> Sequence[str]:
        """What a host's addresses are said to be just now."""
        if host not in self.says:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.says[host]


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
async def strict(node: Node, names: Names) -> AsyncIterator[Node]:
    """A node as it is outside of development, with the test's name server."""
    await node.transport.close()
    node.transport = HttpTransport(names.look_up)
    node.settings = Settings.for_dev(**KEYS, **PATIENT, allow_private_endpoints=False)
    return node


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "fd00:ec2::254", "::1"]
)
async def test_refused_at_save(strict: Node, names: Names, inside: str):
    """F56: a name with one address inside is refused when its end point is saved."""
    names.says["shop.example"] = [PUBLIC, inside]

    with pytest.raises(BadRequest, match="private or local"):
        await notify.add_endpoint(strict, line_of(strict), "https://shop.example/paid")


async def test_unknown_at_save(strict: Node):
    """A name that has no address is refused when its end point is saved."""
    with pytest.raises(BadRequest, match="no address"):
        await notify.add_endpoint(strict, line_of(strict), "https://shop.example/paid")


async def test_names_that_change(strict: Node, names: Names, receiver: Callable):
    """F56: DNS that changes after the save reaches nothing, and raises one alarm."""
    inner, line = await receiver(), line_of(strict)
    port = inner.url.rpartition(":")[2].partition("/")[0]
    names.says["shop.example"] = [PUBLIC]
    endpoint_id, _ = await notify.add_endpoint(
        strict, line, f"https://shop.example:{port}/notices"
    )
    names.says["shop.example"] = ["127.0.0.1"]
    orders = [await left_due(strict, line) for _ in range(20)]
    leap(strict, seconds=30)
    await dispatcher.tick(strict)
    await settled(strict)
    rows = [row for no in orders for row in await notices(strict, no)]
    cases = [
        case
        for case in await strict.journal.every(CaseRow)
        if case.kind == "ENDPOINT_LEADS_INSIDE"
    ]

    assert [] == inner.got
    assert "ADDRESS_REFUSED" in {row.last_result for row in rows}
    assert {NoticeStatus.PENDING} == {row.status for row in rows}
    assert 1 == len(cases)
    assert endpoint_id in cases[0].case_id


async def test_refused_as_written(node: Node, receiver: Callable):
    """An end point saved in development raises the alarm where it may not be used."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    no = await left_due(node, line)
    node.settings = Settings.for_dev(**KEYS, **PATIENT, allow_private_endpoints=False)
    node.state(Endpoints).replace([])
    await notify.refresh(node)
    row = await due_now(node, no)
    kinds = [case.kind for case in await node.journal.every(CaseRow)]

    assert "ENDPOINT_ADDRESS_REFUSED" == row.last_result
    assert NoticeStatus.PARKED is row.status
    assert ["ENDPOINT_LEADS_INSIDE"] == kinds
    assert [] == shop.got


async def test_judged_again_when_switched_on(strict: Node, names: Names):
    """An end point whose name leads inside by now is not switched on again."""
    names.says["shop.example"] = [PUBLIC]
    endpoint_id, _ = await notify.add_endpoint(
        strict, line_of(strict), "https://shop.example/paid"
    )
    await upkeep.disable_endpoint(strict, endpoint_id)
    names.says["shop.example"] = ["127.0.0.1"]
    with pytest.raises(BadRequest, match="private or local"):
        await notify.enable_endpoint(strict, endpoint_id)
    names.says["shop.example"] = [PUBLIC]
    await notify.enable_endpoint(strict, endpoint_id)

    assert strict.state(Endpoints).by_id[endpoint_id].row.enabled

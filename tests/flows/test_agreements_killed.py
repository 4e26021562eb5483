"""kill -9 in the middle of a signing and of a revocation: nothing is lost."""

from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import pytest
from stack import SHOP
from test_agreements import SETTLED_S, Signer

pytestmark = pytest.mark.long

SLOW = "slow:2"


@pytest.fixture
def doomed(stack):
    """A signer at a node of its own, which will be killed."""
    node = stack.start_node()
    signer = Signer(stack)
    signer.api = stack.client(SHOP, node=len(stack.nodes) - 1)
    yield signer, node
    if node.alive:
        node.kill()
    stack.nodes.remove(node)


def killed_during(signer, node, work):
    """Let the node die while the bank, which has acted, is slow to say so."""

    def insist():
        try:
            work()
        except httpx.TransportError:
            return

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(insist)
        signer.stack.has_struck()
        node.kill()
        asked.result()
    signer.api = signer.stack.client(SHOP)


def test_a_signing_whose_node_died_is_found(doomed, stack):
    """The bank had signed: another node asks, and the card is active."""
    signer, node = doomed
    signer.sign()
    stack.fault("bank.quick_a.sign", SLOW, count=1)
    killed_during(signer, node, signer.confirm)

    assert "ACTIVE" == signer.until("ACTIVE", within_s=SETTLED_S)
    assert "ACTIVE" == signer.card()["status"]


def test_a_revocation_whose_node_died_goes_on(doomed, stack):
    """204 was said, so the bank is told, by whichever node lives."""
    signer, node = doomed
    signer.signed()
    stack.fault("bank.quick_a.revoke", SLOW)
    killed_during(signer, node, signer.revoke)
    stack.no_faults()

    assert "REVOKED" == signer.until("REVOKED", within_s=SETTLED_S)
    assert "REVOKED_BY_BANK" not in signer.events()

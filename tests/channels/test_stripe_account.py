"""Our account at Stripe: which credentials are taken, and what a test call says."""

from collections.abc import AsyncIterator

import msgspec
import pytest
import stripe_peer as of
from stripe_peer import KEY, Peer, call, says

from paycore.gateway import service as gateway
from paycore.gateway.accounts import Accounts
from paycore.gateway.channels.stripe import Stripe
from paycore.gateway.stripe.requests import StripeConfig
from paycore.kernel.errors import BadRequest
from paycore.kernel.node import Node


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """Somebody at the other end."""
    peer = Peer()
    server = await peer.open()
    yield peer
    server.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"secret_key": "sk_live_4canary4KEY4of4ours"},
        {"livemode": True},
        {"secret_key": "pk_test_4canary4KEY4of4ours"},
        {"secret_key": f"{KEY}\r\nHost: elsewhere"},
        {"webhook_secrets": ["canary"]},
        {"api_version": "newest"},
        {"api_version": "2024-10-28.acacia\r\nA: b"},
        {"livemode": 1},
    ],
)
def test_credentials_that_cannot_be_used(changes: dict[str, object]) -> None:
    """A key of the other mode, or one that breaks a header, is refused when saved."""
    good = {"secret_key": KEY, "webhook_secrets": list(of.HOOKS), "livemode": False}

    assert msgspec.convert(good, StripeConfig) == of.CONFIG
    assert KEY not in repr(of.CONFIG)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(good | changes, StripeConfig)


@pytest.mark.parametrize(
    ("base_url", "fit"),
    [
        ("https://api.stripe.com", True),
        ("http://127.0.0.1:12111", True),
        ("http://[::1]:12111", True),
        ("http://localhost:12111", True),
        ("http://api.stripe.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.7", False),
        ("https://[::1", False),
        ("https://", False),
        ("", False),
    ],
)
async def test_nobody_vouches_for_plain_http(
    node: Node, base_url: str, *, fit: bool
) -> None:
    """TLS is all that says who answers: no account without it, but on this machine."""
    credentials = {"secret_key": KEY, "webhook_secrets": of.HOOKS, "livemode": False}
    account = {"channel": "stripe", "account": "main", "driver": "stripe"}
    saving = gateway.save_account(
        node, **account, base_url=base_url, credentials=credentials
    )
    if fit:
        await saving
        await gateway.refresh(node)
        opened = node.state(Accounts).find("stripe", "main")

        assert opened is not None
        assert set(opened.secrets) == {KEY, *of.HOOKS}
        return
    with pytest.raises(BadRequest, match="https"):
        await saving


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (
            says({"error": {"message": "Invalid API Key provided: sk_test_*"}}, 401),
            "secret_key",
        ),
        (says({"error": {"message": "no permission"}}, 403), "restricted key"),
        (
            says(
                {
                    "error": {
                        "type": "invalid_request_error",
                        "message": "Invalid Stripe API version: 2031-01-01",
                    }
                },
                400,
            ),
            "api_version",
        ),
        (says({"error": {"type": "rate_limit_error"}}, 429), "try again"),
    ],
)
async def test_a_test_call_is_explained(
    node: Node, peer: Peer, answer: of.Says, named: str
) -> None:
    """Whoever set it up reads which of his entries is wrong."""
    reply = await call(node, peer, of.enquiry(of.deduct(node)), answer)

    assert not reply.not_found
    assert named in Stripe().explain(of.account(peer), reply)

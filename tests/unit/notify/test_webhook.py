import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from paycore.notify import webhook

# The public vector of the standard.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = "1614265330"
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def key_of(secret: str) -> bytes:
    key = webhook.key_of(secret)
    assert key is not None
    return key


def test_public_vector():
    """We sign as the standard's published example does."""
    assert SIGNATURE == webhook.signature(key_of(SECRET), ID, TIMESTAMP, BODY)


def test_library_verifies():
    """What we sign, the official library verifies."""
    headers = webhook.headers([key_of(SECRET)], ID, datetime.now(UTC), BODY)

    assert {"test": 2432232314} == Webhook(SECRET).verify(BODY, dict(headers))


def test_two_secrets():
    """During a change-over either secret verifies (F57)."""
    other = webhook.secret_of(bytes(range(32)))
    keys = [key_of(other), key_of(SECRET)]
    headers = dict(webhook.headers(keys, ID, datetime.now(UTC), BODY))

    assert 2 == len(headers["webhook-signature"].split(" "))
    for secret in (other, SECRET):
        Webhook(secret).verify(BODY, headers)


def test_altered_body():
    """A changed body does not verify."""
    headers = webhook.headers([key_of(SECRET)], ID, datetime.now(UTC), BODY)

    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY + b" ", dict(headers))


def test_body():
    """The body says what, when and of which order; the order's JSON is not touched."""
    at = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)

    assert (
        b'{"type":"payment.succeeded","timestamp":"2026-11-22T12:00:01Z",'
        b'"data":{"amount": 1}}'
    ) == webhook.body("payment.succeeded", at, b'{"amount": 1}')


@pytest.mark.parametrize("octets", [24, 32, 64])
def test_secrets_come_back(octets: int):
    """A secret handed on gives the same key, with its padding or without."""
    key = bytes(range(octets))
    secret = webhook.secret_of(key)

    assert key == webhook.key_of(secret)
    assert key == webhook.key_of(secret.rstrip("="))


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!",
        "whsec_密钥",
    ],
)
def test_no_secret(secret: str):
    """What is not a secret of the standard's form and length is refused."""
    assert webhook.key_of(secret) is None

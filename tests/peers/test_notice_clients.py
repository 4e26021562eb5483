"""Notices as the official Standard Webhooks clients of PyPI and npm read them."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from paycore.bench.drills import npm
from paycore.bench.drills.receivers import Came, Place
from paycore.notify import webhook

OLD, NEW = (webhook.secret_of(bytes([octet]) * 32) for octet in (1, 2))
NOTICES = 200


def came(number: int, *secrets: str) -> Came:
    """A notice of ours, as a receiver writes it down."""
    now = datetime.now(UTC)
    data = msgspec.json.encode({"pay_order_no": f"n{number}", "subject": "电影票 🎬"})
    body = webhook.body("payment.succeeded", now, data)
    keys = [key for secret in secrets if (key := webhook.key_of(secret))]
    signed = webhook.headers(keys, f"msg_{number}", now, body)
    return Came(
        place=0,
        id=signed["webhook-id"],
        timestamp=signed["webhook-timestamp"],
        signature=signed["webhook-signature"],
        body=body.decode(),
        at=now.timestamp(),
        status=204,
        verified=True,
    )


def verified(tmp_path: Path, notices: list[Came], *secrets: str) -> npm.Verified:
    """What npm's client makes of notices to one end point."""
    record = tmp_path / "came.jsonl"
    record.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in notices))
    places = [Place(behaviour="good", secrets=list(secrets))]
    found = npm.verify(tmp_path / "npm", record, places)
    if found.missing:
        pytest.skip(found.missing)
    return found


def test_pypi():
    """F57: while a secret is changed PyPI's client takes a notice by either."""
    notice = came(1, NEW, OLD)
    headers = {
        "webhook-id": notice.id,
        "webhook-timestamp": notice.timestamp,
        "webhook-signature": notice.signature,
    }

    for secret in (OLD, NEW):
        assert (
            "n1" == Webhook(secret).verify(notice.body, headers)["data"]["pay_order_no"]
        )


def test_npm(tmp_path: Path):
    """F57: npm's client takes all notices, in a change-over by both secrets."""
    before = [came(number, OLD) for number in range(NOTICES)]
    during = [came(number, NEW, OLD) for number in range(NOTICES)]
    found = verified(tmp_path, before + during, OLD, NEW)

    assert (2 * NOTICES, 0) == (found.verified, found.refused)


def test_npm_refuses(tmp_path: Path):
    """The same client refuses what was changed, so that its yes means something."""
    changed = msgspec.structs.replace(came(1, OLD), body="{}")
    found = verified(tmp_path, [changed, came(2, NEW)], OLD)

    assert (0, 2) == (found.verified, found.refused)

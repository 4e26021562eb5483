"""A merchant of Stripe's, written from the provider's rules and nothing of ours."""

import hmac
import json
import time
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote

KEY = "sk_test_51paycoreSandbox"
CUSTOMER, METHOD = "cus_PaycoreSandbox", "pm_1PaycoreSandbox"
WEBHOOK_SECRET = "whsec_paycoreSandbox"
NUMBERS = count(1)


def config(hearing: Any) -> dict[str, Any]:
    """The simulator's, whose events go to somebody who hears them."""
    return {
        "account": "acct_1PaycoreSandbox",
        "secret_key": KEY,
        "customer": CUSTOMER,
        "payment_method": METHOD,
        "webhook_url": f"{hearing.url}/stripe",
        "webhook_secret": WEBHOOK_SECRET,
    }


def new_key() -> str:
    """An idempotency key never used before."""
    return f"K{time.time_ns()}{next(NUMBERS)}"


def encoded(params: dict[str, Any]) -> str:
    """A form, or a query."""
    pairs = [
        (name, one)
        for name, value in params.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    return "&".join(f"{quote(name)}={quote(str(one), safe='')}" for name, one in pairs)


@dataclass(kw_only=True)
class Merchant:
    """Calls the API with a secret key."""

    sandbox: Any
    secret: str = KEY

    def call(
        self,
        method: str,
        path: str,
        params: dict[str, Any] | None = None,
        *,
        key: str = "",
        **kw: Any,
    ) -> Any:
        """What came back."""
        headers = {
            "Authorization": f"Bearer {self.secret}",
            "Stripe-Version": "2024-06-20",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        if key:
            headers["Idempotency-Key"] = key
        url = f"{self.sandbox.info['banks']['stripe']}/v1/{path}"
        form = encoded(params or {})
        if method == "GET":
            return self.sandbox.http("GET", f"{url}?{form}", b"", headers, **kw)
        return self.sandbox.http("POST", url, form.encode(), headers, **kw)

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """A thing that is there."""
        answer = self.call("GET", path, params)
        assert answer.status == 200, answer.raw
        return dict(answer.body)

    def every(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All of a list, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            cursor = {"starting_after": found[-1]["id"]} if found else {}
            page = self.get(path, **params, **cursor)
            found += page["data"]
            if not page["has_more"]:
                return found

    def intent(self, **changes: Any) -> dict[str, Any]:
        """Parameters of a deduct that is in order."""
        params = {
            "amount": 1234,
            "currency": "usd",
            "customer": CUSTOMER,
            "payment_method": METHOD,
            "off_session": "true",
            "confirm": "true",
            "metadata[order]": f"P{next(NUMBERS)}",
            **changes,
        }
        return {name: value for name, value in params.items() if value is not None}

    def create(self, *, key: str = "", **changes: Any) -> Any:
        """POST /v1/payment_intents."""
        params = self.intent(**changes)
        return self.call("POST", "payment_intents", params, key=key or new_key())

    def paid(self, **changes: Any) -> dict[str, Any]:
        """An intent that succeeded."""
        answer = self.create(**changes)
        assert (200, "succeeded") == (answer.status, answer.body["status"])
        return dict(answer.body)

    def refund(self, intent: str, *, key: str = "", **params: Any) -> Any:
        """POST /v1/refunds."""
        params = {"payment_intent": intent, **params}
        return self.call("POST", "refunds", params, key=key or new_key())

    def moved(self, thing: dict[str, Any]) -> list[tuple[str, int]]:
        """What the oracle says of a payment."""
        order = thing["metadata"]["order"]
        charges = self.sandbox.control(f"charges?pay_order_no={order}")
        return [(move["kind"], move["amount"]) for move in charges]


def is_theirs(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """Whether an event is signed, now."""
    parts = dict(part.split("=") for part in headers["Stripe-Signature"].split(","))
    said = hmac.digest(
        secret.encode(), parts["t"].encode() + b"." + body, "sha256"
    ).hex()
    return said == parts["v1"] and abs(time.time() - int(parts["t"])) < 300


def told(heard: Any) -> dict[str, Any]:
    """An event."""
    return dict(json.loads(heard.body))

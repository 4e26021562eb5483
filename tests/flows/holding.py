"""Who signs a card of his own at a provider, over our API."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from stack import MALL, Payer, Stack, key

CARD = {
    "number": "6222020200112233446",
    "name": "王五",
    "bank": "ICBC",
    "card_kind": "DEBIT",
}
WISHES = {
    "unionpay": {"pay_type": "QUICK_PAY", "channel": "unionpay", "account": "main"},
    "huifu": {
        "pay_type": "DEDUCT",
        "channel": "huifu",
        "account": "main",
        "scope": "水电费",
        "single_limit": 100_000,
        "daily_limit": 500_000,
        "ends_at": "2090-01-01T00:00:00Z",
    },
}
REVOKED_S = 60.0


@contextmanager
def seeded_payer(stack: Stack) -> Iterator[Payer]:
    """The payer of the providers' line; strangers behave before and after."""
    line = stack.lines[MALL]
    stack.no_faults()
    yield Payer(stack, stack.client(MALL), line.card_id, line.phone)
    stack.no_faults()


class Holder:
    """Who signs a card of his own at a provider."""

    def __init__(self, payer: Payer, number: str = CARD["number"]) -> None:
        self.stack, self.api, self.number = payer.stack, payer.api, number
        self.phone = f"+86136{uuid.uuid4().int % 10**8:08d}"
        self.card_id = ""

    def signed(self, bank: str) -> "Holder":
        """The same, and its card is in force."""
        mine = {"phone": self.phone, "id_no": _some_id_no(), "number": self.number}
        body = {**CARD, **mine, "sign": WISHES[bank]}
        asked = self.api.post("/v1/cards", json=body, headers=key())
        assert 201 == asked.status_code, asked.text
        self.card_id = asked.json()["card_id"]
        typed = {"sms_verify_code": self.stack.sms(self.phone)[-1]["code"]}
        url = f"/v1/cards/{self.card_id}/confirm"
        signed = self.api.post(url, json=typed, headers=key())
        assert "ACTIVE" == signed.json()["status"], signed.text
        return self

    def revoke(self) -> int:
        """Revoke it; the status of the answer."""
        return self.api.delete(f"/v1/cards/{self.card_id}").status_code

    def until_revoked(self) -> str:
        """Where its agreement stands, once it is over or the time is up."""
        deadline = time.monotonic() + REVOKED_S
        while "REVOKED" != (status := self._status()):
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        return status

    def events(self) -> list[str]:
        """What happened to its agreement, in order."""
        items = self.api.get(f"/v1/cards/{self.card_id}/timeline").json()["items"]
        return [one["title"] for one in items if one["kind"] == "transition"]

    def _status(self) -> str:
        return self.api.get(f"/v1/cards/{self.card_id}").json()["signing"]["status"]


def _some_id_no() -> str:
    """One of a made-up person, with its check digit (GB 11643)."""
    chance = uuid.uuid4().int
    born = f"{1950 + chance % 50}{1 + chance % 11:02d}{1 + chance % 27:02d}"
    seventeen = f"110101{born}{chance % 997:03d}"
    total = sum(int(d) * 2 ** (17 - at) for at, d in enumerate(seventeen))
    return f"{seventeen}{'10X98765432'[total % 11]}"

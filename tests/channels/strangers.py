"""Where the strangers of a test are, who we are there, and what we ask the sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from paycore.dev.vendors import Contract
from paycore.gateway.accounts import Accounts
from paycore.kernel.config import Settings
from paycore.kernel.http import Answered, HttpRequest, Transport
from paycore.kernel.journal_memory import MemoryStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Strangers:
    """A sandbox that runs, and who we are there."""

    control: str
    banks: Mapping[str, str]
    carriers: Mapping[str, str]
    merchant: str
    secret: str
    encryption_key: str
    contracts: Mapping[str, Contract]
    """With the providers that it plays: what both sides hold."""
    door: int
    """The port at which they tell us things of their own accord."""
    agreements: dict[str, str] = field(default_factory=dict)
    """What the payer signed with them so far, by provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What nodes in memory have in common: what they keep, and the keys to it."""

    settings: Settings
    store: MemoryStore = field(default_factory=MemoryStore)
    accounts: Accounts = field(default_factory=Accounts)
    """Those that are open: to read an RSA key takes longer than most tests."""


class Control:
    """The sandbox's control, by a transport that no test meddles with."""

    def __init__(self, transport: Transport, url: str) -> None:
        self._transport, self._url = transport, url

    async def fault(self, target: str, fault: str) -> None:
        """Set a fault."""
        await self._ask("POST", "/faults", {"target": target, "fault": fault})

    async def clear(self) -> None:
        """Take all faults back."""
        await self._ask("DELETE", "/faults")

    async def charges(self, pay_order_no: str) -> int:
        """How often the banks say that money moved for a payment, there or back."""
        return len(await self._ask("GET", f"/charges?pay_order_no={pay_order_no}"))

    async def texts(self, phone: str, carrier: str = "") -> list[dict[str, str]]:
        """What reached a phone, newest last; by one carrier or bank, where named."""
        found = await self._ask("GET", f"/sms?phone={quote(phone)}")
        return [text for text in found if carrier in ("", text["carrier"])]

    async def texted(self) -> int:
        """How many texts all carriers and banks have sent."""
        return int((await self._ask("GET", "/stats"))["sms"])

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        request = HttpRequest(
            method=method,
            url=f"{self._url}/control{path}",
            headers={"Content-Type": "application/json"},
            body=b"" if body is None else msgspec.json.encode(body),
            timeout_s=5.0,
        )
        result = await self._transport.send(request)
        assert isinstance(result, Answered), result
        assert result.status < 300, result.body
        return msgspec.json.decode(result.body) if result.body else None

"""A peer that says what it is told to say, in Stripe's forms, and keeps what it heard.

Nothing here knows how Stripe works: each test writes down the answers that it wants.
"""

import asyncio
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from msgspec.structs import replace

from paycore.gateway.call import Ask, Operation, Reply
from paycore.gateway.channel import Account
from paycore.gateway.channels.stripe import Stripe
from paycore.gateway.stripe.requests import StripeConfig
from paycore.kernel.ids import attempt_id, pay_order_no, refund_no
from paycore.kernel.node import Node
from paycore.kernel.terms import AttemptId, CardId

KEY = "sk_test_4canary4KEY4of4ours"
HOOKS = ("whsec_canaryOLD0123456789", "whsec_canaryNEW9876543210")
CONFIG = StripeConfig(secret_key=KEY, webhook_secrets=HOOKS, livemode=False)
CUSTOMER, METHOD = "cus_canary0CUSTOMER", "pm_canary0METHOD"
INTENT, REFUND = "pi_3Q1canary0INTENT", "re_3Q1canary0REFUND"
SECRET = f"{INTENT}_secret_canary0SECRET"

PAYER = {
    "name": "Jenny Rosen",
    "email": "jenny.rosen@example.com",
    "phone": "+15555550100",
    "address": {"line1": "1234 Main Street", "city": "Oakville", "postal_code": "9411"},
}
"""Canaries: nothing of it may be found in what is kept."""

CANARIES = (
    *(KEY, *HOOKS, CUSTOMER, METHOD, "canary0SECRET", "Jenny Rosen"),
    *("jenny.rosen@example.com", "5555550100", "1234 Main Street", "Oakville"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """An answer; without a status the line just stays silent, or is cut."""

    status: int | None = 200
    body: bytes = b""
    headers: Mapping[str, str] | None = None
    cut: bool = False


def says(body: object, status: int = 200, **headers: str) -> Says:
    """An answer with a body of JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Says(status=status, body=json.dumps(body).encode(), headers=named)


SILENCE, CUT = Says(status=None), Says(status=None, cut=True)

Script = Callable[[Heard], Says]


class Peer:
    """An HTTP server that answers by its script."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.script: Script | list[Says] = []
        self.url = ""

    async def open(self) -> asyncio.Server:
        """Listen."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            heard = await _read(reader)
            self.heard.append(heard)
            said = (
                self.script.pop(0)
                if isinstance(self.script, list)
                else self.script(heard)
            )
            if said.status is not None:
                writer.write(_written(said))
                await writer.drain()
            elif not said.cut:
                await reader.read()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split()
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    path, _, query = target.partition("?")
    return Heard(
        method=method,
        path=path,
        query=dict(parse_qsl(query)),
        headers=headers,
        form=dict(parse_qsl(body.decode())),
    )


def _written(said: Says) -> bytes:
    lines = {"Content-Length": str(len(said.body)), "Connection": "close"}
    lines |= said.headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {said.status} Said\r\n{head}\r\n".encode() + said.body


# --- what is asked --------------------------------------------------------------------


def deduct(node: Node, **changes: Any) -> Ask:
    """A charge of 12.50."""
    no = pay_order_no(node.ids, node.now())
    ask = Ask(
        operation=Operation.DEDUCT,
        pay_order_no=no,
        attempt_seq=1,
        request_no=attempt_id(no, 1),
        inst_trans_id="stripe.main",
        channel="stripe",
        account="main",
        amount=1250,
        currency="USD",
        asked_at=node.now(),
        opened_at=node.now(),
        timeout_s=30.0,
        card_id=CardId("c1"),
        agreement=f"{CUSTOMER}/{METHOD}",
    )
    return replace(ask, **changes)


def refund(node: Node, **changes: Any) -> Ask:
    """A refund of 2.50 of such a charge."""
    ask = deduct(node)
    number = AttemptId(refund_no(ask.pay_order_no, 1))
    facts = {
        "operation": Operation.REFUND,
        "request_no": number,
        "amount": 250,
        "agreement": None,
        "original_request_no": ask.request_no,
        "original_channel_ref": INTENT,
    }
    return replace(ask, **(facts | changes))


def enquiry(ask: Ask, **changes: Any) -> Ask:
    """The question what became of it."""
    asked = replace(ask, operation=Operation.ENQUIRE, agreement=None)
    return replace(asked, **({"enquired_operation": ask.operation} | changes))


def account(peer: Peer) -> Account:
    """Our account there."""
    return Account(channel="stripe", account="main", base_url=peer.url, config=CONFIG)


async def call(node: Node, peer: Peer, ask: Ask, *answers: Says) -> Reply:
    """One call, and these answers to its requests, in order."""
    peer.heard.clear()
    if answers:
        peer.script = list(answers)
    driver, ours = Stripe(), account(peer)
    return await driver.perform(node, ours, driver.assemble(ours, ask))


# --- what is answered -----------------------------------------------------------------


def numbers(ask: Ask) -> dict[str, str]:
    """Our numbers, as they come back."""
    return {"request_no": ask.request_no, "pay_order_no": ask.pay_order_no}


def intent(ask: Ask, status: str = "succeeded", **changes: Any) -> dict[str, Any]:
    """A PaymentIntent, with all that a careless reader would keep."""
    took = 1250 if status == "succeeded" else 0
    return {
        "id": INTENT,
        "object": "payment_intent",
        "amount": 1250,
        "amount_received": took,
        "client_secret": SECRET,
        "created": 1795910460,
        "currency": "usd",
        "customer": CUSTOMER,
        "last_payment_error": None,
        "livemode": False,
        "metadata": numbers(ask),
        "payment_method": METHOD,
        "receipt_email": PAYER["email"],
        "shipping": PAYER,
        "status": status,
    } | changes


def declined(code: str, **changes: Any) -> dict[str, Any]:
    """An error of a card."""
    return {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": code,
        "message": f"No. {CUSTOMER} pays with {METHOD}.",
        "payment_method": {"id": METHOD, "billing_details": PAYER},
    } | changes


def refused(ask: Ask, code: str, status: str = "requires_payment_method") -> Says:
    """A 402 as a create gives it: the intent stands in the error."""
    error = declined(code)
    made = intent(ask, status, last_payment_error=error)
    return says({"error": {**error, "payment_intent": made}}, 402)


def returned(ask: Ask, status: str = "succeeded", **changes: Any) -> dict[str, Any]:
    """A refund."""
    return {
        "id": REFUND,
        "object": "refund",
        "amount": 250,
        "charge": "ch_3Q1canary",
        "currency": "usd",
        "metadata": numbers(ask),
        "payment_intent": INTENT,
        "status": status,
    } | changes


def listed(*objects: Mapping[str, Any], more: bool = False) -> Says:
    """A page of a list."""
    return says({"object": "list", "data": list(objects), "has_more": more})


def signed(
    event: Mapping[str, Any], at: datetime, *secrets: str, body: bytes | None = None
) -> tuple[dict[str, str], bytes]:
    """An event with its signature's header; each secret signs."""
    octets = json.dumps(event).encode() if body is None else body
    stamp = str(int(at.timestamp()))
    text = stamp.encode() + b"." + octets
    signatures = [hmac.digest(one.encode(), text, "sha256").hex() for one in secrets]
    parts = [f"t={stamp}", *(f"v1={one}" for one in signatures), "v0=00"]
    return {"stripe-signature": ",".join(parts)}, octets

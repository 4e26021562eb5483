"""localstripe as the server of our Stripe adapter.

It ignores Idempotency-Key and knows no `created[…]` in a list: what depends on those is
not tried here (docs/peers.md).
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from book import Page
from msgspec.structs import replace
from node import living
from peer import CLIENTS, Peer
from stage import Stage, Told, until

from paycore.gateway.call import Ask, Callback, Operation, Reply
from paycore.gateway.channel import Account
from paycore.gateway.channels.stripe import Stripe
from paycore.gateway.stripe import statement
from paycore.gateway.stripe.requests import Call, StripeConfig, request_of
from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.ids import attempt_id, pay_order_no, refund_no
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import AttemptId, CardId

HOOK, SECRET = "/callbacks/stripe/main", "whsec_ofLocalstripe"
GOOD, POOR, ASKS = "4242424242424242", "4000000000000341", "4000002500003155"
"""Cards: paid; attached and then declined; waits for its holder."""


def talk(python: Path, stage: Stage, page: Page) -> None:
    """All that the adapter asks of Stripe, as far as localstripe has it."""
    with Peer([python, "-u", CLIENTS / "localstripe_server.py"]) as server:
        asyncio.run(_talk(server.started, stage, page))


async def _talk(url: str, stage: Stage, page: Page) -> None:
    async with living() as node:
        shop = Shop(node, url, stage, page)
        await shop.open()
        paid, took = await shop.deducts()
        await shop.enquires(paid, took)
        await shop.declines()
        await shop.refunds(paid, took)
        await shop.told_of(took)
        await shop.statement(took)
        await shop.refused()
        await shop.revokes()


class Shop:
    """Who takes money by the adapter, and looks at what localstripe has of it."""

    def __init__(self, node: Node, url: str, stage: Stage, page: Page) -> None:
        self.node, self.url, self.box, self.page = node, url, stage.box, page
        self.driver = Stripe()
        self.ours = self.account("sk_test_ofLocalstripe")
        self.agreements: dict[str, str] = {}

    def account(self, key: str) -> Account:
        """Our account by this key."""
        config = StripeConfig(secret_key=key, webhook_secrets=(SECRET,), livemode=False)
        return Account(
            channel="stripe", account="main", base_url=self.url, config=config
        )

    async def raw(self, method: str, path: str, **fields: str) -> Any:
        """What localstripe says to somebody who is not our adapter."""
        form = urlencode(fields)
        posts = method == "POST"
        request = HttpRequest(
            method=method,
            url=self.url + path + (f"?{form}" if form and not posts else ""),
            headers={
                "Authorization": "Bearer sk_test_ofLocalstripe",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=form.encode() if posts else b"",
            timeout_s=5,
        )
        answered = await self.node.transport.send(request)
        assert isinstance(answered, Answered), answered
        return json.loads(answered.body or b"null")

    async def open(self) -> None:
        """A customer with three cards, and an end point for events."""
        customer = (await self.raw("POST", "/v1/customers"))["id"]
        for number in (GOOD, POOR, ASKS):
            card = {"card[number]": number, "card[cvc]": "123"}
            card |= {"card[exp_month]": "12", "card[exp_year]": "2040"}
            made = await self.raw("POST", "/v1/payment_methods", type="card", **card)
            path = f"/v1/payment_methods/{made['id']}/attach"
            await self.raw("POST", path, customer=customer)
            self.agreements[number] = f"{customer}/{made['id']}"
        hook = {"url": f"{self.box.url}{HOOK}", "secret": SECRET}
        await self.raw("POST", "/_config/webhooks/ours", **hook)

    # --- what is asked --------------------------------------------------------------

    def deduct(self, card: str = GOOD, **changes: Any) -> Ask:
        """A charge of 12.50."""
        no = pay_order_no(self.node.ids, self.node.now())
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
            asked_at=self.node.now(),
            timeout_s=5.0,
            card_id=CardId("c1"),
            agreement=self.agreements[card],
        )
        return replace(ask, **changes)

    def refund(self, paid: Ask, took: Reply, seq: int, amount: int) -> Ask:
        """Some of it back."""
        return replace(
            paid,
            operation=Operation.REFUND,
            request_no=AttemptId(refund_no(paid.pay_order_no, seq)),
            amount=amount,
            agreement=None,
            original_request_no=paid.request_no,
            original_channel_ref=took.channel_ref,
        )

    def enquiry(self, ask: Ask, ref: str | None) -> Ask:
        """What became of it."""
        return replace(
            ask,
            operation=Operation.ENQUIRE,
            enquired_operation=ask.operation,
            channel_ref=ref,
        )

    async def perform(self, ask: Ask, account: Account | None = None) -> Reply:
        """One call by the adapter."""
        ours = account or self.ours
        outgoing = self.driver.assemble(ours, ask)
        return await self.driver.perform(self.node, ours, outgoing)

    async def intents(self, ask: Ask) -> list[tuple[str, int, str]]:
        """What localstripe has of a payment: status, amount, currency."""
        listed = await self.raw("GET", "/v1/payment_intents", limit="1000")
        return [
            (one["status"], one["amount"], one["currency"])
            for one in listed["data"]
            if one["metadata"].get("request_no") == ask.request_no
        ]

    async def refunded(self, took: Reply) -> list[int]:
        """What localstripe gave back of an intent, the first one first."""
        ref = took.channel_ref or ""
        listed = await self.raw("GET", "/v1/refunds", payment_intent=ref)
        return sorted(one["amount"] for one in listed["data"])

    # --- money ----------------------------------------------------------------------

    async def deducts(self) -> tuple[Ask, Reply]:
        """Taken, in a currency with decimals and in one without."""
        for amount, currency in ((980, "JPY"), (1250, "USD")):
            ask = self.deduct(amount=amount, currency=currency)
            reply = await self.perform(ask)
            there = [("succeeded", amount, currency.lower())]
            self.page.call(
                f"deduct in {currency}",
                answered=((Outcome.SUCCEEDED, amount, currency), _money(reply)),
                recorded=(there, await self.intents(ask)),
            )
        return ask, reply

    async def enquires(self, paid: Ask, took: Reply) -> None:
        """By its id; and by an id that nobody has, which is not "not found"."""
        there = [("succeeded", 1250, "usd")]
        reply = await self.perform(self.enquiry(paid, took.channel_ref))
        self.page.call(
            "enquire by id",
            answered=((Outcome.SUCCEEDED, 1250, "USD"), _money(reply)),
            recorded=(there, await self.intents(paid)),
        )
        reply = await self.perform(self.enquiry(paid, "pi_nobody"))
        self.page.call(
            "enquire by nobody's id",
            answered=(
                (Outcome.UNKNOWN, None, False),
                (reply.outcome, reply.amount, reply.not_found),
            ),
            recorded=(there, await self.intents(paid)),
        )
        other = self.deduct()
        reply = await self.perform(self.enquiry(other, took.channel_ref))
        told = (reply.outcome, reply.resp_code, bool(reply.alarm))
        self.page.call(
            "enquire by another's id",
            answered=((Outcome.UNKNOWN, "OTHER_ORDER", True), told),
            recorded=([], await self.intents(other)),
        )

    async def declines(self) -> None:
        """A card that is declined, and one that waits for its holder: cancelled."""
        ask = self.deduct(POOR)
        no = (Outcome.DECLINED, Blame.PAYER, "card_declined")
        reply = await self.perform(ask)
        there = [("requires_payment_method", 1250, "usd")]
        self.page.call(
            "a card that is declined",
            answered=(no, _refusal(reply)),
            recorded=(there, await self.intents(ask)),
        )
        ref = await self.ref_of(ask)
        reply = await self.perform(self.enquiry(ask, ref))
        self.page.call(
            "enquire after it",
            answered=(no, _refusal(reply)),
            recorded=(there, await self.intents(ask)),
        )
        self.poor = ask
        ask = self.deduct(ASKS)
        reply = await self.perform(ask)
        no = (Outcome.DECLINED, Blame.PAYER, "authentication_required")
        self.page.call(
            "a card that waits for its holder",
            answered=(no, _refusal(reply)),
            recorded=([("canceled", 1250, "usd")], await self.intents(ask)),
        )
        reply = await self.perform(self.enquiry(ask, await self.ref_of(ask)))
        self.page.call(
            "enquire after what was cancelled",
            answered=(Outcome.DECLINED, reply.outcome),
            recorded=([("canceled", 1250, "usd")], await self.intents(ask)),
        )

    async def ref_of(self, ask: Ask) -> str:
        """The id of an intent that the adapter was not told."""
        listed = await self.raw("GET", "/v1/payment_intents", limit="1000")
        return next(
            str(one["id"])
            for one in listed["data"]
            if one["metadata"].get("request_no") == ask.request_no
        )

    async def refunds(self, paid: Ask, took: Reply) -> None:
        """Some of it and the rest of it, by id and among all of the intent's."""
        done: list[int] = []
        for seq, amount in ((1, 250), (2, 1000)):
            ask = self.refund(paid, took, seq, amount)
            yes = (Outcome.SUCCEEDED, amount, "USD")
            early = await self.perform(self.enquiry(ask, None))
            told = (early.outcome, early.not_found)
            self.page.call(
                "enquire after a refund that is not there",
                answered=((Outcome.UNKNOWN, True), told),
                recorded=(done, await self.refunded(took)),
            )
            reply = await self.perform(ask)
            done = sorted([*done, amount])
            self.page.call(
                "refund",
                answered=(yes, _money(reply)),
                recorded=(done, await self.refunded(took)),
            )
            for how, ref in (("by id", reply.channel_ref), ("in the list", None)):
                again = await self.perform(self.enquiry(ask, ref))
                self.page.call(
                    f"enquire after a refund {how}",
                    answered=(
                        (*yes, reply.channel_ref),
                        (*_money(again), again.channel_ref),
                    ),
                    recorded=(done, await self.refunded(took)),
                )

    # --- what is told ---------------------------------------------------------------

    async def told_of(self, took: Reply) -> None:
        """Events of a charge that was taken and of one that was declined."""
        kinds = {
            "payment_intent.succeeded": (Outcome.SUCCEEDED, 1250, "USD"),
            "payment_intent.payment_failed": (Outcome.DECLINED, None, "USD"),
        }
        refs = {
            "payment_intent.succeeded": took.channel_ref or "",
            "payment_intent.payment_failed": await self.ref_of(self.poor),
        }
        for kind, wanted in kinds.items():
            ref = refs[kind]
            told = await asyncio.to_thread(
                until, lambda k=kind, r=ref: self.event(k, r)
            )
            taken = self.callback(told.headers, told.body)
            reply = taken.reply if isinstance(taken, Callback) else None
            told_money = None if reply is None else (*_money(reply), reply.channel_ref)
            raw = await self.raw("GET", f"/v1/payment_intents/{ref}")
            about = json.loads(told.body)["data"]["object"]
            self.page.call(
                f"an event, {kind}",
                answered=((*wanted, ref), told_money),
                recorded=(raw["status"], about["status"]),
            )
        changed = told.body.replace(b"1250", b"9250")
        self.page.call(
            "an event that was changed",
            answered=(None, self.callback(told.headers, changed)),
            recorded=(True, changed != told.body),
        )

    def event(self, kind: str, ref: str) -> Told | None:
        """An event as it came to the box."""
        for told in self.box.at(HOOK):
            event = json.loads(told.body)
            if (event["type"], event["data"]["object"]["id"]) == (kind, ref):
                return told
        return None

    def callback(self, headers: Any, body: bytes) -> Any:
        """What the adapter makes of it."""
        now = datetime.now(UTC)
        return self.driver.callback(self.ours, HOOK, headers, body, now=now)

    async def statement(self, took: Reply) -> None:
        """The lines of what moved, from a list without the day that it has not."""
        fields = {"limit": "100", "expand[]": "data.source"}
        call = Call(path="/v1/balance_transactions", fields=fields)
        answered = await self.node.transport.send(request_of(self.ours, call, 5))
        assert isinstance(answered, Answered), answered
        kept = statement.kept(answered.body)
        assert kept is not None, "it is a page"
        day = self.node.now().date()
        file = statement.heading(day) + kept.octets + statement.trailer(kept.lines)

        async def octets() -> AsyncIterator[bytes]:
            yield file

        read = self.driver.read_statement(self.ours, day, octets())
        lines = [line async for line in read]
        ours = [line for line in lines if line.channel_ref == took.channel_ref]
        told = [(line.trade.value, line.amount, line.currency) for line in ours]
        listed = await self.raw("GET", "/v1/balance_transactions", limit="100")
        self.page.call(
            "lines of what moved",
            answered=([("CHARGE", 1250, "USD")], told),
            recorded=(len(listed["data"]), len(lines)),
        )

    # --- refusals -------------------------------------------------------------------

    async def refused(self) -> None:
        """A key that it does not take is no refusal of the payment; what cannot be
        asked for is, and ours to mend.
        """
        ask = self.deduct()
        reply = await self.perform(ask, self.account("rk_test_ofLocalstripe"))
        told = (reply.outcome, reply.resp_code, bool(reply.alarm))
        self.page.call(
            "a key that it does not take",
            answered=((Outcome.UNKNOWN, "HTTP_401", True), told),
            recorded=([], await self.intents(ask)),
        )
        no = (Outcome.DECLINED, Blame.REQUEST)
        ask = self.deduct(agreement="cus_nobody/pm_nobody")
        reply = await self.perform(ask)
        self.page.call(
            "a customer whom nobody knows",
            answered=(no, (reply.outcome, reply.blame)),
            recorded=([], await self.intents(ask)),
        )
        took = Reply(outcome=Outcome.DECLINED, channel_ref=await self.ref_of(self.poor))
        reply = await self.perform(self.refund(self.poor, took, 1, 100))
        self.page.call(
            "a refund of what was declined",
            answered=(no, (reply.outcome, reply.blame)),
            recorded=([], await self.refunded(took)),
        )

    async def revokes(self) -> None:
        """An agreement that ends: asked after before, ended, and asked after again."""
        ask = self.deduct(operation=Operation.REVOKE)
        method = (ask.agreement or "").partition("/")[2]
        path = f"/v1/payment_methods/{method}"
        before = await self.perform(self.enquiry(ask, None))
        raw = await self.raw("GET", path)
        self.page.call(
            "enquire after an agreement in force",
            answered=((Outcome.UNKNOWN, True), (before.outcome, before.not_found)),
            recorded=(True, raw["customer"] is not None),
        )
        for name, asked in (("revoke", ask), ("enquire", self.enquiry(ask, None))):
            reply = await self.perform(asked)
            raw = await self.raw("GET", path)
            self.page.call(
                f"{name} an agreement",
                answered=(Outcome.SUCCEEDED, reply.outcome),
                recorded=(None, raw["customer"]),
            )


def _money(reply: Reply) -> tuple[Any, Any, Any]:
    return reply.outcome, reply.amount, reply.currency


def _refusal(reply: Reply) -> tuple[Any, Any, Any]:
    return reply.outcome, reply.blame, reply.resp_code

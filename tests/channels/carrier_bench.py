"""A carrier of the sandbox as the peer of its file, and a node whose SMS centre texts
through it: what the file says of a text is what core hears, and is kept.
"""

import asyncio
from collections.abc import Mapping
from typing import ClassVar, cast

from channel_bench import CARD, messages
from door import WITHIN_S, Came, Door
from msgspec.structs import replace
from strangers import Control, Strangers

from paycore.dev import vendors
from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, Operation
from paycore.gateway.rows import MessageRow
from paycore.kernel.ids import attempt_id, pay_order_no
from paycore.kernel.node import Node
from paycore.kernel.terms import SMS_CENTRE, CardId
from paycore.sms import registry
from paycore.sms import service as sms
from paycore.sms.carrier import Carrier

OTHER = "b"
"""A carrier of the sandbox's own, to be tried after the one that is tested."""

POLL_S = 0.02


class CarrierBench:
    """One carrier, by the file that it is for."""

    driver: ClassVar[type[Carrier]]

    def __init__(self, node: Node, strangers: Strangers, door: Door) -> None:
        self.node, self.strangers, self.door = node, strangers, door
        self.control = Control(node.transport, strangers.control)
        self.name = self.driver.code
        self.credentials = self.ours()

    def ours(self) -> Mapping[str, object]:
        """What we are given by the provider."""
        contract = self.strangers.contracts[self.name]
        return vendors.credentials(contract, self.name, "")

    async def open(self) -> None:
        """Set up the carrier and the SMS centre's account."""
        await self.set_up()
        await gateway.save_account(
            self.node,
            channel=SMS_CENTRE,
            account="main",
            driver=SMS_CENTRE,
            base_url="",
            credentials={"sign": vendors.SIGN},
        )
        await gateway.refresh(self.node)
        await sms.refresh(self.node)

    async def set_up(self, **changes: object) -> None:
        """Set the carrier up, perhaps with other credentials."""
        await registry.save(
            self.node,
            carrier=self.name,
            driver=self.driver.code,
            base_url=self.strangers.carriers[self.name],
            credentials={**self.credentials, **changes},
            priority=0,
        )

    async def set_up_other(self) -> None:
        """Have another carrier behind it."""
        merchant, secret = self.strangers.merchant, self.strangers.secret
        await registry.save(
            self.node,
            carrier=OTHER,
            driver="sandbox",
            base_url=self.strangers.carriers[OTHER],
            credentials={"merchant": merchant, "secret": secret},
            priority=1,
        )
        await sms.refresh(self.node)

    async def put_away_other(self) -> None:
        """Have none behind it any more."""
        await registry.switch(self.node, OTHER, enabled=False)

    def ask(self, timeout_s: float = 5.0) -> Ask:
        """A code to be sent, for a payment that nobody has heard of, to a phone that
        nobody has texted; short enough for one text.
        """
        no = pay_order_no(self.node.ids, self.node.now())
        phone = f"+8613{self.node.ids.below(10**9):09d}"
        return Ask(
            operation=Operation.SEND_CODE,
            pay_order_no=no,
            attempt_seq=1,
            request_no=attempt_id(no, 1),
            inst_trans_id=f"{SMS_CENTRE}.main",
            channel=SMS_CENTRE,
            account="main",
            amount=12_50,
            currency="CNY",
            asked_at=self.node.now(),
            timeout_s=timeout_s,
            card_id=CardId("c1"),
            card=replace(CARD, phone=phone),
            payee="Al",
            card_tail=CARD.number[-4:],
            language="en",
        )

    async def fault(self, fault: str) -> None:
        """Have the carrier misbehave (in the words of docs/sandbox.md)."""
        await self.control.fault(f"carrier.{self.name}.send", fault)

    async def texts(self, ask: Ask, carrier: str = "") -> list[dict[str, str]]:
        """What the payer's phone got by a carrier."""
        assert ask.card is not None
        return await self.control.texts(ask.card.phone, carrier or self.name)

    async def texted(self) -> int:
        """How many texts all carriers and banks have sent."""
        return await self.control.texted()

    async def receipts(self, ask: Ask) -> list[MessageRow]:
        """What the timeline says of receipts, once there is one."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                rows = await messages(self.node, ask)
                found = [row for row in rows if row.direction == "RECEIPT"]
                if found and not self.door.answering:
                    return found
                await asyncio.sleep(POLL_S)

    def posted(self) -> list[Came]:
        """What came to the address that the carrier was given."""
        begin = f"/receipts/{self.name}/"
        return [came for came in self.door.came if came.path.startswith(begin)]

    def secrets(self) -> tuple[str, ...]:
        """Our keys there."""
        names = self.driver.secret_fields
        return tuple(cast("str", self.credentials[name]) for name in names)

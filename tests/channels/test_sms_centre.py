"""The SMS centre as a channel, by the suite that every channel must pass.

Its peers are the sandbox's carriers: a fault strikes both of them, where a test does
not say otherwise.
"""

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
from channel_bench import CARD, Bench, Raw, call, messages
from contract import ChannelContract
from strangers import Control, Strangers

from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, Operation
from paycore.gateway.channels.sms_centre import SmsCentre
from paycore.kernel.ids import attempt_id, pay_order_no
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import SMS_CENTRE, CardId, PayOrderNo, VerifyStatus
from paycore.sms import service as sms


class Carriers(Bench):
    """The sandbox's two carriers, and a node whose SMS centre texts through them."""

    def __init__(self, node: Node, strangers: Strangers) -> None:
        self.node = node
        self.strangers = strangers
        self.control = Control(node.transport, strangers.control)

    async def open(self) -> None:
        """Set up both carriers and the SMS centre's account."""
        merchant, secret = self.strangers.merchant, self.strangers.secret
        for carrier in ("a", "b"):
            await sms.save_carrier(
                self.node,
                carrier=carrier,
                driver="sandbox",
                base_url=self.strangers.carriers[carrier],
                credentials={"merchant": merchant, "secret": secret},
            )
        await gateway.save_account(
            self.node,
            channel=SMS_CENTRE,
            account="main",
            driver=SMS_CENTRE,
            base_url="",
            credentials={"sign": "paycore"},
        )
        await gateway.refresh(self.node)
        await sms.refresh(self.node)

    async def ask(self, operation: Operation) -> Ask:
        """Send a code; or have one sent, and verify it."""
        no = pay_order_no(self.node.ids, self.node.now())
        if operation is Operation.SEND_CODE:
            return self.call_for(no, operation, seq=1)
        await call(self.node, self.call_for(no, Operation.SEND_CODE, seq=1))
        return self.call_for(no, operation, seq=2, code=await self.code())

    def call_for(
        self, no: PayOrderNo, operation: Operation, *, seq: int, code: str | None = None
    ) -> Ask:
        """A call about a payment."""
        return Ask(
            operation=operation,
            pay_order_no=no,
            attempt_seq=seq,
            request_no=attempt_id(no, seq),
            inst_trans_id="sms_centre.main",
            channel=SMS_CENTRE,
            account="main",
            amount=12_50,
            currency="CNY",
            asked_at=self.node.now(),
            timeout_s=5.0,
            card_id=CardId("c1"),
            card=CARD if operation is Operation.SEND_CODE else None,
            code=code,
            subject="三杯咖啡",
            payee="咖啡馆",
            card_tail=CARD.number[-4:],
        )

    async def fault(self, operation: Operation, fault: str) -> None:
        """Have both carriers misbehave."""
        await self.control.fault("carrier.*.send", fault)

    async def charges(self, pay_order_no: str) -> int:
        """No money moves here, whatever happens."""
        return await self.control.charges(pay_order_no)

    async def called_back(self, operation: Operation) -> Raw:
        """Nothing calls back."""
        raise AssertionError(operation)

    def secrets(self) -> tuple[str, ...]:
        """The carriers' key."""
        return (self.strangers.secret,)

    async def code(self) -> str:
        """The code of the newest text."""
        return str((await self.texts())[-1]["code"])

    async def texts(self) -> list[dict[str, str]]:
        """What reached the phone."""
        return await self.control.texts(CARD.phone)


@pytest.fixture
async def bench(node: Node, strangers: Strangers) -> AsyncIterator[Carriers]:
    carriers = Carriers(node, strangers)
    await carriers.open()
    yield carriers
    await carriers.control.clear()


class TestSmsCentre(ChannelContract):
    """The contract, and what is the SMS centre's own."""

    driver = SmsCentre
    over_http: ClassVar = frozenset({Operation.SEND_CODE})

    async def test_carriers_that_all_refuse(self, bench: Carriers) -> None:
        """When every carrier said no, the channel did: another one might do it."""
        ask = await bench.ask(Operation.SEND_CODE)
        await bench.fault(Operation.SEND_CODE, "decline:MAINTENANCE")
        reply = await call(bench.node, ask)

        assert (Outcome.DECLINED, Blame.CHANNEL) == (reply.outcome, reply.blame)
        assert "MAINTENANCE" == reply.resp_code

    async def test_each_carrier_is_recorded(self, bench: Carriers) -> None:
        """Who may be tried is on record before, and what each answered after (I19)."""
        ask = await bench.ask(Operation.SEND_CODE)
        await bench.control.fault("carrier.a.send", "refuse_connection")
        reply = await call(bench.node, ask)
        rows = [
            (row.direction, row.account, row.verdict)
            for row in await messages(bench.node, ask)
            if row.account != "main"
        ]

        assert Outcome.SUCCEEDED == reply.outcome
        assert reply.code_expires_at is not None
        assert {("OUT", "a", ""), ("OUT", "b", "")} == set(rows[:2])
        assert ("IN", "a", "NOT_SENT NOT_SENT") in rows
        assert ("IN", "b", "SUCCEEDED OK") in rows

    async def test_the_code_is_in_no_message(self, bench: Carriers) -> None:
        """What is kept of a text is all of it but the code, the phone included."""
        ask = await bench.ask(Operation.SEND_CODE)
        await call(bench.node, ask)
        code, rows = await bench.code(), await messages(bench.node, ask)
        kept = " ".join(row.body for row in rows)

        assert "支付12.50元" in kept
        assert code not in kept.replace(ask.pay_order_no, "")

    async def test_a_wrong_code(self, bench: Carriers) -> None:
        """A wrong code is the code's fault, with the tries that are left."""
        ask = await bench.ask(Operation.VERIFY_CODE)
        other = "000000" if ask.code != "000000" else "111111"
        wrong = bench.call_for(ask.pay_order_no, ask.operation, seq=2, code=other)
        right = bench.call_for(ask.pay_order_no, ask.operation, seq=3, code=ask.code)
        reply, again = await call(bench.node, wrong), await call(bench.node, right)

        assert (Outcome.DECLINED, Blame.CODE) == (reply.outcome, reply.blame)
        assert (VerifyStatus.WRONG, 4) == (reply.verify_status, reply.tries_left)
        assert VerifyStatus.PASS == again.verify_status

    async def test_a_send_that_is_refused_before_it_begins(
        self, bench: Carriers
    ) -> None:
        """A node whose life ran out sends nothing, and its code comes to nothing."""
        ask = await bench.ask(Operation.SEND_CODE)
        texts = len(await bench.texts())
        bench.node.heartbeat.good_until = 0.0
        reply = await call(bench.node, ask)

        assert Outcome.NOT_SENT == reply.outcome
        assert texts == len(await bench.texts())

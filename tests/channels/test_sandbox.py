"""The sandbox's banks, by the suite that every channel must pass, over real HTTP."""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator
from typing import ClassVar

import msgspec
import pytest
from channel_bench import CARD, MONEY, Bench, Raw, arrive, call, enquiry
from contract import ChannelContract
from msgspec.structs import replace
from strangers import Control, Strangers

from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, Operation
from paycore.gateway.channels.sandbox import Sandbox
from paycore.kernel.ids import attempt_id, letters, pay_order_no
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import CardId

QUICK = frozenset({Operation.SEND_CODE, Operation.CONFIRM})
PATH = "/callbacks/deduct_a/main"


class Banks(Bench):
    """The real sandbox; the node has an account at a quick bank and a deduct bank."""

    def __init__(self, node: Node, strangers: Strangers) -> None:
        self.node = node
        self.strangers = strangers
        self.control = Control(node.transport, strangers.control)
        self.notify_url: str | None = None
        self.arrived: asyncio.Queue[tuple[str, dict[str, str], bytes]] = asyncio.Queue()

    async def open(self) -> None:
        """Open our accounts."""
        for channel in ("quick_a", "deduct_a"):
            await gateway.save_account(
                self.node,
                channel=channel,
                account="main",
                driver="sandbox",
                base_url=self.strangers.banks[channel],
                credentials={
                    "merchant": self.strangers.merchant,
                    "secret": self.strangers.secret,
                    "encryption_key": self.strangers.encryption_key,
                },
            )
        await gateway.refresh(self.node)

    async def ask(self, operation: Operation) -> Ask:
        """Do what must come before, and give the ask."""
        ask = self._new(operation)
        match operation:
            case Operation.CONFIRM:
                await call(self.node, replace(ask, operation=Operation.SEND_CODE))
                return replace(ask, card=None, code=await self._code(), attempt_seq=2)
            case Operation.SIGN_CONFIRM:
                await call(self.node, replace(ask, operation=Operation.SIGN))
                return replace(ask, card=None, code=await self._code())
            case Operation.ENQUIRE:
                await call(self.node, replace(ask, operation=Operation.DEDUCT))
                return enquiry(replace(ask, operation=Operation.DEDUCT))
            case Operation.REFUND:
                await call(self.node, replace(ask, operation=Operation.DEDUCT))
                return replace(
                    ask,
                    attempt_seq=2,
                    request_no=attempt_id(ask.pay_order_no, 2),
                    original_request_no=ask.request_no,
                )
            case _:
                return ask

    def _new(self, operation: Operation) -> Ask:
        no = pay_order_no(self.node.ids, self.node.now())
        channel = "quick_a" if operation in QUICK else "deduct_a"
        return Ask(
            operation=operation,
            pay_order_no=no,
            attempt_seq=1,
            request_no=attempt_id(no, 1),
            inst_trans_id=f"{channel}.main",
            channel=channel,
            account="main",
            amount=self.node.ids.below(90_000) + 10_000,
            currency="CNY",
            asked_at=self.node.now(),
            timeout_s=5.0,
            card_id=CardId("c1"),
            card=CARD,
            agreement="agr_" + letters(self.node.ids, 12),
            subject="三杯咖啡",
            notify_url=self.notify_url,
        )

    async def fault(self, operation: Operation, fault: str) -> None:
        """Set a fault at the bank that we use for the operation."""
        bank = "quick_a" if operation in QUICK else "deduct_a"
        # Both steps of a signing are one operation there.
        signs = operation is Operation.SIGN_CONFIRM
        target = f"bank.{bank}.{'sign' if signs else operation.value}"
        await self.control.fault(target, fault)

    async def charges(self, pay_order_no: str) -> int:
        """Count what the banks say moved."""
        return await self.control.charges(pay_order_no)

    async def called_back(self, operation: Operation) -> Raw:
        """Have the bank call back about a call that went well."""
        ask = await self.ask(operation)
        await self.fault(operation, "duplicate_callback:1")
        await call(self.node, ask)
        async with asyncio.timeout(60):
            path, headers, body = await self.arrived.get()
        return Raw(ask, path, headers, body)

    def secrets(self) -> tuple[str, ...]:
        """Both keys of the account."""
        return (self.strangers.secret, self.strangers.encryption_key)

    async def _code(self) -> str:
        return (await self.control.texts(CARD.phone))[-1]["code"]

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Take callbacks as our API would, and keep them as they came."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            length = {k.lower(): v for k, v in headers.items()}["content-length"]
            body = await reader.readexactly(int(length))
            self.arrived.put_nowait((head[0].split()[1], headers, body))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
            await writer.drain()
        writer.close()


@pytest.fixture
async def bench(node: Node, strangers: Strangers) -> AsyncIterator[Banks]:
    """Open our accounts at the banks, and a door for their callbacks."""
    banks = Banks(node, strangers)
    await banks.open()
    server = await asyncio.start_server(banks.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    banks.notify_url = f"http://127.0.0.1:{port}{PATH}"
    yield banks
    await banks.control.clear()
    server.close()


class TestSandbox(ChannelContract):
    """The contract, and what is the sandbox's own."""

    driver = Sandbox
    over_http = Sandbox.capabilities
    calls_back = MONEY
    enquired_after: ClassVar = frozenset({Operation.SEND_CODE, *MONEY})
    of_asking: ClassVar = frozenset({"BAD_REQUEST"})
    refusals: ClassVar = {
        "INSUFFICIENT_FUNDS": Blame.PAYER,
        "OVER_LIMIT": Blame.PAYER,
        "BLACKLISTED": Blame.PAYER,
        "CARD_LOST": Blame.CARD,
        "WRONG_PHONE": Blame.CARD,
        "MAINTENANCE": Blame.CHANNEL,
        "CODE_WRONG": Blame.CODE,
        "CODE_EXPIRED": Blame.CODE,
        "BAD_REQUEST": Blame.REQUEST,
    }

    async def test_enquiry_of_an_unconfirmed_order(self, bench: Banks) -> None:
        """An order whose code is out and was never confirmed has taken no money."""
        ask = await bench.ask(Operation.CONFIRM)
        reply = await call(bench.node, enquiry(ask))

        assert (reply.outcome, reply.not_found) == (Outcome.UNKNOWN, True)

    async def test_enquiry_of_what_is_processing(self, bench: Banks) -> None:
        """A charge that the bank has not decided yet is PENDING when asked after."""
        ask = await bench.ask(Operation.DEDUCT)
        await bench.fault(Operation.DEDUCT, "processing:60")
        await call(bench.node, ask)
        reply = await call(bench.node, enquiry(ask))

        assert reply.outcome is Outcome.PENDING

    async def test_callback_of_what_was_processing(self, bench: Banks) -> None:
        """What was PENDING arrives by callback when the bank has decided."""
        ask = await bench.ask(Operation.DEDUCT)
        await bench.fault(Operation.DEDUCT, "processing:0.2")
        await call(bench.node, ask)
        async with asyncio.timeout(60):
            path, headers, body = await bench.arrived.get()
        received = await arrive(bench, Raw(ask, path, headers, body))

        assert received.callback is not None
        assert received.callback.operation is Operation.DEDUCT
        assert received.callback.reply.outcome is Outcome.SUCCEEDED

    async def test_wrong_key(self, bench: Banks) -> None:
        """A bank that refuses our signature has said nothing, and somebody looks."""
        await gateway.save_account(
            bench.node,
            channel="deduct_a",
            account="main",
            driver="sandbox",
            base_url=bench.strangers.banks["deduct_a"],
            credentials={
                "merchant": bench.strangers.merchant,
                "secret": "00" * 32,
                "encryption_key": bench.strangers.encryption_key,
            },
        )
        await gateway.refresh(bench.node)
        reply = await call(bench.node, await bench.ask(Operation.DEDUCT))

        assert reply.outcome is Outcome.UNKNOWN
        assert reply.alarm == "the bank refuses our signature"

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"pay_order_no": "261122143000123ABCDEFGHJKM"},
            {"merchant": "M-101"},
            {"request_id": "R1"},
            {"operation": "sign"},
            {"status": 1},
        ],
    )
    async def test_callback_that_contradicts_itself(
        self, bench: Banks, changes: dict[str, object]
    ) -> None:
        """A signature does not make true what cannot be about an order of ours."""
        raw = await bench.called_back(Operation.DEDUCT)
        body = msgspec.json.encode(msgspec.json.decode(raw.body) | changes)
        stamp = str(int(bench.node.now().timestamp()))
        signed = f"{stamp}\n{raw.path}\n".encode() + body
        key = bytes.fromhex(bench.strangers.secret)
        signature = hmac.digest(key, signed, "sha256").hex()
        headers = {"X-Timestamp": stamp, "X-Signature": signature}
        received = await arrive(bench, Raw(raw.ask, raw.path, headers, body))

        assert (received.callback is None) == bool(changes)
        assert (received.accept(True)[0] != 200) == bool(changes)

    async def test_old_callback(self, bench: Banks) -> None:
        """A genuine callback that is older than five minutes is refused."""
        raw = await bench.called_back(Operation.DEDUCT)
        bench.node.clock.anchor(
            bench.node.now() + (Sandbox.acceptance_window * 31)  # 310 s
        )
        received = await arrive(bench, raw)

        assert received.callback is None

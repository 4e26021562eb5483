"""The calls that are measured: each made once for real, and then as often as one likes.

A call to a channel is made as the gateway makes it: assembled (signed, sealed, masked),
and its answer read (verified, parsed, scrubbed). A callback has only the second half. A
text is handed to its carrier as the SMS centre does it. What the gateway's and the SMS
centre's own bookkeeping costs is the same for all, and not in it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from msgspec.structs import replace

from paycore.bench.drills.control import set_fault
from paycore.bench.payer import AMOUNT_MINOR, WrongAnswer
from paycore.bench.schemes.ground import Ground
from paycore.bench.schemes.tape import Tape
from paycore.dev.providers import ACCOUNT, TIMEOUT_S
from paycore.gateway import accounts
from paycore.gateway import service as gateway
from paycore.gateway.accounts import Opened
from paycore.gateway.call import Ask, Operation, Reply
from paycore.gateway.masking import storable, without
from paycore.gateway.replies import tidy
from paycore.kernel.ids import attempt_id, pay_order_no, refund_no
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import AttemptId
from paycore.sms import registry as carriers
from paycore.sms.carrier import Carrier, Line, Text
from paycore.sms.delivery import deliver, message_for

HOUSE, HOUSE_TEXT = "sandbox", "sandbox_text"
"""By whose HMAC the others are told."""

CALLBACK, TEXT = "callback", "text"

TITLES: Mapping[str, str] = MappingProxyType(
    {
        HOUSE: "sandbox bank: HMAC-SHA256, AES-GCM",
        "stripe": "Stripe: bearer key, HMAC on events",
        "huifu": "Huifu: RSA, sealed fields",
        "unionpay": "UnionPay: RSA, certificates, sealed fields",
        "unionpay_sm2": "UnionPay: SM2 with SM3, the same",
        "unionpay_sm3": "UnionPay: SM3 with a shared key, RSA-sealed fields",
        HOUSE_TEXT: "sandbox carrier: HMAC-SHA256",
        "aliyun": "Aliyun: ACS3-HMAC-SHA256",
        "tencent": "Tencent Cloud: TC3-HMAC-SHA256",
        "smpp": "SMPP 3.4: a bind, no signature",
    }
)

OTHER_WAYS: Mapping[str, str] = MappingProxyType(
    {"unionpay_sm2": "21", "unionpay_sm3": "12"}
)
"""UnionPay once more, by its signMethod: each beside a sandbox of its own."""

T = TypeVar("T")

_WELL = frozenset({Outcome.SUCCEEDED, Outcome.PENDING})
_WITH_CARD = frozenset({Operation.SEND_CODE, Operation.DEDUCT})
_CODE = "482913"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that can be made again; raises WrongAnswer where it goes otherwise."""

    scheme: str
    operation: str
    node: Node
    make: Callable[[], Awaitable[None]]
    tape: Tape | None = None
    """None: nothing leaves, and all of it is reading."""


async def on_tape(node: Node, tape: Tape, make: Callable[[], Awaitable[T]]) -> T:
    """What comes of it when the node's network is a tape."""
    network, node.transport = node.transport, tape
    try:
        return await make()
    finally:
        node.transport = network


async def calls(on: Ground) -> AsyncIterator[Call]:
    """All of them, made once each."""
    for scheme, quick, deduct in (
        (HOUSE, "quick_a", "deduct_a"),
        ("unionpay", "unionpay", "unionpay"),
        ("huifu", "huifu", "huifu"),
    ):
        async for call in _both_ways(on, scheme, quick, deduct):
            yield call
    async for call in _deducted(await _till(on, "stripe", "stripe")):
        yield call
    for scheme, carrier in ((HOUSE_TEXT, "a"), ("aliyun", "aliyun")):
        yield await _text(on, scheme, await carriers.look_up(on.node, carrier))
    for scheme in ("tencent", "smpp"):
        yield await _text(on, scheme, await carriers.look_up(on.node, scheme))


async def of_unionpay(on: Ground, scheme: str) -> AsyncIterator[Call]:
    """Those at UnionPay alone, under a scheme's name."""
    async for call in _both_ways(on, scheme, "unionpay", "unionpay"):
        yield call


async def _both_ways(
    on: Ground, scheme: str, quick: str, deduct: str
) -> AsyncIterator[Call]:
    async for call in _quick(await _till(on, scheme, quick)):
        yield call
    till = await _till(on, scheme, deduct)
    call, _ = await till.called(till.ask(Operation.DEDUCT))
    yield call


# --- at banks -------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Till:
    """One payment at one bank."""

    on: Ground
    scheme: str
    opened: Opened
    first: Ask
    """What its calls have in common."""

    def ask(self, operation: Operation, **given: object) -> Ask:
        """One call of it."""
        card = self.on.card if operation in _WITH_CARD else None
        now = self.on.node.now()
        asked = {"operation": operation, "card": card, "asked_at": now, **given}
        return replace(self.first, **asked)

    async def called(self, ask: Ask) -> tuple[Call, Reply]:
        """Make it once, for real."""
        node, tape = self.on.node, Tape(self.on.node.transport)
        driver, account = self.opened.driver, self.opened.account
        secrets = ask.secrets + self.opened.secrets

        async def once() -> Reply:
            outgoing = driver.assemble(account, ask)
            storable(without(outgoing.masked, secrets))
            return tidy(await driver.perform(node, account, outgoing), secrets)

        async def again() -> None:
            reply = await once()
            if reply.outcome is not first.outcome:
                raise WrongAnswer(f"{self.scheme} {ask.operation}, again: {reply}")

        first = await on_tape(node, tape, once)
        if first.outcome not in _WELL:
            raise WrongAnswer(f"{self.scheme} {ask.operation}: {first}")
        call = Call(
            scheme=self.scheme,
            operation=ask.operation,
            node=node,
            make=again,
            tape=tape,
        )
        return call, first

    async def called_back(self) -> Call:
        """Wait for what the bank tells, and read it."""
        node, channel = self.on.node, self.first.channel
        letter = await self.on.letters.letter(_callbacks(channel))

        async def again() -> None:
            received = await gateway.callback(
                node, channel, ACCOUNT, letter.path, letter.headers, letter.body
            )
            if received.callback is None:
                raise WrongAnswer(f"{self.scheme}'s callback is not to be trusted")

        await again()
        return Call(scheme=self.scheme, operation=CALLBACK, node=node, make=again)


async def _till(on: Ground, scheme: str, channel: str) -> _Till:
    node = on.node
    opened = await accounts.look_up(node, channel, ACCOUNT)
    assert opened is not None, "it was seeded"
    number = pay_order_no(node.ids, node.now())
    first = Ask(
        operation=Operation.ENQUIRE,
        pay_order_no=number,
        attempt_seq=1,
        request_no=attempt_id(number, 1),
        inst_trans_id=f"{channel}.measured",
        channel=channel,
        account=ACCOUNT,
        amount=AMOUNT_MINOR,
        currency="CNY",
        asked_at=node.now(),
        timeout_s=TIMEOUT_S,
        card_id=on.card_id,
        agreement=on.agreements.get(channel, f"agreement_{channel}_measured"),
        subject="Two cups of tea",
        payee="Shop",
        card_tail=on.card.number[-4:],
        notify_url=on.letters.url + _callbacks(channel),
    )
    return _Till(on=on, scheme=scheme, opened=opened, first=first)


def _callbacks(channel: str) -> str:
    return f"/callbacks/{channel}/{ACCOUNT}"


async def _quick(till: _Till) -> AsyncIterator[Call]:
    """A payment by code, from the send to the refund."""
    if till.scheme == HOUSE:  # it tells of nothing that it said at once
        bank = f"bank.{till.first.channel}.confirm"
        control = till.on.sandbox.info.control
        await set_fault(control, bank, "duplicate_callback:1")
    send = till.ask(Operation.SEND_CODE)
    call, sent = await till.called(send)
    yield call
    opened_at = send.asked_at
    confirm = till.ask(
        Operation.CONFIRM,
        code=till.on.oracle.code(till.on.card.phone),
        channel_token=sent.channel_token,
        opened_at=opened_at,
    )
    call, confirmed = await till.called(confirm)
    yield call
    yield await till.called_back()
    async for call in _followed(till, confirm, confirmed):
        yield call


async def _deducted(till: _Till) -> AsyncIterator[Call]:
    """A payment under a mandate, to the refund."""
    deduct = till.ask(Operation.DEDUCT)
    call, deducted = await till.called(deduct)
    yield call
    yield await till.called_back()
    async for call in _followed(till, deduct, deducted):
        yield call


async def _followed(till: _Till, money: Ask, said: Reply) -> AsyncIterator[Call]:
    """The enquiry after money that was taken, and its way back."""
    enquiry = till.ask(
        Operation.ENQUIRE,
        enquired_operation=money.operation,
        opened_at=money.order_at,
        channel_ref=said.channel_ref,
    )
    call, found = await till.called(enquiry)
    yield call
    refund = till.ask(
        Operation.REFUND,
        request_no=AttemptId(refund_no(money.pay_order_no, 1)),
        original_request_no=money.request_no,
        original_opened_at=money.order_at,
        original_channel_ref=found.channel_ref or said.channel_ref,
        original_operation=money.operation,
        original_amount=money.amount,
    )
    call, _ = await till.called(refund)
    yield call


# --- texts ----------------------------------------------------------------------------


async def _text(on: Ground, scheme: str, line: Line) -> Call:
    """A code, handed over once."""
    node, tape = on.node, Tape(on.node.transport)
    now = node.now()
    text = Text(
        request_no=attempt_id(pay_order_no(node.ids, now), 1),
        phone=on.card.phone,
        body=f"您的验证码是{_CODE},请勿告诉他人。",
        code=_CODE,
        sign="paycore",
        at=now,
        timeout_s=TIMEOUT_S,
        connect_timeout_s=node.settings.connect_timeout_s,
    )

    async def once() -> None:
        sent = await deliver(node, [message_for(line, text)], within_s=TIMEOUT_S)
        if sent.outcome is not Outcome.SUCCEEDED:
            raise WrongAnswer(
                f"{scheme}: {sent.outcome} {sent.resp_code} {sent.resp_msg}"
            )

    async def bound() -> None:
        """Where a connection is kept, over one that is made now."""
        line.driver.tend(node, [line])
        await once()
        if type(line.driver).check is not Carrier.check:
            await line.driver.check(node, line, timeout_s=TIMEOUT_S)

    # A connection that is kept is made anew each time: by seeding, now, and for good.
    await line.driver.let_go(node)
    await on_tape(node, tape, bound)
    await line.driver.let_go(node)
    tape.wind_back()
    await on_tape(node, tape, bound)
    return Call(scheme=scheme, operation=TEXT, node=node, make=once, tape=tape)

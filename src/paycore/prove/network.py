"""The simulated network between nodes and strangers, with all that can go wrong on it.

A request is on its way by itself: it arrives whether or not its sender still lives, and
its answer finds him or nobody. Where it broke says what he learns: nothing left, or no
answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace

from paycore.kernel.http import (
    TOO_LATE,
    Answered,
    HttpRequest,
    HttpResult,
    NoAnswer,
    NotSent,
)
from paycore.kernel.stream import Place, Stream
from paycore.prove import kinds
from paycore.prove.coupons import HOST
from paycore.prove.couriers import FOR_EVER_MS, Couriers
from paycore.prove.houses import BankHouse, Bent, Exchange, Glance
from paycore.prove.loop import Machine
from paycore.prove.strangers import Text, answered
from paycore.sandbox.dialect import Plain
from paycore.sandbox.orders import Answer, Twist
from paycore.sandbox.protocol import BadSignature

if TYPE_CHECKING:
    from paycore.prove.world import World

FASTEST_S, SLOWEST_S = 0.002, 0.04
"""One way, where nothing is wrong."""

LATEST_S = 7.0
"""How long after it was given up a request may arrive: within a bank's acceptance
window, for whoever comes later is turned away by what the window promises."""

NO = Answered(status=500, headers={}, body=b"no")

PAYERS_FAULT = ("INSUFFICIENT_FUNDS", "OVER_LIMIT", "BLACKLISTED")
CARDS_FAULT = ("CARD_LOST", "WRONG_PHONE")

FAMILY: Mapping[str, tuple[kinds.Kind, ...]] = MappingProxyType(
    {
        "send_code": kinds.SEND,
        "confirm": kinds.MONEY,
        "deduct": kinds.MONEY,
        "refund": kinds.REFUND,
        "sign": kinds.SIGN,
        "sign_confirm": kinds.SIGN,
        "revoke": kinds.REVOKE,
        "enquire": kinds.ENQUIRY,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A request on its way: where it goes, who sent it, and where its answer goes."""

    host: str
    path: str
    request: HttpRequest
    sender: Machine
    answer: "asyncio.Future[HttpResult]"


class SimTransport:
    """A node's door to the network: `paycore.kernel.http.Transport`."""

    def __init__(self, world: "World", machine: Machine) -> None:
        self._world, self._machine = world, machine

    async def send(self, request: HttpRequest) -> HttpResult:
        """Send once; what becomes of it is the world's business."""
        world, machine = self._world, self._machine
        if world.over:
            raise asyncio.CancelledError
        await world.perhaps_dies(machine, "killed_before_call")
        host, path = _place(request.url)
        if request.may_leave is not None:
            await world.perhaps_stands(machine, "paused_before_call")
            if not request.may_leave():
                return TOO_LATE
        world.oracle.departures.leaves(machine, host, path, request)
        world.scrutiny.leaves(machine, host, path, request)
        answer: asyncio.Future[HttpResult] = world.loop.create_future()
        world.network.carry(
            Parcel(host=host, path=path, request=request, sender=machine, answer=answer)
        )
        try:
            async with asyncio.timeout(request.timeout_s):
                return await answer
        except TimeoutError:
            return NoAnswer(reason="time-out")

    async def receive(
        self, request: HttpRequest, take: Callable[[bytes], Awaitable[None]]
    ) -> HttpResult:
        """Nobody asks: no simulated bank writes statements."""
        return NotSent(reason="no statements here")

    async def connect(self, place: Place) -> Stream | NotSent:
        """Nobody asks: simulated carriers speak HTTP."""
        return NotSent(reason="no streams here")

    async def look_up(self, host: str, *, within_s: float) -> Sequence[str]:
        """Nobody asks: end points may be anywhere here."""
        return ()

    async def close(self) -> None:
        """Nothing to let go of."""


def _place(url: str) -> tuple[str, str]:
    """`https://quick_a.sim/v1/confirm` → quick_a, /v1/confirm."""
    parts = urlsplit(url)
    return (parts.hostname or "").removesuffix(".sim"), parts.path


class Network:
    """What is on its way."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.rng = world.stream("network")
        self._context = world.loop.context_of(None)
        self.couriers = Couriers(world, self)

    # --- a request --------------------------------------------------------------------

    def carry(self, parcel: Parcel) -> None:
        """Bring a request to where it goes, and its answer back."""
        if parcel.host in self._world.banks:
            self._to_bank(parcel)
        elif parcel.host.startswith("carrier_"):
            self._to_carrier(parcel)
        elif parcel.host == HOST:
            self._world.coupons.carry(parcel)
        elif parcel.host == "ledger":
            self._to_ledger(parcel)
        else:
            strike = self._world.faults.one_of(kinds.NOTICE)
            self.later(self._at_line, parcel, strike)

    def later(
        self,
        call: Callable[..., object],
        *args: object,
        after: float | None = None,
    ) -> None:
        """Have something happen in the world after a while, or one way later."""
        delay = self.one_way() if after is None else after
        self._world.loop.call_later(delay, call, *args, context=self._context)

    def one_way(self) -> float:
        """How long a message is on its way."""
        return FASTEST_S + self.rng.random() * (SLOWEST_S - FASTEST_S)

    def reply(
        self,
        parcel: Parcel,
        result: HttpResult,
        after: float | None = None,
        *,
        paid: str = "",
    ) -> None:
        """Bring an answer; `paid`: it says that the bank took this payment's money."""
        self.later(self._arrive, parcel, result, paid, after=after)

    def _arrive(self, parcel: Parcel, result: HttpResult, paid: str) -> None:
        if parcel.answer.done():
            return
        parcel.answer.set_result(result)
        if paid:
            self._world.oracle.listens(paid, parcel.sender)

    # --- to a bank --------------------------------------------------------------------

    def _to_bank(self, parcel: Parcel) -> None:
        host = parcel.host
        house = self._world.banks[host]
        seen = house.glance(parcel.request, parcel.path)
        strike = None
        if seen is not None:
            strike = self._world.faults.one_of(FAMILY[seen.operation])
        if strike is not None and _is(strike, "_badly_signed") and not house.signs:
            self._world.faults.hits[strike] -= 1
            strike = None
        if strike is not None and seen is not None:
            family = seen.operation.removesuffix("_confirm")
            said = f"{strike} at {host}.{family}"
            self._world.note(parcel.sender, "strike", said)
        if strike is not None and strike.endswith("_refused"):
            self.reply(parcel, NotSent(reason="refused"))
        elif strike is not None and strike.endswith("_lost"):
            return
        elif _is(strike, "_arrives_late"):
            after = parcel.request.timeout_s + self.rng.random() * LATEST_S
            self.later(self._at_bank, parcel, seen, strike, after=after)
        elif _is(strike, "_500") and not _is(strike, "_acted_500"):
            self.reply(parcel, NO)
        else:
            self.later(self._at_bank, parcel, seen, strike)
            if _is(strike, "_doubled"):
                self.later(self._at_bank, parcel, seen, None)

    def _at_bank(self, parcel: Parcel, seen: Glance | None, strike: str | None) -> None:
        """It has arrived: the bank acts, whatever becomes of its answer."""
        world, host = self._world, parcel.host
        house = world.banks[host]
        try:
            asked = house.open(parcel.request, parcel.path, world.now_ms())
        except Plain as plain:
            self._turned_away(parcel, seen, plain, strike)
            return
        call = asked.call
        done = house.act(call, self._twist(house, strike, call.operation))
        exchange = Exchange(asked=asked, answer=done)
        said = call.operation, done.reply.status, done.reply.code
        world.note(None, f"bank {host}", " ".join(said), done.reply.pay_order_no)
        world.oracle.moved(done.work.moves)
        for text in done.work.texts:
            if text.code is not None:
                self.texted(call.request.request_id, host, text.code)
        self._lie(house, exchange, strike)
        world.scrutiny.answers(host, exchange, strike)
        self.couriers.tell(house, exchange, strike)
        if _is(strike, "_acted_500"):
            self.reply(parcel, NO)
        elif not _silent(strike):
            now_ms = world.now_ms()
            reply = house.reply(asked, exchange.answer, now_ms, strike=strike)
            paid = world.scrutiny.paid(host, exchange, strike)
            self.reply(parcel, reply, _late(parcel, strike), paid=paid)
        world.perhaps_dies_now(parcel.sender, "killed_after_call")

    def _turned_away(
        self, parcel: Parcel, seen: Glance | None, plain: Plain, strike: str | None
    ) -> None:
        """The bank does nothing, and says why; a fault strikes that as well."""
        world, house = self._world, self._world.banks[parcel.host]
        if seen is not None:
            no = seen.request_id[:-2]
            world.note(
                None, f"bank {parcel.host}", f"turns away {plain.wire.status}", no
            )
            world.scrutiny.turned_away(parcel.host, seen)
        if plain.wire.status == 401:
            strike = None  # nobody's answer: no fault makes it worse
        if not _silent(strike):
            reply = house.sent(plain.wire, strike)
            self.reply(parcel, reply, _late(parcel, strike))

    def _twist(  # noqa: PLR0911 a row a fault
        self, house: BankHouse, strike: str | None, operation: str
    ) -> Twist:
        """How a fault bends what the bank does."""
        match strike:
            case "send_refuses_payer":
                return Twist(decline=self.rng.choice((*PAYERS_FAULT, *CARDS_FAULT)))
            case "send_maintenance" | "money_maintenance":
                return Twist(decline="MAINTENANCE")
            case str() if strike.endswith("_unmapped") and not _is(
                strike, "_acted_unmapped"
            ):
                return Twist(decline=house.unmapped)
            case "sign_declined":
                codes = (*PAYERS_FAULT, *CARDS_FAULT, "CODE_WRONG")
                return Twist(decline=self.rng.choice(codes))
            case "refund_declined" | "revoke_declined":
                return Twist(decline=self.rng.choice(PAYERS_FAULT))
            case "money_declined":
                blames_code = ("CODE_WRONG",) if operation == "deduct" else ()
                codes = (*PAYERS_FAULT, *CARDS_FAULT, *blames_code)
                return Twist(decline=self.rng.choice(codes))
            case "money_no_then_yes" | "refund_no_then_yes":
                # Decided now, and settled in a moment: the bank does not know it yet.
                return Twist(processing_ms=2000)
            case "send_pending" | "money_pending" | "refund_pending":
                return Twist(processing_ms=1000 + self.rng.randrange(59_000))
            case "money_pending_for_ever" | "refund_pending_for_ever":
                return Twist(processing_ms=FOR_EVER_MS)
            case _:
                return Twist()

    def _lie(self, house: BankHouse, exchange: Exchange, strike: str | None) -> None:
        """Answer what is not so, and let the truth come by a callback."""
        done, world = exchange.answer, self._world
        if strike == "money_acted_unmapped":
            exchange.answer = _denied(exchange, house.unmapped)
        if strike == "enquiry_lies":
            order = house.denied(exchange.asked)
            if order is None:
                world.faults.hits[strike] -= 1
                return
            world.oracle.lied(order.pay_order_no)
            exchange.answer = _denied(exchange)
            self.couriers.bring(house, order, persistent=True, after=30.0)
        if _is(strike, "_no_then_yes") and done.settles is not None:
            world.oracle.lied(done.settles.pay_order_no)
            exchange.answer = _denied(exchange)
        if _is(strike, "_yes_then_no") and done.final is not None:
            if done.final.bank_ref is None:
                return
            world.oracle.lied(done.final.pay_order_no)
            self.couriers.bring(house, done.final, Bent.NO, after=1.0)

    # --- to a ledger, to a carrier, to a line -----------------------------------------

    def _to_ledger(self, parcel: Parcel) -> None:
        strike = self._world.faults.one_of(kinds.LEDGER[:-1])
        if strike == "ledger_refused":
            self.reply(parcel, NotSent(reason="refused"))
        elif strike != "ledger_lost":
            self.later(self._at_ledger, parcel, strike)

    def _at_ledger(self, parcel: Parcel, strike: str | None) -> None:
        status = {"ledger_500": 500, "ledger_422": 422}.get(strike or "")
        if status is None:
            status = self._world.ledger.take(parcel.request)
        if not _silent(strike):
            self.reply(parcel, answered(b"", {}, status))
        self._world.perhaps_dies_now(parcel.sender, "killed_after_call")

    def _to_carrier(self, parcel: Parcel) -> None:
        faults, world = self._world.faults, self._world
        strike = faults.one_of(kinds.TEXT[:-1])
        if world.texts_are_down and faults.on:
            faults.count("texts_down")
            strike = "text_refused"
        if strike is not None:
            world.note(parcel.sender, "strike", f"{strike} at {parcel.host}")
        if strike == "text_refused":
            self.reply(parcel, NotSent(reason="refused"))
        elif strike != "text_lost":
            self.later(self._at_carrier, parcel, strike)

    def _at_carrier(self, parcel: Parcel, strike: str | None) -> None:
        world, path = self._world, parcel.path
        house = world.carriers[parcel.host.removeprefix("carrier_")]
        try:
            request_id, code = house.take(parcel.request, path, world.now_ms())
        except BadSignature:
            self.reply(parcel, Answered(status=401, headers={}, body=b""))
            return
        declined = strike == "text_declined"
        if not declined:
            self.texted(request_id, "sms_centre", code)
        if strike != "text_unanswered":
            said = "MAINTENANCE" if declined else "OK"
            self.reply(parcel, house.reply(request_id, path, world.now_ms(), said))
        world.perhaps_dies_now(parcel.sender, "killed_after_call")

    def texted(self, request_id: str, sent_by: str, code: str) -> None:
        """A code is on a payer's phone."""
        world, no = self._world, request_id[:-2]
        text = Text(
            at=world.loop.time(),
            pay_order_no=no,
            sent_by=sent_by,
            code=code,
            seq=int(request_id[-2:]),
        )
        world.texts.setdefault(no, []).append(text)
        world.note(None, "phone", f"code from {sent_by}", no)

    def _at_line(self, parcel: Parcel, strike: str | None) -> None:
        world = self._world
        status = {
            "notice_500": 500,
            "notice_redirected": 302,
            "notice_slow_down": 429,
            "notice_gone": 410,
        }.get(strike or "", 204)
        if status == 204:
            if not world.line.take(parcel.request, world.loop.time()):
                status = 400
            world.oracle.announced(parcel.request)
        if strike != "notice_unanswered":
            headers = {"location": "http://elsewhere.sim/"} if status == 302 else {}
            self.reply(parcel, answered(b"", headers, status))
        world.perhaps_dies_now(parcel.sender, "killed_after_call")


def _late(parcel: Parcel, strike: str | None) -> float | None:
    """When an answer comes that comes too late."""
    late = strike is not None and strike.endswith("_late")
    return parcel.request.timeout_s + 1.0 if late else None


def _silent(strike: str | None) -> bool:
    return _is(strike, "_unanswered")


def _is(strike: str | None, end: str) -> bool:
    """Whether it is a fault of this sort, whatever it strikes."""
    return strike is not None and strike.endswith(end)


def _denied(exchange: Exchange, code: str = "CARD_LOST") -> Answer:
    """The same exchange, whose reply says no."""
    reply = replace(
        exchange.answer.reply,
        status="FAIL",
        code=code,
        bank_ref=None,
        amount=None,
        currency=None,
    )
    return replace(exchange.answer, reply=reply)

"""Banks of the simulated network: the sandbox's pure ones, each behind its dialect.

What arrives is authenticated and read by the bank's dialect, as the sandbox does it,
and what leaves is worded and signed by it; no socket and no clock comes in. A house
knows besides what a carrier of messages must know of its bank's words: what a call is
about, how a message is bent or forged, and where a yes is one.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar, Final, cast
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from paycore.kernel.http import Answered, HttpRequest
from paycore.sandbox.bank import Bank, Call
from paycore.sandbox.clerk import Clerk
from paycore.sandbox.dialect import Asked, Dialect, Plain, Wire
from paycore.sandbox.orders import (
    STRAIGHT,
    Answer,
    Move,
    Order,
    Twist,
    wrong_amount,
)
from paycore.sandbox.own import OwnDialect
from paycore.sandbox.protocol import REQUESTS, Confirm, Merchant
from paycore.sandbox.wire import Connection
from paycore.sandbox.wire import Exchange as Received

GARBAGE: Final = b"\x00\xff<html>502 upstream</html"

OTHER_AMOUNT: Final = frozenset({"money_other_amount", "refund_other_amount"})

NO_CLERK: Final = cast("Clerk", None)
"""Nobody asks a simulated bank for a statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a call is about, as whoever carries it reads it."""

    operation: str
    """As our own record of the call names it."""
    request_id: str
    """Ours, of the order that is opened, gone on with or asked after; empty of a
    question after a list, from which nobody reads whom it is about."""
    amount: int | None = None
    currency: str | None = None
    original: str | None = None
    """Of a refund: the request of the money that is to go back."""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One call at a bank: what was asked, what it did, and what it says."""

    asked: Asked
    answer: Answer

    @property
    def call(self) -> Call:
        """What was asked."""
        return self.asked.call

    @property
    def order(self) -> Order | None:
        """What became final by it, or will."""
        return self.answer.final or self.answer.settles


class Bent(Enum):
    """How what a bank tells of an order differs from what is so."""

    NO = auto()
    """It was refused."""
    WAITING = auto()
    """It is at it."""
    MORE = auto()
    """It was more money."""
    ELSEWHERE = auto()
    """It was another payment's, which the bank never had."""


class BankHouse(ABC):
    """One bank at its address."""

    unmapped: ClassVar[str]
    """A refusal's code that is in no list of ours."""
    charges_unasked: ClassVar[bool] = True
    """Whether it can take the money of an order that nobody confirmed."""
    signs: ClassVar[bool] = True
    """Whether its answers have a signature, which a fault may spoil."""
    tells_ends: ClassVar[bool] = True
    """Whether it tells of an agreement that its payer has ended there."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.bank: Bank = dialect.bank
        self.moves: list[Move] = []
        self.orders: dict[str, Order] = {}
        """Its orders by request number, as it last left them."""
        self.ended: set[str] = set()
        """Signings whose payer ended them here."""

    # --- a call -----------------------------------------------------------------------

    @abstractmethod
    def glance(self, request: HttpRequest, path: str) -> Glance | None:
        """What a call is about; None where it is about no order."""

    def open(self, request: HttpRequest, path: str, now_ms: int) -> Asked:
        """Authenticate and read a call, or raise `Plain`."""
        received = Received(cast("Connection", None))
        query = urlsplit(request.url).query
        url = f"{path}?{query}" if query else path
        received.method, received.url = request.method, url.encode()
        received.headers = {
            name.lower().encode(): value.encode()
            for name, value in request.headers.items()
        }
        received.body = request.body
        return self.dialect.read(received, now_ms)

    def act(self, call: Call, twist: Twist = STRAIGHT) -> Answer:
        """Do what is asked, and keep what it did."""
        answer = self.bank.handle(replace(call, twist=twist))
        self._keep(answer)
        return answer

    def settle(self, order: Order, now_ms: int) -> Answer | None:
        """End what was being processed."""
        answer = self.bank.settle(order, now_ms)
        if answer is not None:
            self._keep(answer)
        return answer

    def _keep(self, answer: Answer) -> None:
        self.moves += answer.work.moves
        for order in answer.work.orders:
            self.orders[order.request_id] = order

    # --- what it says -----------------------------------------------------------------

    def reply(
        self, asked: Asked, answer: Answer, now_ms: int, *, strike: str | None
    ) -> Answered:
        """The reply on its way, as well or as badly as a fault wants it."""
        if strike in OTHER_AMOUNT:
            answer = replace(answer, reply=wrong_amount(answer.reply))
        return self.sent(self.dialect.reply(asked, answer, now_ms), strike)

    def sent(self, wire: Wire, strike: str | None) -> Answered:
        """An answer as our transport gives it, perhaps spoilt on the way."""
        if strike is not None and strike.endswith("_garbage"):
            return Answered(status=200, headers={}, body=GARBAGE)
        if strike is not None and strike.endswith("_badly_signed"):
            wire = self.dialect.spoil(wire)
        return Answered(status=wire.status, headers=_headers(wire), body=wire.body)

    def lists(self, asked: Asked) -> Sequence[Order]:
        """The orders of a list that is asked for, the newest first; else none."""
        return ()

    def denied(self, asked: Asked) -> Order | None:
        """Money that came, and of which an answer to a question speaks: the one that
        it denies, where a fault has it lie.
        """
        about = self.orders.get(asked.call.request.request_id)
        for order in self.lists(asked) or ((about,) if about is not None else ()):
            if order.bank_ref is not None and order.notify_url is not None:
                return order
        return None

    def says_end(self, operation: str) -> bool:
        """Whether an answer to this says what became of money, and not only that it
        was taken in.
        """
        return True

    def told(
        self, order: Order, now_ms: int, bent: Bent | None = None
    ) -> tuple[Mapping[str, str], bytes] | None:
        """Headers and body of what the bank posts about an order; None: it is told of
        no such thing.
        """
        wire = self._told(order, now_ms, bent)
        return None if wire is None else (_headers(wire), wire.body)

    def forged(
        self, order: Order, now_ms: int
    ) -> tuple[Mapping[str, str], bytes] | None:
        """The same of money that came, by somebody who has not the bank's key."""
        paid = replace(order, status="SUCCESS", bank_ref=order.bank_ref or "0")
        wire = self._told(paid, now_ms, None)
        if wire is None:
            return None
        wire = self._forged(wire)
        return _headers(wire), wire.body

    def _told(self, order: Order, now_ms: int, bent: Bent | None) -> Wire | None:
        url = f"http://paycore.sim{self.callback_path}"
        return self.dialect.callback(
            replace(_bent(order, bent), notify_url=url), now_ms
        )

    @abstractmethod
    def _forged(self, wire: Wire) -> Wire:
        """A message whose signature is nobody's."""

    def acknowledged(self, order: Order, status: int, body: bytes) -> bool:
        """Whether our answer ends the telling."""
        return self.dialect.acknowledged(order, status, body)

    @property
    def callback_path(self) -> str:
        """Where it posts what it tells."""
        return f"/callbacks/{self.bank.name}/main"

    # --- agreements, and what nobody asked for ----------------------------------------

    def agreement(self, order: Order) -> str | None:
        """What a signing has come to, as we name it at its bank; None: to nothing."""
        return order.token

    def end_agreement(self, request_id: str, now_ms: int) -> Order | None:
        """The payer ends it at the bank; what the bank tells of it, where it was."""
        done = self.bank.end(self.orders[request_id].key, now_ms)
        if done is None:
            return None
        self._keep(done)
        self.ended.add(request_id)
        return done.final

    def stands(self, order: Order) -> bool:
        """Whether the bank lets money be taken under what was signed by it."""
        ended = (one for one in self.orders.values() if one.operation == "revoke")
        over = {one.token for one in ended if one.status == "SUCCESS"}
        return order.token is not None and order.token not in over

    def confirm_by_itself(self, order: Order, now_ms: int) -> Answer:
        """Take the money of an open order that nobody confirmed."""
        assert order.amount is not None
        assert order.currency is not None
        assert order.sms_code is not None
        request = Confirm(
            request_id=order.request_id,
            pay_order_no=order.pay_order_no,
            amount=order.amount,
            currency=order.currency,
            token="unasked",  # noqa: S106 any will do that was not revoked
            code=order.sms_code,
        )
        return self.act(
            Call(
                operation="confirm",
                merchant=order.merchant,
                request=request,
                now_ms=now_ms,
            )
        )


class OwnHouse(BankHouse):
    """A bank that speaks the sandbox's own protocol."""

    unmapped = "E_9999"

    def __init__(self, bank: Bank, merchant: Merchant) -> None:
        merchants = {merchant.id: merchant}
        super().__init__(OwnDialect(bank, merchants=merchants, clerk=NO_CLERK))

    def glance(self, request: HttpRequest, path: str) -> Glance | None:
        """By path and body."""
        operation = path.removeprefix("/v1/")
        if operation not in REQUESTS:
            return None
        said = msgspec.json.decode(request.body, type=dict[str, Any])
        if said.get("step") == "confirm":
            operation = "sign_confirm"
        return Glance(
            operation=operation,
            request_id=str(said["request_id"]),
            amount=said.get("amount"),
            currency=said.get("currency"),
            original=said.get("original_request_id"),
        )

    def open(self, request: HttpRequest, path: str, now_ms: int) -> Asked:
        """As every house does; our own side never sends a malformed one."""
        try:
            return super().open(request, path, now_ms)
        except Plain as plain:
            if plain.wire.status != 401:
                raise AssertionError(plain.wire.body) from plain
            raise

    def _forged(self, wire: Wire) -> Wire:
        return replace(wire, headers=tuple(_unsigned(wire)))


def _unsigned(wire: Wire) -> Iterator[tuple[str, str]]:
    for name, value in wire.headers:
        yield name, "0" * 64 if name == "X-Signature" else value


def _headers(wire: Wire) -> Mapping[str, str]:
    lowered = {name.lower(): value for name, value in wire.headers}
    return {"content-type": wire.content_type} | lowered


def _bent(order: Order, bent: Bent | None) -> Order:
    match bent:
        case Bent.NO:
            return replace(order, status="FAIL", code="CARD_LOST", bank_ref=None)
        case Bent.WAITING:
            return replace(order, status="PROCESSING", code="OK", bank_ref=None)
        case Bent.MORE:
            return replace(order, lies=True)
        case Bent.ELSEWHERE:
            return _elsewhere(order)
        case None:
            return order


def _elsewhere(order: Order) -> Order:
    """Of a payment whose number differs in its last letter."""
    no = order.pay_order_no
    letter = "Y" if no.endswith("Z") else "Z"
    other = f"{no[:-1]}{letter}"
    numbers = {no: other, order.request_id: f"{other}01"}
    return replace(
        order,
        request_id=numbers[order.request_id],
        pay_order_no=other,
        facts={name: _renumbered(held, numbers) for name, held in order.facts.items()},
    )


def _renumbered(held: str, numbers: Mapping[str, str]) -> str:
    """With other numbers, also inside of a text; the longest first."""
    for number in sorted(numbers, key=len, reverse=True):
        held = held.replace(number, numbers[number])
    return held

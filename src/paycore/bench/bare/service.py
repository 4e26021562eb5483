"""The bare path's service: two end points, each rows, a call, rows; then a notice."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from paycore.bench.bare.calls import Bank, Calls
from paycore.bench.bare.copies import Names, Patterns, renamed
from paycore.bench.bare.writer import Writer
from paycore.bench.statements import Write
from paycore.kernel.clock import machine_now
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds, pay_order_no

if TYPE_CHECKING:
    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

PAYMENTS = "/v1/quick-payments"
SEND, CONFIRM = "/v1/send_code", "/v1/confirm"

Fields = dict[str, object]
CURRENCY = "CNY"
KEYS = "idempotency_key"
COMMITS = 5
"""Two a call to the bank, and the notice's acknowledgement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One payment as the node wrote it, and what names it."""

    writes: tuple[Write, ...]
    pay_order_no: str
    out_biz_no: str
    coupon_no: str | None
    amount: int
    """What the bank is asked for."""
    notice_id: str
    notice: bytes
    scopes: tuple[bytes, bytes]
    answers: tuple[bytes, bytes]

    @classmethod
    def of(cls, writes: tuple[Write, ...]) -> "Recorded":
        """Find the names in what was written."""
        assert len(writes) == COMMITS, [write.rows for write in writes]
        payment = _only(writes[0], "payment")
        notice = _only(writes[3], "notify_notice")
        first, second = _only(writes[1], KEYS), _only(writes[3], KEYS)
        return cls(
            writes=writes,
            pay_order_no=payment.pay_order_no,
            out_biz_no=payment.out_biz_no,
            coupon_no=payment.coupon_no,
            amount=payment.payable_amount,
            notice_id=notice.notice_id,
            notice=notice.body,
            scopes=(first.scope, second.scope),
            answers=(first.body, second.body),
        )

    def names(self, no: str, order: "_Order", ids: SystemIds) -> Names:
        """The same of another payment."""
        names: dict[str | bytes, str | bytes] = {
            self.pay_order_no: no,
            self.out_biz_no: order.out_biz_no,
            self.notice_id: f"msg_{ids.uuid().hex}",
            **{scope: ids.token(len(scope)) for scope in self.scopes},
        }
        if self.coupon_no is not None and order.coupon_no is not None:
            names[self.coupon_no] = order.coupon_no
        return names

    def patterns(self) -> tuple[Patterns, ...]:
        """What each commit writes, to be made again."""
        told: list[str | bytes] = [self.pay_order_no, self.out_biz_no]
        told += [self.notice_id, *self.scopes]
        if self.coupon_no is not None:
            told.append(self.coupon_no)
        return tuple(Patterns.of(write, told) for write in self.writes)


def _only(write: Write, table: str) -> Any:
    rows = (*write.inserted, *write.replaced, *write.appended)
    (row,) = (row for row in rows if row.__table__.name == table)
    return row


Both = tuple[Recorded, Recorded]
"""One payment without a coupon, one with."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A payer's card, sealed as the vault keeps it, and its agreement."""

    sealed: bytes
    token: str


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What a process of the bare path is started with."""

    dsn: str
    bank: Bank
    notices: str
    notice_key: bytes
    key: bytes
    """Of the vault: 32 octets."""
    cards: Mapping[str, Card]
    slot: int
    """Whose balances it adds to, as each node has its own."""
    durable: str | None = None
    """As workflows on DBOS, with its system database here; None: the bare path."""


class _Order(msgspec.Struct, frozen=True):
    out_biz_no: str
    card_id: str
    subject: str
    coupon_no: str | None = None


class _Typed(msgspec.Struct, frozen=True):
    sms_verify_code: str


@dataclass(frozen=True, slots=True)
class Paying:
    """One payment under way."""

    recorded: Recorded
    patterns: tuple[Patterns, ...]
    names: Names
    card: Card

    def fields(self, no: str) -> Fields:
        """What both calls to the bank say."""
        return {
            "request_id": f"{no}01",
            "pay_order_no": no,
            "amount": self.recorded.amount,
            "currency": CURRENCY,
            "token": self.card.token,
        }


class Desk:
    """What can be done about a payment, one thing at a time."""

    def __init__(self, slot: int, writer: Writer, calls: Calls) -> None:
        self.open: dict[str, Paying] = {}
        self.calls = calls
        self.ids = SystemIds()
        self._slot, self._writer = slot, writer

    async def write(self, commit: int, no: str) -> None:
        """One recorded commit, under this payment's names."""
        paying = self.open[no]
        rows = paying.patterns[commit].made(paying.names, self._slot, self.ids)
        await self._writer.commit(rows)

    async def tell(self, no: str) -> None:
        """The notice."""
        recorded, names = self.open[no].recorded, self.open[no].names
        notice_id = renamed(recorded.notice_id, names)
        await self.calls.tell(notice_id, renamed(recorded.notice, names))


class Ways(Protocol):
    """In which order, and under whose eyes, the steps are made."""

    async def send(self, no: str, fields: Fields) -> None:
        """An order, and the bank's code."""

    async def confirm(self, no: str, fields: Fields) -> None:
        """The code, and the money."""

    async def announce(self, no: str) -> None:
        """The business line is told, and has acknowledged it, a little later."""


class Plain:
    """One after the other, and nobody remembers how far it was."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._telling: set[asyncio.Task[None]] = set()

    async def send(self, no: str, fields: Fields) -> None:
        """Rows, the call, rows."""
        await self._desk.write(0, no)
        await self._desk.calls.ask(SEND, fields)
        await self._desk.write(1, no)

    async def confirm(self, no: str, fields: Fields) -> None:
        """Rows, the call, rows."""
        await self._desk.write(2, no)
        await self._desk.calls.ask(CONFIRM, fields)
        await self._desk.write(3, no)

    async def announce(self, no: str) -> None:
        """In the background."""
        telling = asyncio.create_task(self._announce(no))
        self._telling.add(telling)
        telling.add_done_callback(self._told)

    async def _announce(self, no: str) -> None:
        await self._desk.tell(no)
        await self._desk.write(4, no)
        del self._desk.open[no]

    def _told(self, telling: "asyncio.Task[None]") -> None:
        self._telling.discard(telling)
        telling.result()


class Service:
    """An ASGI application that believes everything it is told."""

    def __init__(
        self, setting: Setting, recorded: Both, desk: Desk, ways: Ways
    ) -> None:
        self._cards = setting.cards
        self._copies = [(each, each.patterns()) for each in recorded]
        self._desk, self._ways = desk, ways
        self._ring = KeyRing({"bare": setting.key})
        self._order = msgspec.json.Decoder(_Order)
        self._typed = msgspec.json.Decoder(_Typed)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        body = await _body(receive)
        path: str = scope["path"]
        if path == PAYMENTS:
            status, answer = 201, await self._opened(body)
        else:
            status, answer = 200, await self._confirmed(path.split("/")[3], body)
        head = [(b"content-type", b"application/json")]
        head.append((b"content-length", str(len(answer)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": answer})

    async def _opened(self, body: bytes) -> bytes:
        order, desk = self._order.decode(body), self._desk
        no = pay_order_no(desk.ids, machine_now())
        recorded, patterns = self._copies[order.coupon_no is not None]
        names = recorded.names(no, order, desk.ids)
        paying = Paying(recorded, patterns, names, self._cards[order.card_id])
        desk.open[no] = paying
        facts = self._ring.open(paying.card.sealed, context=order.card_id.encode())
        fields = paying.fields(no) | {
            "subject": order.subject,
            "card_enc": desk.calls.sealed(facts, f"{no}01"),
        }
        await self._ways.send(no, fields)
        return renamed(recorded.answers[0], names)

    async def _confirmed(self, no: str, body: bytes) -> bytes:
        paying = self._desk.open[no]
        code = self._typed.decode(body).sms_verify_code
        await self._ways.confirm(no, paying.fields(no) | {"code": code})
        await self._ways.announce(no)
        return renamed(paying.recorded.answers[1], paying.names)


async def _body(receive: "Receive") -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body

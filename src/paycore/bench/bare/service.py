"""The bare path's service: two end points, each rows, a call, rows; then a notice."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


class _Order(msgspec.Struct, frozen=True):
    out_biz_no: str
    card_id: str
    subject: str
    coupon_no: str | None = None


class _Typed(msgspec.Struct, frozen=True):
    sms_verify_code: str


class Service:
    """An ASGI application that believes everything it is told."""

    def __init__(
        self, setting: Setting, recorded: Both, writer: Writer, calls: Calls
    ) -> None:
        self._setting = setting
        self._copies = [(each, each.patterns()) for each in recorded]
        self._writer = writer
        self._calls = calls
        self._ids = SystemIds()
        self._ring = KeyRing({"bare": setting.key})
        self._open: dict[str, _Paying] = {}
        self._telling: set[asyncio.Task[None]] = set()
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
        order = self._order.decode(body)
        no = pay_order_no(self._ids, machine_now())
        recorded, patterns = self._copies[order.coupon_no is not None]
        names = recorded.names(no, order, self._ids)
        paying = _Paying(recorded, patterns, names, self._setting.cards[order.card_id])
        facts = self._ring.open(paying.card.sealed, context=order.card_id.encode())
        fields = paying.fields(no) | {
            "subject": order.subject,
            "card_enc": self._calls.sealed(facts, f"{no}01"),
        }
        await self._write(0, paying)
        await self._calls.ask("/v1/send_code", fields)
        await self._write(1, paying)
        self._open[no] = paying
        return renamed(recorded.answers[0], names)

    async def _confirmed(self, no: str, body: bytes) -> bytes:
        paying = self._open.pop(no)
        code = self._typed.decode(body).sms_verify_code
        await self._write(2, paying)
        await self._calls.ask("/v1/confirm", paying.fields(no) | {"code": code})
        await self._write(3, paying)
        telling = asyncio.create_task(self._tell(paying))
        self._telling.add(telling)
        telling.add_done_callback(self._told)
        return renamed(paying.recorded.answers[1], paying.names)

    async def _tell(self, paying: "_Paying") -> None:
        recorded, names = paying.recorded, paying.names
        notice_id = renamed(recorded.notice_id, names)
        await self._calls.tell(notice_id, renamed(recorded.notice, names))
        await self._write(4, paying)

    def _told(self, telling: "asyncio.Task[None]") -> None:
        self._telling.discard(telling)
        telling.result()

    async def _write(self, commit: int, paying: "_Paying") -> None:
        rows = paying.patterns[commit].made(paying.names, self._setting.slot, self._ids)
        await self._writer.commit(rows)


@dataclass(frozen=True, slots=True)
class _Paying:
    """One payment between its two calls."""

    recorded: Recorded
    patterns: tuple[Patterns, ...]
    names: Names
    card: Card

    def fields(self, no: str) -> dict[str, object]:
        """What both calls to the bank say."""
        return {
            "request_id": f"{no}01",
            "pay_order_no": no,
            "amount": self.recorded.amount,
            "currency": CURRENCY,
            "token": self.card.token,
        }


async def _body(receive: "Receive") -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body

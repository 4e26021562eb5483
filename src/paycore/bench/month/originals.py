"""Payments to copy, of each kind that a month has, really taken from a node over HTTP.

Quick pay with a coupon and without, converted because a line has no quick channel or
because it was down, taken by a mandate, refused, closed, and given back.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

import msgspec

from paycore.bench.growth import queries
from paycore.bench.payer import WrongAnswer
from paycore.bench.stage import card_number
from paycore.cards import service as cards
from paycore.cards.service import GivenAgreement, NewCard
from paycore.coupon.rows import CouponRow, CouponStatus
from paycore.dev import stack
from paycore.dev.demo.outside import Control, Order, Shop
from paycore.dev.folder import BANKS
from paycore.dev.seeds import ACCOUNT, ID_NO, SeededLine, pay_type
from paycore.dev.stack import Ground
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, PayType
from paycore.kernel.transport import HttpTransport

SEED = 30
"""The same amounts and the same people each time."""

HOLDERS = (
    *(("张伟", "ICBC"), ("王芳", "CCB"), ("李娜", "ABC"), ("刘洋", "BOC")),
    *(("陈静", "CMB"), ("杨帆", "ICBC"), ("赵敏", "COMM"), ("黄磊", "CCB")),
)
CARDS = 16
"""Of each line, so many pay at once."""

REFUSED = (
    *("6228480000000007", "6228480000000015"),
    *("6228480000000023", "6228480000000056"),
)
"""Cards that the sandbox's banks refuse (docs/sandbox.md), each for another reason."""

GOODS = ("Two cups of tea", "一本书", "Headphones", "一箱苹果", "Winter coat", "台灯")
SEATS = ("Train to Hangzhou", "Concert, two seats", "Museum, one day", "Night bus")

QUICK_ROUNDS, COUPON_EVERY = 3, 6
TICKETS, MANDATES, RESCUED, CLOSED = 12, 5, 7, 2
WHOLE, PART = 2, 2
"""So many are given back as a whole, and so many in part."""
LEAST, MOST = 900, 90_000
"""Minor units."""

ALL = QUICK_ROUNDS * CARDS + TICKETS + MANDATES + len(REFUSED) + CLOSED + RESCUED

QUICK_SENDS = "bank.quick_*.send_code"

FINISHED_WITHIN_S, LOOK_S = 90.0, 0.2

Told = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """A card at a line, and the phone that its codes come to."""

    shop: Shop
    phone: str


async def take(on: Ground, *, told: Told) -> list[str]:
    """Take them all, until nothing of them waits; their numbers, in no order. The
    node stops with this.
    """
    transport = HttpTransport()
    try:
        async with stack.running(on, code_gap_s=0, log_level="error") as (app, summary):
            taking = _Taking(
                node=app.node,
                api=summary.api,
                control=Control(url=summary.sandbox, transport=transport),
                transport=transport,
                lines=summary.lines,
                told=told,
            )
            made = await taking.all()
            await _finished(on.cluster.dsn)
    finally:
        await transport.close()
    Random(SEED).shuffle(made)
    return made


async def _finished(dsn: str) -> None:
    """Wait until every payment has ended, and every notice was taken."""
    connection = await queries.connect(dsn)
    try:
        async with asyncio.timeout(FINISHED_WITHIN_S):
            while await queries.unfinished(connection):  # noqa: ASYNC110 nobody tells
                await asyncio.sleep(LOOK_S)
    finally:
        await connection.close()


@dataclass(slots=True, kw_only=True)
class _Taking:
    """Everybody who pays, and what they have paid."""

    node: Node
    api: str
    control: Control
    transport: HttpTransport
    lines: Sequence[SeededLine]
    told: Told
    chance: Random = field(default_factory=lambda: Random(SEED))
    made: list[str] = field(default_factory=list)
    people: int = 0

    async def all(self) -> list[str]:
        """One kind after the other: what is broken for one is whole for the next."""
        shop, tickets = self.lines[:2]
        here = [await self._person(shop) for _ in range(CARDS)]
        there = [await self._person(tickets) for _ in range(TICKETS)]
        coupons = iter(await self._coupons(shop))
        paid: list[Order] = []
        for _ in range(QUICK_ROUNDS):
            paid += await self._each(
                self._pay(one, next(coupons, None) if nth % COUPON_EVERY == 0 else None)
                for nth, one in enumerate(here)
            )
        await self._each(self._pay(one) for one in there)
        await self._each(self._deduct(one) for one in there[:MANDATES])
        for number in REFUSED:
            person = await self._person(shop, number)
            await self._each([self._refused(person)])
        await self._each(self._close(one) for one in here[:CLOSED])
        await self._back(here, paid)
        await self.control.break_(QUICK_SENDS, "http_500", count=None)
        await self._each(self._pay(one) for one in here[-RESCUED:])
        await self.control.mend()
        return self.made

    async def _each(self, payments: Iterable[Awaitable[Order]]) -> list[Order]:
        orders = list(await asyncio.gather(*payments))
        self.made += [order.pay_order_no for order in orders]
        self.told(len(orders))
        return orders

    # --- one payment ---

    async def _open(self, one: _Person, coupon_no: str | None = None) -> Order:
        return await one.shop.open(
            out_biz_no=secrets.token_hex(8),
            subject=self._subject(one),
            amount=self.chance.randrange(LEAST, MOST),
            coupon_no=coupon_no,
        )

    def _subject(self, one: _Person) -> str:
        return self.chance.choice(
            GOODS if one.shop.line.biz_line == self.lines[0].biz_line else SEATS
        )

    async def _pay(self, one: _Person, coupon_no: str | None = None) -> Order:
        order = await self._open(one, coupon_no)
        text = await self.control.last_text(one.phone)
        heard = await one.shop.confirm(order.pay_order_no, text.code)
        if heard is None or heard.biz_status != "SUCCESS":
            raise WrongAnswer(f"{order.pay_order_no} was not paid")
        return order

    async def _deduct(self, one: _Person) -> Order:
        return await one.shop.deduct(
            out_biz_no=secrets.token_hex(8),
            subject=self._subject(one),
            amount=self.chance.randrange(LEAST, MOST),
        )

    async def _refused(self, one: _Person) -> Order:
        """Where a code was sent all the same, with that."""
        order = await self._open(one)
        if order.code is not None:
            text = await self.control.last_text(one.phone)
            await one.shop.confirm(order.pay_order_no, text.code)
        return order

    async def _close(self, one: _Person) -> Order:
        order = await self._open(one)
        return await one.shop.close(order.pay_order_no)

    async def _back(self, people: Sequence[_Person], paid: Sequence[Order]) -> None:
        """The first as a whole, others in part; none that had a coupon."""
        plain = [order for order in paid if order.amount == order.payable_amount]
        shop = people[0].shop
        for nth, order in enumerate(plain[: WHOLE + PART]):
            amount = order.amount if nth < WHOLE else order.amount // 2
            await shop.refund(order.pay_order_no, amount=amount, reason="returned")

    # --- who ---

    async def _person(self, line: SeededLine, number: str | None = None) -> _Person:
        """Somebody with a card of his own, agreed upon with every bank of the line."""
        nth = self.people = self.people + 1
        holder, bank = HOLDERS[nth % len(HOLDERS)]
        phone = f"+861382200{nth:04d}"
        quick = line.biz_line == self.lines[0].biz_line
        change = self.node.change()
        row = cards.register(
            self.node,
            change,
            NewCard(
                biz_line=BizLineId(line.biz_line),
                number=number or card_number(nth * 7919),
                name=holder,
                id_no=ID_NO,
                phone=phone,
                bank=bank,
                card_kind="DEBIT",
                agreements=tuple(
                    _agreement(channel)
                    for channel in BANKS
                    if quick or pay_type(channel) is PayType.DEDUCT
                ),
            ),
        )
        assert await self.node.journal.commit(change) is None, "a card's id is new"
        theirs = msgspec.structs.replace(line, card_id=row.card_id)
        shop = Shop(api=self.api, line=theirs, transport=self.transport)
        return _Person(shop=shop, phone=phone)

    async def _coupons(self, line: SeededLine) -> list[str]:
        """Those that a line has left."""
        return [
            row.coupon_no
            for row in await self.node.journal.every(CouponRow)
            if row.biz_line == line.biz_line and row.status is CouponStatus.AVAILABLE
        ]


def _agreement(channel: str) -> GivenAgreement:
    return GivenAgreement(
        pay_type=pay_type(channel),
        channel=channel,
        account=ACCOUNT,
        token=secrets.token_hex(16),
    )

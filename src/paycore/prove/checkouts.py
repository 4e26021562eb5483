"""Checkouts in a simulated world: business lines that have them made and ask how they
stand, and what must hold of pages, of what a line is told and of the way back.

What a page says is held to the order as it stands, by rules spelled out here and not
asked of the page's own code: it would agree with itself.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import msgspec

from paycore.checkout.rows import CheckoutNumberRow, CheckoutRow
from paycore.core.rows import OutBizNoRow, PaymentRow
from paycore.core.service import OpenRequest
from paycore.desk.rows import CaseRow
from paycore.dev.seeds import ACCOUNT
from paycore.kernel.terms import BizLineId, BizStatus, CardId, PayType
from paycore.prove.serving import Asked

if TYPE_CHECKING:
    from paycore.prove.api import Answer
    from paycore.prove.browser import Page
    from paycore.prove.payers import Payer
    from paycore.prove.world import World

QUICK = ("quick_a", "quick_b")
ASKS_WITHIN_S = 12.0
SHOP = "https://shop.example/done?cart="

MOST_OWN_CARDS = 5
"""Cards that may be typed at one checkout."""

ENDS: Final[Mapping[str, BizStatus]] = MappingProxyType(
    {
        "PAID": BizStatus.SUCCESS,
        "FAILED": BizStatus.FAIL,
        "CLOSED": BizStatus.CLOSED,
    }
)
"""Pages that say how a payment has ended."""

GOES_ON = frozenset({"CODE", "CONFIRMING"})
"""Pages of a payment that has not ended; one that says that somebody is at it right now
may be a card's as well.
"""

CAME_BY_ITSELF = frozenset({"LATE_MONEY", "CHARGED_WITHOUT_CONFIRM"})
"""Cases of money that a channel took though its order did not come about."""

NOTHING_WAS_CHARGED = ("没有扣款", "Nothing was charged")


# --- the business line ----------------------------------------------------------------


class Shop:
    """A business line with one order that is to be paid at a checkout."""

    def __init__(self, payer: "Payer") -> None:
        self._payer, self._world, self._rng = payer, payer.world, payer.rng
        self.out_biz_no = f"order-{payer.number}"
        self.line = self.checkout_no = self.url = self.back = ""
        self.expires_at: datetime | None = None
        self.signs = False
        """Whether a card may be typed there."""
        self.over = False

    async def make(self) -> bool:
        """Have it made; whether there is one."""
        payer, said = self._payer, self._wanted()
        answer = await payer.insist(lambda key: self._post(said, key))
        if answer is None or answer.status not in (200, 201):
            return False
        made = answer.read()
        self.checkout_no, self.url = made["checkout_no"], made["url"]
        self.expires_at = datetime.fromisoformat(made["expires_at"])
        self._world.oracle.checkouts.made(self)
        if payer.strikes("checkout_twice"):
            await self._make_again(said)
        if payer.strikes("checkout_clash"):
            clash = {**said, "amount": said["amount"] + 1}
            again = await payer.insist(lambda key: self._post(clash, key))
            self._world.oracle.hearing.reused(again)
        if payer.strikes("number_taken"):
            self._world.spawn(self._order_over_api())
        return True

    async def _make_again(self, said: Mapping[str, object]) -> None:
        """The same content under another key is the same checkout."""
        answer = await self._payer.insist(lambda key: self._post(said, key))
        if answer is not None:
            same = answer.status == 200 and answer.read()["url"] == self.url
            self._holds("I18", same, "another address for the same checkout")

    async def _order_over_api(self) -> None:
        """The same number over the API: whichever is first has it."""
        await asyncio.sleep(self._rng.random() * ASKS_WITHIN_S)
        asked = self._world.oracle.hearing.requests[self.out_biz_no]
        request = msgspec.structs.replace(asked, subject="the same over the phone")
        api = self._world.api
        answer = await self._payer.insist(lambda key: api.open(request, key))
        if answer is not None and answer.status in (200, 201):
            self._world.oracle.hearing.heard(answer.read())

    async def asks_now_and_then(self) -> None:
        """How it stands, until its payer has gone."""
        while not self.over:
            await asyncio.sleep(self._rng.random() * ASKS_WITHIN_S)
            await self.asks()

    async def asks(self) -> Mapping[str, Any] | None:
        """How it stands; None where nobody says."""
        asked_at = self._world.loop.time()
        answer = await self._world.api.http(
            Asked(
                method="GET",
                target=f"/v1/checkouts/{self.checkout_no}",
                headers=self._bearer(),
            )
        )
        if answer is None or answer.status >= 500:
            return None
        self._holds("I24", answer.status == 200, "a checkout of its own is not there")
        if answer.status != 200:
            return None
        said = answer.read()
        self._world.oracle.checkouts.told(self, said, asked_at)
        return said

    def _post(self, said: Mapping[str, object], key: str) -> "Awaitable[Answer | None]":
        headers = {
            **self._bearer(),
            "content-type": "application/json",
            "idempotency-key": key,
        }
        asked = Asked(
            method="POST",
            target="/v1/checkouts",
            headers=headers,
            body=msgspec.json.encode(said),
        )
        return self._world.api.http(asked, key)

    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._world.stage.keys[self.line]}"}

    def _wanted(self) -> dict[str, Any]:
        """What is asked for, and put down for who compares it later."""
        payer, rng, world = self._payer, self._rng, self._world
        plastic = payer.plastic()
        self.line = payer.line = plastic.line
        others = [
            one.card_id
            for one in world.stage.cards
            if (one.line, one.kind) == (self.line, "good")
        ]
        cards = list(dict.fromkeys((plastic.card_id, rng.choice(others))))
        self.signs = self.line == "shop" and payer.strikes("new_card")
        if self.signs and rng.random() < 0.3:
            cards = []
        coupon, amount = payer.coupon(self.line), 600 + rng.randrange(5000)
        self.back = f"{SHOP}{payer.number}"
        said: dict[str, Any] = {
            "out_biz_no": self.out_biz_no,
            "amount": amount,
            "currency": "CNY",
            "subject": "two cups of tea",
            "card_ids": cards,
            "return_url": self.back,
            "expires_in_s": rng.choice((60, 60, 90, 120, 240)),
        }
        if coupon is not None:
            said["coupon_no"] = coupon
        if self.signs:
            bank = rng.choice(QUICK)
            said["sign"] = {
                "pay_type": "QUICK_PAY",
                "channel": bank,
                "account": ACCOUNT,
            }
        world.oracle.hearing.requests[self.out_biz_no] = OpenRequest(
            biz_line=BizLineId(self.line),
            out_biz_no=self.out_biz_no,
            biz_order_no=None,
            amount=amount,
            currency="CNY",
            card_id=CardId(plastic.card_id),
            subject="two cups of tea",
            coupon_no=coupon,
            expires_in_s=said["expires_in_s"],
        )
        return said

    def came_back(self, url: str) -> Mapping[str, str] | None:
        """What its payer brings back, as docs/checkout.md has a line read it; None
        where it was not signed by us, or leads elsewhere.
        """
        before, _, query = url.partition("?")
        signed, _, sign = query.rpartition("&sign=")
        _, _, secret = self._world.stage.keys[self.line].rpartition("_")
        key = hashlib.sha256(secret.encode()).digest()
        good = hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()
        there, _, own = self.back.partition("?")
        ours = before == there and signed.startswith(f"{own}&")
        pairs = parse_qsl(signed, keep_blank_values=True)
        said = dict(pairs)
        if not ours or len(said) < len(pairs) or not hmac.compare_digest(good, sign):
            return None
        return said

    def _holds(self, invariant: str, good: object, what: str) -> None:
        self._world.oracle.holds(invariant, good, what, self._payer.no)


# --- what must hold -------------------------------------------------------------------


class CheckoutWatch:
    """Looks at checkouts; what it finds is the oracle's to keep."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.shops: dict[str, Shop] = {}
        """Those whose checkout was made, by its number."""
        self._ended: dict[str, tuple[str, float]] = {}
        """What was told of a payment's end first, and when."""
        self._held: dict[str, float] = {}
        """Orders that are held, and since when that is known."""
        self._expired: set[str] = set()
        """Checkouts of which somebody was told that they expired."""

    def _holds(self, invariant: str, good: object, what: str, no: str) -> None:
        self._world.oracle.holds(invariant, good, what, no)

    def made(self, shop: Shop) -> None:
        """A line has an address: the row is there, and is its own."""
        self.shops[shop.checkout_no] = shop
        row = self._row(shop)
        good = (row.biz_line, row.out_biz_no) == (shop.line, shop.out_biz_no)
        self._holds("I24", good, "another checkout's address", row.pay_order_no or "")

    # --- what a payer is shown --------------------------------------------------------

    def shown(self, shop: Shop, page: "Page", typed: frozenset[str]) -> None:
        """A page that a payer sees by his own address."""
        row, payment = self._row(shop), self.payment(shop)
        no = payment.pay_order_no if payment is not None else ""
        self._world.note(None, "page", f"{page.status} {page.stage}", no)
        secret = any(text in page.text for text in typed)
        self._holds("I25", not secret, "a page shows what was typed", no)
        if page.status != 200:
            away = page.status == 503
            self._holds("I24", away, f"a page of its own is {page.status}", no)
            return
        self._said(shop, page, payment)
        coupons = {row.coupon_amount}  # a payment asks anew what its own is worth
        if payment is not None and is_of(row, payment):
            coupons.add(payment.coupon_amount)
        due = {f"¥{(row.amount - coupon) / 100:,.2f}" for coupon in coupons}
        what = f"{page.amount} is to be paid, and {due} is due"
        self._holds("I23", page.amount in due, what, no)
        self._way_back(shop, page)

    def _said(self, shop: Shop, page: "Page", payment: PaymentRow | None) -> None:
        """What a page says is so, and stays so."""
        ours = payment is not None and is_of(self._row(shop), payment)
        no = payment.pay_order_no if payment is not None else ""
        stage = page.stage
        if stage in ENDS:
            so = ours and payment is not None and payment.biz_status is ENDS[stage]
            self._holds("I4", so, f"a page says {stage}, and it is not so", no)
            self._end(shop, stage, no)
        elif stage == "TAKEN":
            other = payment is not None and not ours
            self._holds("I4", other, "another payment has the number, it says", no)
        elif stage == "EXPIRED":
            self._over(shop, no, ours=ours)
        elif stage in GOES_ON:
            self._holds("I4", ours, f"a page says {stage} of no payment", no)
        self._after(shop, stage, page.asked_at, no)
        if payment is not None and ours:
            self._can_pay(page, payment)

    def _end(self, shop: Shop, stage: str, no: str) -> None:
        now = self._world.loop.time()
        first, _ = self._ended.setdefault(shop.checkout_no, (stage, now))
        self._holds("I5", first == stage, f"{first} was told, and then {stage}", no)

    def _over(self, shop: Shop, no: str, *, ours: bool) -> None:
        """Somebody is told that it expired: it has no payment, nor ever will."""
        self._expired.add(shop.checkout_no)
        self._holds("I5", not ours, "expired, it was told, and it has begun", no)

    def _after(self, shop: Shop, stage: str, asked_at: float, no: str) -> None:
        """Who asks after an end was told is told that end."""
        first, told_at = self._ended.get(shop.checkout_no, (stage, asked_at))
        same = first == stage or asked_at < told_at
        self._holds("I5", same, f"{first} was told, and then {stage}", no)

    def _way_back(self, shop: Shop, page: "Page") -> None:
        """The return is signed, and says what its page does."""
        row = self._row(shop)
        no = row.pay_order_no or ""
        said = shop.came_back(page.back)
        self._holds("I17", said, "a way back that its line cannot verify", no)
        if said is None:
            return
        mine = (said["checkout_no"], said["out_biz_no"]) == (
            *(shop.checkout_no, shop.out_biz_no),
        )
        self._holds("I24", mine, "the way back is another checkout's", no)
        if page.stage in ENDS:
            told = (said["status"], said["pay_order_no"])
            good = told == (ENDS[page.stage].value, row.pay_order_no)
            self._holds("I17", good, f"{page.stage}, and back as {told}", no)
        elif page.stage in GOES_ON:
            going = said["status"] == BizStatus.DOING.value
            self._holds("I17", going, f"{page.stage}, and back as another", no)
        elif page.stage != "WORKING":
            none = said["status"] in ("OPEN", "EXPIRED") and not said["pay_order_no"]
            self._holds("I17", none, f"{page.stage}, and back with a payment", no)

    def calm(self, page: "Page", payment: PaymentRow) -> None:
        """Of money that came by itself a page does not say that there was none."""
        no = payment.pay_order_no
        came = any(
            case.pay_order_no == no and case.kind in CAME_BY_ITSELF
            for case in self._world.base.every(CaseRow)
        )
        denied = any(words in page.text for words in NOTHING_WAS_CHARGED)
        self._holds("I4", not (came and denied), "nothing was taken, it says", no)

    def _can_pay(self, page: "Page", payment: PaymentRow) -> None:
        """No code is asked for of an order that is held, since somebody saw it so."""
        no, now = payment.pay_order_no, self._world.loop.time()
        if payment.held is None:
            self._held.pop(no, None)
            return
        useless = page.stage == "CODE" and page.asked_at >= self._held.get(no, now)
        self._holds("I4", not useless, "a code is asked for, and none can pay", no)
        self._held.setdefault(no, now)

    # --- what a line is told ----------------------------------------------------------

    def told(self, shop: Shop, said: Mapping[str, Any], asked_at: float) -> None:
        """A line asks how its checkout stands."""
        row, payment = self._row(shop), self.payment(shop)
        status, no = said["status"], said["pay_order_no"] or ""
        self._world.note(None, "checkout", f"{shop.checkout_no} {status}", no)
        asked = (row.out_biz_no, row.amount, row.currency)
        same = (said["out_biz_no"], said["amount"], said["currency"]) == asked
        self._holds("I23", same, "another checkout than was asked for", no)
        ours = payment is not None and is_of(row, payment)
        named = payment is not None and ours and payment.pay_order_no == no
        self._holds("I24", not no or named, "a payment that is not its own", no)
        ends = {end.value: stage for stage, end in ENDS.items()}
        if status in ends:
            so = payment is not None and payment.biz_status.value == status
            self._holds("I4", so and ours, f"told {status}, and it is not so", no)
            self._end(shop, ends[status], no)
        elif status == "EXPIRED":
            self._over(shop, no, ours=ours)
        self._after(shop, ends.get(status, status), asked_at, no)

    # --- in the moment ----------------------------------------------------------------

    def opened(self, new: PaymentRow) -> None:
        """A payment has begun: in one change with its name at its checkout, and at none
        that had expired, it was told.
        """
        base, no = self._world.base, new.pay_order_no
        number = base.load(CheckoutNumberRow, new.biz_line, new.out_biz_no)
        row = None if number is None else base.load(CheckoutRow, number.checkout_no)
        if row is None or not is_of(row, new):
            return
        told = row.checkout_no in self._expired
        self._holds("I5", not told, "begun at what had expired, it was told", no)
        named = row.pay_order_no == no
        self._holds("I5", named, "begun, and its checkout does not name it", no)

    # --- at the end -------------------------------------------------------------------

    def judge(self) -> None:
        """Checkouts, their payments and their cards, compared."""
        base, requests = self._world.base, self._world.oracle.hearing.requests
        by_number: dict[tuple[str, str], list[PaymentRow]] = {}
        for order in base.every(PaymentRow):
            named = (order.biz_line, order.out_biz_no)
            by_number.setdefault(named, []).append(order)
            # Whoever explores one payment by hand puts down no requests.
            asked = not requests or order.out_biz_no in requests
            self._holds("I23", asked, "an order that nobody made", order.pay_order_no)
        for row in base.every(CheckoutRow):
            no, named = row.pay_order_no or "", (row.biz_line, row.out_biz_no)
            orders = by_number.get(named, [])
            self._holds("I1", len(orders) <= 1, "a checkout with two payments", no)
            mine = all(is_of(row, o) for o in orders if o.pay_order_no == no)
            self._holds("I24", mine, "another's payment is a checkout's", no)
            few = len(_cards(row.own_cards)) <= MOST_OWN_CARDS
            self._holds("I29", few, "more cards were tried than may be", no)

    def payment(self, shop: Shop) -> PaymentRow | None:
        """The payment that has the order's number."""
        base = self._world.base
        number = base.load(OutBizNoRow, shop.line, shop.out_biz_no)
        return None if number is None else base.load(PaymentRow, number.pay_order_no)

    def _row(self, shop: Shop) -> CheckoutRow:
        row = self._world.base.load(CheckoutRow, shop.checkout_no)
        assert row is not None, "its line was given its address"
        return row


def _cards(text: str) -> list[str]:
    return msgspec.json.decode(text, type=list[str])


def is_of(row: CheckoutRow, order: PaymentRow) -> bool:
    """Whether a payment is what a checkout asked for, by a card that it offered."""
    return (
        (order.biz_line, order.out_biz_no, order.subject, order.coupon_no)
        == (row.biz_line, row.out_biz_no, row.subject, row.coupon_no)
        and (order.amount, order.currency) == (row.amount, row.currency)
        and (order.pay_type is not PayType.DEDUCT or order.converted_at is not None)
        and order.card_id in (*_cards(row.card_ids), *_cards(row.own_cards))
    )

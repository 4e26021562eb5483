"""Payers, and the business lines that call for them: what they do, well and badly.

A payer orders, waits for a code on his phone, types it, and now and then does what
payers do: clicks twice, types wrongly, asks again, closes, walks away. His line calls
again under the same key where a call broke, as the API's page tells it to.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from paycore.core.service import OpenRequest
from paycore.kernel.terms import BizLineId, CardId, CouponNo, PayType
from paycore.prove import deductions
from paycore.prove.api import Answer
from paycore.prove.returns import Returns
from paycore.prove.shoppers import Shopper
from paycore.prove.signing import Customer
from paycore.prove.stage import Plastic
from paycore.prove.strangers import Text

if TYPE_CHECKING:
    from paycore.prove.world import World

Call = Callable[[str], Awaitable[Answer | None]]

PATIENT = 8
"""Times so many tries: a lease is over by then, also by a clock at half its pace."""

TRIES = 12
"""How often a line repeats a call that broke."""

AGAIN_AFTER_S = 1.0
AGAIN_WITHIN_S = 40.0
"""A line that did not write an answer down calls for it once more."""
ARRIVE_WITHIN_S = 60.0
REVOKED_WITHIN_S = 30.0
LOOK_AT_PHONE_S = 1.0
PATIENCE_S = 25.0
"""How long somebody looks at his phone for a code."""

ROUNDS = 6
STORM = 4


class Payer:
    """One payment as somebody makes it."""

    def __init__(self, world: "World", number: int) -> None:
        self.world, self.number = world, number
        self.rng = world.stream(f"payer {number}")
        self.no = self.line = self._card_id = ""
        self.ended = ""
        """What he was told last: a final status, or nothing."""
        self._serial = 0
        self._customer: Customer | None = None
        """Who signs the card that is paid with."""
        self.shopper: Shopper | None = None
        """How he pays, where that is at a checkout."""
        self._deducts = False
        """His line deducts: he is not there."""
        self._unanswered: dict[str, Call] = {}
        """Calls that were given up, by key."""

    # --- what he does -----------------------------------------------------------------

    async def pay(self) -> None:
        """From the order to whatever end."""
        await asyncio.sleep(self.rng.random() * ARRIVE_WITHIN_S)
        if self.strikes("signs"):
            self._customer = Customer(self)
            await self._customer.sign()
        try:
            if self._customer is None and self.strikes("shops"):
                self.shopper = Shopper(self)
                await self.shopper.pay()
                await self._give_back()
            else:
                await self._pay()
        finally:
            if self._customer is not None:
                await self._customer.part()

    async def _pay(self) -> None:
        order = await self._order()
        if order is None:
            return
        self.no = str(order["pay_order_no"])
        self.world.oracle.payers[self.no] = self.number
        over = order["biz_status"] not in ("DOING", "SUCCESS")
        if self._customer is None and self.strikes("revokes_given"):
            self.world.spawn(self._revoke())
        if over or self.strikes("walks_away"):
            return
        if self._deducts:
            await deductions.wait(self)
        for _ in range(0 if self._deducts else ROUNDS):
            if await self._round():
                break
        if self.ended and self.strikes("confirms_finished"):
            await self._confirm("000000")
        await self._give_back()

    async def _give_back(self) -> None:
        """His line does, where it was paid."""
        if self.ended == "SUCCESS" and self.strikes("refunds"):
            await Returns(self).ask()

    async def _round(self) -> bool:
        """One more try; whether that was the last one."""
        if self.strikes("closes"):
            await self.close()
            return True
        text = await self.code()
        if text is None or self.strikes("asks_again"):
            await self._ask_again()
            newer = await self.code(text)
            if newer is None and text is None:
                return self.rng.random() < 0.3
            replaced = text is not None and newer is not None and newer != text
            if text is not None and replaced and self.strikes("old_code"):
                await self._confirm(text.code)
            text = newer or text
        assert text is not None
        await self._misbehave(text)
        return await self._confirm_well(text)

    async def _misbehave(self, text: Text) -> None:
        """What comes before the right code."""
        if self.strikes("another_line"):
            await self._reach_for_another()
        if self.strikes("wrong_code"):
            await self._confirm(self.wrong(text.code))
        if self.strikes("guesses"):
            for _ in range(self.world.settings.code_tries + 1):
                await self._confirm(self.wrong(text.code))
        if self.strikes("code_of_another"):
            await self._confirm(self.somebody_elses(text.code))
        if self.strikes("late_code"):
            await asyncio.sleep(self.world.settings.code_lifetime_s + 1)

    async def _confirm_well(self, text: Text) -> bool:
        """The right code, once or several times; whether it is over."""
        if self.strikes("closes_meanwhile"):
            await asyncio.gather(self._confirm(text.code), self.close())
        elif self.strikes("confirms_at_once"):
            await asyncio.gather(*(self._confirm(text.code) for _ in range(STORM)))
        elif self.strikes("key_reused"):
            await self._reuse(text)
        else:
            await self._confirm(text.code)
        if self.ended:
            return True
        await asyncio.sleep(1.0 + self.rng.random() * 6.0)
        answer = await self.world.api.get(self.line, self.no)
        if answer is not None and answer.status == 200:
            self.heard(answer)
        return bool(self.ended)

    # --- his calls --------------------------------------------------------------------

    async def _order(self) -> dict[str, Any] | None:
        signed = self._customer.card if self._customer is not None else None
        if self._customer is not None and signed is not None:
            self._deducts = self._customer.deducts
        else:
            self._deducts = self.strikes("deducts")
        plastic = signed or self.plastic()
        self.line, self._card_id = plastic.line, plastic.card_id
        amount = 600 + self.rng.randrange(5000)
        request = OpenRequest(
            biz_line=BizLineId(plastic.line),
            out_biz_no=f"order-{self.number}",
            biz_order_no=None,
            amount=amount,
            currency="CNY",
            card_id=CardId(plastic.card_id),
            subject="two cups of tea",
            coupon_no=self.coupon(plastic.line),
            expires_in_s=self.rng.choice((60, 60, 90, 120, 240)),
            pay_type=PayType.DEDUCT if self._deducts else PayType.QUICK_PAY,
        )
        self.world.oracle.hearing.requests[request.out_biz_no] = request
        api = self.world.api
        opening = api.deduct if self._deducts else api.open
        answers: Sequence[Answer | None]
        if self.strikes("orders_twice"):
            key = self._key()
            answers = await asyncio.gather(
                self.insist(lambda key: opening(request, key), key),
                self.insist(lambda key: opening(request, key), key),
                self.insist(lambda key: opening(request, key)),
            )
        else:
            answers = [await self.insist(lambda key: opening(request, key))]
        good = [a for a in answers if a is not None and a.status in (200, 201, 202)]
        for answer in good:
            self.heard(answer)
        return dict(good[0].read()) if good else None

    async def _confirm(self, code: str, key: str | None = None) -> Answer | None:
        api, key = self.world.api, key or self._key()

        def call(key: str) -> Awaitable[Answer | None]:
            return api.confirm(self.line, self.no, code, key)

        answer = await self.insist(call, key)
        if self.strikes("calls_again"):
            await asyncio.sleep(self.rng.random() * AGAIN_WITHIN_S)
            await self.insist(call, key)
        if answer is not None and answer.status == 200:
            self.world.oracle.hearing.confirmed(self.no, code, answer)
            self.heard(answer)
        return answer

    async def _reuse(self, text: Text) -> None:
        """The same key with another code: refused, and without any effect."""
        key = self._key()
        first = await self._confirm(text.code, key)
        if first is None or first.status != 200:
            return  # refused: nothing is kept under the key
        again = await self.world.api.confirm(
            self.line, self.no, self.wrong(text.code), key, of_another=True
        )
        self.world.oracle.hearing.reused(again)

    async def _ask_again(self) -> None:
        api = self.world.api
        answer = await self.insist(lambda key: api.resend(self.line, self.no, key))
        if answer is not None and answer.retry_after_s and answer.status == 429:
            await asyncio.sleep(answer.retry_after_s)
            answer = await self.insist(lambda key: api.resend(self.line, self.no, key))
        if answer is not None and answer.status == 200:
            self.heard(answer)

    async def close(self) -> None:
        """Close the order, where it can be."""
        api = self.world.api
        answer = await self.insist(lambda key: api.close(self.line, self.no, key))
        if answer is not None and answer.status == 200:
            self.heard(answer)

    async def _revoke(self) -> None:
        """Part with the card that is paid with; others may pay with it as well."""
        api, oracle = self.world.api, self.world.oracle
        await asyncio.sleep(self.rng.random() * REVOKED_WITHIN_S)
        line, card_id = self.line, self._card_id
        answer = await self.insist(lambda _: api.revoke_card(line, card_id))
        if answer is not None and answer.status == 204:
            oracle.agreements.revoked(card_id)

    async def _reach_for_another(self) -> None:
        """A line that asks for an order which is not its own: there is none (I24)."""
        other = "tickets" if self.line == "shop" else "shop"
        answer = await self.world.api.get(other, self.no)
        self.world.oracle.hearing.strange(answer)
        answer = await self.world.api.confirm(other, self.no, "123456", self._key())
        self.world.oracle.hearing.strange(answer)

    async def insist(self, call: Call, key: str | None = None) -> Answer | None:
        """Call until there is an answer, under one key."""
        key = key or self._key()
        for _ in range(TRIES):
            answer = await call(key)
            if (
                answer is not None
                and answer.status < 500
                and answer.code != "idempotency_in_flight"
            ):
                return answer
            await asyncio.sleep(AGAIN_AFTER_S * (0.5 + self.rng.random()))
        self._unanswered[key] = call
        return None

    async def asks_what_was_not_answered(self) -> int:
        """All is calm: a call that never got an answer gets one now (F40); how many."""
        for key, call in list(self._unanswered.items()):
            for _ in range(PATIENT):
                answer = await self.insist(call, key)
                if answer is not None:
                    break
            self.world.oracle.holds(
                "I18", answer is not None, f"key {key} is never answered", self.no
            )
        return len(self._unanswered)

    # --- what he sees -----------------------------------------------------------------

    async def code(self, after: Text | None = None) -> Text | None:
        """The newest code that counts, as the answer says who sent it."""
        for _ in range(int(PATIENCE_S / LOOK_AT_PHONE_S)):
            texts = self.world.texts.get(self.no, [])
            ours = [text for text in texts if text.sent_by == "sms_centre"]
            found = ours or texts
            if found and found[-1] is not after:
                return found[-1]
            await asyncio.sleep(LOOK_AT_PHONE_S)
        return None

    def heard(self, answer: Answer) -> None:
        """What an answer says of his order."""
        said = answer.read()
        if said["biz_status"] != "DOING":
            self.ended = str(said["biz_status"])
        self.world.oracle.hearing.heard(said)

    # --- chance -----------------------------------------------------------------------

    def strikes(self, name: str) -> bool:
        """His own dice: what he does, others do not change."""
        if not self.world.faults.strikes(name, self.rng):
            return False
        self.world.note(None, "payer", name, self.no)
        return True

    def _key(self) -> str:
        self._serial += 1
        return f"{self.number}-{self._serial}"

    def plastic(self) -> Plastic:
        """A card to pay with."""
        cards = self.world.stage.cards
        line = "tickets" if self.strikes("no_quick_route") else "shop"
        kind = "good"
        if self.strikes("no_mandate"):
            kind = self.rng.choice(("no_mandate", "small_mandate"))
        elif self.strikes("magic_card"):
            kind = "magic"
        return self.rng.choice(
            [card for card in cards if card.line == line and card.kind == kind]
        )

    def coupon(self, line: str) -> CouponNo | None:
        """A coupon, perhaps one that others want as well."""
        coupons = self.world.stage.coupons[line]
        if self.strikes("shares_coupon"):
            return CouponNo(self.rng.choice(coupons[:2]))
        if self.rng.random() < 0.33:
            return CouponNo(coupons[2 + self.number % (len(coupons) - 2)])
        return None

    def wrong(self, code: str) -> str:
        """Another code than that."""
        return f"{(int(code) + 1 + self.rng.randrange(999_998)) % 1_000_000:06d}"

    def somebody_elses(self, code: str) -> str:
        """Another order's code; a made-up one where it is the same by chance."""
        others = [
            texts[-1].code for no, texts in self.world.texts.items() if no != self.no
        ]
        other = self.rng.choice(others) if others else self.wrong(code)
        return other if other != code else self.wrong(code)

"""Payers who sign a card at their bank before they pay with it, and part with it again.

They sign twice, the same card as others do, type wrong codes or none; the line revokes
the card or the payer ends it at the bank: while it is signed, while it is paid with, or
afterwards; and somebody orders once more under what was ended.
"""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from paycore.cards.service import NewCard
from paycore.core.agreements.rows import SigningRow
from paycore.core.agreements.service import Wish
from paycore.core.service import OpenRequest
from paycore.dev import seeds
from paycore.kernel.ids import signing_request
from paycore.kernel.terms import BizLineId, CardId, PayType
from paycore.prove.api import Answer
from paycore.prove.stage import Plastic, with_check_digit
from paycore.prove.strangers import Text

if TYPE_CHECKING:
    from paycore.prove.payers import Payer

LINE = "shop"
SHARED = 2
"""So many cards are what several payers sign."""

LOOKS = 12
LOOK_EVERY_S = 3.0
PATIENCE_S = 20.0

LONG_AFTER_S = 65.0
"""By then no charge is on its way that began before an end was known."""


class Customer:
    """One payer's card, from its signing to its end."""

    def __init__(self, payer: "Payer") -> None:
        self._payer, self._world, self._rng = payer, payer.world, payer.rng
        self._deduct = self._rng.random() < 0.7
        self._bank = self._rng.choice(
            ("deduct_a", "deduct_b") if self._deduct else ("quick_a", "quick_b")
        )
        self._card_id = self._phone = ""
        self.card: Plastic | None = None
        """Once it may be paid with."""
        self.deducts = self._deduct and self._rng.random() < 0.7
        """Whether it is paid with by a deduction; else a code comes first."""
        self._meanwhile: list[asyncio.Future[None]] = []

    # --- signing ----------------------------------------------------------------------

    async def sign(self) -> None:
        """Have the bank text a code, and type it."""
        payer, new, wish = self._payer, self._new_card(), self._wish()
        api = self._world.api

        def call(key: str) -> Awaitable[Answer | None]:
            return api.sign(new, wish, key)

        if payer.strikes("signs_twice"):
            both = await asyncio.gather(payer.insist(call), payer.insist(call))
            answers = list(both)
        else:
            answers = [await payer.insist(call)]
        good = [self._heard(a) for a in answers if a is not None and a.status == 201]
        if not good:
            return
        self._card_id = str(good[0]["card_id"])
        if payer.strikes("revokes_at_once"):
            self._soon(self._revoke(), within_s=8.0)
        if payer.strikes("leaves_unsigned"):
            return
        await self._confirm()
        await self._wait()
        self._perhaps_ends_meanwhile()

    async def _confirm(self) -> None:
        """The bank's code, after a wrong one perhaps, and perhaps twice at once."""
        payer, text = self._payer, await self._text()
        if text is None:
            return
        if payer.strikes("wrong_code"):
            await self._type(f"{(int(text.code) + 1) % 1_000_000:06d}")
        if payer.strikes("confirms_at_once"):
            await asyncio.gather(self._type(text.code), self._type(text.code))
        else:
            await self._type(text.code)

    async def _type(self, code: str) -> None:
        api, card_id = self._world.api, self._card_id
        answer = await self._payer.insist(
            lambda key: api.confirm_card(LINE, card_id, code, key)
        )
        if answer is not None and answer.status == 200:
            self._heard(answer)

    async def _text(self) -> Text | None:
        """What the bank texted, if it comes."""
        for _ in range(int(PATIENCE_S)):
            texts = self._world.texts.get(f"{self._row().signing_no}S")
            if texts:
                return texts[-1]
            await asyncio.sleep(1.0)
        return None

    async def _wait(self) -> None:
        """Until the card may be paid with, or never will."""
        for _ in range(LOOKS):
            answer = await self._world.api.card(LINE, self._card_id)
            if answer is not None and answer.status == 200:
                status = self._heard(answer)["status"]
                if status == "ACTIVE":
                    self.card = Plastic(
                        card_id=self._card_id,
                        line=LINE,
                        phone=self._phone,
                        kind="signed",
                    )
                if status != "PENDING":
                    return
            await asyncio.sleep(LOOK_EVERY_S * (0.5 + self._rng.random()))

    def _heard(self, answer: Answer) -> dict[str, Any]:
        said = dict(answer.read())
        self._world.oracle.agreements.heard(said)
        return said

    # --- ending it --------------------------------------------------------------------

    def _perhaps_ends_meanwhile(self) -> None:
        if self.card is None:
            return
        if self._payer.strikes("revokes_meanwhile"):
            self._soon(self._revoke(), within_s=20.0)
        if self._payer.strikes("ends_meanwhile"):
            self._soon(self._end_at_bank(), within_s=20.0)

    async def part(self) -> None:
        """End it, from whichever side, and order under it all the same."""
        await asyncio.gather(*self._meanwhile)
        if self.card is None:
            return
        ends = bool(self._meanwhile)
        if self._payer.strikes("revokes_after"):
            await self._revoke()
            ends = True
        if self._payer.strikes("ends_after"):
            await self._end_at_bank()
            ends = True
        if ends and self._payer.strikes("orders_after_end"):
            await asyncio.sleep(LONG_AFTER_S)
            await self._order_again()

    async def _revoke(self) -> None:
        api, card_id = self._world.api, self._card_id
        answer = await self._payer.insist(lambda _: api.revoke_card(LINE, card_id))
        if answer is not None and answer.status == 204:
            self._world.oracle.agreements.revoked(card_id)

    async def _end_at_bank(self) -> None:
        """The payer ends it there; nobody of ours has asked for that."""
        world, row = self._world, self._row()
        house, number = world.banks[self._bank], signing_request(row.signing_no, 1)
        if number in house.orders:
            told = house.end_agreement(number, world.now_ms())
            if told is not None:
                world.note(None, f"bank {self._bank}", "ended by payer", row.signing_no)
                world.network.couriers.tell_ended(house, told)

    async def _order_again(self) -> None:
        """An order under what is over: refused, or not paid."""
        number = f"order-{self._payer.number}-again"
        request = OpenRequest(
            biz_line=BizLineId(LINE),
            out_biz_no=number,
            biz_order_no=None,
            amount=600 + self._rng.randrange(5000),
            currency="CNY",
            card_id=CardId(self._card_id),
            subject="one more cup of tea",
            coupon_no=None,
            expires_in_s=60,
            pay_type=PayType.DEDUCT if self._deduct else PayType.QUICK_PAY,
        )
        world = self._world
        world.oracle.hearing.requests[number] = request
        opening = world.api.deduct if self._deduct else world.api.open
        answer = await self._payer.insist(lambda key: opening(request, key))
        if answer is not None and answer.status in (200, 201, 202):
            world.oracle.hearing.heard(answer.read())

    def _soon(self, work: Any, *, within_s: float) -> None:
        after = self._rng.random() * within_s

        async def later() -> None:
            await asyncio.sleep(after)
            await work

        self._meanwhile.append(asyncio.ensure_future(later()))

    # --- what it is -------------------------------------------------------------------

    def _row(self) -> SigningRow:
        return self._world.base.within(SigningRow, self._card_id)[-1]

    def _new_card(self) -> NewCard:
        number, bank = self._payer.number, "622203"
        if self._payer.strikes("shares_card"):
            number, bank = number % SHARED, "622208"
        self._phone = f"+86139{number:08d}"
        return NewCard(
            biz_line=BizLineId(LINE),
            number=with_check_digit(f"{bank}{number:09d}"),
            name="王五",
            id_no=seeds.ID_NO,
            phone=self._phone,
            bank="ICBC",
            card_kind="DEBIT",
        )

    def _wish(self) -> Wish:
        quick = Wish(
            pay_type=PayType.QUICK_PAY, channel=self._bank, account=seeds.ACCOUNT
        )
        if not self._deduct:
            return quick
        lasts = timedelta(days=30)
        if self._payer.strikes("short_term"):
            lasts = timedelta(seconds=60 + self._rng.randrange(180))
        return replace(
            quick,
            pay_type=PayType.DEDUCT,
            scope="tea by the month",
            single_limit=1_000_000,
            daily_limit=10_000_000,
            ends_at=self._world.database_now() + lasts,
        )

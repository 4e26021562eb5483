"""Payers who pay at a checkout: what they do with its pages, well and badly.

They go by what the page offers: choose a card or type one, type the codes that come to
their phones, wait where it says so. Now and then they do what pages invite: click
twice, have two tabs, go back, load again in the middle, leave and return, come at the
last moment; and strangers try addresses and cards that are not theirs.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from paycore.checkout.rows import CheckoutRow
from paycore.core.agreements.rows import SigningRow
from paycore.core.rows import OutBizNoRow
from paycore.dev import seeds
from paycore.prove.browser import OVER, Browser, Form, Page, Tab
from paycore.prove.checkouts import ENDS, Shop
from paycore.prove.stage import with_check_digit
from paycore.prove.strangers import Text

if TYPE_CHECKING:
    from paycore.prove.payers import Payer

STEPS = 30
"""Pages that somebody looks at before he gives up."""

SHARED = 2
"""So many cards are what several payers type."""

AGAIN_AFTER_S = 2.0
NO_PAGE_S = 3.0
THINKS_S = 4.0
AWAY_S = 25.0
PATIENCE_S = 20
ASKED_BEFORE_S = 1.5
LOOKS_AT_THE_END = 6
"""Before and after the moment in which a checkout expires."""
LONGEST_WAIT_S = 400.0
"""For the end of a checkout: longer than any is made for, by a clock that leaps."""


class Shopper:
    """One payer at his checkout."""

    def __init__(self, payer: "Payer") -> None:
        self._payer, self._world, self._rng = payer, payer.world, payer.rng
        self._shop = Shop(payer)
        self._browser: Browser | None = None
        self._types = False
        """Whether he means to type a card."""
        self._waited = False
        """He came at the end once; there is only one."""

    # --- from the shop and back -------------------------------------------------------

    async def pay(self) -> None:
        """From the shop to the page, and to whatever end."""
        shop, world = self._shop, self._world
        if not await shop.make():
            return
        number = self._payer.number
        self._browser = browser = Browser(
            world,
            shop.url,
            number=number,
            shown=lambda page, typed: world.oracle.checkouts.shown(shop, page, typed),
        )
        self._types = shop.signs
        asking = asyncio.ensure_future(shop.asks_now_and_then())
        tab = Tab()
        try:
            if self._strikes("comes_too_late"):
                await self._wait_for_the_end(late=True)
            await browser.load(tab)
            await self._visit(tab)
        finally:
            shop.over = True
            await asking
        self._learn(tab.page)
        if tab.page is not None and tab.page.over and tab.page.back:
            shop.came_back(tab.page.back)

    async def last_look(self) -> None:
        """All is calm: the page, its line and the order say the same."""
        shop, world = self._shop, self._world
        if self._browser is None:
            return
        page, said = await self._browser.load(Tab()), await shop.asks()
        payment = world.oracle.checkouts.payment(shop)
        no = payment.pay_order_no if payment is not None else ""
        world.oracle.holds("I4", page and said, "a checkout that cannot be read", no)
        if page is None or said is None or payment is None:
            return
        over = payment.biz_status.final and page.stage != "TAKEN"
        told = page.stage in ENDS and said["status"] == payment.biz_status.value
        world.oracle.holds("I4", not over or told, "over, and nobody is told", no)
        if page.status == 200 and page.stage != "TAKEN":
            world.oracle.checkouts.calm(page, payment)

    async def _visit(self, tab: Tab) -> None:
        """Page after page."""
        for _ in range(STEPS):
            page = tab.page
            if page is None or page.status != 200:
                await asyncio.sleep(NO_PAGE_S * (0.5 + self._rng.random()))
                await self._load(tab)
                continue
            if page.over:
                if self._strikes("goes_back"):
                    await self._go_back(tab)
                return
            if page.stage != "CHOOSE" and self._strikes("walks_away"):
                return
            if self._strikes("leaves_page"):
                await self._leave(tab, page)
                continue
            if not await self._step(tab, page):
                return

    async def _leave(self, tab: Tab, page: Page) -> None:
        """Back to the shop in the middle, and to the page again."""
        self._shop.came_back(page.back)
        await asyncio.sleep(self._rng.random() * AWAY_S)
        await self._load(tab)

    def _learn(self, page: Page | None) -> None:
        """Remember which payment it is, and what he was told of its end."""
        payer, number = self._payer, self._number()
        if number is None or self._world.oracle.checkouts.payment(self._shop) is None:
            return
        payer.no = number
        self._world.oracle.payers[number] = payer.number
        if page is not None and page.stage in ENDS:
            payer.ended = ENDS[page.stage].value

    # --- one page ---------------------------------------------------------------------

    async def _step(self, tab: Tab, page: Page) -> bool:
        """Do what the page is for; False: he gives up."""
        await asyncio.sleep(self._rng.random() * THINKS_S)
        self._learn(None)
        match page.stage:
            case "CHOOSE":
                return await self._choose(tab, page)
            case "SIGN_CODE":
                return await self._sign(tab, page)
            case "CODE":
                return await self._code(tab, page)
        wait_s = page.again_s or AGAIN_AFTER_S
        await asyncio.sleep(wait_s * (0.5 + self._rng.random()))
        await self._load(tab)
        return True

    async def _choose(self, tab: Tab, page: Page) -> bool:
        card, pay = page.forms.get("card"), page.forms.get("pay")
        if not self._waited and self._strikes("pays_at_the_end"):
            await self._wait_for_the_end(late=False)
        if pay is not None and self._strikes("card_of_another"):
            other = self._rng.choice(self._world.stage.cards).card_id
            await self._send(tab, pay, {"card": other})
            return True
        if self._strikes("tokens_guessed"):
            await self._guess_a_token()
        if card is not None and (self._types or pay is None):
            # One that comes to nothing is tried again with another card, or never.
            self._types = self._rng.random() < 0.5
            await self._do(tab, card, self._new_card())
            return True
        if pay is None:
            return False
        await self._do(tab, pay, {"card": self._rng.choice(pay.cards)})
        return True

    async def _sign(self, tab: Tab, page: Page) -> bool:
        """The code of the card's own bank."""
        form, other = page.forms["card-code"], page.forms["other"]
        text = await self._phone(f"{self._signing()}S")
        if text is None or self._strikes("leaves_unsigned"):
            await self._do(tab, other, {})
            return True
        if self._strikes("wrong_code"):
            await self._send(tab, form, {"code": self._payer.wrong(text.code)})
            form = _form(tab, "card-code") or form
        await self._do(tab, form, {"code": text.code}, beside=other)
        return True

    async def _code(self, tab: Tab, page: Page) -> bool:
        """The code that pays."""
        again, cancel = page.forms["code"], page.forms["cancel"]
        if self._strikes("closes"):
            await self._do(tab, cancel, {})
            return True
        if "confirm" not in page.forms:
            await self._do(tab, again, {})
            return True
        text = await self._phone(self._number() or "")
        if text is None or self._strikes("asks_again"):
            await self._do(tab, again, {})
            newer = await self._phone(self._number() or "", after=text)
            if newer is None and text is None:
                return self._rng.random() < 0.7
            if text is not None and newer is not None and self._strikes("old_code"):
                await self._type(tab, text.code)
            text = newer or text
        assert text is not None
        await self._misbehave(tab, text)
        form = _form(tab, "confirm")
        if form is not None:
            beside = _form(tab, self._rng.choice(("cancel", "code")))
            await self._do(tab, form, {"code": text.code}, beside=beside)
        return True

    async def _misbehave(self, tab: Tab, text: Text) -> None:
        """What comes before the right code."""
        payer = self._payer
        if self._strikes("wrong_code"):
            await self._type(tab, payer.wrong(text.code))
        if self._strikes("guesses"):
            for _ in range(self._world.settings.code_tries + 1):
                await self._type(tab, payer.wrong(text.code))
        if self._strikes("code_of_another"):
            await self._type(tab, payer.somebody_elses(text.code))
        if self._strikes("late_code"):
            await asyncio.sleep(self._world.settings.code_lifetime_s + 1)

    async def _type(self, tab: Tab, code: str) -> None:
        form = _form(tab, "confirm")
        if form is not None:
            await self._send(tab, form, {"code": code})

    # --- what pages invite ------------------------------------------------------------

    async def _do(
        self,
        tab: Tab,
        form: Form,
        typed: Mapping[str, str],
        *,
        beside: Form | None = None,
    ) -> None:
        """Send a form, once or as people do; `beside`: what another tab may do at the
        same moment.
        """
        if self._strikes("posts_from_elsewhere"):
            await self._post_from_elsewhere(form, typed)
        if self._strikes("clicks_twice"):
            send = self._send(tab, form, typed)
            await asyncio.gather(send, self._send(Tab(), form, typed))
        elif self._strikes("two_tabs"):
            await self._in_two_tabs(tab, form, typed)
        elif beside is not None and self._strikes("other_step"):
            send = self._send(tab, form, typed)
            await asyncio.gather(send, self._send(Tab(), beside, {}))
        elif self._strikes("reloads"):
            await asyncio.gather(self._send(Tab(), form, typed), self._load(tab))
        else:
            await self._send(tab, form, typed)
        if self._strikes("goes_back"):
            await self._go_back(tab)
        elif tab.page is None and self._rng.random() < 0.5:
            # "Send the form again?", asks a browser to which no page came.
            await self._send(tab, form, typed)

    async def _in_two_tabs(
        self, tab: Tab, form: Form, typed: Mapping[str, str]
    ) -> None:
        """The same step in another tab, with another card where one is chosen."""
        other = Tab()
        await self._load(other)
        same = _form(other, form.step)
        if same is None:
            await self._send(tab, form, typed)
            return
        if same.cards:
            elsewhere = {"card": self._rng.choice(same.cards)}
        else:
            elsewhere = self._new_card() if form.step == "card" else dict(typed)
        await asyncio.gather(
            self._send(tab, form, typed), self._send(other, same, elsewhere)
        )

    async def _go_back(self, tab: Tab) -> None:
        """The page before, as it was, and its form once more."""
        browser = self._at()
        page = browser.back(tab)
        if page is not None and page.forms:
            form = self._rng.choice(sorted(page.forms.values(), key=lambda f: f.step))
            card = {"card": form.cards[0]} if form.cards else {}
            await self._send(tab, form, card or {"code": "000000"})
        else:
            await self._load(tab)

    async def _post_from_elsewhere(self, form: Form, typed: Mapping[str, str]) -> None:
        """Another site's page sends a form of ours: refused."""
        page = await self._at().send(Tab(), form, typed, site="cross-site")
        refused = page is None or page.status in (403, 503)
        what = "a form of another site was taken"
        self._world.oracle.holds("I24", refused, what, self._payer.no)

    async def _guess_a_token(self) -> None:
        """One checkout's number with another one's secret is nobody's address."""
        shops = self._world.oracle.checkouts.shops.values()
        others = [one.url for one in shops if one is not self._shop]
        if not others:
            return
        own, other = self._at().path, self._rng.choice(others)
        before, _, _ = own.rpartition("_")
        _, _, secret = other.rpartition("_")
        page = await self._at().fetch(f"{before}_{secret}")
        lost = page is None or page.status in (404, 503)
        what = "an address that nobody was given"
        self._world.oracle.holds("I24", lost, what, self._payer.no)

    async def _wait_for_the_end(self, *, late: bool) -> None:
        """Until about the moment in which the checkout expires, or just after it."""
        self._waited, ends = True, self._shop.expires_at
        assert ends is not None, "it was made"
        left_s = (ends - self._world.database_now()).total_seconds()
        around_s = 1.0 + self._rng.random() * 5 if late else self._rng.random() - 0.7
        await asyncio.sleep(min(max(left_s - ASKED_BEFORE_S, 0.0), LONGEST_WAIT_S))
        self._world.spawn(self._ask_at_the_end())
        await asyncio.sleep(ASKED_BEFORE_S + around_s)

    async def _ask_at_the_end(self) -> None:
        """His line, and another tab, look at that very moment as well."""
        tab = Tab()
        for _ in range(LOOKS_AT_THE_END):
            await asyncio.sleep(self._rng.random() * 0.5)
            await self._shop.asks()
            await self._load(tab)

    # --- what he has at hand ----------------------------------------------------------

    async def _load(self, tab: Tab) -> None:
        await self._at().load(tab)

    async def _send(self, tab: Tab, form: Form, typed: Mapping[str, str]) -> None:
        self._world.note(None, "browser", form.step, self._payer.no)
        await self._at().send(tab, form, typed)

    def _at(self) -> Browser:
        assert self._browser is not None, "he is at the page"
        return self._browser

    def _strikes(self, name: str) -> bool:
        return self._payer.strikes(name)

    def _new_card(self) -> dict[str, str]:
        """A card as its payer types it: in groups, and without his country."""
        number, bank = self._payer.number, "622206"
        if self._strikes("shares_card"):
            number, bank = number % SHARED, "622207"
        elif self._rng.random() < 0.3:
            number += 1000  # another one of his
        plain = with_check_digit(f"{bank}{number:09d}")
        return {
            "number": " ".join(plain[at : at + 4] for at in range(0, len(plain), 4)),
            "name": "王五",
            "id_no": seeds.ID_NO,
            "phone": f"137{number:08d}",
        }

    def _number(self) -> str | None:
        """The payment that has the order's number, as his phone's texts name it."""
        row = self._world.base.load(OutBizNoRow, self._shop.line, self._shop.out_biz_no)
        return None if row is None else row.pay_order_no

    def _signing(self) -> str:
        """The signing of the card that he typed last."""
        base = self._world.base
        row = base.load(CheckoutRow, self._shop.checkout_no)
        assert row is not None, "he is at its page"
        cards = msgspec.json.decode(row.own_cards, type=list[str])
        signings = base.within(SigningRow, cards[-1]) if cards else []
        return signings[-1].signing_no if signings else ""

    async def _phone(self, no: str, after: Text | None = None) -> Text | None:
        """The newest code that counts, if one comes."""
        for _ in range(PATIENCE_S):
            texts = self._world.texts.get(no, [])
            ours = [text for text in texts if text.sent_by == "sms_centre"]
            found = ours or texts
            if found and found[-1] is not after:
                return found[-1]
            await asyncio.sleep(1.0)
        return None


def _form(tab: Tab, step: str) -> Form | None:
    """A form of the page that a tab shows now."""
    page = tab.page
    return None if page is None or page.stage in OVER else page.forms.get(step)

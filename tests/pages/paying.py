"""A shop that sends its payer to a checkout, and the payer's browser there."""

import asyncio
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import asyncpg
from browsing import Watched
from stack import SHOP, Payer, Stack, key

T = TypeVar("T")

SIGN = {"pay_type": "QUICK_PAY", "channel": "quick_a", "account": "main"}
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}

CODE_GAP_S = 4
"""Long enough that a page is drawn and looked at in it, on a busy machine too."""
WITHIN_S = 60.0
"""Only what never comes is waited for so long."""

NEW_CARD = {"number": "6222 0202 0011 2233 453", "name": "李雷"}


class Shop:
    """A business line's side of checkouts."""

    def __init__(self, stack: Stack, line: int = SHOP, **card: object) -> None:
        self.stack = stack
        self.payer: Payer = stack.payer(line, **card)

    def ask(self, **changes: object):
        """Make a checkout; the answer."""
        body = {
            "out_biz_no": f"c-{uuid.uuid4().hex[:12]}",
            "amount": 12800,
            "currency": "CNY",
            "subject": "龙井新茶 两盒",
            "card_ids": [self.payer.card_id],
            "return_url": "https://shop.example/done?cart=7",
            **changes,
        }
        body = {name: value for name, value in body.items() if value is not None}
        return self.payer.api.post("/v1/checkouts", json=body, headers=key())

    def made(self, **changes: object) -> dict[str, str]:
        """A checkout."""
        answer = self.ask(**changes)
        assert 201 == answer.status_code, answer.text
        return answer.json()

    def now(self, made: dict[str, str]) -> dict[str, object]:
        """A checkout as the line sees it."""
        return self.payer.api.get(f"/v1/checkouts/{made['checkout_no']}").json()

    def charges(self, made: dict[str, str]) -> list[dict[str, object]]:
        """The money that moved for it."""
        no = self.now(made)["pay_order_no"]
        return [] if no is None else self.stack.charges(no)

    def let_expire(self, made: dict[str, str]) -> None:
        """Its time is over: written past the guard, which lets nobody do so."""

        async def past() -> None:
            connection = await asyncpg.connect(self.stack.on.cluster.dsn)
            try:
                await connection.execute("SET session_replication_role = replica")
                await connection.execute(
                    "UPDATE checkout SET expires_at = created_at"
                    " WHERE checkout_no = $1",
                    made["checkout_no"],
                )
            finally:
                await connection.close()

        # The browser's driver has this thread's loop.
        with ThreadPoolExecutor(1) as apart:
            apart.submit(asyncio.run, past()).result()

    def codes(self, least: int = 1) -> list[str]:
        """The codes texted to the payer, once there are so many, newest last."""
        deadline = time.monotonic() + WITHIN_S
        while len(codes := self.payer.codes()) < least:
            assert time.monotonic() < deadline, codes
            time.sleep(0.1)
        return codes

    @property
    def newest(self) -> str:
        """The code that was texted last."""
        return self.codes()[-1]

    def a_wrong_one(self) -> str:
        """A code that is not the newest one."""
        return f"{(int(self.newest) + 1) % 10**6:06d}"


class Visit(Watched):
    """A payer's browser, and all that went wrong in it."""

    @property
    def stage(self) -> str:
        """Which page it is."""
        return self.page.locator("body").get_attribute("class").upper()

    def choose(self) -> None:
        """Take the card that is chosen, and have its code sent."""
        self.page.locator("form[action*='/pay'] button").click()

    def type(self, code: str) -> None:
        """Type a code and send it."""
        self.page.fill("#code", code)
        self.page.locator("form:has(#code) button").click()

    def until(self, stage: str, *, within_s: float = WITHIN_S) -> None:
        """Wait until it is this page, all of it."""
        self.page.wait_for_selector(f"body.{stage.lower()}", timeout=within_s * 1000)
        self.page.wait_for_load_state()

    def leave_by(self, button: str) -> None:
        """Click what leads to another page, and wait for that."""
        with self.page.expect_navigation():
            self.page.locator(button).click()

    def seen_whole(self, stage: str, look: Callable[[], T]) -> T:
        """What a look gives at a page that looks again by itself: once more where it
        was drawn anew meanwhile, which it is less and less often.
        """
        from playwright.sync_api import Error

        deadline = time.monotonic() + 2 * WITHIN_S
        while True:
            self.until(stage)
            try:
                return look()
            except Error as error:
                drawn_anew = "context was destroyed" in str(error)
                if not drawn_anew or time.monotonic() > deadline:
                    raise

    def back_address(self) -> str:
        """Where the way back leads."""
        return self.page.locator(".back a").get_attribute("href")

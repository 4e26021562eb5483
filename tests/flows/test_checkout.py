"""A checkout through what may strike: a node that dies with the payer waiting, a step
that broke off, a texting limit. Its page goes on from what stands, and pays once.
"""

import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlencode

import httpx2 as httpx
import pytest
from bank import Bank
from facts import BANKS_OF_LINE, QUICK_BANKS, agreed, paid_once, within_an_hour
from inside import inside
from sql import ask
from stack import PATIENCE_S, SHOP, TICKETS, Payer, Stack, key, stacked

from paycore.checkout import service as checkouts
from paycore.checkout.pages import LOOKS_AGAIN_S
from paycore.checkout.rows import CheckoutRow
from paycore.core.rows import RefundRow
from paycore.kernel.ids import late_refund_no
from paycore.kernel.terms import AttemptId

SLOW = "slow:2"
SETTLED_S = 90.0
CODES, TRIES = 2, 5
SIGN = {"pay_type": "QUICK_PAY", "channel": "quick_a", "account": "main"}
TYPED = {
    "number": "6222020200112233453",
    "name": "李雷",
    "id_no": "110101199003074178",
}


class Browser:
    """A payer's browser without script, at whichever node is left."""

    def __init__(self, payer: Payer, **changes: object) -> None:
        self.payer, self.stack = payer, payer.stack
        body = {
            "out_biz_no": f"c-{uuid.uuid4().hex}",
            "amount": 1250,
            "currency": "CNY",
            "subject": "两杯茶",
            "card_ids": [payer.card_id],
            "return_url": "https://shop.example/done",
            **changes,
        }
        answer = payer.api.post("/v1/checkouts", json=body, headers=key())
        assert 201 == answer.status_code, answer.text
        self.made = answer.json()
        self.path = httpx.URL(self.made["url"]).path
        self.at = 0

    def look(self) -> httpx.Response:
        """The page."""
        return httpx.get(
            f"{self._api}{self.path}", params={"lang": "en"}, timeout=PATIENCE_S
        )

    def send(self, step: str, **data: str) -> httpx.Response:
        """A form, as the page has it now."""
        seen = re.search(
            rf'{step}\?.*?name="seen" value="(\d*)"', self.look().text, re.DOTALL
        )
        form = {**({"seen": seen[1]} if seen else {}), **data}
        url = f"{self._api}{self.path}/{step}"
        # As browsers do, of a form without fields as well.
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        query = {"lang": "en"}
        body = urlencode(form)
        return httpx.post(
            url, params=query, content=body, headers=kind, timeout=PATIENCE_S
        )

    def told(self, answer: httpx.Response) -> str:
        """The page that a step's answer leads to."""
        url = f"{self._api}{answer.headers['location']}"
        return httpx.get(url, timeout=PATIENCE_S).text

    @property
    def _api(self) -> str:
        return self.stack.nodes[self.at].info.api

    @property
    def stage(self) -> str:
        """Which page it is."""
        return re.search(r'<body class="(\w+)"', self.look().text)[1].upper()

    def until(self, *stages: str, within_s: float = SETTLED_S) -> str:
        """Look until it is one of these pages."""
        deadline = time.monotonic() + within_s
        while (stage := self.stage) not in stages:
            assert time.monotonic() < deadline, stage
            time.sleep(0.2)
        return stage

    def now(self) -> dict[str, object]:
        """The checkout as its line sees it."""
        api = self.stack.client(SHOP)
        return api.get(f"/v1/checkouts/{self.made['checkout_no']}").json()


@pytest.fixture
def doomed(stack: Stack):
    """A node of its own, which will be killed; its place."""
    node = stack.start_node()
    yield len(stack.nodes) - 1
    if node.alive:
        node.kill()
    stack.nodes.remove(node)


def killed_during(browser: Browser, place: int, step: str, **data: str) -> None:
    """Let the node die while the bank, which has acted, is slow to say so."""
    browser.at = place

    def insist() -> None:
        with suppress(httpx.TransportError):
            browser.send(step, **data)

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(insist)
        browser.stack.has_struck()
        browser.stack.nodes[place].kill()
        asked.result()
    browser.at = 0


@pytest.mark.long
def test_its_node_dies_with_the_charge_under_way(stack, payer, doomed):
    """Another node's page waits with the payer, and says that it is paid: once."""
    browser = Browser(payer)
    browser.send("pay", card=payer.card_id)
    stack.fault("bank.quick_*.confirm", SLOW, count=1)
    killed_during(browser, doomed, "confirm", code=payer.codes()[-1])

    assert "<form" not in browser.look().text
    browser.until("PAID")
    paid_once(payer, browser.now()["pay_order_no"], at=QUICK_BANKS)


@pytest.mark.long
def test_its_node_dies_with_the_code_under_way(stack, payer, doomed):
    """The payment goes on elsewhere, under the same number; the newest code pays."""
    browser = Browser(payer)
    stack.fault("bank.quick_*.send_code", SLOW, count=1)
    killed_during(browser, doomed, "pay", card=payer.card_id)
    browser.until("CODE")
    deadline = time.monotonic() + SETTLED_S
    while browser.stage != "PAID":
        # More than one code may be out by now: only the newest is good.
        assert time.monotonic() < deadline
        browser.send("confirm", code=payer.codes()[-1])

    assert "SUCCESS" == browser.now()["status"]
    assert 1 == len(stack.charges(browser.now()["pay_order_no"]))


def test_a_step_that_broke_off_before_the_name_was_put_down(stack, payer):
    """The payment is found by the line's own number, and named again by who looks."""
    browser = Browser(payer)
    browser.send("pay", card=payer.card_id)
    no = browser.now()["pay_order_no"]
    ask(
        stack,
        "WITH past AS (SELECT set_config('session_replication_role', 'replica', true))"
        " UPDATE checkout SET pay_order_no = NULL, opened_at = NULL"
        " FROM past WHERE checkout_no = $1",
        browser.made["checkout_no"],
    )

    assert "CODE" == browser.stage
    assert no == browser.now()["pay_order_no"]
    browser.send("confirm", code=payer.codes()[-1])
    browser.until("PAID")
    paid_once(payer, no, at=QUICK_BANKS)


@pytest.mark.long
def test_a_page_that_waits_for_long_looks_less_often(stack, payer):
    """While nobody knows whether money was taken; and it is paid once in the end."""
    browser = Browser(payer)
    browser.send("pay", card=payer.card_id)
    stack.fault("bank.quick_*.confirm", "timeout_after")
    stack.fault("bank.quick_*.enquire", "http_500")
    browser.send("confirm", code=payer.codes()[-1])
    deadline = time.monotonic() + SETTLED_S
    while int(browser.look().headers["refresh"].partition(";")[0]) <= LOOKS_AGAIN_S:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    stack.no_faults()

    assert "PAID" == browser.until("PAID")
    paid_once(payer, browser.now()["pay_order_no"], at=QUICK_BANKS)


def test_a_line_without_a_quick_channel(converted_payer):
    """Our own code, by the same page: one charge at a deduct bank."""
    browser = Browser(converted_payer)
    browser.send("pay", card=converted_payer.card_id)
    browser.send("confirm", code=converted_payer.codes()[-1])
    api = converted_payer.api
    now = api.get(f"/v1/checkouts/{browser.made['checkout_no']}").json()

    browser.until("PAID")
    paid_once(converted_payer, now["pay_order_no"], at=BANKS_OF_LINE[TICKETS])


def test_a_code_that_cannot_be_sent_at_all(stack, payer):
    """Not paid, and said so; the order's number is used up with its payment."""
    stack.fault("bank.quick_*.send_code", "decline:WRONG_PHONE")
    browser = Browser(payer)
    browser.send("pay", card=payer.card_id)

    assert "FAILED" == browser.until("FAILED", "CODE")
    assert "Nothing was charged" in browser.look().text


@pytest.fixture
def of_quick_a(stack):
    """A payer whose quick bank is known."""
    return stack.payer(agreements=agreed("quick_a", "deduct_a"))


def take_unasked(browser: Browser) -> None:
    """The bank takes the money without our confirm, and tells us."""
    payer, no = browser.payer, browser.now()["pay_order_no"]
    payer.stack.fault("bank.quick_a.confirm", "duplicate_callback:1", count=1)
    code = payer.codes()[-1]
    Bank(payer.stack, "quick_a").confirm(payer, no, f"{no}01", code)


def said(browser: Browser, *, until: str) -> str:
    """The page, once it says this."""
    deadline = time.monotonic() + SETTLED_S
    while until not in (text := browser.look().text):
        assert time.monotonic() < deadline, text
        time.sleep(0.2)
    return text


@pytest.mark.parametrize(
    ("ends", "stage"), [(False, "CONFIRMING"), (True, "CLOSED")], ids=["open", "closed"]
)
def test_money_that_came_by_itself_goes_back(stack, of_quick_a, ends, stage):
    """No code pays that order any more, and nobody is told that nothing was charged: it
    was, and then it went back.
    """
    browser = Browser(of_quick_a)
    browser.send("pay", card=of_quick_a.card_id)
    if ends:
        browser.send("cancel")
        assert "Nothing was charged" in browser.look().text
    stack.fault("bank.quick_a.refund", "slow:2", count=1)
    take_unasked(browser)
    taken = said(browser, until="Your bank took the money, though")
    back = said(browser, until="has been sent back to the card")

    for page in (taken, back):
        assert "Nothing was charged" not in page
        assert 'name="code"' not in page
    assert stage == browser.stage


def test_money_that_its_bank_keeps_is_looked_into(stack, of_quick_a):
    """Late, and not given back: who paid is told that it was taken, to the end."""
    stack.fault("bank.quick_a.refund", "decline:CARD_LOST")
    browser = Browser(of_quick_a)
    browser.send("pay", card=of_quick_a.card_id)
    browser.send("cancel")
    take_unasked(browser)
    said(browser, until="Your bank took the money, though")
    no = browser.now()["pay_order_no"]

    def refused(node):
        return node.journal.load(RefundRow, no, late_refund_no(AttemptId(f"{no}01")))

    deadline = time.monotonic() + SETTLED_S
    while (row := inside(stack, refused)) is None or not row.status.final:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "FAIL" == row.status
    assert "Your bank took the money, though" in browser.look().text


def test_a_coupon_that_is_gone_by_then(payer, stack):
    """It was good when the checkout was made; the payer is told, and nothing opens."""
    coupon_no = stack.lines[SHOP].coupon_no
    browser = Browser(payer, coupon_no=coupon_no)
    paid = payer.open(coupon_no=coupon_no).json()["pay_order_no"]
    assert "SUCCESS" == payer.pays(paid)["biz_status"]
    answer = browser.send("pay", card=payer.card_id)

    assert answer.headers["location"].endswith("&say=coupon")
    assert "CHOOSE" == browser.stage


def test_a_stale_form_sends_no_text(payer):
    """A page from before the last code asks for another: nothing happens."""
    browser = Browser(payer)
    browser.send("pay", card=payer.card_id)
    stale = {"seen": "1"}
    url = f"{browser._api}{browser.path}/code"
    answers = [httpx.post(url, data=stale, timeout=PATIENCE_S) for _ in range(3)]

    assert {303} == {answer.status_code for answer in answers}
    assert 2 == len(payer.codes())


def test_an_order_whose_tries_are_used_up(converted_payer):
    """The payer is told so as he asks for one more code, and not to ask for another."""
    payer = converted_payer
    browser = Browser(payer)
    browser.send("pay", card=payer.card_id)
    for _ in range(CODES):
        for _ in range(TRIES):
            browser.send("confirm", code=f"{(int(payer.codes()[-1]) + 1) % 10**6:06d}")
        answer = browser.send("code")
    page = browser.told(answer)

    assert answer.headers["location"].endswith("&say=used")
    assert "tries are used up" in page
    assert "Ask for another" not in page
    assert CODES == len(payer.codes())


def test_two_tabs_with_two_cards(payer, stack):
    """The first card pays; the other tab is shown how things stand, and no more."""
    other = stack.payer()
    browser = Browser(payer, card_ids=[payer.card_id, other.card_id])
    url = f"{browser._api}{browser.path}/pay"
    cards = [payer.card_id, other.card_id] * 10

    with (
        httpx.Client(timeout=PATIENCE_S) as client,
        ThreadPoolExecutor(len(cards)) as tabs,
    ):
        answers = list(
            tabs.map(lambda one: client.post(url, data={"card": one}), cards)
        )
    browser.until("CODE")

    assert 1 == len([*payer.codes(), *other.codes()])
    assert [] == [one for one in answers if "say=" in one.headers["location"]]


@pytest.mark.long
def test_another_card_than_the_one_that_was_typed(payer):
    """A payer who mistyped his phone need not wait for its code to be over: the card is
    ended, and he enters it again or takes another.
    """
    browser = Browser(payer, sign=SIGN)
    wrong, right = (f"13{first}{payer.phone[-8:]}" for first in (1, 2))
    browser.send("card", **TYPED, phone=wrong)
    assert "SIGN_CODE" == browser.stage
    code = payer.stack.sms(f"+86{wrong}")[-1]["code"]
    browser.send("other")
    assert "CHOOSE" == browser.stage
    browser.send("card-code", seen="0", code=code)
    assert "CHOOSE" == browser.stage
    assert browser.now()["added_card_id"] is None
    deadline = time.monotonic() + SETTLED_S
    while browser.stage != "SIGN_CODE":
        # Its place is free once the bank has acknowledged the end.
        assert time.monotonic() < deadline
        browser.send("card", **TYPED, phone=right)
    browser.send("card-code", code=payer.stack.sms(f"+86{right}")[-1]["code"])
    assert "CODE" == browser.stage
    browser.send("confirm", code=payer.stack.sms(f"+86{right}")[-1]["code"])

    browser.until("PAID")
    assert 1 == len(payer.stack.charges(browser.now()["pay_order_no"]))


def test_a_card_is_added_and_paid_with_while_a_page_is_drawn(payer, stack):
    """A page that has read its checkout before its payer, in another tab, added the
    card that he pays with, shows the payment; nor is its line told that there is none.
    """
    browser = Browser(payer, card_ids=[], sign=SIGN)
    no = browser.made["checkout_no"]
    read = inside(stack, lambda node: node.journal.load(CheckoutRow, no))
    phone = f"131{payer.phone[-8:]}"
    browser.send("card", **{**TYPED, "number": numbered(phone)}, phone=phone)
    browser.send("card-code", code=payer.stack.sms(f"+86{phone}")[-1]["code"])
    assert "CODE" == browser.stage
    what = inside(stack, lambda node: checkouts.found(node, read))

    assert not what.taken
    assert browser.now()["pay_order_no"] == what.payment.row.pay_order_no


def test_the_other_card_button_ends_no_card_that_is_signed(payer):
    """A form from before the code was typed finds the payment, and does nothing."""
    browser = Browser(payer, sign=SIGN)
    phone = f"131{payer.phone[-8:]}"
    browser.send("card", **{**TYPED, "number": "6222020200112233461"}, phone=phone)
    browser.send("card-code", code=payer.stack.sms(f"+86{phone}")[-1]["code"])
    browser.send("other")

    assert "CODE" == browser.stage
    card_id = browser.now()["added_card_id"]
    assert "ACTIVE" == payer.api.get(f"/v1/cards/{card_id}").json()["status"]


def test_many_new_cards_at_once(payer):
    """One at a time: otherwise whoever has an address could try cards without end."""
    browser = Browser(payer, sign=SIGN, card_ids=[])
    phones = [f"15{payer.phone[-7:]}{more:02d}" for more in range(12)]
    url = f"{browser._api}{browser.path}/card"

    def add(phone: str) -> int:
        typed = {**TYPED, "number": numbered(phone), "phone": phone}
        return client.post(url, data=typed).status_code

    payer.stack.fault("bank.quick_*.sign", SLOW)
    with httpx.Client(timeout=PATIENCE_S) as client, ThreadPoolExecutor(12) as many:
        assert {303} == set(many.map(add, phones))
    texted = [one for one in phones if payer.stack.sms(f"+86{one}")]

    assert 1 == len(texted)
    assert "SIGN_CODE" == browser.stage


def numbered(phone: str) -> str:
    """A card number of its own for each phone."""
    body = f"62220202{phone[-7:]}000"
    digits = [int(one) for one in reversed(body)]
    odd = [sum(divmod(2 * one, 10)) for one in digits[::2]]
    return f"{body}{-sum((*odd, *digits[1::2])) % 10}"


@pytest.mark.long
def test_texts_are_counted_by_the_payers_address():
    """The second payer at one address is told to wait; his checkout stays as it was."""
    with stacked(code_by_bank_per_payer_hour=1) as stack:
        within_an_hour()
        first, second = Browser(stack.payer()), Browser(stack.payer())
        first.send("pay", card=first.payer.card_id)
        answer = second.send("pay", card=second.payer.card_id)

        assert answer.headers["location"].endswith("&say=wait")
        assert ("CODE", "CHOOSE") == (first.stage, second.stage)
        assert [] == second.payer.codes()

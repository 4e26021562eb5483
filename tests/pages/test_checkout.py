"""The payer's way, in a real browser: one order is paid once, whatever he clicks."""

from itertools import product

import pytest
from paying import CODE_GAP_S, DESKTOP, NEW_CARD, PHONE, SIGN, Shop
from playwright.sync_api import expect
from stack import TICKETS

LOOKED_AGAIN_S = 120.0
"""A bank is asked less and less often, and the page looks less often too."""
PASTES = ["clipboard-read", "clipboard-write"]

COPIED = (
    "{}",
    "验证码{}：您正用尾号4553的银行卡向示例商城支付128.00元，10分钟内有效。",
    "Code {} pays 128.00 CNY to Shop with your card ending in 4553. Tell nobody.",
    "{}是您支付128.00元的动态密码，卡尾号4553。",
    "Pay 12800 cents? Your code is {}.",
    "验证码已发送至尾号4553的卡:{}",
)
"""What people copy of a text: the code, or all of it, with its other numbers."""


STILL_TEXT = """() => {
  const main = document.querySelector('main').cloneNode(true);
  const again = main.querySelector('[data-wait]');
  again.textContent = again.dataset.again;
  return main.textContent;
}"""
"""What a page says, as if no countdown ran on it."""


def test_a_saved_card_pays(shop, open_page, axe, picture):
    """Choose, type the code, see that it is paid: one charge, and the way back."""
    made = shop.made()
    visit = open_page(made["url"], locale="zh-CN")

    assert "CHOOSE" == visit.stage
    assert "¥128.00" in visit.text
    assert [] == visit.serious(axe)
    picture(visit, "choose-zh")
    visit.choose()
    visit.until("CODE")
    expect(visit.page.locator("#code")).to_be_focused()
    assert [] == visit.serious(axe)
    picture(visit, "code-zh")
    visit.type(shop.newest)
    visit.until("PAID")
    assert [] == visit.serious(axe)
    picture(visit, "paid-zh")
    assert 1 == len(shop.charges(made))
    assert "SUCCESS" == shop.now(made)["status"]
    assert "status=SUCCESS" in visit.back_address()
    assert visit.back_address().startswith("https://shop.example/done?cart=7&")


def test_by_keyboard_alone(open_page, shop):
    """The button is reached by tabs, and the code is where one types already."""
    made = shop.made()
    visit = open_page(made["url"])
    pay = "document.activeElement.matches('form[action*=\"/pay?\"] button')"
    for _ in range(20):
        visit.page.keyboard.press("Tab")
        if visit.page.evaluate(pay):
            break
    visit.page.keyboard.press("Enter")
    visit.until("CODE")
    expect(visit.page.locator("#code")).to_be_focused()
    visit.page.keyboard.type(shop.newest)
    visit.page.keyboard.press("Enter")
    visit.until("PAID")

    assert 1 == len(shop.charges(made))


@pytest.mark.parametrize("copied", COPIED)
def test_a_code_is_pasted(open_page, shop, copied):
    """By the clipboard, with whatever stands around it, or in two halves."""
    made = shop.made()
    visit = open_page(made["url"], permissions=PASTES)
    visit.choose()
    visit.until("CODE")
    text = copied.format(shop.newest)
    visit.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    visit.page.locator("#code").press("Control+V")

    expect(visit.page.locator("#code")).to_have_value(shop.newest)
    visit.page.locator("#code").fill("")
    halves = f"{shop.newest[:3]} {shop.newest[3:]}"
    visit.page.evaluate("text => navigator.clipboard.writeText(text)", halves)
    visit.page.locator("#code").press("Control+V")
    expect(visit.page.locator("#code")).to_have_value(shop.newest)
    visit.page.keyboard.press("Enter")
    visit.until("PAID")
    assert 1 == len(shop.charges(made))


def test_the_payer_sees_nothing_of_a_conversion(stack, shop, open_page, picture):
    """With the quick bank down our own code pays, and the page says the same words."""
    plain, seen = shop.made(coupon_no=None), []
    for fault in (None, "http_500"):
        if fault:
            stack.fault("bank.quick_*.send_code", "refuse_connection")
        made = plain if fault is None else shop.made()
        visit = open_page(made["url"])
        visit.choose()
        visit.until("CODE")
        seen.append(visit.page.evaluate(STILL_TEXT))
        visit.type(shop.newest)
        visit.until("PAID")
        assert 1 == len(shop.charges(made))
    no = shop.now(made)["pay_order_no"]

    assert "DEDUCT" == shop.payer.get(no)["pay_type"]
    assert seen[0] == seen[1]


def test_a_line_without_a_quick_channel(stack, open_page, picture):
    """Deduct is sold as quick pay: the payer types one code, in English, with a wrong
    one before it, and is told how many tries are left.
    """
    shop = Shop(stack, TICKETS)
    made = shop.made(currency="USD", subject="Two tickets, row 7", locale="en")
    visit = open_page(made["url"])
    visit.choose()
    visit.until("CODE")
    visit.type(shop.a_wrong_one())
    visit.page.wait_for_selector("#problem")

    assert "Tries\u00a0left:\u00a04." in visit.text
    expect(visit.page.locator("#problem")).to_be_focused()
    picture(visit, "wrong-en")
    visit.type(shop.newest)
    visit.until("PAID")
    assert 1 == len(shop.charges(made))


def test_a_wrong_code_at_the_bank(shop, open_page):
    """The bank counts the tries of its own code: the page says only that it was wrong,
    and loading it again types nothing again.
    """
    made = shop.made()
    visit = open_page(made["url"])
    visit.choose()
    visit.until("CODE")
    visit.type(shop.a_wrong_one())
    visit.page.wait_for_selector("#problem")
    visit.page.wait_for_load_state()

    assert "That code is wrong." in visit.text
    assert "left" not in visit.text
    visit.page.reload()
    assert "CODE" == visit.stage
    visit.type(shop.newest)
    visit.until("PAID")


def test_another_code(shop, open_page):
    """It can be asked for after the gap, which is counted down; then the older one is
    no longer good.
    """
    made = shop.made()
    visit = open_page(made["url"])
    visit.choose()
    visit.until("CODE")
    says, disabled = visit.page.locator("[data-wait]").evaluate(
        "one => [one.textContent, one.disabled]"
    )
    older = shop.newest

    assert "Another code in" in says
    assert disabled
    visit.leave_by("[data-wait]")  # which waits until it may be clicked
    assert 2 == len(shop.codes(2))
    assert older != shop.newest
    visit.type(shop.newest)
    visit.until("PAID")


def test_a_new_card_is_signed_on_the_way(shop, open_page, axe, picture):
    """The payer types a card, its bank's code, then the payment's: paid with it, and
    nothing of the card is in an address or on a page.
    """
    made = shop.made(sign=SIGN, card_ids=None)
    visit = open_page(made["url"])
    phone = f"137{shop.payer.phone[-8:]}"
    typed = {**NEW_CARD, "id_no": "110101199003074178", "phone": phone}

    assert [] == visit.serious(axe)
    picture(visit, "new-card-en")
    for name, value in typed.items():
        visit.page.fill(f"#{name}", value)
    visit.page.locator("form[action*='/card?'] button").click()
    visit.until("SIGN_CODE")
    picture(visit, "sign-en")
    visit.type(shop.a_wrong_one())
    visit.page.wait_for_selector("#problem")
    visit.type(shop.newest)
    visit.until("CODE")
    assert "3453" in visit.text
    visit.type(shop.newest)
    visit.until("PAID")
    assert 1 == len(shop.charges(made))
    assert shop.now(made)["added_card_id"] not in (None, shop.payer.card_id)
    seen = visit.page.content() + visit.page.url
    secrets = (NEW_CARD["number"].replace(" ", ""), NEW_CARD["name"], phone)
    assert [] == [one for one in secrets if one in seen]


def test_what_is_wrong_with_a_card_is_said_at_its_field(shop, open_page, axe):
    """An error summary that has the focus and leads to the field; nothing is echoed."""
    visit = open_page(shop.made(sign=SIGN)["url"])
    visit.page.locator("summary").click()
    for name, value in {
        "number": "6222020200112233440",
        "name": "李雷",
        "id_no": "110101199003074178",
        "phone": "13712345678",
    }.items():
        visit.page.fill(f"#{name}", value)
    visit.page.locator("form[action*='/card?'] button").click()
    visit.page.wait_for_selector("#problem")
    visit.page.wait_for_load_state()

    expect(visit.page.locator("#problem")).to_be_focused()
    assert "6222" not in visit.page.content()
    assert "true" == visit.page.locator("#number").get_attribute("aria-invalid")
    assert visit.page.title().startswith("Please check")
    visit.page.locator("#problem a").click()
    expect(visit.page.locator("#number")).to_be_focused()
    assert [] == visit.serious(axe)


def test_an_expired_checkout(shop, open_page, axe, picture):
    """Nobody chose a card in time: there is nothing to pay with, and the way back; a
    tab of before does nothing any more.
    """
    made = shop.made()
    visit = open_page(made["url"])
    shop.let_expire(made)
    visit.choose()
    visit.until("EXPIRED")

    assert 0 == visit.page.locator("form").count()
    assert [] == visit.serious(axe)
    picture(visit, "expired-en")
    assert [] == shop.payer.codes()
    assert ("EXPIRED", None) == (
        shop.now(made)["status"],
        shop.now(made)["pay_order_no"],
    )
    assert "status=EXPIRED" in visit.back_address()


def test_given_up(shop, open_page, axe, picture):
    """Before money was asked for the payer may cancel: the payment is closed."""
    made = shop.made()
    visit = open_page(made["url"], locale="zh-CN")
    visit.choose()
    visit.until("CODE")
    cancel = visit.page.locator("form[action*='/cancel'] button")
    assert not cancel.is_visible()
    visit.page.locator(".cancel summary").click()
    picture(visit, "cancel-zh")
    cancel.click()
    visit.until("CLOSED")

    assert [] == visit.serious(axe)
    picture(visit, "closed-zh")
    assert "CLOSED" == shop.now(made)["status"]
    assert "status=CLOSED" in visit.back_address()


@pytest.mark.long
def test_an_unknown_result_is_waited_for(stack, shop, open_page, axe, picture):
    """While nobody knows there is nothing to click but the way back; the page looks
    again by itself until it is paid, once.
    """
    made = shop.made()
    visit = open_page(made["url"])
    visit.choose()
    visit.until("CODE")
    stack.fault("bank.quick_*.confirm", "timeout_after")
    stack.fault("bank.quick_*.enquire", "http_500")
    visit.type(shop.newest)
    visit.until("CONFIRMING")

    assert 0 == visit.page.locator("form").count()
    assert "do not pay again" in visit.text
    assert [] == visit.seen_whole("CONFIRMING", lambda: visit.serious(axe))
    visit.seen_whole("CONFIRMING", lambda: picture(visit, "confirming-en"))
    stack.no_faults()
    visit.until("PAID", within_s=LOOKED_AGAIN_S)
    assert 1 == len(shop.charges(made))


def test_a_declined_payment(shop, stack, open_page, axe, picture):
    """Not paid, in words that are the payer's, and nothing to try here any more."""
    made = shop.made()
    visit = open_page(made["url"])
    visit.choose()
    visit.until("CODE")
    stack.fault("bank.quick_*.confirm", "decline:INSUFFICIENT_FUNDS")
    visit.type(shop.newest)
    visit.until("FAILED")

    assert [] == visit.serious(axe)
    picture(visit, "failed-en")
    assert [] == shop.charges(made)
    assert "status=FAIL" in visit.back_address()


@pytest.mark.parametrize("script", [True, False])
def test_a_double_click_is_one(shop, open_page, script):
    """Each button, twice: one text, one charge."""
    made = shop.made()
    visit = open_page(made["url"], java_script_enabled=script)
    visit.page.locator("form[action*='/pay'] button").dblclick(no_wait_after=True)
    visit.until("CODE")
    visit.page.wait_for_load_state("networkidle")  # the second click's page too

    assert 1 == len(shop.codes())
    visit.page.fill("#code", shop.newest)
    visit.page.locator("form:has(#code) button").dblclick(no_wait_after=True)
    visit.until("PAID")
    assert 1 == len(shop.charges(made))


def test_the_back_button(shop, open_page):
    """Pages of the past show what is so now, and their forms do nothing again."""
    made = shop.made()
    visit = open_page(made["url"])
    visit.choose()
    visit.until("CODE")
    visit.page.go_back()
    visit.until("CODE")
    visit.type(shop.newest)
    visit.until("PAID")
    visit.page.go_back()
    visit.until("PAID")

    assert 1 == len(shop.charges(made))
    assert 1 == len(shop.payer.codes())


def test_two_tabs(shop, open_page):
    """Both stand at the choice, both go on: one payment, one text, and whoever is late
    sees that it is paid.
    """
    made = shop.made()
    visit = open_page(made["url"])
    other = visit.another()
    other.goto(made["url"])
    visit.choose()
    visit.until("CODE")
    other.locator("form[action*='/pay'] button").click()
    other.wait_for_selector("body.code")

    assert 1 == len(shop.payer.codes())
    other.fill("#code", shop.newest)
    visit.type(shop.newest)
    visit.until("PAID")
    other.locator("form:has(#code) button").click()
    other.wait_for_selector("body.paid")
    assert 1 == len(shop.charges(made))


@pytest.mark.long
def test_without_a_script(shop, stack, open_page):
    """Forms and headers alone: choose, wrong code, another code, unknown, paid."""
    made = shop.made()
    visit = open_page(made["url"], java_script_enabled=False)
    visit.choose()
    visit.until("CODE")
    visit.type(shop.a_wrong_one())
    visit.page.wait_for_selector("#problem")
    visit.page.wait_for_timeout(CODE_GAP_S * 1000)
    visit.leave_by("[data-wait]")
    stack.fault("bank.quick_*.confirm", "timeout_after")
    visit.type(shop.codes(2)[-1])
    visit.until("PAID", within_s=LOOKED_AGAIN_S)

    assert 1 == len(shop.charges(made))


@pytest.fixture(
    params=product(("zh-CN", "en-GB"), ("light", "dark"), (PHONE, DESKTOP)),
    ids=lambda how: f"{how[0]} {how[1]} {how[2]['width']}",
)
def how(request) -> dict[str, object]:
    """Language, light and window of a browser."""
    locale, scheme, size = request.param
    return {"locale": locale, "color_scheme": scheme, "viewport": size}


@pytest.mark.long
def test_every_look(look, axe, picture, how):
    """Both languages, light and dark, a phone and a desktop: nothing serious, nothing
    wider than the window, and a switch to the other language that stays.
    """
    visit = look(**how)
    html, language = visit.page.locator("html"), how["locale"][:2]
    said, other = ("zh-CN", "en") if language == "zh" else ("en", "zh-CN")
    window = "phone" if how["viewport"] is PHONE else "desktop"

    assert said == html.get_attribute("lang")
    assert [] == visit.serious(axe)
    picture(visit, f"{window}-{language}-{how['color_scheme']}")
    assert visit.page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    visit.leave_by("a.switch")
    visit.choose()
    visit.until("CODE")
    assert other == html.get_attribute("lang")
    assert [] == visit.serious(axe)

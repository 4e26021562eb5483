"""The operator's way through the console: logging in, each page, and what is done."""

import re
from itertools import product

import pyotp
import pytest
from playwright.sync_api import expect
from stack import TICKETS, Payer
from visiting import LOOKS

pytestmark = pytest.mark.long

CARD = "4111 1111 1111 1111"
TITLES = {
    "": ("Overview", "总览"),
    "payments": ("Payments", "支付单"),
    "payments/{no}": ("Payment", "支付单"),
    "operators": ("Operators", "操作员"),
    "audit": ("Audit log", "审计日志"),
    "password": ("Your password", "修改密码"),
}


@pytest.fixture
def paid(stack) -> str:
    """A payment that was converted, and paid."""
    return _paid(stack.payer(TICKETS))


def _paid(payer: Payer) -> str:
    no = payer.open().json()["pay_order_no"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    return no


@pytest.fixture
def opened(stack) -> str:
    """A payment whose payer has not typed a code yet."""
    return stack.payer().open().json()["pay_order_no"]


# In and out


def test_a_wrong_password_is_not_told_from_a_wrong_code(open_console, people):
    """What was wrong is not said; the right ones lead to the page that was wanted."""
    visit = open_console("payments?biz_status=SUCCESS")
    visit.type_in(people["viewer"], password="not this one at all")
    visit.shows("Name, password or code is wrong")
    visit.log_in(people["viewer"])

    assert "Payments" == visit.title
    assert "biz_status=SUCCESS" in visit.page.url
    visit.log_out()


def test_a_session_that_ended_leads_back_to_where_one_was(inside, people, opened):
    """Who is logged out elsewhere logs in again and goes on."""
    visit = inside("payments", role="approver")
    visit.context.clear_cookies()
    visit.page.get_by_role("link", name="Audit log").click()
    visit.shows("Your session ended")
    visit.log_in(people["approver"])

    assert "Audit log" == visit.title


# Each page


@pytest.mark.parametrize("seen", list(product(TITLES, LOOKS)), ids="-".join)
def test_every_page_can_be_read_by_everybody(inside, axe, paid, seen):
    """In both languages and colours, at a desk and on a phone: nothing serious is
    found, and no page must be pushed sideways.
    """
    path, look = seen
    visit = inside(path.format(no=paid), **LOOKS[look])
    visit.settle()

    assert visit.title.startswith(TITLES[path]["zh" in look])
    assert [] == visit.serious(axe)
    assert [] == visit.overflowing


def test_the_overview_is_live(inside, stack):
    """A payment shows within seconds, with nobody asking for it."""
    visit = inside()
    rescued = visit.page.locator(".tile", has_text="Rescued").locator(".tile-value")
    expect(rescued).to_have_text(re.compile(r"^\d+$"))
    # A node that was just started may not have counted all of the day yet.
    expect(visit.page.locator(".overview-today")).not_to_contain_text("Counted since")
    before = int(rescued.inner_text())
    _paid(stack.payer(TICKETS))

    expect(rescued).to_have_text(str(before + 1), timeout=60_000)


# Payments


def test_a_payment_is_found_by_any_number(inside, paid):
    """By its number from any page, and by filters that stand in the address."""
    visit = inside("audit")
    visit.page.keyboard.press("/")
    visit.page.keyboard.type(paid)
    visit.page.keyboard.press("Enter")
    visit.page.get_by_role("link", name=paid).wait_for()

    assert f"q={paid}" in visit.page.url
    visit.page.get_by_role("link", name=paid).click()
    visit.shows("Everything that happened")
    assert visit.title == f"Payment {paid}"


def test_a_card_number_goes_nowhere(inside):
    """Typed or pasted into a search it is in no address and in no request."""
    visit = inside("payments")
    for box in ("search.filters input", ".quick input"):
        visit.page.locator(box).first.fill(CARD)
        visit.page.keyboard.press("Enter")
        visit.shows("This looks like the whole number")
    visit.go(f"payments?q={CARD.replace(' ', '')}").in_console()
    visit.settle()
    beyond = [url for url in visit.asked if "/v1/" in url]

    assert not [url for url in beyond if "4111" in re.sub(r"\W", "", url)]


def test_filters_are_kept_under_a_name(inside, paid):
    """A view comes back by its name, whatever it is called."""
    visit = inside("payments?biz_status=SUCCESS&converted=true", role="operator")
    visit.page.get_by_role("button", name="Saved views").click()
    visit.page.get_by_role("button", name="Save these filters").click()
    visit.page.locator("#name").fill("挽救的 payments")
    visit.page.get_by_role("button", name="Save", exact=True).click()
    visit.page.locator("#name").wait_for(state="detached")
    visit.go("payments").in_console()
    visit.page.get_by_role("button", name="Saved views").click()
    visit.page.get_by_role("button", name="挽救的 payments", exact=True).click()

    visit.page.wait_for_url("**converted=true**")


def test_the_export_holds_what_the_filters_find(inside, paid):
    """The link exports as it is filtered."""
    visit = inside(f"payments?q={paid}")
    with visit.page.expect_download() as downloading:
        visit.page.get_by_role("link", name="CSV").click()
    lines = downloading.value.path().read_text(encoding="utf-8").splitlines()

    assert 2 == len(lines)
    assert lines[1].startswith(paid)


# One payment


def test_all_of_a_payment_is_on_one_axis(inside, paid):
    """Its commands, routes with candidates, messages, codes, postings and notices."""
    visit = inside(f"payments/{paid}")
    visit.page.locator(".step").first.wait_for()
    kinds = visit.page.locator(".kind").all_inner_texts()
    found = {re.sub(r"\d", "", kind).strip() for kind in kinds}

    assert {"Status", "Commands", "Routes", "Messages", "Codes", "Postings"} <= found
    route = visit.page.locator(".step", has_text="Routes").first
    route.locator("button").click()
    expect(route.locator(".candidates li").first).to_be_visible()
    expect(visit.page.locator(".leg")).to_have_count(3)


def test_an_act_says_what_it_does_asks_why_and_is_entered(inside, opened):
    """Closing: the consequence before it, the result after it, the entry for good."""
    visit = inside(f"payments/{opened}", role="operator")
    visit.page.get_by_role("button", name="Close the payment").click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text("nobody can pay it any more")
    dialog.get_by_role("button", name="Close the payment").click()
    expect(dialog).to_contain_text("Say why")
    dialog.get_by_role("textbox").fill("The shop took the order back")
    dialog.get_by_role("button", name="Close the payment").click()
    expect(dialog).to_contain_text("It is done")
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    expect(visit.page.locator(".head-about")).to_contain_text("Closed")
    visit.go(f"audit?subject={opened}").in_console()

    visit.shows("The shop took the order back")


def test_who_may_only_look_is_offered_nothing_else(inside, opened):
    """A viewer sees no act, and is told why; the API refuses by itself."""
    visit = inside(f"payments/{opened}", role="viewer")
    visit.shows("Your role may not do this.")

    assert 0 == visit.page.locator(".head-actions button").count()
    visit.go("operators").in_console()
    assert 0 == visit.page.get_by_role("button", name="Invite somebody").count()


# Operators


def test_an_invitation_is_shown_once_and_leads_in(inside, open_console, axe):
    """From the admin's dialog to the newcomer's authenticator."""
    visit = inside("operators")
    visit.page.get_by_role("button", name="Invite somebody").click()
    visit.page.locator("#name").fill("newcomer")
    visit.page.locator("#role").click()
    visit.page.keyboard.press("ArrowDown")
    visit.page.keyboard.press("Enter")
    visit.page.get_by_label("Why").fill("New at the desk")
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Invite somebody").click()
    link = visit.page.locator(".secret code").inner_text()
    visit.page.get_by_role("button", name="I have kept it").click()
    joining = open_console(f"enrol#{link.partition('#')[2]}")
    boxes = joining.page.locator("input[autocomplete=new-password]")
    boxes.first.wait_for()
    for box in boxes.all():
        box.fill("long enough to be one")
    joining.page.locator("button[type=submit]").click()
    joining.page.locator(".scan svg").wait_for()

    assert "#" not in joining.page.url
    assert [] == joining.serious(axe)
    totp = pyotp.TOTP(joining.page.locator(".secret code").inner_text())
    code = joining.page.locator("input[autocomplete=one-time-code]")
    code.fill(f"{(int(totp.now()) + 1) % 1_000_000:06}")
    joining.page.locator("button[type=submit]").click()
    joining.shows("Password or code is wrong")
    expect(code).to_have_value("")
    code.fill(totp.now())
    joining.page.locator("button[type=submit]").click()
    joining.shows("You are in")


# How it looks stays as it was chosen


def test_language_and_colours_are_kept(inside):
    """Chosen once, there at the next visit; the page says which language it is in."""
    visit = inside("payments")
    visit.page.get_by_role("button", name="中文").click()
    visit.page.get_by_role("button", name="深色模式").click()
    visit.go("payments").in_console()

    assert "支付单" == visit.title
    root = visit.page.locator("html")
    assert ("zh-CN", "dark") == (
        root.get_attribute("lang"),
        root.get_attribute("data-theme"),
    )

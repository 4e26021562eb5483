"""What stands on a page while it stays open: to its end, all of it, and never what
belongs to another question or to somebody who has left.
"""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect
from stack import TICKETS

pytestmark = pytest.mark.long

NO_ANSWER = "Failed to load resource: net::ERR_FAILED"
"""What the browser itself writes of an answer that did not come."""

GROWS = """() => {
  window.grew = false;
  new MutationObserver(() => {
    window.grew ||= document.querySelector('.ant-zoom-appear-active') !== null;
  }).observe(document.body, {attributes: true, childList: true, subtree: true});
}"""


def _read(visit, path: str) -> dict:
    """What the API says to who is logged in there."""
    answer = visit.page.request.get(f"{visit.ours}{path}")
    assert answer.ok, answer.text()
    return answer.json()


def _why(visit, why: str) -> object:
    """Say why in the dialog that is open, and do it."""
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_label("Why").fill(why)
    dialog.locator("button[type=submit]").click()
    return dialog


# Who has left


def test_who_logs_out_of_a_session_that_is_over_has_left(inside):
    """The API knows him no more, which is all that he wanted."""
    visit = inside("audit")
    # A read of the page's own that is answered first would end the session as well.
    visit.page.route("**/v1/**", lambda _: None)
    visit.context.clear_cookies()
    visit.log_out()

    expect(visit.page.locator(".frame")).to_have_count(0)


@pytest.mark.parametrize("answered", [True, False])
def test_nothing_stays_on_the_screen_of_who_went_away(inside, answered):
    """After half an hour, be the session over at the server too, or nobody there."""
    visit = inside("audit")
    visit.page.clock.install()
    visit.go("audit").in_console()
    visit.context.clear_cookies()
    if not answered:
        visit.page.route("**/console/session", lambda route: route.abort())
    visit.page.clock.fast_forward("31:00")

    visit.shows("Your session ended")
    expect(visit.page.locator(".frame")).to_have_count(0)
    if not answered:
        visit.forgive(NO_ANSWER)


# One payment


def test_a_payment_that_ends_while_one_looks_is_shown_to_its_end(inside, stack):
    """Its last change is on the axis, and its notice comes to be delivered."""
    payer = stack.payer(TICKETS)
    no = payer.open().json()["pay_order_no"]
    visit = inside(f"payments/{no}")
    visit.page.locator(".step").first.wait_for()
    stack.fault("biz.notice", "http_500", count=1)
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]

    axis = visit.page.locator(".axis")
    expect(axis).to_contain_text("Paid")
    expect(visit.page.locator(".payment-aside")).to_contain_text(
        "Delivered", timeout=120_000
    )
    expect(axis).to_contain_text("delivered")


def test_an_act_that_did_nothing_is_not_said_to_be_done(inside, stack):
    """A payment whose channel does not say what it knows is not closed."""
    no = stack.payer().open().json()["pay_order_no"]
    stack.fault("bank.quick_*.enquire", "http_500")
    visit = inside(f"payments/{no}", role="operator")
    visit.page.get_by_role("button", name="Close the payment").click()
    dialog = _why(visit, "The shop took it back")

    expect(dialog).to_contain_text("It was not done")
    expect(dialog).to_contain_text("its channel has to be asked first")
    expect(dialog).not_to_contain_text("It is done")


# Another question


def test_a_dialog_grows(inside):
    """For a fifth of a second, for who has not asked for anything else."""
    visit = inside("channels", reduced_motion="no-preference")
    _opens_a_dialog(visit)

    visit.page.wait_for_function("window.grew")


def test_who_wants_no_motion_sees_none(inside):
    """A dialog is there at once."""
    visit = inside("channels", reduced_motion="reduce")
    _opens_a_dialog(visit)
    visit.page.wait_for_timeout(500)

    assert not visit.page.evaluate("window.grew")


def _opens_a_dialog(visit) -> None:
    visit.page.evaluate(GROWS)
    visit.page.get_by_role("button", name="Switch off now").first.click()
    visit.page.get_by_role("dialog").get_by_label("Why").wait_for()


def test_no_days_figures_stand_under_another_day(inside):
    """Until the answer about the chosen day is there, nothing is. No day was cut off
    here yet, so that the figures of now are given as that day's.
    """
    visit = inside("books/trial-balance")
    visit.shows("Debits equal credits")
    held = []

    def hold(route) -> None:
        held.append(route)

    visit.page.route("**/trial-balance?day=*", hold)
    visit.page.get_by_label("At the end of").fill("2026-01-05")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url("**day=2026-01-05")
    visit.page.locator("main .ant-skeleton").first.wait_for()

    assert "Debits equal credits" not in visit.text
    assert 0 == visit.page.locator("main table").count()
    while not held:  # the browser has asked; its driver says so in a moment
        visit.page.wait_for_timeout(20)
    held.pop().fulfill(json=_read(visit, "/v1/console/books/trial-balance"))
    visit.shows("Debits equal credits")


@pytest.mark.parametrize(
    ("locale", "day", "partial"),
    [
        ("en-GB", "Today (UTC)", r"Counted since \d\d:\d\d UTC only"),
        ("zh-CN", "今日（UTC）", r"仅统计 UTC \d\d:\d\d 起的数据"),
    ],
)
def test_the_day_says_whose_it_is_and_since_when_it_is_counted(
    inside, locale, day, partial
):
    """It is UTC's; a node that was just started has not counted all of it yet, which
    takes a history that no test has: the answer is given a later beginning here.
    """
    visit = inside(locale=locale)
    today = visit.page.locator(".overview-today")
    expect(today).to_contain_text(day)
    expect(today).not_to_contain_text(re.compile(partial))

    def later(route) -> None:
        data = route.fetch().json()
        data["today"]["since"] = data["at"]
        route.fulfill(json=data)

    visit.page.route("**/v1/console/overview", later)
    expect(today).to_contain_text(re.compile(partial))
    visit.page.unroute_all(behavior="wait")


# All of a list


def _one_a_page(route) -> None:
    """Ask the API for pages of one."""
    if route.request.method != "GET":
        route.continue_()
        return
    url = urlsplit(route.request.url)
    asked = {**parse_qs(url.query), "limit": ["1"]}
    query = urlencode(asked, doseq=True)
    route.continue_(url=url._replace(query=query).geturl())


@pytest.mark.parametrize("kind", ["channels", "carriers"])
def test_every_place_can_be_reached_however_many_there_are(inside, kind):
    """Those of the second page, too, can be switched off."""
    visit = inside("payments")
    visit.page.route(f"**/v1/console/{kind}*", _one_a_page)
    there = _read(visit, f"/v1/console/{kind}?limit=100")["items"]
    visit.go("channels" if kind == "channels" else "channels/carriers")

    assert len(there) > 1
    cards = visit.page.locator(".place")
    expect(cards).to_have_count(len(there))
    expect(cards.get_by_role("button", name="Switch off now")).to_have_count(
        sum(one["enabled"] for one in there)
    )
    visit.page.unroute_all(behavior="wait")


def test_a_key_behind_others_can_be_revoked(inside):
    """However many there were before it."""
    visit = inside("lines")
    visit.page.route("**/v1/console/lines/tickets/keys*", _one_a_page)
    visit.page.locator("tr.ant-table-row", has_text="tickets").first.click()
    for label in ("first of them", "second of them"):
        visit.page.get_by_role("button", name="New key").click()
        visit.page.locator("#label").fill(label)
        _why(visit, "One more till")
        visit.page.get_by_role("button", name="I have kept it").click()
        expect(visit.page.get_by_role("dialog")).to_have_count(0)
    for label in ("first of them", "second of them"):
        row = visit.page.locator(".opened tr", has_text=label)
        row.get_by_role("button", name="Revoke").click()
        _why(visit, "The till is gone")
        expect(row).to_contain_text("Revoked")
        expect(visit.page.get_by_role("dialog")).to_have_count(0)
    visit.page.unroute_all(behavior="wait")


def test_what_a_carrier_costs_is_money(inside):
    """Millionths of a unit in the API, and units where people read them."""
    visit = inside("channels/carriers")
    (limit,) = _read(visit, "/v1/console/carriers")["items"][0]["limits"]
    used = visit.page.locator(".place").first.locator(".used")

    assert "spend" == limit["name"]
    expect(used).to_contain_text("Spent, in the currency it bills in")
    expect(used).to_contain_text(f"/ {limit['limit'] / 1e6:,.2f}")

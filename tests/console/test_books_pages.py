"""Books, notices, jobs and invariants in the console: looked at, and set going."""

import pytest
from casing import is_told
from playwright.sync_api import expect
from stack import TICKETS

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def paid(running) -> str:
    """A payment that is paid and that its line was told of."""
    payer = running.payer(TICKETS)
    no = payer.open().json()["pay_order_no"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    is_told(running, no)
    return no


def test_a_payment_is_in_the_books_and_they_add_up(inside, paid):
    """Its lines, its account, and the trial balance."""
    visit = inside(f"books/postings?pay_order_no={paid}")
    expect(visit.page.locator("tbody")).to_contain_text("merchant_pending:tickets")
    visit.page.get_by_role("link", name="Trial balance").click()
    visit.shows("Debits equal credits")
    visit.page.get_by_role("link", name="Balances").click()

    expect(visit.page.locator("tbody").first).to_be_visible()


def test_a_notice_is_sent_again(inside, stack, paid):
    """With its own id: the receiver gets it a second time."""
    visit = inside(f"notices?q={paid}", role="operator")
    visit.page.locator("tbody a[href*='/notices/msg_']").first.click()
    visit.page.get_by_role("button", name="Send again").click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text("same id")
    dialog.get_by_role("textbox").fill("The shop lost it")
    dialog.locator("button[type=submit]").click()
    expect(dialog).to_contain_text("It is under way")

    expect(visit.page.locator("main")).to_contain_text("Delivered", timeout=60_000)


def _a_range(page):
    """The dialog of a range, filled in and counted."""
    page.get_by_role("button", name="Replay a range").click()
    dialog = page.get_by_role("dialog")
    boxes = dialog.locator(".ant-picker-range input")
    for box, time in (
        (boxes.nth(0), "2026-01-01 00:00"),
        (boxes.nth(1), "2026-01-20 00:00"),
    ):
        box.fill(time)
        page.keyboard.press("Enter")
    dialog.get_by_label("Why").fill("They lost a day")
    dialog.get_by_role("button", name="Count them").click()
    return dialog


def _stays(visit) -> None:
    """The bar of long work is there after a reload, until somebody puts it away."""
    bar = visit.page.locator("main .ant-progress-status-success")
    expect(bar).to_be_visible(timeout=120_000)
    visit.page.reload()
    expect(bar).to_be_visible()
    assert "work=wk_" in visit.page.url
    visit.page.locator(".panel-extra button", has_text="Close").click()
    expect(bar).to_have_count(0)
    assert "work=" not in visit.page.url


def test_a_range_is_counted_before_it_is_sent(inside, paid):
    """How many is said first; where there is none, nothing can be sent."""
    visit = inside("notices", role="operator")
    dialog = _a_range(visit.page)

    expect(dialog).to_contain_text("Nothing was made in this time")
    expect(dialog.locator("button[type=submit]")).to_have_text("Count them")


def test_a_range_that_is_not_counted_to_the_end_can_be_sent(inside, paid):
    """That none was found so far does not say that there is none; how far it is stands
    in the page's address, beside its filters.
    """
    visit = inside("notices?state=DELIVERED", role="operator")
    counted = {"number": 0, "more": True, "work_id": None}
    visit.page.route(
        "**/notices/replays",
        lambda route: route.fulfill(status=201, json=counted),
        times=1,
    )
    dialog = _a_range(visit.page)
    expect(dialog).to_contain_text("there may be some")
    expect(dialog).to_contain_text("not counted to the end")
    dialog.get_by_role("button", name="Send them all again").click()
    dialog.wait_for(state="detached")

    assert "state=DELIVERED" in visit.page.url
    _stays(visit)
    assert "state=DELIVERED" in visit.page.url


def test_a_job_runs_and_says_how_far_it_is(inside):
    """Out of turn, with why; what came of it stands in the page."""
    visit = inside("jobs", role="operator")
    row = visit.page.locator("tr", has_text="channels").first
    row.get_by_role("button", name="Run now").click()
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("Cannot wait")
    dialog.locator("button[type=submit]").click()
    dialog.wait_for(state="detached")

    _stays(visit)


def test_an_audit_is_made_on_demand(inside, paid):
    """It goes on while one looks elsewhere, and says how far back it looks; nothing is
    violated.
    """
    visit = inside("invariants", role="operator")
    visit.page.get_by_role("button", name="Audit now").click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text("payments of the last 24 h")
    dialog.get_by_role("textbox").fill("Before the weekend")
    visit.page.locator(".dialog-foot button[type=submit]").click()

    success = visit.page.locator(".ant-progress-status-success")
    expect(success).to_be_visible(timeout=120_000)
    expect(visit.page.locator("tbody")).to_contain_text("Holds")
    _stays(visit)


def test_an_invariant_without_an_answer_is_not_green(inside):
    """The others hold, and of this one it is not known."""
    visit = inside("system")

    def one_without(route) -> None:
        answer = route.fetch()
        told = answer.json()
        for nth, one in enumerate(told["items"]):
            one["state"] = "HOLDS" if nth else "UNANSWERED"
        route.fulfill(response=answer, json=told)

    visit.page.route("**/v1/console/invariants", one_without)
    visit.go("invariants").in_console()
    verdict = visit.page.locator("main .ant-alert-warning")

    expect(verdict).to_contain_text("Without an answer: 1")
    expect(visit.page.locator("main .ant-alert-success")).to_have_count(0)
    visit.page.unroute_all(behavior="ignoreErrors")

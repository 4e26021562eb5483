"""Channels, routes, end points, lines and their keys: set up in the console."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.long

NO_ANSWER = "Failed to load resource: net::ERR_FAILED"
"""What the browser itself writes of an answer that did not come."""
REFUSED = "the server responded with a status of 409"
"""And of one that is a refusal."""


def _do(visit, why: str) -> None:
    """Say why in the dialog that is open, and do it; it closes by itself."""
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_label("Why").fill(why)
    dialog.locator("button[type=submit]").click()
    dialog.wait_for(state="detached")


def test_an_account_is_switched_off_and_on(inside):
    """At once, with what happens said before; on again by who may configure."""
    visit = inside("channels")
    card = visit.page.get_by_label("quick_b / main")
    card.get_by_role("button", name="Switch off now").click()
    expect(visit.page.get_by_role("dialog")).to_contain_text("no route leads to")
    _do(visit, "Their night")
    expect(card.locator(".place-head")).to_contain_text("Switched off")
    card.get_by_role("button", name="Switch on").click()
    _do(visit, "Their morning")

    expect(card.locator(".place-head")).to_contain_text("On")


def test_a_window_is_planned_and_ended(inside):
    """From its card, with why and by whom."""
    visit = inside("channels")
    card = visit.page.get_by_label("quick_b / main")
    card.get_by_role("button", name="Plan a window").click()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for box, hour in (("#from", 1), ("#to", 2)):
        visit.page.locator(box).fill(f"{tomorrow:%Y-%m-%d} 0{hour}:00")
        visit.page.keyboard.press("Enter")
    _do(visit, "A new certificate")
    planned = card.locator(".planned")
    expect(planned).to_contain_text("A new certificate · by admin")
    planned.get_by_role("button", name="End now").click()
    _do(visit, "They have it already")

    expect(planned).to_have_count(0)


def test_an_account_is_checked(inside):
    """It says what it found, and asks for no reason: nothing is changed."""
    visit = inside("channels", role="operator")
    card = visit.page.get_by_label("quick_a / main")
    card.get_by_role("button", name="Check").click()

    expect(card.locator(".place-looked")).to_be_visible()


def test_rules_are_drafted_tried_published_and_rolled_back(inside):
    """What is wrong is shown as it is written; what changes is shown before it does."""
    visit = inside("routes")
    page = visit.page
    page.get_by_role("button", name="Edit rules").click()
    page.get_by_role("button", name="Add a rule").click()
    page.locator("#rule_id").fill("big-ones")
    page.locator("#title").fill("Large amounts")
    page.locator("#condition").fill("colour == 'red'")
    page.locator("#channel").fill("quick_a")
    page.get_by_role("button", name="Into the draft").click()
    expect(page.locator(".rule-wrong")).to_contain_text("colour")
    publish = page.get_by_role("button", name="Publish")
    expect(publish).to_have_attribute("aria-disabled", "true")
    page.locator("tr", has_text="big-ones").get_by_role("button", name="Change").click()
    page.locator("#condition").fill("amount > 500000")
    page.get_by_role("button", name="Into the draft").click()
    visit.shows("All rules are fine")
    publish.click()
    expect(page.get_by_role("dialog").locator("ins").first).to_be_visible()
    _do(visit, "Large amounts to one bank")
    expect(page.locator(".head-about")).to_contain_text("Version")
    expect(page.locator(".rules").first).to_contain_text("amount > 500000")

    page.get_by_role("link", name="Try one").click()
    page.locator("#biz_line").fill("shop")
    page.get_by_role("button", name="Try it").click()
    visit.shows("It goes to")

    page.get_by_role("link", name="Versions").click()
    page.locator("tr.ant-table-row").first.click()
    expect(page.locator(".diff")).to_contain_text("big-ones")


def test_a_secret_is_shown_once(inside):
    """And only closed by who says that it is kept; the audit log has no word of it."""
    visit = inside("notices/endpoints")
    visit.page.get_by_role("button", name="New secret").first.click()
    visit.page.get_by_role("dialog").get_by_label("Why").fill("Yearly")
    visit.page.locator(".dialog-foot button[type=submit]").click()
    secret = visit.page.locator(".secret code").inner_text()
    visit.page.get_by_role("button", name="I have kept it").click()
    visit.go("audit").in_console()
    visit.settle()

    assert secret.startswith("whsec_")
    assert secret not in visit.page.content()


def test_a_key_is_made_and_revoked(inside):
    """Shown once; revoked with what that means said before."""
    visit = inside("lines")
    visit.page.locator("tr.ant-table-row", has_text="tickets").first.click()
    visit.page.get_by_role("button", name="New key").click()
    visit.page.locator("#label").fill("a till of ours")
    visit.page.get_by_role("dialog").get_by_label("Why").fill("A new till")
    visit.page.locator(".dialog-foot button[type=submit]").click()
    visit.page.locator(".secret code").wait_for()
    visit.page.get_by_role("button", name="I have kept it").click()
    row = visit.page.locator(".opened tr", has_text="a till of ours").first
    row.get_by_role("button", name="Revoke").click()
    expect(visit.page.get_by_role("dialog")).to_contain_text("cannot be undone")
    _do(visit, "The till is gone")

    expect(row).to_contain_text("Revoked")


def _ask_for_a_key(visit, label: str) -> None:
    """Fill in and send the dialog of a line's new key."""
    visit.page.get_by_role("button", name="New key").click()
    visit.page.locator("#label").fill(label)
    visit.page.get_by_role("dialog").get_by_label("Why").fill("A second till")
    visit.page.locator(".dialog-foot button[type=submit]").click()


def test_an_act_whose_answer_never_came_is_done_once(inside):
    """Also where the dialog was closed meanwhile; once it is answered, the same once
    more is another act.
    """
    visit = inside("lines")
    page = visit.page
    page.locator("tr.ant-table-row", has_text="tickets").first.click()
    rows = page.locator(".opened tr", has_text="lost on its way")

    def done_and_lost(route) -> None:
        assert route.fetch().ok
        route.abort()

    page.route("**/keys", done_and_lost, times=1)
    _ask_for_a_key(visit, "lost on its way")
    visit.shows("NO_ANSWER")
    page.locator(".dialog-foot button", has_text="Cancel").click()
    page.get_by_role("dialog").wait_for(state="detached")
    expect(rows).to_have_count(1)
    visit.forgive(NO_ANSWER)

    with page.expect_response("**/keys") as again:
        _ask_for_a_key(visit, "lost on its way")
    assert 409 == again.value.status
    visit.shows("SHOWN_ONCE")
    expect(rows).to_have_count(1)
    page.locator(".dialog-foot button", has_text="Cancel").click()
    page.get_by_role("dialog").wait_for(state="detached")
    visit.forgive(REFUSED)

    _ask_for_a_key(visit, "lost on its way")
    page.locator(".secret code").wait_for()
    page.get_by_role("button", name="I have kept it").click()
    expect(rows).to_have_count(2)

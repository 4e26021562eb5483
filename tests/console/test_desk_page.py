"""The exception desk in the console: a cure by preview, a second person, and result."""

import re

import pytest
from casing import a_case
from playwright.sync_api import expect
from stack import TICKETS

pytestmark = pytest.mark.long


@pytest.fixture
def opened(stack) -> str:
    """A payment whose payer has not typed a code yet."""
    return stack.payer().open().json()["pay_order_no"]


@pytest.fixture
def unknown(stack) -> str:
    """A payment of which its bank says nothing."""
    payer = stack.payer(TICKETS)
    stack.fault("bank.deduct_*.deduct", "timeout_before")
    stack.fault("bank.deduct_*.enquire", "http_500")
    no = payer.open().json()["pay_order_no"]
    assert "DOING" == payer.confirm(no).json()["biz_status"]
    return no


def said(visit, why: str) -> None:
    """Say why in the dialog that is open, and do it."""
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(why)
    dialog.locator("button[type=submit]").click()
    dialog.wait_for(state="detached")


def test_a_case_is_found_taken_and_closed_with_a_note(inside, stack, opened):
    """From the list of its kind to its last step, each with who did it."""
    ref = a_case(stack, opened)
    visit = inside(f"desk?kind=CONTRADICTION&pay_order_no={opened}", role="operator")
    visit.page.locator(f"a[href$='{ref}']").click()
    visit.page.get_by_role("button", name="Take it").click()
    visit.page.get_by_role("dialog").get_by_role("textbox").fill("My shift")
    visit.page.locator(".dialog-foot button[type=submit]").click()
    # Until it is answered there is another button of that name, which only leaves.
    expect(visit.page.get_by_role("dialog")).to_contain_text("It is done")
    visit.page.get_by_role("button", name="Close", exact=True).last.click()
    visit.page.get_by_role("button", name="Preview").first.click()
    expect(visit.page.get_by_role("dialog")).to_contain_text("Nothing is done yet")
    said(visit, "Settled by phone")
    expect(visit.page.locator(".does")).to_contain_text("Settled by phone")
    visit.page.get_by_role("button", name="Execute", exact=True).click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text("if it is still so")
    dialog.locator("button[type=submit]").click()

    expect(visit.page.locator(".head-about")).to_contain_text("Closed")
    for step in ("took it", "previewed", "executed"):
        expect(visit.page.locator(".steps")).to_contain_text(step)


def test_a_state_is_forced_by_two(inside, stack, unknown):
    """Whoever previewed it cannot approve it, and it waits for who can."""
    ref = a_case(stack, unknown, kind="UNKNOWN_TOO_LONG", amount=1250, currency="CNY")
    first = inside(f"desk/{ref}", role="approver")
    row = first.page.locator(".cures li", has_text="no money taken")
    row.get_by_role("button", name="Preview").click()
    said(first, "The bank's own list")
    approve = first.page.get_by_role("button", name="Approve", exact=True)
    execute = first.page.get_by_role("button", name="Execute", exact=True)

    expect(approve).to_have_attribute("aria-disabled", "true")
    expect(approve).to_have_attribute(
        "aria-description", re.compile("the second person is another")
    )
    expect(execute).to_have_attribute("aria-disabled", "true")
    in_chinese = inside(f"desk/{ref}", locale="zh-CN")
    expect(in_chinese.page.locator(".does")).to_contain_text("未扣款，支付置为失败")
    second = inside(f"desk/{ref}")
    expect(second.page.locator(".does")).to_contain_text("written down as not taken")
    second.page.get_by_role("button", name="Approve", exact=True).click()
    said(second, "Seen it too")
    expect(second.page.locator(".cure-steps")).to_contain_text("admin")
    expect(execute).to_have_attribute("aria-disabled", "false", timeout=60_000)


def test_what_awaits_a_code_is_no_unknown_result(inside, opened, unknown):
    """The page has what the overview counts: money that was asked for; refunds too."""
    visit = inside("desk/unknown", role="viewer")
    visit.page.get_by_role("link", name=unknown).wait_for()

    visit.shows("The result of every refund is known.")
    assert 0 == visit.page.get_by_role("link", name=opened).count()


def test_an_unknown_result_is_asked_after_at_once(inside, unknown):
    """With what it does said before, and what came of it after."""
    visit = inside(f"desk/unknown?q={unknown}", role="operator")
    visit.page.get_by_role("button", name="Ask now").click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nothing is charged")
    dialog.get_by_role("textbox").fill("The payer calls")
    dialog.locator("button[type=submit]").click()

    expect(dialog).to_contain_text("It is under way")

"""Each role at each page: none breaks, and what a role may not do is not there, or off.

Which right an act takes is asked of the API's routes, not of the console.
"""

import os
import time

import pytest
from casing import a_case, a_preview, is_told
from refunding import refund
from stack import TICKETS
from visiting import PROBLEM, Visit, every_page

from paycore.api.application import routes
from paycore.operators.roles import ALLOWS, May, Role

MAY = {route.call.name: route.call.may for route in routes()}

ACTS = {
    ("payments/:no", "Tell the line again"): "notifyConsolePayment",
    ("payments/:no, open", "Close the payment"): "closeConsolePayment",
    ("payments/:no, unknown", "Ask the channel"): "enquireConsolePayment",
    ("desk/unknown", "Ask now"): "enquireConsolePayment",
    ("desk/:ref", "Take it"): "takeCase",
    ("desk/:ref", "Preview"): "previewCure",
    ("desk/:ref, previewed", "Take it"): "takeCase",
    ("desk/:ref, previewed", "Choose another cure"): "previewCure",
    ("desk/:ref, previewed", "Approve"): "approveCure",
    ("desk/:ref, previewed", "Execute"): "executeCure",
    ("notices", "Replay a range"): "replayNotices",
    ("notices/:id", "Send again"): "replayNotice",
    ("notices/endpoints", "New secret"): "rotateSecret",
    ("notices/endpoints", "Switch off"): "switchEndpoint",
    ("notices/endpoints", "Switch on"): "switchEndpoint",
    ("channels", "Switch off now"): "switchChannel",
    ("channels", "Switch on"): "switchChannel",
    ("channels", "Plan a window"): "openWindow",
    ("channels", "End now"): "endWindow",
    ("channels", "Check"): "checkChannel",
    ("channels/carriers", "Switch off now"): "switchCarrier",
    ("channels/carriers", "Switch on"): "switchCarrier",
    ("channels/carriers", "Check"): "checkCarrier",
    ("routes", "Edit rules"): "publishRoutes",
    ("routes/versions", "Roll back to it"): "rollBackRoutes",
    ("lines", "New key"): "makeKey",
    ("lines", "Revoke"): "revokeKey",
    ("jobs", "Run now"): "runJob",
    ("invariants", "Audit now"): "runInvariants",
    ("operators", "Invite somebody"): "inviteOperator",
    ("operators", "New invitation"): "inviteOperatorAgain",
    ("operators", "Revoke"): "revokeOperator",
}
"""Which call a page's button makes."""

TAKES_MORE = {
    ("channels", "Switch on"): May.CONFIGURE,
    ("channels/carriers", "Switch on"): May.CONFIGURE,
}
"""Where a call takes more of some requests than its route says."""

NOT_ALWAYS = {
    ("channels", "Switch on"),
    ("channels/carriers", "Switch on"),
}
"""What is there only where something was switched off."""

OPENS = {"lines": 0, "routes/versions": -1}
"""Where acts are in a row, which one to open."""

DRAWN_WITHIN_S = 20.0

FEW = ("payments/:no", "desk/:ref", "desk/:ref, previewed", "channels", "operators")
"""Without PAYCORE_PAGES only these are opened."""

BUTTONS = """() => [...document.querySelectorAll('main button')].map((one) => ({
  says: one.innerText.trim(), needs: one.dataset.needs ?? null,
  off: one.disabled || one.getAttribute('aria-disabled') === 'true',
}))"""


def needed(page: str, says: str) -> May:
    """The right that an act takes."""
    return TAKES_MORE.get((page, says), MAY[ACTS[page, says]])


def test_every_act_of_the_routes_has_its_button_here():
    """Whoever adds a call that takes a right says where it is done."""
    acts = {name for name, may in MAY.items() if may not in (None, May.READ)}

    assert acts == set(ACTS.values())
    assert {page.split(",")[0] for page, _ in ACTS} <= set(every_page())
    assert set(TAKES_MORE) | NOT_ALWAYS <= set(ACTS)


@pytest.fixture
def about(stack) -> dict[str, str]:
    """Every page by its path, with one of what it is about put in: a payment that was
    refunded, one that is open, one of which its bank says nothing, two cases.
    """
    payer = stack.payer(TICKETS)
    paid, standing, unknown = (
        payer.open().json()["pay_order_no"],
        stack.payer(TICKETS).open().json()["pay_order_no"],
        stack.payer(TICKETS),
    )
    assert "SUCCESS" == payer.confirm(paid).json()["biz_status"]
    is_told(stack, paid)
    refunded = refund(payer, paid, 100).json()["refund_no"]
    stack.fault("bank.deduct_*.deduct", "timeout_before")
    stack.fault("bank.deduct_*.enquire", "http_500")
    lost = unknown.open().json()["pay_order_no"]
    assert "DOING" == unknown.confirm(lost).json()["biz_status"]
    forced = a_case(stack, lost, kind="UNKNOWN_TOO_LONG", amount=1250, currency="CNY")
    a_preview(stack, forced, "FORCE_NOT_TAKEN")
    put = {
        "payments/:no": f"payments/{paid}",
        "payments/:no, open": f"payments/{standing}",
        "payments/:no, unknown": f"payments/{lost}",
        "refunds/:no": f"refunds/{refunded}",
        "notices/:id": f"notices?q={paid}",
        "desk/:ref": f"desk/{a_case(stack, paid)}",
        "desk/:ref, previewed": f"desk/{forced}",
    }
    return {**{page: page for page in every_page() if ":" not in page}, **put}


def opened(visit: Visit, page: str, path: str) -> None:
    """Go there, and wait until all that it is about is shown."""
    visit.go(path).in_console()
    visit.page.wait_for_load_state("networkidle")
    visit.settle()
    if page == "notices/:id":
        visit.page.locator("tbody a[href*='/notices/msg_']").first.click()
        visit.page.locator("main .facts").first.wait_for()
        visit.settle()
    if page == "desk/unknown":
        visit.page.get_by_role("button", name="Ask now").first.wait_for()
    rows = visit.page.locator("main tr.ant-table-row")
    if page in OPENS and rows.count():
        rows.nth(OPENS[page]).click()
        visit.page.locator("main .ant-table-expanded-row").first.wait_for()
        visit.settle()


def wrong_in(visit: Visit, page: str, role: Role) -> list[str]:
    """What is not as it must be in the page that is open, for who has a role."""
    found = visit.page.evaluate(BUTTONS)
    wrong = visit.page.locator(PROBLEM).all_inner_texts()
    for one in found:
        says, needs = one["says"], one["needs"]
        if (page, says) not in ACTS:
            wrong += [f"{says}: nobody says which call it is"] if needs else []
            continue
        if needs not in (None, needed(page, says)):
            wrong.append(f"{says}: is offered to who may {needs}")
        if not one["off"] and needed(page, says) not in ALLOWS[role]:
            wrong.append(f"{says}: can be done")
    there = {one["says"] for one in found}
    wrong += [
        f"{says}: is not there"
        for of, says in ACTS
        if of == page and (of, says) not in NOT_ALWAYS
        if needed(of, says) in ALLOWS[role] and says not in there
    ]
    return wrong


@pytest.mark.long
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.APPROVER, Role.VIEWER])
def test_a_role_opens_every_page_and_can_do_what_it_may(inside, about, role):
    """No page breaks; what the role may not do is not there or off, and what it may is
    there.
    """
    chosen = about if os.environ.get("PAYCORE_PAGES") else FEW
    visit, wrong = inside(role=role), {}
    for page in chosen:
        opened(visit, page, about[page])
        deadline = time.monotonic() + DRAWN_WITHIN_S
        # What is not all there yet, or was not taken away yet, is so in a moment.
        while found := wrong_in(visit, page, role):
            if time.monotonic() > deadline:
                wrong[page] = found
                break
            visit.page.wait_for_timeout(200)

    assert {} == wrong

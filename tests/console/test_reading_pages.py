"""Every other page of the console can be read, by everybody and wherever they sit."""

import pytest
from casing import a_case
from refunding import refund
from stack import TICKETS
from test_console import LOOKS

pytestmark = pytest.mark.long

TITLES = {
    "refunds": ("Refunds", "退款"),
    "refunds/{refund}": ("Refund ", "退款 "),
    "agreements": ("Agreements", "协议"),
    "coupons": ("Coupons", "优惠券"),
    "books": ("Books", "账务"),
    "books/balances": ("Books", "账务"),
    "books/postings": ("Books", "账务"),
    "books/trial-balance": ("Books", "账务"),
    "desk": ("Exception desk", "差错处理"),
    "desk/{case}": ("Contradiction", "结果矛盾"),
    "desk/unknown": ("Exception desk", "差错处理"),
    "notices": ("Notices", "通知"),
    "notices/endpoints": ("Notices", "通知"),
    "channels": ("Channels", "渠道"),
    "channels/carriers": ("Channels", "渠道"),
    "routes": ("Routing", "路由"),
    "routes/try": ("Routing", "路由"),
    "routes/versions": ("Routing", "路由"),
    "lines": ("Business lines", "业务方"),
    "jobs": ("Jobs", "任务"),
    "invariants": ("Invariants", "不变量"),
    "system": ("System", "系统"),
}
NOT_YOURS = "Your role may not do this."


@pytest.fixture(scope="module")
def known(running) -> dict[str, str]:
    """A payment that was refunded, and a case about it."""
    payer = running.payer(TICKETS)
    no = payer.open().json()["pay_order_no"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    refunded = refund(payer, no, 100).json()["refund_no"]
    return {"refund": refunded, "case": a_case(running, no)}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("path", TITLES)
def test_every_other_page_can_be_read(inside, axe, known, path, look):
    """In both languages and colours, at a desk and on a phone: nothing serious is
    found, and no page must be pushed sideways.
    """
    visit = inside(path.format(**known), **LOOKS[look])
    visit.settle()

    assert visit.title.startswith(TITLES[path]["zh" in look])
    assert [] == visit.serious(axe)
    assert [] == visit.overflowing


@pytest.mark.parametrize(
    ("path", "act"),
    [
        ("desk/{case}", "Take it"),
        ("channels", "Switch off now"),
        ("routes", "Edit rules"),
        ("notices", "Replay a range"),
        ("notices/endpoints", "New secret"),
        ("jobs", "Run now"),
        ("invariants", "Audit now"),
    ],
)
def test_what_a_role_may_not_do_says_so(inside, known, path, act):
    """The act is there and does nothing; who looks for it is told why."""
    visit = inside(path.format(**known), role="viewer")
    button = visit.page.get_by_role("button", name=act).first
    button.click(force=True)

    assert "true" == button.get_attribute("aria-disabled")
    assert NOT_YOURS == button.get_attribute("aria-description")
    assert 0 == visit.page.get_by_role("dialog").count()

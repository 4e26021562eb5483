"""The operator's way through every page of the console, on a month of payments.

`PAYCORE_SCREENSHOTS=1` has it take the documents' pictures, `PAYCORE_MONTH_DATA=…` keep
the folder with the month for the next time.
"""

import csv
import os
import re
from collections.abc import Iterator

import pytest
from browsing import watching
from month import PAYMENTS, Month, month
from playwright.sync_api import expect
from visiting import DESKTOP, LOOKS, PROBLEM, STILL, Visit, every_page

from paycore.bench.month.originals import HOLDERS, REFUSED
from paycore.dev.seeds import ID_NO, PLANS

pytestmark = pytest.mark.long

SECONDS_PAYMENTS, DRAWN_MS = 12, 1_500
PAGE = 50
STALE_MS = 3_000
"""After so long the console asks anew, where it does."""

PICTURES = {
    ("", "desktop-en-light"): "overview",
    ("payments", "desktop-en-light"): "payments",
    ("payments/:no", "desktop-en-light"): "payment",
    ("channels", "desktop-en-light"): "channels",
    ("books", "desktop-en-light"): "books",
    ("", "desktop-zh-dark"): "overview-zh-dark",
    ("payments/:no", "phone-zh-light"): "payment-phone-zh",
}
"""Of which pages the documents have a picture, and how it is called."""


@pytest.fixture(scope="module")
def stands(running) -> Iterator[Month]:
    """A month, and a node; whoever may skip has done so by then."""
    with month() as made:
        if os.environ.get("PAYCORE_SCREENSHOTS") == "1":
            with made.busy():
                yield made
        else:
            yield made


@pytest.fixture(scope="module")
def sessions_here() -> dict[str, object]:
    """Cookies of who has logged in once."""
    return {}


@pytest.fixture
def at(browser, stands: Month, sessions_here) -> Iterator[object]:
    """Opens a page as the admin: `at("payments", **LOOKS[…])`."""
    with watching() as visits:

        def opened(path: str = "", **context: object) -> Visit:
            given = {**STILL, "viewport": DESKTOP, "locale": "en-GB", **context}
            if "admin" in sessions_here:
                given["storage_state"] = sessions_here["admin"]
            visit = Visit(browser.new_context(**given), stands.api)
            visits.append(visit)
            visit.go(path)
            if "admin" in sessions_here:
                return visit.in_console()
            visit.log_in(stands.people["admin"])
            cookies = visit.context.storage_state()["cookies"]
            sessions_here["admin"] = {"cookies": cookies, "origins": []}
            return visit

        yield opened


def asked(visit: Visit, path: str, **query: object) -> list[dict]:
    """What the API lists for whoever is logged in."""
    answer = visit.context.request.get(
        f"{visit.ours}/v1/console/{path}", params={"limit": 1, **query}
    )
    assert answer.ok, answer.text()
    return answer.json()["items"]


@pytest.fixture
def places(at) -> dict[str, str]:
    """Every page of the console by its path, with one of what it is about put in."""
    visit = at()
    (payment,) = asked(visit, "payments", converted="true", biz_line="shop")
    (refund,) = asked(visit, "refunds")
    (notice,) = asked(visit, "notices")
    days = asked(visit, "books/days", limit=PAGE)
    day = next((day for day in days if day["differences"]), days[0])
    cases = visit.context.request.get(f"{visit.ours}/v1/desk/cases").json()["items"]
    put = {
        "payments/:no": f"payments/{payment['pay_order_no']}",
        "refunds/:no": f"refunds/{refund['refund_no']}",
        "notices/:id": f"notices/{notice['notice_id']}",
        "books/days/:channel/:account/:day": (
            f"books/days/{day['channel']}/{day['account']}/{day['day']}"
        ),
        "desk/:ref": f"desk/{cases[0]['case_ref']}",
    }
    assert all(page in put for page in every_page() if ":" in page)
    return {page: put.get(page, page) for page in every_page()}


@pytest.fixture
def secret(places, stands: Month, sessions_here) -> re.Pattern[str]:
    """What no page may show of whom this month is about, and of who looks at it."""
    assert places, "somebody has logged in"
    people = stands.told["console_operators"]
    words = [
        *(ID_NO, *REFUSED, *(holder for holder, _ in HOLDERS)),
        *(plan.number for plan in PLANS),
        *(plan.holder for plan in PLANS),
        *(plan.phone.removeprefix("+86") for plan in PLANS),
        *(line["api_key"] for line in stands.told["lines"]),
        *(one["password"] for one in people),
        *(one["totp_secret"] for one in people),
        *(one["value"] for one in sessions_here["admin"]["cookies"]),
    ]
    return re.compile("|".join([*map(re.escape, words), r"1382200\d{4}"]))


@pytest.fixture
def about(places, secret) -> tuple[dict[str, str], re.Pattern[str]]:
    """Where pages are, and what none of them may show."""
    return places, secret


def wrong_in(visit: Visit, language: str, axe: str, secret: re.Pattern[str]) -> dict:
    """What is not as it must be in the page that is open."""
    found = {
        "title": [] if visit.title else ["none"],
        "language": [] if visit.language.startswith(language) else [visit.language],
        "problem": visit.page.locator(PROBLEM).all_inner_texts(),
        "axe": visit.serious(axe),
        "wide": visit.overflowing,
        "secret": secret.findall(visit.everything),
    }
    return {kind: said for kind, said in found.items() if said}


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_stands_a_month(look, at, places, secret, axe):
    """Each in both languages and widths: it shows no problem, is open to everybody's
    tools, fits its window, and shows nothing secret.
    """
    visit = at(**LOOKS[look])
    wrong = {}
    for path in places.values():
        visit.go(path).in_console()
        visit.settle()
        found = wrong_in(visit, LOOKS[look]["locale"][:2], axe, secret)
        wrong |= {f"{path} {kind}": said for kind, said in found.items()}

    assert not wrong, "\n".join(f"{where}: {what}" for where, what in wrong.items())


@pytest.mark.parametrize("taken", PICTURES, ids=PICTURES.values())
def test_a_picture_shows_nothing_secret(taken, at, stands, about, picture):
    """What a picture shows is text before it is one."""
    (page, look), (places, secret) = taken, about
    for _ in range(SECONDS_PAYMENTS if page == "" else 0):
        stands.pay()
    before = f"?to={stands.began}" if page == "payments" else ""
    visit = at(places[page] + before, **LOOKS[look])
    visit.settle()
    if page == "":
        visit.page.locator("main .chart svg").wait_for()
        visit.page.wait_for_timeout(DRAWN_MS)

    assert [] == secret.findall(visit.everything)
    picture(visit, PICTURES[taken])


def test_a_route_that_is_tried_says_why(at, picture):
    """Every candidate with why it stays or is out."""
    visit = at("routes/try")
    visit.page.locator("main .trial input").first.fill("shop")
    visit.page.locator("main button[type=submit]").click()
    visit.page.locator("main table").first.wait_for()
    visit.settle()

    assert "deduct_a" in visit.text
    assert [] == visit.page.locator(PROBLEM).all_inner_texts()
    picture(visit, "route-try")


@pytest.mark.parametrize("by", ["pay_order_no", "out_biz_no", "refund_no", "notice"])
def test_one_of_a_month_is_found_by_its_number(at, by):
    """Ours, the line's own, a refund's: from the box that every page has."""
    visit = at("audit")
    if by == "refund_no":
        (about,) = asked(visit, "refunds")
    elif by == "notice":
        (about,) = asked(visit, "notices")
    else:
        about = asked(visit, "payments", limit=PAGE)[-1]
    typed = about["pay_order_no"] if by == "notice" else about[by]
    visit.page.keyboard.press("/")
    visit.page.keyboard.type(typed)
    visit.page.keyboard.press("Enter")

    visit.page.get_by_role("link", name=about["pay_order_no"]).first.wait_for()


def test_payments_of_one_card_are_found_by_its_end(at, stands):
    """All of them have it, and there are more than a page: of the month's own cards,
    which whoever pays meanwhile does not have.
    """
    visit = at("payments")
    tail = asked(visit, "payments", to=stands.began)[0]["card_tail"]
    visit.go(f"payments?q={tail}").in_console()
    visit.settle()
    rows = visit.page.locator("main tbody tr.opens")

    expect(rows).to_have_count(PAGE)
    assert all(tail in row for row in rows.all_inner_texts())


def test_a_list_goes_on_page_by_page(at):
    """Further back each time, and no payment twice; who comes back to its window does
    not have all pages searched for again.
    """
    visit = at("payments")
    rows = visit.page.locator("main tbody tr.opens")
    for pages in (1, 2, 3):
        expect(rows).to_have_count(PAGE * pages)
        if pages < 3:
            visit.page.locator(".list-more button").click()
    found = visit.page.locator("main tbody tr.opens a").all_inner_texts()
    searched = len(visit.asked)
    visit.page.wait_for_timeout(STALE_MS)
    visit.page.evaluate(
        "() => document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))"
    )
    visit.page.wait_for_timeout(STALE_MS)

    assert searched == len(visit.asked)
    numbers = [text for text in found if re.fullmatch(r"\d{15}\w{11}", text)]
    assert len(set(numbers)) == len(numbers) == 3 * PAGE
    assert sorted(numbers, reverse=True) == numbers


def test_a_months_payment_has_all_of_its_time(at):
    """Of three weeks ago: commands, routes, messages, codes, postings and notices."""
    visit = at()
    overview = asked(visit, "payments", converted="true", to=_weeks_ago(visit))
    visit.go(f"payments/{overview[0]['pay_order_no']}").in_console()
    visit.page.locator(".step").first.wait_for()
    kinds = visit.page.locator(".kind").all_inner_texts()
    found = {re.sub(r"\d", "", kind).strip() for kind in kinds}

    assert {"Status", "Commands", "Routes", "Messages", "Codes", "Postings"} <= found


def _weeks_ago(visit: Visit) -> str:
    """A moment three weeks before the newest payment."""
    return visit.page.evaluate(
        "() => new Date(Date.now() - 21 * 86400000).toISOString()"
    )


def test_a_line_of_the_month_is_exported(at, tmp_path):
    """All that was not paid, as CSV, and nothing else."""
    visit = at("payments?biz_line=shop&biz_status=FAIL")
    with visit.page.expect_download() as downloading:
        visit.page.get_by_role("link", name="CSV").click()
    text = downloading.value.path().read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))

    assert PAYMENTS // 100 < len(rows) < PAYMENTS // 10
    assert {"FAIL"} == {row["biz_status"] for row in rows}
    assert {"shop"} == {row["biz_line"] for row in rows}

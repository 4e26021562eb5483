"""A running stack and a real browser for tests of the pages that people see.

Whatever a test does, its pages raised no error, wrote none to the console, and asked
nobody but us.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
sys.path.insert(0, str(Path(__file__).parent))

from browsing import PATIENCE_MS, launched, program, watching
from paying import CODE_GAP_S, PHONE, SIGN, Shop, Visit
from stack import Stack, stacked

from paycore.kernel.mask import mask_text

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
AXE = "axe-core/axe.min.js"
EXAMPLE = "+85291234567"
"""The number that a hint shows: nobody's."""
SHOWN = """() => document.body.innerText + "\\n" + [...document.querySelectorAll(
  "input:not([type=hidden])")].map((one) => one.value).join("\\n")"""
KEPT = frozenset(
    {
        *("phone-zh-light", "phone-en-dark", "desktop-en-light", "code-zh"),
        *("new-card-en", "wrong-en", "confirming-en", "paid-zh"),
    }
)
"""Pictures that the documents have."""


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    """One stack for all tests of this process; codes may be asked for every few
    seconds, and are not given up because a bank is slow to send one.
    """
    program()
    patient = dict.fromkeys(("send_code_timeout_s", "sms_timeout_s"), 10)
    with stacked(code_gap_s=CODE_GAP_S, **patient) as stack:
        yield stack


@pytest.fixture(scope="module")
def browser(running: Stack) -> Iterator[object]:
    """One module's."""
    with launched() as made:
        yield made


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The stack, with all strangers behaving before and after."""
    running.no_faults()
    yield running
    running.no_faults()


@pytest.fixture
def shop(stack: Stack) -> Shop:
    """A business line with a payer of its own, who has a card."""
    return Shop(stack)


@pytest.fixture
def open_page(browser, stack: Stack) -> Iterator[object]:
    """Opens an address in a browser of its own: `open_page(url, locale="zh-CN", …)`."""
    with watching() as visits:

        def opened(url: str, **context: object) -> Visit:
            given = {"viewport": PHONE, "locale": "en-GB", **context}
            made = browser.new_context(**given)
            made.set_default_timeout(PATIENCE_MS)
            visit = Visit(made, stack.nodes[0].info.api)
            visits.append(visit)
            visit.page.goto(url)
            return visit

        yield opened


@pytest.fixture
def look(shop: Shop, open_page) -> object:
    """Opens a checkout that has all there is: a coupon, a saved card, a new one."""

    def opened(**context: object) -> Visit:
        coupon_no = shop.stack.lines[0].coupon_no
        made = shop.made(sign=SIGN, coupon_no=coupon_no)
        return open_page(made["url"], **context)

    return opened


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source, from where npm has put it."""
    for folder in (ROOT / "web", Path(__file__).parent):
        found = folder / "node_modules" / AXE
        if found.exists():
            return found.read_text(encoding="utf-8")
    pytest.skip("no axe-core: npm install --prefix tests/pages --no-save axe-core")


@pytest.fixture
def picture() -> object:
    """Takes a picture for the documents, where these are asked for. What a picture
    shows is text before it is one, and nothing secret is in that.
    """

    def taken(visit: Visit, name: str) -> None:
        shown = visit.page.evaluate(SHOWN).replace(EXAMPLE, "")
        assert mask_text(shown) == shown, name
        if os.environ.get("PAYCORE_SCREENSHOTS") != "1" or name not in KEPT:
            return
        IMAGES.mkdir(exist_ok=True)
        visit.page.screenshot(
            path=IMAGES / f"checkout-{name}.png", animations="disabled"
        )

    return taken

"""A running stack and a real browser, for tests of the operators' console.

Whatever a test does, its pages raised no error, wrote none to the console, and asked
nobody but us. It skips, with a reason, where there is no chromium or no built console.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
sys.path.insert(0, str(Path(__file__).parent))

from browsing import launched, program, watching
from pictures import smaller
from stack import Stack, stacked
from visiting import DESKTOP, STILL, Operator, Visit

from paycore.console import site
from paycore.dev import folder

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
MOST_OCTETS = 150 * 1024
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"


WHOLE = frozenset(
    {"test_month", "test_reading_pages", "test_console", "test_books_pages"}
)
"""Each page in every look: minutes of a browser, by `make pages`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without PAYCORE_PAGES only what acts is walked through, and what is built."""
    if os.environ.get("PAYCORE_PAGES"):
        return
    why = pytest.mark.skip(reason="each page in every look: make pages")
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.stem in WHOLE:
            item.add_marker(why)


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    """One stack for all tests of this process, with some payments."""
    program()
    if not (site.FOLDER / site.INDEX).is_file():
        pytest.skip("the console is not built: make web")
    with stacked() as stack:
        yield stack


@pytest.fixture(scope="module")
def browser(running: Stack) -> Iterator[object]:
    """One module's."""
    with launched() as made:
        yield made


@pytest.fixture(scope="session")
def people(running: Stack) -> dict[str, Operator]:
    """The seeded operators, by role; each has a log-in of its own."""
    kept = folder.load(running.on.data).operators
    return {role: Operator(role, one) for role, one in kept.items()}


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The stack, with all strangers behaving before and after."""
    running.no_faults()
    yield running
    running.no_faults()


@pytest.fixture
def open_console(browser, stack: Stack) -> Iterator[object]:
    """Opens the console in a browser of its own: `open_console("payments", …)`."""
    with watching() as visits:

        def opened(path: str = "", **context: object) -> Visit:
            given = {**STILL, "viewport": DESKTOP, "locale": "en-GB", **context}
            visit = Visit(browser.new_context(**given), stack.nodes[0].info.api)
            visits.append(visit)
            visit.go(path)
            return visit

        yield opened


@pytest.fixture(scope="session")
def sessions() -> dict[str, object]:
    """Cookies of who has logged in once: each code is good once, and comes slowly. A
    session that nobody used for half an hour is over, and made anew.
    """
    return {}


@pytest.fixture
def inside(open_console, people, sessions) -> object:
    """Opens a page as somebody: `inside("payments", role="viewer", …)`."""

    def opened(path: str = "", role: str = "admin", **context: object) -> Visit:
        visit = open_console(path, storage_state=sessions.get(role), **context)
        if visit.is_in():
            return visit
        visit.log_in(people[role])
        state = visit.context.storage_state()
        sessions[role] = {"cookies": state["cookies"], "origins": []}
        return visit

    return opened


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source, from where npm has put it."""
    if not AXE.is_file():
        pytest.skip("no axe-core: make web")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def picture(browser) -> object:
    """Takes a picture for the documents, where these are asked for."""

    def taken(visit: Visit, name: str) -> None:
        if os.environ.get("PAYCORE_SCREENSHOTS") != "1":
            return
        IMAGES.mkdir(exist_ok=True)
        whole = visit.page.screenshot(animations="disabled")
        with closing(browser.new_page()) as nobodys:
            small = smaller(nobodys, whole)
        assert len(small) <= MOST_OCTETS, name
        (IMAGES / f"console-{name}.png").write_bytes(small)

    return taken

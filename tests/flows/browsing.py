"""A real browser, and an eye on all that goes wrong in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PATIENCE_MS = 60_000
"""What is awaited comes at once; on a busy machine, in a while."""

SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


def program() -> str:
    """Where chromium is; the test skips where it is not."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    return found


@contextmanager
def launched() -> Iterator[object]:
    """Debian's chromium, driven by playwright, which leaves a loop running until it
    ends: so it is one module's, and others' own loops are not in its way.
    """
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=PATIENCE_MS)
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=program(), args=list(SWITCHES)
        )
        yield made
        made.close()


class Watched:
    """Somebody's browser: its pages raised no error, wrote none to the console, and
    asked nobody but us, or `wrong` says so.
    """

    SAID_ANYWAY = ()
    """What the browser itself writes where nothing is wrong."""

    def __init__(self, context, ours: str) -> None:
        self.context, self.ours = context, ours
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page = self.another()

    def another(self):
        """One more tab."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", self._said)
        page.on("request", self._asked)
        return page

    def _said(self, message) -> None:
        if message.type in ("error", "warning") and not any(
            said in message.text for said in self.SAID_ANYWAY
        ):
            self.wrong.append(message.text)

    def _asked(self, request) -> None:
        self.asked.append(request.url)
        if not request.url.startswith((self.ours, "data:")):
            self.wrong.append(f"asked {request.url}")

    @property
    def text(self) -> str:
        """What can be read of the page."""
        return self.page.locator("main").inner_text()

    def serious(self, axe: str) -> list[str]:
        """What axe finds that is serious or worse."""
        run = "axe.run(document, {resultTypes: ['violations']})"
        found = self.page.evaluate(f"() => {{ {axe}; return {run}; }}")
        return [
            f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]


@contextmanager
def watching() -> Iterator[list[Watched]]:
    """Whatever browsers are put in are closed at its end, with nothing wrong in any."""
    opened: list[Watched] = []
    yield opened
    for visit in opened:
        visit.context.close()
    assert [] == [wrong for visit in opened for wrong in visit.wrong]

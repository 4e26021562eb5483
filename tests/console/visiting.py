"""An operator at the console: how one logs in, what is seen, and what went wrong."""

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
from browsing import Watched

_PAGES = Path(__file__).parents[2] / "web" / "src" / "app" / "pages.tsx"
_ENTRY = re.compile(r'path: "([^"]*)",\s+title: \["[^"]+", "[^"]+"\]')

PROBLEM = ".problem.ant-alert-error"
"""What a page shows that could not be read, or of an act that was refused."""

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
STILL = {"reduced_motion": "reduce"}
"""Nothing grows or fades: a dialog that still grows moves away from under a press, and
whether it has grown by then depends on how busy the machine is."""
LOOKS = {
    "desktop-en-light": {"viewport": DESKTOP, "locale": "en-GB"},
    "desktop-zh-dark": {
        "viewport": DESKTOP,
        "locale": "zh-CN",
        "color_scheme": "dark",
    },
    "phone-en-dark": {"viewport": PHONE, "locale": "en-GB", "color_scheme": "dark"},
    "phone-zh-light": {"viewport": PHONE, "locale": "zh-CN"},
}
"""Both languages and both colours, at a desk and on a phone."""
SOON_MS = 60_000
"""A password is hashed slowly, on a machine that has others to do as well."""
STEP = timedelta(seconds=30)
NOT_IN = "the server responded with a status of 401"
"""What the browser itself writes of the question who is logged in, where nobody is."""


TOO_WIDE = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= window.innerWidth) return [];
  return [...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > root.clientWidth + 1)
    .map((one) => `${one.tagName}.${one.className} ${one.textContent.slice(0, 40)}`);
}"""


ALL_OF_IT = """() => [
  location.href,
  document.documentElement.outerHTML,
  document.documentElement.textContent,
  ...[...document.querySelectorAll('input, textarea')].map((one) => one.value),
  JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}),
].join(' ')"""


def every_page() -> list[str]:
    """Every page of the console as its own list has it: `payments/:no`."""
    return _ENTRY.findall(_PAGES.read_text(encoding="utf-8"))


class Operator:
    """Somebody with a password and an authenticator, whose codes are good once."""

    def __init__(self, name: str, kept: object) -> None:
        self.name, self.password = name, kept.password
        self._totp = pyotp.TOTP(kept.totp_secret)
        self._last = ""

    def code(self) -> str:
        """A code that was not used yet: the next step's is good a little early."""
        while True:
            now = datetime.now(UTC)
            for at in (now, now + STEP):
                if (code := self._totp.at(at)) > "" and code not in self._last.split():
                    self._last = f"{self._last} {code}"
                    return code
            time.sleep(1)


class Visit(Watched):
    """One browser at the console, and all that went wrong in it."""

    SAID_ANYWAY = (NOT_IN,)

    def __init__(self, context, ours: str) -> None:
        super().__init__(context, ours)
        self.page.set_default_timeout(SOON_MS)

    def go(self, path: str = "") -> "Visit":
        """To a page of the console."""
        self.page.goto(f"{self.ours}/console/{path}")
        return self

    def in_console(self) -> "Visit":
        """Wait for the console and its page."""
        self.page.locator(".frame h1").wait_for()
        return self

    def is_in(self) -> bool:
        """Whether somebody is logged in, once the page has found out."""
        frame = self.page.locator(".frame h1")
        frame.or_(self.page.locator("input[autocomplete=username]")).first.wait_for()
        return frame.count() > 0

    def type_in(self, who: Operator, password: str | None = None) -> None:
        """Name, password and code, and send them."""
        page = self.page
        page.locator("input[autocomplete=username]").fill(who.name)
        box = page.locator("input[autocomplete=current-password]")
        box.fill(password or who.password)
        page.locator("input[autocomplete=one-time-code]").fill(who.code())
        page.locator("button[type=submit]").click()

    def log_in(self, who: Operator) -> "Visit":
        """As somebody, and wait for the page."""
        self.type_in(who)
        return self.in_console()

    def log_out(self) -> None:
        """By the menu of who is logged in. It is moved to its place again and again
        where the machine is busy, from under every press: so it is told of one.
        """
        self.page.locator(".who").click()
        self.page.get_by_text("Log out").dispatch_event("click")
        self.page.locator("input[autocomplete=username]").wait_for()

    @property
    def title(self) -> str:
        """The page's heading."""
        return self.page.locator("main h1").inner_text()

    @property
    def language(self) -> str:
        """Which the page says it is in."""
        return self.page.locator("html").get_attribute("lang")

    @property
    def everything(self) -> str:
        """All that stands in the page, seen or not, its address and what is typed."""
        return self.page.evaluate(ALL_OF_IT)

    @property
    def overflowing(self) -> list[str]:
        """What makes the page wider than its window; nothing where it is not."""
        return self.page.evaluate(TOO_WIDE)

    def forgive(self, said: str) -> None:
        """Wait until the browser has written this, which the test has caused; it may
        write it more than once, and a moment after the page has shown it.
        """
        deadline = time.monotonic() + SOON_MS / 1000
        while not any(said in one for one in self.wrong):
            assert time.monotonic() < deadline, self.wrong
            self.page.wait_for_timeout(20)
        self.wrong[:] = [one for one in self.wrong if said not in one]
        self.SAID_ANYWAY = (*self.SAID_ANYWAY, said)

    def shows(self, text: str) -> None:
        """Wait until a text can be seen."""
        self.page.get_by_text(text, exact=False).first.wait_for()

    def settle(self) -> None:
        """Wait until nothing is being fetched and no skeleton is left."""
        self.page.wait_for_load_state("domcontentloaded")
        self.page.locator(".ant-skeleton, .ant-spin-spinning").first.wait_for(
            state="detached"
        )

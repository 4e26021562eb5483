"""A payer's browser: it follows redirects, reads a page's forms and sends them, has
several tabs and a back button, and knows of a checkout nothing but its address.

It reads what a browser reads: which page it is by its body's class, forms with their
hidden fields, the way back. What a page says is the oracle's to judge
(`checkouts.CheckoutWatch`).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from paycore.prove import kinds
from paycore.prove.loop import Power
from paycore.prove.serving import Asked

if TYPE_CHECKING:
    from paycore.prove.api import Answer
    from paycore.prove.loop import Machine
    from paycore.prove.world import World

MOST_REDIRECTS = 4
GIVES_UP_AFTER_S = 4.0
"""Of a page that does not come."""

KILLED_WITHIN_S = 0.08
"""A page takes about so long: its node dies in the middle."""

PAUSED_WITHIN_S = 0.005
LONGEST_PAUSE_S = 14.0
"""And it stands still between two of its reads, for less than a call waits."""

OVER = frozenset({"PAID", "FAILED", "CLOSED", "EXPIRED", "TAKEN"})

OURS = "same-origin"
"""Whose page a form is on, as a browser says it."""

SECRET = frozenset({"number", "id_no", "phone", "code"})
"""Fields that nobody is shown again."""

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form of a page."""

    step: str
    """The last part of where it goes."""
    action: str
    fields: Mapping[str, str]
    """Those that nobody types, with what they hold."""
    cards: tuple[str, ...] = ()
    """What may be chosen, where something may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a browser shows."""

    status: int
    stage: str
    """Which page it is; LOST for one that is about no checkout."""
    asked_at: float
    """When it was asked for: what it says may be as old as that."""
    forms: Mapping[str, Form]
    amount: str = ""
    back: str = ""
    """The way back to the shop."""
    again_s: int | None = None
    """When it looks again by itself."""
    text: str = field(default="", repr=False)
    """All that can be read on it, and what its fields hold."""

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do on it."""
        return self.stage in OVER


@dataclass(slots=True)
class Tab:
    """One tab: what it shows, and what it showed before."""

    page: Page | None = None
    older: list[Page] = field(default_factory=list)

    def show(self, page: Page | None) -> Page | None:
        """Another page; None: the browser's own, which says that none came."""
        if self.page is not None:
            self.older.append(self.page)
        self.page = page
        return page


class Browser:
    """One payer's, at one checkout."""

    def __init__(
        self,
        world: "World",
        url: str,
        *,
        number: int,
        shown: Callable[[Page, frozenset[str]], object],
    ) -> None:
        self._world, self._shown = world, shown
        self._rng = rng = world.stream(f"browser {number}")
        self.path = urlsplit(url).path
        self._address = f"198.51.{100 + number // 250}.{1 + number % 250}"
        self._typed: frozenset[str] = frozenset()
        """What was typed that no page may show."""
        self._cookies: dict[str, str] = {}
        self._language = rng.choice(("zh-CN,zh;q=0.9", "en-GB,en;q=0.8"))

    # --- what can be done with it -----------------------------------------------------

    async def load(self, tab: Tab, path: str = "") -> Page | None:
        """Open an address: the checkout's, if none is said."""
        return tab.show(self._judged(await self._follow("GET", path or self.path)))

    async def send(
        self,
        tab: Tab,
        form: Form,
        typed: Mapping[str, str],
        *,
        site: str = OURS,
    ) -> Page | None:
        """Send a form, and show where it leads; `site`: whose page has it."""
        self._typed |= {value for name, value in typed.items() if name in SECRET}
        body = urlencode({**form.fields, **typed}).encode()
        page = await self._follow("POST", form.action, body, site)
        return tab.show(self._judged(page) if site == OURS else page)

    def back(self, tab: Tab) -> Page | None:
        """The page before, as it was: nothing is asked for."""
        if tab.older:
            tab.page = tab.older.pop()
        return tab.page

    async def fetch(self, path: str) -> Page | None:
        """A page that no tab shows: an address that somebody tries."""
        return await self._follow("GET", path)

    def _judged(self, page: Page | None) -> Page | None:
        if page is not None:
            self._shown(page, self._typed)
        return page

    # --- on the way -------------------------------------------------------------------

    async def _follow(
        self, method: str, target: str, body: bytes = b"", site: str = OURS
    ) -> Page | None:
        """Ask, and go where one is sent; None where it broke off on the way."""
        for _ in range(MOST_REDIRECTS):
            asked_at = self._world.loop.time()
            answer = await self._ask(method, target, body, site)
            if answer is None:
                return None
            if answer.status != 303:
                return self._seen(answer, asked_at)
            method, target, body = "GET", answer.headers["location"], b""
        self._world.oracle.holds(
            "BUG", good=False, what=f"no end of redirects {target}"
        )
        return None

    async def _ask(
        self, method: str, target: str, body: bytes, site: str
    ) -> "Answer | None":
        """One request, and what strikes it."""
        world, posts = self._world, method == "POST"
        asked = Asked(
            method=method,
            target=target,
            headers=self._headers(site, posts=posts),
            body=body,
            address=self._address,
        )
        strike = world.faults.one_of(kinds.PAGE)
        if strike == "page_doubled" and not posts:
            world.faults.hits[strike] -= 1  # to ask twice for a page is nothing
            strike = None
        if strike is not None:
            world.note(None, "strike", f"{strike} at {method}")
        match strike:
            case "page_lost":
                await asyncio.sleep(GIVES_UP_AFTER_S)
                return None
            case "page_unanswered":
                await world.api.http(asked)
                return None
            case "page_doubled":
                first, _ = await asyncio.gather(
                    world.api.http(asked), world.api.http(asked)
                )
                return first
            case "page_killed":
                return await world.api.http(asked, taken=self._kill)
            case "page_paused":
                world.spawn(self._comes_late(asked))
                await asyncio.sleep(GIVES_UP_AFTER_S * self._rng.random())
                return None
        return await world.api.http(asked)

    def _kill(self, machine: "Machine") -> None:
        after = self._rng.random() * KILLED_WITHIN_S
        self._world.later(after, partial(self._world.kill, machine))

    async def _comes_late(self, asked: Asked) -> None:
        """A page that its payer has not waited for; what it says is judged all the
        same, by when it was asked for.
        """
        asked_at = self._world.loop.time()
        answer = await self._world.api.http(asked, taken=self._pause)
        if answer is not None and answer.status == 200:
            self._judged(self._seen(answer, asked_at))

    def _pause(self, machine: "Machine") -> None:
        seconds = 1.0 + self._rng.random() * LONGEST_PAUSE_S

        def stand_still() -> None:
            if machine.power is Power.ON:
                self._world.pause(machine, seconds)

        self._world.later(self._rng.random() * PAUSED_WITHIN_S, stand_still)

    def _headers(self, site: str, *, posts: bool) -> dict[str, str]:
        headers = {"accept-language": self._language, "sec-fetch-site": site}
        if self._cookies:
            headers["cookie"] = "; ".join(f"{k}={v}" for k, v in self._cookies.items())
        if posts:
            headers |= {"content-type": _FORM, "origin": "null"}
        return headers

    def _seen(self, answer: "Answer", asked_at: float) -> Page:
        """Read what came."""
        cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        if cookie:
            name, _, value = cookie.partition("=")
            self._cookies[name] = value
        return read(answer, asked_at)


# --- reading --------------------------------------------------------------------------


def read(answer: "Answer", asked_at: float) -> Page:
    """What an answer shows."""
    text = answer.body.decode()
    reader = _Reader()
    reader.feed(text)
    reader.close()
    again, _, _ = answer.headers.get("refresh", "").partition(";")
    return Page(
        status=answer.status,
        stage=reader.stage,
        asked_at=asked_at,
        forms={form.step: form for form in reader.forms()},
        amount=reader.amount,
        back=reader.back,
        again_s=int(again) if again else None,
        text=" ".join(reader.said),
    )


class _Reader(HTMLParser):
    """Reads a page as far as a payer's browser and his eyes need it."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = self.amount = self.back = ""
        self.said: list[str] = []
        self._inside = ""
        self._actions: list[str] = []
        self._fields: list[dict[str, str]] = []
        self._cards: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in what a tag begins."""
        said = {name: value or "" for name, value in attrs}
        self.said.append(said.get("value", ""))
        match tag, said.get("class", ""):
            case "body", stage:
                self.stage = stage.upper()
            case "form", _:
                self._actions.append(said["action"])
                self._fields.append({})
                self._cards.append([])
            case "input", _ if said.get("type") == "hidden":
                self._fields[-1][said["name"]] = said.get("value", "")
            case "input", _ if said.get("type") == "radio":
                self._cards[-1].append(said["value"])
            case "a", _ if self._inside == "back":
                self.back = said["href"]
            case "p", name:
                self._inside = name

    def handle_data(self, data: str) -> None:
        """Take in a text."""
        self.said.append(data)
        if self._inside == "amount":
            self.amount = data

    def handle_endtag(self, tag: str) -> None:
        """Leave what a paragraph held."""
        if tag == "p":
            self._inside = ""

    def forms(self) -> list[Form]:
        """All of them, in their order."""
        every = zip(self._actions, self._fields, self._cards, strict=True)
        return [
            Form(
                step=urlsplit(action).path.rpartition("/")[2],
                action=action,
                fields=fields,
                cards=tuple(cards),
            )
            for action, fields, cards in every
        ]

"""smpplib as a client of our simulated message centre."""

from pathlib import Path
from typing import Any

from book import Page
from peer import Peer, client
from stage import Stage

PHONE = "+8613600136000"
TO_PHONE = {
    "source_addr_ton": 0,
    "source_addr_npi": 0,
    "source_addr": "10690000",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": PHONE[1:],
    "registered_delivery": 1,
}
CODE_TEXT = "【示例商城】您的验证码是482913,请勿告诉他人。"
RECEIPT = 0x04
DELIVERED, UNDELIVERABLE = 2, 5
ROK, THROTTLED, BAD_PHONE, TOO_LONG = 0, 0x58, 0x0B, 0x01
BAD_PASSWORD, BAD_NAME = 0x0E, 0x0F


def talk(python: Path, stage: Stage, page: Page) -> None:
    """A session from its bind to its goodbye."""
    with client(python, "of_smpp") as library:
        customer = Customer(library, stage, page)
        customer.strangers()
        customer.bound()
        customer.texts()
        customer.refusals()
        customer.apart()
        customer.leaves()


class Customer:
    """Who binds by the library, and looks at what the simulator recorded."""

    def __init__(self, library: Peer, stage: Stage, page: Page) -> None:
        self.library, self.stage, self.page = library, stage, page
        self.ours = stage.ours("smpp")

    def bind(self, name: str, way: str = "transceiver", **changes: str) -> Any:
        """The name of the centre; or the status of its refusal."""
        login = {k: str(self.ours[k]) for k in ("system_id", "password")} | changes
        url = self.stage.carrier("smpp")
        answer = self.library.ask("bind", name=name, base_url=url, way=way, **login)
        return answer["said"] if "said" in answer else _status(answer)

    def submit(self, text: str, **more: Any) -> list[str]:
        """The numbers of a text's parts."""
        return list(
            self.library.said("submit", name="main", text=text, fields=TO_PHONE, **more)
        )

    def had(self) -> list[tuple[str, str | None]]:
        """What the simulator delivered to the phone: words and code."""
        return [(text["text"], text["code"]) for text in self.stage.texts(PHONE)]

    def strangers(self) -> None:
        """Who does not know the password, or his own name, is refused by its status."""
        tries = (
            ("a wrong password", {"password": "other"}, BAD_PASSWORD),
            ("a wrong name", {"system_id": "other"}, BAD_NAME),
        )
        for name, changes, status in tries:
            told = self.bind("main", **changes)
            self.page.call(name, answered=(status, told), recorded=([], self.had()))

    def bound(self) -> None:
        """A bind, and a sign of life."""
        told = self.bind("main")
        self.page.call(
            "bind_transceiver", answered=("paycore", told), recorded=([], self.had())
        )
        told = self.library.said("enquire_link", name="main")
        self.page.call(
            "enquire_link",
            answered=({"command": "enquire_link_resp", "status": ROK}, told),
            recorded=([], self.had()),
        )

    def texts(self) -> None:
        """Texts in each alphabet, short and in parts; with a receipt of each part."""
        gsm = "Your code is 482913: @£$¥ {[€]} ÄÖÑÜ"
        texts = (
            ("a text in Chinese", CODE_TEXT, {}, "482913", 1),
            ("a text in GSM's alphabet", gsm, {}, "482913", 1),
            (
                "a text in Latin-1",
                "Ihr Code: 482913, für Sie",
                {"encoding": 3},
                "482913",
                1,
            ),
            ("seventy letters", "码" * 70, {}, None, 1),
            ("a text of three parts", f"{CODE_TEXT}🎬" * 6, {}, "482913", 3),
            ("a hundred and sixty letters", "x" * 160, {}, None, 1),
            # Nothing of the alphabet's extension: the library cuts it in two.
            ("a text of two parts", "Your code is 482913. ÄÖ" * 8, {}, "482913", 2),
        )
        for name, text, more, code, parts in texts:
            before = self.had()
            numbers = self.submit(text, **more)
            self.page.call(
                name,
                answered=((parts, parts), (len(numbers), len(set(numbers)))),
                recorded=([*before, (text, code)], self.had()),
            )
            told = self.library.said("receipts", name="main", count=parts)
            self.receipts(name, numbers, told, DELIVERED)
        with self.stage.fault("carrier.smpp.send", "undelivered"):
            numbers = self.submit("late 482913")
        told = self.library.said("receipts", name="main", count=1)
        self.receipts("a text that is not delivered", numbers, told, UNDELIVERABLE)
        quiet = TO_PHONE | {"registered_delivery": 0}
        self.library.said("submit", name="main", text="quiet", fields=quiet)
        numbers = self.submit("after it")
        told = self.library.said("receipts", name="main", count=1)
        self.receipts("only what asked has one", numbers, told, DELIVERED)

    def receipts(
        self, name: str, numbers: list[str], told: list[dict[str, Any]], state: int
    ) -> None:
        """Receipts name the numbers, the phone and the state, twice each."""
        word = {DELIVERED: "DELIVRD", UNDELIVERABLE: "UNDELIV"}[state]
        names = ("id", "state", "from", "to", "esm_class")
        seen = sorted(tuple(one[name] for name in names) for one in told)
        wanted = sorted(
            (number, state, PHONE[1:], "10690000", RECEIPT) for number in numbers
        )
        worded = all(
            f"id:{one['id']} " in one["text"] and f"stat:{word} " in one["text"]
            for one in told
        )
        self.page.call(
            f"the receipts of {name}",
            answered=((wanted, True), (seen, worded)),
            recorded=(True, bool(self.had())),
        )

    def refusals(self) -> None:
        """What a submission is refused for, by its status."""
        before = self.had()
        one = {"name": "main", "octets": b"hello".hex(), "coding": 0, "esm_class": 0}
        nobody = TO_PHONE | {"destination_addr": "12"}
        said = self.library.ask("one", **one, fields=nobody)
        self.refused("no such phone", BAD_PHONE, said, before)
        long = one | {"octets": ("码" * 71).encode("utf-16-be").hex(), "coding": 8}
        said = self.library.ask("one", **long, fields=TO_PHONE)
        self.refused("seventy-one letters", TOO_LONG, said, before)
        with self.stage.fault("carrier.smpp.send", "decline:THROTTLED"):
            said = self.library.ask("one", **one, fields=TO_PHONE)
        self.refused("throttled", THROTTLED, said, before)

    def refused(self, name: str, status: int, said: Any, before: Any) -> None:
        """A submission that was not taken."""
        self.page.call(
            name, answered=(status, _status(said)), recorded=(before, self.had())
        )

    def apart(self) -> None:
        """One bind that sends, and another that receives."""
        self.unbind("main")
        told = (self.bind("sends", "transmitter"), self.bind("hears", "receiver"))
        before = self.had()
        self.page.call(
            "bind_transmitter and bind_receiver",
            answered=(("paycore", "paycore"), told),
            recorded=(before, self.had()),
        )
        text = "482913 by another"
        numbers = self.library.said("submit", name="sends", text=text, fields=TO_PHONE)
        self.page.call(
            "a text by the one",
            answered=(1, len(numbers)),
            recorded=([*before, (text, "482913")], self.had()),
        )
        told = self.library.said("receipts", name="hears", count=1)
        self.receipts("a text by the one", numbers, told, DELIVERED)

    def leaves(self) -> None:
        """Goodbyes; then the line is free for another bind."""
        self.unbind("hears")
        self.unbind("sends")
        before, told = self.had(), self.bind("again")
        self.page.call(
            "bind again", answered=("paycore", told), recorded=(before, self.had())
        )

    def unbind(self, name: str) -> None:
        """One goodbye."""
        before, told = self.had(), self.library.said("unbind", name=name)
        self.page.call(
            f"unbind of {name}",
            answered=({"command": "unbind_resp", "status": ROK}, told),
            recorded=(before, self.had()),
        )


def _status(answer: dict[str, Any]) -> Any:
    """The status that an exception of the library's has behind its words."""
    args = answer.get("facts", {}).get("args", [])
    return args[1] if len(args) > 1 else answer

"""npm's `smpp` as the message centre of our SMPP adapter."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from book import Page
from node import living
from peer import HERE, Peer
from stage import Stage

from paycore.kernel.ids import pay_order_no
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import CardId
from paycore.sms import receipts
from paycore.sms.carrier import Line, Receipt, Said, Text
from paycore.sms.carriers.smpp import SmppCarrier
from paycore.sms.receipts import Recorder
from paycore.sms.rows import CodeRow, SentRow
from paycore.sms.smpp.bind import Binds

PHONE, CODE = "+8613812345678", "482913"
LOGIN = {"system_id": "paycore", "password": "pa55word"}
CHINESE = f"【示例商城】您的验证码是{CODE},请勿告诉他人。"
GSM = f"Your code is {CODE}: @£$¥ {{[€]}} ÄÖÑÜ ~\\^|"
WHOLE, IN_PARTS = 0x00, 0x40
SEVEN_BIT, UCS2 = 0x00, 0x08


def talk(node: Path, stage: Stage, page: Page) -> None:
    """A session from its bind to its goodbye."""
    with Peer([node, HERE / "npm" / "server.js"]) as centre:
        asyncio.run(_talk(centre, page))


async def _talk(centre: Peer, page: Page) -> None:
    async with living() as node:
        customer = Customer(node, centre, page)
        try:
            await customer.strangers()
            await customer.binds()
            await customer.texts()
            await customer.receipts()
            await customer.refusals()
            await customer.they_speak()
            await customer.leaves()
        finally:
            await customer.driver.let_go(node)


class Customer:
    """Who texts by the adapter, and hears from the centre what came to it."""

    def __init__(self, node: Node, centre: Peer, page: Page) -> None:
        self.node, self.centre, self.page = node, centre, page
        self.driver, self.told = SmppCarrier(), list[Receipt]()
        self.line = self.by(**LOGIN)
        node.state(Recorder).record = self._record

    async def _record(self, _: Node, line: Line, told: Sequence[Receipt]) -> None:
        self.told.extend(told)

    def by(self, **config: str) -> Line:
        """A line to the centre by these credentials."""
        return Line(
            carrier="smsc",
            driver=self.driver,
            base_url=self.centre.started,
            priority=1,
            # So seldom that no sign of life comes between what is looked for.
            config=SmppCarrier.Config(
                source_addr="10690000", enquire_link_s=600, **config
            ),
        )

    async def came(self, *kinds: str) -> list[dict[str, Any]]:
        """What comes to the centre next."""
        found = [await asyncio.to_thread(self.centre.line) for _ in kinds]
        assert list(kinds) == [one.get("came") for one in found], found
        return found

    async def ask(self, do: str, **given: object) -> Any:
        """Have the centre do something: what it says when that is done."""
        self.centre.tell(do, **given)
        return (await asyncio.to_thread(self.centre.line))["said"]

    async def send(self, body: str) -> Said:
        """One text by the adapter."""
        text = Text(
            request_no="2611292109380003HG2W5Q8ZC701",
            phone=PHONE,
            body=body,
            code=CODE,
            sign="示例商城",
            at=datetime.now(UTC),
            timeout_s=5.0,
            connect_timeout_s=1.0,
        )
        return await self.driver.deliver(self.node, self.line, text, timeout_s=5.0)

    # --- binds ----------------------------------------------------------------------

    async def strangers(self) -> None:
        """Who does not know the password, or his own name, is told so."""
        for changes, code in (
            ({"password": "other"}, "0x0000000E"),
            ({"system_id": "other"}, "0x0000000F"),
        ):
            line = self.by(**(LOGIN | changes))
            said = await self.driver.check(self.node, line, timeout_s=5)
            [bind] = (await self.came("bind_transceiver", "close"))[:1]
            self.page.call(
                f"a bind with another {next(iter(changes))}",
                answered=(
                    (Outcome.DECLINED, code, True),
                    (said.outcome, said.resp_code, bool(said.alarm)),
                ),
                recorded=(False, bind["taken"]),
            )

    async def binds(self) -> None:
        """A bind that stands, and a sign of life over it."""
        await self.bound("bind_transceiver")
        said = await self.driver.check(self.node, self.line, timeout_s=5)
        await self.came("enquire_link")
        self.page.call(
            "enquire_link",
            answered=(Outcome.SUCCEEDED, said.outcome),
            recorded=(True, True),
        )

    async def bound(self, name: str) -> None:
        """Tend the line until it is bound."""
        self.driver.tend(self.node, [self.line])
        bind = self.node.state(Binds).of(self.line)
        assert bind is not None, "it is tended"
        session = await bind.session(5)
        [came] = await self.came("bind_transceiver")
        names = ("system_id", "interface_version", "taken")
        self.page.call(
            name,
            answered=("Session", type(session).__name__),
            recorded=(("paycore", 0x34, True), tuple(came[one] for one in names)),
        )

    # --- texts ----------------------------------------------------------------------

    async def texts(self) -> None:
        """Texts in both alphabets, short and in parts, as the centre reads them."""
        table = (
            ("a text in Chinese", CHINESE, UCS2, 1),
            ("a text in GSM's alphabet", GSM, SEVEN_BIT, 1),
            ("seventy letters", "码" * 70, UCS2, 1),
            ("seventy-one letters", "码" * 71, UCS2, 2),
            ("a text of four parts", f"{CHINESE}🎬" * 8, UCS2, 4),
            ("a hundred and sixty letters", "x" * 160, SEVEN_BIT, 1),
            ("a text of three parts", f"{GSM} " * 9, SEVEN_BIT, 3),
        )
        for name, text, coding, parts in table:
            said = await self.send(text)
            came = await self.came(*["submit_sm"] * parts)
            ids = [_number(one["id"]) for one in came]
            kept = said.delivery
            self.page.call(
                name,
                answered=(
                    (Outcome.SUCCEEDED, ids),
                    (kept.outcome, [kept.message_id, *kept.further_ids]),
                ),
                recorded=(
                    (text, {coding}, {WHOLE if parts == 1 else IN_PARTS}, True),
                    _read(came),
                ),
            )
            fields = {(one["to"], one["ton"], one["wish"]) for one in came}
            self.page.call(
                f"to whom {name} goes",
                answered=(parts, len({kept.message_id, *kept.further_ids})),
                recorded=({(PHONE[1:], 1, 1)}, fields),
            )

    async def receipts(self) -> None:
        """Receipts by the two fields, and by the line of words alone."""
        table = (
            ({"stat": "DELIVRD", "state": 2}, True),
            ({"stat": "UNDELIV", "state": 5}, False),
            ({"stat": "EXPIRED", "state": 3}, False),
        )
        for fields in (True, False):
            for words, delivered in table:
                said = await self.send(CHINESE)
                [came] = await self.came("submit_sm")
                await self.keep(said.delivery.message_id)
                self.told.clear()
                status = await self.ask(
                    "receipt", id=came["id"], fields=fields, **words
                )
                told = [(one.message_id, one.delivered) for one in self.told]
                how = "by its fields" if fields else "by its words"
                self.page.call(
                    f"a receipt of {words['stat']} {how}",
                    answered=([(said.delivery.message_id, delivered)], told),
                    recorded=(0, status),
                )

    async def keep(self, number: str) -> None:
        """What a send leaves of a text, without which nobody knows its receipt."""
        now, no = self.node.now(), pay_order_no(self.node.ids, self.node.now())
        handle = receipts.handle_of(self.line, number)
        change = self.node.change()
        change.insert(SentRow(handle=handle, pay_order_no=no, seq=1, sent_at=now))
        change.insert(
            CodeRow(
                pay_order_no=no,
                seq=1,
                digest=b"",
                amount=1,
                currency="CNY",
                card_id=CardId("c1"),
                phone_hash=b"",
                created_at=now,
                expires_at=now,
            )
        )
        assert await self.node.journal.commit(change) is None, "nobody else writes"

    async def refusals(self) -> None:
        """What the centre refuses by a status, and what that is to us."""
        table = (
            ("ESME_RTHROTTLED", "0x00000058", Outcome.DECLINED),
            ("ESME_RMSGQFUL", "0x00000014", Outcome.DECLINED),
            ("ESME_RINVDSTADR", "0x0000000B", Outcome.DECLINED),
            ("ESME_RSYSERR", "0x00000008", Outcome.UNKNOWN),
            ("ESME_RSUBMITFAIL", "0x00000045", Outcome.UNKNOWN),
        )
        for name, code, outcome in table:
            await self.ask("status", name=name)
            said = await self.send(CHINESE)
            [came] = await self.came("submit_sm")
            told = (said.delivery.outcome, said.delivery.resp_code)
            self.page.call(
                name,
                answered=((outcome, code), told),
                recorded=((name, CHINESE), (came["status"], came["text"])),
            )
        await self.ask("status", name="ESME_ROK")

    # --- the end --------------------------------------------------------------------

    async def they_speak(self) -> None:
        """Their sign of life is answered; after their goodbye we bind again."""
        status = await self.ask("enquire")
        self.page.call(
            "their enquire_link",
            answered=(0, status),
            recorded=(True, self.node.state(Binds).of(self.line) is not None),
        )
        status = await self.ask("unbind")
        await self.came("close")
        self.page.call(
            "their unbind", answered=(0, status), recorded=(True, status is not None)
        )
        await self.bound("a bind after it")
        said = await self.send(CHINESE)
        [came] = await self.came("submit_sm")
        self.page.call(
            "a text after it",
            answered=(Outcome.SUCCEEDED, said.delivery.outcome),
            recorded=(CHINESE, came["text"]),
        )

    async def leaves(self) -> None:
        """Our goodbye; a text after it has surely not left."""
        await self.driver.let_go(self.node)
        came = await self.came("unbind", "close")
        said = await self.send(CHINESE)
        self.page.call(
            "our unbind",
            answered=(Outcome.NOT_SENT, said.delivery.outcome),
            recorded=(["unbind", "close"], [one["came"] for one in came]),
        )


def _read(came: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
    """A text as its parts make it: words, alphabets, classes, whether in order."""
    headers = ["".join(one["header"]) for one in came]
    count = f"{len(came):02x}"
    numbers = [header[-4:] for header in headers]
    wanted = [f"{count}{at:02x}" for at in range(1, len(came) + 1)]
    alone = len(came) == 1 and not headers[0]
    return (
        "".join(one["text"] for one in came),
        {one["coding"] for one in came},
        {one["esm_class"] for one in came},
        alone or numbers == wanted,
    )


def _number(given: str) -> str:
    """As the adapter knows a number: one with letters is taken for hexadecimal."""
    return str(int(given, 10 if given.isdigit() else 16))

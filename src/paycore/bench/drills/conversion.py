"""The drill of the conversion: every quick channel is down, and nobody notices.

Half of the payments meet a refused connection (a node whose breaker never opens), the
other half an open breaker (a node as it is by default, which tries one call every few
seconds). Each must succeed with one text and the two calls that a payer knows: order,
confirm. What the detour costs is told against normal sends before and after, from the
same payers at the same nodes.
"""

import asyncio
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import msgspec
import uvloop
from rich.progress import Progress
from rich.table import Table

from paycore.bench import ground as grounds
from paycore.bench import stage as stages
from paycore.bench.client import Connection, post
from paycore.bench.drills import control
from paycore.bench.drills.phones import Phones
from paycore.bench.drills.queries import Facts
from paycore.bench.load import percentile
from paycore.bench.oracle import Oracle
from paycore.bench.payer import Purse
from paycore.dev import stack
from paycore.dev.processes import NodeProcess, free_port, start_node
from paycore.dev.stack import Ground
from paycore.kernel.postgres import fresh_folder

AT_ONCE = 4
"""Few: the detour is to be measured, not a queue."""

WARM_UP = 60
"""Payments whose time does not count, at the beginning of each part."""

ENOUGH_PERCENT = 99.0
MOST_ADDED_MS = 300.0
"""At p99: what a payer does not notice beside the time that a text takes."""

AMOUNT_MINOR = 1234

NORMAL, REFUSED, OPEN = "normal", "refused connection", "breaker open"


class _Order(msgspec.Struct, frozen=True):
    pay_order_no: str
    pay_type: str


class _Result(msgspec.Struct, frozen=True):
    biz_status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What came of the payments of one part."""

    name: str
    payments: int
    succeeded: int
    """With one text and two calls, and as the pay type that was to be."""
    send_s: Sequence[float]
    went_wrong: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the drill found."""

    normal: Part
    refused: Part
    open: Part
    converted: int
    converted_after_money: int
    differences: int

    @property
    def down(self) -> Sequence[Part]:
        """The parts in which quick pay was down."""
        return (self.refused, self.open)

    @property
    def payments(self) -> int:
        """Payments that had to convert."""
        return sum(part.payments for part in self.down)

    @property
    def succeeded(self) -> int:
        """Of these, those of which nobody noticed it."""
        return sum(part.succeeded for part in self.down)

    @property
    def percent(self) -> float:
        """Their share."""
        return 100 * self.succeeded / self.payments

    @property
    def holds(self) -> bool:
        """Whether all is as it must be."""
        return (
            self.percent >= ENOUGH_PERCENT
            and all(_added(self, part, 99) <= MOST_ADDED_MS for part in self.down)
            and self.converted_after_money == 0
            and self.differences == 0
        )


def run(payments: int, progress: Progress) -> Figures:
    """All of it, from an empty folder to the figures."""
    folder = fresh_folder("paycore-drill-")
    try:
        with stack.ground(folder / "stack") as on:
            stage = asyncio.run(
                stages.prepare(
                    grounds.Ground.of(on), payers=AT_ONCE, converted=False, coupons=0
                )
            )
            settings = msgspec.structs.replace(stage.settings, port=free_port())
            never = msgspec.structs.replace(
                settings, port=free_port(), breaker_calls=1_000_000
            )
            with (
                start_node(on.cluster.dsn, never) as patient,
                start_node(on.cluster.dsn, settings) as usual,
            ):
                drill = _Drill(
                    on=on, purses=stage.quick, payments=payments, progress=progress
                )
                return uvloop.run(drill.run(patient, usual))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True, kw_only=True)
class _Drill:
    on: Ground
    purses: Sequence[Purse]
    payments: int
    progress: Progress

    async def run(self, patient: NodeProcess, usual: NodeProcess) -> Figures:
        task = self.progress.add_task("payments", total=2 * self.payments + 4 * WARM_UP)

        def advance() -> None:
            self.progress.advance(task)

        quarter = self.payments // 4
        url = self.on.sandbox.info.control
        before = await self._part(NORMAL, patient, quarter * 2, advance)
        await control.set_fault(url, "bank.quick_*.*", "refuse_connection")
        refused = await self._part(REFUSED, patient, quarter * 2, advance)
        opened = await self._part(OPEN, usual, self.payments - quarter * 2, advance)
        await control.mend(url)
        # The breaker of the usual node closes by its next probe; the other has none.
        after = await self._part(NORMAL, patient, quarter * 2, advance)
        return await self._figures(_both(before, after), refused, opened)

    async def _figures(self, normal: Part, refused: Part, opened: Part) -> Figures:
        facts = await Facts.open(self.on.cluster.dsn)
        with Oracle(self.on.data / "sandbox") as oracle:
            charged = oracle.charges()
        try:
            return Figures(
                normal=normal,
                refused=refused,
                open=opened,
                converted=await facts.converted(),
                converted_after_money=await facts.converted_after_money(),
                differences=len(await facts.differences(charged)),
            )
        finally:
            await facts.close()

    async def _part(
        self, name: str, node: NodeProcess, payments: int, advance: Callable[[], None]
    ) -> Part:
        """So many payments; the warm-up's count as well, but for their time."""
        pay_type = "QUICK_PAY" if name == NORMAL else "DEDUCT"
        phones = Phones(self.on.data / "sandbox")
        payers = [
            _Payer(
                purse=purse,
                connection=await Connection.open(node.info.api),
                phones=phones,
                pay_type=pay_type,
                advance=advance,
            )
            for purse in self.purses
        ]
        await _share(payers, WARM_UP)
        for payer in payers:
            payer.send_s.clear()
        await _share(payers, payments)
        for payer in payers:
            payer.connection.close()
        phones.close()
        wrong = [why for payer in payers for why in payer.went_wrong]
        paid = sum(payer.paid for payer in payers)
        return Part(
            name=name,
            payments=paid + len(wrong),
            succeeded=paid,
            send_s=[each for payer in payers for each in payer.send_s],
            went_wrong=wrong,
        )


async def _share(payers: Sequence["_Payer"], payments: int) -> None:
    left = iter(range(payments))
    async with asyncio.TaskGroup() as group:
        for payer in payers:
            group.create_task(payer.pay_on(left))


def _both(one: Part, other: Part) -> Part:
    return Part(
        name=one.name,
        payments=one.payments + other.payments,
        succeeded=one.succeeded + other.succeeded,
        send_s=[*one.send_s, *other.send_s],
        went_wrong=[*one.went_wrong, *other.went_wrong],
    )


@dataclass(slots=True, kw_only=True)
class _Payer:
    """One payer, who does what every payer does: order, read the text, type it in."""

    purse: Purse
    connection: Connection
    phones: Phones
    pay_type: str
    advance: Callable[[], None]
    paid: int = 0
    send_s: list[float] = field(default_factory=list)
    went_wrong: list[str] = field(default_factory=list)

    async def pay_on(self, left: "object") -> None:
        """As long as there are payments left to make."""
        for _ in left:  # type: ignore[attr-defined]
            why = await self._pay()
            if why is None:
                self.paid += 1
            else:
                self.went_wrong.append(why)
            self.advance()

    async def _pay(self) -> str | None:
        """One payment; why it is not as it must be, or None."""
        mark = self.phones.last(self.purse.phone)
        began = perf_counter()
        status, body = await self._post("/v1/quick-payments", self._body())
        self.send_s.append(perf_counter() - began)
        if status != 201:
            return f"order: {status}"
        order = msgspec.json.decode(body, type=_Order)
        codes = self.phones.since(self.purse.phone, mark)
        if (order.pay_type, len(codes)) != (self.pay_type, 1):
            return f"order: {order.pay_type} with {len(codes)} codes"
        status, body = await self._post(
            f"/v1/quick-payments/{order.pay_order_no}/confirm",
            {"sms_verify_code": codes[0]},
        )
        if status != 200:
            return f"confirm: {status}"
        result = msgspec.json.decode(body, type=_Result).biz_status
        texts = len(self.phones.since(self.purse.phone, mark))
        if (result, texts) != ("SUCCESS", 1):
            return f"confirm: {result} after {texts} texts"
        return None

    def _body(self) -> Mapping[str, object]:
        return {
            "out_biz_no": secrets.token_hex(16),
            "amount": AMOUNT_MINOR,
            "currency": "CNY",
            "card_id": self.purse.card_id,
            "subject": "Two cups of tea",
        }

    async def _post(self, path: str, body: Mapping[str, object]) -> tuple[int, bytes]:
        answer = await self.connection.call(
            post(
                path,
                api_key=self.purse.api_key,
                key=secrets.token_hex(16),
                body=msgspec.json.encode(body),
            )
        )
        return answer.status, answer.body


# --- telling --------------------------------------------------------------------------


def table(figures: Figures) -> Table:
    """One line a part."""
    made = Table(title="Quick pay is down", title_justify="left")
    made.caption_justify = "left"
    made.caption = (
        f"{figures.converted:,} conversions, {figures.converted_after_money} of them"
        f" after money was asked for; {figures.differences} payments about which banks"
        " and books disagree."
    )
    for column in ("send", "payments", "as they must be", "p50 ms", "p99 ms"):
        made.add_column(column, justify="left" if column == "send" else "right")
    for column in ("added p50", "added p99"):
        made.add_column(column, justify="right", style="bold")
    for part in (figures.normal, *figures.down):
        added = "" if part is figures.normal else None
        made.add_row(
            part.name,
            f"{part.payments:,}",
            f"{100 * part.succeeded / part.payments:.2f} %",
            *(f"{_ms(part, percent):.1f}" for percent in (50, 99)),
            *(
                added if added is not None else f"{_added(figures, part, percent):+.1f}"
                for percent in (50, 99)
            ),
        )
    return made


def document(figures: Figures) -> Mapping[str, object]:
    """The line of JSON; its keys are in CONTRIBUTING.md."""
    wrong = [why for part in figures.down for why in part.went_wrong]
    return {
        "drill": "conversion",
        "payments": figures.payments,
        "succeeded": figures.succeeded,
        "succeeded_percent": round(figures.percent, 2),
        "converted": figures.converted,
        "converted_after_money": figures.converted_after_money,
        "differences": figures.differences,
        "send_ms": {
            _key(part.name): {f"p{p}": round(_ms(part, p), 2) for p in (50, 99)}
            for part in (figures.normal, *figures.down)
        },
        "added_ms": {
            _key(part.name): {
                f"p{p}": round(_added(figures, part, p), 2) for p in (50, 99)
            }
            for part in figures.down
        },
        "went_wrong": {why: wrong.count(why) for why in sorted(set(wrong))},
        "holds": figures.holds,
    }


def _key(name: str) -> str:
    return name.replace(" ", "_")


def _ms(part: Part, percent: int) -> float:
    return percentile(part.send_s, percent) * 1000


def _added(figures: Figures, part: Part, percent: int) -> float:
    return _ms(part, percent) - _ms(figures.normal, percent)

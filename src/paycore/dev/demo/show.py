"""The demo for people: what is said while it runs, timelines, and the comparison.

Without a terminal the same lines come without colour and without moving parts, 80
columns wide. Everything that comes from outside is shown as text, never as markup.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from paycore.accounting.queries import Balance
from paycore.dev.demo.compare import Compared
from paycore.dev.demo.desk import Books
from paycore.dev.demo.outside import (
    Charge,
    Entry,
    Heard,
    Item,
    Notice,
    Order,
)
from paycore.dev.seeds import ACCOUNT
from paycore.kernel.money import decimal_text
from paycore.kernel.terms import SMS_CENTRE

STYLES = (
    ("bank", "yellow"),
    ("payer", "cyan"),
    ("line", "magenta"),
    ("machine", "bold red"),
    ("desk", "blue"),
    ("anna", "blue"),
    ("bert", "blue"),
    ("transition", "bold"),
    ("refund", "bold"),
    ("posting", "green"),
    ("notice", "magenta"),
)
WHO_WIDTH = 10
SAID_BY = ("bank", "order", "books")
"""Whose word the sums of a comparison are, in their order."""


UNASKED = "goes to the bank's own page"
"""How a mark begins after which a bank takes money that nobody asks it for."""


class Screen:
    """Where the demo is shown."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def scene(self, number: str, title: str, story: str) -> None:
        """A story begins."""
        self.console.print()
        self.console.print(
            Panel(story, title=f"[bold]{number}  {title}[/]", title_align="left")
        )

    def say(self, who: str, what: str) -> None:
        """One line of what happens, under the name of who does it."""
        line = Table.grid(padding=(0, 1))
        line.add_column(width=WHO_WIDTH, justify="right", style=style_of(who))
        line.add_column(overflow="fold")
        line.add_row(who, Text(what))
        self.console.print(line)

    def opened(
        self, biz_line: str, subject: str, order: Order, *, verb: str = "asks"
    ) -> None:
        """A payment was opened."""
        amount = money(order.amount, order.currency)
        coupon = (
            f"; its coupon leaves {money(order.payable_amount, order.currency)}"
            if order.payable_amount != order.amount
            else ""
        )
        self.say("line", f"“{biz_line}” {verb} {amount} for “{subject}”{coupon}")

    def typed(self, code: str, heard: Heard | None) -> None:
        """The payer typed a code and heard this."""
        if heard is None:
            self.say("payer", f"types {code} → no answer: the connection broke")
        else:
            said = f"{heard.biz_status}, code {heard.verify_status}: {heard.resp_msg}"
            self.say("payer", f"types {code} → {said}")

    @contextmanager
    def waiting(self, why: str) -> Iterator[None]:
        """Say what is waited for; with a terminal, how long it takes as well."""
        if not self.console.is_terminal:
            self.say("…", why)
            yield
            return
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, style="dim"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        ) as progress:
            progress.add_task(why, total=None)
            yield

    def timeline(self, items: Sequence[Item], currency: str) -> None:
        """What happened to a payment, in seconds since the first of it."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column("at", justify="right", no_wrap=True)
        table.add_column("kind", no_wrap=True)
        table.add_column("what", overflow="fold")
        shown = sorted(filter(_tells, items), key=lambda item: item.at)
        begun = shown[0].at
        for item in shown:
            style = style_of(item.kind)
            what = Text(
                _title(item, currency), style="" if style == "magenta" else style
            )
            table.add_row(_since(begun, item.at), Text(item.kind, style=style), what)
        self.console.print()
        self.console.print(table)
        self.console.print()

    def verdict(
        self, one: Compared, charges: Sequence[Charge], notices: Sequence[Notice]
    ) -> None:
        """What the bank says that it charged, and whether we say the same."""
        for charge in charges:
            amount = money(charge.amount, charge.currency)
            did = "charged" if charge.kind == "charge" else "gave back"
            self.say("bank", f"{charge.bank} says it {did} {amount}")
        if not charges:
            self.say("bank", "says it charged nothing")
        for notice in notices:
            good = "good" if notice.verified else "BAD"
            self.say("line", f"was told {notice.type} (signature {good})")
        sums = (
            f"{name} {decimal_text(amount, one.currency)}"
            for name, amount in zip(SAID_BY, one.sums, strict=True)
        )
        result = (
            f"✓ {' = '.join(sums)}" if one.agrees else f"✗ DIFFERENT: {', '.join(sums)}"
        )
        style = "bold green" if one.agrees else "bold red"
        self.console.print(Text(" " * (WHO_WIDTH + 1) + result, style=style))

    def closing(self, rows: Sequence[Compared], books: Books) -> None:
        """All payments that the banks or we know of, side by side; and the books."""
        self.console.print()
        self.console.print(Rule())
        self.console.print(_closing_table(rows))
        self.console.print(_books_table(books))


def _closing_table(rows: Sequence[Compared]) -> Table:
    table = Table(
        title="Bank and books",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("payment", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for name in SAID_BY:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_row(
            row.pay_order_no,
            row.status,
            *(decimal_text(amount, row.currency) for amount in row.sums),
            Text("✓", "green") if row.agrees else Text("✗", "bold red"),
        )
    return table


def _books_table(books: Books) -> Table:
    table = Table(
        title="Trial balance",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_footer=True,
    )
    debits, credits_, signs = _totals(books)
    table.add_column("account", "all of them", no_wrap=True)
    table.add_column("debit", debits, justify="right", no_wrap=True)
    table.add_column("credit", credits_, justify="right", no_wrap=True)
    table.add_column("", signs, no_wrap=True)
    for row in filter(_stands, books.balances):
        amount = money(abs(row.amount), row.currency)
        debit, credit = (amount, "") if row.amount > 0 else ("", amount)
        table.add_row(row.account, debit, credit)
    return table


def _stands(row: Balance) -> bool:
    return row.amount != 0


def _totals(books: Books) -> tuple[str, str, Text]:
    """The last row: both sides, a line a currency, and whether they are even."""
    totals = sorted(books.totals.items())
    signs = Text()
    for _, (debit, credit) in totals:
        signs.append(*(("✓\n", "green") if debit == credit else ("✗\n", "bold red")))
    signs.rstrip()
    return (
        "\n".join(money(debit, currency) for currency, (debit, _) in totals),
        "\n".join(money(credit, currency) for currency, (_, credit) in totals),
        signs,
    )


def money(amount: int, currency: str) -> str:
    """An amount with its currency."""
    return f"{decimal_text(amount, currency)} {currency}"


def style_of(kind: str) -> str:
    """The colour of a kind of thing, or of who did it."""
    return dict(STYLES).get(kind, "dim")


# --- items of the timeline ---


def _tells(item: Item) -> bool:
    """Commands are left out: what they did is there. So is a carrier's message, which
    is inside of the SMS centre's, and a notice before its delivery.
    """
    match item.kind:
        case "command":
            return False
        case "message":
            channel, account = item.title.split(" ")[2].split("/")
            return channel != SMS_CENTRE or account == ACCOUNT
        case "notice":
            return not item.title.endswith(": DELIVERED")
        case _:
            return True


def _title(item: Item, currency: str) -> str:
    match item.kind:
        case "message":
            return _message(item)
        case "transition" | "refund":
            return _transition(item)
        case "posting":
            return "\n".join(_entry(entry, currency) for entry in item.detail.entries)
        case "code":
            # A status after the colon is today's; this is where the code was made.
            return item.title.replace(":", " made:").partition(":")[0]
        case _:
            return item.title


def _message(item: Item) -> str:
    way, what = item.title.split(" ", 1)
    if way == "OUT":
        return f"→ {what}"
    # What came by itself took no time that is ours.
    took = item.detail.elapsed_ms
    return f"← {what}: {item.detail.verdict}" + (
        " (by itself)" if took is None else f" ({took} ms)"
    )


def _transition(item: Item) -> str:
    detail = item.detail
    step = "" if detail.origin == detail.to else f": {detail.origin} → {detail.to}"
    return f"{item.title}{step}" + (f" ({detail.cause})" if detail.cause else "")


def _entry(entry: Entry, currency: str) -> str:
    amount = decimal_text(entry.amount, currency)
    return f"{entry.side.lower():6} {amount:>7} {entry.account}"


def _since(begun: datetime, at: datetime) -> str:
    milliseconds = round((at - begun) / timedelta(milliseconds=1))
    return f"{milliseconds // 1000}.{milliseconds % 1000:03} s"

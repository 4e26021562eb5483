"""A document as sheets of words: the terminal's tables, and those of docs/growth.md."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from paycore.bench.growth.report import ROWS, Answer, Document, Each

MB = 1_000_000

AT_MOST_MS = 300
"""Within which nineteen of twenty answers are to be there, at the console."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table before it is drawn; the first column is words, the others are figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def drawn(self) -> Table:
        """For a terminal."""
        made = Table(title=self.title, title_justify="left")
        for at, column in enumerate(self.columns):
            made.add_column(column, justify="right" if at else "left", overflow="fold")
        for row in self.rows:
            made.add_row(*row)
        return made

    def markdown(self) -> str:
        """For a page."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def sheets(said: Document) -> list[Sheet]:
    """All of it."""
    asked = (_people(said), _console(said))
    made = [_speed(said), _blocks(said), _sizes(said), *asked, _audits(said)]
    return [sheet for sheet in made if sheet.rows]


def _beside(said: Document) -> list[str]:
    return [f"{history:,}" for history in said.history]


def _row(said: Document, name: str, of: Each[str]) -> list[str]:
    return [name, *(of.get(str(history), "") for history in said.history)]


def _speed(said: Document) -> Sheet:
    def cpu(who: str) -> Each[str]:
        return {h: f"{of[who]:,}" for h, of in said.cpu_us_per_payment.items()}

    confirm = {
        h: "/".join(f"{ms:.0f}" for ms in of.values())
        for h, of in said.confirm_ms.items()
    }
    rounds = {
        h: " ".join(f"{per_s:.0f}" for per_s in of)
        for h, of in said.rounds_per_s.items()
    }
    return Sheet(
        title="Speed, 64 at once, in turn",
        columns=["finished payments before", *_beside(said)],
        rows=[
            _row(said, "payments/s", _spelled(said.payments_per_s, 0)),
            _row(said, "by that beside none", _spelled(said.ratio, 2)),
            _row(said, "each round", rounds),
            _row(said, "confirm p50/p99 ms", confirm),
            _row(said, "node µs a payment", cpu("node")),
            _row(said, "PostgreSQL µs a payment", cpu("postgres")),
            _row(said, "blocks a payment", _spelled(said.blocks_per_payment, 0)),
        ],
    )


def _spelled(of: Each[float], digits: int) -> Each[str]:
    return {history: f"{value:,.{digits}f}" for history, value in of.items()}


def _blocks(said: Document) -> Sheet:
    return Sheet(
        title="Blocks of 8 kB that a payment touches, by what is done",
        columns=["does", *_beside(said)],
        rows=[
            _row(said, each.does, _spelled(each.blocks, 1)) for each in said.statements
        ],
    )


def _sizes(said: Document) -> Sheet:
    """Of the longest history: it says best what a payment takes."""
    longest = str(said.history[-1])
    return Sheet(
        title=f"Octets a payment on disk, of {int(longest):,}",
        columns=["table", ROWS, "indexes"],
        rows=[
            [table, f"{of.get(ROWS, 0):,}", f"{sum(of.values()) - of.get(ROWS, 0):,}"]
            for table, of in said.octets_by_table.get(longest, {}).items()
        ],
    )


def _people(said: Document) -> Sheet:
    return Sheet(
        title="What people ask: ms, and blocks",
        columns=["question", *_beside(said)],
        rows=[
            _row(
                said,
                each.what,
                {h: f"{ms:,.1f} · {each.blocks[h]:,}" for h, ms in each.ms.items()},
            )
            for each in said.people
        ],
    )


def _console(said: Document) -> Sheet:
    def cell(each: Answer, history: str) -> str:
        late = each.p95_ms[history]
        slow = f" (over {AT_MOST_MS})" if late > AT_MOST_MS else ""
        blocks = each.blocks[history]
        return f"{each.ms[history]:,.1f}/{late:,.1f}{slow} · {blocks:,}"

    return Sheet(
        title="What the console asks: ms at p50/p95, and blocks",
        columns=["question", *_beside(said)],
        rows=[
            _row(said, each.what, {history: cell(each, history) for history in each.ms})
            for each in said.console
        ],
    )


def _audits(said: Document) -> Sheet:
    return Sheet(
        title="Audits",
        columns=["of", "beside", "seconds", "rows", "violations", "unanswered"],
        rows=[
            [
                each.scope,
                f"{int(history):,}",
                f"{each.seconds:,.1f}",
                f"{each.rows:,}",
                f"{each.violations:,}",
                f"{each.unanswered}",
            ]
            for history, audits in said.audits.items()
            for each in audits
        ],
    )


def summary(said: Document) -> str:
    """What the tables do not say."""
    lines = []
    for history, octets in said.octets_per_payment.items():
        took = said.fill_s[history]
        lines.append(
            f"{int(history):,} finished payments: {said.octets[history] / MB:,.0f} MB,"
            f" {octets['ever']:,} octets each for good, and {octets['newest']:,} more"
            f" of the newest {said.kept_whole[history]:,}; filled in"
            f" {took['copy']:,.0f} s and vacuumed in {took['vacuum']:,.0f} s"
        )
    lines += [
        f"{each.what}, at the console beside {int(history):,}: {late:,.0f} ms at p95,"
        f" more than {AT_MOST_MS}"
        for each in said.console
        for history, late in each.p95_ms.items()
        if late > AT_MOST_MS
    ]
    lines.append(
        f"{said.payments:,} payments under load: each succeeded, was charged once and"
        f" was told; the banks charged {said.charged:,}, as we say"
    )
    return "\n".join(lines)

"""A day's reconciliation as rows: for a table, for CSV, for the page. Pure."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from paycore.gateway.statement import Trade
from paycore.recon.match import CURES, Kind
from paycore.recon.rows import Difference, Statement

COLUMNS = (
    *("day", "channel", "account", "kind", "trade", "request_no", "pay_order_no"),
    *("attempt_seq", "line", "channel_ref", "amount", "currency"),
    *("our_status", "our_amount", "their_amount", "our_currency", "their_currency"),
    *("our_fee", "their_fee", "happened_at", "found_at", "healed_at", "said", "cure"),
)
"""Of the CSV; `amount` is what is at stake."""

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run what begins so, and a channel writes some of these texts."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """The differences of one statement that stand, by kind; and what they come to."""

    count: Counter[Kind] = field(default_factory=Counter)
    amount: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    healed: int = 0

    def add(self, one: Difference) -> None:
        """One more."""
        if one.healed_at is not None:
            self.healed += 1
            return
        self.count[one.kind] += 1
        self.amount[one.kind, one.currency] += one.amount


@dataclass(slots=True, kw_only=True)
class Report:
    """One day."""

    day: str
    statements: Sequence[Statement]
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def add(self, one: Difference) -> None:
        """Count a difference in."""
        self.tally((one.channel, one.account)).add(one)

    def tally(self, key: tuple[str, str]) -> Tally:
        """An account's."""
        return self.tallies.setdefault(key, Tally())

    @property
    def whole(self) -> Tally:
        """All accounts together."""
        whole = Tally()
        for tally in self.tallies.values():
            whole.count.update(tally.count)
            whole.amount.update(tally.amount)
            whole.healed += tally.healed
        return whole

    @property
    def matched(self) -> int:
        """Lines that agree."""
        return sum(s.figures.matched for s in self.statements if s.figures)

    @property
    def lines(self) -> int:
        """Lines that there are."""
        return sum(s.figures.lines for s in self.statements if s.figures)

    def document(self) -> dict[str, object]:
        """As JSON."""
        whole = self.whole
        return {
            "day": self.day,
            "lines": self.lines,
            "matched": self.matched,
            "differences": whole.count.total(),
            "healed": whole.healed,
            "by_kind": dict(sorted(whole.count.items())),
            "statements": [_document(self, one) for one in self.statements],
        }


def _document(report: Report, statement: Statement) -> dict[str, object]:
    figures, tally = statement.figures, report.tally(statement.key)
    return {
        "channel": statement.channel,
        "account": statement.account,
        "state": statement.state,
        "said": statement.said,
        "octets": statement.octets,
        "sha256": statement.digest.hex() if statement.digest else None,
        "reconciled_at": statement.reconciled_at,
        "lines": figures.lines if figures else None,
        "matched": figures.matched if figures else None,
        "pooled": figures.pooled if figures else None,
        "differences": dict(sorted(tally.count.items())),
        "theirs": figures.theirs if figures else [],
        "ours": figures.ours if figures else [],
    }


def rows(report: Report) -> Iterator[dict[str, object]]:
    """A row a statement, for a table."""
    for statement in report.statements:
        figures, tally = statement.figures, report.tally(statement.key)
        shown = [f"{kind} {count}" for kind, count in sorted(tally.count.items())]
        yield {
            "channel": statement.channel,
            "account": statement.account,
            "state": statement.state,
            "lines": f"{figures.lines:,}" if figures else "",
            "matched": f"{figures.matched:,}" if figures else "",
            "pool": f"{figures.pooled:,}" if figures else "",
            "differences": ", ".join(shown) or statement.said,
            "they moved": _sums(statement, "theirs"),
            "we moved": _sums(statement, "ours"),
        }


def _sums(statement: Statement, side: str) -> str:
    """Charges less refunds, by currency, in minor units."""
    if statement.figures is None:
        return ""
    left: Counter[str] = Counter()
    for one in getattr(statement.figures, side):
        sign = 1 if one.trade is Trade.CHARGE else -1
        left[one.currency] += sign * one.amount
    return ", ".join(f"{amount:,} {currency}" for currency, amount in left.items())


def csv_lines(differences: Iterable[Difference]) -> Iterator[str]:
    """The header, then a line a difference."""
    yield _csv(COLUMNS)
    for one in differences:
        yield csv_line(one)


def csv_line(one: Difference) -> str:
    """One difference."""
    values: dict[str, object] = {name: getattr(one, name, None) for name in COLUMNS}
    values["cure"] = CURES[one.kind]
    return _csv([_safe(values[name]) for name in COLUMNS])


def _csv(values: Sequence[object]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(values)
    return written.getvalue()


def _safe(value: object) -> object:
    """As it stands, but that no spreadsheet takes it for a formula."""
    if isinstance(value, str) and value.startswith(_FORMULAS):
        return f"'{value}"
    return "" if value is None else value

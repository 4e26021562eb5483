"""Postings as a beancount file, for programs that keep books as text: pure.

An account is its own name in beancount's spelling, under the root that its place in the
chart has. Amounts are written in the currency's unit, with all of its digits; each
account is opened when it is first named.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from paycore.accounting.queries import Posted
from paycore.kernel.money import decimal_text

ROOTS = MappingProxyType(
    {
        "available": "Assets",
        "channel_fee": "Expenses",
        "channel_receivable": "Assets",
        "differences": "Expenses",
        "marketing_cost": "Expenses",
        "merchant_pending": "Liabilities",
        "payer_pending": "Liabilities",
        "suspense_long": "Liabilities",
        "suspense_short": "Assets",
    }
)
"""Where each of our accounts stands there; what is not named is equity."""

WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(slots=True)
class Writer:
    """Writes one file, line by line."""

    opened: dict[str, str] = field(default_factory=dict)
    """By its name in the file: whose it is here."""

    def head(self) -> Iterator[str]:
        """What comes first."""
        yield ";; Made by `paycore ledger export`: amounts as they were posted, in UTC."
        yield 'option "title" "paycore"'

    def posting(self, posted: Posted) -> Iterator[str]:
        """One transaction, and before it what it opens."""
        day = f"{posted.at.astimezone(UTC):%Y-%m-%d}"
        for account, _ in posted.lines:
            name = self._name(account)
            if name not in self.opened:
                self.opened[name] = account
                yield f"{day} open {name}"
                yield f'  paycore: "{account}"'
        what = " ".join(filter(None, (posted.kind, posted.pay_order_no, posted.fact)))
        yield f'{day} * "{_quoted(what)}"'
        yield f'  booked-at: "{_moment(posted.at)}"'
        for account, amount in posted.lines:
            number = decimal_text(amount, posted.currency)
            yield f"  {self._name(account)}  {number} {posted.currency}"

    def _name(self, account: str) -> str:
        """In beancount's spelling; two that would be spelled alike are told apart."""
        name = spelled(account)
        number = 2
        while self.opened.get(name, account) != account:
            name, number = f"{spelled(account)}-{number}", number + 1
        return name


def spelled(account: str) -> str:
    """An account's name as beancount takes it: words that begin with a capital."""
    root, *places = account.split(":")
    words = (_capital(part) for part in (root, *places))
    return ":".join((ROOTS.get(root, "Equity"), *words))


def _capital(part: str) -> str:
    """`quick_a` is Quick-A."""
    words = WORD.findall(part) or ["None"]
    return "-".join(word[0].upper() + word[1:] for word in words)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")

"""The catalogue for people: the words and the tables of docs/retention.md. Pure."""

from collections.abc import Iterator

from paycore.kernel.config import Settings
from paycore.kernel.described import fields_of
from paycore.retention.catalogue import FOR_GOOD, RULES, Rule

COLUMNS = ("table", "what", "goes", "days", "counted from", "setting")
FOR_GOOD_COLUMNS = ("table", "why")

WORDS = (
    "Retention",
    """\
With this page you can say how long paycore keeps what, and what is never taken away.

```sh
paycore retention            # how long, the oldest, what is old: changes nothing
paycore retention --json     # one line of JSON
paycore retention --apply    # take it away now; nodes do so by themselves
```""",
    """\
## What goes by its age

[settings.md](settings.md) has the settings' variables and bounds.
Give all nodes the same: each goes by its own.
A working node takes away once a day, from `PAYCORE_RETENTION_HOUR` on, and of each \
table a month at the most; `paycore retention --apply` takes all of it.""",
)

HOW = """\
*By the month*: these tables are partitioned by the month of the payment's number, and \
a month goes once all of it is old; so a row is kept for its days, and at the most a \
month longer.
It goes as a whole where all of it may go: it is taken out of its table, which takes a \
moment, and thrown away.
Where a payment of it is still open, has a case open at the desk, or has something \
newer among its rows, the other payments go one by one, and that one when it is over.

*Row by row*: in small transactions with rests between them.
The room is not the machine's again but the table's, whose next rows take it.

*Emptied*: the row stays with what may be shown of a card."""

PROMISE = """\
## What never goes by its age

Money's own history, and what has to be looked at.
A payment of long ago still says what became of it and why; its timeline no longer \
has the messages, decisions, commands and codes.
An audit asks about messages, decisions and codes only of payments that still have \
them, and of everything else for ever: after a removal `paycore audit` finds nothing \
that it did not find before."""


def overview() -> Iterator[tuple[str, ...]]:
    """A row for each table that goes by its age."""
    for rule in RULES:
        setting = f"`{rule.setting}`" if rule.setting else ""
        yield f"`{rule.table}`", rule.what, rule.how, _days(rule), rule.counted, setting


def _days(rule: Rule) -> str:
    if rule.setting is None:
        return str(rule.days)
    (field,) = (one for one in fields_of(Settings) if one.name == rule.setting)
    return str(field.default)


def for_good() -> Iterator[tuple[str, str]]:
    """A row for each table that is kept."""
    for table, why in FOR_GOOD.items():
        yield f"`{table}`", why

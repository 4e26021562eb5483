"""The catalogue for people: the words and the table of docs/audit.md. Pure."""

from collections.abc import Iterator

from paycore.audit.catalogue import CATALOGUE
from paycore.audit.invariant import Invariant

COLUMNS = ("id", "must hold", "violations that rows show", "what they do not show")

WORDS = (
    "The audit",
    """\
With this page you can ask a live database whether all that must always hold does, \
and read the answer.

```sh
paycore audit                                # every payment there is
paycore audit --since 24h                    # payments of the last day
paycore audit --only I1,I4 --json            # one line of JSON
paycore audit --bank http://127.0.0.1:9100   # and what the banks charged
```

One line an invariant: rows looked at, violations, examples.
The exit status is 1 where anything is violated, and 2 where the database, the banks \
or some question gave no answer.
With `--json` what rows show nothing of has `shown` false; `--only` takes none of it.

An audit reads one snapshot in a read-only transaction, so it may run beside any load: \
what it says is as of one commit, and no payment waits for it.
Changes of the schema wait until it is over, and new partitions are made after it.
Messages, decisions and codes that went by their age are not missed \
([retention.md](retention.md)); what is still open has all of them.
A statement that takes longer than ten minutes is given up, and its line says that it \
is not known.""",
    """\
## Rounds

Of the nodes that work one audits every `PAYCORE_AUDIT_EVERY_S` seconds: payments of \
the last `PAYCORE_AUDIT_WINDOW_S` seconds, and whatever is open (of more than ten \
thousand from before the oldest, which is said).
Another takes its place when it is gone.
A round has a minute; what was not answered by then is not known.
A violation is a figure ([metrics.md](metrics.md)), a log line `invariant_broken`, and \
a case `INVARIANT` at the desk: one for each invariant and payment, however often it \
is seen, another where it is still so after its case was closed, and at most fifty new \
ones a round, the invariants in turn.
A round that took long is followed by a rest nine times as long.
Texts are looked through once, in the round after they were written; the first round \
begins with those of the last hour.
What needs all payments, sums above all, is left to `paycore audit` without `--since`: \
let cron run it every night.""",
    """\
## The banks

`--bank` takes the control address of the [sandbox](sandbox.md), whose record of \
charges is the banks' own word, for a database all of whose channels are the sandbox's \
and have its banks' names.
Of every request, once refunds are taken off, must be left: what the order costs less \
what was refunded here, of the one leg that succeeded, at its own channel; that or \
nothing, of a leg that is still open; and nothing of any other.
A refund in flight may have moved or not.
Other money is excused only by an open case that names its request: `LATE_MONEY` and \
`CHARGED_WITHOUT_CONFIRM` with their amount, `CONTRADICTION` for a success that the \
bank denies, and `CHANNEL_ALARM` for as long as its leg is open; of refunds \
`LATE_REFUND` and `REFUND_CONTRADICTION`.
Late money that goes back by itself has its case until it is back.
A refund has a number of its own at the bank and names no charge, so refunds of one \
bank and currency are shared out among its charges.
Banks that cannot be asked are said, and the rest of the report stands.""",
    """\
## Invariants

Violations are counted; what rows do not show is shown by who is named.""",
)


def overview() -> Iterator[tuple[str, str, str, str]]:
    """A row for each invariant."""
    for one in CATALOGUE:
        yield one.id, one.holds, _shown(one), one.otherwise


def _shown(invariant: Invariant) -> str:
    return "; ".join(
        check.name + (" (all payments only)" if check.whole else "")
        for check in invariant.checks
    )

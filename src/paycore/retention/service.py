"""Retention's door: say what is old, and take it away.

`plan` looks and changes nothing. `remove` goes table by table: whole months are taken
out of their table and thrown away, everything else goes in small transactions with
rests between them, so that payments come first. It may be stopped anywhere and goes on
where it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from types import MappingProxyType
from uuid import UUID

from paycore.cards import service as cards
from paycore.kernel import log
from paycore.kernel.clock import start_of_day
from paycore.kernel.node import Node
from paycore.kernel.terms import CardId
from paycore.retention import queries, removal
from paycore.retention.catalogue import RULES, How, Rule
from paycore.retention.queries import Busy, Connection, Month, Pool
from paycore.retention.removal import Gone, Record
from paycore.retention.report import Line, Report

__all__ = ["Busy", "Line", "Pool", "Report", "plan", "remove"]

PAYMENTS_A_BATCH = 500
ROWS_A_BATCH = 2000
CARDS_A_BATCH = 100

LEAST_REST_S = 0.02
"""Between two batches, and as long as the batch took where that is longer: half of the
time the database is left to payments."""

TRIES = 6
FIRST_WAIT_S = 1.0
"""For a month's locks; each wait is twice the one before, a minute in all."""

FIRST_NUMBERED = 2000
"""Two digits of a year name one century."""

IDS_AHEAD = timedelta(days=1)
"""An id of a change has the time of its machine."""

LOWEST_ID = UUID(int=0)
EVER = datetime.fromisoformat("1970-01-01T00:00:00Z")

OUT_OF_TIME = "there was no time left"
ENOUGH_TODAY = "the other months are for the next days"

Told = Callable[[str], None]
"""Hears of every table and month as it is gone through."""

_log = log.get(__name__)


@dataclass(slots=True, kw_only=True)
class _Run:
    """One going through."""

    node: Node
    connection: "Connection"
    at: datetime
    months_a_day: float
    ends_at: float
    told: Told
    lines: list[Line] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether it is time to stop."""
        leaving = self.node.heartbeat.leaving
        return leaving or self.node.clock.monotonic() >= self.ends_at

    def until(self, rule: Rule) -> datetime:
        """What is from before then is old."""
        return rule.until(self.node.settings, self.at)

    def line(self, rule: Rule) -> Line:
        """The table's line of the report."""
        line = Line(
            table=rule.table,
            what=rule.what,
            how=rule.how,
            kept_days=rule.days_of(self.node.settings),
            setting=rule.setting,
        )
        self.lines.append(line)
        return line

    def record(self, rule: Rule, how: str, month: Month | None = None) -> Record:
        """A record of something that is about to be taken away."""
        until = self.until(rule)
        before = None if month is None else month.before or numbered(until)
        return Record(
            id=self.node.ids.uuid(),
            rule=rule,
            how=how,
            until=until,
            at=self.at,
            partition=None if month is None else month.name,
            before=before,
        )

    async def rest(self, began: float) -> None:
        """After a batch."""
        took_s = self.node.clock.monotonic() - began
        await self.node.clock.sleep(max(LEAST_REST_S, took_s))


def numbered(until: datetime) -> str:
    """The month in which a payment of that moment is numbered: what is in an earlier
    one is old as a whole.
    """
    return f"{until:%y%m}" if until.year >= FIRST_NUMBERED else ""


# --- looking --------------------------------------------------------------------------


async def plan(node: Node, pool: Pool, told: Told = lambda _: None) -> Report:
    """What is old and may go."""
    at = node.now()
    async with queries.lent(pool) as connection:
        run = _Run(
            node=node,
            connection=connection,
            at=at,
            months_a_day=inf,
            ends_at=inf,
            told=told,
        )
        for rule in RULES:
            told(rule.table)
            await _LOOKS[rule.how](run, rule, run.line(rule))
    return Report(at=at, applied=False, lines=run.lines)


async def _look_at_months(run: _Run, rule: Rule, line: Line) -> None:
    line.oldest = await queries.oldest(run.connection, rule, "pay_order_no")
    until = run.until(rule)
    for month in await _old_months(run, rule):
        run.told(month.name)
        seen = await queries.look(run.connection, rule, month, until, numbered(until))
        line.past_rows += seen.past_rows
        line.past_octets += seen.past_octets
        line.held_payments += seen.held_payments


async def _look_at_rows(run: _Run, rule: Rule, line: Line) -> None:
    line.oldest = await queries.oldest(run.connection, rule, rule.walked)
    line.past_rows, line.past_octets = await queries.old_rows(
        run.connection, rule, run.until(rule)
    )


async def _look_at_cards(run: _Run, rule: Rule, line: Line) -> None:
    line.oldest = await queries.oldest_card(run.connection)
    line.past_rows = await queries.count_old_cards(run.connection, run.until(rule))


_LOOKS = MappingProxyType(
    {
        How.MONTH: _look_at_months,
        How.ROW: _look_at_rows,
        How.EMPTIED: _look_at_cards,
    }
)


async def _old_months(run: _Run, rule: Rule) -> list[Month]:
    """The partitions that are wholly of old payments, and the one of no month."""
    first_kept = numbered(run.until(rule))
    return [
        month
        for month in await queries.months(run.connection, rule.table)
        if month.before is None or month.before <= first_kept
    ]


# --- taking away ----------------------------------------------------------------------


async def remove(
    node: Node,
    dsn: str,
    *,
    months_a_day: float = inf,
    within_s: float = inf,
    told: Told = lambda _: None,
) -> Report:
    """Take away what is old; Busy where somebody does so already.

    `months_a_day`: so many months of a table at the most, so that a clock that leaps
    ahead does no more harm than that. `within_s`: what is not done by then is left.
    """
    at = node.now()
    async with queries.claimed(dsn) as connection:
        run = _Run(
            node=node,
            connection=connection,
            at=at,
            months_a_day=months_a_day,
            ends_at=node.clock.monotonic() + within_s,
            told=told,
        )
        for rule in RULES:
            told(rule.table)
            line = run.line(rule)
            await _REMOVES[rule.how](run, rule, line)
            if line.removed_rows or line.postponed:
                _log.info("retained", **_logged(line))
    return Report(at=at, applied=True, lines=run.lines)


def _logged(line: Line) -> dict[str, object]:
    return {
        "table": line.table,
        "removed_rows": line.removed_rows,
        "freed_octets": line.freed_octets,
        "held_payments": line.held_payments,
        "postponed": line.postponed,
        "left": line.left,
    }


async def _remove_months(run: _Run, rule: Rule, line: Line) -> None:
    for record in await removal.half_gone(run.connection, rule, run.at):
        await _drop(run, record, line)
    midnight = start_of_day(run.at)
    touched = await queries.touched_since(run.connection, rule.table, midnight)
    for month in await _old_months(run, rule):
        if run.over:
            line.postponed = OUT_OF_TIME
            return
        new = month.before is not None and month.name not in touched
        if new and len(touched) >= run.months_a_day:
            line.left = ENOUGH_TODAY
            continue
        run.told(month.name)
        before = line.removed_rows
        await _remove_month(run, rule, month, line)
        if new and line.removed_rows > before:
            touched.add(month.name)


async def _remove_month(run: _Run, rule: Rule, month: Month, line: Line) -> None:
    """As a whole if all of it may go, else what may."""
    whole = month.before is not None and not await queries.was_begun(
        run.connection, rule, month
    )
    if whole:
        until = run.until(rule)
        seen = await queries.look(run.connection, rule, month, until, numbered(until))
        whole = seen.past_rows == seen.rows
    if not whole and await _remove_payments(run, rule, month, line):
        return
    if month.before is not None:
        await _remove_whole(run, rule, month, line)


async def _remove_whole(run: _Run, rule: Rule, month: Month, line: Line) -> None:
    """Take it out of its table, then throw it away: the second needs no lock that
    anybody else wants.
    """
    record = run.record(rule, "DROPPED", month)
    wait_s = FIRST_WAIT_S
    for left in reversed(range(TRIES)):
        try:
            await removal.detach(run.connection, record)
            break
        except Busy as busy:
            if not left or run.over:
                line.postponed = f"{month.name}: {busy}"
                return
            run.told(f"{month.name}: {busy}, waiting")
        await run.node.clock.sleep(wait_s)
        wait_s *= 2
    await _drop(run, record, line)


async def _drop(run: _Run, record: Record, line: Line) -> None:
    gone = await removal.drop(run.connection, record, run.node.now())
    _log.info("month_dropped", partition=record.partition, rows=gone.rows)
    line.removed_rows += gone.rows
    line.freed_octets += gone.octets


async def _remove_payments(run: _Run, rule: Rule, month: Month, line: Line) -> bool:
    """Payment by payment; whether anything is left of it."""
    record, after, left = run.record(rule, "DELETED", month), "", 0
    assert record.before is not None, "it is about payments"
    while True:
        began = run.node.clock.monotonic()
        batch = await removal.delete_payments(
            run.connection,
            record,
            month,
            after=after,
            before=record.before,
            limit=PAYMENTS_A_BATCH,
        )
        _count(line, batch.gone)
        left += batch.held
        if batch.last is None:
            break
        if run.over:
            line.postponed = OUT_OF_TIME
            return True
        after = str(batch.last)
        await run.rest(began)
    line.held_payments += left
    await removal.end(run.connection, record, run.node.now())
    return left > 0


async def _remove_rows(run: _Run, rule: Rule, line: Line) -> None:
    record = run.record(rule, "DELETED")
    place, to = _walk(rule, record.until)
    while True:
        began = run.node.clock.monotonic()
        batch = await removal.delete_rows(
            run.connection, record, from_=place, to=to, limit=ROWS_A_BATCH
        )
        _count(line, batch.gone)
        if batch.gone.rows < ROWS_A_BATCH:
            break
        if run.over:
            line.postponed = OUT_OF_TIME
            return
        place = batch.last
        await run.rest(began)
    await removal.end(run.connection, record, run.node.now())


def _walk(rule: Rule, until: datetime) -> tuple[object, object]:
    """From where to where rows are gone through."""
    if rule.walked is None:
        return EVER, until
    return LOWEST_ID, _id_of(until + IDS_AHEAD)


def _id_of(moment: datetime) -> UUID:
    """The lowest UUID version 7 of a moment."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def _count(line: Line, gone: Gone) -> None:
    line.removed_rows += gone.rows
    line.reusable_octets += gone.octets


async def _empty_cards(run: _Run, rule: Rule, line: Line) -> None:
    record = run.record(rule, "EMPTIED")
    while old := await queries.old_cards(run.connection, record.until, CARDS_A_BATCH):
        began = run.node.clock.monotonic()
        named = {CardId(one): untold for one, untold in old.items()}
        emptied = await cards.forget(run.node, named)
        line.removed_rows += emptied
        if run.over or emptied < len(old):
            line.postponed = OUT_OF_TIME
            break
        await run.rest(began)
    if line.removed_rows:
        gone = Gone(rows=line.removed_rows)
        await removal.put_on_record(run.connection, record, gone)


_REMOVES = MappingProxyType(
    {
        How.MONTH: _remove_months,
        How.ROW: _remove_rows,
        How.EMPTIED: _empty_cards,
    }
)

"""Reconciliation's door: have the statements, compare them, tell what differs.

`collect` asks for every statement that is due and keeps what comes; `reconcile`
compares those that are here. `run` does both for one account and day, at once. All may
be repeated at any time, and stopped anywhere: a file that did not come to its end is
nothing, a comparison is one transaction, and a difference is its fact: seen again it
opens no second case and stages no second posting.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from paycore.accounting import service as accounting
from paycore.accounting import suspense
from paycore.accounting.suspense import Parked
from paycore.desk import service as desk
from paycore.desk.rows import CaseRow
from paycore.gateway import fetching
from paycore.gateway.accounts import AccountKey
from paycore.gateway.fetching import Arrived
from paycore.gateway.statement import StatementBroken
from paycore.kernel import log
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.recon import keeping, queries, writing
from paycore.recon.comparing import Comparison
from paycore.recon.keeping import Keeper
from paycore.recon.match import CURES, Terms
from paycore.recon.queries import Busy, Seat
from paycore.recon.rows import Difference, Figures, State, Statement, TermsRow
from paycore.recon.stake import surplus_of

__all__ = [
    "Busy",
    "Outcome",
    "agree",
    "collect",
    "reconcile",
    "run",
    "statements_of",
]

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=1)
"""For a statement that is not there or no good; each wait is twice the one before."""

MOST_DAYS = 31
"""So far back a gap is filled by itself; older days are asked for by hand."""

CASE = "RECON_"
STATEMENT_CASE = "RECON_STATEMENT"

CASES_AT_ONCE = 32
MOST_CASES = 5000
"""Of one day of an account: who omits a whole day is told of once, not a million
times. The differences are all kept."""

Told = Callable[[str, int], None]
"""Hears what is being done, and how much of it was done since the last time."""

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one statement stands after a run."""

    statement: Statement
    cases: int = 0
    """New ones on the desk."""


def _nobody(_what: str, _done: int) -> None:
    """Nobody wants to hear of it."""


# --- terms ----------------------------------------------------------------------------


async def agree(
    node: Node, key: AccountKey, *, charge_rate: int, refund_rate: int = 0
) -> None:
    """Put down what a channel may keep, in millionths; it holds for what is compared
    from now on.
    """
    if not all(0 <= rate <= 1_000_000 for rate in (charge_rate, refund_rate)):
        raise BadRequest("A rate is 0 to 1,000,000 millionths.")
    row = TermsRow(
        channel=key[0],
        account=key[1],
        charge_rate=charge_rate,
        refund_rate=refund_rate,
    )
    standing = await node.journal.load(TermsRow, *key)
    change = node.change()
    if standing is None:
        change.insert(row)
    else:
        change.update(row, version=standing.version)
    if await node.journal.commit(change) is not None:
        raise BadRequest("These terms were changed by somebody else; look again.")


async def _terms(node: Node, key: AccountKey) -> Terms | None:
    row = await node.journal.load(TermsRow, *key)
    if row is None:
        return None
    return Terms(charge_rate=row.charge_rate, refund_rate=row.refund_rate)


# --- what jobs do ---------------------------------------------------------------------


async def collect(node: Node, dsn: str, told: Told = _nobody) -> list[Statement]:
    """Ask for what is due; those that are still waited for. Busy where another does."""
    async with queries.seated(dsn) as seat:
        await _expect(node, seat)
        since = (node.now() - timedelta(days=MOST_DAYS)).date().isoformat()
        for statement in await queries.to_be_fetched(seat.writes, node.now(), since):
            if node.heartbeat.leaving:
                break
            await _fetch(node, seat, statement, told)
        return await _waited_for(node, seat)


async def reconcile(
    node: Node, dsn: str, told: Told = _nobody
) -> tuple[list[Outcome], list[Statement]]:
    """Compare what is here; what came of it, and what is still waited for."""
    async with queries.seated(dsn) as seat:
        await _expect(node, seat)  # else nothing would seem to be waited for
        outcomes = []
        for statement in await queries.to_be_compared(seat.writes):
            if node.heartbeat.leaving:
                break
            outcomes.append(await _compare(node, seat, statement, told))
        return outcomes, await _waited_for(node, seat)


async def run(
    node: Node,
    dsn: str,
    key: AccountKey,
    day: date,
    *,
    anew: bool = False,
    told: Told = _nobody,
) -> Outcome:
    """One day of one account, now; `anew` asks the channel again for what is kept."""
    await fetching.today(node, key)  # refused where it has no statements
    async with queries.seated(dsn) as seat:
        writes = seat.writes
        wanted = (node.ids.uuid(), key, day.isoformat(), node.now())
        await keeping.expect(writes, *wanted)
        statement = await _standing(seat, key, day.isoformat())
        if anew or statement.state in (State.AWAITED, State.BROKEN):
            statement = await _fetch(node, seat, statement, told)
        if statement.state in (State.AWAITED, State.BROKEN):
            return Outcome(statement=statement)
        return await _compare(node, seat, statement, told)


async def _standing(seat: Seat, key: AccountKey, day: str) -> Statement:
    found = await queries.statement(seat.writes, key, day)
    assert found is not None, "it was expected"
    return found


async def _expect(node: Node, seat: Seat) -> None:
    """Every account's statements are waited for, up to yesterday's."""
    for key in fetching.with_statements(node):
        await _expect_of(node, seat, key)


async def _expect_of(node: Node, seat: Seat, key: AccountKey) -> None:
    """From the last known day on to yesterday; of a new account yesterday's."""
    today = await fetching.today(node, key)
    known = await queries.newest_day(seat.writes, key, today.isoformat())
    first = today - timedelta(days=1)
    if known is not None:
        after = date.fromisoformat(known) + timedelta(days=1)
        first = max(after, today - timedelta(days=MOST_DAYS))
    for ahead in range((today - first).days):
        day = (first + timedelta(days=ahead)).isoformat()
        wanted = (node.ids.uuid(), key, day, node.now())
        await keeping.expect(seat.writes, *wanted)


async def _waited_for(node: Node, seat: Seat) -> list[Statement]:
    """What is worth another look today: what is long late is the next day's."""
    return [
        statement
        for statement in await queries.waiting(seat.writes)
        if statement.state == State.KEPT or not await _late(node, statement)
    ]


async def _late(node: Node, statement: Statement) -> bool:
    today = await fetching.today(node, statement.key)
    age = today - date.fromisoformat(statement.day)
    return age.days > node.settings.recon_late_days


# --- fetching -------------------------------------------------------------------------


async def _fetch(node: Node, seat: Seat, statement: Statement, told: Told) -> Statement:
    """Ask for one, and keep it if it comes."""
    keeper = Keeper(seat.writes, statement)
    await keeper.begin()

    async def take(octets: bytes) -> None:
        told("fetching", len(octets))
        await keeper.take(octets)

    day = date.fromisoformat(statement.day)
    fetched = await fetching.fetch(node, statement.key, day, take)
    if fetched.arrived is Arrived.WHOLE:
        await keeper.done(node.now())
    else:
        await keeper.give_up()
        await _again(node, seat, statement, State.AWAITED, fetched.said)
    _log.info("statement_fetched", statement=statement.name, said=fetched.said)
    return await _standing(seat, statement.key, statement.day)


async def _again(
    node: Node, seat: Seat, statement: Statement, state: str, why: str
) -> None:
    """It is asked for again a little later; a person is told where it is late, or where
    it came and is no good. What was compared once stays so.
    """
    if statement.state == State.RECONCILED:
        return
    wait: timedelta = FIRST_RETRY * (1 << min(statement.tries, 10))
    again_at = node.now() + min(wait, LONGEST_RETRY)
    await keeping.mark(seat.writes, statement, state, why, again_at)
    if state == State.BROKEN or await _late(node, statement):
        await _case_of_file(node, statement, state, why)


async def _case_of_file(node: Node, statement: Statement, state: str, why: str) -> None:
    change = node.change()
    channel, account = statement.key
    await desk.open_case(
        node,
        change,
        kind=STATEMENT_CASE,
        pay_order_no=None,
        about=f"{channel}/{account}:{statement.day}:{state}",
        evidence={
            "channel": channel,
            "account": account,
            "day": statement.day,
            "why": why,
            "tries": statement.tries + 1,
            "cure": "Ask the channel for the file. It is asked for again every hour;"
            " `paycore recon run` asks at once.",
        },
    )
    if not change.empty:
        await node.journal.commit(change)  # refused: another has told it


# --- comparing ------------------------------------------------------------------------


async def _compare(node: Node, seat: Seat, statement: Statement, told: Told) -> Outcome:
    """Compare one, and tell the desk what it came to."""
    try:
        figures = await _compared(node, seat, statement, told)
    except StatementBroken as broken:
        _log.warning("statement_broken", statement=statement.name, why=str(broken))
        return await _broken(node, seat, statement, str(broken))
    except Exception as error:
        if queries.away(error):
            raise
        # Whatever is wrong with this one must not keep the others from being compared.
        _log.exception("statement_not_compared", statement=statement.name)
        why = f"it cannot be compared: {type(error).__name__}"
        return await _broken(node, seat, statement, why)
    cases = await _tell(node, seat, statement, told)
    _log.info(
        "statement_reconciled",
        statement=statement.name,
        lines=figures.lines,
        matched=figures.matched,
        cases=cases,
    )
    standing = await _standing(seat, statement.key, statement.day)
    return Outcome(statement=standing, cases=cases)


async def _broken(node: Node, seat: Seat, statement: Statement, why: str) -> Outcome:
    """Nothing is concluded from it; a person is told, and it is asked for again."""
    await _again(node, seat, statement, State.BROKEN, why)
    return Outcome(statement=await _standing(seat, statement.key, statement.day))


async def _compared(
    node: Node, seat: Seat, statement: Statement, told: Told
) -> Figures:
    day = date.fromisoformat(statement.day)
    comparison = Comparison(
        connection=seat.writes,
        statement=statement,
        day=await fetching.bounds(node, statement.key, day),
        terms=await _terms(node, statement.key),
        now=node.now(),
    )
    octets = _heard(keeping.pieces(seat.reads, statement), told)
    lines = await fetching.reading(node, statement.key, day, octets)
    async with seat.writes.transaction():
        return await comparison.run(lines)


async def _heard(octets: AsyncIterator[bytes], told: Told) -> AsyncIterator[bytes]:
    """The same; how much was read is told."""
    async for piece in octets:
        yield piece
        told("comparing", len(piece))


# --- telling --------------------------------------------------------------------------


async def _tell(node: Node, seat: Seat, statement: Statement, told: Told) -> int:
    """Open a case for each difference that nobody was told of, so many at the most."""
    opened, most = 0, MOST_CASES - await queries.told_of(seat.writes, statement)
    while opened < most:
        found = await queries.untold(seat.writes, statement.key, CASES_AT_ONCE)
        if not found:
            return opened
        await asyncio.gather(*(_open_case(node, one) for one in found))
        await writing.were_told(seat.writes, found, node.now())
        opened += len(found)
        told("telling", len(found))
    await _case_of_many(node, seat, statement)
    return opened


def case_of(difference: Difference) -> str:
    """What the case of a difference is called, opened or not."""
    return desk.case_id(
        f"{CASE}{difference.kind}",
        difference.pay_order_no,
        difference.attempt_seq,
        _about(difference),
    )


def _about(difference: Difference) -> str:
    return f"{difference.channel}/{difference.account}:{difference.matter}"


async def _open_case(node: Node, difference: Difference) -> None:
    """One change: the case, and what is parked. Whoever comes second writes neither."""
    change = node.change()
    await desk.open_case(
        node,
        change,
        kind=f"{CASE}{difference.kind}",
        pay_order_no=difference.pay_order_no,
        attempt_seq=difference.attempt_seq,
        amount=difference.amount or None,
        currency=difference.currency or None,
        about=_about(difference),
        evidence=evidence_of(difference),
    )
    if change.empty:
        return
    (opened,) = change.inserts
    assert isinstance(opened.row, CaseRow)
    park_in_suspense(node, change, difference, case_id=opened.row.case_id)
    await node.journal.commit(change)


def park_in_suspense(
    node: Node, change: Change, difference: Difference, *, case_id: str
) -> None:
    """Park a difference's money (挂账), in the change that opens its case: what they
    have and we have not is owed to whoever it belongs to, what we have and they have
    not is claimed from the channel. The posting has the case's id, so there is one.
    """
    surplus = surplus_of(difference)
    if surplus is None or not difference.amount:
        return
    parked = Parked(
        no=difference.pay_order_no or accounting.of_no_payment(difference.day),
        case_id=case_id,
        channel=difference.channel,
        account=difference.account,
        amount=difference.amount,
        currency=difference.currency,
        surplus=surplus,
    )
    suspense.park(node, change, parked, at=node.now())


def evidence_of(difference: Difference) -> dict[str, object]:
    """What a person needs to see, and what to do about it."""
    return {
        "day": difference.day,
        "channel": difference.channel,
        "account": difference.account,
        "trade": difference.trade,
        "request_no": difference.request_no,
        "line": difference.line,
        "channel_ref": difference.channel_ref,
        "happened_at": difference.happened_at,
        "ours": {
            "status": difference.our_status,
            "amount": difference.our_amount,
            "currency": difference.our_currency,
            "fee": difference.our_fee,
        },
        "theirs": {
            "amount": difference.their_amount,
            "currency": difference.their_currency,
            "fee": difference.their_fee,
            "moved": difference.moved,
            "said": difference.said,
        },
        "cure": CURES[difference.kind],
    }


async def _case_of_many(node: Node, seat: Seat, statement: Statement) -> None:
    """The rest of them, in one case."""
    left = await queries.untold(seat.writes, statement.key, 1)
    if left:
        why = f"more than {MOST_CASES} differences: see `paycore recon show`"
        await _case_of_file(node, statement, "MANY", why)


async def statements_of(pool: queries.Pool, day: str) -> Sequence[Statement]:
    """Every account's statement of a day; a refusal where there is none."""
    found = await queries.of_day(pool, day)
    if not found:
        raise DataNotExist("No statement of that day is known.", "没有该日的对账单")
    return found

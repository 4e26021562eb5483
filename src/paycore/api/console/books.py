"""The books: days compared with the channels, what differs, balances, postings."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from litestar import Response, get

from paycore.accounting import queries as accounting
from paycore.accounting.queries import DayBalance
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.books_schema import (
    ConsoleBalance,
    ConsoleBalances,
    ConsoleDay,
    ConsoleDayDetails,
    ConsoleDays,
    ConsoleDifference,
    ConsolePosting,
    ConsolePostings,
    ConsoleTrialBalance,
    OfDay,
    SearchDays,
    SearchPostings,
    TrialBalanceLine,
    TrialBalanceSum,
)
from paycore.api.console.keyset import key_of, parts_of
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Door, Plain, door_of, read
from paycore.api.paging import cursor_of, cut, query_of
from paycore.api.schema import Page
from paycore.core.overview.minutes import Money
from paycore.cures.document import ref_of
from paycore.desk import queries as desk
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.terms import PayOrderNo
from paycore.operators.roles import May
from paycore.recon import queries as recon
from paycore.recon import service
from paycore.recon.queries import Difference, Statement

_DAYS = Shape(SearchDays)
_DIFFERENCES = Shape(Page)
_POSTINGS = Shape(SearchPostings)
_OF_DAY = Shape(OfDay)

_ONE_DAY = timedelta(days=1)


@get(
    "/v1/console/books/days",
    opt={
        "call": Call(
            name="searchDays",
            summary="Days of accounts and what comparing them came to, newest first",
            asks=SearchDays,
            gives=((200, ConsoleDays),),
            may=May.READ,
        )
    },
)
async def search_days(request: Plain) -> Response[bytes]:
    """Days, the newest first."""
    await operator_of(request)
    door, asked = door_of(request), _DAYS.convert(query_of(request))
    for name, day in (("from", asked.since), ("to", asked.until)):
        _is_day(day, field=name)
    after = parts_of(asked.cursor, 3)
    rows = await read(
        door,
        recon.page(
            door.pool,
            channel=asked.channel,
            since=asked.since,
            until=asked.until,
            after=None if after is None else (after[0], after[1], after[2]),
            limit=asked.limit + 1,
        ),
    )
    keys = [key_of(row.day, row.channel, row.account) for row in rows]
    page, more = cut(rows, asked.limit, keys)
    return found(ConsoleDays(items=await _days(door, page), next=more))


@get(
    "/v1/console/books/days/{channel:str}/{account:str}/{day:str}",
    opt={
        "call": Call(
            name="getDay",
            summary="One day of one account, with what differs",
            asks=Page,
            gives=((200, ConsoleDayDetails),),
            refuses=(DataNotExist,),
            may=May.READ,
        )
    },
)
async def get_day(
    request: Plain, channel: str, account: str, day: str
) -> Response[bytes]:
    """One day with a page of its differences."""
    await operator_of(request)
    door, asked = door_of(request), _DIFFERENCES.convert(query_of(request))
    key = (channel, account)
    statement = await read(door, recon.the_day(door.pool, key, day))
    if statement is None:
        raise DataNotExist("There is no such day of that account.", "该日不存在")
    after = parts_of(asked.cursor, 2)
    rows = await read(
        door,
        recon.page_of_differences(
            door.pool,
            key,
            day,
            after=None if after is None else (after[0], after[1]),
            limit=asked.limit + 1,
        ),
    )
    page, more = cut(rows, asked.limit, [key_of(row.kind, row.fact) for row in rows])
    (shown,) = await _days(door, [statement])
    return found(
        ConsoleDayDetails(
            day=shown, differences=await _differences(door, page), next=more
        )
    )


@get(
    "/v1/console/books/balances",
    opt={
        "call": Call(
            name="listBalances",
            summary="What stands on every account of the books",
            gives=((200, ConsoleBalances),),
            may=May.READ,
        )
    },
)
async def list_balances(request: Plain) -> Response[bytes]:
    """What stands on every account: as many as there are channels and lines."""
    await operator_of(request)
    door = door_of(request)
    items = [
        ConsoleBalance(account=row.account, currency=row.currency, amount=row.amount)
        for row in await read(door, accounting.balances(door.pool))
    ]
    return found(ConsoleBalances(items=items, next=None))


@get(
    "/v1/console/books/postings",
    opt={
        "call": Call(
            name="searchPostings",
            summary="Postings of a payment, an account, a day (UTC)",
            asks=SearchPostings,
            gives=((200, ConsolePostings),),
            may=May.READ,
        )
    },
)
async def search_postings(request: Plain) -> Response[bytes]:
    """Postings, those of the newest payments first."""
    await operator_of(request)
    door, asked = door_of(request), _POSTINGS.convert(query_of(request))
    begins = _is_day(asked.day, field="day")
    if asked.pay_order_no is not None:
        items = await _of_payment(door, PayOrderNo(asked.pay_order_no), asked)
        return found(ConsolePostings(items=items, next=None, searched_from=None))
    before = parts_of(asked.cursor, 3)
    page = await read(
        door,
        accounting.page(
            door.pool,
            begins=begins,
            ends=None if begins is None else begins + _ONE_DAY,
            account=asked.account,
            before=None if before is None else (before[0], before[1], before[2]),
            limit=asked.limit,
        ),
    )
    return found(
        ConsolePostings(
            items=[
                ConsolePosting(
                    at=one.at,
                    pay_order_no=one.pay_order_no,
                    entry=one.kind,
                    fact=one.fact,
                    account=one.account,
                    side=one.side,
                    amount=one.amount,
                    currency=one.currency,
                )
                for one in page.lines
            ],
            next=cursor_of(None if page.before is None else key_of(*page.before)),
            searched_from=page.searched_from,
        )
    )


@get(
    "/v1/console/books/trial-balance",
    opt={
        "call": Call(
            name="getTrialBalance",
            summary="The trial balance of a day that was cut off, or as of now",
            asks=OfDay,
            gives=((200, ConsoleTrialBalance),),
            refuses=(DataNotExist,),
            may=May.READ,
        )
    },
)
async def get_trial_balance(request: Plain) -> Response[bytes]:
    """Debits and credits of every account."""
    await operator_of(request)
    door, asked = door_of(request), _OF_DAY.convert(query_of(request))
    _is_day(asked.day, field="day")
    rows = await read(door, accounting.of_day(door.pool, asked.day))
    if rows is None:
        raise DataNotExist("That day was not cut off.", "该日尚未日切")
    return found(
        ConsoleTrialBalance(
            day=asked.day,
            accounts=[
                TrialBalanceLine(
                    account=row.account,
                    currency=row.currency,
                    opening=row.opening,
                    movement=row.movement,
                    debit=row.debit,
                    credit=row.credit,
                    late=row.late,
                )
                for row in rows
            ],
            sums=_sums(rows),
        )
    )


def _sums(rows: Sequence[DayBalance]) -> list[TrialBalanceSum]:
    sums: dict[str, tuple[int, int]] = {}
    for row in rows:
        debit, credit = sums.get(row.currency, (0, 0))
        sums[row.currency] = (debit + row.debit, credit + row.credit)
    return [
        TrialBalanceSum(
            currency=currency, debit=debit, credit=credit, balanced=debit == credit
        )
        for currency, (debit, credit) in sorted(sums.items())
    ]


def _is_day(day: str | None, *, field: str) -> datetime | None:
    """The day's beginning (UTC); BadRequest for what no calendar has."""
    if day is None:
        return None
    try:
        known = date.fromisoformat(day)
    except ValueError:
        raise BadRequest(f"{field}: a day: 2026-11-28.", field=field) from None
    if known == date.max:
        raise BadRequest(f"{field}: a day: 2026-11-28.", field=field)
    return datetime(known.year, known.month, known.day, tzinfo=UTC)


async def _days(door: Door, rows: Sequence[Statement]) -> list[ConsoleDay]:
    differ = {row.day for row in rows if row.figures and any(_counts(row).values())}
    off = await read(door, recon.off(door.pool, sorted(differ))) if differ else {}
    return [_day(row, off.get((row.day, row.channel, row.account), {})) for row in rows]


def _day(row: Statement, off: Mapping[str, int]) -> ConsoleDay:
    figures = row.figures
    return ConsoleDay(
        channel=row.channel,
        account=row.account,
        day=row.day,
        state=row.state,
        lines=figures.lines if figures else None,
        matched=figures.matched if figures else None,
        pooled=figures.pooled if figures else None,
        differences=sum(_counts(row).values()) if figures else None,
        amount_off=[
            Money(currency=currency, amount=amount)
            for currency, amount in sorted(off.items())
        ],
        said=row.said,
        fetched_at=row.fetched_at,
        reconciled_at=row.reconciled_at,
    )


def _counts(row: Statement) -> dict[str, int]:
    """How many differ, by kind."""
    figures = row.figures
    return (
        {} if figures is None else {str(k): n for k, n in figures.differences.items()}
    )


async def _differences(
    door: Door, rows: Sequence[Difference]
) -> list[ConsoleDifference]:
    cases = [service.case_of(row) for row in rows]
    known = await read(door, desk.known(door.pool, cases)) if cases else set()
    return [
        ConsoleDifference(
            kind=row.kind,
            trade=row.trade,
            request_no=row.request_no,
            pay_order_no=row.pay_order_no,
            ours=_side(row.our_amount, row.our_currency),
            theirs=_side(row.their_amount, row.their_currency),
            our_status=row.our_status,
            channel_ref=row.channel_ref,
            said=row.said,
            found_at=row.found_at,
            healed_at=row.healed_at,
            case_ref=ref_of(case) if case in known else None,
        )
        for row, case in zip(rows, cases, strict=True)
    ]


def _side(amount: int | None, currency: str | None) -> Money | None:
    if amount is None:
        return None
    return Money(currency=currency or "", amount=amount)


async def _of_payment(
    door: Door, no: PayOrderNo, asked: SearchPostings
) -> list[ConsolePosting]:
    return [
        ConsolePosting(
            at=one.at,
            pay_order_no=no,
            entry=one.kind,
            fact=one.fact,
            account=one.account,
            side=one.side,
            amount=one.amount,
            currency=one.currency,
        )
        for one in await read(door, accounting.entries(door.pool, no))
        if asked.account in (None, one.account)
        if asked.day in (None, f"{one.at.astimezone(UTC):%Y-%m-%d}")
    ]

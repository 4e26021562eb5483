"""The shapes of the console's calls about the books."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, field

from paycore.api.schema import Answer, Page, PayOrderNumber, Shape
from paycore.core.overview.minutes import Money

Day = Annotated[
    str,
    Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", description="a day: 2026-11-28"),
]
Named = Annotated[
    str,
    Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z", description="1-64 of A-Z a-z 0-9 _ -"),
]
AccountName = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9_:-]{1,128}\Z",
        description="an account of the books: 1-128 of A-Z a-z 0-9 _ : -",
    ),
]


class SearchDays(Page, frozen=True, kw_only=True):
    """The query of `GET /v1/console/books/days`; both days are in it."""

    channel: Named | None = None
    since: Day | None = field(name="from", default=None)
    until: Day | None = field(name="to", default=None)


class SearchPostings(Page, frozen=True, kw_only=True):
    """The query of `GET /v1/console/books/postings`; `limit` counts postings."""

    pay_order_no: PayOrderNumber | None = None
    account: AccountName | None = None
    day: Day | None = None


class OfDay(Shape, frozen=True, kw_only=True):
    """The query of the trial balance."""

    day: Day | None = None


class ConsoleDay(Answer, frozen=True, kw_only=True):
    """One day of one account, as it was compared with the channel's statement."""

    channel: str
    account: str
    day: str
    state: str
    """AWAITED, KEPT, BROKEN or RECONCILED."""
    lines: int | None
    matched: int | None
    pooled: int | None
    differences: int | None
    amount_off: list[Money]
    """Of the differences that stand."""
    said: str
    fetched_at: datetime | None
    reconciled_at: datetime | None


class ConsoleDays(Answer, frozen=True, kw_only=True):
    """A page of days, the newest first."""

    items: list[ConsoleDay]
    next: str | None


class ConsoleDifference(Answer, frozen=True, kw_only=True):
    """Where the channel and we differ."""

    kind: str
    trade: str | None
    request_no: str
    pay_order_no: str | None
    ours: Money | None
    theirs: Money | None
    our_status: str | None
    channel_ref: str
    said: str
    found_at: datetime
    healed_at: datetime | None
    case_ref: str | None


class ConsoleDayDetails(Answer, frozen=True, kw_only=True):
    """One day with what differs, a page of it."""

    day: ConsoleDay
    differences: list[ConsoleDifference]
    next: str | None


class ConsoleBalance(Answer, frozen=True, kw_only=True):
    """What stands on an account: debits minus credits."""

    account: str
    currency: str
    amount: int


class ConsoleBalances(Answer, frozen=True, kw_only=True):
    """What stands on every account."""

    items: list[ConsoleBalance]
    next: str | None


class ConsolePosting(Answer, frozen=True, kw_only=True):
    """One line of a posting."""

    at: datetime
    pay_order_no: str
    entry: str
    """The posting's kind."""
    fact: str
    account: str
    side: str
    amount: int
    currency: str


class ConsolePostings(Answer, frozen=True, kw_only=True):
    """A page of postings, line by line, those of the newest payments first."""

    items: list[ConsolePosting]
    next: str | None
    searched_from: datetime | None
    """Where not all were looked at: back to then; the next page goes on."""


class TrialBalanceLine(Answer, frozen=True, kw_only=True):
    """An account in the trial balance."""

    account: str
    currency: str
    opening: int
    movement: int
    debit: int
    credit: int
    late: int


class TrialBalanceSum(Answer, frozen=True, kw_only=True):
    """A currency's debits and credits, which must be equal."""

    currency: str
    debit: int
    credit: int
    balanced: bool


class ConsoleTrialBalance(Answer, frozen=True, kw_only=True):
    """The trial balance of a day that was cut off, or as of now."""

    day: str | None
    accounts: list[TrialBalanceLine]
    sums: list[TrialBalanceSum]

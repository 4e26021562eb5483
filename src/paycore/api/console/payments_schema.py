"""The shapes of the console's calls about payments and what belongs to them."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, field

from paycore.api.console.schema import Moment
from paycore.api.paging import DEFAULT_PAGE
from paycore.api.schema import (
    Answer,
    Currency,
    Identifier,
    PageSize,
    Shape,
)
from paycore.core.agreements.queries import AgreementLine
from paycore.core.agreements.states import AgreementStatus
from paycore.core.looks.document import Line
from paycore.core.overview.service import Overview
from paycore.core.refunds.document import RefundLine, RefundStep
from paycore.core.timeline import Item
from paycore.coupon.queries import Coupon
from paycore.kernel.money import MAX_AMOUNT_MINOR
from paycore.kernel.terms import BizStatus, PayType, RefundStatus

Number = Annotated[
    str,
    Meta(
        pattern=r"\A[\x21-\x7e]{1,128}\Z",
        description="1-128 visible ASCII characters: any number, or four digits",
    ),
]
LineName = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z0-9][a-z0-9_-]{0,31}\Z",
        description="1-32 of a-z 0-9 _ -, the first a letter or digit",
    ),
]
Sum = Annotated[
    int,
    Meta(ge=0, le=MAX_AMOUNT_MINOR, description="integer of minor units, 0 or more"),
]
RespCode = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9._:/-]{1,64}\Z",
        description="1-64 of A-Z a-z 0-9 . _ : / -",
    ),
]
ListCursor = Annotated[
    str, Meta(pattern=r"\A[A-Za-z0-9_=-]{1,1024}\Z", description="`next` of a page")
]


Result = Annotated[
    Literal["unknown"],
    Meta(
        description="unknown: money was asked for and nobody knows yet what became of "
        "that; then the oldest come first"
    ),
]


class Filters(Shape, frozen=True, kw_only=True):
    """What payments are to be like."""

    q: Number | None = None
    biz_line: LineName | None = None
    biz_status: BizStatus | None = None
    pay_type: PayType | None = None
    converted: Annotated[bool, Meta(description="true or false")] | None = None
    currency: Currency | None = None
    amount_from: Sum | None = None
    amount_to: Sum | None = None
    since: Moment | None = field(name="from", default=None)
    until: Moment | None = field(name="to", default=None)
    channel: Identifier | None = None
    resp_code: RespCode | None = None
    result: Result | None = None


class SearchConsolePayments(Filters, frozen=True, kw_only=True):
    """The query of `GET /v1/console/payments`."""

    limit: PageSize = DEFAULT_PAGE
    cursor: ListCursor | None = None


class ExportPayments(Filters, frozen=True, kw_only=True):
    """The query of `GET /v1/console/payments.csv`."""


class ConsolePayments(Answer, frozen=True, kw_only=True):
    """A page of payments, newest first, of those whose result is unknown the oldest
    first. It may hold fewer than it could, or none, and still have a `next`: then so
    many were looked at that it was not gone on with.
    """

    items: list[Line]
    next: str | None
    searched_from: datetime | None
    """Back to when was looked, where not to the end."""


class ConsoleTimeline(Answer, frozen=True, kw_only=True):
    """Everything that happened to a payment, what people did about it as well."""

    items: list[Item]


class PaymentActed(Answer, frozen=True, kw_only=True):
    """What came of an act on a payment."""

    pay_order_no: str
    biz_status: BizStatus
    says: str
    says_zh: str


class SearchConsoleRefunds(Shape, frozen=True, kw_only=True):
    """The query of `GET /v1/console/refunds`."""

    limit: PageSize = DEFAULT_PAGE
    cursor: ListCursor | None = None
    q: Number | None = None
    status: RefundStatus | None = None
    biz_line: LineName | None = None
    channel: Identifier | None = None
    result: Result | None = None
    since: Moment | None = field(name="from", default=None)
    until: Moment | None = field(name="to", default=None)


class ConsoleRefunds(Answer, frozen=True, kw_only=True):
    """A page of refunds, those of the newest payments first; of those whose result is
    unknown the oldest first.
    """

    items: list[RefundLine]
    next: str | None
    searched_from: datetime | None


class ConsoleRefund(Answer, frozen=True, kw_only=True):
    """One refund, what happened to it, and its messages, masked."""

    refund: RefundLine
    steps: list[RefundStep]
    messages: list[Item]


class SearchAgreements(Shape, frozen=True, kw_only=True):
    """The query of `GET /v1/console/agreements`."""

    limit: PageSize = DEFAULT_PAGE
    cursor: ListCursor | None = None
    q: Number | None = None
    state: AgreementStatus | None = None
    channel: Identifier | None = None


class ConsoleAgreements(Answer, frozen=True, kw_only=True):
    """A page of agreements; it may hold fewer than it could and have a `next`."""

    items: list[AgreementLine]
    next: str | None


CouponState = Annotated[
    str,
    Meta(
        pattern=r"\A(AVAILABLE|LOCKED|USED|NAMED|ASKED|USING|FREEING|FREED)\Z",
        description="AVAILABLE, LOCKED or USED; of coupons that live elsewhere NAMED, "
        "ASKED, LOCKED, USING, USED, FREEING or FREED",
    ),
]


class SearchCoupons(Shape, frozen=True, kw_only=True):
    """The query of `GET /v1/console/coupons`."""

    limit: PageSize = DEFAULT_PAGE
    cursor: ListCursor | None = None
    q: Number | None = None
    state: CouponState | None = None


class ConsoleCoupons(Answer, frozen=True, kw_only=True):
    """A page of coupons; it may hold fewer than it could and have a `next`."""

    items: list[Coupon]
    next: str | None


class Waits(Answer, frozen=True, kw_only=True):
    """So many, and how old the oldest is; of what is due by how much it is late."""

    number: int
    oldest_s: float


class CasesOfKind(Answer, frozen=True, kw_only=True):
    """Open cases at the desk."""

    kind: str
    number: int


class ConsoleOverview(Overview, frozen=True, kw_only=True):
    """How payments go, and what waits."""

    unknown: Waits
    due: Waits
    notices: Waits
    cases: list[CasesOfKind]

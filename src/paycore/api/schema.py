"""The shapes of requests and answers, with their rules: what OpenAPI is made of.

A field's `description` is its rule in words; it is what a refusal says about it.
Shapes only: nothing is looked up here.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from paycore.api.paging import DEFAULT_PAGE, MAX_PAGE
from paycore.core.order import Order
from paycore.core.refunds.document import Refund
from paycore.core.timeline import Item
from paycore.kernel.ids import PAY_ORDER_NO_LENGTH
from paycore.kernel.money import MAX_AMOUNT_MINOR
from paycore.kernel.terms import BizStatus, PayType, RefundStatus


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request: whatever is not declared is refused."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of ours."""


OutBizNo = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9._:-]{1,64}\Z",
        description="1-64 of A-Z a-z 0-9 . _ : -",
    ),
]
PayOrderNumber = Annotated[
    str,
    Meta(
        pattern=rf"\A[0-9A-Z]{{{PAY_ORDER_NO_LENGTH}}}\Z",
        description=f"a payment's number: {PAY_ORDER_NO_LENGTH} letters and digits",
    ),
]
Currency = Annotated[
    str,
    Meta(pattern=r"\A[A-Z]{3}\Z", description="upper-case ISO 4217 code"),
]
Amount = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_AMOUNT_MINOR,
        description="integer of minor units, 1 to 1,000,000,000,000",
    ),
]
Limit = Annotated[int, Meta(ge=1, le=MAX_AMOUNT_MINOR, description="minor units")]
Identifier = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9._:-]{1,64}\Z",
        description="1-64 of A-Z a-z 0-9 . _ : -",
    ),
]
Name = Annotated[
    str,
    Meta(min_length=1, max_length=64, description="1-64 characters"),
]

ShortText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=r"\S",
        description="1-128 characters, none of control or format",
    ),
]
Subject = ShortText

MIN_EXPIRY_S = 60
MAX_EXPIRY_S = 86_400
ExpiresInS = Annotated[
    int,
    Meta(ge=MIN_EXPIRY_S, le=MAX_EXPIRY_S, description="seconds, 60 to 86,400"),
]


class OpenQuickPayment(Shape, frozen=True, kw_only=True):
    """What `POST /v1/quick-payments` takes."""

    out_biz_no: OutBizNo
    biz_order_no: OutBizNo | None = None
    amount: Amount
    currency: Currency
    card_id: Identifier
    subject: Subject
    coupon_no: Identifier | None = None
    expires_in_s: ExpiresInS | None = None


class Deduct(OpenQuickPayment, frozen=True, kw_only=True):
    """What `POST /v1/deductions` takes: the fields of a quick payment."""


PageSize = Annotated[int, Meta(ge=1, le=MAX_PAGE, description="1 to 100")]
Cursor = Annotated[
    str,
    Meta(pattern=r"\A[A-Za-z0-9_=-]{1,256}\Z", description="`next` of a page"),
]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339 with offset")]


class Page(Shape, frozen=True, kw_only=True):
    """The query of a list."""

    limit: PageSize = DEFAULT_PAGE
    cursor: Cursor | None = None


class Search(Page, frozen=True, kw_only=True):
    """The query of `GET /v1/payments`."""

    out_biz_no: OutBizNo | None = None
    biz_status: BizStatus | None = None
    since: Moment | None = msgspec.field(name="from", default=None)
    until: Moment | None = msgspec.field(name="to", default=None)


class CreateRefund(Shape, frozen=True, kw_only=True):
    """What `POST /v1/refunds` takes."""

    pay_order_no: PayOrderNumber
    out_refund_no: OutBizNo
    amount: Amount
    reason: ShortText | None = None


class SearchRefunds(Page, frozen=True, kw_only=True):
    """The query of `GET /v1/refunds`."""

    pay_order_no: PayOrderNumber | None = None
    out_refund_no: OutBizNo | None = None
    biz_status: RefundStatus | None = None


class Confirm(Shape, frozen=True, kw_only=True):
    """What a confirm takes: the code, and nothing that the order already says."""

    sms_verify_code: Annotated[
        str,
        Meta(pattern=r"\A[0-9]{4,8}\Z", description="4-8 digits"),
    ]


class GivenAgreement(Shape, frozen=True, kw_only=True):
    """An agreement or mandate that exists at a channel already."""

    pay_type: PayType
    channel: Identifier
    account: Identifier
    token: Annotated[
        str,
        Meta(
            pattern=r"\A[\x21-\x7e]{1,128}\Z",
            description="1-128 visible ASCII characters",
        ),
    ]
    single_limit: Limit | None = None
    daily_limit: Limit | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None


class SignAgreement(Shape, frozen=True, kw_only=True):
    """What is to be signed with the code that the bank texts, and where."""

    pay_type: PayType
    channel: Identifier
    account: Identifier
    scope: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=64,
                pattern=r"\S",
                description="1-64 characters, none of control or format",
            ),
        ]
        | None
    ) = None
    single_limit: Limit | None = None
    daily_limit: Limit | None = None
    ends_at: Moment | None = None


class RegisterCard(Shape, frozen=True, kw_only=True):
    """What `POST /v1/cards` takes: a card with the agreements its payer has given."""

    number: Annotated[
        str,
        Meta(pattern=r"\A[0-9]{13,19}\Z", description="13-19 digits, no spaces"),
    ]
    name: Name
    id_no: Annotated[
        str,
        Meta(
            pattern=r"\A[A-Za-z0-9-]{1,32}\Z",
            description="1-32 letters, digits and hyphens",
        ),
    ]
    phone: Annotated[
        str,
        Meta(
            pattern=r"\A\+[1-9][0-9]{6,14}\Z",
            description="E.164: a plus sign, country code, number",
        ),
    ]
    bank: (
        Annotated[
            str,
            Meta(
                pattern=r"\A[A-Z][A-Z0-9_]{1,15}\Z",
                description="2-16 of A-Z 0-9 _",
            ),
        ]
        | None
    ) = None
    card_kind: (
        Annotated[
            str,
            Meta(pattern=r"\A(DEBIT|CREDIT)\Z", description="DEBIT or CREDIT"),
        ]
        | None
    ) = None
    agreements: Annotated[
        list[GivenAgreement],
        Meta(max_length=32, description="at most 32 agreements"),
    ] = []
    sign: SignAgreement | None = None


class Card(Answer, frozen=True, kw_only=True):
    """A card, masked."""

    card_id: str
    bin: str
    tail: str
    bank: str
    card_kind: str
    holder: str
    phone: str
    status: str
    created_at: datetime
    revoked_at: datetime | None


class Agreement(Answer, frozen=True, kw_only=True):
    """An agreement of a card; its token is never shown."""

    pay_type: PayType
    channel: str
    account: str
    single_limit: int | None
    daily_limit: int | None
    starts_at: datetime
    ends_at: datetime | None


class Signing(Answer, frozen=True, kw_only=True):
    """How the signing of a card's agreement stands."""

    pay_type: PayType
    channel: str
    account: str
    status: str
    verify_status: str | None
    resp_code: str
    expires_at: datetime
    signed_at: datetime | None
    ended_at: datetime | None


class CardDetails(Card, frozen=True, kw_only=True):
    """A card with its live agreements."""

    agreements: list[Agreement]
    signing: Signing | UnsetType = UNSET
    """Only of a card that was signed, or is being signed."""


class Orders(Answer, frozen=True, kw_only=True):
    """A page of orders."""

    items: list[Order]
    next: str | None


class Refunds(Answer, frozen=True, kw_only=True):
    """A page of refunds."""

    items: list[Refund]
    next: str | None


class Cards(Answer, frozen=True, kw_only=True):
    """A page of cards."""

    items: list[Card]
    next: str | None


class Timeline(Answer, frozen=True, kw_only=True):
    """Everything that happened to a payment, in order."""

    items: list[Item]


class Problem(Answer, frozen=True, kw_only=True):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | UnsetType = UNSET

"""The shapes of a checkout's requests and answers, with their rules."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, field

from paycore.api.schema import (
    Amount,
    Answer,
    Currency,
    ExpiresInS,
    Identifier,
    OutBizNo,
    Shape,
    SignAgreement,
    Subject,
)
from paycore.checkout.service import Status

MOST_CARDS = 10


class NewCheckout(Shape, frozen=True, kw_only=True):
    """What `POST /v1/checkouts` takes."""

    out_biz_no: OutBizNo
    biz_order_no: OutBizNo | None = None
    amount: Amount
    currency: Currency
    subject: Subject
    coupon_no: Identifier | None = None
    card_ids: Annotated[
        list[Identifier],
        Meta(max_length=MOST_CARDS, description="this payer's cards, at most 10"),
    ] = field(default_factory=list)
    sign: SignAgreement | None = None
    return_url: Annotated[
        str,
        Meta(
            min_length=9,
            max_length=512,
            description="an https address (http on loopback), 9-512 characters",
        ),
    ]
    locale: (
        Annotated[str, Meta(pattern=r"\A(zh|en)\Z", description="zh or en")] | None
    ) = None
    expires_in_s: ExpiresInS | None = None


class CheckoutMade(Answer, frozen=True, kw_only=True):
    """A checkout, and where its payer goes. Who has the address may pay this order."""

    checkout_no: str
    url: str
    expires_at: datetime


class Checkout(Answer, frozen=True, kw_only=True):
    """A checkout as of now."""

    checkout_no: str
    out_biz_no: str
    biz_order_no: str
    amount: int
    currency: str
    status: Status
    """OPEN while there is no payment, then the payment's own; or EXPIRED, for good:
    once it was said no payment opens here any more."""
    pay_order_no: str | None
    added_card_id: str | None
    """The card that the payer added here and that is signed, to be offered again."""
    created_at: datetime
    expires_at: datetime

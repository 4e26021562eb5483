"""What is kept of a payer's checkout."""

from datetime import datetime

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import BizLineId, CouponNo, Json, PayOrderNo


@table("checkout", key="checkout_no", versioned=True)
class CheckoutRow(Row, frozen=True, kw_only=True):
    """What a business line asks to be paid on our page. What is asked for never
    changes; no card number, name or phone is in it.
    """

    checkout_no: str
    version: int = 1
    biz_line: BizLineId
    key_id: str
    """The API key that made it, by which the return to the shop is signed."""
    salt: bytes
    """Random; with our search key it makes the token."""
    digest: bytes
    """SHA-256 of the token's secret half."""
    out_biz_no: str
    biz_order_no: str | None
    amount: int
    currency: str
    subject: str
    coupon_no: CouponNo | None
    coupon_amount: int
    """What the coupon was worth when this was made; the payment asks anew."""
    card_ids: Json
    """JSON list: the saved cards that may be offered."""
    sign: Json | None
    """Where a card that the payer types is signed (`agreements.Wish`); None: nowhere,
    and only saved cards are offered."""
    own_cards: Json
    """JSON list: the cards that the payer added here, the newest last."""
    return_url: str
    locale: str | None
    """zh or en; None: as the browser likes it."""
    pay_order_no: PayOrderNo | None = None
    """The one payment that came of it."""
    opened_at: datetime | None = None
    expired_at: datetime | None = None
    """Since when it is over, and no payment comes of it any more; written before
    anybody is told so."""
    created_at: datetime
    expires_at: datetime


@table("checkout_out_biz_no", key=("biz_line", "out_biz_no"))
class CheckoutNumberRow(Row, frozen=True, kw_only=True):
    """One checkout for a business line's own number."""

    biz_line: BizLineId
    out_biz_no: str
    checkout_no: str
    content: bytes
    """Fingerprint of what was asked for, to tell a repeat from a clash."""
    expires_at: datetime

"""The settings of a coupon system of the user's own."""

from typing import Annotated

from msgspec import Meta

from paycore.kernel.config_checkout import CheckoutSettings
from paycore.kernel.config_keys import key_of
from paycore.kernel.config_texts import Seconds


class CouponSettings(CheckoutSettings, frozen=True, kw_only=True):
    """What a node is told of where coupons live."""

    coupon_url: Annotated[
        str,
        Meta(
            description="A coupon system of your own: where its calls begin, /lock and"
            " the others follow (docs/coupons.md); without it the built-in one is all."
        ),
    ] = ""
    coupon_secret: Annotated[
        str,
        Meta(
            description="Key (base64) that calls to coupon_url are signed by.",
            extra={"secret": True},
        ),
    ] = ""
    coupon_timeout_s: Annotated[
        Seconds,
        Meta(
            description="How long a call to coupon_url may take; a payer waits for the"
            " lock."
        ),
    ] = 3
    coupon_alarm_s: Annotated[
        Seconds,
        Meta(
            description="A use or an unlock that your coupon system has not"
            " acknowledged after so long is a case on the exception desk."
        ),
    ] = 900

    @property
    def coupon_key(self) -> bytes:
        """The key of the signatures on calls to a coupon system."""
        return key_of("coupon_secret", self.coupon_secret)

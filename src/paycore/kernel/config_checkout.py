"""The settings of the payer's checkout."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from msgspec import Meta

from paycore.kernel.config_keys import PREFIX
from paycore.kernel.config_ledger import LedgerSettings
from paycore.kernel.errors import Misconfigured


class CheckoutSettings(LedgerSettings, frozen=True, kw_only=True):
    """What a node is told of the pages that payers see."""

    checkout_url: Annotated[
        str,
        Meta(
            description="Where payers reach us: base of a checkout's address; without"
            " it public_url."
        ),
    ] = ""
    checkout_proxies: Annotated[
        str,
        Meta(
            description="Addresses or networks of the proxies before the checkout,"
            " separated by commas: only theirs is the X-Forwarded-For by which texts to"
            " payers at one address are counted."
        ),
    ] = ""
    keep_checkouts_days: Annotated[
        int,
        Meta(
            ge=1,
            le=36_500,
            description="How long a checkout is kept after its end; the payment that"
            " came of it is kept for good.",
        ),
    ] = 90

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Whose X-Forwarded-For is believed."""
        given = (one.strip() for one in self.checkout_proxies.split(","))
        try:
            return tuple(ip_network(one) for one in given if one)
        except ValueError as error:
            raise Misconfigured(
                f"{PREFIX}CHECKOUT_PROXIES: addresses or networks, separated by commas"
            ) from error

"""What a bank writes to a payer whom it sends its own code. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from paycore.sandbox.orders import Order, Text

# Currencies in use here whose minor unit is not a hundredth.
_EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "JPY": 0,
        "KRW": 0,
        "VND": 0,
        "KWD": 3,
        "BHD": 3,
        "TND": 3,
    }
)


def text_of(order: Order, code: str, *, bank: str, now_ms: int) -> Text:
    """The text with the code that opens an order."""
    assert order.phone is not None, "an order that a code opens has one"
    what = "signing an agreement"
    if order.amount is not None and order.currency is not None:
        what = f"paying {_shown(order.amount, order.currency)}"
    return Text(
        phone=order.phone,
        text=f"[bank {bank}] {code} is the bank's own code for {what}.",
        code=code,
        carrier=bank,
        at_ms=now_ms,
    )


def _shown(amount: int, currency: str) -> str:
    """An amount in major units, without floating point."""
    exponent = _EXPONENTS.get(currency, 2)
    major, minor = divmod(amount, 10**exponent)
    return (
        f"{major}.{minor:0{exponent}d} {currency}"
        if exponent
        else (f"{major} {currency}")
    )

"""Amounts as Stripe counts them, and as ISO 4217 does. Pure.

Stripe takes integers of a currency's smallest unit, but its units are not everywhere
ISO's (docs.stripe.com/currencies, "Zero-decimal currencies" and "Special cases"):

    ISK, UGX   have no decimals and are sent with two: 5 króna are 500
    MGA        has two in ISO and none at Stripe: what is not whole cannot be said
    BHD …      have three, of which the last must be 0
    HUF, TWD   are without decimals in payouts only: charged with two, as in ISO

What is in none of its lists cannot be said exactly, and is refused rather than guessed.
"""

from typing import Final

from paycore.kernel.money import exponent

_WITHOUT: Final = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW"),
        *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
_WITH_THREE: Final = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def theirs(amount: int, currency: str) -> int | None:
    """What Stripe calls an amount of ours; None where it cannot say it exactly."""
    match exponent(currency), currency:
        case 0, "ISK" | "UGX":
            return amount * 100
        case 2, "MGA":
            return None if amount % 100 else amount // 100
        case 2, _:
            return amount
        case 0, _ if currency in _WITHOUT:
            return amount
        case 3, _ if currency in _WITH_THREE:
            return None if amount % 10 else amount
    return None


def ours(amount: int, currency: str) -> int | None:
    """Our minor units of an amount of theirs, in a currency in capitals; None where it
    is no whole number of them, or in a currency that is not known to be theirs.
    """
    match exponent(currency), currency:
        case 0, "ISK" | "UGX":
            return None if amount % 100 else amount // 100
        case 2, "MGA":
            return amount * 100
        case 2, _:
            return amount
        case 0, _ if currency in _WITHOUT:
            return amount
        case 3, _ if currency in _WITH_THREE:
            return amount
    return None

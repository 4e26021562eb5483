"""Money is an integer of minor units and an ISO 4217 code; here is what else is known.

The exponent comes from ISO 4217 (not CLDR: the two disagree on 13 currencies).
"""

from functools import lru_cache

from iso4217 import Currency

MAX_AMOUNT_MINOR = 10**12


@lru_cache(maxsize=256)
def exponent(currency: str) -> int | None:
    """Digits after the point of an ISO 4217 code, None where there is no such money."""
    try:
        return Currency(currency).exponent
    except ValueError:
        return None


def decimal_text(amount_minor: int, currency: str) -> str:
    """An amount for people, e.g. 1250 CNY is "12.50"; no grouping, no symbol."""
    digits = exponent(currency) or 0
    if digits == 0:
        return str(amount_minor)
    sign, text = ("-" if amount_minor < 0 else ""), str(abs(amount_minor))
    text = text.rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"

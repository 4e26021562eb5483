"""Which cure is for which kind of case: a table, so that none is without. Pure.

The first is what is suggested; the others are for when it does not do.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from paycore.kernel.errors import Misconfigured
from paycore.recon.match import Kind
from paycore.recovery.match import Found


class Cure(StrEnum):
    """What a person may do about a case; nothing else is done by hand."""

    ENQUIRE = "ENQUIRE"
    """Have the channel asked at once, out of turn; the case stays open."""
    RENOTIFY = "RENOTIFY"
    """Send the parked notice again, with the same id."""
    REFUND = "REFUND"
    """Give back what no order covers, by the leg that took it; the case is closed when
    the channel says that it went back."""
    ADJUST = "ADJUST"
    """Take what is parked out of suspense, to the business line's account."""
    WRITE_OFF = "WRITE_OFF"
    """Take what is parked out of suspense, as our loss or gain."""
    RELEASE = "RELEASE"
    """Undo the parking: the statement was corrected, or our books have caught up."""
    NOTE = "NOTE"
    """Close the case with a reason: it was settled elsewhere, or needs nothing. Not
    where money is parked for it."""
    ADOPT = "ADOPT"
    """Write down again a leg that a restore made us forget: it is asked after, and what
    its channel says becomes of the payment."""
    CLOSE = "CLOSE"
    """Of an order that is held for a restore: nothing begins any more, and it closes at
    its time. Its money is a matter of the channel and the business line."""
    FORCE_NOT_TAKEN = "FORCE_NOT_TAKEN"
    """Write down, on two people's word, that an open leg took no money, where its
    channel will never say so."""
    FORCE_NOT_REFUNDED = "FORCE_NOT_REFUNDED"
    """The same of a refund: that it gave nothing back."""


BY_HAND = frozenset({Cure.FORCE_NOT_TAKEN, Cure.FORCE_NOT_REFUNDED})
"""These force a state: always by two."""

ASKS = frozenset({Cure.ENQUIRE, Cure.RENOTIFY})
"""These move no money and end no case of money: one person may, for any amount."""

UNDECIDED = frozenset({"UNKNOWN_TOO_LONG", "LOOK_FAILED", "REFUND_UNKNOWN_TOO_LONG"})
"""A case of these is the only way to an end that nobody else will bring: it is not
closed over money that may have moved."""

_BOOKS = (Cure.RELEASE, Cure.WRITE_OFF)

SUGGESTED: Mapping[str, tuple[Cure, ...]] = MappingProxyType(
    {
        "UNKNOWN_TOO_LONG": (Cure.ENQUIRE, Cure.FORCE_NOT_TAKEN, Cure.NOTE),
        "LOOK_FAILED": (Cure.ENQUIRE, Cure.FORCE_NOT_TAKEN, Cure.NOTE),
        "CHANNEL_ALARM": (Cure.ENQUIRE, Cure.NOTE),
        "LATE_MONEY": (Cure.REFUND, Cure.NOTE),
        "CHARGED_WITHOUT_CONFIRM": (Cure.REFUND, Cure.ENQUIRE, Cure.NOTE),
        "CONTRADICTION": (Cure.NOTE,),
        "COUPON_GONE": (Cure.NOTE,),
        "COUPON_ALARM": (Cure.NOTE,),
        "COUPON_BEHIND": (Cure.NOTE,),
        "NOTICE_PARKED": (Cure.RENOTIFY, Cure.NOTE),
        "ENDPOINT_LEADS_INSIDE": (Cure.NOTE,),
        "REFUND_UNKNOWN_TOO_LONG": (Cure.ENQUIRE, Cure.FORCE_NOT_REFUNDED, Cure.NOTE),
        "LATE_REFUND": (Cure.NOTE,),
        "REFUND_CONTRADICTION": (Cure.NOTE,),
        "AGREEMENT_UNKNOWN": (Cure.NOTE,),
        "LEDGER_BEHIND": (Cure.NOTE,),
        "INVARIANT": (Cure.NOTE,),
        "RECON_STATEMENT": (Cure.NOTE,),
        f"RESTORE_{Found.CHARGED_THERE}": (Cure.ADOPT, Cure.CLOSE, Cure.NOTE),
        f"RESTORE_{Found.CHARGED_HERE}": (Cure.NOTE,),
        f"RESTORE_{Found.CHARGED_AMOUNT}": (Cure.NOTE,),
        f"RESTORE_{Found.REFUNDED_THERE}": (Cure.NOTE, Cure.CLOSE),
        f"RESTORE_{Found.REFUNDED_HERE}": (Cure.NOTE,),
        f"RESTORE_{Found.REFUNDED_AMOUNT}": (Cure.NOTE,),
        f"RECON_{Kind.THEY_LACK}": (*_BOOKS, Cure.ADJUST),
        f"RECON_{Kind.REFUND_MISSING}": (*_BOOKS,),
        f"RECON_{Kind.WE_LACK}": (*_BOOKS,),
        f"RECON_{Kind.STATUS_OURS}": (Cure.REFUND, Cure.ENQUIRE, *_BOOKS, Cure.NOTE),
        f"RECON_{Kind.STATUS_THEIRS}": (Cure.RELEASE, Cure.WRITE_OFF, Cure.ADJUST),
        f"RECON_{Kind.AMOUNT}": (Cure.REFUND, Cure.ADJUST, *_BOOKS),
        f"RECON_{Kind.FEE}": (Cure.NOTE,),
        f"RECON_{Kind.CURRENCY}": (Cure.NOTE,),
        f"RECON_{Kind.DUPLICATE_LINE}": (Cure.REFUND, *_BOOKS),
        f"RECON_{Kind.OTHER_DAY}": (Cure.NOTE,),
        f"RECON_{Kind.UNKNOWN_LINE}": (Cure.NOTE,),
    }
)

OTHERWISE = (Cure.NOTE,)
"""Of a kind that only a newer version of us knows."""


def suggested(kind: str) -> tuple[Cure, ...]:
    """What may be done about a kind of case, the best first."""
    return SUGGESTED.get(kind, OTHERWISE)


def limits(setting: str) -> Mapping[str, int]:
    """The setting `desk_second_above`, by currency."""
    found: dict[str, int] = {}
    for part in filter(None, setting.split(",")):
        currency, _, amount = part.partition(":")
        if currency in found:
            raise Misconfigured("PAYCORE_DESK_SECOND_ABOVE names a currency twice")
        found[currency] = int(amount)
    return MappingProxyType(found)


def needs_second(
    cure: Cure, amount: int | None, currency: str | None, above: Mapping[str, int]
) -> bool:
    """Whether one person alone may not: what forces a state, and much money. What is
    in a currency that no limit is set for is much.
    """
    if cure in BY_HAND:
        return True
    if cure in ASKS or not amount:
        return False
    return amount > above.get(currency or "", 0)

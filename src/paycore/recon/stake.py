"""What is at stake in a difference: has the channel too much of our money, or too
little? Pure.

Seen from what our books say: a charge that they have and we have not is a surplus, and
so is a refund that we have and they have not. What nothing can be booked for is None:
another currency, a line that cannot be read, money that we shall hear of ourselves, or
a fee, which is booked as it was kept (`settlement.py`) and claimed by its case.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from paycore.gateway.statement import Trade
from paycore.recon.match import Kind, Status
from paycore.recon.rows import Difference


def _never(_: Difference) -> bool | None:
    return None


def _more(one: Difference) -> bool | None:
    """Not by a line that says that nothing moved."""
    return None if one.moved is False else True


def _less(_: Difference) -> bool | None:
    return False


def _behind(one: Difference) -> bool | None:
    """Open is ours to find out, and is booked then; failed will not change."""
    return True if one.our_status == Status.FAILED else None


def _by_amount(one: Difference) -> bool | None:
    return (one.their_amount or 0) > (one.our_amount or 0)


OF_A_CHARGE: Mapping[Kind, Callable[[Difference], bool | None]] = MappingProxyType(
    {
        Kind.THEY_LACK: _less,
        Kind.REFUND_MISSING: _less,
        Kind.WE_LACK: _more,
        Kind.AMOUNT: _by_amount,
        Kind.FEE: _never,
        Kind.CURRENCY: _never,
        Kind.STATUS_OURS: _behind,
        Kind.STATUS_THEIRS: _less,
        Kind.DUPLICATE_LINE: _more,
        Kind.OTHER_DAY: _never,
        Kind.UNKNOWN_LINE: _never,
    }
)
"""Of a charge; of a refund it is the other way round."""


def surplus_of(one: Difference) -> bool | None:
    """Whether they have more of our money than our books say, or less; None: nothing
    is booked.
    """
    more = OF_A_CHARGE[one.kind](one)
    if more is None or one.trade is None:
        return None
    return more if one.trade == Trade.CHARGE else not more

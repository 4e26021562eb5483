"""What the migrations say beyond keys of checkouts, for the journal in memory."""

from typing import Any

from paycore.checkout.rows import CheckoutRow
from paycore.kernel.journal import Row
from paycore.kernel.journal_memory import Check, MemoryStore

_MOVES = frozenset({"version", "own_cards", "pay_order_no", "opened_at", "expired_at"})
_MADE = tuple(sorted(set(CheckoutRow.__struct_fields__) - _MOVES))
_NAMED = ("pay_order_no", "opened_at")
_OVER = ("expired_at",)


def _checkout(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs, and `checkout_guard`."""
    fits = (
        len(new.digest) == 32
        and new.amount > new.coupon_amount >= 0
        and (new.pay_order_no is None) == (new.opened_at is None)
    )
    if old is None or not fits:
        return bool(fits)
    named = _NAMED if old.pay_order_no is not None else ()
    over = _OVER if old.expired_at is not None else ()
    stays = (*_MADE, *named, *over)
    return _ends_once(new) and all(
        getattr(old, name) == getattr(new, name) for name in stays
    )


def _ends_once(new: Any) -> bool:
    """In its payment, or by its time and without one."""
    if new.expired_at is None:
        return True
    return new.pay_order_no is None and bool(new.expired_at >= new.expires_at)


CHECKS: tuple[tuple[type[Row], tuple[Check, ...]], ...] = ((CheckoutRow, (_checkout,)),)

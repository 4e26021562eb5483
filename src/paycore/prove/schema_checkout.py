"""What the migrations say beyond keys of checkouts, for the journal in memory."""

from typing import Any

from paycore.checkout.rows import CheckoutRow
from paycore.kernel.journal import Row
from paycore.kernel.journal_memory import Check, MemoryStore

_MOVES = frozenset({"version", "own_cards", "pay_order_no", "opened_at"})
_MADE = tuple(sorted(set(CheckoutRow.__struct_fields__) - _MOVES))
_NAMED = ("pay_order_no", "opened_at")


def _checkout(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs, and `checkout_guard`."""
    fits = (
        len(new.digest) == 32
        and new.amount > new.coupon_amount >= 0
        and (new.pay_order_no is None) == (new.opened_at is None)
    )
    if old is None or not fits:
        return bool(fits)
    stays = _MADE if old.pay_order_no is None else (*_MADE, *_NAMED)
    return all(getattr(old, name) == getattr(new, name) for name in stays)


CHECKS: tuple[tuple[type[Row], tuple[Check, ...]], ...] = ((CheckoutRow, (_checkout,)),)

"""What the banks charged, against what we tell and what we posted. Pure.

Asked from both sides: a payment without a charge and a charge without a payment are
both found, and so is money that moved twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from paycore.dev.demo.outside import Charge, Entry, Item, Order

RECEIVABLE = "channel_receivable:"
"""What a channel took from payers stands on the accounts that begin with this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One payment: three parties' word on the same money."""

    pay_order_no: str
    currency: str
    status: str
    charged: int
    """By the banks' own word, refunds taken off."""
    moves: int
    """How often money moved."""
    taken: int
    """By what we tell the business line."""
    posted: int
    """By our books."""
    balanced: bool
    """Whether the debits of its postings equal the credits."""

    @property
    def sums(self) -> tuple[int, int, int]:
        """What the banks, the order and the books say."""
        return self.charged, self.taken, self.posted

    @property
    def agrees(self) -> bool:
        """Whether all three say the same, once, and for good."""
        return (
            self.charged == self.taken == self.posted
            and self.moves == (1 if self.taken else 0)
            and self.status in ("SUCCESS", "FAIL", "CLOSED")
            and self.balanced
        )


def compare(
    orders: Iterable[Order],
    charges: Sequence[Charge],
    items: Mapping[str, Sequence[Item]],
) -> list[Compared]:
    """Every payment that anybody knows of; `items` are the payments' timelines."""
    found = {
        order.pay_order_no: _of(
            order,
            [charge for charge in charges if charge.pay_order_no == order.pay_order_no],
            posted_entries(items[order.pay_order_no]),
        )
        for order in orders
    }
    unknown = [charge for charge in charges if charge.pay_order_no not in found]
    return [*found.values(), *(_stray(charge) for charge in unknown)]


def posted_entries(items: Iterable[Item]) -> list[Entry]:
    """The entries of a payment's postings."""
    return [entry for item in items for entry in item.detail.entries]


def _of(order: Order, charges: Sequence[Charge], entries: Sequence[Entry]) -> Compared:
    return Compared(
        pay_order_no=order.pay_order_no,
        currency=order.currency,
        status=order.biz_status,
        # Money in another currency is a move, but not this payment's money.
        charged=sum(
            _signed_charge(charge)
            for charge in charges
            if charge.currency == order.currency
        ),
        moves=len(charges),
        taken=order.payable_amount if order.biz_status == "SUCCESS" else 0,
        posted=sum(
            _debit(entry) for entry in entries if entry.account.startswith(RECEIVABLE)
        ),
        balanced=sum(map(_debit, entries)) == 0,
    )


def _stray(charge: Charge) -> Compared:
    """Money that moved for a payment that we do not know."""
    return Compared(
        pay_order_no=charge.pay_order_no,
        currency=charge.currency,
        status="?",
        charged=_signed_charge(charge),
        moves=1,
        taken=0,
        posted=0,
        balanced=True,
    )


def _signed_charge(charge: Charge) -> int:
    return charge.amount if charge.kind == "charge" else -charge.amount


def _debit(entry: Entry) -> int:
    """What an entry adds to its account."""
    return entry.amount if entry.side == "DEBIT" else -entry.amount


def converted(items: Iterable[Item]) -> bool:
    """Whether a payment went over to our own code and a deduct."""
    return any(item.title == "CONVERTED" for item in items)


def recovered(items: Iterable[Item]) -> bool:
    """Whether a payment was paid, and we had to ask the bank to know it."""
    titles = [item.title for item in items]
    asked = any(title.startswith("OUT enquire ") for title in titles)
    return asked and "PAID" in titles

"""What the banks charged, against what we tell and what we posted. Pure.

Asked from both sides: a payment without a charge and a charge without a payment are
both found, and so is money that moved twice, or went back otherwise than we tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from paycore.dev.demo.outside import Charge, Entry, Item, Order, Refund

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
    moves: tuple[int, int]
    """How often money was taken, and how often given back."""
    told: tuple[int, int]
    """The same by what we tell the business line."""
    taken: int
    """By what we tell the business line, refunds taken off."""
    posted: int
    """By our books."""
    final: bool
    """Whether the last word is spoken, of its refunds too."""
    balanced: bool
    """Whether the debits of its postings equal the credits."""

    @property
    def sums(self) -> tuple[int, int, int]:
        """What the banks, the order and the books say."""
        return self.charged, self.taken, self.posted

    @property
    def agrees(self) -> bool:
        """Whether all three say the same, as often, and for good."""
        return (
            self.charged == self.taken == self.posted
            and self.moves == self.told
            and self.final
            and self.balanced
        )


def compare(
    orders: Iterable[Order],
    charges: Sequence[Charge],
    items: Mapping[str, Sequence[Item]],
    refunds: Sequence[Refund] = (),
) -> list[Compared]:
    """Every payment that anybody knows of; `items` are the payments' timelines."""
    found = {
        order.pay_order_no: _of(
            order,
            [charge for charge in charges if charge.pay_order_no == order.pay_order_no],
            posted_entries(items[order.pay_order_no]),
            [one for one in refunds if one.pay_order_no == order.pay_order_no],
        )
        for order in orders
    }
    unknown = [charge for charge in charges if charge.pay_order_no not in found]
    return [*found.values(), *(_stray(charge) for charge in unknown)]


def posted_entries(items: Iterable[Item]) -> list[Entry]:
    """The entries of a payment's postings."""
    return [entry for item in items for entry in item.detail.entries]


def _of(
    order: Order,
    charges: Sequence[Charge],
    entries: Sequence[Entry],
    refunds: Sequence[Refund],
) -> Compared:
    paid = order.biz_status == "SUCCESS"
    back = [one for one in refunds if one.biz_status == "SUCCESS"]
    # Late money is no order's: taken once more than the orders say, and given back.
    late = sum(one.kind == "LATE_MONEY" for one in back)
    asked = sum(one.money_amount for one in back if one.kind != "LATE_MONEY")
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
        moves=_moves(charges),
        told=(paid + late, len(back)),
        taken=(order.payable_amount if paid else 0) - asked,
        posted=sum(
            _debit(entry) for entry in entries if entry.account.startswith(RECEIVABLE)
        ),
        final=order.final and all(one.final for one in refunds),
        balanced=sum(map(_debit, entries)) == 0,
    )


def _stray(charge: Charge) -> Compared:
    """Money that moved for a payment that we do not know."""
    return Compared(
        pay_order_no=charge.pay_order_no,
        currency=charge.currency,
        status="?",
        charged=_signed_charge(charge),
        moves=_moves([charge]),
        told=(0, 0),
        taken=0,
        posted=0,
        final=True,
        balanced=True,
    )


def _moves(charges: Sequence[Charge]) -> tuple[int, int]:
    taken = sum(charge.kind == "charge" for charge in charges)
    return taken, len(charges) - taken


def _signed_charge(charge: Charge) -> int:
    return charge.amount if charge.kind == "charge" else -charge.amount


def _debit(entry: Entry) -> int:
    """What an entry adds to its account."""
    return entry.amount if entry.side == "DEBIT" else -entry.amount


def converted(items: Iterable[Item]) -> bool:
    """Whether a payment went over to our own code and a deduct."""
    return any(item.title == "CONVERTED" for item in items)


def deducted(order: Order, items: Iterable[Item]) -> bool:
    """Whether money was taken under a mandate, with nobody present."""
    return order.pay_type == "DEDUCT" and not converted(items)


def recovered(items: Iterable[Item]) -> bool:
    """Whether a payment was paid, and we had to ask the bank to know it."""
    titles = [item.title for item in items]
    asked = any(title.startswith("OUT enquire ") for title in titles)
    return asked and "PAID" in titles

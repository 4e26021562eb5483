"""What the banks charged, against what we know of it. Pure.

Asked from both sides: a charge without its success, and a success without its charge.
Known to a person, that is on the exception desk, either may stand.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from paycore.audit.report import Example, Known
from paycore.kernel.terms import PayOrderNo


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """Money that moved, in a bank's own words."""

    bank: str
    kind: str
    """charge or refund"""
    request_id: str
    pay_order_no: str
    amount: int
    currency: str


def compare(charges: Iterable[Charge], known: Iterable[Known]) -> Iterator[Example]:
    """Every payment that was charged, and what does not fit."""
    of = {payment.pay_order_no: payment for payment in known}
    for no, moves in _by_payment(charges).items():
        why = _misfit(moves, of.get(no))
        if why is not None:
            yield _example(no, why, moves, of.get(no))


def lacking(charges: Iterable[Charge], known: Iterable[Known]) -> list[Known]:
    """Payments that succeeded, and that no bank charged."""
    charged = {charge.pay_order_no for charge in charges if charge.kind == "charge"}
    return [
        payment
        for payment in known
        if payment.biz_status == "SUCCESS"
        and payment.pay_order_no not in charged
        and not payment.on_the_desk
    ]


def uncharged(payment: Known) -> Example:
    """A success that no bank charged."""
    return _example(payment.pay_order_no, "a success without a charge", (), payment)


def _by_payment(charges: Iterable[Charge]) -> dict[str, list[Charge]]:
    found: dict[str, list[Charge]] = {}
    for charge in charges:
        found.setdefault(charge.pay_order_no, []).append(charge)
    return found


def _misfit(moves: Sequence[Charge], payment: Known | None) -> str | None:
    """Why what moved is not what we know; None where it is."""
    if payment is None:
        return "a charge of no payment of ours"
    if payment.on_the_desk:
        return None
    charges = [move for move in moves if move.kind == "charge"]
    net = sum(move.amount for move in charges) - sum(
        move.amount for move in moves if move.kind != "charge"
    )
    if payment.biz_status != "SUCCESS" and not payment.open:
        return "a charge without its success" if net else None
    ours = {*payment.successful, *payment.open}
    reasons = (
        (len(charges) > 1 and net > payment.payable_amount, "charged more than once"),
        (ours.isdisjoint(one.request_id for one in charges), "a charge of another leg"),
        (
            {one.currency for one in moves} != {payment.currency},
            "charged in another currency",
        ),
        (net != payment.payable_amount, "charged another amount"),
    )
    return next((why for holds, why in reasons if holds), None)


def _example(
    no: str, why: str, moves: Sequence[Charge], payment: Known | None
) -> Example:
    return Example(
        invariant="BANK",
        check=why,
        payment=PayOrderNo(no),
        about=None,
        said={
            "moved": [
                f"{move.kind} {move.amount} {move.currency} at {move.bank}"
                f" ({move.request_id})"
                for move in moves
            ],
            "biz_status": payment.biz_status if payment is not None else None,
            "payable_amount": payment.payable_amount if payment is not None else None,
        },
    )

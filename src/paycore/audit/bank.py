"""What the banks charged, against what we know of it. Pure.

Asked from both sides: a charge without its success, and a success without its charge.
What must be left of every request, once refunds are taken off, is known: of the one leg
that succeeded what the order costs less what we had refunded, that or nothing of a leg
that is open, and nothing of any other. A person who knows of other money has a case
that names its request.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from paycore.audit.report import Case, Example, Known, Leg
from paycore.kernel.terms import PayOrderNo

UNASKED = frozenset({"LATE_MONEY", "CHARGED_WITHOUT_CONFIRM"})
"""Cases of money that a bank took and that no leg of ours stands for."""

CONTRADICTION = "CONTRADICTION"
"""The case of a leg that succeeded, and of which the bank says no since."""

CHANNEL_ALARM = "CHANNEL_ALARM"
"""The case of an answer about other money than ours: until its leg has its last word
nobody knows how much was taken."""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """Money that moved, in a bank's own words."""

    bank: str
    kind: str
    """charge or refund"""
    request_id: str
    pay_order_no: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Request:
    """What a bank was asked, and in which currency it charged."""

    bank: str
    request_id: str
    currency: str


Taken = dict[Request, list[int]]
"""The charges of each request; more than one of them is one too many."""

Till = tuple[str, str]
"""A bank and a currency: a refund has a number of its own, and names no charge."""


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
        and not any(_denied(leg, payment.cases) for leg in payment.legs)
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
    taken: Taken = {}
    left = Counter[Till]()
    for move in moves:
        charged = move.kind == "charge"
        left[move.bank, move.currency] += move.amount if charged else -move.amount
        if charged:
            request = Request(move.bank, move.request_id, move.currency)
            taken.setdefault(request, []).append(move.amount)
    if _fits(taken, left, payment):
        return None
    return _why(moves, left, payment)


def _fits(taken: Taken, left: Counter[Till], payment: Known) -> bool:
    """Whether refunds can be shared out so that of each request is left what may be."""
    if payment.biz_status == "SUCCESS" and not payment.legs:
        return False
    tills: dict[Till, list[set[int]]] = {till: [] for till in left}
    for one in {*taken, *_ours(payment)}:
        charged = taken.get(one, [])
        may = _may_be_left(one, charged, payment)
        tills.setdefault((one.bank, one.currency), []).append(
            {kept for kept in may if kept <= sum(charged)}
        )
    return all(left[till] in _sums(of_each) for till, of_each in tills.items())


def _sums(of_each: Iterable[set[int]]) -> set[int]:
    """What may be left of all together."""
    sums = {0}
    for may in of_each:
        sums = {total + kept for total in sums for kept in may}
    return sums


def _ours(payment: Known) -> dict[Request, Leg]:
    """The legs that may have charged, by what their banks were asked."""
    return {
        Request(leg.channel, leg.request_no, payment.currency): leg
        for leg in payment.legs
        if leg.open or payment.biz_status == "SUCCESS"
    }


def _must(payment: Known) -> list[Request]:
    """Those among them that surely did."""
    return [
        one
        for one, leg in _ours(payment).items()
        if not leg.open and not _denied(leg, payment.cases)
    ]


def _may_be_left(one: Request, charged: Sequence[int], payment: Known) -> set[int]:
    """What may be left of a request once refunds are taken off.

    Where nobody knows how much was taken it is still one charge.
    """
    leg = _ours(payment).get(one)
    if leg is not None and one in _must(payment):
        perhaps = _sums({0, amount} for amount in payment.refunding)
        whole = payment.payable_amount - payment.refunded
        return {whole - back for back in perhaps}
    may = {0}
    if leg is not None:
        may.add(payment.payable_amount)
        if leg.open and _about(one, (CHANNEL_ALARM,), payment.cases):
            may.update(charged)
    for case in _about(one, UNASKED, payment.cases):
        may.update(charged if case.amount is None else [case.amount])
    return may


def _about(one: Request, kinds: Iterable[str], cases: Iterable[Case]) -> list[Case]:
    """The cases of these kinds that a person has about a request."""
    return [
        case
        for case in cases
        if case.kind in kinds
        and (case.channel, case.request_no) == (one.bank, one.request_id)
        and case.currency in (None, one.currency)
    ]


def _denied(leg: Leg, cases: Iterable[Case]) -> bool:
    """Whether its bank says no since, and a person knows."""
    return any(
        case.kind == CONTRADICTION
        and (case.channel, case.request_no) == (leg.channel, leg.request_no)
        for case in cases
    )


def _why(moves: Sequence[Charge], left: Counter[Till], payment: Known) -> str:
    """What it is called that does not fit."""
    ours = {(leg.channel, leg.request_no) for leg in payment.legs}
    tills = {(leg.channel, payment.currency) for leg in payment.legs}
    charges = [move for move in moves if move.kind == "charge"]
    net = sum(left.values())
    reasons = (
        (not _ours(payment), "a charge without its success"),
        (
            {one.currency for one in moves} != {payment.currency},
            "charged in another currency",
        ),
        (len(charges) > 1 and net > payment.payable_amount, "charged more than once"),
        (
            ours.isdisjoint((one.bank, one.request_id) for one in charges)
            or any(amount for till, amount in left.items() if till not in tills),
            "a charge of another leg",
        ),
        (_refunded_otherwise(moves, payment), "refunded another amount"),
    )
    return next((why for holds, why in reasons if holds), "charged another amount")


def _refunded_otherwise(moves: Sequence[Charge], payment: Known) -> bool:
    """Whether what went back is not what we had refunded, and may not be."""
    back = sum(move.amount for move in moves if move.kind == "refund")
    perhaps = _sums({0, amount} for amount in payment.refunding)
    return back - payment.refunded not in perhaps


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
            "cases": [case.kind for case in payment.cases] if payment else [],
        },
    )

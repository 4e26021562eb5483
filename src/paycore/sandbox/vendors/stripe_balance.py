"""Stripe's balance transactions: what moved, from the statements of the days. Pure.

It is a list and no file, and there at once; what is planted in a day's statement
stands in its part of the list.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date

from msgspec.structs import replace

from paycore.sandbox.orders import Order
from paycore.sandbox.statement import Entry, bounds_ms
from paycore.sandbox.vendors import stripe_objects as objects
from paycore.sandbox.vendors.stripe_wire import Thing, id_of


def transactions(
    bank: str,
    day: date,
    entries: Iterable[Entry],
    *,
    by_ref: Mapping[str, Order],
    expand: bool,
) -> list[Thing]:
    """A day's, in the order in which the money moved. What each is of is found by the
    bank's reference.
    """
    seen: Counter[str] = Counter()
    told = []
    begins, _ = bounds_ms(bank, day)
    for entry in entries:
        # It knows no status but done: what is said to have failed is not in it.
        if entry.status != "SUCCESS":
            continue
        seen[entry.bank_ref] += 1
        id_ = transaction_id(entry.bank_ref, seen[entry.bank_ref])
        source = _source(entry, by_ref.get(entry.bank_ref), id_)
        told.append(_transaction(id_, entry, begins, source, expand=expand))
    return told


def transaction_id(bank_ref: str, nth: int = 1) -> str:
    """Money that moved twice under one reference is two transactions."""
    return id_of("txn_3", bank_ref, str(nth))


def _transaction(
    id_: str, entry: Entry, begins_ms: int, source: Thing, *, expand: bool
) -> Thing:
    sign = 1 if entry.kind == "charge" else -1
    amount = sign * entry.amount
    # A line that is told a day late is of that day.
    at_s = max(entry.at_ms, begins_ms) // 1000
    return {
        "id": id_,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": at_s,
        "created": at_s,
        "currency": entry.currency.lower(),
        "fee": entry.fee,
        "net": amount - entry.fee,
        "reporting_category": entry.kind,
        "source": source if expand else source["id"],
        "status": "available",
        "type": entry.kind,
    }


def _source(entry: Entry, order: Order | None, id_: str) -> Thing:
    """The charge or refund, as the line has it: what is planted in the one is in the
    other. Of a line that nobody asked for there are only its id and its money.
    """
    if order is None:
        prefix = "ch_3" if entry.kind == "charge" else "re_3"
        return {
            "id": id_of(prefix, entry.request_id),
            "object": entry.kind,
            "amount": entry.amount,
            "currency": entry.currency.lower(),
            "metadata": {},
        }
    facts = dict(order.facts)
    if entry.request_id != order.request_id:
        # It has lost the numbers that the merchant gave it.
        facts.pop("metadata", None)
    told = replace(
        order, amount=entry.amount, currency=entry.currency, lies=False, facts=facts
    )
    if order.operation == "refund":
        return objects.refund(told, objects.state_of(told), id_)
    return objects.charge(told, id_)

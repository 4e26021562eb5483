"""Stripe's balance transactions of a day, as a file: how it is kept and read. Pure.

Stripe has no statement file: a day is a list that is read page by page. What is kept
is lines of JSON that stand for themselves: a heading with the day, one line for each
balance transaction with the fields that decide (a charge's object also holds the
payer's name, address and card, which have no business in a file of ours), and a trailer
that counts them. A file without its trailer is cut off.

A balance transaction is in the currency in which Stripe settles. What the payer paid
is on its source, the charge or refund, which is in the line for that and for our
numbers: a charge has the metadata of its intent, copied when that was confirmed
(support.stripe.com, "How metadata works with related objects").
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Final

import msgspec

from paycore.gateway.statement import StatementBroken, StatementLine, Trade
from paycore.gateway.stripe.amounts import ours
from paycore.gateway.stripe.objects import (
    PAY_ORDER_NO,
    REQUEST_NO,
    Metadata,
    Page,
    parsed,
)

_TRADES: Final = MappingProxyType(
    {
        "charge": Trade.CHARGE,
        "payment": Trade.CHARGE,
        "refund": Trade.REFUND,
        "payment_refund": Trade.REFUND,
    }
)

_NOT_OURS: Final = frozenset(
    {
        *("payout", "payout_cancel", "payout_failure", "payout_minimum_balance_hold"),
        *("payout_minimum_balance_release", "stripe_fee", "stripe_fx_fee", "tax_fee"),
        *("topup", "topup_reversal", "contribution", "climate_order_purchase"),
        *("climate_order_refund", "reserve_transaction", "reserved_funds"),
        *("payment_network_reserve_hold", "payment_network_reserve_release"),
    }
)
"""Between Stripe and us alone: no payer's money, and no line of a statement. What is
neither here nor above, a dispute's `adjustment` or a `refund_failure`, is a line that
nobody can place: a person looks."""

_KEPT: Final = ("id", "type", "amount", "currency", "fee", "created", "exchange_rate")
_KEPT_OF_SOURCE: Final = (
    *("id", "object", "amount", "amount_captured", "currency"),
    *("payment_intent", "metadata"),
)
_NUMBERS: Final = (REQUEST_NO, PAY_ORDER_NO)


class _Heading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    stripe: int
    day: date


class _Trailer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    lines: int


class _Source(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    amount: int
    currency: str
    amount_captured: int | None = None
    payment_intent: str | None = None
    metadata: Metadata = {}


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    type: str
    amount: int
    currency: str
    fee: int
    created: int
    exchange_rate: float | None = None
    """Set where Stripe converted what the payer paid."""
    source: _Source | str | None = None


class _Typed(msgspec.Struct, frozen=True):
    type: str


def heading(day: date) -> bytes:
    """The first line."""
    return _line({"stripe": 1, "day": day})


def trailer(lines: int) -> bytes:
    """The last line, which says that it is whole."""
    return _line({"lines": lines})


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One page as lines of a file."""

    octets: bytes
    lines: int
    after: str | None
    """The transaction behind which the next page begins; None: it was the last."""


def kept(body: bytes) -> Kept | None:
    """The lines of one page; None where it is no page."""
    page = parsed(body, Page)
    if page is None or (page.has_more and not page.data):
        return None
    entries = [parsed(raw, dict[str, object]) for raw in page.data]
    if not all(entries):
        return None
    shown = [_shown(entry) for entry in entries if entry is not None]
    last = shown[-1].get("id") if page.has_more else None
    if page.has_more and not isinstance(last, str):
        return None
    return Kept(
        octets=b"".join(map(_line, shown)),
        lines=len(shown),
        after=last if isinstance(last, str) else None,
    )


def _shown(entry: Mapping[str, object]) -> dict[str, object]:
    """What is kept of a transaction."""
    shown = {name: entry[name] for name in _KEPT if name in entry}
    source = entry.get("source")
    if isinstance(source, dict):
        source = {name: source[name] for name in _KEPT_OF_SOURCE if name in source}
        numbers = source.get("metadata")
        if isinstance(numbers, dict):
            source["metadata"] = {
                name: numbers[name] for name in _NUMBERS if name in numbers
            }
    return {**shown, "source": source}


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"


class Reading:
    """One file, as it is read."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._begun = False
        self._count, self._no = 0, 0
        self._end: int | None = None

    def lines(self, block: bytes) -> Iterator[StatementLine]:
        """The lines of one block, which ends where a line does."""
        for text in block.splitlines():
            if self._end is not None:
                raise StatementBroken("something follows the trailer")
            if not self._begun:
                self._begin(text)
            elif trailed := parsed(text, _Trailer):
                self._end = trailed.lines
            else:
                self._count += 1
                yield from self._read(text)

    def _begin(self, text: bytes) -> None:
        top = parsed(text, _Heading)
        if top is None or top.stripe != 1:
            raise StatementBroken("it does not begin as a statement does")
        if top.day != self._day:
            raise StatementBroken("it is of another day")
        self._begun = True

    def _read(self, text: bytes) -> Iterator[StatementLine]:
        kind = parsed(text, _Typed)
        if kind is not None and kind.type in _NOT_OURS:
            return
        self._no += 1
        entry = parsed(text, _Entry)
        line = None if entry is None else _placed(self._no, entry)
        said = text.decode("utf-8", "replace")
        yield line or StatementLine.unreadable(self._no, said)

    def end(self) -> None:
        """Say whether that was all of it."""
        if self._end is None:
            raise StatementBroken("it is cut off: there is no trailer")
        if self._end != self._count:
            raise StatementBroken("its trailer counts other lines than it has")


def _placed(no: int, entry: _Entry) -> StatementLine | None:
    """A line of a charge or a refund; None where it is neither, or contradicts
    itself.
    """
    trade, source = _TRADES.get(entry.type), entry.source
    if trade is None or not isinstance(source, _Source):
        return None
    moved = source.amount
    if trade is Trade.CHARGE and source.amount_captured is not None:
        moved = source.amount_captured
    sign = 1 if trade is Trade.CHARGE else -1
    if entry.amount * sign <= 0 or moved <= 0:
        return None
    converted = entry.exchange_rate is not None
    if not converted and (entry.amount * sign, entry.currency) != (
        moved,
        source.currency,
    ):
        return None
    currency = source.currency.upper()
    amount = ours(moved, currency)
    if amount is None:
        return None
    ref = source.payment_intent if trade is Trade.CHARGE else source.id
    return StatementLine(
        no=no,
        trade=trade,
        request_no=source.metadata.get(REQUEST_NO, ""),
        pay_order_no=source.metadata.get(PAY_ORDER_NO, ""),
        amount=amount,
        currency=currency,
        # Of what was converted it is told in another currency.
        fee=None if converted else ours(entry.fee, currency),
        moved=True,
        channel_ref=ref or source.id,
        at=datetime.fromtimestamp(entry.created, UTC),
        fault="",
    )

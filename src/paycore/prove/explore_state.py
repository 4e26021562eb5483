"""One state of an explored payment: everything that outlives whoever works on it.

A state is real: the rows, the banks' orders, the texts that went out. What it is taken
for is its `shape`: what our code could still tell apart. Times are what they are to one
another and to now; numbers that only grow, and what is kept for people, are left out;
attempts of the same fate are one. Two states of one shape are explored as one.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar, cast

from paycore.accounting.rows import PostingRow
from paycore.core.payment import ENQUIRY_LADDER_S
from paycore.core.rows import AttemptRow, IdempotencyRow, PaymentRow
from paycore.core.service import ATTEMPTS_A_PASSAGE
from paycore.coupon.rows import CouponRow
from paycore.desk.rows import CaseRow
from paycore.kernel.ids import MAX_ATTEMPTS
from paycore.kernel.journal import Row
from paycore.kernel.journal_group import Spot
from paycore.kernel.terms import ProcessStatus
from paycore.notify.rows import NoticeRow
from paycore.prove.strangers import Text, Told
from paycore.prove.verdict import excuses
from paycore.sandbox.orders import Move, Order
from paycore.sms.rows import CodeRow

R = TypeVar("R", bound=Row)

ASKS_THAT_COUNT = (1, 5, len(ENQUIRY_LADDER_S))
"""The first rung; where a closing goes on without an answer; the ladder's end."""

WINDOW = timedelta(seconds=10)
"""How long a sandbox bank's "not found" is not its last word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call of the business line that got no answer: it may be repeated."""

    use: str
    key: str
    code: str


@dataclass(frozen=True, kw_only=True)
class State:
    """What is left when nobody is at work."""

    at: float = 0.0
    steps: int = 0
    rows: Mapping[Spot, Row] = field(default_factory=dict)
    """What differs from the database as it was set up."""
    orders: Mapping[str, Mapping[str, Order]] = field(default_factory=dict)
    """The banks' orders, by bank and request."""
    moves: tuple[Move, ...] = ()
    texts: tuple[Text, ...] = ()
    told: tuple[Told, ...] = ()
    answers: Mapping[str, bytes] = field(default_factory=dict)
    unasked: bool = False
    epoch: int = 1
    ghosts: tuple[int, ...] = ()
    """Lives that have ended, and everybody still believes in."""
    asked: Asked | None = None

    @cached_property
    def _kinds(self) -> dict[type[Row], list[Row]]:
        found: dict[type[Row], list[Row]] = {}
        for row in self.rows.values():
            found.setdefault(type(row), []).append(row)
        return found

    def of(self, kind: type[R]) -> list[R]:
        """The rows of a kind, in the order of their keys."""
        found = cast("list[R]", self._kinds.get(kind, []))
        return sorted(found, key=lambda row: row.key())

    @property
    def payment(self) -> PaymentRow | None:
        """The payment, once it is there."""
        return next(iter(self.of(PaymentRow)), None)

    @property
    def settled(self) -> bool:
        """Whether it is over, or a person's."""
        row = self.payment
        return row is not None and (
            row.biz_status.final or any(map(excuses, self.of(CaseRow)))
        )

    @property
    def code(self) -> str:
        """What the payer reads: our own code if there is one, else the bank's."""
        ours = [text for text in self.texts if text.sent_by == "sms_centre"]
        return (ours or self.texts)[-1].code


def shape(state: State, now: datetime) -> bytes:
    """A digest of what can still be told apart."""
    parts = (
        _payment(state),
        frozenset(_attempts(state)),
        tuple(_codes(state)),
        frozenset(_orders(state, now)),
        len(state.moves),
        frozenset(row.kind for row in state.of(CaseRow)),
        tuple((r.status, _lease(state, r.lease_epoch)) for r in state.of(NoticeRow)),
        tuple((row.status, row.holder is None) for row in state.of(CouponRow)),
        len(state.of(PostingRow)),
        state.unasked,
        _asked(state),
        _times(state, now),
    )
    return hashlib.blake2b(_text(parts).encode(), digest_size=12).digest()


def _text(part: object) -> str:
    """A text that is the same for equal parts; sets have an order in it."""
    if isinstance(part, frozenset):
        return "{" + ",".join(sorted(map(_text, part))) + "}"
    if isinstance(part, tuple):
        return "(" + ",".join(map(_text, part)) + ")"
    return str(part)


def _lease(state: State, epoch: int | None) -> str:
    if epoch is None:
        return "free"
    return "ghost" if epoch in state.ghosts else "dead"


def _payment(state: State) -> object:
    row = state.payment
    if row is None or row.biz_status.final:
        return None if row is None else row.biz_status
    return (
        row.pay_type,
        row.biz_status,
        row.verify_status,
        row.held,
        row.code_by,
        sum(row.checks >= rung for rung in ASKS_THAT_COUNT),
        row.attempts + ATTEMPTS_A_PASSAGE > MAX_ATTEMPTS,
        _lease(state, row.lease_epoch),
    )


def _attempts(state: State) -> Iterator[object]:
    """Money legs, what is open, and the send in force; twins of channels are one."""
    row = state.payment
    for one in state.of(AttemptRow):
        assert row is not None
        is_open, in_force = one.process_status.open, one.seq == row.code_seq
        if one.trans_type.moves_money or is_open:
            yield (
                one.trans_type,
                one.process_status,
                one.channel[:-1],
                one.outcome if is_open else "",
                _order_of(state, one),
            )
        elif in_force and not row.biz_status.final:
            yield "in force", one.channel[:-1], _order_of(state, one)


def _order_of(state: State, one: AttemptRow) -> object:
    """Its order at the channel; one that failed is as good as none to a failed leg."""
    order = state.orders.get(one.channel, {}).get(one.request_no)
    failed = one.process_status is ProcessStatus.GW_FAIL
    if order is None or (failed and order.status == "FAIL"):
        return None
    return order.status, order.bank_ref is not None


def _codes(state: State) -> Iterator[object]:
    row = state.payment
    if row is None or row.biz_status.final:
        return
    for code in state.of(CodeRow):
        if code.seq in (row.code_seq, row.attempts):
            yield (code.status, code.tries, code.seq == row.code_seq)


def _orders(state: State, now: datetime) -> Iterator[object]:
    """The order whose code is in force, and whether another may still take money."""
    row, now_ms = state.payment, int(now.timestamp() * 1000)
    legs = {one.request_no for one in state.of(AttemptRow) if _is_leg(one)}
    for orders in state.orders.values():
        for order in orders.values():
            dead = order.code_is_dead(now_ms)
            if row is not None and int(order.request_id[-2:]) == row.code_seq:
                yield order.status, order.sms_code is None, order.tries, dead
            elif order.request_id not in legs and order.status != "FAIL" and not dead:
                yield "taken" if order.status == "SUCCESS" else "stray"


def _is_leg(one: AttemptRow) -> bool:
    return one.trans_type.moves_money


def _asked(state: State) -> object:
    last, row = state.asked, state.payment
    if last is None or (row is not None and row.biz_status.final):
        return last is not None
    right = bool(state.texts) and last.code == state.code
    keys = [one for one in state.of(IdempotencyRow) if one.status is None]
    return (last.use, right, tuple(_lease(state, one.lease_epoch) for one in keys))


def _times(state: State, now: datetime) -> object:
    """What is over: whatever is to come, some action waits for."""
    row = state.payment
    due = row.next_check_at if row is not None else None
    over = frozenset(what for what, when in _moments(state) if when <= now)
    return due is not None and due <= now, over


def _moments(state: State) -> Iterator[tuple[str, datetime]]:
    row = state.payment
    if row is None or row.biz_status.final:
        return
    yield "expires", row.expires_at
    if row.lease_epoch in state.ghosts and row.lease_until is not None:
        yield "lease", row.lease_until
    legs = [a for a in state.of(AttemptRow) if a.process_status.open and _is_leg(a)]
    for one in legs:
        yield "window", one.quiet_from + WINDOW
    if not legs and row.code_expires_at is not None:
        yield "code", row.code_expires_at
    if not legs and row.pass_until is not None:
        yield "pass", row.pass_until

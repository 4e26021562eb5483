"""The transition tables: from, event, to, who is told. Nothing else moves a status.

Final states have no exit: a correction is a refund or an adjustment. An event without
a row is neither swallowed nor forced: it goes to the exception desk. The database
holds the same rows (migrations, `transition_rule`) and refuses what is not there;
docs/states.md is drawn from these tuples. A refund is an aggregate of its own, with a
table of its own below.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from paycore.kernel.terms import BizStatus, RefundStatus


class Event(StrEnum):
    """What happened to a payment, in the past tense."""

    CODE_SENT = "CODE_SENT"
    """A code is out, by the channel or by our SMS centre."""
    CONVERTED = "CONVERTED"
    """Quick pay became deduct; from now on only our own code counts."""
    CODE_PASSED = "CODE_PASSED"
    """Our own code was typed rightly: the money may be asked for."""
    CODE_REFUSED = "CODE_REFUSED"
    """Wrong, expired or locked; nothing was charged."""
    CHARGE_BEGUN = "CHARGE_BEGUN"
    """A money leg is recorded and about to be sent."""
    CHARGE_UNKNOWN = "CHARGE_UNKNOWN"
    """Sent, no trustworthy answer yet."""
    NOT_CHARGED = "NOT_CHARGED"
    """The leg ended, surely without money; the payment goes on."""
    INTERRUPTED = "INTERRUPTED"
    """Its node died before a money leg; the payer may try again."""
    PAID = "PAID"
    """The channel took the money, this amount and no other."""
    DECLINED = "DECLINED"
    """Definitely refused."""
    SEND_FAILED = "SEND_FAILED"
    """No code could be sent and none can be; nothing was charged."""
    CLOSED = "CLOSED"
    """By the business line."""
    EXPIRED = "EXPIRED"
    """Nobody paid in time."""


class Audience(StrEnum):
    """Who is told of a transition, in the same commit."""

    ACCOUNTING = "ACCOUNTING"
    BIZ_LINE = "BIZ_LINE"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row."""

    source: BizStatus
    event: Event
    target: BizStatus
    told: tuple[Audience, ...] = ()


_DOING, _SUCCESS = BizStatus.DOING, BizStatus.SUCCESS
_FAIL, _CLOSED = BizStatus.FAIL, BizStatus.CLOSED

TRANSITIONS = (
    Transition(_DOING, Event.CODE_SENT, _DOING),
    Transition(_DOING, Event.CONVERTED, _DOING),
    Transition(_DOING, Event.CODE_PASSED, _DOING),
    Transition(_DOING, Event.CODE_REFUSED, _DOING),
    Transition(_DOING, Event.CHARGE_BEGUN, _DOING),
    Transition(_DOING, Event.CHARGE_UNKNOWN, _DOING),
    Transition(_DOING, Event.NOT_CHARGED, _DOING),
    Transition(_DOING, Event.INTERRUPTED, _DOING),
    Transition(_DOING, Event.PAID, _SUCCESS, (Audience.ACCOUNTING, Audience.BIZ_LINE)),
    Transition(_DOING, Event.DECLINED, _FAIL, (Audience.BIZ_LINE,)),
    Transition(_DOING, Event.SEND_FAILED, _FAIL, (Audience.BIZ_LINE,)),
    Transition(_DOING, Event.CLOSED, _CLOSED, (Audience.BIZ_LINE,)),
    Transition(_DOING, Event.EXPIRED, _CLOSED, (Audience.BIZ_LINE,)),
)

_BY_SOURCE_AND_EVENT = MappingProxyType(
    {(row.source, row.event): row for row in TRANSITIONS}
)


class NoSuchTransition(Exception):
    """The table has no row for this event in this status."""

    def __init__(
        self, source: BizStatus | RefundStatus, event: "Event | RefundEvent"
    ) -> None:
        self.source, self.event = source, event
        super().__init__(f"no transition for {event} in {source}")


def transition(source: BizStatus, event: Event) -> Transition:
    """The row for an event in a status."""
    row = _BY_SOURCE_AND_EVENT.get((source, event))
    if row is None:
        raise NoSuchTransition(source, event)
    return row


# --- refunds --------------------------------------------------------------------------


class RefundEvent(StrEnum):
    """What happened to a refund, in the past tense."""

    LATE_MONEY_CAME = "LATE_MONEY_CAME"
    """Money was taken when it must not: on the desk, in the books, and to go back."""
    RETURN_AGREED = "RETURN_AGREED"
    """The desk has agreed on giving back what no order covers."""
    REFUND_BEGUN = "REFUND_BEGUN"
    """On record, of what was paid or of what came late, and about to be sent."""
    REFUND_UNKNOWN = "REFUND_UNKNOWN"
    """Sent, no trustworthy answer yet; the reservation stays."""
    REFUND_NOT_SENT = "REFUND_NOT_SENT"
    """Never left us; the same number is sent later."""
    REFUND_NOT_FOUND = "REFUND_NOT_FOUND"
    """Sent, and past its window the channel knows no such number."""
    REFUND_SENT_AGAIN = "REFUND_SENT_AGAIN"
    """The same number once more, about to be sent."""
    REFUNDED = "REFUNDED"
    """The channel gave the money back, this amount and no other."""
    REFUND_REFUSED = "REFUND_REFUSED"
    """Definitely refused; the reservation is given back."""


@dataclass(frozen=True, slots=True)
class RefundTransition:
    """One row."""

    source: RefundStatus
    event: RefundEvent
    target: RefundStatus
    told: tuple[Audience, ...] = ()


_OPEN, _DONE, _REFUSED = RefundStatus.DOING, RefundStatus.SUCCESS, RefundStatus.FAIL

REFUND_TRANSITIONS = (
    RefundTransition(_OPEN, RefundEvent.LATE_MONEY_CAME, _OPEN),
    RefundTransition(_OPEN, RefundEvent.RETURN_AGREED, _OPEN),
    RefundTransition(_OPEN, RefundEvent.REFUND_BEGUN, _OPEN),
    RefundTransition(_OPEN, RefundEvent.REFUND_UNKNOWN, _OPEN),
    RefundTransition(_OPEN, RefundEvent.REFUND_NOT_SENT, _OPEN),
    RefundTransition(_OPEN, RefundEvent.REFUND_NOT_FOUND, _OPEN),
    RefundTransition(_OPEN, RefundEvent.REFUND_SENT_AGAIN, _OPEN),
    RefundTransition(
        _OPEN, RefundEvent.REFUNDED, _DONE, (Audience.ACCOUNTING, Audience.BIZ_LINE)
    ),
    RefundTransition(_OPEN, RefundEvent.REFUND_REFUSED, _REFUSED, (Audience.BIZ_LINE,)),
)

_REFUND_ROWS = MappingProxyType(
    {(row.source, row.event): row for row in REFUND_TRANSITIONS}
)


def refund_transition(source: RefundStatus, event: RefundEvent) -> RefundTransition:
    """The row for an event in a status of a refund."""
    row = _REFUND_ROWS.get((source, event))
    if row is None:
        raise NoSuchTransition(source, event)
    return row

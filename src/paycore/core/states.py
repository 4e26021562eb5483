"""The transition table: from, event, to, who is told. Nothing else moves a status.

Final states have no exit: a correction is a refund or an adjustment. An event without
a row is neither swallowed nor forced: it goes to the exception desk. The database
holds the same rows (migrations, `transition_rule`) and refuses what is not there;
docs/states.md is drawn from this tuple.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from paycore.kernel.terms import BizStatus


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

    def __init__(self, source: BizStatus, event: Event) -> None:
        self.source, self.event = source, event
        super().__init__(f"no transition for {event} in {source}")


def transition(source: BizStatus, event: Event) -> Transition:
    """The row for an event in a status."""
    row = _BY_SOURCE_AND_EVENT.get((source, event))
    if row is None:
        raise NoSuchTransition(source, event)
    return row

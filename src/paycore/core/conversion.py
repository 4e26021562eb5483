"""Which pay method may become which, at which stage: quick pay → deduct, while a code
is being sent, never later and never because a client asked.

Two questions, kept apart: may a payment of this kind convert now (`may_convert`), and
what does a failed send call for (`after_send`)? Whether a deduct is possible at all
(a live mandate, a route now) is asked of the neighbours before the first is acted on.
"""

from dataclasses import dataclass

from paycore.kernel.outcome import AfterSend, Blame, Outcome, allowed
from paycore.kernel.terms import PayType

ROUTE_NONE = "ROUTE_NONE"
"""The router had no quick-pay channel: the article's first trigger."""
ROUTE_ERROR = "ROUTE_ERROR"
LINE_DEDUCTS = "LINE_DEDUCTS"
"""The business line sells deduct as quick pay: converted as it is opened."""
CHANNEL_DOWN = "CHANNEL_DOWN"
CHANNEL_REFUSED = "CHANNEL_REFUSED"
CHANNEL_UNKNOWN = "CHANNEL_UNKNOWN"
"""The send's outcome is unknown; no money moves by it."""

MAX_QUICK_ROUTES = 2
"""The first and one more: the payer is waiting, and a conversion is as good."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: this method may become that one while a code is being sent."""

    source: PayType
    target: PayType


CONVERSIONS = (Row(PayType.QUICK_PAY, PayType.DEDUCT),)


def may_convert(pay_type: PayType, *, money_leg_sent: bool) -> bool:
    """Whether a payment may still change its method: never once money was asked for."""
    return not money_leg_sent and any(row.source is pay_type for row in CONVERSIONS)


def after_send(outcome: Outcome, blame: Blame | None, *, quick_tries: int) -> AfterSend:
    """What a send's outcome calls for, the second quick route counted."""
    next_step = allowed(outcome, blame).sending_code
    if next_step is AfterSend.NEXT_ROUTE and quick_tries >= MAX_QUICK_ROUTES:
        return AfterSend.CONVERT
    return next_step


def cause_of(outcome: Outcome) -> str:
    """The cause that is stored with a conversion."""
    match outcome:
        case Outcome.NOT_SENT:
            return CHANNEL_DOWN
        case Outcome.DECLINED:
            return CHANNEL_REFUSED
        case Outcome.PENDING | Outcome.UNKNOWN | Outcome.SUCCEEDED:
            return CHANNEL_UNKNOWN

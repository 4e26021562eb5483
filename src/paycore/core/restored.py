"""What a restore left open: the runs of `paycore recover`, and the payments of each.

A database that came back from a backup gives numbers a second time: an attempt of a
payment that was open then may get the number of one that was sent and forgotten, or go
where another one was paid. So such a payment is held (`RESTORED`) until its channels
were asked for all the numbers that it may have used; recovery/ asks, these rows say how
far it is.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import PayOrderNo

RESTORED: Final = "RESTORED"
"""What such a payment is held by: nobody works on it, not even its open leg is asked
after, before it is known what else it may have sent."""


class Restored(StrEnum):
    """How far one payment is."""

    HELD = "HELD"
    """Its channels are still to be asked, or did not all answer."""
    FOUND = "FOUND"
    """A channel knows of money that we do not know of: a person has it."""
    CLEAR = "CLEAR"
    """Whatever was sent of it we know: it goes on."""


@table("restore", key="since")
class RestoreRow(Row, frozen=True, kw_only=True):
    """One restore, by the moment from which something may be missing."""

    since: str
    begun_at: datetime
    """What was opened later has numbers that nobody had before."""


@table("restored_payment", key="pay_order_no", versioned=True)
class RestoredRow(Row, frozen=True, kw_only=True):
    """A payment whose numbers may have been used before."""

    pay_order_no: PayOrderNo
    version: int = 1
    since: str
    state: Restored
    held_at: datetime
    """Nobody who could have sent for it lived on: a channel's "not found" is its last
    word so much later as the channel takes at the longest."""
    asked_at: datetime | None = None
    lost_refunds: int = 0
    """Refunds that a channel made and we do not know of: their numbers are not given
    again, and what they gave back is not given again."""
    lost_refunded: int = 0

"""The refund: an aggregate of one row, and what it holds of its payment's total. Pure.

`apply` is the only writer of a status; what is staged is guarded by the version that
the refund was loaded at. A refund that fails gives back what it held, and one that
succeeds counts as done, in the very change that says so: neither can be forgotten.
"""

from datetime import datetime, timedelta

from msgspec.structs import replace

from paycore.core.payment import ENQUIRY_LADDER_S, wait_at
from paycore.core.refunds.share import Taken
from paycore.core.rows import RefundRow, RefundTotalRow, RefundTransitionRow
from paycore.core.states import Audience, RefundEvent, refund_transition
from paycore.gateway.call import OTHER_MONEY, Reply
from paycore.kernel.ids import leg_of_refund
from paycore.kernel.journal import Change
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import Epoch, RefundKind, RefundStatus

MAX_SENDS = 5
"""Calls that may have left us, of one number. Beyond them a person looks first: a
channel that loses a request five times is in trouble that more requests do not end."""


class Refund:
    """A refund as it will be after the next commit."""

    def __init__(self, row: RefundRow, *, new: bool = False) -> None:
        self.row = row
        self.told: set[Audience] = set()
        self._new = new
        self._stored = row
        self._transitions: list[RefundTransitionRow] = []

    @property
    def seq(self) -> int:
        """Where one number names attempts and refunds of a payment: this one's."""
        return leg_of_refund(self.row.refund_no)

    @property
    def late(self) -> bool:
        """Whether it is of money that came late."""
        return self.row.kind is RefundKind.LATE_MONEY

    @property
    def of_what_was_paid(self) -> bool:
        """Whether it takes of what was paid: what nobody asked for does not."""
        return self.row.kind is RefundKind.ASKED

    @property
    def surely_unsent(self) -> bool:
        """Whether nothing of it ever left us: then it is sent, and not asked after.
        What a channel has said yes to did.
        """
        return self.row.sends == 0 and not self.row.other_money

    @property
    def order_at(self) -> datetime:
        """Its moment at the channel."""
        return self.row.order_at or self.row.created_at

    @property
    def out_of_schedule(self) -> bool:
        """Whether the ladder has been climbed to its end."""
        return self.row.checks >= len(ENQUIRY_LADDER_S)

    # What happens to it

    def apply(self, event: RefundEvent, *, now: datetime, cause: str = "") -> None:
        """Record an event and move the status as the table says: the only writer."""
        moved, seq = refund_transition(self.row.status, event), self.row.events + 1
        self._transitions.append(
            RefundTransitionRow(
                pay_order_no=self.row.pay_order_no,
                refund_no=self.row.refund_no,
                seq=seq,
                from_status=moved.source,
                event=event,
                to_status=moved.target,
                cause=cause,
                at=now,
            )
        )
        self.told.update(moved.told)
        self.row = replace(self.row, status=moved.target, last_event=event, events=seq)
        if moved.target.final:
            self.row = replace(
                self.row,
                finished_at=now,
                next_check_at=None,
                lease_epoch=None,
                lease_until=None,
            )

    def sending(self, *, now: datetime) -> None:
        """About to be sent, under its own number as ever; nothing is known of it. Where
        surely nothing left before, it is an order of this moment: some channels refuse
        one that is minutes old.
        """
        first = self.row.events == (0 if self.of_what_was_paid else 1)
        if self.surely_unsent:
            self.row = replace(self.row, order_at=now)
        self.row = replace(self.row, sends=self.row.sends + 1, outcome=None)
        event = RefundEvent.REFUND_BEGUN if first else RefundEvent.REFUND_SENT_AGAIN
        self.apply(event, now=now)

    def heard(self, reply: Reply, *, now: datetime, call_ended: bool) -> None:
        """What was said of it, the last word or not."""
        unsent = call_ended and reply.outcome is Outcome.NOT_SENT
        other = (reply.outcome, reply.resp_code) == (Outcome.UNKNOWN, OTHER_MONEY)
        self.row = replace(
            self.row,
            outcome=reply.outcome,
            other_money=self.row.other_money or other,
            channel_ref=reply.channel_ref or self.row.channel_ref,
            sends=self.row.sends - unsent,
            quiet_from=min(self.row.quiet_from, now)
            if call_ended
            else self.row.quiet_from,
        )

    def respond(self, code: str, message: str) -> None:
        """What the business line reads as resp_code and resp_msg."""
        self.row = replace(self.row, resp_code=code, resp_msg=message)

    # Who works on it

    def lease(self, epoch: Epoch, *, until: datetime, look_at: datetime) -> None:
        """Taken: nobody else works on it while the epoch lives and `until` is to come;
        `look_at` is when others may first ask whether the epoch still lives.
        """
        self.row = replace(
            self.row, lease_epoch=epoch, lease_until=until, next_check_at=look_at
        )

    def quiet_after(self, moment: datetime) -> None:
        """Until then somebody may be sending what is about to be stored."""
        self.row = replace(self.row, quiet_from=moment)

    def release(self, now: datetime) -> None:
        """Given back, with the time of the next look."""
        if self.row.status.final:
            return
        self.row = replace(
            self.row,
            lease_epoch=None,
            lease_until=None,
            next_check_at=now + self.next_look,
        )

    @property
    def next_look(self) -> timedelta:
        """How long to wait before the next."""
        return wait_at(self.row.checks)

    def look_again(self) -> None:
        """One rung further on the ladder."""
        self.row = replace(self.row, checks=self.row.checks + 1)

    # How it is written

    def stage(self, change: Change) -> None:
        """Stage what differs from what is stored, guarded by the stored version."""
        if self._new:
            change.append(self.row)
        elif self.row is not self._stored:
            change.update(self.row, version=self._stored.version)
        for row in self._transitions:
            change.append(row)
        ended = self.row.status.final and not self._stored.status.final
        if ended and self.of_what_was_paid:
            self._stage_end(change)

    def _stage_end(self, change: Change) -> None:
        """What the total holds for it is given back, or counts as done."""
        row = self.row
        step = done if row.status is RefundStatus.SUCCESS else given_back
        change.amend(
            RefundTotalRow, (row.pay_order_no,), lambda total: step(total, row)
        )

    def stored(self) -> None:
        """The commit succeeded: what is staged is what is stored."""
        if self._new:
            self._new = False
        elif self.row is not self._stored:
            self.row = replace(self.row, version=self._stored.version + 1)
        self._stored = self.row
        self._transitions = []


# --- the total ------------------------------------------------------------------------


def taken(total: RefundTotalRow) -> Taken:
    """A payment's total, as the rule of shares sees it."""
    return Taken(
        amount=total.amount,
        payable=total.payable_amount,
        taken=total.taken_amount,
        money=total.taken_money,
    )


def reserved(total: RefundTotalRow, *, amount: int, money: int) -> RefundTotalRow:
    """With one more refund in flight."""
    return replace(
        total,
        refunds=total.refunds + 1,
        taken_amount=total.taken_amount + amount,
        taken_money=total.taken_money + money,
    )


def given_back(total: RefundTotalRow, refund: RefundRow) -> RefundTotalRow:
    """Without a refund that surely failed."""
    return replace(
        total,
        taken_amount=total.taken_amount - refund.amount,
        taken_money=total.taken_money - refund.money_amount,
    )


def done(total: RefundTotalRow, refund: RefundRow) -> RefundTotalRow:
    """With a refund that was in flight and has succeeded."""
    return replace(
        total,
        done_amount=total.done_amount + refund.amount,
        done_money=total.done_money + refund.money_amount,
    )

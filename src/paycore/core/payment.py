"""The payment: one aggregate of its row and its attempts. Pure: no I/O, no clock.

`apply` is the only writer of a status; every change of a row goes through here and is
then staged into one `Change`, guarded by the version the payment was loaded at.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from paycore.core.restored import RESTORED
from paycore.core.rows import AttemptRow, PaymentRow, TransitionRow
from paycore.core.states import Audience, Event, transition
from paycore.gateway.call import Reply
from paycore.kernel.ids import attempt_id
from paycore.kernel.journal import Change
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import (
    AttemptId,
    BizStatus,
    CodeSender,
    Epoch,
    Json,
    PayType,
    ProcessStatus,
    TransType,
    VerifyStatus,
)

# After a crash, takeover waits for the epoch to be declared dead; see worker/loop.py.
ENQUIRY_LADDER_S = (1, 2, 4, 8, 16, 32, 60, 60, 60, 120, 120, 120, 300, 300)
"""Waits between enquiries: 20 minutes in all, then the exception desk."""
SLOW_ENQUIRY_S = 600
"""After the desk has it we still ask: a late truth must be found."""

RETURNED = "LATE_MONEY_RETURNED"
"""Held because money came that must not, and that has gone back since: nothing begins
any more, but nothing stands in the way of a close."""
AT_DESK = "LATE_MONEY_AT_DESK"
"""The same where it does not go back by itself: a person may give back only what no
order covers, so the order has to end first."""
MAY_CLOSE = frozenset({RETURNED, AT_DESK})


class Payment:
    """A payment with its attempts, as it will be after the next commit."""

    __slots__ = (
        "_held",
        "_new",
        "_stored",
        "_stored_attempts",
        "_transitions",
        "attempts",
        "row",
        "told",
    )

    def __init__(
        self, row: PaymentRow, attempts: Iterable[AttemptRow] = (), *, new: bool = False
    ) -> None:
        self.row = row
        self.attempts = {attempt.seq: attempt for attempt in attempts}
        self.told: set[Audience] = set()
        self._new = new
        self._stored = row
        self._stored_attempts = dict(self.attempts)
        self._held = self._holding()
        self._transitions: list[TransitionRow] = []

    # What it is

    @property
    def waits_for_a_person(self) -> bool:
        """Whether nothing begins and nothing closes before somebody has looked."""
        return self.row.held not in (None, *MAY_CLOSE)

    @property
    def money_leg(self) -> AttemptRow | None:
        """The money leg whose last word is still to come, if there is one."""
        return next((a for a in self.money_legs if a.process_status.open), None)

    @property
    def is_deduction(self) -> bool:
        """Whether it was ordered as a deduct: no code, nobody present, and so nobody
        but us to go on with it; not a quick payment that was converted.
        """
        return self.row.pay_type is PayType.DEDUCT and self.row.converted_at is None

    @property
    def money_leg_sent(self) -> bool:
        """Whether money was ever asked for: then nothing converts any more."""
        return bool(self.money_legs)

    @property
    def money_legs(self) -> list[AttemptRow]:
        """Every attempt that asked for money, whatever became of it."""
        return [a for a in self.attempts.values() if a.trans_type.moves_money]

    @property
    def open_attempt(self) -> AttemptRow | None:
        """The attempt, of whatever type, that is open: at most the last one."""
        last = self.attempts.get(self.row.attempts)
        return last if last is not None and last.process_status.open else None

    @property
    def charged(self) -> AttemptRow:
        """The money leg that succeeded; only asked for where there is one."""
        return next(
            a for a in self.money_legs if a.process_status is ProcessStatus.GW_SUCCESS
        )

    def opener(self, request_no: AttemptId) -> AttemptRow | None:
        """The attempt that opened the order of this number at its channel; those that
        have the number after it are about the same order.
        """
        return self.attempts.get(int(request_no[-2:]))

    def opened_at(self, request_no: AttemptId) -> datetime | None:
        """When the order of this number was opened at its channel."""
        opener = self.opener(request_no)
        return None if opener is None else opener.created_at

    def reference_of(self, request_no: AttemptId) -> str | None:
        """The channel's own number of the money that was asked for under this one."""
        told = [
            leg.channel_ref for leg in self.money_legs if leg.request_no == request_no
        ]
        return next(filter(None, told), None)

    @property
    def sends(self) -> list[AttemptRow]:
        """The attempts to have a code sent, oldest first."""
        send = TransType.QUICK_PAY_SEND_MSG
        return [a for _, a in sorted(self.attempts.items()) if a.trans_type is send]

    @property
    def send_in_force(self) -> AttemptRow | None:
        """The send whose code counts: the latest success of the sender in force."""
        seq = self.row.code_seq
        return self.attempts.get(seq) if seq is not None else None

    @property
    def is_new(self) -> bool:
        """Whether it was never stored."""
        return self._new

    @property
    def version(self) -> int:
        """The version as last stored."""
        return self._stored.version

    # What happens to it

    def apply(
        self,
        event: Event,
        *,
        now: datetime,
        cause: str = "",
        attempt_seq: int | None = None,
    ) -> None:
        """Record an event and move the status as the table says: the only writer."""
        row = transition(self.row.biz_status, event)
        self._transitions.append(
            TransitionRow(
                pay_order_no=self.row.pay_order_no,
                seq=self.row.events + 1,
                from_status=row.source,
                event=event,
                to_status=row.target,
                cause=cause,
                attempt_seq=attempt_seq,
                at=now,
            )
        )
        self.told.update(row.told)
        self.row = replace(
            self.row,
            biz_status=row.target,
            last_event=event,
            events=self.row.events + 1,
        )
        if row.target.final:
            self.row = replace(
                self.row,
                finished_at=now,
                next_check_at=None,
                lease_epoch=None,
                lease_until=None,
            )

    def respond(self, code: str, message: str) -> None:
        """What the business line reads as resp_code and resp_msg."""
        self.row = replace(self.row, resp_code=code, resp_msg=message)

    def convert(self, *, cause: str, now: datetime) -> None:
        """Quick pay becomes deduct; the code of the quick channel no longer counts."""
        assert self.row.pay_type is PayType.QUICK_PAY
        assert not self.money_leg_sent
        self.row = replace(
            self.row,
            pay_type=PayType.DEDUCT,
            convert_cause=cause,
            converted_at=now,
            code_by=None,
            code_seq=None,
            code_expires_at=None,
            code_sent_at=None,
        )
        self.apply(Event.CONVERTED, now=now, cause=cause)

    def begin(
        self,
        trans_type: TransType,
        *,
        channel: str,
        account: str,
        inst_trans_id: str,
        now: datetime,
        quiet_from: datetime,
        request_no: AttemptId | None = None,
        reserved: Json | None = None,
    ) -> AttemptRow:
        """Record a new attempt before its call; its own id is the request number
        unless it inherits the one that opened the order at the channel.
        """
        seq = self.row.attempts + 1
        attempt = AttemptRow(
            pay_order_no=self.row.pay_order_no,
            seq=seq,
            trans_type=trans_type,
            process_status=ProcessStatus.GW_DOING,
            channel=channel,
            account=account,
            inst_trans_id=inst_trans_id,
            request_no=request_no or attempt_id(self.row.pay_order_no, seq),
            amount=self.row.payable_amount,
            currency=self.row.currency,
            reserved=reserved,
            created_at=now,
            quiet_from=quiet_from,
        )
        self.attempts[seq] = attempt
        self.row = replace(self.row, attempts=seq)
        return attempt

    def end(
        self, attempt: AttemptRow, status: ProcessStatus, reply: Reply, now: datetime
    ) -> AttemptRow:
        """Write the last word on an attempt."""
        return self._put(
            replace(
                attempt,
                process_status=status,
                outcome=reply.outcome,
                blame=reply.blame,
                channel_ref=reply.channel_ref,
                channel_token=reply.channel_token,
                resp_code=reply.resp_code,
                resp_msg=reply.resp_msg,
                quiet_from=min(attempt.quiet_from, now),
                finished_at=now,
            )
        )

    def still_open(
        self, attempt: AttemptRow, reply: Reply, *, now: datetime, call_ended: bool
    ) -> AttemptRow:
        """Note that an answer came which is not the last word."""
        return self._put(
            replace(
                attempt,
                outcome=reply.outcome,
                resp_code=reply.resp_code,
                resp_msg=reply.resp_msg,
                quiet_from=min(attempt.quiet_from, now)
                if call_ended
                else attempt.quiet_from,
                enquiries=attempt.enquiries + (not call_ended),
            )
        )

    def _put(self, attempt: AttemptRow) -> AttemptRow:
        self.attempts[attempt.seq] = attempt
        return attempt

    def code_sent(
        self,
        attempt: AttemptRow,
        *,
        by: CodeSender,
        phone: str,
        until: datetime,
        now: datetime,
    ) -> None:
        """A new code is out: it is the one in force, whatever came before."""
        self.row = replace(
            self.row,
            code_by=by,
            code_seq=attempt.seq,
            code_phone=phone,
            code_expires_at=until,
            code_sent_at=now,
            verify_status=VerifyStatus.NOT_VERIFIED,
            pass_until=None,
        )
        self.apply(Event.CODE_SENT, now=now, cause=by, attempt_seq=attempt.seq)

    def verified(
        self, status: VerifyStatus, *, pass_until: datetime | None = None
    ) -> None:
        """What became of the code."""
        wrong = status is VerifyStatus.WRONG
        self.row = replace(
            self.row,
            verify_status=status,
            pass_until=pass_until,
            wrong_tries=self.row.wrong_tries + wrong,
        )

    def hold(self, kind: str) -> None:
        """A person must look first: no money leg begins, and nothing closes."""
        self.row = replace(self.row, held=kind)

    def let_go_on(self, now: datetime) -> None:
        """Nothing of it was lost in a restore: it goes on as it stood in the backup."""
        assert self.row.held == RESTORED, "only what was held for that"
        self.row = replace(self.row, held=None)
        self.release(now)

    def may_close(self, why: str, now: datetime) -> None:
        """Nothing more comes of the money that it was held for: its close need not wait
        longer.
        """
        assert why in MAY_CLOSE, why
        due = self.row.next_check_at
        assert due is not None, "what is held is not final"
        self.row = replace(
            self.row,
            held=why,
            next_check_at=min(due, max(now, self.row.expires_at)),
        )

    def at_step(self, step: str) -> None:
        """Where the chain stands."""
        self.row = replace(self.row, step=step)

    # Who works on it

    def lease(self, epoch: Epoch, *, until: datetime, look_at: datetime) -> None:
        """Taken: nobody else works on it while the epoch lives and `until` is to come.

        `look_at` is when others may first ask whether the epoch still lives.
        """
        self.row = replace(
            self.row, lease_epoch=epoch, lease_until=until, next_check_at=look_at
        )

    def release(self, now: datetime) -> None:
        """Given back, with the time of the next look that its state calls for."""
        if self.row.biz_status is not BizStatus.DOING:
            return
        self.row = replace(
            self.row,
            lease_epoch=None,
            lease_until=None,
            next_check_at=self._next_look(now),
        )

    def quiet_after(self, seq: int, moment: datetime) -> None:
        """Until then somebody may be sending an attempt that is about to be stored."""
        if seq not in self._stored_attempts:
            self._put(replace(self.attempts[seq], quiet_from=moment))

    def look_again(self) -> None:
        """One rung further on the ladder of enquiries."""
        self.row = replace(self.row, checks=self.row.checks + 1)

    def first_look(self) -> None:
        """The ladder starts from its first rung."""
        self.row = replace(self.row, checks=0)

    @property
    def out_of_schedule(self) -> bool:
        """Whether the ladder has been climbed to its end."""
        return self.row.checks >= len(ENQUIRY_LADDER_S)

    def _next_look(self, now: datetime) -> datetime:
        if self.row.held == RESTORED:
            return now + timedelta(seconds=SLOW_ENQUIRY_S)
        if self.waits_for_a_person and self.money_leg is None:
            return now + timedelta(seconds=SLOW_ENQUIRY_S)
        goes_on = self.is_deduction and self.row.held is None
        waits = self.open_attempt is None and not goes_on
        if waits and now < self.row.expires_at:
            return self.row.expires_at
        return now + wait_at(self.row.checks)

    # How it is written

    def stage(self, change: Change) -> None:
        """Stage what differs from what is stored, guarded by the stored version."""
        if self._new:
            change.insert(self.row)
        elif self.row is not self._stored:
            change.update(self.row, version=self._stored.version)
        for seq, attempt in sorted(self.attempts.items()):
            before = self._stored_attempts.get(seq)
            if before is None:
                change.append(attempt)
            elif before is not attempt:
                change.update(attempt, version=before.version)
        for row in self._transitions:
            change.append(row)

    def stored(self) -> None:
        """The commit succeeded: what is staged is what is stored."""
        if self._new:
            self._new = False
        elif self.row is not self._stored:
            self.row = replace(self.row, version=self._stored.version + 1)
        for seq, attempt in self.attempts.items():
            before = self._stored_attempts.get(seq)
            if before is not None and before is not attempt:
                self.attempts[seq] = replace(attempt, version=before.version + 1)
        self._stored = self.row
        self._stored_attempts = dict(self.attempts)
        self._held = self._holding()
        self._transitions = []

    # What it holds of limits

    def _holding(self) -> frozenset[int]:
        """The attempts whose reservations count now (I29): what is open, the quick send
        in force while the payment waits, and whatever led to the charge.
        """
        if all(a.reserved is None for a in self.attempts.values()):
            return frozenset()
        status, send = self.row.biz_status, self.send_in_force
        held = {
            a.seq
            for a in self.attempts.values()
            if a.process_status.open
            or (
                a.trans_type.moves_money
                and a.process_status is ProcessStatus.GW_SUCCESS
            )
        }
        if send is not None and status in (BizStatus.DOING, BizStatus.SUCCESS):
            held.add(send.seq)
        return frozenset(held)

    def no_longer_held(self) -> list[AttemptRow]:
        """The attempts whose reservations the next commit must give back."""
        if not self._held:
            return []
        gone = self._held - self._holding()
        return [self.attempts[seq] for seq in sorted(gone)]

    def copy(self) -> "Payment":
        """A copy to come back to, should the next commit be refused."""
        twin = Payment.__new__(Payment)
        twin.row, twin._new, twin._held = self.row, self._new, self._held
        # What is stored is never changed, only replaced as a whole.
        twin._stored, twin._stored_attempts = self._stored, self._stored_attempts
        twin.attempts = self.attempts.copy()
        twin.told = self.told.copy()
        twin._transitions = self._transitions.copy()
        return twin


def wait_at(rung: int) -> timedelta:
    """How long to wait after so many looks."""
    on_ladder = rung < len(ENQUIRY_LADDER_S)
    return timedelta(seconds=ENQUIRY_LADDER_S[rung] if on_ladder else SLOW_ENQUIRY_S)


def differs(reply: Reply, attempt: AttemptRow) -> bool:
    """Whether a yes speaks of another amount or currency than was asked."""
    if reply.outcome is not Outcome.SUCCEEDED or not attempt.trans_type.moves_money:
        return False
    return (reply.amount, reply.currency) != (attempt.amount, attempt.currency)

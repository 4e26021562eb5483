"""The agreement: an aggregate of one row, and what an answer means for it. Pure.

`apply` is the only writer of a status; what is staged is guarded by the version that
the row was loaded at. What no answer has settled stays open (`step`), is asked after
under its number, and is never guessed.
"""

from datetime import datetime, timedelta

from msgspec.structs import replace

from paycore.core.agreements.rows import AgreementTransitionRow, SigningRow
from paycore.core.agreements.states import (
    AgreementEvent,
    AgreementStatus,
    agreement_transition,
)
from paycore.core.payment import ENQUIRY_LADDER_S, wait_at
from paycore.gateway.call import Reply
from paycore.kernel.ids import signing_request
from paycore.kernel.journal import Change
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import Epoch, VerifyStatus

SIGN, CONFIRM, REVOKE = "SIGN", "CONFIRM", "REVOKE"
"""Calls whose result is not known (`step`)."""

MAX_CONFIRMS = 10
"""Codes that the payer may type for one agreement; the bank counts as well."""
LAST_NUMBER = 99

_SIGNING_NUMBER = 1


class Signing:
    """An agreement as it will be after the next commit."""

    def __init__(self, row: SigningRow, *, new: bool = False) -> None:
        self.row = row
        self._new = new
        self._stored = row
        self._transitions: list[AgreementTransitionRow] = []

    @property
    def request_no(self) -> str:
        """The number at the channel under which it was asked for, and is confirmed."""
        return signing_request(self.row.signing_no, _SIGNING_NUMBER)

    @property
    def revoke_no(self) -> str:
        """The number of its revocation; after one that ended nothing there is a new."""
        return signing_request(self.row.signing_no, _SIGNING_NUMBER + self.row.revokes)

    @property
    def out_of_schedule(self) -> bool:
        """Whether the ladder has been climbed to its end."""
        return self.row.checks >= len(ENQUIRY_LADDER_S)

    # What happens to it

    def apply(self, event: AgreementEvent, *, now: datetime, cause: str = "") -> None:
        """Record an event and move the status as the table says: the only writer."""
        row, seq = self.row, self.row.events + 1
        moved = agreement_transition(row.status, event)
        self._transitions.append(
            AgreementTransitionRow(
                card_id=row.card_id,
                signing_no=row.signing_no,
                seq=seq,
                from_status=moved.source,
                event=event,
                to_status=moved.target,
                cause=cause,
                at=now,
            )
        )
        self.row = replace(row, status=moved.target, last_event=event, events=seq)
        if moved.target is not moved.source:
            self._moved(moved.target, now)

    def _moved(self, target: AgreementStatus, now: datetime) -> None:
        """What goes with a new status, whichever event brought it."""
        row = self.row
        self.row = replace(
            row,
            signed_at=now if target is AgreementStatus.ACTIVE else row.signed_at,
            ended_at=None if target is AgreementStatus.ACTIVE else row.ended_at or now,
            step=row.step if target is AgreementStatus.REVOKING else "",
            checks=0,
        )
        if target.final:
            self.row = replace(self.row, next_check_at=None)

    def begin(self, step: str, *, now: datetime) -> None:
        """A call is about to be sent; until it is answered its result is not known."""
        row = self.row
        if step == CONFIRM:
            self.row = replace(row, step=step, confirms=row.confirms + 1)
            self.apply(AgreementEvent.CONFIRM_BEGUN, now=now)
        elif step == REVOKE:
            self.row = replace(row, step=step, revokes=max(row.revokes, 1))
            self.apply(AgreementEvent.REVOKE_BEGUN, now=now)

    def settled(self, event: AgreementEvent, *, now: datetime, cause: str = "") -> None:
        """What was open has come to its end."""
        self.row = replace(self.row, step="")
        self.apply(event, now=now, cause=cause)

    # What an answer means

    def hear(self, reply: Reply, *, now: datetime) -> None:
        """The answer to the call that is open."""
        code = reply.resp_code
        self.row = replace(self.row, resp_code=code)
        match self.row.step, reply.outcome:
            case "REVOKE", _:
                self._hear_revocation(reply, now)
            case "SIGN", Outcome.SUCCEEDED | Outcome.PENDING:
                self.settled(AgreementEvent.CODE_SENT, now=now)
            case "SIGN", Outcome.DECLINED | Outcome.NOT_SENT:
                self.settled(AgreementEvent.SIGN_REFUSED, now=now, cause=code)
            case "CONFIRM", Outcome.SUCCEEDED if reply.agreement:
                self._verified(VerifyStatus.PASS)
                self.settled(AgreementEvent.SIGNED, now=now)
            case "CONFIRM", Outcome.DECLINED:
                self._refused(reply, now)
            case "CONFIRM", Outcome.NOT_SENT:
                self.settled(AgreementEvent.NOT_SIGNED, now=now, cause=code)
            case _:
                self.apply(AgreementEvent.SIGN_UNKNOWN, now=now, cause=code)

    def hear_enquiry(self, reply: Reply, *, now: datetime, over: bool) -> None:
        """What the bank says of the signing. `over`: whatever was sent is there by now,
        so that "not there" is the truth.
        """
        code, status = reply.resp_code, self.row.status
        if reply.outcome is Outcome.SUCCEEDED and reply.agreement:
            found = status is AgreementStatus.REVOKING
            event = AgreementEvent.SIGN_FOUND if found else AgreementEvent.SIGNED
            self.settled(event, now=now)
        elif reply.outcome is Outcome.DECLINED or (reply.not_found and over):
            self._surely_not(reply, now)
        elif reply.outcome is Outcome.PENDING and self.row.step == SIGN:
            self._waits(AgreementEvent.CODE_SENT, now, over=over)
        elif reply.outcome is Outcome.PENDING and over:
            self._waits(AgreementEvent.NOT_SIGNED, now, over=over)
        else:
            self.row = replace(self.row, resp_code=code)

    def _waits(self, event: AgreementEvent, now: datetime, *, over: bool) -> None:
        """The bank waits for a code. One that is revoked gets none from us any more."""
        if self.row.status is AgreementStatus.PENDING:
            self.settled(event, now=now)
        elif over:
            self.settled(AgreementEvent.NEVER_SIGNED, now=now)

    def _surely_not(self, reply: Reply, now: datetime) -> None:
        if self.row.status is AgreementStatus.REVOKING:
            self.settled(AgreementEvent.NEVER_SIGNED, now=now, cause=reply.resp_code)
        elif reply.outcome is Outcome.DECLINED:
            self._refused(reply, now)
        else:
            self.settled(
                AgreementEvent.SIGN_REFUSED, now=now, cause=reply.resp_code or "UNKNOWN"
            )

    def _refused(self, reply: Reply, now: datetime) -> None:
        """A definite no: to the code, which may be typed again, or to the payer."""
        self.row = replace(self.row, resp_code=reply.resp_code)
        event = AgreementEvent.SIGN_REFUSED
        if reply.blame is Blame.CODE:
            expired = reply.verify_status is VerifyStatus.EXPIRED
            self._verified(VerifyStatus.EXPIRED if expired else VerifyStatus.WRONG)
            event = (
                AgreementEvent.SIGN_EXPIRED if expired else AgreementEvent.NOT_SIGNED
            )
        self.settled(event, now=now, cause=reply.resp_code)

    def _verified(self, status: VerifyStatus) -> None:
        self.row = replace(self.row, verify_status=status)

    def _hear_revocation(self, reply: Reply, now: datetime) -> None:
        event, code = AgreementEvent.REVOKE_UNKNOWN, reply.resp_code
        match reply.outcome:
            case Outcome.SUCCEEDED:
                self.settled(AgreementEvent.REVOKE_ACKNOWLEDGED, now=now)
            case Outcome.NOT_SENT:
                # The same number, a rung later.
                self.settled(event, now=now, cause=code)
            case _:
                # A no as well: what is over there already may be refused.
                self.apply(event, now=now, cause=code)

    def hear_of_revocation(self, reply: Reply, *, now: datetime, quiet: bool) -> None:
        """What the bank says of a revocation that had no yes. One that ended nothing is
        sent again as soon as nobody is still sending it (`quiet`): no money moves by
        it, and twice is as good as once, so that no window of money's is waited for.
        """
        if reply.outcome is Outcome.SUCCEEDED:
            self.settled(AgreementEvent.REVOKE_ACKNOWLEDGED, now=now)
        elif reply.outcome is Outcome.DECLINED or (reply.not_found and quiet):
            cause = "NOT_FOUND" if reply.not_found else reply.resp_code
            self._another_number()
            self.settled(AgreementEvent.REVOKE_UNKNOWN, now=now, cause=cause)

    def _another_number(self) -> None:
        """The last may be known there, and refused: then it is again."""
        self.row = replace(self.row, revokes=min(self.row.revokes + 1, LAST_NUMBER - 1))

    # Leases and looks

    def lease(self, epoch: Epoch, *, until: datetime, look_at: datetime) -> None:
        """It is in a passage's hands."""
        self.row = replace(
            self.row, lease_epoch=epoch, lease_until=until, next_check_at=look_at
        )

    def quiet_after(self, at: datetime) -> None:
        """Until then somebody may still be sending the call that is open."""
        self.row = replace(self.row, quiet_from=at)

    def release(self, now: datetime) -> None:
        """Out of our hands; when it is looked at again follows from how it stands."""
        self.row = replace(
            self.row, lease_epoch=None, lease_until=None, next_check_at=self._due(now)
        )

    def look_again(self) -> None:
        """One rung up."""
        self.row = replace(self.row, checks=self.row.checks + 1)

    def _due(self, now: datetime) -> datetime | None:
        row = self.row
        if row.status.final:
            return None
        if row.status is AgreementStatus.ACTIVE:
            return row.ends_at
        if row.status is AgreementStatus.PENDING and not row.step:
            return max(row.expires_at, now)
        return now + (wait_at(row.checks - 1) if row.checks else timedelta())

    # How it is written

    def stage(self, change: Change) -> None:
        """Stage what differs from what is stored, guarded by the stored version."""
        if self._new:
            change.insert(self.row)
        elif self.row is not self._stored:
            change.update(self.row, version=self._stored.version)
        for transition in self._transitions:
            change.append(transition)

    def stored(self) -> None:
        """The commit succeeded."""
        if not self._new and self.row is not self._stored:
            self.row = replace(self.row, version=self._stored.version + 1)
        self._new, self._stored, self._transitions = False, self.row, []

"""The transition table of agreements: from, event, to. Nothing else moves a status.

The database holds the same rows (migrations, `agreement_transition_rule`) and refuses
what is not there; docs/states.md is drawn from these tuples. Pure.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class AgreementStatus(StrEnum):
    """Where an agreement stands."""

    PENDING = "PENDING"
    """Asked for; the bank has not said yes."""
    ACTIVE = "ACTIVE"
    """The bank has said yes, and money may be taken under it."""
    REVOKING = "REVOKING"
    """Ended with us, and the bank has not acknowledged it yet: no money any more."""
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    """Its code or its term is over."""
    REFUSED = "REFUSED"
    """The bank has said no."""

    @property
    def final(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self in (self.REVOKED, self.EXPIRED, self.REFUSED)


class AgreementEvent(StrEnum):
    """What happened to an agreement, in the past tense."""

    CODE_SENT = "CODE_SENT"
    """The bank has texted its code to the payer."""
    CONFIRM_BEGUN = "CONFIRM_BEGUN"
    """The payer's code is about to be sent to the bank."""
    SIGN_UNKNOWN = "SIGN_UNKNOWN"
    """Sent, no trustworthy answer yet: it is asked after."""
    NOT_SIGNED = "NOT_SIGNED"
    """Surely not signed by this try; the payer may try again."""
    SIGNED = "SIGNED"
    """The bank has acknowledged it and given its number."""
    SIGN_REFUSED = "SIGN_REFUSED"
    """Definitely refused, or surely never there."""
    SIGN_EXPIRED = "SIGN_EXPIRED"
    """The code is over, and nobody signed."""
    REVOKE_ASKED = "REVOKE_ASKED"
    """The business line revoked the card: from now on no money."""
    SIGN_FOUND = "SIGN_FOUND"
    """The bank had signed after all what was revoked meanwhile."""
    NEVER_SIGNED = "NEVER_SIGNED"
    """There is nothing at the bank to be revoked."""
    REVOKE_BEGUN = "REVOKE_BEGUN"
    """The revocation is about to be sent to the bank."""
    REVOKE_UNKNOWN = "REVOKE_UNKNOWN"
    """Not acknowledged: asked after, or sent again."""
    REVOKE_ACKNOWLEDGED = "REVOKE_ACKNOWLEDGED"
    """The bank has ended it too."""
    REVOKED_BY_BANK = "REVOKED_BY_BANK"
    """The payer ended it at the bank, which told us."""
    TERM_OVER = "TERM_OVER"
    """It was agreed upon until then."""


@dataclass(frozen=True, slots=True)
class AgreementTransition:
    """One row."""

    source: AgreementStatus
    event: AgreementEvent
    target: AgreementStatus
    told: tuple[str, ...] = ()


_PENDING, _ACTIVE = AgreementStatus.PENDING, AgreementStatus.ACTIVE
_REVOKING, _REVOKED = AgreementStatus.REVOKING, AgreementStatus.REVOKED
_EXPIRED, _REFUSED = AgreementStatus.EXPIRED, AgreementStatus.REFUSED

AGREEMENT_TRANSITIONS = (
    AgreementTransition(_PENDING, AgreementEvent.CODE_SENT, _PENDING),
    AgreementTransition(_PENDING, AgreementEvent.CONFIRM_BEGUN, _PENDING),
    AgreementTransition(_PENDING, AgreementEvent.SIGN_UNKNOWN, _PENDING),
    AgreementTransition(_PENDING, AgreementEvent.NOT_SIGNED, _PENDING),
    AgreementTransition(_PENDING, AgreementEvent.SIGNED, _ACTIVE),
    AgreementTransition(_PENDING, AgreementEvent.SIGN_REFUSED, _REFUSED),
    AgreementTransition(_PENDING, AgreementEvent.SIGN_EXPIRED, _EXPIRED),
    AgreementTransition(_PENDING, AgreementEvent.REVOKE_ASKED, _REVOKING),
    AgreementTransition(_PENDING, AgreementEvent.REVOKED_BY_BANK, _REVOKED),
    AgreementTransition(_ACTIVE, AgreementEvent.REVOKE_ASKED, _REVOKING),
    AgreementTransition(_ACTIVE, AgreementEvent.REVOKED_BY_BANK, _REVOKED),
    AgreementTransition(_ACTIVE, AgreementEvent.TERM_OVER, _EXPIRED),
    AgreementTransition(_REVOKING, AgreementEvent.SIGN_FOUND, _REVOKING),
    AgreementTransition(_REVOKING, AgreementEvent.REVOKE_BEGUN, _REVOKING),
    AgreementTransition(_REVOKING, AgreementEvent.REVOKE_UNKNOWN, _REVOKING),
    AgreementTransition(_REVOKING, AgreementEvent.NEVER_SIGNED, _REVOKED),
    AgreementTransition(_REVOKING, AgreementEvent.REVOKE_ACKNOWLEDGED, _REVOKED),
    AgreementTransition(_REVOKING, AgreementEvent.REVOKED_BY_BANK, _REVOKED),
)

_ROWS = MappingProxyType(
    {(row.source, row.event): row for row in AGREEMENT_TRANSITIONS}
)


class NoSuchStep(Exception):
    """The table has no row for this event in this status: a bug."""

    def __init__(self, source: AgreementStatus, event: AgreementEvent) -> None:
        super().__init__(f"no transition for {event} in {source}")


def agreement_transition(
    source: AgreementStatus, event: AgreementEvent
) -> AgreementTransition:
    """The row for an event in a status of an agreement."""
    row = _ROWS.get((source, event))
    if row is None:
        raise NoSuchStep(source, event)
    return row

"""What a payer sees of a checkout now, told by what stands: the one place that decides
which page it is. Pure: nothing is remembered of earlier visits, so that the back
button, another tab and a repeated click all come to the same page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from paycore.cards import service as cards
from paycore.cards.rows import CardRow
from paycore.checkout.rows import CheckoutRow
from paycore.core.agreements.rows import SigningRow
from paycore.core.agreements.signing import CONFIRM, MAX_CONFIRMS
from paycore.core.agreements.states import AgreementStatus
from paycore.core.late import Late
from paycore.core.payment import Payment
from paycore.kernel.terms import BizStatus, VerifyStatus


class Stage(StrEnum):
    """Which page it is."""

    CHOOSE = "CHOOSE"
    """With which card: a saved one or a new one."""
    SIGN_CODE = "SIGN_CODE"
    """The code that adds a new card."""
    SIGNING = "SIGNING"
    """Whether the card was added is being found out."""
    WORKING = "WORKING"
    """Somebody is at it right now: a code is being sent, or looked at."""
    CODE = "CODE"
    """The code that pays."""
    CONFIRMING = "CONFIRMING"
    """Money was asked for and the answer is not known, or it was taken and must not
    have been: nothing to do but wait."""
    PAID = "PAID"
    FAILED = "FAILED"
    CLOSED = "CLOSED"
    EXPIRED = "EXPIRED"
    """Nobody chose a card in time: written in the row, and so for ever."""
    TAKEN = "TAKEN"
    """The order's number names another payment, which is not this one's to show."""

    @property
    def over(self) -> bool:
        """Whether there is nothing left but the way back."""
        return self in _OVER

    @property
    def moves(self) -> bool:
        """Whether the page is to look again by itself."""
        return self in _MOVES


_OVER = frozenset({Stage.PAID, Stage.FAILED, Stage.CLOSED, Stage.EXPIRED, Stage.TAKEN})
_MOVES = frozenset({Stage.SIGNING, Stage.WORKING, Stage.CONFIRMING})
_ENDS = MappingProxyType(
    {
        BizStatus.SUCCESS: Stage.PAID,
        BizStatus.FAIL: Stage.FAILED,
        BizStatus.CLOSED: Stage.CLOSED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What stands of a checkout."""

    row: CheckoutRow
    offered: Sequence[CardRow]
    """The cards that the line named and the payer added, as they are now."""
    payment: Payment | None
    taken: bool
    """There is a payment of the order's number which is not this checkout's."""
    adding: CardRow | None
    signing: SigningRow | None
    """Of the newest card that the payer added here."""
    late: Late = Late.NONE
    """Of an order that did not come about: what is known of money that was taken."""

    @property
    def cards(self) -> list[CardRow]:
        """Those that may be paid with now."""
        return [card for card in self.offered if card.status == cards.ACTIVE]

    @property
    def checks(self) -> int:
        """How often the bank was asked what became of the last call."""
        waits = self.signing if self.payment is None else self.payment.row
        return 0 if waits is None else waits.checks

    @property
    def came_to_nothing(self) -> bool:
        """Whether the card that the payer typed last was not added and will not be,
        though nobody gave it up.
        """
        given_up = (cards.ACTIVE, cards.REVOKED)
        return self.adding is not None and self.adding.status not in given_up


def stage_of(found: Found, now: datetime) -> Stage:
    """Which page it is."""
    if found.taken:
        return Stage.TAKEN
    if found.payment is not None:
        return _of_payment(found.payment, now)
    if found.row.expired_at is not None:
        return Stage.EXPIRED
    if found.signing is not None and found.signing.status is AgreementStatus.PENDING:
        stage = _of_signing(found.signing, now)
        if stage is not None:
            return stage
    return Stage.CHOOSE


def _of_payment(payment: Payment, now: datetime) -> Stage:
    row = payment.row
    if row.biz_status.final:
        return _ENDS[row.biz_status]
    # Whatever it is held for: no code pays it any more.
    if payment.money_leg is not None or row.held is not None:
        return Stage.CONFIRMING
    if row.lease_epoch is not None or payment.open_attempt is not None:
        return Stage.WORKING
    # Over its time and not closed yet: the closer asks the channels first.
    return Stage.CONFIRMING if now >= row.expires_at else Stage.CODE


def _of_signing(row: SigningRow, now: datetime) -> Stage | None:
    """None: nothing comes of it any more, another card may be chosen."""
    if row.step == CONFIRM:
        return Stage.SIGNING
    if row.lease_epoch is not None:
        return Stage.WORKING
    if now >= row.expires_at or row.confirms >= MAX_CONFIRMS:
        return None
    return Stage.SIGN_CODE


def last_code(found: Found) -> VerifyStatus | None:
    """What became of the last code that was typed for what the page asks now."""
    if found.payment is not None:
        status = found.payment.row.verify_status
        return None if status is VerifyStatus.NOT_VERIFIED else status
    if found.signing is not None and found.signing.verify_status is not None:
        return VerifyStatus(found.signing.verify_status)
    return None

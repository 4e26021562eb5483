"""What is kept of the signing and the revocation of an agreement."""

from datetime import datetime

from paycore.core.agreements.states import AgreementStatus
from paycore.kernel.journal import Row, table
from paycore.kernel.terms import BizLineId, CardId, PayOrderNo, PayType


@table(
    "agreement_signing", key=("card_id", "signing_no"), owner="card_id", claimed=True
)
class SigningRow(Row, frozen=True, kw_only=True):
    """One agreement from its asking to its end. Nothing secret: the number that the
    bank gave is in the vault.
    """

    card_id: CardId
    signing_no: PayOrderNo
    """Of a payment's form, so that its messages are found as a payment's are."""
    version: int = 1
    biz_line: BizLineId
    """Whom the payer has agreed to pay."""
    pay_type: PayType
    channel: str
    account: str
    scope: str
    """Of a mandate: what for. Else empty."""
    single_limit: int | None
    daily_limit: int | None
    ends_at: datetime | None
    slot: bytes
    """The place it takes: payer, card, payee and account (`SlotRow`)."""
    status: AgreementStatus = AgreementStatus.PENDING
    last_event: str = "OPENED"
    events: int = 0
    """Transitions so far: the sequence number of the last one."""
    step: str = "SIGN"
    """The call whose result is not known: SIGN, CONFIRM or REVOKE; else empty."""
    confirms: int = 0
    revokes: int = 0
    """Numbers that revocations had: the last one's, zero for none."""
    verify_status: str | None = None
    """What became of the last code that was typed."""
    resp_code: str = ""
    created_at: datetime
    expires_at: datetime
    """Until when the payer can type the code."""
    signed_at: datetime | None = None
    ended_at: datetime | None = None
    """When the right to take money under it was over, with us."""
    quiet_from: datetime
    """From then on surely nobody is still sending the last call."""
    checks: int = 0
    next_check_at: datetime | None
    lease_epoch: int | None = None
    lease_until: datetime | None = None


@table("agreement_number", key="name")
class NumberRow(Row, frozen=True, kw_only=True):
    """What a signing is found by: channels name its number only, and whoever repeats a
    POST its idempotency key (its scope in hex, and since when it is in use).
    """

    name: str
    card_id: CardId
    signing_no: PayOrderNo


@table("agreement_slot", key="slot", versioned=True)
class SlotRow(Row, frozen=True, kw_only=True):
    """One agreement per payer, card, payee, kind and account: who has the place."""

    slot: bytes
    version: int = 1
    holder: str
    """A signing's number; empty: free."""


@table("agreement_transition", key=("card_id", "signing_no", "seq"), owner="card_id")
class AgreementTransitionRow(Row, frozen=True, kw_only=True):
    """One applied row of the agreements' transition table; append-only."""

    card_id: CardId
    signing_no: PayOrderNo
    seq: int
    from_status: AgreementStatus
    event: str
    to_status: AgreementStatus
    cause: str
    at: datetime

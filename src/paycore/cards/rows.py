"""What is kept of a card: the vault's sealed columns, and its agreements."""

from datetime import datetime

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import BizLineId, CardId, PayType


@table("cards_card", key="card_id", versioned=True)
class CardRow(Row, frozen=True, kw_only=True):
    """A payer's bank card, registered by one business line. Its facts never change."""

    card_id: CardId
    version: int = 1
    biz_line: BizLineId
    sealed: bytes
    """JSON {"number", "name", "id_no", "phone"}, sealed with the key ring; empty once
    it was revoked long ago, or never signed. The hashes go with the last token."""
    number_hash: bytes
    """Keyed hash, to find a card by its number without opening it."""
    phone_hash: bytes
    bin: str
    tail: str
    phone_masked: str
    holder_masked: str
    bank: str
    card_kind: str
    """DEBIT or CREDIT."""
    status: str = "ACTIVE"
    """ACTIVE or REVOKED; of a card that is being signed PENDING, EXPIRED, REFUSED."""
    created_at: datetime
    revoked_at: datetime | None = None


@table(
    "cards_agreement",
    key=("card_id", "pay_type", "channel", "account"),
    owner="card_id",
    versioned=True,
)
class AgreementRow(Row, frozen=True, kw_only=True):
    """An agreement (quick pay) or mandate (deduct) at one channel account."""

    card_id: CardId
    pay_type: PayType
    channel: str
    account: str
    version: int = 1
    token: bytes
    """The channel's agreement number, sealed with the key ring; empty once its card
    is."""
    single_limit: int | None
    daily_limit: int | None
    starts_at: datetime
    ends_at: datetime | None
    status: str = "ACTIVE"
    """ACTIVE or REVOKED."""


@table("cards_bin", key="prefix", versioned=True)
class BinRow(Row, frozen=True, kw_only=True):
    """Whose cards begin so, as the user has loaded it."""

    prefix: str
    version: int = 1
    bank: str
    card_kind: str
    """DEBIT or CREDIT."""

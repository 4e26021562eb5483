"""What the gateway keeps: accounts at channels, and every message, masked."""

from datetime import datetime
from uuid import UUID

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import Json, PayOrderNo


@table("gateway_account", key=("channel", "account"), versioned=True)
class AccountRow(Row, frozen=True, kw_only=True):
    """Our account at a channel: where it is, who we are there."""

    channel: str
    account: str
    version: int = 1
    driver: str
    """The channel file (`Channel.code`) that speaks to it."""
    base_url: str
    credentials: bytes
    """JSON of the driver's `Config`, sealed with the key ring."""
    enabled: bool = True
    former: bytes | None = None
    """The credentials that these replaced, as long as both are in use."""


@table("gateway_fact", key=("channel", "account"), versioned=True)
class FactRow(Row, frozen=True, kw_only=True):
    """What a channel has told us to use with it (`Channel.learn`)."""

    channel: str
    account: str
    version: int = 1
    facts: Json
    """{name: text}"""
    at: datetime


@table(
    "gateway_message",
    key=("pay_order_no", "message_id"),
    owner="pay_order_no",
    partition="pay_order_no",
)
class MessageRow(Row, frozen=True, kw_only=True):
    """One message, masked: before it leaves, after it returns; append-only."""

    pay_order_no: PayOrderNo
    message_id: UUID
    attempt_seq: int
    """The attempt's number; of a refund its own, counted from 101,
    and of one of late money from 201."""
    direction: str
    """OUT, IN or CALLBACK; of a text RECEIPT, when it was delivered or was not."""
    operation: str
    channel: str
    account: str
    at: datetime
    verdict: str
    """For an inbound one the outcome, and why; for an outbound one empty."""
    body: str
    elapsed_ms: int | None = None

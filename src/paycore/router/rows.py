"""What the router keeps: transaction types, who may use what, rules and their versions,
windows of accounts, decisions.
"""

from datetime import datetime
from uuid import UUID

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import BizLineId, Json, PayOrderNo, TransType


@table("router_trans_type", key="inst_trans_id", versioned=True)
class TransTypeRow(Row, frozen=True, kw_only=True):
    """A transaction type of an account at a channel: what a route leads to."""

    inst_trans_id: str
    version: int = 1
    channel: str
    account: str
    trans_type: TransType
    currencies: Json
    """List of ISO 4217 codes."""
    priority: int = 100
    """Lower comes first."""
    weight: int = 1
    """Share among those of equal priority; 0 is never drawn while another stands."""
    single_min: int = 1
    single_max: int | None = None
    daily_limit: int | None = None
    """Minor units a day (UTC) and currency over this account and type."""
    banks: Json | None = None
    """List of bank codes served; None is all."""
    condition: str | None = None
    """CEL over the question; must be true for the route to be offered."""
    maintenance: Json = Json("[]")
    """List of {"from", "to"} (RFC 3339): closed windows."""
    enabled: bool = True


@table("router_line_account", key=("biz_line", "channel", "account"), versioned=True)
class LineAccountRow(Row, frozen=True, kw_only=True):
    """This business line may use this account; not enabled: it was withdrawn."""

    biz_line: BizLineId
    channel: str
    account: str
    version: int = 1
    enabled: bool = True


@table("router_rule", key="rule_id", versioned=True)
class RuleRow(Row, frozen=True, kw_only=True):
    """A rule over all routes: where its condition holds, drop or prefer some."""

    rule_id: str
    version: int = 1
    title: str
    condition: str
    """CEL over the question."""
    effect: str
    """DROP or PREFER."""
    channel: str
    account: str | None = None
    """None: every account of the channel."""
    enabled: bool = True


@table("router_window", key="window_id", versioned=True)
class WindowRow(Row, frozen=True, kw_only=True):
    """A time in which an account is left out of routes: the end is not in it."""

    window_id: str
    version: int = 1
    channel: str
    account: str
    starts_at: datetime
    ends_at: datetime
    """Moved to the moment at which somebody ends it."""
    why: str
    opened_by: str
    """The operator's name."""
    opened_at: datetime


@table("router_version", key="number")
class VersionRow(Row, frozen=True, kw_only=True):
    """All routing rules as they were published once; append-only."""

    number: int
    published_at: datetime
    published_by: str
    why: str
    rules: Json
    """List of rules, each without its row's version."""


@table("router_head", key="head", versioned=True)
class VersionHeadRow(Row, frozen=True, kw_only=True):
    """Which version of the rules is the newest."""

    head: str
    version: int = 1
    number: int


@table(
    "router_decision",
    key=("pay_order_no", "decision_id"),
    owner="pay_order_no",
    partition="pay_order_no",
)
class DecisionRow(Row, frozen=True, kw_only=True):
    """One decision with its explanation, from which the choice can be recomputed."""

    pay_order_no: PayOrderNo
    decision_id: UUID
    at: datetime
    trans_type: TransType
    chosen: str | None
    """inst_trans_id, or None where nothing was left."""
    cause: str
    """ROUTED, ROUTE_NONE or ROUTE_ERROR."""
    question: Json
    candidates: Json
    """One line a candidate: kept or dropped, by which rule, with which numbers."""

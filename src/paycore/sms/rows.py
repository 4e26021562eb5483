"""What the SMS centre keeps: codes (as keyed hashes) and its carriers."""

from datetime import datetime
from enum import StrEnum

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import CardId, Json, PayOrderNo


class CodeStatus(StrEnum):
    """PENDING while its text is being sent, good once that is out; VOID is no good.

    At most one code of a payment is good (ACTIVE or PASSED). Nothing leaves VOID or
    LOCKED, and nothing becomes ACTIVE a second time.
    """

    PENDING = "PENDING"
    """Made and perhaps sent, but no carrier's yes is recorded: it opens nothing."""
    ACTIVE = "ACTIVE"
    """The code the payer is to type."""
    PASSED = "PASSED"
    """Typed rightly, once and for all."""
    VOID = "VOID"
    """Not sent, replaced by a newer one, or seen to have expired."""
    LOCKED = "LOCKED"
    """Its tries are used up."""

    @property
    def replaceable(self) -> bool:
        """Whether a newer code that is out makes this one void."""
        return self not in (CodeStatus.VOID, CodeStatus.LOCKED)


@table(
    "sms_code",
    key=("pay_order_no", "seq"),
    owner="pay_order_no",
    partition="pay_order_no",
    versioned=True,
)
class CodeRow(Row, frozen=True, kw_only=True):
    """One code, bound to order, amount, card and phone; `seq` is its send attempt's."""

    pay_order_no: PayOrderNo
    seq: int
    version: int = 1
    digest: bytes
    """HMAC of code and binding, with a key outside the database."""
    amount: int
    currency: str
    card_id: CardId
    phone_hash: bytes
    status: CodeStatus = CodeStatus.PENDING
    tries: int = 0
    """Counted before comparing, and given back by a comparison that passed."""
    created_at: datetime
    expires_at: datetime
    passed_at: datetime | None = None
    held: Json | None = None
    """What its text takes of budgets (`sms/budget.py`), till it proves not sent."""


@table("sms_carrier", key="carrier", versioned=True)
class CarrierRow(Row, frozen=True, kw_only=True):
    """A carrier (运营商) that texts for us; lower `priority` is tried first."""

    carrier: str
    version: int = 1
    driver: str
    """The carrier file that speaks to it."""
    base_url: str
    credentials: bytes
    """JSON of the driver's `Config`, sealed with the key ring."""
    priority: int = 100
    enabled: bool = True
    price: int | None = None
    """Of one text, in millionths; None: as the settings have it."""
    spend_per_day: int | None = None
    """At most, in millionths; 0: any amount; None: as the settings have it."""
    former: bytes | None = None
    """The credentials that these replaced, as long as both are in use."""


@table("sms_sent", key=("handle", "pay_order_no", "seq"), owner="handle")
class SentRow(Row, frozen=True, kw_only=True):
    """Which text a carrier's own number means, for receipts that name nothing else."""

    handle: str
    """carrier/number. A carrier may give one number twice."""
    pay_order_no: PayOrderNo
    seq: int
    sent_at: datetime

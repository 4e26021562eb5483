"""One call to a channel as values: what is asked, and what was answered.

Pure: no channel, no node and no network here, so that the payment core can speak of
answers without knowing how they came.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import AttemptId, CardId, Origin, PayOrderNo, VerifyStatus

_SECRET = frozenset(
    {"card", "number_hash", "agreement", "channel_token", "code", "origin"}
)
"""Fields of a call or an answer that are in no text about it."""


class Operation(StrEnum):
    """What a channel can be asked for: its capabilities are a subset of these."""

    SEND_CODE = "send_code"
    CONFIRM = "confirm"
    VERIFY_CODE = "verify_code"
    DEDUCT = "deduct"
    ENQUIRE = "enquire"
    REFUND = "refund"
    SIGN = "sign"
    """Ask for an agreement: the bank texts the payer a code."""
    SIGN_CONFIRM = "sign_confirm"
    REVOKE = "revoke"


class CardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A card in clear: lives in memory for one call, and is never shown."""

    number: str
    name: str
    id_no: str
    phone: str
    """E.164."""

    def __repr__(self) -> str:
        """Nothing of it."""
        return "CardFacts(…)"


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One call as core wants it; the same shape for every channel and operation."""

    operation: Operation
    pay_order_no: PayOrderNo
    attempt_seq: int
    request_no: AttemptId
    """The number at the channel: of a confirm or enquiry, that of the opened order; of
    a refund its own."""
    inst_trans_id: str
    channel: str
    account: str
    amount: int
    currency: str
    asked_at: datetime
    timeout_s: float
    card_id: CardId
    card: CardFacts | None = None
    number_hash: bytes = b""
    """For a code that is ours: what the card is known by, however often registered."""
    agreement: str | None = None
    """The channel's agreement or mandate number."""
    channel_token: str | None = None
    """What the send's answer told us to bring back."""
    code: str | None = None
    """The code the payer typed."""
    subject: str = ""
    payee: str = ""
    card_tail: str = ""
    language: str = "zh"
    notify_url: str | None = None
    enquired_operation: Operation | None = None
    """For an enquiry: what is being asked after."""
    biz_line: str = ""
    origin: Origin | None = None
    """For a code: where who asks for it is."""
    texted: bool = False
    """For a code that is ours: whether a bank may have texted another one just now."""
    original_request_no: AttemptId | None = None
    """For a refund: the number at the channel of the money that goes back; for a
    revocation, that of the signing which it ends."""
    opened_at: datetime | None = None
    """When the order that `request_no` names was opened: at some channels a part of
    its identity. None: by this very call, or not known."""
    channel_ref: str | None = None
    """For an enquiry: the channel's own number of that order, where it told one."""
    original_opened_at: datetime | None = None
    original_channel_ref: str | None = None
    """The same of what a refund gives back or a revocation ends."""
    original_operation: Operation | None = None
    """By which that money was taken: CONFIRM or DEDUCT."""
    original_amount: int | None = None
    """For a refund: what was asked for when that money was taken; None: not known."""

    @property
    def order_at(self) -> datetime:
        """The moment under which the channel has this order: at every call the same."""
        return self.opened_at or self.asked_at

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be in no text that is kept, whoever wrote it; longest first."""
        known = [self.agreement, self.channel_token, self.code]
        if self.card is not None:
            card = self.card
            known += [card.number, card.name, card.id_no, card.phone, card.phone[-8:]]
        return tuple(sorted(filter(None, known), key=len, reverse=True))

    def __repr__(self) -> str:
        """Everything but what is secret."""
        return _told(self, _SECRET)


OTHER_MONEY = "AMOUNT_DIFFERS"
"""The code of a yes that speaks of another amount or currency than was asked for: it is
UNKNOWN, and core remembers it by this code."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, by whichever door it came: reply, callback or enquiry."""

    outcome: Outcome
    blame: Blame | None = None
    """The class of a DECLINED, None otherwise."""
    resp_code: str = ""
    resp_msg: str = ""
    channel_ref: str | None = None
    agreement: str | None = None
    """The agreement's number, of a signing that succeeded."""
    channel_token: str | None = None
    amount: int | None = None
    """What the channel says it took; must equal ours before SUCCESS."""
    currency: str | None = None
    not_found: bool = False
    """An enquiry that knows no such order, or of a revocation: that the agreement
    stands; with UNKNOWN."""
    verify_status: VerifyStatus | None = None
    """What became of the code, where the channel judged one."""
    tries_left: int | None = None
    code_expires_at: datetime | None = None
    """For a code sent: until when it is good, where the channel says so."""
    alarm: str | None = None
    """Set where a person should look: a bad signature, another amount."""
    kept: str = ""
    """The answer's text as it may be stored: scrubbed, and cut where it is long."""

    def __repr__(self) -> str:
        """Everything but what is secret."""
        return _told(self, _SECRET)


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel sent us of its own accord, verified and parsed."""

    request_no: str
    """The number at the channel, whoever's it may be."""
    pay_order_no: str | None
    operation: Operation
    merchant: str
    reply: Reply


class Beside(msgspec.Struct, frozen=True):
    """What a channel sent us that is genuine, and about nothing that we follow: it is
    acknowledged, lest the channel stop sending, and nothing comes of it.
    """


def _told(value: msgspec.Struct, hidden: frozenset[str]) -> str:
    """What `repr` says of a value, without some of its fields."""
    shown = (name for name in value.__struct_fields__ if name not in hidden)
    told = ", ".join(f"{name}={getattr(value, name)!r}" for name in shown)
    return f"{type(value).__name__}({told})"


def unknown(resp_code: str, resp_msg: str = "", *, alarm: str | None = None) -> Reply:
    """Sent, and no trustworthy answer."""
    return Reply(
        outcome=Outcome.UNKNOWN, resp_code=resp_code, resp_msg=resp_msg, alarm=alarm
    )


def of_other_money(reply: Reply) -> Reply:
    """A yes to another amount or currency, as one that leaves open what happened: what
    it said is kept, and a person looks (F32).
    """
    return msgspec.structs.replace(
        reply,
        outcome=Outcome.UNKNOWN,
        blame=None,
        resp_code=OTHER_MONEY,
        not_found=False,
        alarm=reply.alarm or "amount differs",
    )


def not_sent(reason: str) -> Reply:
    """Surely never left us."""
    return Reply(outcome=Outcome.NOT_SENT, resp_code="NOT_SENT", resp_msg=reason)

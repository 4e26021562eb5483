"""What a bank remembers and what it hands back: values only, no behaviour of a bank."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from paycore.sandbox.protocol import Callback, Reply, rfc3339

CODE_LIFE_MS: Final = 300_000
CODE_TRIES: Final = 5

MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "OK": "done",
        "INSUFFICIENT_FUNDS": "the account holds too little",
        "CARD_LOST": "the card was reported lost",
        "WRONG_PHONE": "the phone is not the one on file",
        "OVER_LIMIT": "the limit of the card is reached",
        "BLACKLISTED": "the card is blocked",
        "MAINTENANCE": "the bank is closed for maintenance",
        "CODE_WRONG": "the code is wrong",
        "CODE_EXPIRED": "the code is not valid any more",
        "ORDER_NOT_FOUND": "no such request",
        "DUPLICATE_ORDER": "this request is known already, enquire",
        "REFUND_EXCEEDS": "more than what is left of the charge",
    }
)


# Which operation opened an order, and how it stands. (Literals also share their text
# when a million orders are read back.)
Opened = Literal["send_code", "deduct", "refund", "sign", "revoke"]
Status = Literal["OPEN", "PROCESSING", "SUCCESS", "FAIL"]


class Order(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One request number, and all that the bank knows about it."""

    merchant: str
    request_id: str
    pay_order_no: str
    operation: Opened
    status: Status
    at_ms: int  # when it got this status
    code: str = "OK"  # why it failed, or will when it is no longer PROCESSING
    amount: int | None = None
    currency: str | None = None
    phone: str | None = None
    sms_code: str | None = None
    code_until_ms: int = 0
    tries: int = 0
    money_verdict: str = "OK"  # what a magic card will be told at the confirm
    bank_ref: str | None = None
    notify_url: str | None = None
    original: str | None = None  # of a refund: the charge's request
    refunded: int = 0  # of a charge: given back, or on its way back
    due_ms: int | None = None  # of PROCESSING: when it settles
    callbacks: int = 1  # how many tell of a settlement
    lies: bool = False  # whether those name a wrong amount
    token: str | None = None
    facts: dict[str, str] = {}  # what a provider's dialect keeps with it

    @property
    def key(self) -> str:
        """Unique at one bank; a request_id holds no slash."""
        return f"{self.merchant}/{self.request_id}"

    def code_is_dead(self, now_ms: int) -> bool:
        """Whether a code went out and can never be used any more."""
        if self.status != "OPEN" or self.sms_code is None:
            return False
        return now_ms >= self.code_until_ms or self.tries >= CODE_TRIES


class Move(Struct, frozen=True, kw_only=True, gc=False):
    """Money that moved."""

    bank: str
    kind: str
    request_id: str
    pay_order_no: str
    amount: int
    currency: str
    at_ms: int


class Text(Struct, frozen=True, kw_only=True, gc=False):
    """A text message that went out."""

    phone: str
    text: str
    code: str | None
    carrier: str
    at_ms: int


class Twist(Struct, frozen=True, kw_only=True, gc=False):
    """How the faults that are set bend one call."""

    decline: str | None = None
    processing_ms: int | None = None


STRAIGHT: Final = Twist()


class Work(Struct, kw_only=True):
    """What one call changed: to be durable before its reply is seen."""

    orders: list[Order] = []
    moves: list[Move] = []
    texts: list[Text] = []


class Answer(Struct, frozen=True, kw_only=True):
    """A reply, what it changed, and the money result it made final, if any."""

    reply: Reply
    work: Work
    final: Order | None = None
    settles: Order | None = None  # what became PROCESSING: settle it when due


def reply_for(order: Order, *, opened: str = "OPEN") -> Reply:
    """Tell how an order stands. `opened` is the word for one that waits for a code."""
    moved = order.bank_ref is not None
    status = opened if order.status == "OPEN" else order.status
    code = order.code if order.status == "FAIL" else "OK"
    token: str | UnsetType | None = UNSET
    if order.operation == "sign":
        token = order.token
    return Reply(
        request_id=order.request_id,
        pay_order_no=order.pay_order_no,
        merchant=order.merchant,
        status=status,
        code=code,
        message=MESSAGES.get(code, code),
        at=rfc3339(order.at_ms),
        bank_ref=order.bank_ref,
        amount=order.amount if moved else None,
        currency=order.currency if moved else None,
        token=token,
    )


def bad_request(merchant: str, names: tuple[str, str], why: str, now_ms: int) -> Reply:
    """Refuse malformed fields; nothing is recorded."""
    return Reply(
        request_id=names[0],
        pay_order_no=names[1],
        merchant=merchant,
        status="FAIL",
        code="BAD_REQUEST",
        message=why,
        at=rfc3339(now_ms),
    )


def wrong_amount(reply: Reply) -> Reply:
    """The same reply with an amount that is not what moved."""
    if reply.amount is None:
        return reply
    return replace(reply, amount=reply.amount + 1)


_KINDS: Final[Mapping[str, Literal["refund", "agreement"]]] = MappingProxyType(
    {"refund": "refund", "revoke": "agreement"}
)


def callback_for(order: Order) -> Callback:
    """What `notify_url` is told of a money result."""
    reply = reply_for(order)
    if order.lies:
        reply = wrong_amount(reply)
    confirmed = order.operation == "send_code"
    return Callback(
        kind=_KINDS.get(order.operation, "charge"),
        operation="confirm" if confirmed else order.operation,
        request_id=reply.request_id,
        pay_order_no=reply.pay_order_no,
        merchant=reply.merchant,
        status=reply.status,
        code=reply.code,
        message=reply.message,
        at=reply.at,
        bank_ref=reply.bank_ref,
        amount=reply.amount,
        currency=reply.currency,
    )

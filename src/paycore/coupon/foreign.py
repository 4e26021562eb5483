"""A coupon system of the user's own, over HTTP: ask, lock, use, unlock.

One call each, signed as notices are, under an id that is the same at every try. What is
not a well-formed yes or a refusal by name is unknown: a broken answer, a code that we
do not know and a 500 are no refusals. A yes is held against what the order knows: it
speaks of our coupon, our order, the same money, or it is none.
docs/contracts/coupon.openapi.json is what the other side has to do.
"""

from enum import StrEnum

import msgspec

from paycore.coupon.rows import CouponStatus, HoldRow
from paycore.kernel.errors import CouponAway, CouponRefused
from paycore.kernel.http import Answered, HttpResult, NotSent
from paycore.kernel.node import Node
from paycore.kernel.partner import Sign, post
from paycore.kernel.terms import BizLineId, CouponNo

REFUSAL = 409
"""The one status that refuses; what it refuses for is in the body."""

DIFFERS = "DIFFERS"
"""It answered well, and of something else than was asked."""

AWAY = "AWAY"
"""It was not asked at all: it is left alone just now."""


class Operation(StrEnum):
    """What is asked of it; the word is the end of the address."""

    ASK = "ask"
    LOCK = "lock"
    USE = "use"
    UNLOCK = "unlock"


class Why(StrEnum):
    """What it may refuse for."""

    NOT_FOUND = "NOT_FOUND"
    TAKEN = "TAKEN"
    EXPIRED = "EXPIRED"
    DOES_NOT_FIT = "DOES_NOT_FIT"
    SPENT = "SPENT"
    """The order's number was used or unlocked before: no lock follows."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to `ask`: whether an order of this amount may have it."""

    biz_line: str
    coupon_no: str
    order_amount: int
    currency: str


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to `lock`, `use` and `unlock`: the same octets at every try."""

    pay_order_no: str
    biz_line: str
    coupon_no: str
    amount: int
    currency: str


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """What a 200 says: the coupon as it stands now."""

    coupon_no: str
    status: CouponStatus
    amount: int
    currency: str
    pay_order_no: str | None = None
    """Whose it is, unless it is free."""


class No(msgspec.Struct, frozen=True):
    """A refusal, in the words of the contract."""

    code: Why


class Unknown(msgspec.Struct, frozen=True):
    """Anything else; in our own words."""

    why: str


Answer = Coupon | No | Unknown


def elsewhere(node: Node) -> bool:
    """Whether this node's coupons live in a system of the user's own."""
    return bool(node.settings.coupon_url)


async def worth(
    node: Node,
    biz_line: BizLineId,
    coupon_no: CouponNo,
    *,
    amount: int,
    currency: str,
    sign: Sign,
) -> int:
    """What the coupon pays of an order of this amount, if it could lock it now."""
    question = Question(
        biz_line=biz_line, coupon_no=coupon_no, order_amount=amount, currency=currency
    )
    asked = f"ask_{node.ids.uuid().hex}"
    said = await _call(node, Operation.ASK, asked, question, sign)
    if isinstance(said, No):
        raise _refused(said.code)
    if isinstance(said, Unknown) or said.coupon_no != coupon_no:
        raise CouponAway(retry_after_s=1)
    if said.status is not CouponStatus.AVAILABLE:
        raise CouponRefused
    if said.currency != currency or not 0 < said.amount < amount:
        raise _refused(Why.DOES_NOT_FIT)
    return said.amount


async def lock(node: Node, hold: HoldRow, sign: Sign) -> Answer:
    """Ask for the lock; a yes is a coupon that this order has, for the same money."""
    said = await _demand(node, Operation.LOCK, hold, sign)
    if not isinstance(said, Coupon):
        return said
    wanted = (CouponStatus.LOCKED, hold.pay_order_no)
    ours = _same(said, hold) and (said.status, said.pay_order_no) == wanted
    return said if ours else Unknown(DIFFERS)


async def use(node: Node, hold: HoldRow, sign: Sign) -> str | None:
    """Tell of the use: None where it is acknowledged, else why not."""
    said = await _demand(node, Operation.USE, hold, sign)
    if not isinstance(said, Coupon):
        return _words(said)
    wanted = (CouponStatus.USED, hold.pay_order_no)
    ours = _same(said, hold) and (said.status, said.pay_order_no) == wanted
    return None if ours else DIFFERS


async def unlock(node: Node, hold: HoldRow, sign: Sign) -> str | None:
    """Give it back: None where it is acknowledged, else why not.

    Whoever has it now: it is enough that this order has not.
    """
    said = await _demand(node, Operation.UNLOCK, hold, sign)
    if isinstance(said, No) and said.code is Why.NOT_FOUND:
        return None
    if not isinstance(said, Coupon):
        return _words(said)
    theirs = said.pay_order_no != hold.pay_order_no
    return None if said.coupon_no == hold.coupon_no and theirs else DIFFERS


def _same(said: Coupon, hold: HoldRow) -> bool:
    return (said.coupon_no, said.amount, said.currency) == (
        hold.coupon_no,
        hold.amount,
        hold.currency,
    )


def _words(said: No | Unknown) -> str:
    return f"refused: {said.code}" if isinstance(said, No) else said.why


def _refused(why: Why) -> CouponRefused:
    """In the words of the built-in one."""
    match why:
        case Why.EXPIRED:
            return CouponRefused("The coupon has expired.", "优惠券已过期")
        case Why.DOES_NOT_FIT:
            return CouponRefused(
                "The coupon does not fit the order's amount or currency.",
                "优惠券与订单金额或币种不符",
            )
        case _:
            return CouponRefused()


async def _demand(
    node: Node, operation: Operation, hold: HoldRow, sign: Sign
) -> Answer:
    demand = Demand(
        pay_order_no=hold.pay_order_no,
        biz_line=hold.biz_line,
        coupon_no=hold.coupon_no,
        amount=hold.amount,
        currency=hold.currency,
    )
    return await _call(
        node, operation, f"{hold.pay_order_no}:{operation}", demand, sign
    )


async def _call(
    node: Node, operation: Operation, id_: str, document: object, sign: Sign
) -> Answer:
    settings = node.settings
    return read(
        await post(
            node,
            f"{settings.coupon_url.rstrip('/')}/{operation}",
            settings.coupon_key,
            id_=id_,
            body=msgspec.json.encode(document),
            sign=sign,
            timeout_s=settings.coupon_timeout_s,
        )
    )


def read(result: HttpResult) -> Answer:
    """What an answer says, if it says anything."""
    if not isinstance(result, Answered):
        return Unknown("NOT_SENT" if isinstance(result, NotSent) else "NO_ANSWER")
    if result.status not in (200, REFUSAL):
        return Unknown(f"HTTP {result.status}")
    try:
        if result.status == REFUSAL:
            return msgspec.json.decode(result.body, type=No)
        return msgspec.json.decode(result.body, type=Coupon)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Unknown(f"HTTP {result.status}, and not as agreed")

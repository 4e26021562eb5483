"""Payments over HTTP: translate, call core, translate back.

Nothing is decided here. An answer's bytes are made by the `answer_of` that core calls
before its last commit, so that what is kept for the key is what is sent.
"""

from functools import partial

from litestar import Response, get
from litestar import post as posted
from litestar.types import ASGIApp

from paycore.api.answers import encode, found, kept
from paycore.api.auth import caller_of
from paycore.api.contract import Call
from paycore.api.decode import Shape, refuse_content
from paycore.api.door import Plain, door_of
from paycore.api.idempotency import post_of
from paycore.api.numbers import readable, refuse_cards
from paycore.api.origin import origin_of
from paycore.api.schema import Confirm, OpenQuickPayment
from paycore.core import service as core
from paycore.core.order import ConfirmResult, Order, confirm_result_of, order_of
from paycore.core.service import AnswerOf, Check, OpenRequest, View
from paycore.kernel.errors import (
    BizCheckError,
    CouponAway,
    CouponRefused,
    DataNotExist,
    Duplicate,
    TooMany,
)
from paycore.kernel.ids import PAY_ORDER_NO_LENGTH
from paycore.kernel.node import Node
from paycore.kernel.terms import CardId, CouponNo, PayOrderNo, PayType
from paycore.lines.service import Caller

_OPEN = Shape(OpenQuickPayment)
_CONFIRM = Shape(Confirm)


@posted(
    "/v1/quick-payments",
    opt={
        "call": Call(
            name="openQuickPayment",
            summary="Open a payment and send the payer a code",
            takes=OpenQuickPayment,
            gives=((201, Order), (200, Order)),
            refuses=(
                *(Duplicate, BizCheckError, CouponRefused, DataNotExist, TooMany),
                CouponAway,
            ),
            keyed=True,
            texts=True,
        )
    },
)
async def open_quick_payment(request: Plain) -> ASGIApp:
    """Open a payment and send the payer a code."""
    node = door_of(request).node
    post = await post_of(request)
    asked, origin = _OPEN.decode(post.body), origin_of(request)
    return kept(
        request,
        await core.open_quick_payment(
            node,
            order_for(node, post.caller, asked, PayType.QUICK_PAY),
            post.claim(node),
            _order_answer(node),
            origin,
            check=no_cards_in(request, post.caller, asked),
        ),
    )


@posted(
    "/v1/quick-payments/{pay_order_no:str}/codes",
    opt={
        "call": Call(
            name="sendCodeAgain",
            summary="Send the code again, by whoever sent it last",
            gives=((200, Order),),
            refuses=(DataNotExist, BizCheckError, TooMany),
            keyed=True,
            texts=True,
        )
    },
)
async def send_code_again(request: Plain, pay_order_no: str) -> ASGIApp:
    """Send the code again."""
    node = door_of(request).node
    post = await post_of(request)
    refuse_content(post.body)
    origin = origin_of(request)
    return kept(
        request,
        await core.resend_code(
            node,
            post.caller.biz_line,
            number_of(pay_order_no),
            post.claim(node),
            _order_answer(node),
            origin,
        ),
    )


@posted(
    "/v1/quick-payments/{pay_order_no:str}/confirm",
    opt={
        "call": Call(
            name="confirm",
            summary="Confirm with the code that the payer typed",
            takes=Confirm,
            gives=((200, ConfirmResult),),
            refuses=(DataNotExist, BizCheckError, CouponRefused),
            keyed=True,
        )
    },
)
async def confirm(request: Plain, pay_order_no: str) -> ASGIApp:
    """Confirm with the code."""
    node = door_of(request).node
    post = await post_of(request)
    asked = _CONFIRM.decode(post.body)
    return kept(
        request,
        await core.confirm(
            node,
            post.caller.biz_line,
            number_of(pay_order_no),
            asked.sms_verify_code,
            post.claim(node),
            _confirm_answer,
        ),
    )


@posted(
    "/v1/payments/{pay_order_no:str}/close",
    opt={
        "call": Call(
            name="closePayment",
            summary="Ask the channel, then close the payment",
            gives=((200, Order),),
            refuses=(DataNotExist, BizCheckError),
            keyed=True,
        )
    },
)
async def close_payment(request: Plain, pay_order_no: str) -> ASGIApp:
    """Ask the channel, then close the payment."""
    node = door_of(request).node
    post = await post_of(request)
    refuse_content(post.body)
    return kept(
        request,
        await core.close(
            node,
            post.caller.biz_line,
            number_of(pay_order_no),
            post.claim(node),
            _order_answer(node),
        ),
    )


@get(
    "/v1/payments/{pay_order_no:str}",
    opt={
        "call": Call(
            name="getPayment",
            summary="The order as of now",
            gives=((200, Order),),
            refuses=(DataNotExist,),
        )
    },
)
async def get_payment(request: Plain, pay_order_no: str) -> Response[bytes]:
    """The order as of now."""
    caller = await caller_of(request)
    node = door_of(request).node
    payment = await core.get(node, caller.biz_line, number_of(pay_order_no))
    refunded = await core.refunded(node, payment)
    return found(order_in(node, View(payment=payment, refunded=refunded)))


def number_of(text: str) -> PayOrderNo:
    """A payment's number out of a path; what cannot be one names nothing."""
    if len(text) != PAY_ORDER_NO_LENGTH or not (text.isascii() and text.isalnum()):
        raise DataNotExist
    return PayOrderNo(text)


def no_cards_in(request: Plain, caller: Caller, asked: OpenQuickPayment) -> Check:
    """Refuses an order one of whose numbers holds a card's."""
    return partial(
        refuse_cards,
        door_of(request),
        caller.biz_line,
        out_biz_no=asked.out_biz_no,
        biz_order_no=asked.biz_order_no,
        coupon_no=asked.coupon_no,
    )


def order_for(
    node: Node, caller: Caller, asked: OpenQuickPayment, pay_type: PayType
) -> OpenRequest:
    """What a business line orders, of either kind."""
    return OpenRequest(
        biz_line=caller.biz_line,
        out_biz_no=asked.out_biz_no,
        biz_order_no=asked.biz_order_no,
        amount=asked.amount,
        currency=asked.currency,
        card_id=CardId(asked.card_id),
        subject=readable(asked.subject),
        coupon_no=CouponNo(asked.coupon_no) if asked.coupon_no else None,
        expires_in_s=asked.expires_in_s or node.settings.expires_in_s,
        pay_type=pay_type,
    )


def order_in(node: Node, view: View) -> Order:
    """The order of a view, as of now."""
    return order_of(
        view.payment,
        now=node.now(),
        code_gap_s=node.settings.code_gap_s,
        refunded=view.refunded,
    )


def _order_answer(node: Node) -> AnswerOf:
    """201 with the order that this request opened, 200 with one that was there."""
    return lambda view: (201 if view.created else 200, encode(order_in(node, view)))


def _confirm_answer(view: View) -> tuple[int, bytes]:
    return 200, encode(confirm_result_of(view.payment, tries_left=view.tries_left))

"""Deductions over HTTP: translate, call core, translate back."""

from litestar import post as posted
from litestar.types import ASGIApp

from paycore.api.answers import encode, kept
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of
from paycore.api.idempotency import post_of
from paycore.api.payments import no_cards_in, order_for, order_in
from paycore.api.schema import Deduct
from paycore.core import service as core
from paycore.core.order import Order
from paycore.core.service import AnswerOf, View
from paycore.kernel.errors import (
    BizCheckError,
    CouponAway,
    CouponRefused,
    DataNotExist,
    Duplicate,
)
from paycore.kernel.node import Node
from paycore.kernel.terms import BizStatus, PayType

_DEDUCT = Shape(Deduct)


@posted(
    "/v1/deductions",
    opt={
        "call": Call(
            name="deduct",
            summary="Take money under the card's mandate: no code, no payer present",
            takes=Deduct,
            gives=((201, Order), (202, Order), (200, Order)),
            refuses=(
                *(Duplicate, BizCheckError, CouponRefused, DataNotExist),
                CouponAway,
            ),
            keyed=True,
        )
    },
)
async def deduct(request: Plain) -> ASGIApp:
    """Take money under the card's mandate."""
    node = door_of(request).node
    post = await post_of(request)
    asked = _DEDUCT.decode(post.body)
    return kept(
        request,
        await core.deduct(
            node,
            order_for(node, post.caller, asked, PayType.DEDUCT),
            post.claim(node),
            _deduct_answer(node),
            check=no_cards_in(request, post.caller, asked),
        ),
    )


def _deduct_answer(node: Node) -> AnswerOf:
    """201 with what this request came to, 202 where that is not known yet; 200 with an
    order that was there.
    """

    def answer_of(view: View) -> tuple[int, bytes]:
        made = 202 if view.payment.biz_status is BizStatus.DOING else 201
        return made if view.created else 200, encode(order_in(node, view))

    return answer_of

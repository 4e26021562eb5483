"""Checkouts over HTTP, as their business line sees them: make one, and look at it.

What its payer sees is in `checkout_pages.py`.
"""

from functools import partial

import msgspec
from litestar import Response, get
from litestar import post as posted
from litestar.types import ASGIApp

from paycore.api.answers import encode, found, kept
from paycore.api.auth import caller_of
from paycore.api.cards import wish_of
from paycore.api.checkout_schema import Checkout, CheckoutMade
from paycore.api.checkout_schema import NewCheckout as Shaped
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of
from paycore.api.idempotency import post_of
from paycore.api.numbers import readable, refuse_cards
from paycore.checkout import service as checkouts
from paycore.checkout.asked import Asked
from paycore.checkout.service import Made, NewCheckout
from paycore.kernel.errors import (
    BizCheckError,
    CouponAway,
    CouponRefused,
    DataNotExist,
    Duplicate,
)
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, CardId, CouponNo

PAGE = "/checkout/"
"""Where the pages are; what follows is a token."""

_NEW = Shape(Shaped)
_MADE = msgspec.json.Decoder(Made)


@posted(
    "/v1/checkouts",
    opt={
        "call": Call(
            name="createCheckout",
            summary="Make a page on which a payer pays one order",
            takes=Shaped,
            gives=((201, CheckoutMade), (200, CheckoutMade)),
            refuses=(Duplicate, BizCheckError, CouponRefused, CouponAway),
            keyed=True,
        )
    },
)
async def create_checkout(request: Plain) -> ASGIApp:
    """Make a page on which a payer pays one order."""
    door = door_of(request)
    node = door.node
    post = await post_of(request)
    shaped = _NEW.decode(post.body)
    answer = await checkouts.make(
        node,
        NewCheckout(
            caller=post.caller,
            asked=_asked(node, post.caller.biz_line, shaped),
            claim=post.claim(node),
            check=partial(
                refuse_cards,
                door,
                post.caller.biz_line,
                out_biz_no=shaped.out_biz_no,
                biz_order_no=shaped.biz_order_no,
                coupon_no=shaped.coupon_no,
                return_url=shaped.return_url,
            ),
        ),
    )
    made = _MADE.decode(answer.body)
    row = await checkouts.get(node, post.caller.biz_line, made.checkout_no)
    whole = CheckoutMade(
        checkout_no=row.checkout_no,
        url=f"{_base(request)}{PAGE}{checkouts.token_of(node, row)}",
        expires_at=row.expires_at,
    )
    return kept(request, msgspec.structs.replace(answer, body=encode(whole)))


@get(
    "/v1/checkouts/{checkout_no:str}",
    opt={
        "call": Call(
            name="getCheckout",
            summary="A checkout as of now",
            gives=((200, Checkout),),
            refuses=(DataNotExist,),
        )
    },
)
async def get_checkout(request: Plain, checkout_no: str) -> Response[bytes]:
    """A checkout as of now."""
    caller = await caller_of(request)
    node = door_of(request).node
    row = await checkouts.get(node, caller.biz_line, _number(checkout_no))
    what = await checkouts.found(node, row)
    row = what.row
    added = [one.card_id for one in what.cards]
    return found(
        Checkout(
            checkout_no=row.checkout_no,
            out_biz_no=row.out_biz_no,
            biz_order_no=row.biz_order_no or row.out_biz_no,
            amount=row.amount,
            currency=row.currency,
            status=checkouts.status_of(what),
            pay_order_no=row.pay_order_no,
            added_card_id=next(
                (one for one in reversed(checkouts.cards_added(row)) if one in added),
                None,
            ),
            created_at=row.created_at,
            expires_at=row.expires_at,
        )
    )


def _number(text: str) -> str:
    """A checkout's number out of a path; what cannot be one names nothing."""
    if not (len(text) <= checkouts.LONGEST_NO and text.isascii() and text.isalnum()):
        raise DataNotExist
    return text


def _base(request: Plain) -> str:
    """Where payers reach us: as we were told, else as our caller did."""
    settings = door_of(request).node.settings
    given = settings.checkout_url or settings.public_url
    return (given or str(request.base_url)).rstrip("/")


def _asked(node: Node, biz_line: BizLineId, shaped: Shaped) -> Asked:
    return Asked(
        biz_line=biz_line,
        out_biz_no=shaped.out_biz_no,
        biz_order_no=shaped.biz_order_no,
        amount=shaped.amount,
        currency=shaped.currency,
        subject=readable(shaped.subject),
        coupon_no=CouponNo(shaped.coupon_no) if shaped.coupon_no else None,
        card_ids=tuple(dict.fromkeys(CardId(one) for one in shaped.card_ids)),
        sign=wish_of(shaped.sign) if shaped.sign is not None else None,
        return_url=shaped.return_url,
        locale=shaped.locale,
        expires_in_s=shaped.expires_in_s or node.settings.expires_in_s,
    )

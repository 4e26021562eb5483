"""The door to checkouts: make one, open it by its token, and see what stands of it.

A checkout pays one order once: its payment is the one that the business line's own
number names, for ever. What the payer does there is in `steps.py`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal

import msgspec
from msgspec.structs import replace

from paycore.cards.rows import CardRow
from paycore.checkout import asked as asking
from paycore.checkout import token
from paycore.checkout.asked import Asked
from paycore.checkout.rows import CheckoutNumberRow, CheckoutRow
from paycore.checkout.scene import Found
from paycore.core import keys, late
from paycore.core import service as core
from paycore.core.absorb import load_payment
from paycore.core.agreements import service as agreements
from paycore.core.keys import KeptAnswer, KeyClaim
from paycore.core.late import Late
from paycore.core.payment import Payment
from paycore.core.rows import OutBizNoRow, PaymentRow
from paycore.core.service import Check
from paycore.core.timeline import Item
from paycore.core.timeline import timeline as core_timeline
from paycore.kernel import errors
from paycore.kernel.bearer import ID_LETTERS, Bearer
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import (
    BizLineId,
    BizStatus,
    CardId,
    CodeSender,
    Json,
    PayOrderNo,
)
from paycore.lines.service import Caller
from paycore.sms import service as sms

TIMES_TO_TRY = 5
LONGEST_NO = ID_LETTERS

_CARDS = msgspec.json.Decoder(list[CardId])


Status = Literal["OPEN", "EXPIRED", "DOING", "SUCCESS", "FAIL", "CLOSED"]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept under the key of who made it; the address has a token, which is in
    no row, and is added as it is answered.
    """

    checkout_no: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCheckout:
    """Who asks, for what, and under which key."""

    caller: Caller
    asked: Asked
    claim: KeyClaim
    check: Check
    """What else the surface refuses of what is new."""


# --- made by the business line --------------------------------------------------------


async def make(node: Node, new: NewCheckout) -> KeptAnswer:
    """Make a checkout; under the same number and content it is the one that stands."""
    asked, claim = new.asked, new.claim
    for _ in range(TIMES_TO_TRY):
        # What this very key did comes first, whatever was revoked or used since.
        key = await keys.look_up(node, claim)
        if key is not None and (answered := keys.kept(key, claim, node)):
            return answered
        standing = await _numbered(node, asked)
        if standing is not None:
            return await core.once(node, claim, partial(_answer, 200, standing))
        await new.check()
        worth = await asking.check(node, asked)
        try:
            return await core.once(node, claim, partial(_insert, node, new, worth))
        except errors.Duplicate:
            continue  # somebody was first with the number: another look says with what
    raise errors.InFlight(retry_after_s=1)


async def _numbered(node: Node, asked: Asked) -> str | None:
    """The checkout of the line's own number; Duplicate where that names another."""
    named = (asked.biz_line, asked.out_biz_no)
    standing = await node.journal.load(CheckoutNumberRow, *named)
    if standing is None:
        if await node.journal.load(OutBizNoRow, *named) is not None:
            raise errors.Duplicate
        return None
    if standing.content != asked.content():
        raise errors.Duplicate(
            "This out_biz_no already names a checkout with other content.",
            "外部业务号已用于另一个内容不同的收银台",
        )
    return standing.checkout_no


def _answer(status: int, checkout_no: str, _: Change) -> tuple[int, bytes]:
    return status, msgspec.json.encode(Made(checkout_no=checkout_no))


def _insert(
    node: Node, new: NewCheckout, worth: int, change: Change
) -> tuple[int, bytes]:
    asked, now = new.asked, node.now()
    made, salt = token.fresh(node)
    expires_at = now + timedelta(seconds=asked.expires_in_s)
    change.insert(
        CheckoutRow(
            checkout_no=made.id,
            biz_line=asked.biz_line,
            key_id=new.caller.key_id,
            salt=salt,
            digest=made.digest,
            out_biz_no=asked.out_biz_no,
            biz_order_no=asked.biz_order_no,
            amount=asked.amount,
            currency=asked.currency,
            subject=asked.subject,
            coupon_no=asked.coupon_no,
            coupon_amount=worth,
            card_ids=written(asked.card_ids),
            sign=written(asked.sign) if asked.sign is not None else None,
            own_cards=written(()),
            return_url=asked.return_url,
            locale=asked.locale,
            created_at=now,
            expires_at=expires_at,
        )
    )
    change.insert(
        CheckoutNumberRow(
            biz_line=asked.biz_line,
            out_biz_no=asked.out_biz_no,
            checkout_no=made.id,
            content=asked.content(),
            expires_at=expires_at,
        )
    )
    return _answer(201, made.id, change)


async def get(node: Node, biz_line: BizLineId, checkout_no: str) -> CheckoutRow:
    """The line's checkout; another line's is as good as none."""
    row = await node.journal.load(CheckoutRow, checkout_no)
    if row is None or row.biz_line != biz_line:
        raise errors.DataNotExist
    return row


def token_of(node: Node, row: CheckoutRow) -> str:
    """What its address ends with."""
    return token.of(node, row).clear


# --- what stands ----------------------------------------------------------------------


Opened = CheckoutRow
"""What a token opens, as surfaces hand it on."""


async def opened_by(node: Node, text: str) -> CheckoutRow:
    """The checkout that a token opens; DataNotExist for whatever else was sent."""
    sent = Bearer.read(text, token.PREFIX)
    row = None if sent is None else await node.journal.load(CheckoutRow, sent.id)
    good = sent is not None and sent.matches(row.digest if row else None)
    if row is None or not good:
        raise errors.DataNotExist
    return row


async def found(node: Node, row: CheckoutRow) -> Found:
    """All that stands of a checkout. How it ended is put down before anybody is told:
    its payment's number if it lacks, or that its time was over without one.
    """
    payment, taken = await _payment(node, row)
    if taken and row.expired_at is None:
        # Its card may have been added, in another tab, since this row was read; before
        # its payment was there it was in the row that stands.
        row = await get(node, row.biz_line, row.checkout_no)
        payment, taken = await _payment(node, row)
    settled = await _settled(node, row, payment)
    if settled is not row:
        # Another may have been first, with the other end.
        row = settled
        payment, taken = await _payment(node, row)
    own = cards_added(row)
    # At once, so that it is one statement however many cards there are.
    loads = (node.journal.load(CardRow, one) for one in _offered(row))
    known = await asyncio.gather(*loads)
    adding = known[-1] if own else None
    signing = None
    if adding is not None:
        signing = (await agreements.view_of(node, adding)).signing
    return Found(
        row=row,
        offered=[
            card for card in known if card is not None and card.biz_line == row.biz_line
        ],
        payment=payment,
        taken=taken,
        adding=adding,
        signing=signing,
        late=await _late(node, payment),
    )


def status_of(what: Found) -> Status:
    """What its business line may act on: the payment's status, OPEN or EXPIRED; this
    one, once said, for ever.
    """
    if what.payment is not None:
        return what.payment.row.biz_status.value
    return "OPEN" if what.row.expired_at is None else "EXPIRED"


async def _late(node: Node, payment: Payment | None) -> Late:
    """Looked up only where there may be any, so that no other page waits for it."""
    if payment is None or payment.row.biz_status is BizStatus.SUCCESS:
        return Late.NONE
    if payment.row.held is None and not payment.row.biz_status.final:
        return Late.NONE
    return await late.known_of(node, payment)


async def tries_left(node: Node, payment: Payment) -> int | None:
    """How often the code may still be guessed; None where its bank counts."""
    if payment.row.code_by is not CodeSender.SMS_CENTRE:
        return None
    return await sms.tries_left(node, payment.row.pay_order_no)


async def _payment(node: Node, row: CheckoutRow) -> tuple[Payment | None, bool]:
    """The payment of the order's number, where it is this checkout's; and whether there
    is one that is not.

    A number that a line uses here and over the API as well names whichever was first.
    Of a checkout that is over no payment is its own, whatever has its number since.
    """
    no = row.pay_order_no
    if no is None:
        standing = await node.journal.load(OutBizNoRow, row.biz_line, row.out_biz_no)
        no = None if standing is None else standing.pay_order_no
    payment = await load_payment(node, no)
    if payment is None:
        return None, False
    own = row.expired_at is None and _is_of(row, payment)
    return (payment, False) if own else (None, True)


def _is_of(row: CheckoutRow, payment: Payment) -> bool:
    """Whether it is what was asked for here, by one of the cards that were offered."""
    order = payment.row
    same = ("biz_line", "out_biz_no", "biz_order_no", "amount", "currency")
    return (
        all(getattr(order, name) == getattr(row, name) for name in same)
        and (order.subject, order.coupon_no) == (row.subject, row.coupon_no)
        and order.card_id in _offered(row)
        and not payment.is_deduction
    )


def _offered(row: CheckoutRow) -> list[CardId]:
    """The cards that may be paid with here, those the payer added last."""
    return [*_CARDS.decode(row.card_ids), *cards_added(row)]


async def open_as(node: Node, row: CheckoutRow, change: Change, no: PayOrderNo) -> None:
    """Stage that this is its payment, at the version that stands: with the payment's
    first rows it is written, or they are not. Refused where the checkout is over or has
    another.
    """
    standing, now = await get(node, row.biz_line, row.checkout_no), node.now()
    if standing.pay_order_no is not None:
        raise errors.Duplicate
    if standing.expired_at is not None or now >= standing.expires_at:
        raise errors.BizCheckError(*errors.CHECKOUT_EXPIRED)
    named = replace(standing, pay_order_no=no, opened_at=now)
    change.update(named, version=standing.version)


async def _settled(
    node: Node, row: CheckoutRow, payment: Payment | None
) -> CheckoutRow:
    """The row with its end written down, once: which payment came of it, where its line
    opened that over the API; or that its time is over. Else the row itself.
    """
    now = node.now()
    if row.pay_order_no is not None or row.expired_at is not None:
        return row
    if payment is not None:
        end = {"pay_order_no": payment.row.pay_order_no, "opened_at": now}
    elif now >= row.expires_at:
        end = {"expired_at": now}
    else:
        return row

    def step(standing: CheckoutRow) -> CheckoutRow | None:
        if standing.pay_order_no is not None or standing.expired_at is not None:
            return None
        return replace(standing, **end)

    return await amended(node, row, step)


def cards_added(row: CheckoutRow) -> list[CardId]:
    """The cards that the payer added here, the newest last."""
    return _CARDS.decode(row.own_cards)


async def amended(
    node: Node, row: CheckoutRow, step: Callable[[CheckoutRow], CheckoutRow | None]
) -> CheckoutRow:
    """The row as a step left it; one that gives None leaves it as it stands."""
    change = node.change()
    change.amend(CheckoutRow, row.key(), step)
    await node.journal.commit(change)
    return await get(node, row.biz_line, row.checkout_no)


def written(value: object) -> Json:
    """A list or a wish as it is kept."""
    return Json(msgspec.json.encode(value).decode())


# --- for people -----------------------------------------------------------------------


async def timeline(node: Node, payment: PaymentRow) -> list[Item]:
    """Everything that happened to a payment, and to the checkout that it came of."""
    items = await core_timeline(node, payment.pay_order_no)
    return sorted([*await _told(node, payment), *items], key=lambda item: item.at)


async def _told(node: Node, payment: PaymentRow) -> list[Item]:
    named = (payment.biz_line, payment.out_biz_no)
    number = await node.journal.load(CheckoutNumberRow, *named)
    if number is None:
        return []
    row = await node.journal.load(CheckoutRow, number.checkout_no)
    if row is None or row.pay_order_no != payment.pay_order_no:
        return []
    assert row.opened_at is not None, "it has its payment's name"
    detail: dict[str, object] = {"checkout_no": row.checkout_no}
    return [
        Item(
            at=row.created_at,
            kind="checkout",
            title="checkout made",
            detail={
                **detail,
                "cards": len(_CARDS.decode(row.card_ids)),
                "expires_at": row.expires_at.isoformat(),
            },
        ),
        Item(
            at=row.opened_at,
            kind="checkout",
            title="payment opened on our page",
            detail={**detail, "new_card": payment.card_id in cards_added(row)},
        ),
    ]

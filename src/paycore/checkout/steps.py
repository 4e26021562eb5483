"""What a payer does at a checkout: choose a card or add one, or another than that, have
the code sent again, type it, give up.

There is no money path here: a card is added by `core.agreements`, the payment is
opened, its code sent again, confirmed and closed by `core.service`, as the API does.
Which idempotency key a step has is told by what stood on the page that asked for it, so
that a second click, another tab and the back button repeat, and do not add.
"""

from functools import partial

import msgspec
from msgspec.structs import replace

from paycore.cards import bins
from paycore.cards import service as cards
from paycore.cards.service import NewCard
from paycore.checkout import service as checkouts
from paycore.checkout.rows import CheckoutRow
from paycore.checkout.scene import Stage, stage_of
from paycore.core import service as core
from paycore.core.agreements import service as agreements
from paycore.core.agreements.place import Wish
from paycore.core.keys import KeyClaim
from paycore.core.service import OpenRequest
from paycore.kernel import errors
from paycore.kernel.crypto import keyed_hash
from paycore.kernel.node import Node
from paycore.kernel.terms import CardId, Origin
from paycore.lines import service as lines

MOST_OWN_CARDS = 5
"""Cards that may be typed at one checkout: each has its bank text a code."""

_WISH = msgspec.json.Decoder(Wish)
_NOTHING = b"{}"
"""What is kept of a code that signs: the page is drawn from what stands, never from an
answer."""


async def pay_with(
    node: Node, row: CheckoutRow, card_id: CardId, origin: Origin | None
) -> None:
    """Open the payment with one of the cards that are offered, and have its code sent;
    nothing where it is open already, or the time is up.
    """
    what = await checkouts.found(node, row)
    if stage_of(what, node.now()) is not Stage.CHOOSE:
        return
    if card_id not in [card.card_id for card in what.cards]:
        raise errors.DataNotExist
    _refuse_switched_off(node, row)
    try:
        await core.open_quick_payment(
            node,
            _order(node, what.row, card_id),
            _claim(node, row, "pay", card_id),
            _unseen,
            origin,
            opens=partial(checkouts.open_as, node, row),
        )
    except (errors.BizCheckError, errors.Duplicate):
        # Its time came, or another tab was first: the page shows what stands.
        what = await checkouts.found(node, row)
        if stage_of(what, node.now()) is Stage.CHOOSE:
            raise


def _order(node: Node, row: CheckoutRow, card_id: CardId) -> OpenRequest:
    """What is opened: there is always time for its code."""
    left_s = int((row.expires_at - node.now()).total_seconds())
    return OpenRequest(
        biz_line=row.biz_line,
        out_biz_no=row.out_biz_no,
        biz_order_no=row.biz_order_no,
        amount=row.amount,
        currency=row.currency,
        card_id=card_id,
        subject=row.subject,
        coupon_no=row.coupon_no,
        expires_in_s=max(left_s, node.settings.code_lifetime_s),
    )


async def send_again(
    node: Node, row: CheckoutRow, seen: str, origin: Origin | None
) -> None:
    """Send the code again, once for each page that asked for it."""
    payment = (await checkouts.found(node, row)).payment
    if payment is None or seen != str(len(payment.sends)):
        return
    await core.resend_code(
        node,
        row.biz_line,
        payment.row.pay_order_no,
        _claim(node, row, "send", seen),
        _unseen,
        origin,
    )


async def confirm(node: Node, row: CheckoutRow, seen: str, code: str) -> None:
    """Take the code, and with it the money; the same code from the same page is one."""
    payment = (await checkouts.found(node, row)).payment
    if payment is None:
        return
    await core.confirm(
        node,
        row.biz_line,
        payment.row.pay_order_no,
        code,
        _claim(node, row, "confirm", seen, code),
        _unseen,
    )


async def cancel(node: Node, row: CheckoutRow, seen: str) -> None:
    """Close the payment while no money was asked for: its channel is asked first."""
    what = await checkouts.found(node, row)
    if what.payment is None or stage_of(what, node.now()) is not Stage.CODE:
        return
    await core.close(
        node,
        row.biz_line,
        what.payment.row.pay_order_no,
        _claim(node, row, "close", seen),
        _unseen,
    )


class TypedCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card as its payer typed it."""

    number: str
    name: str
    id_no: str
    phone: str

    def __repr__(self) -> str:
        """Nothing of the card."""
        return "TypedCard(…)"


async def add_card(
    node: Node, row: CheckoutRow, typed: TypedCard, origin: Origin | None
) -> None:
    """Have a new card's bank text the code that signs it.

    One card at a time, for the key is the place that it has among those added here: who
    sends another one meanwhile is shown what came of the first. So a checkout never
    tries more than `MOST_OWN_CARDS`, however many are sent at once.
    """
    what = await checkouts.found(node, row)
    if row.sign is None or stage_of(what, node.now()) is not Stage.CHOOSE:
        return
    _refuse_switched_off(node, row)
    added_before = len(checkouts.cards_added(what.row))
    if added_before >= MOST_OWN_CARDS:
        raise errors.TooMany
    new = NewCard(biz_line=row.biz_line, **msgspec.structs.asdict(typed))
    answer = await agreements.sign(
        node,
        await bins.known(node, new),
        _WISH.decode(row.sign),
        _claim(node, row, "sign", str(added_before)),
        lambda view: (200, msgspec.json.encode(Added(card_id=view.card.card_id))),
        origin,
    )
    added = msgspec.json.decode(answer.body, type=Added)

    def step(standing: CheckoutRow) -> CheckoutRow:
        own = checkouts.cards_added(standing)
        if added.card_id in own:
            return standing
        return replace(standing, own_cards=checkouts.written((*own, added.card_id)))

    await checkouts.amended(node, row, step)


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the adding of a card."""

    card_id: CardId


async def another_card(node: Node, row: CheckoutRow) -> None:
    """End a new card that waits for its code, at its bank as well: its payer mistyped
    it, or takes another. One that is signed by now stays.
    """
    what = await checkouts.found(node, row)
    if what.adding is None or stage_of(what, node.now()) is not Stage.SIGN_CODE:
        return
    await agreements.revoke(node, row.biz_line, what.adding.card_id)


async def sign_with(
    node: Node, row: CheckoutRow, seen: str, code: str, origin: Origin | None
) -> None:
    """Complete a new card with its code; once it is signed, go on to the payment."""
    what = await checkouts.found(node, row)
    if what.adding is None:
        return
    card_id = what.adding.card_id
    if stage_of(what, node.now()) is Stage.SIGN_CODE:
        await agreements.confirm(
            node,
            agreements.Typed(biz_line=row.biz_line, card_id=card_id, code=code),
            _claim(node, row, "sign_confirm", card_id, seen, code),
            lambda _: (200, _NOTHING),
        )
    card = await cards.card_of(node, row.biz_line, card_id)
    if card.status == cards.ACTIVE:
        await pay_with(node, row, card_id, origin)


def _refuse_switched_off(node: Node, row: CheckoutRow) -> None:
    """A line whose keys are refused begins nothing here either."""
    if not lines.line(node, row.biz_line).enabled:
        raise errors.Unavailable


def _unseen(view: core.View) -> tuple[int, bytes]:
    """What is kept of a step: which payment it is about."""
    return 200, msgspec.json.encode({"pay_order_no": view.payment.pay_order_no})


def _claim(node: Node, row: CheckoutRow, *what: str) -> KeyClaim:
    """The key of a step: whoever asks the same from the same page asks it once. Keyed,
    for a code may be in it.
    """
    key = node.settings.search_key_octets
    scope = keyed_hash(key, "checkout_step", row.checkout_no, *what)
    return KeyClaim(scope=scope, fingerprint=scope)

"""What a business line asks for with a checkout, and whether it may: its own cards, an
account of its own to sign at, a coupon that is worth something, a way back.
"""

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

import msgspec

from paycore.cards import service as cards
from paycore.checkout.returning import OURS
from paycore.core.agreements import place
from paycore.core.agreements.place import Wish
from paycore.coupon import service as coupon
from paycore.kernel.addresses import is_loopback
from paycore.kernel.crypto import content_hash
from paycore.kernel.errors import BadRequest, BizCheckError, DataNotExist
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, CardId, CouponNo
from paycore.lines import service as lines
from paycore.notify import webhook

_PRINTED = re.compile(r"[\x21-\x7e]+")


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be paid, with what, and where the payer goes afterwards; its shape was
    checked by the surface.
    """

    biz_line: BizLineId
    out_biz_no: str
    biz_order_no: str | None
    amount: int
    currency: str
    subject: str
    coupon_no: CouponNo | None
    card_ids: tuple[CardId, ...]
    """The line says which saved cards are this payer's: a card knows no payer."""
    sign: Wish | None
    return_url: str
    locale: str | None
    expires_in_s: int

    def content(self) -> bytes:
        """Fingerprint by which a repeat is told from a clash."""
        return content_hash(msgspec.json.encode(self))


async def check(node: Node, asked: Asked) -> int:
    """Refuse what cannot be paid so, naming the field; what the coupon is worth."""
    line = lines.line(node, asked.biz_line)
    if asked.currency not in lines.currencies(line):
        raise BadRequest(
            "This line has no account for the currency.",
            "该业务线未开通此币种",
            field="currency",
        )
    if not good_return(asked.return_url):
        raise BadRequest(
            "return_url is an https address, or http on loopback; without user,"
            " fragment and the parameters that we add.",
            "return_url 须为 https 地址(回环可用 http),不含用户信息、锚点和返回参数",
            field="return_url",
        )
    if not asked.card_ids and asked.sign is None:
        raise BadRequest(
            "card_ids or sign: there must be something to pay with.",
            "card_ids 与 sign 至少提供一项",
            field="card_ids",
        )
    # At once, so that it is one statement however many cards there are.
    looks = (_refuse_other(node, asked.biz_line, one) for one in asked.card_ids)
    await asyncio.gather(*looks)
    if asked.sign is not None:
        await _refuse_unsignable(node, asked.biz_line, asked.sign)
    return await _worth(node, asked)


def good_return(url: str) -> bool:
    """Whether a payer may be sent there: nobody reads the way back on the way, and it
    is an address and nothing else. What we say of the payment is said once in it: of
    two, a shop might read the one that is not ours.
    """
    if not _PRINTED.fullmatch(url) or "#" in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if (
        not host
        or "@" in parts.netloc
        or OURS & set(parse_qs(parts.query, keep_blank_values=True))
    ):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


async def _refuse_other(node: Node, biz_line: BizLineId, card_id: CardId) -> None:
    """Another line's card, one that is not there and one that is over look alike."""
    try:
        card = await cards.card_of(node, biz_line, card_id)
    except DataNotExist:
        card = None
    if card is None or card.status != cards.ACTIVE:
        raise BadRequest(
            "card_ids names a card that this line cannot be paid with.",
            "card_ids 中含有不可用的银行卡",
            field="card_ids",
        )


async def _refuse_unsignable(node: Node, biz_line: BizLineId, wish: Wish) -> None:
    """A channel that is only away for now may be back when the payer comes."""
    place.check_terms(node, wish)
    try:
        await place.allowed(node, biz_line, wish)
    except BizCheckError:
        return


async def _worth(node: Node, asked: Asked) -> int:
    if asked.coupon_no is None:
        return 0
    return await coupon.worth(
        node,
        asked.biz_line,
        asked.coupon_no,
        amount=asked.amount,
        currency=asked.currency,
        sign=webhook.headers,
    )

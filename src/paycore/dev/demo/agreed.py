"""Stories of what is agreed with a payer beforehand: a card signed, a mandate used."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import msgspec

from paycore.dev.demo.outside import Card, DemoBroke, Order, Shop
from paycore.dev.demo.play import Play
from paycore.dev.seeds import ID_NO

SIGNED_AT = "quick_b"

ELEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "number": "6222020200223344553",
        "name": "王五",
        "id_no": ID_NO,
        "phone": "+8613700137000",
        "bank": "ICBC",
        "card_kind": "DEBIT",
    }
)
"""Number, name, ID number and phone: what a bank compares with what it knows."""


async def signed(play: Play) -> tuple[Shop, Order]:
    """A card that nobody knew yet is signed, and then charged."""
    shop = play.shop
    card = await shop.sign(ELEMENTS, channel=SIGNED_AT)
    name = f"the card ending in {card.tail}"
    play.screen.say(
        "line",
        f"“{shop.line.biz_line}” has {name} signed at {SIGNED_AT}: {card.status}",
    )
    text = await play.control.last_text(ELEMENTS["phone"])
    play.screen.say("payer", f"is texted by {text.carrier}: “{text.text}”")
    card = await shop.confirm_card(card.card_id, text.code)
    play.screen.say("payer", f"types {text.code} → {name} is {card.status}")
    if card.status != "ACTIVE":
        raise DemoBroke(f"the bank did not sign the card: it is {card.status}")
    own = _with(shop, card)
    order, code = await play.open(own, "A gaiwan", 6600)
    await play.type_(own, order, code)
    return own, order


def _with(shop: Shop, card: Card) -> Shop:
    """The same line, paid with another card."""
    line = msgspec.structs.replace(
        shop.line, card_id=card.card_id, phone=ELEMENTS["phone"]
    )
    return replace(shop, line=line)


async def deducted(play: Play) -> tuple[Shop, Order]:
    """The first bank is in maintenance."""
    await play.control.break_("bank.deduct_*.deduct", "decline:MAINTENANCE", count=1)
    play.screen.say(
        "bank", "whichever is asked first will say that it is in maintenance"
    )
    order = await play.deduct(play.shop, "Tea of the month, November", 9900)
    order = await play.settled(play.shop, order)
    items = await play.shop.timeline(order.pay_order_no)
    tries = sum(item.title.startswith("OUT deduct ") for item in items)
    play.screen.say("bank", f"number {tries} took it: {order.biz_status}")
    if (tries, order.biz_status) != (2, "SUCCESS"):
        raise DemoBroke("the second bank was not asked, or took nothing")
    return play.shop, order

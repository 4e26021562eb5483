"""The phones of the simulated payers: whether what reached them was counted."""

from collections import Counter
from typing import TYPE_CHECKING

from paycore.cards import vault
from paycore.cards.rows import CardRow
from paycore.core.agreements.rows import SigningRow
from paycore.core.rows import PaymentRow
from paycore.kernel.crypto import KeyRing, keyed_hash
from paycore.kernel.journal import LimitCounter

if TYPE_CHECKING:
    from paycore.prove.world import World


def judge(world: "World", orders: list[PaymentRow]) -> None:
    """I29: what reached a phone was counted, whoever texted it and for what."""
    ring, key = KeyRing(world.settings.ring_keys), world.settings.code_key_octets
    of_card = [(f"{order.pay_order_no}", order.card_id) for order in orders]
    signings = world.base.every(SigningRow)
    of_card += [(f"{row.signing_no}S", row.card_id) for row in signings]
    reached: Counter[str] = Counter()
    for no, card_id in of_card:
        card = world.base.load(CardRow, card_id)
        assert card is not None, "a card is never deleted"
        phone = vault.open_sealed(ring, card_id, card.sealed).phone
        # One asking may be two texts, where the first carrier did not answer.
        asked = {text.seq for text in world.texts.get(no, ())}
        reached[keyed_hash(key, "phone", phone).hex()] += len(asked)
    counted: Counter[str] = Counter()
    for row in world.base.every(LimitCounter):
        if row.counter.startswith("sms.phone_day:"):
            counted[row.counter.split(":")[1]] += row.used
    for phone, texts in reached.items():
        world.oracle.holds(
            "I29",
            texts <= counted[phone],
            f"{texts} codes to a phone, {counted[phone]} counted",
        )

"""The vault: what of a card is sealed, and what it can be found by.

A card's facts are sealed as one value whose context is the card's id, an agreement's
number as one whose context is the agreement's key: a value that was moved to another
row does not open. Hashes are keyed and say what they are of. Nothing here is kept, and
nothing here is shown: `CardSecrets` has no readable repr.
"""

import msgspec

from paycore.kernel.crypto import KeyRing, keyed_hash
from paycore.kernel.terms import CardId, PayType


class CardSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """A card in clear: lives in memory for one call."""

    number: str
    name: str
    id_no: str
    phone: str
    """E.164."""

    def __repr__(self) -> str:
        """Nothing of it."""
        return "CardSecrets(…)"


def seal(ring: KeyRing, card_id: CardId, secrets: CardSecrets) -> bytes:
    """Seal a card's facts for its row."""
    return ring.seal(msgspec.json.encode(secrets), context=_of_card(card_id))


def open_sealed(ring: KeyRing, card_id: CardId, sealed: bytes) -> CardSecrets:
    """A card's facts; Misconfigured where the ring has not the key."""
    clear = ring.open(sealed, context=_of_card(card_id))
    return msgspec.json.decode(clear, type=CardSecrets)


def seal_token(
    ring: KeyRing,
    token: str,
    *,
    card_id: CardId,
    pay_type: PayType,
    channel: str,
    account: str,
) -> bytes:
    """Seal the channel's number of an agreement for its row."""
    context = _of_agreement(card_id, pay_type, channel, account)
    return ring.seal(token.encode(), context=context)


def open_token(
    ring: KeyRing,
    sealed: bytes,
    *,
    card_id: CardId,
    pay_type: PayType,
    channel: str,
    account: str,
) -> str:
    """The channel's number of an agreement."""
    context = _of_agreement(card_id, pay_type, channel, account)
    return ring.open(sealed, context=context).decode()


def number_hash(key: bytes, number: str) -> bytes:
    """What a card is found by without being opened."""
    return keyed_hash(key, "card_number", number)


def phone_hash(key: bytes, phone: str) -> bytes:
    """What a phone's cards are found by."""
    return keyed_hash(key, "card_phone", phone)


def _of_card(card_id: CardId) -> bytes:
    return f"card:{card_id}".encode()


def _of_agreement(
    card_id: CardId, pay_type: PayType, channel: str, account: str
) -> bytes:
    return f"agreement:{card_id}:{pay_type.value}:{channel}:{account}".encode()

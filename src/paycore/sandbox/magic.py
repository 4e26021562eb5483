"""Test cards that are refused without any fault being set.

Whole numbers, not patterns: a generated card must never be refused by chance.
All of them pass the Luhn check.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct

from paycore.sandbox.protocol import Card


class Refusal(Struct, frozen=True, kw_only=True):
    """What a magic card is answered, and from which step on."""

    code: str
    # "card": at once, when a code or an agreement is asked for and at a deduct.
    # "money": the code is sent, the confirm (or the deduct) is refused.
    step: Literal["card", "money"]


MAGIC_CARDS: Final[Mapping[str, Refusal]] = MappingProxyType(
    {
        "6228480000000007": Refusal(code="INSUFFICIENT_FUNDS", step="money"),
        "6228480000000015": Refusal(code="OVER_LIMIT", step="money"),
        "6228480000000023": Refusal(code="CARD_LOST", step="card"),
        "6228480000000031": Refusal(code="WRONG_PHONE", step="card"),
        "6228480000000049": Refusal(code="BLACKLISTED", step="card"),
        "6228480000000056": Refusal(code="MAINTENANCE", step="card"),
    }
)


def refused_at_once(card: Card) -> str | None:
    """The code with which a card is refused before anything is sent, if it is."""
    refusal = MAGIC_CARDS.get(card.number)
    return refusal.code if refusal and refusal.step == "card" else None


def money_verdict(card: Card) -> str:
    """OK, or the code with which the money is refused."""
    refusal = MAGIC_CARDS.get(card.number)
    return refusal.code if refusal and refusal.step == "money" else "OK"

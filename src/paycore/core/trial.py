"""The question that core would ask the router, made without a payment: for whoever
wants to see where one would go.

But for the breakers it is what a payment would ask: those are each node's own.
"""

from types import MappingProxyType

import msgspec

from paycore.cards import service as cards
from paycore.gateway import service as gateway
from paycore.gateway.call import Operation
from paycore.kernel.errors import BadRequest
from paycore.kernel.ids import pay_order_no
from paycore.kernel.node import Node
from paycore.kernel.terms import SMS_CENTRE, BizLineId, CardId, PayType, TransType
from paycore.router import service as router
from paycore.router.question import AccountKey, AgreementLimits, Question

_ASKED = MappingProxyType(
    {
        TransType.QUICK_PAY_SEND_MSG: (Operation.SEND_CODE, PayType.QUICK_PAY),
        TransType.SMS_VERIFY: (Operation.VERIFY_CODE, PayType.QUICK_PAY),
        TransType.DEDUCT: (Operation.DEDUCT, PayType.DEDUCT),
    }
)
"""What the router is asked for."""


class Supposed(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that nobody makes."""

    biz_line: str
    amount: int
    currency: str
    trans_type: str
    card_id: str | None = None
    """None: a card of `bank` and `card_kind`, with every agreement that it needs."""
    bank: str = ""
    card_kind: str = ""
    named: str | None = None


async def question(node: Node, about: Supposed, *, keys: bool = True) -> Question:
    """What core would ask. `keys`: whether accounts can be opened here; else their
    channels are taken to be capable of what they are set up for.
    """
    if about.trans_type not in _ASKED:
        raise BadRequest(
            "The router is asked for QUICK_PAY_SEND_MSG, SMS_VERIFY, DEDUCT.",
            "只能试算 QUICK_PAY_SEND_MSG、SMS_VERIFY、DEDUCT",
            field="trans_type",
        )
    kind, now = TransType(about.trans_type), node.now()
    operation, pay_type = _ASKED[kind]
    card, bank, card_kind, agreements = "", about.bank, about.card_kind, None
    if about.card_id is not None:
        row = await cards.card_of(
            node, BizLineId(about.biz_line), CardId(about.card_id)
        )
        card, bank, card_kind = row.card_id, row.bank, row.card_kind
        agreements = await _agreements(node, row.card_id, pay_type)
    return Question(
        pay_order_no=pay_order_no(node.ids, now),
        biz_line=BizLineId(about.biz_line),
        trans_type=kind,
        amount=about.amount,
        currency=about.currency,
        card_id=CardId(card),
        bank=bank,
        card_kind=card_kind,
        now=now,
        agreements=None if about.named == SMS_CENTRE else agreements,
        broken=gateway.broken(node, operation) if keys else frozenset(),
        capable=gateway.capable(node, operation)
        if keys
        else await router.channels(node, kind),
        named=about.named,
    )


async def _agreements(
    node: Node, card_id: CardId, pay_type: PayType
) -> dict[AccountKey, AgreementLimits]:
    found = await cards.agreements(node, card_id, pay_type, node.now())
    return {
        (one.channel, one.account): AgreementLimits(
            single_limit=one.single_limit, daily_limit=one.daily_limit
        )
        for one in found
    }

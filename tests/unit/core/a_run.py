"""A passage for the tests of single commands: a real node in memory, nobody is called.

Lines, cards, agreements and routes are those that the simulator's worlds begin with.
"""

from a_payment import NOW, row, sent

from paycore.cards.rows import CardRow
from paycore.core.chain import Run
from paycore.core.messages import words
from paycore.core.payment import Payment
from paycore.core.rows import TransitionRow
from paycore.gateway.registry import Registry
from paycore.kernel.clock import SystemClock
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_memory import MemoryJournal
from paycore.kernel.node import Node
from paycore.kernel.terms import CodeSender, PayType
from paycore.lines.rows import BizLineRow
from paycore.prove.stage import stage
from paycore.worker import loop

BEGUN = stage()
"""Set up where no loop runs yet: it has one of its own."""


async def run_of(payment: Payment, **given) -> Run:
    """A passage of a payment by the stage's first card."""
    node = Node(
        settings=BEGUN.settings,
        journal=MemoryJournal(BEGUN.store.copy(), clock=lambda: NOW),
        clock=SystemClock(NOW),
        ids=SystemIds(),
        transport=None,
        key_ring=KeyRing(BEGUN.settings.ring_keys),
    )
    node.state(Registry, lambda: BEGUN.channels)
    await loop.refresh(node)
    card = await node.journal.load(CardRow, BEGUN.cards[0].card_id)
    return Run(
        node=node,
        payment=payment,
        line=await node.journal.load(BizLineRow, payment.row.biz_line),
        change=node.change(),
        card=card,
        **given,
    )


def an_order(**given) -> Payment:
    """An order of the stage's first card, as it stands on record."""
    return Payment(row(**{"card_id": BEGUN.cards[0].card_id, **given}))


def converted(**given) -> Payment:
    """A converted payment with our own code out."""
    how = {"convert_cause": "ROUTE_NONE", "converted_at": NOW}
    payment = an_order(pay_type=PayType.DEDUCT, **how, **given)
    sent(payment, by=CodeSender.SMS_CENTRE)
    return payment


def events(run: Run) -> list[TransitionRow]:
    """The events of the passage, as they would be written."""
    change = run.node.change()
    run.payment.stage(change)
    return [one for one in change.appends if isinstance(one, TransitionRow)]


def told(run: Run) -> tuple[str, str]:
    """What the business line reads."""
    return run.payment.row.resp_code, run.payment.row.resp_msg


def says(code: str) -> tuple[str, str]:
    """A code with its words."""
    return code, words(code, "zh")

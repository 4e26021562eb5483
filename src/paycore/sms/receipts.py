"""Delivery receipts (短信回执): which text a carrier speaks of.

A carrier is no witness of money: what it says of a text is written on the timeline of
its payment, and changes nothing else. The payer may have another text all the same.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from paycore.kernel import log
from paycore.kernel.ids import payment_of
from paycore.kernel.node import Node
from paycore.kernel.terms import PayOrderNo
from paycore.sms.carrier import Line, Receipt
from paycore.sms.registry import Carriers
from paycore.sms.rows import CodeRow, SentRow

LONGEST_NUMBER = 128

LOOKED_AFTER_S = (0.0, 0.1, 0.4, 1.0, 2.0, 3.0)
"""When to look for a text whose receipt is here, each so long after the last: a receipt
may be faster than the commit that keeps the number it names."""

Record = Callable[[Node, Line, Sequence[Receipt]], Awaitable[object]]

_log = log.get(__name__)


@dataclass(slots=True)
class Recorder:
    """Who writes down what comes over a connection that is kept open: the composition
    root says, and without one nothing of it is taken.
    """

    record: Record | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A receipt, and the text that it is about."""

    pay_order_no: PayOrderNo
    seq: int
    receipt: Receipt


def handle_of(line: Line, number: str) -> str:
    """Under what a carrier's own number of a text is kept: without NUL, which no text
    column takes, whatever it wrote.
    """
    return f"{line.carrier}/{number[:LONGEST_NUMBER]}".replace("\x00", "")


def line_of(node: Node, carrier: str) -> Line | None:
    """A carrier of the snapshot: a stranger cannot make us ask the database."""
    lines = node.state(Carriers).lines
    return next((line for line in lines if line.carrier == carrier), None)


async def told(node: Node, line: Line, receipts: Sequence[Receipt]) -> list[Told]:
    """The texts that receipts are about; what names none of ours is left out."""
    return [
        Told(pay_order_no=no, seq=seq, receipt=receipt)
        for receipt in receipts
        for no, seq in await _named(node, line, receipt)
        # A number of our form may be anybody's invention.
        if await node.journal.load(CodeRow, no, seq) is not None
    ]


async def _named(
    node: Node, line: Line, receipt: Receipt
) -> Sequence[tuple[PayOrderNo, int]]:
    """What a receipt says that it is about."""
    named = payment_of(receipt.request_no)
    if named is not None:
        return [named]
    if not receipt.message_id:
        return []
    handle = handle_of(line, receipt.message_id)
    rows = await node.journal.within(SentRow, handle)
    return [(row.pay_order_no, row.seq) for row in rows]


async def arrived(node: Node, line: Line, receipt: Receipt) -> bool:
    """Have a receipt written down that came over a connection; whether its carrier may
    forget it now. One that is about no text of ours is forgotten.
    """
    record = node.state(Recorder).record
    if record is None:
        return False
    for seconds in LOOKED_AFTER_S:
        await node.clock.sleep(seconds)
        if await told(node, line, (receipt,)):
            await record(node, line, (receipt,))
            return True
    _log.warning("receipt_of_no_text", carrier=line.carrier)
    return True

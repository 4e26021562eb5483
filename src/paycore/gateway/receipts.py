"""What carriers tell later of texts (回执): verified, and written on the timeline.

A receipt changes nothing but what people can see: whether the payer has his code, the
payer knows best, and another may be sent him all the same (F13).
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from uuid import UUID

from paycore.gateway.call import Operation
from paycore.gateway.masking import masked, storable
from paycore.gateway.rows import MessageRow
from paycore.kernel import log
from paycore.kernel.node import Node
from paycore.kernel.terms import SMS_CENTRE
from paycore.sms import receipts as sms
from paycore.sms.carrier import Line, Receipt

CODE_LENGTH = 64

_log = log.get(__name__)


async def receive(
    node: Node, carrier: str, token: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, bytes]:
    """Take what was posted to /receipts/{carrier}/{token}: the status and the words
    that this carrier wants to read.
    """
    line = sms.line_of(node, carrier)
    if line is None:
        return 404, b""
    lowered = {name.lower(): value for name, value in headers.items()}
    found = _parsed(line, token, lowered, body)
    if found is None:
        _log.warning("receipt_refused", carrier=carrier)
        return line.driver.acknowledge(False)
    await record(node, line, found)
    return line.driver.acknowledge(True)


async def record(node: Node, line: Line, receipts: Sequence[Receipt]) -> int:
    """Write receipts on the timelines of their payments, each once; how many are new.

    By whichever way they came: posted, or over a connection that is kept open.
    """
    new = 0
    for told in await sms.told(node, line, receipts):
        change = node.change()
        change.insert(_row(node, line, told), guard="receipt")
        new += await node.journal.commit(change) is None
    return new


def _parsed(
    line: Line, token: str, headers: Mapping[str, str], body: bytes
) -> Sequence[Receipt] | None:
    """What the carrier file makes of it, by its credentials or those it had before."""
    for known in (line, line.former):
        if known is None:
            continue
        try:
            found = line.driver.receipts(known, token, headers, body)
        except Exception:  # noqa: BLE001 - a stranger's bytes, and a plug-in perhaps
            _log.exception("carrier_broke", carrier=line.carrier)
            return None
        if found is not None:
            return found
    return None


def _row(node: Node, line: Line, told: sms.Told) -> MessageRow:
    receipt = told.receipt
    said = "DELIVERED" if receipt.delivered else "NOT_DELIVERED"
    code = masked(storable(receipt.code))[:CODE_LENGTH]
    when = "" if receipt.at is None else receipt.at.isoformat()
    return MessageRow(
        pay_order_no=told.pay_order_no,
        message_id=_once(line, told),
        attempt_seq=told.seq,
        direction="RECEIPT",
        operation=Operation.SEND_CODE,
        channel=SMS_CENTRE,
        account=line.carrier,
        at=node.now(),
        verdict=f"{said} {code}".strip(),
        body=f'{{"at":"{when}"}}' if when else "",
    )


def _once(line: Line, told: sms.Told) -> UUID:
    """The same for every copy of a receipt."""
    receipt = told.receipt
    facts = (
        line.carrier,
        told.pay_order_no,
        str(told.seq),
        receipt.message_id,
        str(receipt.delivered),
        receipt.code,
    )
    return UUID(bytes=sha256("\n".join(facts).encode()).digest()[:16])

"""What tests of refunds ask and look at: here, at the banks and on the desk."""

import time
import uuid

from inside import inside, rows
from stack import Payer, Stack, key

from paycore.core.rows import RefundTotalRow, RefundTransitionRow
from paycore.desk.rows import CaseRow

WITHIN_S = 90.0
"""An acceptance window, and what a ladder and a young node wait besides."""


def paid(payer: Payer, **changes: object) -> str:
    """The number of an order that was paid: 100, if nothing else is said."""
    answer = payer.open(**{"amount": 100, **changes})
    assert 201 == answer.status_code, answer.text
    no = answer.json()["pay_order_no"]
    assert "SUCCESS" == payer.pays(no)["biz_status"]
    return no


def asked(no: str, amount: int, **changes: object) -> dict[str, object]:
    """The body of a refund."""
    number = f"r-{uuid.uuid4().hex}"
    return {"pay_order_no": no, "out_refund_no": number, "amount": amount, **changes}


def refund(payer: Payer, no: str, amount: int, **changes: object):
    """Ask for a refund; the answer."""
    body = asked(no, amount, **changes)
    return payer.api.post("/v1/refunds", json=body, headers=key())


def got(payer: Payer, refund_no: str) -> dict[str, object]:
    """The refund as of now."""
    return payer.api.get(f"/v1/refunds/{refund_no}").json()


def until(payer: Payer, refund_no: str, *, within_s: float = WITHIN_S):
    """The refund once it is final, or as it is when the time is up."""
    deadline = time.monotonic() + within_s
    while (found := got(payer, refund_no))["biz_status"] == "DOING":
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return found


def given_back(payer: Payer, no: str) -> list[int]:
    """What the banks gave back, each its own."""
    moves = payer.stack.charges(no)
    charge = next(move for move in moves if move["kind"] == "charge")
    back = [move for move in moves if move["kind"] == "refund"]
    assert {charge["bank"]} >= {move["bank"] for move in back}
    assert len({move["request_id"] for move in back}) == len(back)
    return sorted(move["amount"] for move in back)


def told(payer: Payer, refund_no: str) -> list[str]:
    """The types of the notices about a refund, whose data is what the API says."""
    deadline = time.monotonic() + 60
    while True:
        found = {
            notice["id"]: notice
            for notice in payer.stack.notices(refund_no[:26])
            if notice["payload"]["data"].get("refund_no") == refund_no
        }
        if found or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    for notice in found.values():
        assert notice["verified"]
        assert got(payer, refund_no) == notice["payload"]["data"]
    return [notice["type"] for notice in found.values()]


def history(payer: Payer, no: str) -> list[str]:
    """What happened to a payment's refunds, in order."""
    return [row.event for row in rows(payer.stack, RefundTransitionRow, no)]


def total(payer: Payer, no: str) -> tuple[int, int, int, int]:
    """Taken and done, of the order and of the money."""
    row = inside(payer.stack, lambda node: node.journal.load(RefundTotalRow, no))
    return row.taken_amount, row.taken_money, row.done_amount, row.done_money


def has_case(stack: Stack, no: str, kind: str) -> None:
    """Wait until the exception desk has one of this kind of a payment."""
    deadline = time.monotonic() + WITHIN_S
    while kind not in (found := cases(stack, no)):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def cases(stack: Stack, no: str) -> set[str]:
    """What the exception desk has of a payment."""
    found = inside(stack, lambda node: node.journal.every(CaseRow))
    return {case.kind for case in found if case.pay_order_no == no}

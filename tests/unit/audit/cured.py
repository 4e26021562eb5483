"""Payments that were cured at the desk: one by a return, one by two people's word, one
over the API.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from inside import inside
from operating import Person, case, previewed
from stack import Payer, Stack

from paycore.cures import service
from paycore.cures.table import Cure
from paycore.desk.rows import CaseRow
from paycore.desk.service import open_case
from paycore.gateway.statement import Trade
from paycore.kernel import db
from paycore.kernel.errors import InFlight
from paycore.kernel.node import Node
from paycore.operators.roles import Role
from paycore.recon import service as recon
from paycore.recon.match import Kind
from paycore.recon.rows import Difference

WITHIN_S = 90.0


def returned(stack: Stack, payer: Payer) -> str:
    """Its bank charged it twice, and gave the second charge back."""
    stack.fault("bank.deduct_*.deduct", "charge_twice", count=1)
    no = payer.open().json()["pay_order_no"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    stack.no_faults()
    charge = stack.charges(no)[0]
    found = Difference(
        channel=charge["bank"],
        account="main",
        kind=Kind.DUPLICATE_LINE,
        fact=f"CHARGE:{charge['request_id']}#2",
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        trade=Trade.CHARGE,
        request_no=charge["request_id"],
        pay_order_no=no,
        attempt_seq=int(charge["request_id"][-2:]),
        our_amount=charge["amount"],
        their_amount=charge["amount"],
        our_currency="CNY",
        found_at=datetime.now(UTC),
    )
    inside(stack, lambda node: recon._open_case(node, found))
    _cure(stack, no, Cure.REFUND)
    return no


def forced(stack: Stack, payer: Payer) -> str:
    """Its bank never got it and never says so."""
    stack.fault("bank.deduct_*.deduct", "timeout_before")
    stack.fault("bank.deduct_*.enquire", "http_500")
    no = payer.open().json()["pay_order_no"]
    assert "DOING" == payer.confirm(no).json()["biz_status"]

    async def tell(node: Node) -> None:
        change = node.change()
        kind, about = "UNKNOWN_TOO_LONG", {"amount": 1250, "currency": "CNY"}
        await open_case(node, change, kind=kind, pay_order_no=no, evidence={}, **about)
        assert await node.journal.commit(change) is None

    inside(stack, tell)
    _cure(stack, no, Cure.FORCE_NOT_TAKEN)
    stack.no_faults()
    time.sleep(0.5)  # for the notice
    return no


def operated(stack: Stack, payer: Payer) -> str:
    """By three operators, of whom the first has gone since."""
    no = payer.open().json()["pay_order_no"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    ref = case(stack, no, amount=1250, currency="CNY")
    gone, anna = (Person(stack, Role.OPERATOR) for _ in range(2))
    at = f"{ref}/cures/{previewed(gone, ref)}"
    gone.revoke()
    taken = anna.act(f"{ref}/take", {"why": "hers no more"})
    bert = Person(stack, Role.APPROVER)
    agreed = bert.act(f"{at}/approve", {"why": "so it is"})
    done = anna.act(f"{at}/execute")
    assert [200] * 3 == [one.status_code for one in (taken, agreed, done)], done.text
    return no


async def _patiently(act: Callable[[], Awaitable[object]]) -> None:
    """Again, where somebody who asks the bank just has the payment in hand."""
    for _ in range(120):
        try:
            await act()
        except InFlight:
            await asyncio.sleep(0.5)
        else:
            return
    await act()


def _cure(stack: Stack, no: str, cure: Cure) -> None:
    """By two people, until its case is closed."""

    async def act(node: Node) -> str:
        cases = await node.journal.every(CaseRow)
        (case_id,) = (one.case_id for one in cases if one.pay_order_no == no)
        pool = await db.pool(stack.on.cluster.dsn, size=2)
        try:
            seen = {"who": "anna", "why": "the bank's slip"}
            row = await service.preview(node, pool, case_id, cure, **seen)
            agreed = {"who": "bert", "why": "so it is"}
            await service.approve(node, case_id, row.number, **agreed)
            await _patiently(
                lambda: service.execute(node, pool, case_id, row.number, who="anna")
            )
        finally:
            await pool.close()
        return case_id

    case_id = inside(stack, act)
    deadline = time.monotonic() + WITHIN_S
    while inside(stack, lambda node: service.history(node, case_id)).case.status != (
        "CLOSED"
    ):
        assert time.monotonic() < deadline, case_id
        time.sleep(0.3)

"""What tests of the desk do there: preview, approve, execute, look at what stands."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from inside import inside
from refunding import paid
from sql import ask
from stack import TICKETS, Payer, Stack

from paycore.accounting import suspense as suspended
from paycore.cures import service
from paycore.cures.table import Cure
from paycore.desk.rows import CaseRow, CureRow
from paycore.desk.service import open_case
from paycore.kernel import db
from paycore.kernel.errors import InFlight
from paycore.kernel.node import Node
from paycore.recon import service as recon

BANK = "deduct_a"
KEY = (BANK, "main")
ANNA, BERT = (
    {"who": "anna", "why": "seen the bank's slip"},
    {"who": "bert", "why": "so have I"},
)
WITHIN_S = 60.0


@asynccontextmanager
async def desk_pool(stack: Stack):
    pool = await db.pool(stack.on.cluster.dsn, size=2)
    try:
        yield pool
    finally:
        await pool.close()


def preview(stack: Stack, case_id: str, cure: Cure, **by: str) -> CureRow:
    """Preview a cure; what is kept of it."""

    async def act(node: Node) -> CureRow:
        async with desk_pool(stack) as pool:
            return await service.preview(node, pool, case_id, cure, **(by or ANNA))

    return inside(stack, act)


def approve(stack: Stack, row: CureRow, **by: str) -> CureRow:
    """A person's word."""
    named = (row.case_id, row.number)
    return inside(stack, lambda node: service.approve(node, *named, **(by or BERT)))


def execute(stack: Stack, row: CureRow, *, times: int = 1, who: str = "anna"):
    """Execute, at once by so many; whoever is told to come again does."""

    async def act(node: Node) -> list:
        async with desk_pool(stack) as pool:
            tries = [_executed(node, pool, row, who) for _ in range(times)]
            return await asyncio.gather(*tries, return_exceptions=times > 1)

    return inside(stack, act)


async def _executed(node: Node, pool: db.Pool, row: CureRow, who: str) -> CureRow:
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            return await service.execute(node, pool, row.case_id, row.number, who=who)
        except InFlight:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.2)


def history(stack: Stack, case_id: str) -> service.History:
    """All that was done about a case."""
    return inside(stack, lambda node: service.history(node, case_id))


def closed(stack: Stack, case_id: str) -> service.History:
    """The case once it is closed, or as it is when the time is up."""
    deadline = time.monotonic() + WITHIN_S
    while (found := history(stack, case_id)).case.status == "OPEN":
        if time.monotonic() > deadline:
            break
        time.sleep(0.3)
    return found


def cases(stack: Stack, no: str) -> dict[str, str]:
    """A payment's cases: kind and id."""
    found = inside(stack, lambda node: node.journal.every(CaseRow))
    return {one.kind: one.case_id for one in found if one.pay_order_no == no}


def suspense(stack: Stack, no: str) -> int:
    """What stands in suspense for a payment."""
    return stands(stack, no, "suspense_")


def stands(stack: Stack, no: str, account: str) -> int:
    """What stands for a payment on the accounts that begin so."""
    rows = ask(
        stack,
        "SELECT coalesce(sum(CASE side WHEN 'DEBIT' THEN amount ELSE -amount END), 0)"
        " AS amount FROM accounting_entry"
        " WHERE pay_order_no = $1 AND starts_with(account, $2)",
        *(no, account),
    )
    return int(rows[0]["amount"])


def reconcile(stack: Stack, *, ahead: int = 0, anew: bool = True):
    """Today's statement, as the bank has it tomorrow; or that of a day to come."""
    today = datetime.now(UTC).date()
    day = (today + timedelta(days=5)).isoformat()
    stack.control.post(
        "/control/statement_days", json={"today": day}
    ).raise_for_status()
    dsn, day = stack.on.cluster.dsn, today + timedelta(days=ahead)
    return inside(stack, lambda node: recon.run(node, dsn, KEY, day, anew=anew))


def charged_twice(stack: Stack) -> tuple[Payer, str, str]:
    """A payment that its bank charged twice, and the case that reconciliation made."""
    payer = stack.payer(TICKETS)
    stack.fault(f"bank.{BANK}.deduct", "charge_twice", count=1)
    no = paid(payer)
    stack.no_faults()
    assert [100, 100] == [one["amount"] for one in stack.charges(no)]
    reconcile(stack)
    return payer, no, cases(stack, no)["RECON_DUPLICATE_LINE"]


def told_twice(stack: Stack, case_id: str) -> str:
    """A second case about the very same charge, as of one more line of it."""

    async def tell(node: Node) -> str:
        first = await node.journal.load(CaseRow, case_id)
        assert first is not None, case_id
        change = node.change()
        await open_case(
            *(node, change),
            kind=first.kind,
            pay_order_no=first.pay_order_no,
            attempt_seq=first.attempt_seq,
            amount=first.amount,
            currency=first.currency,
            about=f"{first.case_id} again",
            evidence=json.loads(first.evidence),
        )
        again = change.inserts[0].row.case_id
        parked = await suspended.parked(node, first.pay_order_no, case_id)
        assert parked is not None, case_id
        suspended.park(node, change, replace(parked, case_id=again), at=node.now())
        assert await node.journal.commit(change) is None
        return again

    return inside(stack, tell)

"""The exception desk with real banks: what people do about a case, once, and by two."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import asyncpg
import pytest
from auditor import violations
from bank import Bank
from desking import (
    ANNA,
    BANK,
    WITHIN_S,
    approve,
    cases,
    charged_twice,
    closed,
    desk_pool,
    execute,
    history,
    preview,
    reconcile,
    stands,
    suspense,
    told_twice,
)
from inside import inside, taken_up
from refunding import got, has_case, paid, refund, told, until
from sql import ask
from stack import SHOP, TICKETS, Payer, Stack

from paycore.cures import service
from paycore.cures.table import Cure
from paycore.desk.rows import CureRow, CureStatus
from paycore.desk.service import open_case
from paycore.dev.processes import environ_of, free_port
from paycore.dev.stack import ground, settings_of
from paycore.gateway import accounts
from paycore.kernel.errors import (
    BadRequest,
    BizCheckError,
    InFlight,
    PreviewStale,
    SecondPerson,
)
from paycore.kernel.node import Node
from paycore.kernel.postgres import fresh_folder

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def desk() -> Iterator[Stack]:
    """A stack of its own, whose one deduct bank has a statement; audited at its end."""
    folder = fresh_folder("paycore-desk-")
    try:
        with ground(folder) as on:
            stack = Stack(on, code_gap_s=0, log_level="warning", audit_every_s=0)
            try:
                inside(stack, _only_one_bank)
                stack.start_node()
                yield stack
                stack.no_faults()
                assert [] == _unexplained(stack, violations(stack))
            finally:
                stack.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unexplained(stack: Stack, found: list) -> list:
    """But for what a bank charged twice and was written off: it has that still."""
    off = ask(
        stack,
        "SELECT pay_order_no FROM desk_case JOIN desk_cure USING (case_id)"
        " WHERE cure = 'WRITE_OFF' AND desk_cure.status = 'DONE'",
    )
    kept = {row["pay_order_no"] for row in off}
    return [
        one
        for one in found
        if getattr(one, "invariant", "") != "BANK" or one.payment not in kept
    ]


async def _only_one_bank(node: Node) -> None:
    await accounts.switch(node, "deduct_b", "main", enabled=False)


def test_a_second_charge_is_found_parked_and_given_back(desk: Stack):
    """F35: reconciliation finds it and parks it once, two people have it given back by
    the leg that was charged, once however often they ask; the order stays whole, its
    line hears nothing, and can still have all of it refunded.
    """
    payer, no, case_id = charged_twice(desk)
    assert -100 == suspense(desk, no)
    reconcile(desk)
    assert -100 == suspense(desk, no)
    row = preview(desk, case_id, Cure.REFUND)
    assert row.does.startswith(f"1.00 CNY go back by {BANK}/main, ")
    with pytest.raises(SecondPerson):
        execute(desk, row)
    with pytest.raises(SecondPerson):
        approve(desk, row, **ANNA)
    approve(desk, row)
    done = execute(desk, row, times=5)
    found = closed(desk, case_id)

    assert all(isinstance(one, CureRow) for one in done), done
    assert ("CLOSED", 0) == (found.case.status, suspense(desk, no))
    assert ["PREVIEWED", "APPROVED", "EXECUTED", "DONE"] == [
        step.what for step in found.steps
    ]
    assert ["anna", "bert", "anna", "paycore"] == [step.who for step in found.steps]
    moves = [(one["kind"], one["amount"]) for one in desk.charges(no)]
    assert [("charge", 100), ("charge", 100), ("refund", 100)] == sorted(moves)
    assert 0 == payer.get(no)["refunded_amount"]
    assert (
        [] == payer.api.get("/v1/refunds", params={"pay_order_no": no}).json()["items"]
    )
    assert found.cures == execute(desk, row)
    reconcile(desk)
    assert {"RECON_DUPLICATE_LINE": case_id} == cases(desk, no)
    last = until(payer, refund(payer, no, 100).json()["refund_no"])
    assert "SUCCESS" == last["biz_status"]


def test_two_cases_of_one_charge_give_it_back_once(desk: Stack):
    """Two people execute them at once: one is told to look again, and nothing broke."""
    _, no, case_id = charged_twice(desk)
    again = told_twice(desk, case_id)
    rows = [approve(desk, preview(desk, one, Cure.REFUND)) for one in (case_id, again)]

    async def act(node: Node) -> list:
        async with desk_pool(desk) as pool:
            tries = [
                service.execute(node, pool, row.case_id, row.number, who="anna")
                for row in rows
            ]
            return await asyncio.gather(*tries, return_exceptions=True)

    said = inside(desk, act)
    done = [one for one in said if isinstance(one, CureRow)]
    refused = [one for one in said if isinstance(one, InFlight | PreviewStale)]
    assert (1, 1) == (len(done), len(refused)), said

    assert "CLOSED" == closed(desk, done[0].case_id).case.status
    assert [100] == [m["amount"] for m in desk.charges(no) if m["kind"] == "refund"]
    (other,) = {case_id, again} - {done[0].case_id}
    execute(desk, approve(desk, preview(desk, other, Cure.WRITE_OFF)))
    assert 0 == suspense(desk, no)


def test_a_bill_with_refunds_of_ours_matches_them(desk: Stack):
    """F63: a line of a refund is ours by the refund's own number; one that is missing
    is found when three more statements came without it, and parked as money that the
    channel has still.
    """
    payer = desk.payer(TICKETS)
    kept, lost = paid(payer), paid(payer)
    numbers = [refund(payer, no, 40).json()["refund_no"] for no in (kept, lost)]
    assert ["SUCCESS"] * 2 == [until(payer, one)["biz_status"] for one in numbers]
    reconcile(desk)
    assert ({}, {}) == (cases(desk, kept), cases(desk, lost))
    rows = ask(
        desk,
        "SELECT found FROM recon_line WHERE request_no = ANY($1::text[])",
        numbers,
    )
    assert ["MATCHED"] * 2 == [row["found"] for row in rows]

    body = {"bank": BANK, "fault": "missing_refund", "count": 1}
    body["date"] = datetime.now(UTC).date().isoformat()
    struck = desk.control.post("/control/statement_faults", json=body).json()[0]
    try:
        ask(desk, "DELETE FROM recon_line WHERE request_no = $1", struck["request_id"])
        for ahead in range(4):
            reconcile(desk, ahead=ahead)
    finally:
        desk.control.delete("/control/statement_faults").raise_for_status()
    no = struck["pay_order_no"]
    case_id = cases(desk, no)["RECON_REFUND_MISSING"]
    amount = ask(desk, "SELECT amount FROM desk_case WHERE case_id = $1", case_id)
    assert -amount[0]["amount"] == suspense(desk, no)
    reconcile(desk)  # the bank has corrected its file
    row = preview(desk, case_id, Cure.RELEASE)
    execute(desk, approve(desk, row))
    assert ("CLOSED", 0) == (history(desk, case_id).case.status, suspense(desk, no))


def test_a_forced_state_needs_a_reason_and_two(desk: Stack):
    """F74: a leg whose channel will never speak is written down as not taken on two
    people's word; a second who is the first, no reason and no name are refused, and so
    is a state written by hand. What the auditor asks still holds.
    """
    payer, no, case_id = _unknown(desk)
    for who, why in (("anna", " "), ("", "no name"), ("paycore", "us"), ("a b", "x")):
        with pytest.raises(BadRequest):
            preview(desk, case_id, Cure.FORCE_NOT_TAKEN, who=who, why=why)
    with pytest.raises(BizCheckError, match="Nobody knows yet"):
        preview(desk, case_id, Cure.NOTE)
    row = preview(desk, case_id, Cure.FORCE_NOT_TAKEN)
    with pytest.raises(SecondPerson):
        execute(desk, row)
    with pytest.raises(SecondPerson):
        approve(desk, row, **ANNA)
    for stroke in (
        "UPDATE desk_cure SET approved_by = proposed_by",
        "UPDATE desk_cure SET status = 'EXECUTED', executed_by = 'x'",
        "DELETE FROM desk_step",
        "UPDATE desk_step SET who = 'somebody'",
        "UPDATE payment SET biz_status = 'FAIL', next_check_at = NULL",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            ask(desk, f"{stroke} WHERE {_only(stroke, no, case_id)}")
    assert "DOING" == payer.get(no)["biz_status"]
    approve(desk, row)
    execute(desk, row, times=3)

    order = payer.get(no)
    assert ("FAIL", "BY_HAND") == (order["biz_status"], order["resp_code"])
    assert "CLOSED" == history(desk, case_id).case.status
    desk.no_faults()


def test_a_refund_that_nobody_answers_for_is_ended_by_two(desk: Stack):
    """F74: neither while a call of it may be on its way, nor by one person, nor on what
    was so before its bank said something; then its money is free again, the line is
    told, and a yes all the same is a case.
    """
    payer = desk.payer(TICKETS)
    no = paid(payer)
    desk.fault(f"bank.{BANK}.refund", "timeout_before")
    desk.fault(f"bank.{BANK}.enquire", "http_500")
    number = refund(payer, no, 100).json()["refund_no"]
    case_id = _told(desk, "REFUND_UNKNOWN_TOO_LONG", no, 101)
    with pytest.raises(BizCheckError, match="may still be on its way"):
        preview(desk, case_id, Cure.FORCE_NOT_REFUNDED)
    with pytest.raises(BizCheckError, match="Nobody knows yet"):
        preview(desk, case_id, Cure.NOTE)
    long_ago = (
        "UPDATE refund SET quiet_from = quiet_from - interval '1 hour',"
        " version = version + 1"
    )
    ask(desk, f"{long_ago} WHERE refund_no = $1", number)
    row = preview(desk, case_id, Cure.FORCE_NOT_REFUNDED)
    assert (True, 100, "CNY") == (row.needs_second, row.amount, row.currency)
    with pytest.raises(SecondPerson):
        execute(desk, row)
    approve(desk, row)
    heard = "UPDATE refund SET other_money = true, version = version + 1"
    ask(desk, f"{heard} WHERE refund_no = $1", number)
    with pytest.raises(PreviewStale):
        execute(desk, row)
    row = preview(desk, case_id, Cure.FORCE_NOT_REFUNDED)
    assert "has said yes to another amount" in row.does
    assert ("DOING", 409) == (
        got(payer, number)["biz_status"],
        refund(payer, no, 1).status_code,
    )
    execute(desk, approve(desk, row), times=3)
    desk.no_faults()

    said = got(payer, number)
    assert ("FAIL", "BY_HAND") == (said["biz_status"], said["resp_code"])
    assert ["refund.failed"] == told(payer, number)
    assert "CLOSED" == history(desk, case_id).case.status
    again = refund(payer, no, 100).json()
    assert "SUCCESS" == until(payer, again["refund_no"])["biz_status"]
    about = {"operation": "refund", "kind": "refund", "request_id": number}
    assert 200 == Bank(desk, BANK).call_back(payer, no, **about).status_code
    assert "LATE_REFUND" in cases(desk, no)


def _only(stroke: str, no: str, case_id: str) -> str:
    of_payment = "UPDATE payment" in stroke
    return f"pay_order_no = '{no}'" if of_payment else f"case_id = '{case_id}'"


def _unknown(stack: Stack, why: str = "timeout_before") -> tuple[Payer, str, str]:
    """A payment whose bank never got the request, or did, and will not say so, and its
    case.
    """
    stack.fault(f"bank.{BANK}.deduct", why)
    stack.fault(f"bank.{BANK}.enquire", "http_500")
    payer = stack.payer(TICKETS)
    no = payer.open(amount=100).json()["pay_order_no"]
    assert "DOING" == payer.confirm(no).json()["biz_status"]
    return payer, no, _told(stack, "UNKNOWN_TOO_LONG", no)


def _told(stack: Stack, kind: str, no: str, seq: int | None = None) -> str:
    """A case of 100, as an enquirer opens it in time."""

    async def tell(node: Node) -> None:
        change = node.change()
        await open_case(
            *(node, change),
            kind=kind,
            pay_order_no=no,
            attempt_seq=seq,
            amount=100,
            currency="CNY",
            evidence={},
        )
        assert await node.journal.commit(change) is None

    inside(stack, tell)
    return cases(stack, no)[kind]


def test_an_enquiry_asks_at_once_and_leaves_the_case(desk: Stack):
    """One person has the channel asked out of turn: no second, and nothing is ended."""
    payer, no, case_id = _unknown(desk)
    desk.no_faults()
    ask(
        desk,
        "UPDATE payment SET next_check_at = next_check_at + interval '1 hour'"
        " WHERE pay_order_no = $1",
        no,
    )
    row = preview(desk, case_id, Cure.ENQUIRE)
    (done,) = execute(desk, row)
    order = payer.until(no, within_s=WITHIN_S)

    assert (False, CureStatus.DONE) == (done.needs_second, done.status)
    assert "DOING" != order["biz_status"]
    assert "OPEN" == history(desk, case_id).case.status
    with pytest.raises(BizCheckError):
        preview(desk, case_id, Cure.ENQUIRE)


def test_a_preview_that_no_longer_holds_is_refused(desk: Stack):
    """What was seen is looked at again: where it changed nothing is done, the step says
    so, and a new preview is needed.
    """
    _, no, case_id = charged_twice(desk)
    row = approve(desk, preview(desk, case_id, Cure.WRITE_OFF))
    other = approve(desk, preview(desk, case_id, Cure.REFUND))
    (under_way,) = execute(desk, other)
    with pytest.raises(BizCheckError):  # until the refund has ended
        preview(desk, case_id, Cure.WRITE_OFF)
    closed(desk, case_id)
    with pytest.raises(PreviewStale):
        execute(desk, row)

    assert CureStatus.EXECUTED == under_way.status
    assert "STALE" == history(desk, case_id).steps[-1].what
    assert 0 == suspense(desk, no)


def test_what_is_parked_is_written_off_once(desk: Stack):
    """Out of suspense exactly what went in, whoever asks at once; then it is closed,
    and nothing more can be done about it.
    """
    _, no, case_id = charged_twice(desk)
    with pytest.raises(BizCheckError):  # it stands: nothing healed it
        preview(desk, case_id, Cure.RELEASE)
    with pytest.raises(BizCheckError):  # money is parked for it
        preview(desk, case_id, Cure.ADJUST)
    row = approve(desk, preview(desk, case_id, Cure.WRITE_OFF))
    execute(desk, row, times=5)

    rows = ask(
        desk,
        "SELECT kind, account, side, amount FROM accounting_entry"
        " WHERE pay_order_no = $1 AND fact = $2 ORDER BY kind DESC, line",
        *(no, case_id),
    )
    assert [
        ("LONG", f"channel_receivable:{BANK}:main", "DEBIT", 100),
        ("LONG", f"suspense_long:{BANK}:main", "CREDIT", 100),
        ("ADJUSTMENT", f"suspense_long:{BANK}:main", "DEBIT", 100),
        ("ADJUSTMENT", "differences", "CREDIT", 100),
    ] == [tuple(row) for row in rows]
    assert "CLOSED" == history(desk, case_id).case.status
    with pytest.raises(BizCheckError):
        preview(desk, case_id, Cure.WRITE_OFF)


def test_money_that_a_statement_knew_before_our_end_goes_back(desk: Stack):
    """The statement says that it was taken while our leg is open: nothing is parked, as
    its end is still to come. It ends as not taken, and what no order covers goes back.
    """
    payer, no, unknown = _unknown(desk, "timeout_after")
    reconcile(desk)
    case_id = cases(desk, no)["RECON_STATUS_OURS"]
    assert 0 == suspense(desk, no)
    with pytest.raises(BizCheckError):  # it may still be the order's own
        preview(desk, case_id, Cure.REFUND)
    execute(desk, approve(desk, preview(desk, unknown, Cure.FORCE_NOT_TAKEN)))
    desk.no_faults()
    assert "FAIL" == payer.get(no)["biz_status"]
    execute(desk, approve(desk, preview(desk, case_id, Cure.REFUND)), times=3)

    assert "CLOSED" == closed(desk, case_id).case.status
    moves = [(one["kind"], one["amount"]) for one in desk.charges(no)]
    assert [("charge", 100), ("refund", 100)] == sorted(moves)
    assert 0 == suspense(desk, no)


def test_money_after_the_end_goes_back(desk: Stack):
    """F38: the bank took money by an order that we had closed, and refuses to give it
    back by itself; a person has it given back by that very leg, once, the books owe the
    payer nothing any more, and the payment stays as it is.
    """
    inside(desk, lambda node: accounts.switch(node, "quick_b", "main", enabled=False))
    taken_up(desk)
    payer = desk.payer(SHOP)
    no = payer.open(amount=100).json()["pay_order_no"]
    code = payer.codes()[-1]
    assert (
        "CLOSED"
        == payer.api.post(
            f"/v1/payments/{no}/close", json={}, headers={"Idempotency-Key": no}
        ).json()["biz_status"]
    )
    bank = Bank(desk, "quick_a")
    bank.confirm(payer, no, f"{no}01", code)
    desk.fault("bank.quick_a.refund", "decline:CARD_LOST", count=1)
    bank.call_back(payer, no, operation="confirm", request_id=f"{no}01", amount=100)
    has_case(desk, no, "CHARGED_WITHOUT_CONFIRM")
    case_id = cases(desk, no)["CHARGED_WITHOUT_CONFIRM"]
    refused = until(payer, f"{no}M01")
    assert ("FAIL", -100) == (refused["biz_status"], stands(desk, no, "payer_pending"))
    execute(desk, approve(desk, preview(desk, case_id, Cure.REFUND)), times=3)
    found = closed(desk, case_id)

    assert "CLOSED" == found.case.status, found
    assert 0 == stands(desk, no, "payer_pending") == suspense(desk, no)
    assert ["REFUND_REFUSED", "PREVIEWED", "APPROVED", "EXECUTED", "DONE"] == [
        step.what for step in found.steps
    ]
    assert "CLOSED" == payer.get(no)["biz_status"]
    moves = [(one["kind"], one["amount"]) for one in desk.charges(no)]
    assert [("charge", 100), ("refund", 100)] == sorted(moves)


def test_by_hand(desk: Stack):
    """The commands do it, and say in one line why not."""
    _, _, case_id = charged_twice(desk)
    taken = _paycore(desk, "take", case_id, "--by", "anna", "--why", "my shift")
    seen = _paycore(
        *(desk, "preview", case_id, "WRITE_OFF", "--by", "anna"),
        *("--why", "card 6222020200112233446 called", "--json"),
    )
    number = str(json.loads(seen.stdout)["number"])
    alone = _paycore(desk, "execute", case_id, number, "--by", "anna")
    both = _paycore(desk, "approve", case_id, number, "--by", "bert", "--why", "agreed")
    done = _paycore(desk, "execute", case_id, number, "--by", "anna")
    shown = _paycore(desk, "show", case_id, "--json")
    nothing = _paycore(desk, "preview", case_id, "NOTHING", "--by", "a", "--why", "b")
    nobody = _paycore(desk, "show", "nobody's")

    assert 0 == taken.returncode, taken.stderr
    assert 2 == alone.returncode
    assert "second person" in alone.stderr
    assert (0, 0) == (both.returncode, done.returncode), (both.stderr, done.stderr)
    found = json.loads(shown.stdout)
    assert ("anna", "CLOSED") == (found["owner"], found["status"])
    assert "6222020200112233446" not in shown.stdout
    assert "REFUND" == found["suggested"][0]
    assert 4 == len(found["steps"])
    assert (2, 2) == (nothing.returncode, nobody.returncode)


def _paycore(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    settings = settings_of(stack.on.kept, port=free_port())
    environ = {**environ_of(settings), "DATABASE_URL": stack.on.cluster.dsn}
    return subprocess.run(
        [sys.executable, "-m", "paycore", "desk", *words],
        env={"PYTHONPATH": ":".join(sys.path), "TERM": "dumb", **environ},
        capture_output=True,
        text=True,
        check=False,
    )

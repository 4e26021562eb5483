"""A restore whose bank answers no more, and what people do meanwhile (F72)."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from bank import Bank
from facts import agreed
from inside import coupon_is, fresh_coupon, inside
from sql import ask
from stack import SHOP, Payer, Stack
from test_recover import _cure, recover

from paycore.core import recover as core
from paycore.core.absorb import load_payment
from paycore.core.restored import RESTORED
from paycore.coupon import service as coupon
from paycore.cures.table import Cure
from paycore.desk.service import open_case
from paycore.dev.stack import ground
from paycore.kernel.errors import BizCheckError
from paycore.kernel.ids import pay_order_no
from paycore.kernel.node import Node
from paycore.kernel.postgres import fresh_folder
from paycore.kernel.terms import BizLineId, CouponNo

pytestmark = pytest.mark.long

SILENT = ("--without", "quick_b/main")
AMOUNT = 1250


@dataclass
class Left:
    """What stands when the database is back; no node runs."""

    stack: Stack
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    payers: dict[str, Payer] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    coupon_no: str = ""

    def recover(self, *more: str) -> tuple[int, dict]:
        """The command: exit status and what it told."""
        ran = recover(self.stack, "--since", self.since.isoformat(), *more)
        assert ran.stdout, ran.stderr
        return ran.returncode, json.loads(ran.stdout)

    def held(self) -> set[str]:
        """Whose payments are."""
        rows = ask(
            self.stack,
            "SELECT pay_order_no FROM payment WHERE held = $1 AND biz_status = 'DOING'",
            RESTORED,
        )
        by_number = {no: name for name, no in self.numbers.items()}
        return {by_number[row["pay_order_no"]] for row in rows}

    def state(self, name: str) -> str:
        """How far the restore is with it."""
        rows = ask(
            self.stack,
            "SELECT state FROM restored_payment WHERE pay_order_no = $1",
            self.numbers[name],
        )
        return rows[0]["state"]


@pytest.fixture(scope="module")
def left() -> Iterator[Left]:
    """One order of each kind, at a bank that answers; another bank is silent."""
    folder = fresh_folder("paycore-without-")
    try:
        with ground(folder) as on:
            stack = Stack(on, code_gap_s=0, log_level="warning", audit_every_s=0)
            try:
                yield _left(stack)
            finally:
                stack.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _left(stack: Stack) -> Left:
    stack.start_node()
    made, bank = Left(stack), Bank(stack, "quick_a")
    made.coupon_no = fresh_coupon(stack)
    for name in ("charged", "deducted", "untouched", "unheard", "repaid"):
        _open(made, name, **_coupon(made, name))
    deducted = made.numbers["deducted"]
    Bank(stack, "deduct_a").deduct(deducted, f"{deducted}02", AMOUNT)
    charged = made.numbers["charged"]
    code = made.payers["charged"].codes()[-1]
    bank.confirm(made.payers["charged"], charged, f"{charged}01", code, tells=False)
    bank.refund(charged, f"{charged}R01", f"{charged}01", 300)
    for name, how in (("unheard", "timeout_before"), ("repaid", "timeout_after")):
        stack.fault("bank.quick_a.enquire", "http_500")
        stack.fault("bank.quick_a.confirm", how, count=1)
        answer = made.payers[name].confirm(made.numbers[name])
        assert "DOING" == answer.json()["biz_status"], answer.text
    stack.nodes[0].process.kill()
    stack.nodes[0].process.wait()
    stack.no_faults()
    no = made.numbers["repaid"]
    bank.refund(no, f"{no}R01", f"{no}01", 300)
    stack.fault("bank.quick_b.enquire", "http_500")
    return made


def _open(made: Left, name: str, **more: object) -> None:
    payer = made.stack.payer(SHOP, agreements=agreed("quick_a", "deduct_a"))
    made.payers[name] = payer
    made.numbers[name] = payer.open(amount=AMOUNT, **more).json()["pay_order_no"]


def _coupon(made: Left, name: str) -> dict[str, str]:
    return {"coupon_no": made.coupon_no} if name == "charged" else {}


def test_an_account_that_is_silent_holds_all(left: Left):
    """F72: nothing goes on, for it may be the one that was paid."""
    status, report = left.recover()

    assert (1, False, []) == (status, report["complete"], report["without"])
    assert (5, 0) == (report["held"], report["let_go"])
    assert {"quick_b"} == {one["channel"] for one in report["unanswered"]}
    assert set(left.numbers) == left.held()


def test_nobody_says_how_a_leg_ended_that_is_held(left: Left):
    """Another leg of it may be forgotten that was paid: first its banks are asked."""
    no = left.numbers["unheard"]

    async def tell(node: Node) -> str | None:
        change = node.change()
        about = {"pay_order_no": no, "amount": AMOUNT, "currency": "CNY"}
        name = await open_case(
            node, change, kind="UNKNOWN_TOO_LONG", evidence={}, **about
        )
        assert await node.journal.commit(change) is None
        return name

    case_id = inside(left.stack, tell)

    with pytest.raises(BizCheckError, match="restore"):
        _cure(left.stack, case_id, Cure.FORCE_NOT_TAKEN)


def test_one_that_failed_meanwhile_is_asked_after_all_the_same(left: Left):
    """That one leg took nothing says nothing of those that were forgotten."""
    no = left.numbers["unheard"]

    async def force(node: Node) -> None:
        payment = await load_payment(node, no)
        assert payment is not None
        await core.force_not_taken(node, payment, 2, lambda _: None)

    inside(left.stack, force)

    _, report = left.recover()

    assert no in {one["pay_order_no"] for one in report["unanswered"]}
    assert ("HELD", 4) == (left.state("unheard"), report["held"])


def test_without_an_account_what_waits_only_for_it_goes_on(left: Left):
    """F72: a person's word, that is in the report; it is not complete for that. And of
    what was paid when it went on, a lost refund is found in the same run.
    """
    status, report = left.recover(*SILENT)

    assert (1, False) == (status, report["complete"])
    assert (["quick_b/main"], []) == (report["without"], report["unanswered"])
    assert {"charged", "deducted"} == left.held()
    assert "CLEAR" == left.state("unheard")
    # Also of the charge that is to be adopted: its number is not given again.
    (lost,) = ask(
        left.stack,
        "SELECT lost_refunds, lost_refunded FROM restored_payment"
        " WHERE pay_order_no = $1",
        left.numbers["charged"],
    )
    assert (1, 300) == tuple(lost)
    no = left.numbers["repaid"]
    assert [{"pay_order_no": no, "biz_status": "SUCCESS"}] == report["caught_up"]
    found = {(one["difference"], one["number"]) for one in report["differences"]}
    assert ("REFUNDED_THERE", f"{no}R01") in found


def test_what_was_found_is_not_let_go_by_asking_nobody(left: Left):
    """Who told of the charge is not asked this time: it stands all the same."""
    _, report = left.recover(*SILENT, "--without", "quick_a/main")

    assert ["quick_a/main", "quick_b/main"] == report["without"]
    assert "FOUND" == left.state("charged")
    assert "charged" in left.held()


@pytest.mark.parametrize("before_s", [0, 60], ids=["the same run", "another moment"])
def test_a_charge_under_a_number_of_nobodys_stays_found(left: Left, before_s: int):
    """F72, I1: its account is left out, so nobody asks for that number any more, in a
    run of the same moment or of another: the order may not go on all the same.
    """
    since = left.since - timedelta(seconds=before_s)
    words = ("--since", since.isoformat(), *SILENT, "--without", "deduct_a/main")

    ran = recover(left.stack, *words)

    assert 1 == ran.returncode, ran.stderr
    assert "FOUND" == left.state("deducted")
    assert {"charged", "deducted"} <= left.held()


def test_there_is_no_such_account(left: Left):
    """A slip of the pen leaves nobody out."""
    for wrong in ("quick_a", "quick_z/main"):
        ran = recover(left.stack, "--since", left.since.isoformat(), "--without", wrong)
        assert (2, "") == (ran.returncode, ran.stdout)
        assert "--without" in ran.stderr


def test_a_charge_is_adopted_whose_coupon_another_order_has(left: Left):
    """The money is there whatever became of the coupon: the order succeeds, and the
    desk hears of the coupon.
    """
    stack, no = left.stack, left.numbers["charged"]
    line = BizLineId(stack.lines[SHOP].biz_line)

    async def take(node: Node) -> str:
        other, change = pay_order_no(node.ids, node.now()), node.change()
        coupon.lock(node, change, line, CouponNo(left.coupon_no), other)
        assert await node.journal.commit(change) is None
        return other

    other = inside(stack, take)
    (case,) = ask(
        stack,
        "SELECT case_id FROM desk_case WHERE pay_order_no = $1 AND kind = $2",
        *(no, "RESTORE_CHARGED_THERE"),
    )
    stack.start_node()
    payer = left.payers["charged"]
    payer.api = stack.client(SHOP, node=1)

    _cure(stack, case["case_id"], Cure.ADOPT)

    assert "SUCCESS" == payer.until(no, within_s=60)["biz_status"]
    assert ("LOCKED", other) == coupon_is(stack, left.coupon_no)
    kinds = ask(stack, "SELECT kind FROM desk_case WHERE pay_order_no = $1", no)
    assert "COUPON_GONE" in {row["kind"] for row in kinds}


def test_nobody_works_before_all_is_held(left: Left):
    """A run that was killed in the middle of the hold is begun again without company:
    what it had not come to would go on meanwhile.
    """
    no = left.numbers["untouched"]
    ask(left.stack, "DELETE FROM restored_payment WHERE pay_order_no = $1", no)

    ran = recover(left.stack, "--since", left.since.isoformat())

    assert (2, "") == (ran.returncode, ran.stdout)
    assert "stop all nodes" in ran.stderr
    assert {"deducted"} == left.held()

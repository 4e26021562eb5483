"""Reconciliation with the real banks: what is planted is found and rightly named."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from bank import Bank
from inside import inside, taken_up
from operating import Person
from sql import ask
from stack import SHOP, TICKETS, Payer, Stack

from paycore.dev.processes import environ_of, free_port
from paycore.dev.stack import ground, settings_of
from paycore.gateway import accounts
from paycore.kernel.postgres import fresh_folder
from paycore.operators.roles import Role
from paycore.recon import service as recon
from paycore.recon.match import Kind

KINDS = {
    "missing_line": Kind.THEY_LACK,
    "missing_refund": Kind.REFUND_MISSING,
    "extra_line": Kind.WE_LACK,
    "other_amount": Kind.AMOUNT,
    "other_fee": Kind.FEE,
    "other_currency": Kind.CURRENCY,
    "other_status": Kind.STATUS_THEIRS,
    "duplicate_line": Kind.DUPLICATE_LINE,
    "next_day": Kind.OTHER_DAY,
    "unknown_line": Kind.UNKNOWN_LINE,
}
"""What each planted difference must be called."""

BANK = "deduct_a"
KEY = (BANK, "main")
PAID, REFUNDED = 14, 2
WITHIN_S = 200.0

# As a refund of the core's leaves it: one more attempt of the payment.
REFUND = """
INSERT INTO attempt
SELECT pay_order_no, 50, 1, 'REFUND', 'GW_SUCCESS', channel, account, inst_trans_id,
       pay_order_no || '50', $2::bigint, currency, NULL, NULL, $3::text, NULL, '', '',
       NULL, clock_timestamp(), clock_timestamp(), clock_timestamp(), 0
FROM attempt WHERE pay_order_no = $1 AND trans_type = 'DEDUCT'
"""


@pytest.fixture(scope="module")
def books() -> Iterator[Stack]:
    """A stack of which the auditor is not asked, for it has refunds of the test's own;
    nor does it take away what is old, from whatever hour on.
    """
    folder = fresh_folder("paycore-recon-")
    try:
        with ground(folder) as on:
            quiet = {"audit_every_s": 0, "retention_hour": -1}
            stack = Stack(on, code_gap_s=0, log_level="warning", **quiet)
            try:
                _only_one_bank(stack)
                stack.start_node()
                yield stack
            finally:
                stack.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _only_one_bank(stack: Stack) -> None:
    inside(stack, lambda node: accounts.switch(node, "deduct_b", "main", enabled=False))


def today() -> date:
    """The bank's day."""
    return datetime.now(UTC).date()


def plant(stack: Stack, fault: str, *, day: date, count: int = 1) -> list[dict]:
    """Plant, and hear what was planted."""
    body = {"bank": BANK, "date": day.isoformat(), "fault": fault, "count": count}
    answer = stack.control.post("/control/statement_faults", json=body)
    answer.raise_for_status()
    return answer.json()


def unplant(stack: Stack) -> None:
    """Statements are true again."""
    stack.control.delete("/control/statement_faults").raise_for_status()


def it_is(stack: Stack, day: date | None) -> None:
    """What the banks' statement desks think."""
    told = day and day.isoformat()
    stack.control.post(
        "/control/statement_days", json={"today": told}
    ).raise_for_status()


def reconcile(stack: Stack, day: date, *, anew: bool = False):
    """One day of the bank's."""
    dsn = stack.on.cluster.dsn
    return inside(stack, lambda node: recon.run(node, dsn, KEY, day, anew=anew))


def pay(payer: Payer) -> str:
    """One payment, paid."""
    no = payer.open().json()["pay_order_no"]
    assert "SUCCESS" == payer.pays(no)["biz_status"]
    return no


def give_back(stack: Stack, bank: Bank, no: str, amount: int) -> None:
    """A refund at the bank, and our attempt of it."""
    (charge,) = stack.charges(no)
    body = {
        "request_id": f"{no}50",
        "pay_order_no": no,
        "original_request_id": charge["request_id"],
        "amount": amount,
        "currency": "CNY",
    }
    url = stack.on.sandbox.info.banks[BANK]
    answer = bank._post(f"{url}/v1/refund", "/v1/refund", body).json()
    assert "SUCCESS" == answer["status"], answer
    ask(stack, REFUND, no, amount, answer["bank_ref"])


def standing(stack: Stack) -> set[tuple[str, str]]:
    """The differences that stand: kind, and the request's or the bank's own number."""
    rows = ask(stack, "SELECT * FROM recon_difference WHERE healed_at IS NULL")
    return {(row["kind"], _number(row)) for row in rows}


def _number(row) -> str:
    return row["channel_ref"] if row["kind"] == "UNKNOWN_LINE" else row["request_no"]


def expected(planted: list[dict]) -> set[tuple[str, str]]:
    """What must stand, by the word of the bank that planted it."""
    return {
        (
            str(KINDS[one["fault"]]),
            one["was"].split(",")[6]
            if one["fault"] == "unknown_line"
            else one["request_id"],
        )
        for one in planted
    }


def cases(stack: Stack) -> list[tuple]:
    """The desk's cases of reconciliation."""
    rows = ask(stack, "SELECT * FROM desk_case WHERE kind LIKE 'RECON%' ORDER BY 1")
    return [(row["case_id"], row["kind"], row["evidence"]) for row in rows]


def test_all_that_is_planted_is_found_and_nothing_else(books: Stack):
    """F63: one of every kind, and a charge that the bank made without us: each is named
    for what it is, has one case with a cure, and a second run of every day adds
    nothing at all.
    """
    payer, bank, day = books.payer(TICKETS), Bank(books, BANK), today()
    paid = [pay(payer) for _ in range(PAID)]
    for no in paid[:REFUNDED]:
        give_back(books, bank, no, 250)
    planted = [one for fault in KINDS for one in plant(books, fault, day=day)]
    it_is(books, day + timedelta(days=5))
    days = [day + timedelta(days=ahead) for ahead in range(4)]
    first = [reconcile(books, each) for each in days]
    told = cases(books)

    assert expected(planted) == standing(books)
    assert len(planted) == sum(outcome.cases for outcome in first)
    assert {f"RECON_{kind}" for kind in KINDS.values()} == {case[1] for case in told}
    assert all(json.loads(case[2])["cure"] for case in told)

    rows = ask(books, "SELECT * FROM recon_difference ORDER BY kind, fact")
    again = [reconcile(books, each, anew=True) for each in days]
    assert 0 == sum(outcome.cases for outcome in again)
    assert told == cases(books)
    assert rows == ask(books, "SELECT * FROM recon_difference ORDER BY kind, fact")

    unplant(books)
    mended = [reconcile(books, each, anew=True) for each in days]
    assert set() == standing(books)
    assert told == cases(books)
    assert PAID + REFUNDED == mended[0].statement.figures.matched


def test_money_that_we_do_not_know_of_is_found(books: Stack):
    """The bank took it by an order of ours that nobody confirmed to us."""
    inside(books, lambda node: accounts.switch(node, "quick_b", "main", enabled=False))
    taken_up(books)
    payer, day = books.payer(SHOP), today()
    no = payer.open().json()["pay_order_no"]
    Bank(books, "quick_a").confirm(payer, no, f"{no}01", payer.codes()[-1])
    it_is(books, day + timedelta(days=1))
    dsn = books.on.cluster.dsn
    inside(books, lambda node: recon.run(node, dsn, ("quick_a", "main"), day))

    rows = ask(books, "SELECT * FROM recon_difference WHERE channel = 'quick_a'")
    assert [("STATUS_OURS", no)] == [(row["kind"], row["pay_order_no"]) for row in rows]


@pytest.mark.parametrize(
    ("fault", "why"), [("truncated", "cut off"), ("wrong_encoding", "UTF-8")]
)
def test_a_file_that_is_no_good_is_told_and_asked_for_again(
    books: Stack, fault: str, why: str
):
    """F63: nothing is concluded from it; the good file that comes later is compared."""
    # A day without lines has nothing but ASCII in its file, whatever the encoding.
    day = today() - timedelta(days=3 if fault == "truncated" else 0)
    it_is(books, today() + timedelta(days=1))
    plant(books, fault, day=day)
    broken = reconcile(books, day, anew=True).statement
    told = [case for case in cases(books) if case[0].endswith(f"{day}:BROKEN")]
    unplant(books)
    good = reconcile(books, day, anew=True).statement

    assert "BROKEN" == broken.state
    assert why in broken.said
    assert ["RECON_STATEMENT"] == [case[1] for case in told]
    assert ("RECONCILED", broken.file_no + 1) == (good.state, good.file_no)
    assert [broken.file_no, good.file_no] == [
        row[0]
        for row in ask(
            books,
            "SELECT DISTINCT file_no FROM recon_chunk WHERE statement_id = $1"
            " ORDER BY file_no DESC LIMIT 2",
            good.statement_id,
        )
    ][::-1]


def test_one_that_cannot_be_compared_keeps_no_other_from_it(books: Stack):
    """It is told and asked for again as a broken one is, whatever is wrong with it."""
    day, other = (today() - timedelta(days=ago) for ago in (7, 8))
    kept = reconcile(books, day).statement
    ask(books, "DELETE FROM recon_chunk WHERE statement_id = $1", kept.statement_id)
    ask(
        books,
        "INSERT INTO recon_chunk VALUES ($1, $2, 0, 'no deflated file')",
        *(kept.statement_id, kept.file_no),
    )
    spoiled = reconcile(books, day).statement

    assert "RECONCILED" == kept.state
    assert "RECONCILED" == spoiled.state
    ask(
        books,
        "UPDATE recon_statement SET state = 'KEPT' WHERE statement_id = $1",
        kept.statement_id,
    )
    dsn = books.on.cluster.dsn
    inside(books, lambda node: recon.reconcile(node, dsn))
    rows = ask(books, "SELECT * FROM recon_statement WHERE day = $1", f"{day}")
    assert [("BROKEN", "it cannot be compared: error")] == [
        (row["state"], row["said"]) for row in rows
    ]
    assert "RECONCILED" == reconcile(books, other).statement.state


def test_a_late_statement_is_waited_for_and_told(books: Stack):
    """F63: it is no difference; after some days it is a case, once; then it comes."""
    day = today() - timedelta(days=6)
    plant(books, "late:9", day=day)
    for _ in range(2):
        assert "AWAITED" == reconcile(books, day).statement.state
    told = [case for case in cases(books) if day.isoformat() in case[0]]
    unplant(books)

    assert ["RECON_STATEMENT"] == [case[1] for case in told]
    assert "RECONCILED" == reconcile(books, day).statement.state


@pytest.mark.long
def test_nodes_do_it_by_themselves_once_a_day(books: Stack):
    """Both jobs come to their end, and each account's yesterday is reconciled once
    however many nodes there are.
    """
    it_is(books, None)
    ask(books, "DELETE FROM recon_line")
    ask(books, "DELETE FROM recon_statement")
    for _ in range(2):
        books.start_node(recon_hour=0, retention_hour=-1)
    deadline = time.monotonic() + WITHIN_S
    jobs = (
        "SELECT job FROM job WHERE finished_at IS NOT NULL"
        " AND job IN ('reconciliation', 'statements') ORDER BY job"
    )
    while len(done := ask(books, jobs)) < 2:
        assert time.monotonic() < deadline, ask(books, "SELECT * FROM job")
        time.sleep(0.5)
    rows = ask(books, "SELECT * FROM recon_statement ORDER BY channel")

    assert ["reconciliation", "statements"] == [row["job"] for row in done]
    banks = ["deduct_a", "deduct_b", "quick_a", "quick_b"]
    yesterday = (today() - timedelta(days=1)).isoformat()
    assert [(bank, yesterday, "RECONCILED") for bank in banks] == [
        (row["channel"], row["day"], row["state"]) for row in rows
    ]


def test_by_hand_and_as_files(books: Stack, tmp_path):
    """The commands say what was found, and write it as CSV and as a page that needs
    nothing else.
    """
    day = today() - timedelta(days=2)
    page, table = tmp_path / "day.html", tmp_path / "day.csv"
    ran = _paycore(books, "run", "--channel", BANK, "--day", f"{day}", "--json")
    again = _paycore(books, "show", f"{day}", "--csv", f"{table}", "--html", f"{page}")
    listed = _paycore(books, "list", "--json")
    none = _paycore(books, "show", "2001-01-01")
    wrong = _paycore(books, "run", "--channel", "nobody", "--day", f"{day}")

    assert ("RECONCILED", 0) == (json.loads(ran.stdout)["state"], ran.returncode)
    assert 0 == again.returncode, again.stderr
    assert "<svg" in page.read_text(encoding="utf-8")
    assert "http" not in page.read_text(encoding="utf-8")
    assert table.read_text(encoding="utf-8").startswith("day,channel,account,kind,")
    assert f"{day}" in listed.stdout
    assert (2, 2) == (none.returncode, wrong.returncode)


def test_terms_are_put_down_and_changed(books: Stack):
    """They are seen as they are, and an account without any has none."""
    first = _paycore(books, "terms", BANK, "--json")
    second = _paycore(books, "terms", BANK, "--charge", "4000", "--json")
    third = _paycore(books, "terms", BANK, "--charge", "3800", "--refund", "10")
    nobody = _paycore(books, "terms", "sms_centre")

    assert (3800, 0) == _rates(first.stdout)
    assert (4000, 0) == _rates(second.stdout)
    assert "3,800 millionths of a charge, 10 of a refund" in third.stdout
    assert 2 == nobody.returncode


def _rates(said: str) -> tuple[int, int]:
    found = json.loads(said)
    return found["charge_rate"], found["refund_rate"]


def _paycore(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    settings = settings_of(stack.on.kept, port=free_port())
    environ = {**environ_of(settings), "DATABASE_URL": stack.on.cluster.dsn}
    return subprocess.run(
        [sys.executable, "-m", "paycore", "recon", *words],
        env={"PYTHONPATH": ":".join(sys.path), "TERM": "dumb", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_console_shows_the_day_and_what_differs(books: Stack):
    """Its figures, each difference with both sides and its case, page by page."""
    viewer = Person(books, Role.VIEWER)
    day = today()
    payer = books.payer(TICKETS)
    for _ in range(3):
        pay(payer)
    plant(books, "other_amount", day=day, count=2)
    try:
        it_is(books, day + timedelta(days=1))
        reconcile(books, day, anew=True)
    finally:
        it_is(books, None)
        unplant(books)
    path = "/v1/console/books/days"
    days = viewer.api.get(path, params={"channel": BANK}).json()["items"]
    (shown,) = (one for one in days if one["day"] == day.isoformat())
    seen, cursor = [], None
    while True:
        query = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        page = viewer.api.get(f"{path}/{BANK}/main/{day}", params=query).json()
        seen += page["differences"]
        cursor = page["next"]
        if cursor is None:
            break
    lines = [one for one in seen if (one["kind"], one["healed_at"]) == ("AMOUNT", None)]

    assert "RECONCILED" == shown["state"]
    assert shown["differences"] >= 2
    assert {"CNY"} == {one["currency"] for one in shown["amount_off"]}
    assert len({(one["kind"], one["request_no"]) for one in seen}) == len(seen)
    assert {1250} == {one["ours"]["amount"] for one in lines}
    assert 1250 not in {one["theirs"]["amount"] for one in lines}
    case_ref = lines[0]["case_ref"]
    assert 200 == viewer.see(f"/{case_ref}").status_code

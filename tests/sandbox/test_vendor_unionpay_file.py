"""UnionPay's statement in rows of fixed width, what is planted there, and restarts."""

import json
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any

import pytest
from unionpay_merchant import BEIJING, Merchant, members_of

from paycore.dev import certificates

pytestmark = pytest.mark.usefixtures("one_hour")

MER_ID = "700000000000001"
WIDTHS = [3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6]
WIDTHS += [2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98]


def cut(row: bytes) -> list[str]:
    """Columns by their octets; the first is at 1, as in the provider's table."""
    ends = accumulate(WIDTHS, lambda at, width: at + 1 + width)
    cells = [row[e - w : e] for e, w in zip(ends, WIDTHS, strict=True)]
    return ["", *(cell.decode("gbk").strip() for cell in cells)]


@pytest.fixture(scope="module")
def today() -> date:
    """The bank's day on which all is paid: not the import's, midnight may be near."""
    return datetime.now(BEIJING).date()


@pytest.fixture(scope="module")
def day(today: date) -> str:
    """That day as a file of it is asked for."""
    return f"{today:%m%d}"


@pytest.fixture(scope="module")
def merchant(start_with: Any, hearing: Any, today: date) -> Merchant:
    """Has paid by token and by deduct, and given a part back."""
    keys = certificates.unionpay(MER_ID, datetime.now(UTC))
    sandbox = start_with({"unionpay": keys.simulator})
    url = f"{hearing.url}/notify"
    merchant = Merchant(sandbox=sandbox, facts=keys.merchant, back_url=url)
    token = merchant.token()
    paid = merchant.paid(token, reqReserved="P1", txnAmt="10000")
    merchant.deduct()
    merchant.give_back(paid["queryId"], 2500, biz="000902")
    return merchant


@pytest.fixture(autouse=True)
def over(merchant: Merchant, today: date) -> Any:
    """The day is over, and nothing is planted."""
    say(merchant, "statement_days", today=str(today + timedelta(days=1)))
    yield
    url = f"{merchant.sandbox.info['control']}/control/statement_faults"
    merchant.sandbox.http("DELETE", url)


def say(merchant: Merchant, path: str, **what: Any) -> Any:
    url = f"{merchant.sandbox.info['control']}/control/{path}"
    answer = merchant.sandbox.http("POST", url, json.dumps(what).encode())
    assert answer.status < 300, answer.raw
    return json.loads(answer.raw)


@pytest.fixture
def plant(merchant: Merchant, today: date) -> Any:
    """Plant a fault in the day's file, and hear what was planted."""
    about = {"bank": "unionpay", "date": str(today)}
    return lambda fault: say(merchant, "statement_faults", fault=fault, **about)


def rows(merchant: Merchant, day: str) -> list[list[str]]:
    """The trades of a day's file, each of its width."""
    trades = next(
        octets
        for name, octets in members_of(merchant.file(day)).items()
        if "ZM_" in name
    )
    lines = trades.split(b"\r\n")[:-1]
    assert {607} == {len(line) for line in lines} or not lines
    return [cut(line) for line in lines]


def test_the_file_is_what_moved(merchant: Merchant, today: date, day: str) -> None:
    """Every move is a row with its numbers, amount, fee and the sum of the two."""
    charges = merchant.sandbox.control("charges")
    answer = merchant.file(day)
    held = members_of(answer)
    paid, taken, back = rows(merchant, day)

    assert "00" == answer["respCode"]
    assert answer["fileName"].endswith(".zip")
    stem = f"INN{today:%y%m%d}88"
    assert {f"{stem}ZM_{MER_ID}", f"{stem}ZME_{MER_ID}"} < set(held)
    assert b"" == held[f"{stem}ZME_{MER_ID}"]
    summary = next(octets for name, octets in held.items() if name.startswith("RD"))
    assert "清算净额: 86.91" in summary.decode("gbk")
    assert [(c["request_id"], c["amount"]) for c in charges] == [
        (row[12], int(row[7])) for row in (paid, taken, back)
    ]
    assert [("01", "01", "000902"), ("11", "03", "000501"), ("04", "00", "000902")] == [
        tuple(row[20:23]) for row in (paid, taken, back)
    ]
    assert ["D000000000038", "D000000000005", "C000000000000"] == [
        row[16] for row in (paid, taken, back)
    ]
    assert ["C000000009962", "C000000001229", "D000000002500"] == [
        row[17] for row in (paid, taken, back)
    ]
    assert (paid[10], paid[12]) == (back[27], back[41])
    assert (MER_ID, "P1") == (paid[28], paid[35])
    query = {"orderId": paid[12], "txnTime": f"{today:%Y}{paid[5]}"}
    assert paid[10] == merchant.query(query)["queryId"]
    assert merchant.query(query)["traceNo"] == paid[4]


def test_a_day_that_is_not_over_has_no_file(
    merchant: Merchant, plant: Any, today: date, day: str
) -> None:
    """98 today and while it is late; a day without trades has an empty one."""
    say(merchant, "statement_days", today=str(today))
    early = merchant.file(day)
    say(merchant, "statement_days", today=str(today + timedelta(days=1)))
    plant("late:2")
    late = merchant.file(day)
    before = f"{today - timedelta(days=5):%m%d}"

    assert ("98", "98") == (early["respCode"], late["respCode"])
    assert "fileContent" not in late
    assert [] == rows(merchant, before)
    assert "10" == merchant.file("0230")["respCode"]
    assert "10" == merchant.file(day, fileType="01")["respCode"]


def test_a_file_is_asked_for_with_a_signature(merchant: Merchant, day: str) -> None:
    """As everything else; and where files are."""
    merchant.spoiled = {"settleDate": "0101"}
    changed = merchant.file(day)
    merchant.spoiled = {}
    astray = merchant.send(
        "76", "01", "000000", fileType="00", settleDate=day, orderId="O00000001"
    )

    assert ("11", "32") == (changed["respCode"], astray["respCode"])


def test_planted_differences_stand_in_the_file(
    merchant: Merchant, plant: Any, day: str
) -> None:
    """A refund is gone, a stranger stands there, an amount is another one."""
    gone = plant("missing_refund")[0]
    stranger = plant("extra_line")[0]
    other = plant("other_amount")[0]
    found = {row[12]: int(row[7]) for row in rows(merchant, day)}

    assert gone["request_id"] not in found
    assert stranger["request_id"] in found
    assert int(other["now"].split(",")[3]) == found[other["request_id"]]
    assert 3 == len(found)


def test_an_unreadable_line_keeps_its_query_number(
    merchant: Merchant, plant: Any, day: str
) -> None:
    """What the merchant called it is lost, and no more than that."""
    true = {row[10] for row in rows(merchant, day)}
    noise = plant("unknown_line")[0]["now"].split(",")[1]
    found = rows(merchant, day)

    assert true == {row[10] for row in found}
    assert noise in {row[12] for row in found}


@pytest.mark.parametrize("fault", ["truncated", "wrong_encoding"])
def test_a_broken_file_is_not_of_its_width(
    merchant: Merchant, plant: Any, day: str, fault: str
) -> None:
    """It ends within a row, or nothing in it stands where it should."""
    plant(fault)
    held = members_of(merchant.file(day))
    trades = next(octets for name, octets in held.items() if "ZM_" in name)

    assert 0 != len(trades) % 609


def test_a_kill_forgets_no_number(start_with: Any, hearing: Any) -> None:
    """After kill -9 tokens pay, query numbers are found, and none is given twice."""
    keys = certificates.unionpay(MER_ID, datetime.now(UTC))
    sandbox = start_with({"unionpay": keys.simulator})
    url = f"{hearing.url}/notify"
    merchant = Merchant(sandbox=sandbox, facts=keys.merchant, back_url=url)
    token = merchant.token()
    paid = merchant.paid(token)
    sandbox.end(signal.SIGKILL)
    sandbox.start()
    again = merchant.paid(token)
    back = merchant.give_back(paid["queryId"], 1234, biz="000902")

    assert ("00", "00") == (again["respCode"], back["respCode"])
    assert paid["queryId"] == merchant.query(paid)["queryId"] != again["queryId"]


def test_a_key_that_is_none_is_said_and_not_shown(tmp_path: Any) -> None:
    """The sandbox does not start, and says which provider's it is."""
    simulator = certificates.unionpay(MER_ID, datetime.now(UTC)).simulator
    vendors = {"unionpay": {**simulator, "signing_key": "CANARY"}}
    content = {"merchants": {}, "webhook_secrets": [], "vendors": vendors}
    (tmp_path / "config.json").write_text(json.dumps(content))
    command = [sys.executable, "-m", "paycore.sandbox", "--port", "0"]
    command += ["--data", str(tmp_path), "--config", str(tmp_path / "config.json")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert 1 == ran.returncode
    assert "vendors.unionpay" in ran.stderr
    assert "CANARY" not in ran.stderr + ran.stdout

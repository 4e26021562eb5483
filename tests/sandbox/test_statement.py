"""The banks' daily statements over real HTTP, and the differences planted in them."""

import hashlib
import hmac
import json
import sqlite3
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("one_hour")

SECRET = bytes.fromhex("5a" * 32)
PATH = "/v1/statement"
FAULTS = (
    *("missing_line", "extra_line", "other_amount", "other_fee", "other_currency"),
    *("other_status", "duplicate_line", "next_day", "unknown_line"),
)


def today() -> date:
    """The bank's day."""
    return datetime.now(UTC).date()


def ask(sandbox: Any, bank: str, query: str, *, signed: str | None = None) -> Any:
    """A signed GET; `signed` is what the signature is about, if not the query."""
    url = f"{sandbox.info['banks'][bank]}{PATH}"
    return sandbox.signed_get(url, query, signed=signed)


def lines_of(raw: bytes) -> list[dict[str, str]]:
    """The lines of a whole file, its trailer and signature checked."""
    body, _, foot = raw.removesuffix(b"\n").rpartition(b"\n")
    body += b"\n"
    top, names, *rows = body.decode().splitlines()
    stamp = top.split(",")[5]
    told, count, total, signature = foot.decode().split(",")
    text = stamp.encode() + b"\n" + PATH.encode() + b"\n" + body
    expected = hmac.new(SECRET, text, hashlib.sha256).hexdigest()
    found = [dict(zip(names.split(","), row.split(","), strict=True)) for row in rows]
    assert ("T", len(found), expected) == (told, int(count), signature)
    assert sum(int(line["amount"]) for line in found) == int(total)
    return found


def post(sandbox: Any, path: str, **body: object) -> Any:
    """What the control says to it."""
    url = f"{sandbox.info['control']}/control/{path}"
    return sandbox.http("POST", url, json.dumps(body).encode())


@pytest.fixture
def over(sandbox: Any):
    """The banks think that it is the day after tomorrow; nothing is planted."""
    later = today() + timedelta(days=2)
    post(sandbox, "statement_days", today=later.isoformat())
    url = f"{sandbox.info['control']}/control/statement_faults"
    sandbox.http("DELETE", url)
    yield sandbox
    sandbox.http("DELETE", url)
    post(sandbox, "statement_days", today=None)


def charged(sandbox: Any, bank: str, count: int) -> list[dict[str, Any]]:
    """So many charges at a bank."""
    asked = [sandbox.deduct_fields(amount=100 + n) for n in range(count)]
    for fields in asked:
        assert "SUCCESS" == sandbox.call(bank, "deduct", fields).body["status"]
    return asked


def test_a_statement_has_all_that_moved_and_nothing_else(over: Any) -> None:
    """Charges and refunds with their fee; refusals moved nothing; other banks are
    others, and so is another day.
    """
    charge = over.deduct_fields(amount=1250)
    over.call("quick_b", "deduct", charge)
    refused = over.deduct_fields(number="6228480000000007")
    over.call("quick_b", "deduct", refused)
    back = {
        "request_id": over.new_id(),
        "pay_order_no": charge["pay_order_no"],
        "original_request_id": charge["request_id"],
        "amount": 250,
        "currency": "CNY",
    }
    reply = over.call("quick_b", "refund", back).body
    found = lines_of(ask(over, "quick_b", f"date={today()}").raw)
    keys = ("kind", "request_id", "amount", "fee", "status", "summary")

    assert [
        ("charge", charge["request_id"], "1250", "5", "SUCCESS", "消费"),
        ("refund", back["request_id"], "250", "0", "SUCCESS", "退款"),
    ] == [tuple(line[key] for key in keys) for line in found]
    assert reply["bank_ref"] == found[1]["bank_ref"]
    assert [] == lines_of(ask(over, "deduct_b", f"date={today()}").raw)
    tomorrow = today() + timedelta(days=1)
    assert [] == lines_of(ask(over, "quick_b", f"date={tomorrow}").raw)


def test_a_day_that_is_not_over_has_no_statement(sandbox: Any) -> None:
    """It is refused in words, signed; who does not sign what he asks for gets none."""
    early = ask(sandbox, "quick_a", f"date={today()}")
    forged = ask(sandbox, "quick_a", f"date={today()}", signed="date=2026-01-01")
    wrong = ask(sandbox, "quick_a", "date=today")
    yesterday = ask(sandbox, "quick_a", f"date={today() - timedelta(days=1)}")

    assert (404, "STATEMENT_NOT_READY", True) == (
        early.status,
        early.body["code"],
        early.signed,
    )
    assert (401, "BAD_SIGNATURE") == (forged.status, forged.body["code"])
    assert (400, "BAD_REQUEST") == (wrong.status, wrong.body["code"])
    assert [] == lines_of(yesterday.raw)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_planted_is_told_exactly(over: Any, fault: str) -> None:
    """The statement differs from the true one in what the control has told of, and in
    nothing else; the same seed strikes the same lines.
    """
    charged(over, "deduct_a", 8)
    query = f"date={today()}"
    true = ask(over, "deduct_a", query).raw.splitlines()[1:-1]
    about = {"bank": "deduct_a", "date": today().isoformat(), "fault": fault}
    told = post(over, "statement_faults", **about, count=3, seed=7).body
    false = lines_of(ask(over, "deduct_a", query).raw)
    other = lines_of(ask(over, "deduct_a", f"date={today() + timedelta(days=1)}").raw)
    expected = [line.decode() for line in true]
    for one in told:
        at = expected.index(one["was"])
        expected[at : at + 1] = (one["now"] or "").splitlines()

    assert 3 == len(told)
    assert expected[1:] == [",".join(line.values()) for line in false]
    moved = [one["request_id"] for one in told] if fault == "next_day" else []
    assert moved == [line["request_id"] for line in other]
    over.http("DELETE", f"{over.info['control']}/control/statement_faults")
    again = post(over, "statement_faults", **about, count=3, seed=7).body
    assert told == again == over.control("statement_faults")


def test_files_can_be_cut_garbled_and_late(over: Any) -> None:
    """A cut file has no trailer, one in another encoding is not UTF-8, and a late one
    is not there before its day.
    """
    charged(over, "quick_a", 3)
    about = {"bank": "quick_a", "date": today().isoformat()}
    query = f"date={today()}"
    post(over, "statement_faults", **about, fault="truncated")
    cut = ask(over, "quick_a", query).raw
    over.http("DELETE", f"{over.info['control']}/control/statement_faults")
    post(over, "statement_faults", **about, fault="wrong_encoding")
    coded = ask(over, "quick_a", query).raw
    post(over, "statement_faults", **about, fault="late:2")
    late = ask(over, "quick_a", query)
    post(over, "statement_days", today=(today() + timedelta(days=3)).isoformat())
    there = ask(over, "quick_a", query)

    assert b"\nT," not in cut
    with pytest.raises(UnicodeDecodeError):
        coded.decode()
    assert (404, 200) == (late.status, there.status)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bank": "no_bank"},
        {"date": "today"},
        {"fault": "nonsense"},
        {"fault": "late:soon"},
        {"count": 1000},
    ],
)
def test_what_cannot_be_planted_is_refused(over: Any, wrong: dict[str, Any]):
    """In words, and nothing is planted."""
    about = {"bank": "deduct_b", "date": "2026-01-01", "fault": "missing_line"}
    refused = post(over, "statement_faults", **{**about, **wrong})

    assert 400 == refused.status
    assert "error" in refused.body
    assert [] == over.control("statement_faults")


def test_a_record_of_an_earlier_version_is_taken_up(
    running: Any, tmp_path: Any
) -> None:
    """Its moves are charges as before, and in nobody's statement."""
    folder = tmp_path / "data"
    folder.mkdir()
    with sqlite3.connect(folder / "sandbox.db") as record:
        record.execute(
            "CREATE TABLE move (n INTEGER PRIMARY KEY, bank TEXT, kind TEXT,"
            " request_id TEXT, pay_order_no TEXT, amount INTEGER, currency TEXT,"
            " at_ms INTEGER)"
        )
        record.execute(
            "INSERT INTO move VALUES (1, 'quick_a', 'charge', 'R1', 'P1', 5, 'CNY', 9)"
        )
    record.close()
    sandbox = type(running)(folder=tmp_path)
    sandbox.start()
    try:
        found = sandbox.control("charges")
        statement = lines_of(ask(sandbox, "quick_a", "date=1970-01-01").raw)
    finally:
        sandbox.end()

    assert ["R1"] == [move["request_id"] for move in found]
    assert [] == statement

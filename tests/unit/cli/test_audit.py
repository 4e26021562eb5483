"""`paycore audit` as people and cron call it: its words and its exit statuses."""

import asyncio
import json

import asyncpg
import pytest

BROKEN_BOOKS = (
    "INSERT INTO accounting_balance (account, currency, slot, amount)"
    " VALUES ('marketing_cost', 'CNY', 0, 1)"
)


@pytest.fixture
def broken(dsn):
    """Books that do not add up, for as long as a test runs."""

    async def run(statement):
        connection = await asyncpg.connect(dsn)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(run(BROKEN_BOOKS))
    yield
    asyncio.run(run("DELETE FROM accounting_balance"))


def test_where_all_holds_the_status_is_0(paycore):
    """One line an invariant, and a sum."""
    result = paycore("audit")

    assert 0 == result.code, result.err
    assert "At most one money leg of a payment succeeded." in " ".join(
        result.out.split()
    )
    # The log of operators has an end, though nobody did anything yet.
    assert "0 violations: 29 invariants over 1 rows" in result.out
    assert "I20" not in result.out


def test_a_violation_is_status_1_with_its_example(paycore, broken):
    """What is broken is named, with what the rows say."""
    result = paycore("audit", "--only", "I13")

    assert 1 == result.code
    assert "books that do not add up" in result.out
    assert '"debits_minus_credits":1' in result.out
    assert "1 violations: 1 invariants over 1 rows" in result.out


def test_json_is_one_document(paycore, broken):
    """With --json standard output is one line, violations or not."""
    result = paycore("audit", "--json")

    told = json.loads(result.out)
    assert 1 == result.code
    assert 2 == told["violations"]
    assert 30 == len(told["invariants"])
    (books,) = [one for one in told["invariants"] if one["id"] == "I13"]
    assert {"I13", "I15"} == {
        one["id"] for one in told["invariants"] if one["violations"]
    }
    assert ("CNY", 1) == (books["examples"][0]["about"], books["violations"])
    assert {"I20"} == {one["id"] for one in told["invariants"] if not one["shown"]}


def test_all_says_what_rows_do_not_show(paycore):
    """With --all there is a reason for every invariant that has no line."""
    words = " ".join(paycore("audit", "--all").out.split())

    assert "I20: No row says" in words


def test_from_a_time_on(paycore):
    """An age or a moment; the table says from when, and what was not asked."""
    for since in ("24h", "7d", "2026-11-22", "2026-11-22T08:00:00+08:00"):
        result = paycore("audit", "--since", since)
        assert 0 == result.code, result.err
        assert ", from 20" in result.out
        assert "not asked with --since" in result.out


def test_a_time_elsewhere_is_told_as_utc(paycore):
    """What is shown with a Z is UTC, whatever zone was asked in."""
    result = paycore("audit", "--since", "2026-11-22T08:00:00+08:00")

    assert ", from 2026-11-22 00:00:00Z" in " ".join(result.out.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "I31"), "I1 to I30"),
        (("--since", "yesterday"), "A time is"),
        (("--since", "999999w"), "Nothing is from before 2000"),
        (("--since", "1999-12-31"), "Nothing is from before 2000"),
        (("--since", "0001-01-01T00:00:00+08:00"), "A time is"),
        (("--since", "2099-01-01"), "a time to come"),
        (("--only", "I20"), "Rows show nothing of I20: --all says who does."),
        (("--only", "I26,I1,I20"), "Rows show nothing of I20: --all"),
        (("--database", "postgresql://nobody@127.0.0.1:1/none"), "cannot be reached"),
    ],
)
def test_what_cannot_be_asked_is_status_2(paycore, words, said):
    """One line on standard error, and no verdict."""
    result = paycore("audit", *words)

    assert 2 == result.code
    assert said in result.err
    assert 1 == len(result.err.strip().splitlines())
    assert "" == result.out


def test_a_database_without_the_schema_is_status_2(paycore, cluster):
    """It says which command lacks."""
    result = paycore("audit", "--database", cluster.dsn_of("postgres"))

    assert 2 == result.code
    assert "paycore migrate" in result.err


def test_the_banks_are_one_more_line(paycore, httpserver):
    """Money that moved for no payment of ours is a violation."""
    moved = {
        "bank": "quick_a",
        "kind": "charge",
        "request_id": "26112512303012301",
        "pay_order_no": "261125123030123",
        "amount": 1250,
        "currency": "CNY",
        "at": "2026-11-25T12:30:30Z",
    }
    httpserver.expect_request("/control/charges").respond_with_json([moved])

    result = paycore("audit", "--bank", httpserver.url_for("/"))

    assert 1 == result.code
    assert "a charge of no payment of ours" in " ".join(result.out.split())
    assert "BANK" in result.out


def test_banks_that_cannot_be_asked_leave_the_rest_of_the_report(paycore):
    """What was audited is told all the same; that the banks were not is status 2."""
    result = paycore("audit", "--bank", "http://127.0.0.1:1")
    told = json.loads(paycore("audit", "--bank", "http://127.0.0.1:1", "--json").out)

    assert 2 == result.code
    assert "not known: what the banks charged" in result.out
    assert "0 violations, 1 not known: 30 invariants" in " ".join(result.out.split())
    (why,) = told["invariants"][-1]["unanswered"]
    assert why.startswith("what the banks charged: the banks gave no answer")


def test_a_violation_outweighs_banks_that_cannot_be_asked(paycore, broken):
    """What is known to be broken is status 1, whatever else is not known."""
    assert 1 == paycore("audit", "--bank", "http://127.0.0.1:1").code

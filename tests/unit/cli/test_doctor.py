"""The doctor says what is wrong and what to do, and 1 where anything is."""

import asyncio
import json
import socket

import asyncpg
import pytest

from ports import free_row


async def _run(dsn, *statements):
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def sql(dsn):
    """Break something in the database itself."""
    return lambda *statements: asyncio.run(_run(dsn, *statements))


@pytest.fixture
def looked(paycore):
    """What the doctor finds wrong, by check, and his exit status."""

    def look():
        result = paycore("doctor", "--json")
        wrong = [one for one in result.told["findings"] if one["state"] == "WRONG"]
        assert all(one["do"] for one in wrong)
        assert len(wrong) == result.told["wrong"]
        return result.code, {one["check"]: one["what"] for one in wrong}

    return look


def test_an_empty_database_is_not_wrong(looked):
    """Nothing set up yet is a note and what to do next, not an alarm."""
    assert (0, {}) == looked()


def test_a_database_that_is_away_is_found_first(paycore, monkeypatch):
    """Where nothing else can be looked at, that is said, and no traceback."""
    url = f"postgresql://u:geheim@127.0.0.1:{free_row()}/x"
    monkeypatch.setenv("DATABASE_URL", url)
    result = paycore("doctor", "--json")
    listed = paycore("lines", "list")

    assert 1 == result.code
    assert {"database", "settings"} == {one["check"] for one in result.told["findings"]}
    assert (1, 1, "") == (listed.code, listed.err.count("\n"), listed.out)
    assert "geheim" not in result.out + result.err + listed.err


def test_an_address_that_is_none_is_not_repeated(paycore, monkeypatch):
    """A password with a slash in it makes the address unreadable, and stays unread."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:ge/heim@h/x")
    result = paycore("lines", "list")

    assert (1, 1) == (result.code, result.err.count("\n"))
    assert "heim" not in result.err


def test_a_schema_that_lacks_something_is_named(cluster, paycore, monkeypatch):
    """A new database is told to migrate, by the doctor and by every command."""
    monkeypatch.setenv("DATABASE_URL", cluster.dsn_of("template1"))
    result = paycore("doctor", "--json")

    (found,) = (one for one in result.told["findings"] if one["state"] == "WRONG")
    assert ("migrations", "`paycore migrate`") == (found["check"], found["do"])
    assert "paycore migrate" in paycore("lines", "list").err


def test_settings_are_looked_at(looked, monkeypatch):
    """A setting that a node would refuse is named."""
    monkeypatch.setenv("PAYCORE_CODE_DIGITS", "3")

    code, wrong = looked()

    assert (1, {"settings"}) == (code, set(wrong))
    assert "PAYCORE_CODE_DIGITS" in wrong["settings"]


def test_a_channel_that_does_not_answer_is_found(looked, paycore, bank):
    """An address where nobody listens; switched off, it is a note."""
    url = f"http://127.0.0.1:{free_row()}"
    words = ("channels", "add", "away", "--driver", "sandbox", "--base-url", url)
    paycore(*words, "--credentials", "-", typed=json.dumps(bank))
    code, wrong = looked()
    paycore("channels", "disable", "away")

    assert (1, {"channels"}) == (code, set(wrong))
    assert "away/main does not answer" in wrong["channels"]
    assert (0, {}) == looked()


def test_a_carrier_that_keeps_a_connection_is_looked_for(looked, paycore, sql):
    """Whoever takes a connection at a message centre's address is there."""
    words = ("channels", "carriers", "add", "smsc", "--driver", "smpp")
    login = json.dumps({"system_id": "acme", "password": "x"})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"smpp://127.0.0.1:{listening.getsockname()[1]}"
        paycore(*words, "--base-url", url, "--credentials", "-", typed=login)
        there = looked()
    code, wrong = looked()
    sql("DELETE FROM sms_carrier")

    assert (0, {}) == there
    assert (1, "ConnectionRefusedError") == (code, wrong["carriers"].split()[-1])


def test_a_line_without_a_route_is_found(looked, paycore):
    """A business line that nobody could pay is wrong, by its currency."""
    paycore("lines", "add", "shop", "--title", "Shop", "--currency", "CNY")
    code, wrong = looked()
    paycore("lines", "disable", "shop")

    assert (1, {"routes": "shop, CNY: no route at all"}) == (code, wrong)


def test_a_condition_that_does_not_compile_is_found(looked, paycore, sql):
    """What got into the table past the saving is named."""
    words = ("--condition", "amount > 1", "--effect", "DROP", "--channel", "x")
    paycore("routes", "rules", "add", "odd", "--title", "Odd", *words)
    sql("UPDATE router_rule SET condition = 'amount >' WHERE rule_id = 'odd'")
    code, wrong = looked()
    sql("DELETE FROM router_rule")

    assert 1 == code
    assert "odd cannot be read" in wrong["routes"]


def test_a_type_that_leads_nowhere_is_found(looked, paycore, sql, bank):
    """A type whose account is gone is named with its account."""
    words = ("channels", "add", "gone", "--driver", "sandbox", "--base-url", "http://x")
    paycore(*words, "--credentials", "-", typed=json.dumps(bank))
    words = ("--channel", "gone", "--kind", "DEDUCT", "--currency", "CNY")
    paycore("routes", "types", "add", "gone.deduct", *words)
    sql("DELETE FROM gateway_account WHERE channel = 'gone'")
    code, wrong = looked()
    sql("DELETE FROM router_trans_type")

    assert 1 == code
    assert "gone/main" in wrong["routes"]


def test_a_lost_key_is_found(looked, paycore, bank, monkeypatch, sql):
    """What does not open is named with the reason, and no value is shown."""
    words = ("channels", "carriers", "add", "shut", "--driver", "sandbox")
    words = (*words, "--base-url", "http://x", "--credentials", "-")
    paycore(*words, typed=json.dumps(bank))
    monkeypatch.setenv("PAYCORE_KEY_RING", paycore("keyring", "new", "k9").out.strip())
    code, wrong = looked()
    sql("DELETE FROM sms_carrier")

    assert 1 == code
    assert "shut does not open" in wrong["carriers"]


def test_a_missing_partition_is_found(looked, sql):
    """A month without its partition is named before it begins."""
    name = "payment_p" + asyncio.run(_next_month())
    sql(f"DROP TABLE {name}")
    code, wrong = looked()
    sql("SELECT ensure_partitions(date_trunc('month', clock_timestamp())::date, 3)")

    assert (1, {"partitions": f"lacking: {name}"}) == (code, wrong)
    assert (0, {}) == looked()


async def _next_month():
    from paycore.kernel.clock import machine_now

    now = machine_now()
    year, month = divmod(now.year * 12 + now.month, 12)
    return f"{year % 100:02d}{month + 1:02d}"


@pytest.mark.parametrize(
    ("day", "tries", "is_wrong"),
    [("2026-01-01", 0, True), ("2999-01-01", 3, True), ("2999-01-01", 2, False)],
)
def test_a_job_that_does_not_end_is_found(looked, sql, day, tries, is_wrong):
    """One of a day before, or one that failed time after time, with what was said."""
    sql(
        "INSERT INTO job (job, day, version, tries, result, next_check_at) VALUES"
        f" ('retention', '{day}', 1, {tries}, 'failed: KeyError', '2026-01-01')"
    )
    code, wrong = looked()
    sql("DELETE FROM job")

    said = {"jobs": f"retention of {day}: failed: KeyError"}
    assert (int(is_wrong), said if is_wrong else {}) == (code, wrong)


def test_people_see_a_table(paycore):
    """Without --json there is a table and a last word."""
    result = paycore("doctor")

    assert 0 == result.code
    assert "database" in result.out
    assert result.out.endswith("Nothing is wrong.\n")

"""`paycore retention` as people and cron call it: its words and its exit statuses."""

import asyncio

import asyncpg
import pytest

from paycore.retention.catalogue import RULES

OLD_KEY = (
    "INSERT INTO idempotency_key (scope, version, fingerprint, status, body,"
    " created_at, expires_at) SELECT decode(md5(n::text), 'hex'), 1, '', 200, '{}',"
    " clock_timestamp() - interval '3 days', clock_timestamp() - interval '2 days'"
    " FROM generate_series(1, 3) AS n"
)


@pytest.fixture
def run(dsn):
    """A statement on the database."""

    def run(statement):
        async def asked():
            connection = await asyncpg.connect(dsn)
            try:
                return await connection.fetch(statement)
            finally:
                await connection.close()

        return asyncio.run(asked())

    return run


@pytest.fixture
def old(run):
    """Three keys whose answers are no longer promised."""
    run(OLD_KEY)
    yield
    run("DELETE FROM idempotency_key")


def test_it_looks_and_changes_nothing(paycore, run, old):
    """Without --apply it says what is old, how long each table is kept, and by which
    setting.
    """
    result = paycore("retention")

    assert 0 == result.code, result.err
    for word in ("gateway_message", "400", "keep_messages_days", "3 rows are old"):
        assert word in result.out
    assert "--apply" in result.out
    assert 3 == run("SELECT count(*) FROM idempotency_key")[0][0]


def test_apply_takes_away(paycore, run, old):
    """And the next look finds nothing."""
    result = paycore("retention", "--apply")
    again = paycore("retention")

    assert 0 == result.code, result.err
    assert "3 rows removed" in result.out
    assert 0 == run("SELECT count(*) FROM idempotency_key")[0][0]
    assert "Nothing is old." in again.out


def test_json_is_one_document(paycore, old):
    """With --json standard output is one line, a table each."""
    looked = paycore("retention", "--json").told
    done = paycore("retention", "--apply", "--json").told

    assert (False, 3, 0) == (
        looked["applied"],
        looked["past_rows"],
        looked["removed_rows"],
    )
    assert (True, 3) == (done["applied"], done["removed_rows"])
    assert [rule.table for rule in RULES] == [one["table"] for one in done["tables"]]
    (key,) = [one for one in looked["tables"] if one["table"] == "idempotency_key"]
    assert key["oldest"]
    assert key["past_octets"] > 0


def test_who_takes_away_needs_the_nodes_settings(paycore, run, old, monkeypatch):
    """Without them the limits would be others than the nodes': nothing goes."""
    monkeypatch.delenv("PAYCORE_KEY_RING")
    result = paycore("retention", "--apply")

    assert 1 == result.code
    assert "PAYCORE_KEY_RING" in result.err
    assert 3 == run("SELECT count(*) FROM idempotency_key")[0][0]


def test_a_limit_that_is_too_short_is_refused(paycore, monkeypatch):
    """By its name, before anything is looked at."""
    monkeypatch.setenv("PAYCORE_KEEP_MESSAGES_DAYS", "29")
    result = paycore("retention")

    assert 1 == result.code
    assert "PAYCORE_KEEP_MESSAGES_DAYS must be a whole number from 30" in result.err


def test_a_second_one_is_told(paycore, dsn, old):
    """While somebody is at it: try again later, and nothing is lost."""
    from paycore.retention.queries import RETENTION_LOCK

    loop = asyncio.new_event_loop()
    other = loop.run_until_complete(asyncpg.connect(dsn))
    try:
        loop.run_until_complete(
            other.execute("SELECT pg_advisory_lock($1)", RETENTION_LOCK)
        )
        result = paycore("retention", "--apply")
    finally:
        loop.run_until_complete(other.close())
        loop.close()

    assert 1 == result.code
    assert "try again later" in result.err

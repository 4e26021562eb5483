"""A ledger of a user's own: told once, in order, whatever becomes of the telling."""

import asyncio
import base64
from datetime import timedelta

import asyncpg
from posted_facts import paid, refunded
from telling import SECRET, buried, held_by_the_dead, living, told_all

from paycore.accounting import closing
from paycore.accounting.feed import Line
from paycore.accounting.rows import FeedRow
from paycore.audit.questions import ledger as asked
from paycore.worker import bookkeeper


async def test_a_ledger_that_was_down_has_each_posting_once(own):
    """F53: it is asked again and again; what waited is there in the end, once."""
    node, books = own
    books.down = True
    numbers = [await paid(node) for _ in range(20)]
    for _ in range(5):
        await bookkeeper.tick(node)
        node.clock.ahead += timedelta(minutes=2)
    assert {} == await books.postings()
    books.down = False
    await told_all(node)

    assert {f"{no}:PAYMENT" for no in numbers} == (await books.postings()).keys()
    assert 20_000 == (await books.balances())["channel_receivable:quick_a:main"]


async def test_one_that_booked_and_did_not_say_so_books_it_once(own):
    """F53: the same id and the same octets come again, and count for nothing."""
    node, books = own
    books.script = [0, 0, 0]
    no = await paid(node)
    await told_all(node)

    assert 4 == books.told.count(f"{no}:PAYMENT")
    assert [f"{no}:PAYMENT"] == books.order[no]


async def test_a_ledger_that_is_away_is_asked_by_one_at_a_time(own):
    """Not by everything that waits."""
    node, books = own
    books.down = True
    for _ in range(50):
        await paid(node)
    await bookkeeper.tick(node)
    first = len(books.told)
    for _ in range(4):
        node.clock.ahead += timedelta(minutes=2)
        await bookkeeper.tick(node)

    assert first + 4 >= len(books.told)
    assert 50 > len(books.told)


async def test_the_postings_of_a_payment_come_in_order(own):
    """Also where the first one is refused for a while."""
    node, books = own
    no = await paid(node)
    await refunded(node, no, 1, amount=10)
    await refunded(node, no, 2, amount=20)
    books.script = [503, 422, 503]
    await told_all(node)

    assert [f"{no}:PAYMENT", f"{no}:REFUND:{no}R01", f"{no}:REFUND:{no}R02"] == (
        books.order[no]
    )


async def test_one_that_is_refused_holds_up_no_other_payment(own):
    """Only what comes after it of its own."""
    node, books = own
    bad = await paid(node)
    books.script = [422]
    await bookkeeper.tick(node)
    good = await paid(node)
    await bookkeeper.tick(node)

    assert 0 == node.state(Line).failures
    assert {f"{good}:PAYMENT"} == (await books.postings()).keys()
    assert bad in books.told[0]


async def test_what_comes_after_a_refused_one_waits_as_long(own):
    """It is not taken up every two seconds, only to be put back."""
    node, books = own
    no = await paid(node)
    await refunded(node, no, 1, amount=10)
    books.script = [422] * 4
    for _ in range(4):
        await bookkeeper.tick(node)
        first, then = sorted(await node.journal.within(FeedRow, no), key=_booked)
        assert first.next_check_at <= then.next_check_at
        node.clock.ahead += timedelta(seconds=3)
    await told_all(node)

    assert [f"{no}:PAYMENT", f"{no}:REFUND:{no}R01"] == books.order[no]


def _booked(row):
    return row.booked_at


async def test_two_nodes_tell_each_posting_in_order(dsn, own):
    """Whoever has which: what comes first goes first, and is booked once."""
    node, books = own
    other = await living(dsn, 2, ledger_url=books.url, ledger_secret=SECRET)
    numbers = [await paid(node) for _ in range(10)]
    for no in numbers:
        await refunded(other, no, 1, amount=1)
    for _ in range(5):
        await asyncio.gather(bookkeeper.tick(node), bookkeeper.tick(other))
        node.clock.ahead += timedelta(seconds=5)
        other.clock.ahead += timedelta(seconds=5)
    await told_all(node)
    await buried(other)

    assert all(
        [f"{no}:PAYMENT", f"{no}:REFUND:{no}R01"] == books.order[no] for no in numbers
    )
    assert 20 == len(books.bodies)


async def test_what_a_dead_node_had_in_hand_is_told_by_another(dsn, own):
    """Its lease ends with its life."""
    node, books = own
    no = await paid(node)
    held = await held_by_the_dead(
        dsn, FeedRow, ledger_url=books.url, ledger_secret=SECRET
    )
    assert [no] == held
    await told_all(node)

    assert [f"{no}:PAYMENT"] == books.order[no]


async def test_long_without_an_answer_is_a_case(own, pool):
    """One, however many wait."""
    node, books = own
    books.down = True
    for _ in range(3):
        await paid(node)
    node.clock.ahead += timedelta(seconds=node.settings.ledger_alarm_s + 1)
    for _ in range(3):
        await bookkeeper.tick(node)
        node.clock.ahead += timedelta(minutes=2)

    kinds = [row["kind"] for row in await pool.fetch("SELECT kind FROM desk_case")]
    assert ["LEDGER_BEHIND"] == kinds


async def test_who_has_no_ledger_of_his_own_writes_nothing_for_it(built_in, pool):
    """The path costs what it did."""
    node, _ = built_in
    await paid(node)

    assert 0 == await pool.fetchval("SELECT count(*) FROM accounting_feed")


async def test_an_audit_sees_what_the_feed_lacks(dsn, own, pool):
    """Of a day that was cut off with the ledger named: all of it was to be told by
    then, from the first posting on that was to be told.
    """
    node, _ = own
    await paid(node)
    no = await paid(node)
    await _cut_off(dsn, node)
    assert not await _lacking(pool)
    await _lose(pool, no)

    assert [no] == await _lacking(pool)


async def test_what_no_cut_off_has_seen_to_is_not_asked_after(dsn, own, pool):
    """The ledger is named on one node after the other, or its name was taken away: what
    a node did not know of is no posting lost.
    """
    node, _ = own
    await paid(node)
    no = await paid(node)
    await _lose(pool, no)
    assert not await _lacking(pool)
    await _cut_off(dsn, node, named=False)

    assert not await _lacking(pool)


async def test_what_is_from_before_it_was_named_is_not_told(dsn, built_in, own, pool):
    """Whether or not something was to be told since: begin with an export."""
    unaware, _ = built_in
    node, _ = own
    before = await paid(unaware)
    async with closing.seated(dsn) as connection:
        later = node.now() + timedelta(minutes=11)
        assert await closing.tell_from(connection, later) is None
    await paid(node)
    await _cut_off(dsn, node)

    assert before not in {row.pay_order_no for row in await node.journal.every(FeedRow)}
    assert not await _lacking(pool)


async def _cut_off(dsn, node, *, named=True):
    """Today, as the bookkeeper does tomorrow."""
    today, later = node.now().date(), node.now() + timedelta(days=1, hours=1)
    async with closing.seated(dsn) as connection:
        since = await closing.tell_from(connection, later) if named else None
        if since is not None:
            await closing.tell_what_lacks(connection, later, since)
        ends = closing.ends_of(today, {})
        assert await closing.cut_off(connection, today, ends, later, fed_from=since)


async def _lose(pool, no):
    """As no code of ours does."""
    connection: asyncpg.Connection
    async with pool.acquire() as connection:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(
            "DELETE FROM accounting_feed WHERE pay_order_no = $1", no
        )
        await connection.execute("RESET session_replication_role")


async def _lacking(pool):
    rows = await pool.fetch(asked.DOES_THE_FEED_LACK_A_POSTING)
    return [row["pay_order_no"] for row in rows if row["wrong"]]


def test_the_document_is_what_the_contract_says():
    """The fields of docs/contracts/ledger.openapi.json, each of them and no other."""
    import json
    from pathlib import Path

    from paycore.accounting.feed import Document, Entry

    root = Path(__file__).parents[2]
    text = (root / "docs/contracts/ledger.openapi.json").read_text(encoding="utf-8")
    schemas = json.loads(text)["components"]["schemas"]

    assert set(Document.__struct_fields__) == set(schemas["Posting"]["properties"])
    assert set(Document.__struct_fields__) == set(schemas["Posting"]["required"])
    assert set(Entry.__struct_fields__) == set(schemas["Entry"]["properties"])


async def test_what_was_not_to_be_told_by_mistake_is_told(dsn, built_in, own, pool):
    """A node that knew of no ledger posted it; the cut-off sees to it."""
    node, books = own
    unaware, _ = built_in
    await paid(node)
    no = await paid(unaware)
    later = node.now() + timedelta(minutes=11)
    async with closing.seated(dsn) as connection:
        since = await closing.tell_from(connection, later)
        assert 1 == await closing.tell_what_lacks(connection, later, since)
        assert 0 == await closing.tell_what_lacks(connection, later, since)
    node.clock.ahead += timedelta(minutes=12)
    await told_all(node)

    assert [f"{no}:PAYMENT"] == books.order[no]
    assert not await _lacking(pool)


async def test_a_posting_under_another_key_is_not_believed(dsn, own):
    """Whoever answers can tell whom it is from; it is sent on until it is believed."""
    node, books = own
    other = await living(
        dsn,
        2,
        ledger_url=books.url,
        ledger_secret=base64.b64encode(b"x" * 32).decode(),
    )
    no = await paid(node)
    await bookkeeper.tick(other)
    await buried(other)

    assert {} == await books.postings()
    assert 1 == books.forged
    await told_all(node)
    assert [f"{no}:PAYMENT"] == books.order[no]

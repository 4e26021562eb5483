"""A database filled with finished payments is as if all of them had been paid."""

import asyncio
import shutil
from collections.abc import Iterator

import asyncpg
import pytest

from paycore.bench.contenders import Wanted
from paycore.bench.growth import console, people, queries
from paycore.bench.growth.asking import ask
from paycore.bench.growth.audits import Audit, audit, scopes
from paycore.bench.growth.ground import ORIGINALS, Standing, standing
from paycore.bench.growth.history import BRIEFLY, MONTHLY, TABLES
from paycore.bench.growth.visit import visiting
from paycore.kernel.postgres import fresh_folder
from paycore.retention import service as retention
from paycore.retention.service import Report

# A node in this process, and its framework's advice to whoever writes handlers.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning"),
    pytest.mark.long,
]

PAYMENTS, KEPT_WHOLE = 2000, 1000

TWO_PAYMENTS = 30
"""Rows, and more; of no more does a change's or an answer's time run out meanwhile."""

ABSENT = (
    *("refund", "refund_total", "refund_transition", "refund_out_refund_no"),
    *("recon_difference", "recon_line", "recon_pool", "desk_case"),
    *("accounting_feed", "coupon_hold", "restored_payment", "checkout", "sms_sent"),
)
"""None of its payments was given back, in a statement, in doubt, told to another system
or forgotten by a backup, paid on our page, or texted by a carrier that says what came
of it: no rows in these."""

A_FEW_BLOCKS = 100
SOME_BLOCKS = 1000
"""A filter at least a month is looked at for each of a few columns."""

MISSING = """
SELECT c.relname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'pay_order_no'
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname <> ALL($1::text[])
ORDER BY 1
"""


@pytest.fixture(scope="module")
def old() -> Iterator[Standing]:
    """A set-up with a history, its node running."""
    folder = fresh_folder("paycore-history-")
    wanted = Wanted(payers=64, converted=True, coupons=200, processes=1)
    told: list[int] = []
    try:
        with standing(
            folder, wanted, payments=PAYMENTS, kept_whole=KEPT_WHOLE, told=told.append
        ) as made:
            assert PAYMENTS == sum(told)
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def asked(old: Standing, statement: str, *values: object) -> list:
    """What a statement gives."""

    async def fetch() -> list:
        connection = await asyncpg.connect(old.dsn)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    return [tuple(found) for found in asyncio.run(fetch())]


def before(old: Standing) -> str:
    """The number that all of the history is below."""
    return f"{old.history.until:%y%m%d%H%M%S}"


def audits(old: Standing) -> dict[str, Audit]:
    """Every audit that a run makes, by its name."""

    async def all_of_them() -> list[Audit]:
        return [
            await audit(old.dsn, scope, since) for scope, since in scopes(old.history)
        ]

    return {each.scope: each for each in asyncio.run(all_of_them())}


def test_an_audit_finds_nothing(old):
    """Neither of everything, whatever has gone of it, nor of what is whole."""
    found = audits(old)
    names = ["everything", f"the newest {len(old.history.newest):,}", "the last day"]

    assert names == list(found)
    assert [] == [each for each in found.values() if not each.holds]
    assert found["everything"].rows > found[names[1]].rows > found[names[2]].rows


def test_every_kind_of_payment_is_in_it(old):
    """Paid by quick pay, with a coupon and without, and converted; by many cards."""
    kinds = asked(
        old,
        "SELECT pay_type, coupon_no IS NOT NULL, count(DISTINCT card_id) FROM payment"
        " WHERE biz_status = 'SUCCESS' AND pay_order_no < $1"
        " GROUP BY 1, 2 ORDER BY 1, 2",
        before(old),
    )
    quick, converted = ORIGINALS

    assert [
        ("DEDUCT", False, converted),
        ("QUICK_PAY", False, quick * 2 // 3),
        ("QUICK_PAY", True, quick // 3),
    ] == kinds


def test_it_lies_in_its_months(old):
    """A partition a month, and no table that a payment has rows in is forgotten."""
    # What it was copied from was paid later: at a month's beginning in another one. Nor
    # has a month payments of its own until it is some hours old: they lie hours apart.
    counted = (
        "SELECT tableoid::regclass::text, count(*) FROM payment"
        " WHERE pay_order_no < $1 GROUP BY 1 ORDER BY 1"
    )
    wanted = [
        (queries.part_of("payment", month.name), len(month.payments))
        for month in old.history.by_month()
        if month.payments
    ]

    assert old.history.months - len(wanted) <= 1
    assert wanted == asked(old, counted, before(old))
    assert [] == asked(old, MISSING, [*TABLES, *ABSENT])


@pytest.mark.parametrize("table", MONTHLY)
def test_months_are_whole_or_gone(old, table):
    """Of the newest everything is there; older months are, as tables, no more, and each
    has its record.
    """
    from_, to = f"{old.history.kept_from:%y%m}", before(old)
    has_rows = asked(
        old,
        f"SELECT count(*), min(pay_order_no) >= $1 FROM payment p"
        " WHERE pay_order_no < $2 AND EXISTS"
        f" (SELECT FROM {table} t WHERE t.pay_order_no = p.pay_order_no)",
        *(from_, to),
    )
    newest = asked(
        old,
        "SELECT count(*), true FROM payment WHERE pay_order_no BETWEEN $1 AND $2"
        " AND (pay_type = 'DEDUCT' OR $3)",
        *(from_, to),
        # Only for these did we send a code.
        table != "sms_code",
    )
    removed = asked(
        old,
        "SELECT partition, before, how FROM retention_removal"
        " WHERE table_name = $1 AND finished_at IS NOT NULL ORDER BY before",
        table,
    )
    *_, last = removed

    assert KEPT_WHOLE <= len(old.history.newest) < PAYMENTS
    assert newest == has_rows
    assert from_ == last[1]
    assert [
        (f"{table}_p{month.name}", "DROPPED")
        for month in old.history.by_month()
        if month.first_day < old.history.kept_from
    ] == [(partition, how) for partition, _, how in removed]
    assert [] == asked(
        old,
        "SELECT relname FROM pg_class WHERE relname = ANY($1::text[])",
        [partition for partition, _, _ in removed],
    )


def test_nothing_of_it_is_old(old):
    """A node with the same settings has nothing to take away, but what has come of age
    since.
    """

    async def plan() -> Report:
        pool = await queries.pool(old.dsn)
        async with visiting(old.dsn, old.settings) as node:
            try:
                return await retention.plan(node, pool)
            finally:
                await pool.close()

    lines = {line.table: line.past_rows for line in asyncio.run(plan()).lines}

    assert [0] * len(MONTHLY) == [lines[table] for table in MONTHLY]
    assert all(lines[table] <= TWO_PAYMENTS for table in BRIEFLY)


def test_payments_go_on_beside_it(old):
    """With the same schema, and each charged once, whichever way it is paid."""
    contender = old.contender
    for way in ({}, {"converted": True}, {"deducted": True}):
        level = contender.level(8, seconds=2, progress=lambda _: None, **way)
        assert asyncio.run(level).payments

    assert contender.money() == sum(contender.tally.paid.values())


@pytest.fixture(scope="module")
def still(old) -> Standing:
    """The same when nobody pays any more, and vacuumed: until then pages with as many
    payments as this machine made have no filter, and are read whole.
    """
    old.stop_nodes()

    async def grow_old() -> None:
        connection = await queries.connect(old.dsn)
        try:
            await queries.grow_old(connection)
        finally:
            await connection.close()

    asyncio.run(grow_old())
    return old


def answered(old: Standing, questions) -> dict[str, float]:
    """How many blocks an answer to each question takes; each is put, and timed."""
    asking = ask(old.dsn, old.settings, questions, times=5, told=lambda _: None)
    answers = asyncio.run(asking)

    assert [what for what, _ in questions] == [each.what for each in answers]
    assert all(each.ms for each in answers)
    return {each.what: each.blocks for each in answers}


def test_people_get_their_answers(still):
    """Each question is put, and tells its time and its blocks."""
    blocks = answered(still, people.QUESTIONS)

    assert 0 < blocks["a payment by its number"] < A_FEW_BLOCKS
    # Asked often, it is not planned for any filter: that would read the whole line.
    assert 0 < blocks["a payment by its line's number"] < A_FEW_BLOCKS
    # Found in what is small, and not among all that went well.
    assert blocks["a line's failed payments (none)"] < A_FEW_BLOCKS
    assert blocks["parked notices (none)"] < A_FEW_BLOCKS


def test_operators_get_their_answers(still):
    """Whatever the console asks; what is named is found without reading all."""
    blocks = answered(still, console.QUESTIONS)

    assert 0 < blocks["one payment with all it has"] < A_FEW_BLOCKS
    assert 0 < blocks["a payment by a line's number"] < SOME_BLOCKS
    assert 0 < blocks["a payment by a channel's number"] < SOME_BLOCKS
    # Of what is open, however much is not.
    assert blocks["unknown results, oldest first"] < SOME_BLOCKS


def test_a_copy_is_found_by_its_own_numbers(old):
    """A channel's number is no other payment's."""
    same = asked(
        old,
        "SELECT count(*), count(DISTINCT channel_ref) FROM attempt"
        " WHERE length(channel_ref) > 6 AND pay_order_no < $1",
        before(old),
    )
    assert PAYMENTS <= same[0][0] == same[0][1]

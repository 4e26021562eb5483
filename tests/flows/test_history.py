"""A database filled with finished payments is as if all of them had been paid."""

import asyncio
import shutil
from collections.abc import Iterator

import asyncpg
import pytest

from paycore.bench.contenders import Wanted
from paycore.bench.growth import people, queries
from paycore.bench.growth.audits import Audit, audit, scopes
from paycore.bench.growth.ground import ORIGINALS, Standing, standing
from paycore.kernel.postgres import fresh_folder

# A node in this process, and its framework's advice to whoever writes handlers.
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")

PAYMENTS, KEPT_WHOLE = 2000, 1500

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
            await audit(old.dsn, scope, since, misses=misses)
            for scope, since, misses in scopes(old.history)
        ]

    return {each.scope: each for each in asyncio.run(all_of_them())}


def test_an_audit_finds_nothing(old):
    """Of what is kept whole nothing; of everything only what retention took away."""
    found = audits(old)

    newest = found[f"the newest {KEPT_WHOLE:,}"]
    assert (0, 0) == (newest.violations, newest.unanswered)
    assert ["I3", "I19", "I22", "I30"] == list(found["everything"].broken)
    assert all(each.holds and not each.unanswered for each in found.values())


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


def test_it_lies_in_its_months_and_retention_has_been_there(old):
    """A partition a month; messages of the newest only, and one statement says so."""
    months = asked(old, "SELECT count(DISTINCT tableoid) FROM payment")
    with_messages = asked(
        old,
        "SELECT count(DISTINCT pay_order_no) FROM gateway_message"
        " WHERE pay_order_no < $1",
        before(old),
    )

    assert [(old.history.months,)] == months
    assert [(KEPT_WHOLE,)] == with_messages
    assert [] == asked(old, MISSING, [*queries.EVER, *queries.NEWEST, "desk_case"])


def test_payments_go_on_beside_it(old):
    """With the same schema, and each charged once."""
    contender = old.contender
    asyncio.run(contender.level(8, seconds=1, progress=lambda _: None))

    assert contender.money() == sum(contender.tally.paid.values())


def test_people_get_their_answers(old):
    """Each question is put, and tells its time and its blocks."""
    answers = asyncio.run(people.ask(old.dsn, old.stage.settings, told=lambda _: None))

    assert [what for what, _ in people.QUESTIONS] == [each.what for each in answers]
    assert all(each.ms for each in answers)
    assert 0 < answers[0].blocks < 100

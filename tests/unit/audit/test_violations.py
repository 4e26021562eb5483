"""Every question finds what it asks after, and nothing where all is well."""

from datetime import timedelta

import agreement_plants
import checked_out
import desk_plants
import hold_plants
import ledger_plants
import more_plants
import operator_plants
import plants
import pytest
import refund_plants
from auditing import found_in, node_on, plant
from plants import Plant

from paycore.audit.catalogue import CATALOGUE
from paycore.audit.queries import Pace, snapshot
from paycore.kernel import db

pytestmark = pytest.mark.long

PLANTS = (
    *(plants.MONEY + plants.ENDS + plants.CODES + plants.COUPONS),
    *ledger_plants.LEDGER,
    *(more_plants.BOOKS + more_plants.TOLD + more_plants.CALLS + more_plants.ROUTES),
    *(more_plants.LINES + more_plants.SECRETS + more_plants.LIMITS),
    *(refund_plants.REFUNDS + refund_plants.LATE),
    *(agreement_plants.AGREEMENTS + desk_plants.DESK + operator_plants.OPERATORS),
    *(hold_plants.HOLDS + checked_out.CHECKOUTS),
)
CHECKS = {check.name: check for one in CATALOGUE for check in one.checks}
INVARIANTS = {check.name: one.id for one in CATALOGUE for check in one.checks}


def once_each(planted):
    """The first plant of every question now, its others with the long tests."""
    seen = set()
    for one in planted:
        again = one.check in seen
        seen.add(one.check)
        marks = [pytest.mark.long] if again else []
        yield pytest.param(one, marks=marks, id=f"{one.check} {one.at}")


@pytest.mark.parametrize("name", CHECKS)
async def test_real_payments_break_nothing(copy_once, name):
    """Payments of every kind, each as it really went: every question has rows to look
    at, and finds none of them wrong.
    """
    check = CHECKS[name]
    connection = await db.connect(copy_once)
    try:
        async with snapshot(connection, Pace.ONCE) as seen:
            if check.scan:
                looked, wrong = await seen.count_texts(check.sql), 0
            else:
                counted = await seen.count(check.sql)
                looked, wrong = counted.looked, counted.wrong
    finally:
        await connection.close()

    assert looked > 0
    assert 0 == wrong


async def test_a_whole_audit_of_them_finds_nothing(copy_once):
    """All questions, of one snapshot."""
    assert [] == await found_in(copy_once)


@pytest.mark.parametrize("planted", tuple(once_each(PLANTS)))
async def test_what_was_planted_is_found(copy, made, planted: Plant):
    """Each violation is found by the question that asks after it, at the payment that
    it was planted in.
    """
    no = made.get(planted.at)
    await plant(copy, planted.sql.format(no=no))

    checks = {planted.check, *planted.also}
    found = await found_in(copy, only={INVARIANTS[name] for name in checks})

    assert checks == {example.check for example in found}
    mine = [example for example in found if example.check == planted.check]
    assert {no} == {example.payment for example in mine}
    assert all(example.said for example in mine)


@pytest.mark.long
@pytest.mark.parametrize("planted", PLANTS, ids=lambda one: f"{one.check} {one.at}")
async def test_no_question_cries_for_what_is_not_its_own(copy, made, planted: Plant):
    """All questions are asked, and no other finds the violation."""
    await plant(copy, planted.sql.format(no=made.get(planted.at)))

    found = await found_in(copy)

    assert {planted.check, *planted.also} == {example.check for example in found}


@pytest.mark.parametrize(
    "planted", plants.COUPONS, ids=lambda one: f"{one.check} {one.at}"
)
async def test_coupons_are_found_from_a_time_on(copy, made, planted: Plant):
    """By the payments that name them, or because they are locked."""
    await plant(copy, planted.sql.format(no=made[planted.at]))
    async with node_on(copy) as node:
        found = await found_in(copy, since=node.now() - timedelta(days=1))

    assert {planted.check, *planted.also} == {example.check for example in found}


@pytest.mark.parametrize(
    ("sql", "at"),
    [(sql, at) for _, sql, at in more_plants.HARMLESS],
    ids=[name for name, _, _ in more_plants.HARMLESS],
)
async def test_what_only_looks_like_one_is_not_found(copy, made, sql, at):
    """What may be as it is breaks nothing."""
    await plant(copy, sql.format(no=made[at]))

    assert [] == await found_in(copy)


def test_every_question_has_a_violation():
    """No question of the catalogue goes untried."""
    assert set(CHECKS) == {planted.check for planted in PLANTS}

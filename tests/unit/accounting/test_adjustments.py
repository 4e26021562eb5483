"""Adjustments by hand: by the chart, never out of suspense, and by two who are two."""

import asyncpg
import pytest

from paycore.accounting import beancount, queries, service
from paycore.accounting.chart import Account
from paycore.kernel.errors import BadRequest, Duplicate

GOOD = {
    "debit": "channel_fee:quick_a:main",
    "credit": "available:quick_a:main",
    "amount": 500,
    "currency": "CNY",
    "made_by": "Li Lei",
    "why": "fee of November",
}


@pytest.mark.parametrize(
    "changes",
    [
        {"debit": "suspense_long:quick_a:main"},
        {"credit": "suspense_short:quick_a:main"},
        {"debit": "available:quick_a:main"},
        {"debit": "channel_fees:quick_a:main"},
        {"debit": "channel_fee"},
        {"amount": 0},
        {"currency": "yuan"},
        {"made_by": ""},
        {"why": ""},
        {"approved_by": "Li Lei"},
        {"approved_by": ""},
    ],
)
async def test_what_is_no_good_is_refused_and_posts_nothing(node, pool, changes):
    """What is parked leaves suspense by its case, and nobody approves of himself."""
    before = await queries.balances(pool)

    with pytest.raises(BadRequest):
        await service.adjust(node, "A-1", **{**GOOD, **changes})

    assert before == await queries.balances(pool)


async def test_a_number_is_given_once(node, pool):
    """The second is refused, and the first one stands."""
    await service.adjust(node, "A-2", **GOOD, approved_by="Han Mei")
    with pytest.raises(Duplicate):
        await service.adjust(node, "A-2", **{**GOOD, "amount": 1})

    balances = {row.account: row.amount for row in await queries.balances(pool)}
    assert (500, -500) == (balances[GOOD["debit"]], balances[GOOD["credit"]])
    assert "Han Mei" == await pool.fetchval(
        "SELECT approved_by FROM accounting_adjustment WHERE adjustment_no = 'A-2'"
    )


async def test_the_table_refuses_who_approves_of_himself(pool):
    """Whoever writes it."""
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            "INSERT INTO accounting_adjustment"
            " (adjustment_no, made_by, approved_by, why, at)"
            " VALUES ('A-3', 'Li Lei', 'Li Lei', 'because', now())"
        )


def test_every_account_stands_somewhere_in_beancount():
    """Equity is for what nobody thought of."""
    named = {one.split(":")[0] for one in set(Account) - {"{debit}", "{credit}"}}

    assert named == set(beancount.ROOTS)

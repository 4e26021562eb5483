"""The chart and the rules as rows: what a node reads, and what it refuses."""

import pytest

from paycore.accounting import chart, service
from paycore.accounting.chart import RULES, Account
from paycore.accounting.service import Books
from paycore.kernel import db
from paycore.kernel.errors import Misconfigured


def rows():
    """The built-in rules, as rows."""
    return [
        (kind, rule.debit, rule.credit, rule.part)
        for kind, rules in RULES.items()
        for rule in rules
    ]


async def test_the_database_is_seeded_with_the_built_in_rules(node):
    """What a node reads from a fresh database is what stands in the code."""
    await service.read(node)

    assert dict(RULES) == dict(node.state(Books).rules)


async def test_the_chart_has_every_account(pool):
    """And none that the code does not know."""
    found = await pool.fetch("SELECT account FROM accounting_account")

    assert set(Account) == {row["account"] for row in found}


def test_a_rule_that_names_no_account_is_refused():
    """Whatever its kind."""
    wrong = [*rows(), ("FEE", "nowhere", "marketing_cost", "amount")]

    with pytest.raises(ValueError, match="an account that is not there"):
        chart.checked(wrong, set(Account))


def test_a_kind_without_rules_is_refused():
    """A fact of it could not be posted."""
    lacking = [row for row in rows() if row[0] != "FEE"]

    with pytest.raises(ValueError, match="FEE has no rule"):
        chart.checked(lacking, set(Account))


async def test_a_node_does_not_start_with_rules_that_are_no_good(node, pool):
    """It says so, and goes by none of them."""
    async with pool.acquire() as connection:
        await connection.execute("DELETE FROM accounting_rule WHERE kind = 'FEE'")
    try:
        with pytest.raises(Misconfigured, match="FEE has no rule"):
            await service.read(node)
    finally:
        async with pool.acquire() as connection:
            await connection.execute(
                "INSERT INTO accounting_rule VALUES ('FEE', 1,"
                " 'channel_fee:{channel}:{account}', 'available:{channel}:{account}',"
                " 'amount')"
            )


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO accounting_rule VALUES ('FEE', 2, 'no', '{credit}', 'amount')",
        "UPDATE accounting_rule SET part = 'all' WHERE kind = 'FEE'",
        "UPDATE accounting_rule SET kind = 'TIP' WHERE kind = 'FEE'",
        "UPDATE accounting_rule SET debit = credit WHERE kind = 'FEE'",
        "DELETE FROM accounting_account WHERE account = 'marketing_cost'",
    ],
)
async def test_the_database_refuses_a_rule_that_makes_no_sense(pool, sql):
    """Its accounts are of the chart, its kind and its part are known."""
    with pytest.raises(db.AWAY):
        await pool.execute(sql)

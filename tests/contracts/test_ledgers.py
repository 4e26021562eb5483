"""One contract, two ledgers: the built-in one and one of a user's own."""

import pytest
from posted_facts import paid, refunded, staged
from telling import told_all

RECEIVABLE = "channel_receivable:quick_a:main"
PENDING = "merchant_pending:shop"


@pytest.fixture(params=["built_in", "own"])
def ledger(request):
    """A node, and the ledger it posts to."""
    return request.getfixturevalue(request.param)


async def test_every_fact_is_one_posting(ledger):
    """Under its own id, with the lines that the rules give."""
    node, books = ledger
    no = await paid(node, amount=1000, coupon=100)
    await refunded(node, no, 1, amount=300)
    await told_all(node)

    assert {
        f"{no}:PAYMENT": {RECEIVABLE: 900, "marketing_cost": 100, PENDING: -1000},
        f"{no}:REFUND:{no}R01": {PENDING: 300, RECEIVABLE: -300},
    } == await books.postings()


async def test_the_books_add_up(ledger):
    """Each posting by itself, and all of them."""
    node, books = ledger
    for amount in (1, 20, 300):
        await paid(node, amount=amount)
    await told_all(node)

    postings = await books.postings()
    assert all(sum(lines.values()) == 0 for lines in postings.values())
    assert {RECEIVABLE: 321, PENDING: -321} == await books.balances()


async def test_what_is_not_committed_is_not_posted(ledger):
    """A change that never came to be leaves nothing, here or there."""
    node, books = ledger
    no = await paid(node)
    staged(node, node.change())
    await told_all(node)

    assert {f"{no}:PAYMENT"} == (await books.postings()).keys()
    assert {RECEIVABLE: 1000, PENDING: -1000} == await books.balances()

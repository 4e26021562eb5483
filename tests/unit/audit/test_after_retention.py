"""After a removal of what is old an audit finds nothing, and what it asked before of
what is still there it asks on.
"""

from datetime import timedelta

import asyncpg
import pytest
from auditing import audited, found_in, node_on, plant

from paycore.retention.service import remove

pytestmark = pytest.mark.long

MONTHLY = ("gateway_message", "router_decision", "trail", "sms_code")
LATER = timedelta(days=500)


class Later:
    """A clock that is more than a year ahead, and does not wait."""

    def __init__(self, clock):
        self._clock = clock

    def __getattr__(self, name):
        return getattr(self._clock, name)

    def now(self):
        """So much later."""
        return self._clock.now() + LATER

    async def sleep(self, _seconds):
        """No time passes."""


async def removed(dsn):
    """All that will be old in more than a year is taken away now; the ledger has been
    told of every posting by then.
    """
    await ask(
        dsn,
        "UPDATE accounting_feed SET status = 'ACKNOWLEDGED',"
        " acknowledged_at = clock_timestamp(), next_check_at = NULL"
        " WHERE status = 'PENDING'",
    )
    async with node_on(dsn) as node:
        node.clock = Later(node.clock)
        return await remove(node, dsn)


async def ask(dsn, question, *values):
    """What a statement gives."""
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(question, *values)]
    finally:
        await connection.close()


async def counted(dsn, no):
    """How many rows of each kind a payment has."""
    return [
        (await ask(dsn, f"SELECT count(*) FROM {table} WHERE pay_order_no = $1", no))[0]
        for table in MONTHLY
    ]


@pytest.fixture
def ended(made):
    """The payments that came to their end and of which nobody asks any more."""
    still = {"unknown", "open", "open_converted", "open_converted_tried", "refunding"}
    still |= {"unknown_elsewhere", "owed_elsewhere"}
    # One has a case, one a notice that nobody takes.
    return [
        no
        for name, no in made.items()
        if name not in {*still, "alarmed", "untold", "late_refused"}
    ]


async def test_an_audit_after_it_finds_nothing(copy, made, ended):
    """Of payments of every kind: messages, decisions, steps and codes of what ended are
    gone, what is open has all it had, and all that must hold does.
    """
    before = await audited(copy)
    kept = {no: await counted(copy, no) for no in made.values() if no not in ended}
    report = await removed(copy)

    assert report.done, report.sentence()
    assert [] == await found_in(copy)
    for no in ended:
        assert [(0,)] * len(MONTHLY) == await counted(copy, no)
    for no, rows in kept.items():
        assert rows == await counted(copy, no)
    after = await audited(copy)
    assert sum(v.looked for v in after.verdicts) < sum(
        v.looked for v in before.verdicts
    )
    assert len(ended) <= (await ask(copy, "SELECT count(*) FROM payment"))[0][0]


@pytest.mark.parametrize(
    ("table", "check"),
    [
        ("gateway_message", "a call that is not on record"),
        ("router_decision", "sent where no decision led"),
    ],
)
async def test_what_is_open_is_asked_about_on(copy, made, table, check):
    """What an open payment lacks was not taken by its age, and is found missing."""
    await removed(copy)
    no = made["open_converted_tried"]
    await plant(copy, f"DELETE FROM {table} WHERE pay_order_no = '{no}'")
    found = {one.check for one in await found_in(copy) if one.payment == no}

    assert check in found


async def test_what_was_not_let_go_is_asked_about_on(copy, made):
    """A message that is gone without a record of it is missing, as it was before."""
    await plant(
        copy, f"DELETE FROM gateway_message WHERE pay_order_no = '{made['paid']}'"
    )

    assert {"a call that is not on record", "a charge without a yes"} <= {
        one.check for one in await found_in(copy)
    }

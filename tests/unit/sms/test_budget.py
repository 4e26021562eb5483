"""The budgets of texts on real PostgreSQL, several nodes, and real carriers."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace as amended

from paycore.audit.questions.limits import IS_A_LIMIT_NOT_WHAT_IS_HELD_OF_IT
from paycore.kernel.config import Settings
from paycore.kernel.journal import LimitCounter
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.meters import Tally
from paycore.kernel.meters_upkeep import SMS_FUSES
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import Origin
from paycore.sms import budget, service
from paycore.sms.rows import CarrierRow

pytestmark = pytest.mark.usefixtures("one_hour")

PAYER = Origin(address="203.0.113.7", told=True)
CALLER = Origin(address="198.51.100.1", told=False)


async def counters(node: Node, prefix: str) -> list[int]:
    found = await node.journal.every(LimitCounter)
    return [row.used for row in found if row.counter.startswith(prefix)]


def asked(centre, **facts: Any):
    """The same payment's sends, for a line and from an address of the test's."""
    made = centre.request
    centre.request = lambda seq: replace(made(seq), **facts)
    return centre


def a_line(node: Node) -> str:
    return f"line-{node.ids.below(10**12)}"


async def violations(node: Node, dsn: str) -> list[Any]:
    """What the auditor finds wrong about limits."""
    import asyncpg

    sql = IS_A_LIMIT_NOT_WHAT_IS_HELD_OF_IT.replace("$3", "$1::timestamptz")
    sql = sql.replace("every_attempt", "attempt").replace("every_payment", "payment")
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(sql, node.now())
    finally:
        await connection.close()
    return [row["about"] for row in rows if row["wrong"]]


class TestCounts:
    """What an address, a business line and a day may have."""

    @pytest.fixture
    def settings(self) -> Settings:
        """Limits low enough to meet."""
        return Settings.for_dev(
            sms_timeout_s=20.0,
            code_per_payer_hour=2,
            code_per_caller_hour=3,
            code_per_line_day=4,
        )

    @pytest.mark.parametrize(
        ("origin", "most", "guard"),
        [(PAYER, 2, "sms.payer_hour"), (CALLER, 3, "sms.caller_hour")],
    )
    async def test_an_address_gets_so_many_texts_an_hour(
        self, make_centre, origin, most, guard
    ) -> None:
        """Whatever the payment, phone and line; what is refused leaves no row."""
        last = None
        node = make_centre().node
        host = f"10.{node.ids.below(250)}.{node.ids.below(250)}.{node.ids.below(250)}"
        origin = origin._replace(address=host)
        for _ in range(most):
            await asked(make_centre(), origin=origin, biz_line=a_line(node)).send()
        last = asked(make_centre(), origin=origin, biz_line=a_line(node))

        with pytest.raises(Exception, match=guard):
            await last.send()
        assert [] == await last.rows()
        assert [] == last.sandbox.texts(last.phone)

    async def test_a_line_gets_so_many_texts_over_all_nodes(
        self, make_centre, dsn
    ) -> None:
        """Three nodes send at once: exactly as many texts leave as the limit has."""
        node = make_centre().node
        line = a_line(node)
        journals = [await PostgresJournal.open(dsn) for _ in range(3)]
        centres = []
        for at in range(9):
            centre = asked(make_centre(), biz_line=line)
            other = replace(node, journal=journals[at % 3], _states={})
            centre.node = other
            centres.append(centre)
        came = await asyncio.gather(
            *(centre.send() for centre in centres), return_exceptions=True
        )
        for journal in journals:
            await journal.close()
        texts = sum(len(each.sandbox.texts(each.phone)) for each in centres)

        assert 4 == texts == sum(not isinstance(one, Exception) for one in came)
        assert [4] == await counters(node, f"text.line:{line}:")

    async def test_what_was_not_sent_is_given_back(self, centre, dsn) -> None:
        """The budgets are as before, and the auditor agrees with every counter."""
        line = a_line(centre.node)
        asked(centre, biz_line=line)
        centre.sandbox.fault("carrier.*.send", "decline:MAINTENANCE")
        await centre.send(1)
        assert [0] == await counters(centre.node, f"text.line:{line}:")
        centre.sandbox.heal()
        await centre.send(2)

        assert [1] == await counters(centre.node, f"text.line:{line}:")
        assert [] == [one for one in await violations(centre.node, dsn) if line in one]

    async def test_the_auditor_sees_a_counter_that_lies(self, centre, dsn) -> None:
        """One more than the texts that left is a violation of I29."""
        node, line = centre.node, a_line(centre.node)
        await asked(centre, biz_line=line).send()
        change = node.change()
        day = node.now()
        change.count(
            f"text.line:{line}:{day:%Y%m%d}",
            1,
            limit=None,
            expires_at=day + timedelta(days=1),
        )
        await node.journal.commit(change)

        assert [line] == [
            one.split(":")[1] for one in await violations(node, dsn) if line in one
        ]


class TestFuse:
    """What a carrier's texts may cost a day."""

    @pytest.fixture
    def settings(self) -> Settings:
        """Nothing but the carriers' own prices."""
        return Settings.for_dev(sms_timeout_s=20.0)

    @pytest.fixture
    async def priced(self, node: Node):
        """Carrier `a` may text twice a day from now on, `b` once; both as new."""
        rows = {row.carrier: row for row in await node.journal.every(CarrierRow)}
        for name, most in (("a", 100_000), ("b", 50_000)):
            counter = f"text.spend:{name}:{node.now():%Y%m%d}"
            change = node.change()
            change.update(
                amended(rows[name], price=50_000, spend_per_day=most),
                version=rows[name].version,
            )
            for each in (counter, f"told.{counter}"):
                change.count(
                    each,
                    -(10**15),
                    limit=None,
                    expires_at=node.now() + timedelta(days=2),
                )
            await node.journal.commit(change)
        await service.refresh(node)
        return node

    async def test_a_spent_carrier_is_passed_over_and_told_once(
        self, priced, make_centre, caplog
    ) -> None:
        """Two by the first, one by the second, then none, and each is told once."""
        carriers = []
        for _ in range(3):
            centre = make_centre()
            await centre.send()
            carriers += [one["carrier"] for one in centre.sandbox.texts(centre.phone)]
        for _ in range(2):
            with pytest.raises(Exception, match=r"sms\.spent"):
                await make_centre().send()
        told = priced.state(Tally).counts[SMS_FUSES.name]

        assert ["a", "a", "b"] == carriers
        assert {("a",): 1, ("b",): 1} == told
        assert [100_000] == await counters(priced, "text.spend:a:")
        assert [50_000] == await counters(priced, "text.spend:b:")

    async def test_only_who_texted_is_paid(self, priced, centre) -> None:
        """A carrier that said no costs nothing; one that may have sent does."""
        centre.sandbox.fault("carrier.a.send", "decline:MAINTENANCE")
        assert Outcome.SUCCEEDED == (await centre.send(1)).outcome

        assert [0] == await counters(priced, "text.spend:a:")
        assert [50_000] == await counters(priced, "text.spend:b:")

    async def test_a_text_that_may_have_gone_twice_costs_twice(
        self, priced, centre
    ) -> None:
        """A time-out is paid: the carrier will bill it."""
        centre.wait_briefly()
        centre.sandbox.fault("carrier.a.send", "timeout_after")
        await centre.send(1)

        assert [50_000] == await counters(priced, "text.spend:a:")
        assert [50_000] == await counters(priced, "text.spend:b:")

    async def test_another_node_does_not_tell_it_again(
        self, priced, make_centre, dsn
    ) -> None:
        """One alarm a carrier and day, however many nodes meet the fuse."""
        journal = await PostgresJournal.open(dsn)
        other = replace(priced, journal=journal, _states={})
        await service.refresh(other)
        for _ in range(3):
            await make_centre().send()
        for node in (priced, other):
            centre = make_centre()
            centre.node = node
            with pytest.raises(Exception, match=r"sms\.spent"):
                await centre.send()
        await journal.close()

        counts = [
            node.state(Tally).counts.get(SMS_FUSES.name, {}).get(("b",), 0)
            for node in (priced, other)
        ]
        assert [1, 0] == counts


@pytest.mark.parametrize(
    ("guard", "seconds"),
    [("sms.phone_hour", 1801), ("sms.line_day", 34201), ("sms.spent", 34201)],
)
def test_how_long_to_wait(guard: str, seconds: int) -> None:
    """Until the hour or the day begins anew."""
    now = datetime(2026, 11, 29, 14, 30, tzinfo=UTC)
    assert seconds == budget.wait_s(now, guard)

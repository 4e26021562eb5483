"""The router's door, on a real database."""

from datetime import timedelta

import asyncpg
import msgspec
import pytest

from paycore.kernel.errors import BadRequest, BizCheckError, DataNotExist
from paycore.kernel.journal import LimitCounter
from paycore.kernel.journal_postgres import PATIENCE_S
from paycore.kernel.terms import Json
from paycore.router import service
from paycore.router.question import Candidate
from paycore.router.rows import DecisionRow, TransTypeRow
from paycore.router.rules import Cause, recompute
from paycore.router.service import Asked

WITHIN_S = service.ANSWER_WITHIN_S


@pytest.fixture
async def routed(node, make):
    """Two deduct channels that the line "shop" may use, one with a daily limit."""
    await service.save_trans_type(
        node, make.offer("bank_a", priority=1, daily_limit=700)
    )
    await service.save_trans_type(node, make.offer("bank_b"))
    for channel in ("bank_a", "bank_b"):
        await service.allow(node, "shop", channel, "main")
    return node


async def decided(node, question):
    change = node.change()
    route = await service.route(node, question, change)
    return route, change, await node.journal.commit(change)


async def test_a_decision_is_kept_with_its_explanation(routed, make):
    """The stored explanation gives the same choice again (I22)."""
    question = make.ask("bank_a", "bank_b", pay_order_no="26112312000000000000000001")

    route, _, refused = await decided(routed, question)
    (row,) = await routed.journal.within(DecisionRow, question.pay_order_no)

    candidates = msgspec.json.decode(row.candidates, type=list[Candidate])
    asked = msgspec.json.decode(row.question, type=Asked)
    assert refused is None
    assert ("ROUTED", route.inst_trans_id) == (row.cause, row.chosen)
    assert row.chosen == recompute(candidates, asked.draw)
    assert 2 == len(candidates)


async def test_none_is_a_decision_too(routed, make):
    """Where nothing is left, that is stored with every reason."""
    question = make.ask(
        "bank_a", "bank_b", currency="USD", pay_order_no="26112312000000000000000002"
    )

    route, _, refused = await decided(routed, question)
    (row,) = await routed.journal.within(DecisionRow, question.pay_order_no)

    assert (None, None) == (route, refused)
    assert ("ROUTE_NONE", None) == (row.cause, row.chosen)


async def test_a_limit_is_taken_by_the_commit_and_given_back(routed, make):
    """A route reserves its part of the day; released, another payment may have it."""
    now = routed.clock.now()
    counter = f"route:bank_a.deduct:CNY:{now:%Y%m%d}"
    first = make.ask(
        "bank_a", "bank_b", now=now, pay_order_no="26112312000000000000000003"
    )

    route, _, _ = await decided(routed, first)
    second = await service.probe(routed, first)
    change = routed.change()
    service.release(routed, change, service.reserved(route, first.amount))
    await routed.journal.commit(change)

    assert ("bank_a", "bank_b") == (route.channel, second.channel)
    assert 0 == (await routed.journal.load(LimitCounter, counter)).used
    assert "bank_a" == (await service.probe(routed, first)).channel


async def test_two_that_saw_the_same_room_do_not_both_take_it(routed, make):
    """The guard decides at commit, and its name says which limit it was."""
    now = routed.clock.now() + timedelta(days=365)
    changes = []
    for last in "45":
        change = routed.change()
        number = f"2611231200000000000000000{last}"
        question = make.ask("bank_a", "bank_b", now=now, pay_order_no=number)
        await service.route(routed, question, change)
        changes.append(change)

    refusals = [await routed.journal.commit(change) for change in changes]

    assert refusals[0] is None
    assert f"limit:route:bank_a.deduct:CNY:{now:%Y%m%d}" == refusals[1].guard


async def test_a_kill_switch_holds_with_the_next_refresh(routed, make):
    """A type that somebody switched off is not chosen once the tables are read."""
    row = await routed.journal.load(TransTypeRow, "bank_a.deduct")
    off = msgspec.structs.replace(row, enabled=False)

    await service.save_trans_type(routed, off)
    route = await service.probe(routed, make.ask("bank_a", "bank_b"))
    back = msgspec.structs.replace(off, version=row.version + 1, enabled=True)
    await service.save_trans_type(routed, back)

    assert "bank_b" == route.channel


async def test_saving_the_same_again_changes_nothing(routed, make):
    """A seed that runs twice leaves one version."""
    row = make.offer("bank_b")

    await service.save_trans_type(routed, row)

    assert 1 == (await routed.journal.load(TransTypeRow, "bank_b.deduct")).version


async def test_two_who_change_the_same_row_are_told(routed, make):
    """A change made from an old version is refused."""
    with pytest.raises(BizCheckError):
        await service.save_trans_type(routed, make.offer("bank_b", version=7, weight=9))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("condition", {"condition": "amount >"}),
        ("currencies", {"currencies": Json("[]")}),
        ("currencies", {"currencies": Json('["XYZW"]')}),
        ("banks", {"banks": Json("[]")}),
        ("single_max", {"single_min": 5, "single_max": 4}),
        ("weight", {"weight": -1}),
        (None, {"maintenance": Json('[{"from": 1}]')}),
    ],
)
async def test_a_type_that_cannot_be_used_is_refused(node, make, field, changes):
    """What a decision could not use is refused when it is saved (F73)."""
    with pytest.raises(BadRequest) as caught:
        await service.save_trans_type(node, make.offer("bank_z", **changes))

    assert field == caught.value.field
    assert await node.journal.load(TransTypeRow, "bank_z.deduct") is None


async def test_a_rule_that_contradicts_another_is_refused(routed, make):
    """Drop and prefer of the same route under the same condition cannot both stand."""
    await service.save_rule(routed, make.rule("r1", "amount  > 900", "DROP", "bank_a"))

    with pytest.raises(BizCheckError, match="r1"):
        await service.save_rule(
            routed, make.rule("r2", "amount > 900", "PREFER", "bank_a", account="main")
        )


async def test_an_emptied_table_does_not_stop_the_payments(routed, make, dsn):
    """Tables that had routes and have none are taken for an accident (F73)."""
    await service.refresh(routed)
    connection = await asyncpg.connect(dsn)
    await connection.execute("DELETE FROM router_trans_type")
    await connection.close()

    await service.refresh(routed)

    assert await service.probe(routed, make.ask("bank_a", "bank_b")) is not None


async def test_a_row_that_somebody_broke_drops_its_own_route_only(routed, make, dsn):
    """A condition that does not compile, found in the table, is one candidate less."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "UPDATE router_trans_type SET condition = 'amount >' WHERE channel = 'bank_a'"
    )
    await connection.close()

    await service.refresh(routed)
    decision = await service.explain(routed, make.ask("bank_a", "bank_b"))

    assert "bank_b" == decision.route.channel
    assert "fault" == decision.candidates[0].stage


async def test_a_database_that_hangs_gives_a_clean_none_in_time(
    routed, make, dsn, monkeypatch
):
    """A limit that cannot be read in time is a ROUTE_ERROR within 300 ms (F02)."""
    assert 0.3 == WITHIN_S
    monkeypatch.setattr(service, "ANSWER_WITHIN_S", WITHIN_S)
    await service.refresh(routed)
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        await connection.execute("LOCK TABLE limit_counter IN ACCESS EXCLUSIVE MODE")
        began = routed.clock.monotonic()
        decision = await service.explain(routed, make.ask("bank_a"))
        took = routed.clock.monotonic() - began
    await connection.close()

    assert (None, Cause.ROUTE_ERROR) == (decision.route, decision.cause)
    # Whom nobody stops waits for as long as a journal is patient.
    assert took < PATIENCE_S / 2


@pytest.fixture
async def switched(node, make):
    """Two more channels of the line "shop", the first of them preferred."""
    await service.save_trans_type(node, make.offer("bank_c", priority=1))
    await service.save_trans_type(node, make.offer("bank_d"))
    for channel in ("bank_c", "bank_d"):
        await service.allow(node, "shop", channel, "main")
    return node


async def test_what_is_withdrawn_is_not_used(switched, make):
    """A line that may use an account no more is not led there, and may be again."""
    question = make.ask("bank_c", "bank_d")

    await service.withdraw(switched, "shop", "bank_c", "main")
    withdrawn = await service.probe(switched, question)
    await service.allow(switched, "shop", "bank_c", "main")
    again = await service.probe(switched, question)

    assert ("bank_d", "bank_c") == (withdrawn.channel, again.channel)


async def test_a_type_that_is_switched_off_is_not_offered(switched, make):
    """Switched off, the next one is taken; on again, it is back."""
    question = make.ask("bank_c", "bank_d")
    first = await service.probe(switched, question)

    await service.switch_trans_type(switched, first.inst_trans_id, enabled=False)
    without = await service.probe(switched, question)
    await service.switch_trans_type(switched, first.inst_trans_id, enabled=True)

    assert "bank_d" == without.channel
    assert first == await service.probe(switched, question)


async def test_nothing_is_switched_that_is_not_there(switched):
    """A misspelt name is refused, and makes no row."""
    with pytest.raises(DataNotExist):
        await service.withdraw(switched, "shop", "bank_x", "main")
    with pytest.raises(DataNotExist):
        await service.switch_rule(switched, "none", enabled=True)

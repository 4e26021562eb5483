"""A coupon system of a user's own: what is asked of it, and which answers count."""

import asyncio
import base64
import json
from datetime import timedelta
from pathlib import Path

import pytest
from coupon_system import AFTER, AMOUNT, BEFORE, BROKEN, FAULTS, GARBAGE, SECRET
from telling import buried, hasty, held_by_the_dead, living
from two_coupons import Elsewhere, placed

from paycore.coupon import foreign
from paycore.coupon.owed import System
from paycore.coupon.rows import HoldRow
from paycore.kernel.http import Answered, NoAnswer, NotSent
from paycore.notify import webhook
from paycore.worker import redeemer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def orders(coupons_elsewhere: Elsewhere) -> Elsewhere:
    """Orders whose coupons live there."""
    return coupons_elsewhere


async def hold(orders: Elsewhere, no: str) -> HoldRow:
    """What an order has of its coupon, as we know it."""
    return await orders.node.journal.load(HoldRow, no)


async def locking(orders: Elsewhere) -> tuple[str, str]:
    """A coupon, and an order that has it locked."""
    coupon_no = await orders.issued()
    no = await orders.opened(coupon_no)
    assert await orders.locked(no)
    return coupon_no, no


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_unknown_lock_is_no_yes_and_is_asked_again(orders, fault: str):
    """Whatever it did: nothing is guessed, and the number is the same."""
    coupon_no = await orders.issued()
    no = await orders.opened(coupon_no)
    orders.system.script["lock"] = [fault, fault]

    with hasty(orders.node):
        assert not await orders.locked(no)
    assert "ASKED" == (await hold(orders, no)).status
    assert await orders.locked(no)
    assert ("LOCKED", no) == orders.system.is_(coupon_no)


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_unknown_lock_is_surely_released(orders, fault: str):
    """When its order ends, whether it is there or not."""
    coupon_no = await orders.issued()
    no = await orders.opened(coupon_no)
    orders.system.script["lock"] = [fault, fault]
    with hasty(orders.node):
        assert not await orders.locked(no)
    await orders.ended(no, "CLOSED")
    await orders.worked()

    assert ("AVAILABLE", None) == orders.system.is_(coupon_no)
    assert "FREED" == (await hold(orders, no)).status
    assert 1 == orders.system.count("unlock", no)


async def test_a_lock_that_arrives_after_its_unlock_locks_nothing(orders):
    """The number is spent: a call that was under way for an hour does no harm."""
    coupon_no = await orders.issued()
    no = await orders.opened(coupon_no)
    orders.system.script["lock"] = [BEFORE, BEFORE]
    with hasty(orders.node):
        assert not await orders.locked(no)
    await orders.ended(no, "CLOSED")
    await orders.worked()
    late = await foreign.lock(orders.node, await hold(orders, no), webhook.headers)

    assert foreign.No(foreign.Why.SPENT) == late
    assert ("AVAILABLE", None) == orders.system.is_(coupon_no)


@pytest.mark.parametrize("end", ["SUCCESS", "FAIL"])
async def test_what_is_owed_is_told_until_it_is_acknowledged(orders, end: str):
    """Away, silent, broken, babbling, of another amount: once there, and no more."""
    coupon_no, no = await locking(orders)
    operation = "use" if end == "SUCCESS" else "unlock"
    orders.system.script[operation] = [BEFORE, BROKEN, AFTER, GARBAGE]
    await orders.ended(no, end)
    with hasty(orders.node, 2):
        await orders.worked()

    used = end == "SUCCESS"
    assert ("USED" if used else "FREED") == (await hold(orders, no)).status
    assert (("USED", no) if used else ("AVAILABLE", None)) == (
        orders.system.is_(coupon_no)
    )
    assert used == orders.system.uses[coupon_no]
    assert 3 == orders.system.count(operation, no)


async def test_a_use_of_another_amount_is_not_acknowledged(orders):
    """What it books must be what the order was reduced by."""
    _, no = await locking(orders)
    orders.system.script["use"] = [AMOUNT]
    await orders.ended(no, "SUCCESS")
    await redeemer.tick(orders.node)

    row = await hold(orders, no)
    assert ("USING", "DIFFERS", 1) == (row.status, row.last_result, row.tries)
    await orders.worked()
    assert "USED" == (await hold(orders, no)).status


async def test_an_unlock_meets_no_later_lock(orders):
    """Between its lock and its end an order's coupon is never given back."""
    coupon_no, no = await locking(orders)
    for _ in range(3):
        assert await orders.locked(no)
    await orders.ended(no, "FAIL")
    await orders.worked()

    assert [("lock", no), ("unlock", no)] == [
        call for call in orders.system.calls if call[1] == no
    ]
    assert ("AVAILABLE", None) == orders.system.is_(coupon_no)


async def test_a_system_that_is_away_is_told_one_at_a_time(orders):
    """Not everything that waits; and all of it once it is back."""
    ended = [await locking(orders) for _ in range(20)]
    orders.system.down = True
    for _, no in ended:
        await orders.ended(no, "SUCCESS")
    await redeemer.tick(orders.node)
    first = orders.node.state(System).failures
    orders.system.calls.clear()
    tries = 0
    for _ in range(4):
        orders.node.clock.ahead += timedelta(minutes=2)
        tries += await redeemer.tick(orders.node)

    assert first >= 1
    assert 4 == tries
    orders.system.down = False
    await orders.worked()
    assert all(("USED", no) == orders.system.is_(one) for one, no in ended)


async def test_what_a_dead_node_had_in_hand_is_told_by_another(dsn, orders):
    """Its lease ends with its life."""
    coupon_no, no = await locking(orders)
    await orders.ended(no, "SUCCESS")
    held = await held_by_the_dead(
        dsn, HoldRow, coupon_url=orders.system.url, coupon_secret=SECRET
    )
    assert [no] == held
    await orders.worked()

    assert ("USED", no) == orders.system.is_(coupon_no)


async def test_two_nodes_tell_each_thing(dsn, orders):
    """Whoever has which."""
    ended = [await locking(orders) for _ in range(10)]
    other = await living(dsn, 2, coupon_url=orders.system.url, coupon_secret=SECRET)
    for _, no in ended:
        await orders.ended(no, "SUCCESS")
    told = await asyncio.gather(redeemer.tick(orders.node), redeemer.tick(other))
    await buried(other)
    await orders.worked()  # what a busy machine let wait is told again

    assert 10 == sum(told)
    assert all(1 == orders.system.uses[one] for one, _ in ended)


async def test_long_without_an_acknowledgement_is_a_case(orders, pool):
    """One, however many wait."""
    ended = [await locking(orders) for _ in range(3)]
    orders.system.down = True
    for _, no in ended:
        await orders.ended(no, "FAIL")
    orders.node.clock.ahead += timedelta(seconds=orders.node.settings.coupon_alarm_s)
    for _ in range(3):
        await redeemer.tick(orders.node)
        orders.node.clock.ahead += timedelta(minutes=2)

    kinds = [row["kind"] for row in await pool.fetch("SELECT kind FROM desk_case")]
    assert ["COUPON_BEHIND"] == kinds
    orders.system.down = False
    await orders.worked()


async def test_a_call_under_another_key_is_not_believed(dsn, orders):
    """Whoever answers can tell whom it is from; an unknown answer opens no order."""
    coupon_no = await orders.issued()
    key = base64.b64encode(b"x" * 32).decode()
    forger = await living(dsn, 2, coupon_url=orders.system.url, coupon_secret=key)

    assert "COUPON_AWAY" == await placed(Elsewhere, forger).opened(coupon_no)
    assert 1 == orders.system.forged
    await buried(forger)


async def test_who_has_no_other_system_writes_nothing_for_it(coupons_built_in, pool):
    """The built-in path costs what it did: no row, and no look for one."""
    orders = coupons_built_in
    before = await pool.fetchval("SELECT count(*) FROM coupon_hold")
    no = await orders.opened(await orders.issued())
    assert await orders.locked(no)
    await orders.ended(no, "SUCCESS")

    assert before == await pool.fetchval("SELECT count(*) FROM coupon_hold")


async def test_an_order_from_before_the_change_keeps_its_own_coupon(
    coupons_built_in, orders
):
    """Whoever ends it: where its coupon lives was decided when it was opened."""
    ours = coupons_built_in
    coupon_no = await ours.issued()
    no = await ours.opened(coupon_no)
    assert await orders.locked(no)
    await orders.ended(no, "SUCCESS")

    assert ("USED", no) == await ours.is_(coupon_no)
    assert 0 == orders.system.count("lock", no)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (NotSent(reason="refused"), "NOT_SENT"),
        (NoAnswer(reason="timeout"), "NO_ANSWER"),
        *(
            (Answered(status=status, headers={}, body=b'{"code":"TAKEN"}'), None)
            for status in (201, 204, 302, 400, 401, 404, 410, 422, 429, 500, 503)
        ),
        *(
            (Answered(status=status, headers={}, body=body), None)
            for status in (200, 409)
            for body in (b"", b"{}", b"[]", b"\xff", b'{"code":"NO"}', b'{"code":1}')
        ),
        (
            Answered(
                status=200,
                headers={},
                body=b'{"coupon_no":"a","status":"LOCKED","amount":"1","currency":"C"}',
            ),
            None,
        ),
    ],
)
def test_what_is_not_as_agreed_is_unknown(result, why):
    """No status but two says anything, and those only in the words of the contract."""
    said = foreign.read(result)

    assert isinstance(said, foreign.Unknown)
    assert why in (None, said.why)


def test_the_documents_are_what_the_contract_says():
    """The fields of docs/contracts/coupon.openapi.json, each of them and no other."""
    text = (ROOT / "docs/contracts/coupon.openapi.json").read_text(encoding="utf-8")
    contract = json.loads(text)
    schemas = contract["components"]["schemas"]

    for kind in (foreign.Question, foreign.Demand):
        schema = schemas[kind.__name__]
        assert set(kind.__struct_fields__) == set(schema["properties"])
        assert set(kind.__struct_fields__) == set(schema["required"])
    assert set(foreign.Coupon.__struct_fields__) == set(schemas["Coupon"]["properties"])
    assert list(foreign.Why) == schemas["Refusal"]["properties"]["code"]["enum"]
    assert {f"/{one}" for one in foreign.Operation} == set(contract["paths"])

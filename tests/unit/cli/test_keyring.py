"""A key ring loses its old key: everything is sealed anew, and nothing is lost."""

import asyncio
import json

import asyncpg
import pytest

from paycore.cards import service as cards
from paycore.cards.service import GivenAgreement, NewCard
from paycore.cli import sealed
from paycore.core.agreements import service as agreements
from paycore.kernel.terms import BizLineId, CardId, PayType

CARDS = 450
"""More than two pages."""

NUMBER = "6222020200112233446"
SHOP = BizLineId("shop")
URL = "https://bank.example.com"


async def _register(visit):
    """Cards with an agreement each."""
    change = visit.node.change()
    for number in range(CARDS):
        given = GivenAgreement(
            pay_type=PayType.DEDUCT, channel="b", account="main", token=f"T-{number}"
        )
        new = NewCard(
            biz_line=SHOP,
            number=NUMBER,
            name="张三",
            id_no="E1234567",
            phone="+8613800138000",
            agreements=[given],
        )
        cards.register(visit.node, change, new)
    assert await visit.node.journal.commit(change) is None


async def _reseal(visit):
    return [count async for count in sealed.reseal(visit)]


async def _shut(visit):
    """How many values there are, and which do not open."""
    pages = [page async for page in sealed.shut(visit)]
    return sum(count for count, _ in pages), [bad for _, one in pages for bad in one]


@pytest.fixture
def full(paycore, inside, bank, dsn):
    """Something of everything that is sealed, under the first key alone."""

    async def empty():
        connection = await asyncpg.connect(dsn)
        await connection.execute("TRUNCATE cards_card, cards_agreement")
        await connection.close()

    asyncio.run(empty())
    words = ("--driver", "sandbox", "--base-url", URL, "--credentials", "-")
    paycore("lines", "add", "shop", "--title", "Shop", "--currency", "CNY")
    paycore("channels", "add", "b", *words, typed=json.dumps(bank))
    paycore("channels", "carriers", "add", "c", *words, typed=json.dumps(bank))
    paycore("endpoints", "add", "--line", "shop", "--url", "https://192.0.0.9/x")
    inside(_register)
    return paycore


@pytest.fixture
def turned(full, keys, monkeypatch):
    """A second key in front of the first one."""
    new = full("keyring", "new", "k2").out.strip()
    monkeypatch.setenv("PAYCORE_KEY_RING", f"{new},{keys['PAYCORE_KEY_RING']}")
    return new


def _states(paycore):
    listed = paycore("keyring", "list", "--json").told["keys"]
    return {one["key_id"]: (one["state"], one["cards"]) for one in listed}


def test_everything_is_sealed_anew_and_opens_with_the_new_key_alone(
    full, turned, inside, monkeypatch
):
    """After a rotation the ring may lose its old key, and the list says so."""
    before = _states(full)
    rotated = full("keyring", "rotate", "--json")
    after = _states(full)
    monkeypatch.setenv("PAYCORE_KEY_RING", turned)
    count, bad = inside(_shut)

    assert {"k2": ("active", 0), "k1": ("opens only", CARDS)} == before
    assert {"k2": ("active", CARDS), "k1": ("may be dropped", 0)} == after
    assert (0, {}) == (rotated.code, rotated.told["left"])
    assert rotated.told["resealed"] >= 2 * CARDS + 2
    assert (True, []) == (count >= 2 * CARDS, bad)


def test_a_rotation_goes_on_where_it_was_stopped(full, turned, inside):
    """What is under the new key already is not sealed again."""

    async def one_page(visit):
        async for count in sealed.reseal(visit):
            return count
        return 0

    first = inside(one_page)
    rest = sum(inside(_reseal))

    assert sealed.PAGE == first
    assert 2 * CARDS - first == rest - _configured(full)
    assert 0 == full("keyring", "rotate", "--json").told["resealed"]


def _configured(paycore):
    """Accounts, carriers and end points under the active key."""
    (row, *_) = paycore("keyring", "list", "--json").told["keys"]
    return row["accounts"] + row["carriers"] + row["endpoints"]


def test_what_changes_meanwhile_keeps_its_change(full, turned, inside):
    """Cards that are revoked while all are sealed anew are revoked, and sealed anew."""

    async def both(visit):
        rows = await sealed.queries.cards_not_under(
            visit.pool, sealed.NO_KEY, after=None, limit=100
        )
        await asyncio.gather(
            _reseal(visit),
            *(agreements.revoke(visit.node, SHOP, CardId(one.card_id)) for one in rows),
        )
        return [row.card_id for row in rows]

    revoked = inside(both)
    rotated = full("keyring", "rotate", "--json")

    async def standing(visit):
        return [await cards.card_of(visit.node, SHOP, one) for one in revoked]

    assert {"REVOKED"} == {row.status for row in inside(standing)}
    assert {} == rotated.told["left"]


def test_a_key_that_the_ring_has_not_is_named(full, turned, monkeypatch):
    """Without the key that still seals, list says that it is missing."""
    monkeypatch.setenv("PAYCORE_KEY_RING", turned)

    assert ("MISSING: the ring has it not", CARDS) == _states(full)["k1"]

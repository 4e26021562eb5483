"""Operators and their tokens, on a real database."""

import asyncio

import pytest
from msgspec.structs import replace

from paycore.cures.service import NAME
from paycore.kernel.errors import (
    BadRequest,
    DataNotExist,
    Duplicate,
    Forbidden,
    Unauthorized,
)
from paycore.kernel.journal import ChangeRejected
from paycore.operators import service
from paycore.operators.roles import ALLOWS, May, Role
from paycore.operators.rows import ActRow, OperatorRow


async def test_a_token_names_its_operator(node):
    """A fresh token works at once; its name, role and public half come out of it."""
    clear = await service.add(node, "anna", Role.APPROVER)
    found = await service.authenticate(node, clear)

    assert ("anna", Role.APPROVER, 1) == (found.name, found.role, found.version)
    assert clear.split("_")[1] == found.operator_id


async def test_the_secret_is_not_kept(node):
    """The row has a digest; neither the token nor its secret half is in it."""
    clear = await service.add(node, "bert", Role.OPERATOR)
    _, operator_id, secret = clear.split("_")
    row = await node.journal.load(OperatorRow, operator_id)

    assert 32 == len(row.digest)
    assert secret not in repr(row)


async def test_what_is_not_a_token_is_refused(node):
    """A wrong secret, an unknown id, another kind: all the same to a stranger."""
    clear = await service.add(node, "cleo", Role.OPERATOR)
    prefix, operator_id, secret = clear.split("_")
    wrong = "0" if secret[-1] != "0" else "1"

    for bearer in (
        "",
        clear.lower(),
        f"pk_{operator_id}_{secret}",
        f"{prefix}_{operator_id}_{secret[:-1]}{wrong}",
        f"{prefix}_{'0' * 12}_{secret}",
    ):
        with pytest.raises(Unauthorized) as caught:
            await service.authenticate(node, bearer)
        assert secret not in caught.value.en + caught.value.zh


async def test_a_revoked_token_is_refused_at_once_and_the_name_is_free(node):
    """Nothing is remembered of a token; whoever has the name next is another row."""
    clear = await service.add(node, "dora", Role.OPERATOR)
    await service.authenticate(node, clear)
    await service.revoke(node, "dora")
    with pytest.raises(Unauthorized):
        await service.authenticate(node, clear)
    again = await service.add(node, "dora", Role.VIEWER)

    rows = [row for row in await service.every(node) if row.name == "dora"]
    assert Role.VIEWER is (await service.authenticate(node, again)).role
    assert [False, True] == [row.revoked_at is None for row in rows]
    with pytest.raises(Unauthorized):
        await service.authenticate(node, clear)


async def test_revoked_by_many_at_once_is_revoked_once(node):
    """Whoever comes second finds it done, or nobody of that name."""
    clear = await service.add(node, "ilse", Role.OPERATOR)
    tries = [service.revoke(node, "ilse") for _ in range(8)]
    ended = await asyncio.gather(*tries, return_exceptions=True)

    assert all(one is None or isinstance(one, DataNotExist) for one in ended), ended
    with pytest.raises(Unauthorized):
        await service.authenticate(node, clear)


async def test_a_name_is_one_persons_at_a_time(node):
    """Made twice it is refused, at once by many too: one of them has it."""
    tries = [service.add(node, "emil", Role.OPERATOR) for _ in range(8)]
    made = await asyncio.gather(*tries, return_exceptions=True)

    assert 1 == sum(isinstance(one, str) for one in made), made
    assert 7 == sum(isinstance(one, Duplicate) for one in made), made


@pytest.mark.parametrize(
    "name", ["", "A", "Anna", "an na", "-a", "a" * 65, "a\n", "paycore", "operations"]
)
async def test_a_name_is_well_formed_and_nobody_elses(node, name):
    """Lower case, so that no two look alike; not ours, and not who has new cases."""
    with pytest.raises(BadRequest):
        await service.add(node, name, Role.OPERATOR)
    with pytest.raises(DataNotExist):
        await service.revoke(node, name)


@pytest.mark.parametrize("name", ["a", "0", "anna.k@shop-1_x", "a" * 64])
async def test_every_operators_name_is_one_at_the_desk(node, name):
    """What is taken here is taken there: nobody is locked out by his name."""
    await service.add(node, name, Role.OPERATOR)

    assert NAME.fullmatch(name)


def test_roles_are_a_ladder():
    """Who may more may all of the less; a viewer only reads."""
    viewer, operator, approver, admin = (ALLOWS[role] for role in Role)

    assert {May.READ} == viewer
    assert viewer < operator < approver < admin == set(May)


@pytest.mark.parametrize(("role", "may"), [(role, may) for role in Role for may in May])
async def test_a_role_is_held_to(node, role, may):
    """What the table does not allow is refused."""
    caller = service.Operator(operator_id="x", name="x", role=role, version=1)
    if may in ALLOWS[role]:
        service.refuse_unless(caller, may)
    else:
        with pytest.raises(Forbidden):
            service.refuse_unless(caller, may)


async def test_acts_are_numbered_without_a_gap(node):
    """Each by the version that it was done by; done twice, or after the revocation, it
    is refused with all that is in its change.
    """
    clear = await service.add(node, "fritz", Role.OPERATOR)
    for seq in (1, 2):
        caller = await service.authenticate(node, clear)
        change = node.change()
        service.act(change, caller, ("fritz's case", seq), entry=seq)
        assert await node.journal.commit(change) is None
    stale, last = node.change(), await service.authenticate(node, clear)
    service.act(stale, caller, ("fritz's case", 3), entry=3)
    assert (await node.journal.commit(stale)).guard == "operators_operator"
    await service.revoke(node, "fritz")
    late = node.change()
    now = replace(last, version=last.version + 1)
    service.act(late, now, ("fritz's case", 3), entry=3)
    assert (await node.journal.commit(late)).guard == "operators_operator"

    acts = await node.journal.within(ActRow, caller.operator_id)
    assert [(1, 1), (2, 2)] == [(act.number, act.seq) for act in acts]


async def test_the_database_keeps_an_operator_as_it_was_made(node):
    """No other role, name or token, nothing after the revocation: another row."""
    clear = await service.add(node, "gerd", Role.OPERATOR)
    operator_id = clear.split("_")[1]

    async def refused(**changes: object) -> bool:
        row = await node.journal.load(OperatorRow, operator_id)
        change = node.change()
        change.update(replace(row, **changes), version=row.version)
        try:
            return await node.journal.commit(change) is not None
        except ChangeRejected as error:
            return error.sqlstate == "23514"

    assert await refused(role=Role.APPROVER)
    assert await refused(name="other")
    assert await refused(digest=bytes(32))
    await service.revoke(node, "gerd")
    assert await refused(revoked_at=None)
    assert await refused()

"""The log of operators: entered with the act, in one chain, and nothing told in it."""

import asyncio

import pytest

from paycore.kernel import db
from paycore.kernel.errors import TooMany, Unauthorized
from paycore.operators import queries, service
from paycore.operators.chain import hash_of
from paycore.operators.log import COMMAND_LINE, Deed, enacted
from paycore.operators.queries import Wanted
from paycore.operators.roles import Role
from paycore.operators.rows import CHAIN, EntryRow, HeadRow
from paycore.operators.verification import verify

CARD = "6222020200112233446"


@pytest.fixture
async def pool(dsn):
    """Connections for what people ask, and for who changes rows behind our back."""
    made = await db.pool(dsn, size=2)
    yield made
    await made.close()


async def enter(node, subject, **more):
    """One entry of the command line."""

    async def stage(change, log):
        deed = Deed(act="tried", subject=subject, **more)
        return log.enter(node, change, COMMAND_LINE, deed)

    return await enacted(node, stage)


async def behind(pool, sql):
    """Change rows as no trigger sees it."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(sql)


async def test_entries_are_a_chain(node):
    """Without a gap, each over the one before, the head at the last."""
    first = await enter(node, "one")
    assert [first + 1, first + 2] == [await enter(node, "two"), await enter(node, "x")]

    rows = await node.journal.every(EntryRow)
    head = await node.journal.load(HeadRow, CHAIN)
    assert list(range(1, len(rows) + 1)) == [row.seq for row in rows]
    assert [bytes(32), *(row.hash for row in rows)] == [
        *(row.previous for row in rows),
        head.hash,
    ]
    assert all(row.hash == hash_of(row) for row in rows)


async def test_many_at_once_are_all_entered(node):
    """Whoever is refused stages anew."""
    seqs = await asyncio.gather(*(enter(node, f"at once {n}") for n in range(20)))

    assert 20 == len(set(seqs))


async def test_nothing_is_told_that_is_masked_elsewhere(node):
    """A card number that somebody typed as a reason is not kept."""
    seq = await enter(node, "s", why=f"she said {CARD}", detail={"a": [{"b": CARD}]})
    row = await node.journal.load(EntryRow, seq)

    assert CARD not in repr(row)
    assert '"622202*********3446"' in row.detail


async def test_an_act_of_who_was_revoked_meanwhile_is_refused(node):
    """Looked at before the revocation, staged before it, and not written."""
    await service.add(node, "anna", Role.OPERATOR)
    anna = service.operator_of(await service.live(node, "anna"))
    times = 0

    async def stage(change, log):
        nonlocal times
        times += 1
        by = await service.again(node, anna)
        if times == 1:
            # Not by `revoke`, which waits for its turn in this node.
            other = node.change()
            service.revoked(node, other, await service.live(node, "anna"))
            log.enter(node, other, COMMAND_LINE, Deed(act="revokeOperator"))
            assert await node.journal.commit(other) is None
        log.enter(node, change, by, Deed(act="tried", subject="too late"))

    with pytest.raises(Unauthorized):
        await enacted(node, stage)

    assert 2 == times
    assert "too late" not in repr(await node.journal.every(EntryRow))


async def test_the_chain_is_verified(node, pool):
    """Whole, and the last hash is worth keeping."""
    await enter(node, "kept")
    earlier = await verify(node, pool)
    await enter(node, "later")
    said = await verify(node, pool, kept=earlier.head)

    assert (earlier.intact, said.intact) == (True, True)
    assert earlier.entries + 1 == said.entries
    assert not (await verify(node, pool, kept="00" * 31 + "01")).intact


async def test_the_chain_is_walked_by_one_at_a_time(node, pool):
    """Any viewer may ask for it, and it is work of the node that takes payments."""
    await enter(node, "walked")
    asked = [verify(node, pool) for _ in range(20)]
    said = await asyncio.gather(*asked, return_exceptions=True)

    assert 19 == sum(isinstance(one, TooMany) for one in said), said
    assert (await verify(node, pool)).intact


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE operators_entry SET why = 'else' WHERE seq = {seq}",
        "UPDATE operators_entry SET operator = 'bert' WHERE seq = {seq}",
        "UPDATE operators_entry SET at = at + interval '1 us' WHERE seq = {seq}",
        "UPDATE operators_entry SET detail = '{{}} ' WHERE seq = {seq}",
        "DELETE FROM operators_entry WHERE seq = {seq}",
        "DELETE FROM operators_entry WHERE seq >= {seq}",
    ],
)
async def test_what_was_changed_behind_our_back_is_found(node, pool, sql):
    """At the entry that it is about."""
    for subject in ("before", "changed", "after"):
        seq = await enter(node, subject)
    await pool.execute("CREATE TABLE as_it_was AS TABLE operators_entry")
    await behind(pool, sql.format(seq=seq - 1))
    said = await verify(node, pool)
    await behind(
        pool,
        "DELETE FROM operators_entry; INSERT INTO operators_entry TABLE as_it_was;"
        " DROP TABLE as_it_was",
    )

    assert seq - 1 == said.broken_at
    assert (await verify(node, pool)).intact


async def test_the_database_keeps_what_was_entered(node, pool):
    """No statement of ours, or anybody's, changes or removes an entry."""
    seq = await enter(node, "stays")
    for sql in (
        f"UPDATE operators_entry SET why = 'x' WHERE seq = {seq}",
        f"DELETE FROM operators_entry WHERE seq = {seq}",
        "TRUNCATE operators_entry",
        "DELETE FROM operators_head",
        "UPDATE operators_head SET seq = 0",
    ):
        with pytest.raises(Exception, match=r"operators_|cannot|kept|stays"):
            await pool.execute(sql)

    assert (await verify(node, pool)).intact


async def test_entries_are_found_by_what_they_are(node, pool):
    """By operator, act and subject, the newest first, page by page."""
    for n in range(3):
        await enter(node, "page", why=str(n))
    wanted = Wanted(operator="paycore", act="tried", subject="page")
    first = await queries.entries(pool, wanted, before=None, limit=2)
    rest = await queries.entries(pool, wanted, before=first[-1].seq, limit=2)

    assert ["2", "1", "0"] == [row.why for row in (*first, *rest)]
    assert [] == await queries.entries(pool, Wanted(act="x"), before=None, limit=2)

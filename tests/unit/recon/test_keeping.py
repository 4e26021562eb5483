"""Files kept as they came."""

import hashlib
from uuid import uuid4

import pytest
from statement_books import DAY

from paycore.recon import keeping, queries
from paycore.recon.keeping import PIECE_OCTETS, Keeper
from paycore.recon.rows import State


@pytest.fixture
async def statement_of(books):
    """The day's statement, as it stands."""
    day = DAY.isoformat()
    await keeping.expect(books.connection, uuid4(), books.key, day, books.now)

    async def standing():
        return await queries.statement(books.connection, books.key, day)

    return standing


async def keep(books, statement, octets: bytes, *, size: int = 50_000):
    """Keep a file that comes in pieces of that size."""
    keeper = Keeper(books.connection, statement)
    await keeper.begin()
    for at in range(0, len(octets), size):
        await keeper.take(octets[at : at + size])
    return keeper


async def kept(books, statement) -> bytes:
    """The file in force."""
    pieces = keeping.pieces(books.connection, statement)
    return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("size", [0, 1, PIECE_OCTETS, 3 * PIECE_OCTETS + 7])
async def test_a_file_is_kept_octet_for_octet(books, statement_of, size):
    """Whatever its length, with its digest."""
    octets = bytes(n % 251 for n in range(size))
    keeper = await keep(books, await statement_of(), octets)
    await keeper.done(books.now)
    found = await statement_of()

    assert octets == await kept(books, found)
    assert (State.KEPT, size) == (found.state, found.octets)
    assert hashlib.sha256(octets).digest() == found.digest


async def test_what_did_not_come_to_its_end_is_nothing(books, statement_of):
    """Neither what was given up, nor what a node left that died."""
    for _ in range(2):
        await keep(books, await statement_of(), b"x" * 200_000)
    keeper = await keep(books, await statement_of(), b"whole")
    await keeper.done(books.now)

    assert b"whole" == await kept(books, await statement_of())


async def test_a_corrected_file_stands_beside_the_one_before(books, statement_of):
    """And the very same one is not kept twice."""
    for octets in (b"first", b"first", b"second", b"second"):
        keeper = await keep(books, await statement_of(), octets)
        await keeper.done(books.now)
    found = await statement_of()
    count = await books.connection.fetchval(
        "SELECT count(*) FROM recon_chunk WHERE statement_id = $1", found.statement_id
    )

    assert (2, 2, b"second") == (found.file_no, count, await kept(books, found))


async def test_it_is_expected_once(books, statement_of):
    """Whoever expects it again changes nothing."""
    before = await statement_of()
    await keeping.expect(books.connection, uuid4(), books.key, before.day, books.now)

    assert before == await statement_of()

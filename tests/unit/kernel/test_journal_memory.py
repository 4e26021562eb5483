"""What only the journal in memory promises: others on its data, and who watches."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import Change, ChangeRejected, LimitCounter, Row, table
from paycore.kernel.journal_group import Waiting
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore
from paycore.kernel.journal_table import MemoryTable
from paycore.kernel.lives import Lives
from paycore.kernel.terms import Epoch, Json

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@table("t_ticket", key=("owner", "seq"), owner="owner", claimed=True)
class Ticket(Row, frozen=True, kw_only=True):
    """Has an owner, waits for somebody, and says something in JSON."""

    owner: str
    seq: int = 1
    version: int = 1
    said: Json | None = None
    name: str = ""
    next_check_at: datetime | None = None
    lease_epoch: Epoch | None = None
    lease_until: datetime | None = None


def tickets() -> MemoryStore:
    """A database in which a name is unique, and a number above zero."""
    return MemoryStore(
        unique=[(Ticket, "t_ticket_name", lambda row: row.name or None)],
        checks={Ticket: [lambda _store, _old, row: row.seq > 0]},
    )


def inserting(*rows: Row) -> Change:
    change = Change(uuid4())
    for row in rows:
        change.insert(row)
    return change


def counting(serial: int) -> Change:
    change = Change(UUID(int=serial))
    change.insert(LimitCounter(counter=f"c{serial}", used=1, expires_at=NOW))
    return change


async def test_another_node_sees_the_same_data_and_outlives_the_first():
    """Two journals share a database, and the end of one does not end the other."""
    first = MemoryJournal(MemoryStore(), clock=lambda: NOW)
    second = first.another()
    assert await first.commit(counting(1)) is None
    await first.close()

    assert NOW == await second.database_now()
    assert await second.committed(UUID(int=1))
    assert await second.commit(counting(2)) is None
    assert ["c1", "c2"] == [row.counter for row in await second.every(LimitCounter)]
    with pytest.raises(Unavailable):
        await first.commit(counting(3))


def test_a_copy_goes_its_own_way():
    """What is written to a copy is not in the database that it was made of."""
    seen = []
    store = MemoryStore(watch=lambda change, written: seen.append((change.id, written)))
    assert store.commit(counting(1)) is None
    twin = store.copy()
    assert twin.commit(counting(2)) is None

    assert ["c1"] == [row.counter for row in store.every(LimitCounter)]
    assert ["c1", "c2"] == [row.counter for row in twin.every(LimitCounter)]
    assert twin.committed(UUID(int=1))
    assert not store.committed(UUID(int=2))
    assert [LimitCounter] == twin.kinds()
    assert [UUID(int=1), UUID(int=2)] == [change_id for change_id, _ in seen]
    assert [(None, "c1")] == [(old, row.counter) for old, row in seen[0][1]]


async def test_who_waits_in_the_line_is_answered_once():
    """An answer stands; an error is raised to whoever waits."""
    answered, failed = Waiting(counting(1)), Waiting(counting(2))
    answered.settle(None)
    answered.settle(ValueError("too late"))
    failed.settle(ValueError("no"))

    assert await answered.answer is None
    with pytest.raises(ValueError, match="no"):
        await failed.answer


def test_a_copy_keeps_the_rules_and_what_they_know():
    """Names that were taken are taken in the copy; names taken there are free here."""
    store = tickets()
    assert store.commit(inserting(Ticket(owner="a", name="one"))) is None
    twin = store.copy()
    assert twin.commit(inserting(Ticket(owner="b", name="two"))) is None
    for wrong in (
        Ticket(owner="c", name="one"),
        Ticket(owner="c", name="two"),
        Ticket(owner="c", seq=0),
    ):
        with pytest.raises(ChangeRejected):
            twin.commit(inserting(wrong))

    assert store.commit(inserting(Ticket(owner="b", name="two"))) is None


SAID, READ = (
    Json('{"bb": 1, "a": [{"d": "快捷", "c": null}]}'),
    ('{"a": [{"c": null, "d": "快捷"}], "bb": 1}'),
)


@pytest.mark.parametrize(
    "found",
    [
        lambda store: store.load(Ticket, "a", 1),
        lambda store: store.within(Ticket, "a")[0],
        lambda store: store.every(Ticket)[0],
        lambda store: store.due(
            Ticket, 1, now=NOW, over=NOW, epoch=Epoch(1), live=Lives(), lease_until=NOW
        )[0],
    ],
)
def test_json_is_read_as_the_database_gives_it_back(found):
    """By whichever verb: one order of keys, at every depth, and text as it is."""
    store = tickets()
    store.commit(
        inserting(
            Ticket(owner="a", said=SAID, next_check_at=NOW),
            Ticket(owner="a", seq=2),
            Ticket(owner="b", said=SAID),
        )
    )

    assert READ == found(store).said
    assert [READ, None, READ] == [row.said for row in store.every(Ticket)]


def test_who_was_read_still_waits_and_nobody_else_does():
    """To be read changes nothing of who is to be looked at."""
    store = tickets()
    store.commit(
        inserting(
            Ticket(owner="a", said=SAID, next_check_at=NOW),
            Ticket(owner="b", said=SAID),
        )
    )
    every = store.every(Ticket)

    assert every[:1] == list(store.waiting(Ticket))
    assert every == store.within(Ticket, "a") + store.within(Ticket, "b")


def test_an_empty_table_lists_nothing():
    """A list of no rows is a list."""
    assert [] == MemoryTable(Ticket).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (inserting(Ticket(owner="\x00")), "22P05: a NUL character in a text"),
        (
            inserting(Ticket(owner="a", said=Json('"\x00"'))),
            "22P05: a NUL character in a text",
        ),
        (inserting(Ticket(owner="a\ud800")), "22021: a text that has no octets"),
        (
            inserting(Ticket(owner="a" * 2601)),
            "54000: a key that no index takes",
        ),
        (
            inserting(Ticket(owner="a", said=Json("[" * 101 + "]" * 101))),
            "54001: a JSON that is nested too deep",
        ),
        (
            inserting(Ticket(owner="a", version=2**63)),
            "22003: a number that is no bigint",
        ),
        (
            inserting(Ticket(owner="a", version=-(2**63) - 1)),
            "22003: a number that is no bigint",
        ),
        (inserting(Ticket(owner="a", said=Json("{"))), "22P02: this is not JSON"),
        (inserting(Ticket(owner="a", seq=0)), "23514: a check of t_ticket"),
        (
            inserting(Ticket(owner="a", name="n"), Ticket(owner="b", name="n")),
            "23505: the unique index t_ticket_name",
        ),
        (
            Change(uuid4(), appends=[Ticket(owner="there")]),
            "23505: the key of t_ticket is not new",
        ),
        (
            inserting(Ticket(owner="a"), Ticket(owner="a")),
            "21000: the change names one row twice",
        ),
    ],
)
def test_a_rejection_says_what_was_wrong(change, words):
    """The database's class, and what somebody who looks for the bug needs."""
    store = tickets()
    store.commit(inserting(Ticket(owner="there")))
    with pytest.raises(ChangeRejected) as rejected:
        store.commit(change)

    assert words == str(rejected.value)
    assert [Ticket(owner="there")] == store.every(Ticket)

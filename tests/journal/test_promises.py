"""What both journals promise, one promise a test."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from journal_suite import (
    DAY,
    NOW,
    SOON,
    Balance,
    Claim,
    Colour,
    Coupon,
    Leg,
    Line,
    Paper,
    inserting,
    new,
    no,
)

from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import Change, ChangeRejected, LimitCounter, Refused
from paycore.kernel.terms import Json

replace = msgspec.structs.replace


def counting(counter, amount, *, limit=None, guard="limit"):
    change = new()
    change.count(counter, amount, limit=limit, expires_at=SOON, guard=guard)
    return change


async def used(journal, counter):
    row = await journal.load(LimitCounter, counter)
    return None if row is None else row.used


# --- rows -----------------------------------------------------------------------------


async def test_a_row_comes_back_as_it_was_written(journal):
    """Every type of column keeps its value, and the row its types."""
    paper = Paper(
        no=no("A"),
        colour=Colour.BLUE,
        shade=Colour.RED,
        amount=2**62,
        flag=True,
        extra=Json('{"b": [1, "快捷"], "aa": null}'),
        seal=b"\x00\xff",
        at=NOW,
        ref=UUID(int=7),
    )
    bare = Paper(no=no("B"))
    await journal.commit(inserting(paper, bare))
    found = await journal.load(Paper, no("A"))

    assert paper == found
    assert Colour.BLUE is found.colour
    assert bare == await journal.load(Paper, no("B"))


async def test_what_is_not_there_is_none(journal):
    """A key without a row is no error."""
    assert await journal.load(Paper, no("A")) is None
    assert await journal.within(Leg, no("A")) == []
    assert await journal.every(Coupon) == []


async def test_rows_of_one_owner_come_in_order(journal):
    """`within` gives one owner's rows by key, `every` all by the key's bytes."""
    legs = [Leg(no=no(name), seq=seq) for name in "BA" for seq in (10, 2, 1)]
    await journal.commit(inserting(*legs))
    await journal.commit(inserting(*(Coupon(coupon_no=name) for name in "aBÄZ")))

    assert [1, 2, 10] == [leg.seq for leg in await journal.within(Leg, no("A"))]
    assert ["B", "Z", "a", "Ä"] == [c.coupon_no for c in await journal.every(Coupon)]


async def test_many_readers_at_once_get_each_their_own(journal):
    """Reads that are grouped are told apart again, over days and owners."""
    numbers = [no(n, day) for n in range(40) for day in ("261101", DAY, "261130")]
    for number in numbers:
        await journal.commit(inserting(Leg(no=number, seq=1), Paper(no=number)))
    papers = await asyncio.gather(*(journal.load(Paper, n) for n in numbers))
    legs = await asyncio.gather(*(journal.within(Leg, n) for n in numbers))

    assert numbers == [paper.no for paper in papers]
    assert [[n] for n in numbers] == [[leg.no for leg in rows] for rows in legs]


# --- guards ---------------------------------------------------------------------------


async def test_a_taken_key_refuses_and_shows_its_row(journal):
    """An insert's guard names itself and gives the row that stands."""
    first = Claim(biz_line="L", name="n", by="first")
    assert await journal.commit(inserting(first)) is None
    late = new()
    late.insert(Claim(biz_line="L", name="n", by="late"), guard="mine")
    late.insert(Claim(biz_line="L", name="other"))
    late.append(Line(no=no("A"), seq=1))
    late.count("c", 1, limit=5, expires_at=SOON)
    late.add(Balance(account="a", slot=0, amount=5))

    assert await journal.commit(late) == Refused("mine", first)
    assert await journal.every(Claim) == [first]
    assert await journal.every(Line) == []
    assert await journal.every(Balance) == []
    assert await journal.every(LimitCounter) == []
    assert not await journal.committed(late.id)


async def test_an_update_raises_the_version(journal):
    """The journal sets version + 1, whatever the row says."""
    await journal.commit(inserting(Paper(no=no("A"))))
    change = new()
    change.update(Paper(no=no("A"), version=1, amount=5), version=1)

    assert await journal.commit(change) is None
    assert await journal.load(Paper, no("A")) == Paper(no=no("A"), version=2, amount=5)


async def test_a_stale_version_refuses_and_writes_nothing(journal):
    """An update made from an old value is refused with the new one."""
    stands = Paper(no=no("A"), version=3)
    await journal.commit(inserting(stands))
    stale = new()
    stale.update(Paper(no=no("A"), amount=9), version=2, guard="stale")
    stale.insert(Claim(biz_line="L", name="n"))
    absent = new()
    absent.update(Paper(no=no("B")), version=1)

    assert await journal.commit(stale) == Refused("stale", stands)
    assert await journal.commit(absent) == Refused("t_paper", None)
    assert await journal.every(Claim) == []
    assert await journal.every(Paper) == [stands]


async def test_an_amend_sees_the_row_that_stands(journal):
    """A step replaces the row or refuses; a versioned row's version rises."""

    def lock(coupon):
        return replace(coupon, holder="me") if coupon.holder is None else None

    def raise_amount(paper):
        return replace(paper, amount=paper.amount + 1)

    await journal.commit(inserting(Coupon(coupon_no="C"), Paper(no=no("A"))))
    change = new()
    change.amend(Coupon, ("C",), lock)
    change.amend(Paper, (no("A"),), raise_amount)
    again, absent = new(), new()
    again.amend(Coupon, ("C",), lock, guard="coupon")
    absent.amend(Coupon, ("D",), lock)
    mine = Coupon(coupon_no="C", holder="me")

    assert await journal.commit(change) is None
    assert await journal.commit(again) == Refused("coupon", mine)
    assert await journal.commit(absent) == Refused("t_coupon", None)
    assert await journal.every(Paper) == [Paper(no=no("A"), version=2, amount=1)]


async def test_a_step_that_raises_is_its_callers_bug(journal):
    """The exception of a step comes to who staged it, and nothing is written."""

    def bug(_):
        raise ZeroDivisionError

    await journal.commit(inserting(Coupon(coupon_no="C")))
    change = inserting(Claim(biz_line="L", name="n"))
    change.amend(Coupon, ("C",), bug)
    with pytest.raises(ZeroDivisionError):
        await journal.commit(change)

    assert await journal.every(Claim) == []


async def test_guards_are_judged_in_one_order(journal):
    """Updates, then amends, then inserts, then counters name the refusal."""
    taken = Claim(biz_line="L", name="n")
    await journal.commit(inserting(taken))
    change = new()
    change.count("c", 5, limit=1, expires_at=SOON, guard="count")
    assert (
        await journal.commit(Change(uuid4(), counts=change.counts))
    ).guard == "count"
    change.insert(taken, guard="insert")
    assert (
        await journal.commit(
            Change(uuid4(), counts=change.counts, inserts=change.inserts)
        )
    ).guard == "insert"
    change.amend(Coupon, ("C",), lambda row: row, guard="amend")
    change.update(Paper(no=no("A")), version=1, guard="update")

    assert (await journal.commit(change)).guard == "update"


# --- counters -------------------------------------------------------------------------


async def test_a_counter_is_admitted_while_it_fits(journal):
    """Of changes at once, as many as fit are written, in their order."""
    answers = await asyncio.gather(
        *(journal.commit(counting("c", 3, limit=10)) for _ in range(5))
    )

    stands = LimitCounter(counter="c", used=9, expires_at=SOON)
    assert [None, None, None, *[Refused("limit", stands)] * 2] == answers
    assert await used(journal, "c") == 9


async def test_a_smaller_one_may_still_fit(journal):
    """Who is refused does not keep out who comes after him."""
    amounts = (6, 6, 4, 1)
    answers = await asyncio.gather(
        *(journal.commit(counting("c", amount, limit=10)) for amount in amounts)
    )

    assert [None, 6, None, 10] == [a and a.row.used for a in answers]


async def test_a_count_of_nothing_is_judged_like_any_other(journal):
    """A counter that is above its limit, which was lowered, admits nobody."""
    await journal.commit(counting("c", 9, limit=10))
    stands = LimitCounter(counter="c", used=9, expires_at=SOON)

    assert await journal.commit(counting("c", 0, limit=8)) == Refused("limit", stands)
    assert await journal.commit(counting("c", 0, limit=9)) is None


async def test_what_is_given_back_can_be_taken(journal):
    """A negative amount always fits, never falls below zero, and makes room."""
    await journal.commit(counting("c", 10, limit=10))
    answers = await asyncio.gather(
        journal.commit(counting("c", 1, limit=10)),
        journal.commit(counting("c", -4, limit=10)),
        journal.commit(counting("c", 4, limit=10)),
    )
    assert [True, True, False] == [a is None for a in answers[::-1]]
    await journal.commit(counting("c", -50, limit=1))
    await journal.commit(counting("empty", -1))

    assert await used(journal, "c") == 0
    assert await used(journal, "empty") == 0


async def test_a_counter_refused_at_once_is_not_made(journal):
    """A limit smaller than the first amount leaves no counter behind."""
    answer = await journal.commit(counting("c", 5, limit=4, guard="big"))
    expected = Refused("big", LimitCounter(counter="c", used=0, expires_at=SOON))

    assert expected == answer
    assert await journal.every(LimitCounter) == []


async def test_one_change_may_count_twice(journal):
    """All counts of a change hold together or none is written."""
    both = counting("c", 3, limit=5)
    both.count("d", 1, limit=None, expires_at=SOON)
    both.count("c", 3, limit=5, expires_at=SOON)
    assert (await journal.commit(both)).row.used == 0
    fits = counting("c", 3, limit=6)
    fits.count("c", 3, limit=6, expires_at=SOON + timedelta(days=1))
    assert await journal.commit(fits) is None

    later = SOON + timedelta(days=1)
    assert await journal.every(LimitCounter) == [
        LimitCounter(counter="c", used=6, expires_at=later)
    ]


# --- what has no guard ----------------------------------------------------------------


async def test_additions_sum_up(journal):
    """Each addition counts once, whoever adds at the same time."""
    changes = [new() for _ in range(20)]
    for n, change in enumerate(changes):
        change.add(Balance(account="a", slot=n % 2, amount=n))
        change.add(Balance(account="a", slot=n % 2, amount=-1))
        change.add(Balance(account="b", slot=0, amount=1))
    await asyncio.gather(*map(journal.commit, changes))
    await journal.commit(changes[0])

    assert [80, 90, 20] == [row.amount for row in await journal.every(Balance)]


async def test_an_append_that_clashes_is_a_bug(journal):
    """A second row under an append's key is rejected, and all that came with it."""
    first = new()
    first.append(Line(no=no("A"), seq=1, text="first"))
    await journal.commit(first)
    clash = inserting(Claim(biz_line="L", name="n"))
    clash.append(Line(no=no("A"), seq=1, text="second"))
    with pytest.raises(ChangeRejected) as caught:
        await journal.commit(clash)

    assert caught.value.sqlstate == "23505"
    assert await journal.every(Claim) == []
    assert [line.text for line in await journal.every(Line)] == ["first"]
    assert not await journal.committed(clash.id)


async def test_a_unique_index_rejects(journal):
    """What another unique index refuses is a bug, not a refusal."""
    await journal.commit(inserting(Leg(no=no("A"), seq=1, open=True)))
    with pytest.raises(ChangeRejected) as caught:
        await journal.commit(inserting(Leg(no=no("A"), seq=2, open=True)))

    assert caught.value.sqlstate == "23505"
    assert len(await journal.every(Leg)) == 1


async def test_an_append_may_follow_the_update_that_makes_room(journal):
    """Updates come before appends: one change closes a leg and opens the next."""
    await journal.commit(inserting(Leg(no=no("A"), seq=1, open=True)))
    change = new()
    change.update(Leg(no=no("A"), seq=1, open=False), version=1)
    change.append(Leg(no=no("A"), seq=2, open=True))

    assert await journal.commit(change) is None
    assert [False, True] == [leg.open for leg in await journal.within(Leg, no("A"))]


@pytest.mark.parametrize(
    ("row", "sqlstate"),
    [
        (Paper(no=no("A"), amount=-1), "23514"),
        (Paper(no=no("A"), amount=2**70), "22003"),
        (Paper(no=no("A"), extra=Json("{")), "22P02"),
        (Claim(biz_line="L", name="\x00"), "22021"),
    ],
)
async def test_a_value_that_cannot_be_is_rejected(journal, row, sqlstate):
    """What a column cannot hold is the change's own fault, and class 22 or 23."""
    with pytest.raises(ChangeRejected) as caught:
        await journal.commit(inserting(Coupon(coupon_no="C"), row))

    assert caught.value.sqlstate[:2] == sqlstate[:2]
    assert await journal.every(Coupon) == []


@pytest.mark.parametrize("amount", [2**63 - 1, -(2**63)])
async def test_a_number_may_be_as_large_as_its_column(journal, amount):
    """The last number that fits is written and comes back."""
    change = new()
    change.add(Balance(account="a", slot=0, amount=amount))

    assert await journal.commit(change) is None
    assert [amount] == [row.amount for row in await journal.every(Balance)]


async def test_what_is_wrong_with_a_row_is_said_before_that_its_key_is_taken(journal):
    """A bug is not hidden by a refusal: the row could not have been written anyway."""
    await journal.commit(inserting(Paper(no=no("A"))))
    with pytest.raises(ChangeRejected) as caught:
        await journal.commit(inserting(Paper(no=no("A"), amount=-1)))

    assert caught.value.sqlstate == "23514"


async def test_what_came_before_a_rejection_is_taken_back(journal):
    """Rows that were replaced stand again, new ones are gone, and can be found so."""
    paper = Paper(no=no("A"), extra=Json('{"a": 1}'))
    await journal.commit(inserting(paper, Leg(no=no("A"), seq=1, open=True)))
    clash = inserting(Paper(no=no("B"), extra=Json('{"b": 2}')))
    clash.update(Paper(no=no("A"), amount=5), version=1)
    clash.append(Leg(no=no("A"), seq=2, open=True))
    with pytest.raises(ChangeRejected):
        await journal.commit(clash)

    assert await journal.every(Paper) == [paper]
    assert await journal.load(Paper, no("B")) is None
    with pytest.raises(ChangeRejected):
        await journal.commit(inserting(Leg(no=no("A"), seq=2, open=True)))


async def test_a_trigger_rejects(journal):
    """A transition that the database refuses is a bug of class 23514."""
    await journal.commit(inserting(Paper(no=no("A"), colour=Colour.BLUE)))
    change = new()
    change.update(Paper(no=no("A"), colour=Colour.RED), version=1)
    with pytest.raises(ChangeRejected) as caught:
        await journal.commit(change)

    assert caught.value.sqlstate == "23514"
    assert (await journal.load(Paper, no("A"))).version == 1


async def test_a_row_named_twice_is_a_bug(journal):
    """One change says at most one thing of one row."""
    change = inserting(Paper(no=no("A")))
    change.update(Paper(no=no("A")), version=1)
    with pytest.raises(ChangeRejected) as caught:
        await journal.commit(change)

    assert "21000: the change names one row twice" == str(caught.value)


# --- order, ids, the end --------------------------------------------------------------


async def test_changes_of_one_row_keep_their_order(journal):
    """Each of many updates at once sees the one before it."""
    await journal.commit(inserting(Paper(no=no("A"))))
    changes = [new() for _ in range(30)]
    for at, change in enumerate(changes):
        change.update(Paper(no=no("A"), amount=at), version=1 + at)
    answers = await asyncio.gather(*map(journal.commit, changes))

    assert [None] * 30 == answers
    assert await journal.load(Paper, no("A")) == Paper(
        no=no("A"), version=31, amount=29
    )


async def test_of_two_at_once_one_is_refused(journal):
    """Two changes made from the same version: the first wins, the second sees it."""
    await journal.commit(inserting(Paper(no=no("A"))))
    changes = [new() for _ in range(2)]
    for at, change in enumerate(changes):
        change.update(Paper(no=no("A"), amount=at), version=1)
        change.append(Line(no=no("A"), seq=at))
    answers = await asyncio.gather(*map(journal.commit, changes))

    stands = Paper(no=no("A"), version=2, amount=0)
    assert [None, Refused("t_paper", stands)] == answers
    assert len(await journal.every(Line)) == 1


async def test_a_change_is_written_once(journal):
    """The same change again, or twice at once, is written once and answered alike."""
    change = new()
    change.add(Balance(account="a", slot=0, amount=1))
    assert not await journal.committed(change.id)
    answers = await asyncio.gather(journal.commit(change), journal.commit(change))

    assert [None, None, None] == [*answers, await journal.commit(change)]
    assert await journal.committed(change.id)
    assert [1] == [row.amount for row in await journal.every(Balance)]


async def test_a_refused_change_may_come_again(journal):
    """A refusal leaves nothing behind, not even the change's id."""
    change = counting("c", 5, limit=5)
    await journal.commit(counting("c", 5, limit=5))
    assert (await journal.commit(change)).row.used == 5
    await journal.commit(counting("c", -5))

    assert await journal.commit(change) is None


async def test_days_of_one_change_may_differ(journal):
    """A change may touch payments of several partitions, beside others' changes."""
    numbers = [no(n, day) for n in range(5) for day in ("261101", DAY, "261130")]
    await asyncio.gather(
        journal.commit(inserting(*(Paper(no=n) for n in numbers))),
        *(journal.commit(inserting(Leg(no=n, seq=1))) for n in numbers),
    )
    change = new()
    for number in numbers:
        change.update(Paper(no=number, amount=1), version=1)

    assert await journal.commit(change) is None
    assert {1} == {paper.amount for paper in await journal.every(Paper)}
    assert len(await journal.every(Leg)) == len(numbers)


async def test_a_closed_journal_takes_nothing(journal):
    """What is being written is finished; what comes after is refused."""
    changes = [inserting(Coupon(coupon_no=str(n))) for n in range(5)]
    tasks = [asyncio.create_task(journal.commit(change)) for change in changes]
    await asyncio.sleep(0)
    await journal.close()

    assert [None] * 5 == await asyncio.gather(*tasks)
    with pytest.raises(Unavailable):
        await journal.commit(new())

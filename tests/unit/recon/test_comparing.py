"""Days compared on a real database: what agrees, what differs, and what waits."""

from datetime import timedelta

import asyncpg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from statement_books import DAY, NOON, TERMS

from paycore.gateway.statement import StatementLine, Trade
from paycore.recon.comparing import CLEAN
from paycore.recon.match import Kind, Leg, Line, Seen, Status, judge

NEXT = DAY + timedelta(days=1)
MIDNIGHT = NOON + timedelta(hours=12)
SECOND = timedelta(seconds=1)


async def test_a_day_that_agrees_leaves_nothing(books):
    """All lines matched, nothing in the pool, both sums the same."""
    lines = [await books.leg(amount=100 * n) for n in range(1, 6)]
    lines.append(await books.leg(kind="REFUND", amount=50))
    await books.leg(status="GW_FAIL")
    await books.leg(status="GW_DOING")
    figures = await books.compare(lines)

    assert (6, 6, 0, {}) == (
        figures.lines,
        figures.matched,
        figures.pooled,
        figures.differences,
    )
    assert [(5, 1500), (1, 50)] == [(one.count, one.amount) for one in figures.theirs]
    assert [(5, 1500), (1, 50)] == [(one.count, one.amount) for one in figures.ours]
    assert ([], []) == (await books.found(), await books.pool())


async def test_each_kind_is_found_and_nothing_else(books):
    """One of each among lines that agree."""
    good = [await books.leg() for _ in range(20)]
    bad = [await books.leg() for _ in range(7)]
    behind = await books.leg(status="GW_FAIL")
    stranger = good[0]._replace(
        request_no=good[0].request_no[:15] + "Z" * 11 + "01",
        pay_order_no=good[0].request_no[:15] + "Z" * 11,
        channel_ref="9" * 20,
    )
    lines = [
        *good,
        behind,
        stranger,
        good[3],
        bad[0]._replace(amount=1),
        bad[1]._replace(fee=6),
        bad[2]._replace(currency="USD"),
        bad[3]._replace(moved=False),
        bad[4]._replace(request_no="#00ff", pay_order_no="?"),
        bad[5]._replace(at=NOON - timedelta(days=1)),
        StatementLine.unreadable(0, "x;y"),
    ]
    figures = await books.compare(lines)
    expected = [
        (Kind.AMOUNT, bad[0].request_no),
        (Kind.FEE, bad[1].request_no),
        (Kind.CURRENCY, bad[2].request_no),
        (Kind.STATUS_THEIRS, bad[3].request_no),
        (Kind.UNKNOWN_LINE, "#00ff"),
        (Kind.UNKNOWN_LINE, ""),
        (Kind.OTHER_DAY, bad[5].request_no),
        (Kind.STATUS_OURS, behind.request_no),
        (Kind.WE_LACK, stranger.request_no),
        (Kind.DUPLICATE_LINE, good[3].request_no),
    ]

    assert sorted(expected) == [one[:2] for one in await books.found()]
    assert 20 == figures.matched
    # The garbled one was recognised by the bank's own number, and does not wait.
    assert [(bad[6].request_no, "WAITING")] == await books.pool()


async def test_what_falls_across_midnight_is_no_difference(books):
    """Their day and ours differ by a second or so, either way: nothing is told, and
    nothing waits once the other day was compared, whichever was first.
    """
    theirs_first = await books.leg(at=MIDNIGHT + SECOND, opened=MIDNIGHT - SECOND)
    ours_first = await books.leg(at=MIDNIGHT - SECOND)
    before = theirs_first._replace(at=MIDNIGHT - SECOND)
    after = ours_first._replace(at=MIDNIGHT + SECOND)
    today = await books.compare([before])
    assert [(ours_first.request_no, "WAITING")] == await books.pool()
    tomorrow = await books.compare([after], day=NEXT)

    assert (1, 1) == (today.matched, tomorrow.matched)
    assert [] == await books.found()
    assert [(ours_first.request_no, "FOUND")] == await books.pool()


async def test_the_days_may_be_compared_in_any_order(books):
    """A statement that came late finds what was found without it."""
    ours_first = await books.leg(at=MIDNIGHT - SECOND)
    await books.compare([ours_first._replace(at=MIDNIGHT + SECOND)], day=NEXT)
    await books.compare([])

    assert ([], []) == (await books.found(), await books.pool())


@pytest.mark.parametrize(
    ("kind", "named"),
    [("DEDUCT", Kind.THEY_LACK), ("REFUND", Kind.REFUND_MISSING)],
)
async def test_what_no_statement_has_is_told_after_three_days(books, kind, named):
    """Not before, as of its own day, and once; it heals where it comes after all."""
    line = await books.leg(kind=kind)
    await books.compare([])
    for days in (1, 2):
        await books.compare([], day=DAY + timedelta(days=days))
        assert [] == await books.found()
    for _ in range(2):
        await books.compare([], day=DAY + timedelta(days=3))
        assert [(named, line.request_no, DAY.isoformat())] == await books.found()
    late = await books.compare([line], day=DAY + timedelta(days=4))

    assert [(line.request_no, "FOUND")] == await books.pool()
    assert {Kind.OTHER_DAY: 1} == late.differences
    assert [named] == [one[0] for one in await books.found(healed=True)]


async def test_a_day_that_lacks_is_waited_for(books):
    """Three statements must have been seen, not three days have passed."""
    await books.leg()
    await books.compare([])
    for days in (1, 3, 4):
        await books.compare([], day=DAY + timedelta(days=days))

    assert [] == await books.found()
    await books.compare([], day=DAY + timedelta(days=2))
    assert [Kind.THEY_LACK] == [one[0] for one in await books.found()]


async def test_a_line_again_in_another_days_statement_is_one_too_many(books):
    """The first that was compared is good, the other not, however often it is run."""
    line = await books.leg()
    for _ in range(2):
        first = await books.compare([line])
        second = await books.compare([line], day=NEXT)
        assert (1, 0) == (first.matched, second.matched)

    assert [(Kind.DUPLICATE_LINE, line.request_no, NEXT.isoformat())] == (
        await books.found()
    )


async def test_lines_without_a_number_are_not_one_another_again(books):
    """An account that takes money for others as well: none of theirs is a second time
    of another, and one that has lost its number is known by the channel's reference.
    """
    ours = await books.leg()
    lost = ours._replace(request_no="", pay_order_no="")
    strangers = [lost._replace(channel_ref=ref) for ref in ("pi_1", "pi_2")]
    figures = await books.compare([*strangers, lost])

    assert {Kind.UNKNOWN_LINE: 3} == figures.differences
    assert [] == await books.pool()


async def test_the_same_day_again_gives_the_same(books):
    """Not a row more, not a row otherwise."""
    legs = [await books.leg() for _ in range(10)]
    lines = [*legs[:8], legs[0], legs[8]._replace(amount=1)]
    await books.compare(lines)
    once = await books.everything()
    books.now += timedelta(hours=1)
    await books.compare(lines)

    assert once == await books.everything()


async def test_a_corrected_file_heals_what_it_mends(books):
    """And it is a difference again where it is false again."""
    line = await books.leg()
    false = line._replace(amount=1)
    await books.compare([false])
    assert [Kind.AMOUNT] == [one[0] for one in await books.found()]
    await books.compare([line])
    assert ([], 1) == (await books.found(), len(await books.found(healed=True)))
    await books.compare([false])
    assert [Kind.AMOUNT] == [one[0] for one in await books.found()]


async def test_a_corrected_file_takes_back_what_was_found_in_it(books):
    """What waited for a day, was found in the next one's file and is gone from that
    waits again, and is told of when its three days are over.
    """
    line = await books.leg()
    days = [DAY + timedelta(days=ahead) for ahead in range(4)]
    await books.compare([])
    for lines in ([line], [line]):
        await books.compare(lines, day=days[1])
        assert [(line.request_no, "FOUND")] == await books.pool()
    await books.compare([], day=days[1])
    assert [(line.request_no, "WAITING")] == await books.pool()
    for day in days[2:]:
        await books.compare([], day=day)

    assert [(Kind.THEY_LACK, line.request_no)] == [
        one[:2] for one in await books.found()
    ]


@pytest.mark.parametrize("turn", [1, -1])
async def test_a_try_that_moved_nothing_is_no_second_movement(books, turn):
    """A file may list the wrong code before the right one, under one number: one line
    moved, both agree, and nothing is too much.
    """
    line, failed = await books.leg(), await books.leg(status="GW_FAIL")
    refused = line._replace(moved=False)
    lines = [*[refused, line][::turn], failed._replace(moved=False)]
    figures = await books.compare(lines)
    await books.compare([], day=NEXT)

    assert (3, 3, {}) == (figures.lines, figures.matched, figures.differences)
    assert ([], []) == (await books.found(), await books.pool())
    moved = await books.connection.fetch(
        "SELECT count(*) FILTER (WHERE moved) AS moved, count(*) AS lines"
        " FROM recon_line JOIN recon_statement USING (statement_id)"
        " WHERE channel = $1",
        books.channel,
    )
    assert [(1, 3)] == [tuple(row) for row in moved]


async def test_a_try_of_the_day_before_is_not_the_first_of_two(books):
    """What did not move yesterday, and today did, moved once."""
    line = await books.leg(at=MIDNIGHT + SECOND, opened=MIDNIGHT - SECOND)
    await books.compare([line._replace(moved=False, at=MIDNIGHT - SECOND)])
    await books.compare([line], day=NEXT)

    assert [] == [one for one in await books.found() if one[0] is Kind.DUPLICATE_LINE]


async def test_what_comes_again_is_told_again(books):
    """A difference that was healed and is there once more has nobody who knows of it;
    it comes with what it is about now.
    """
    line = await books.leg()
    lacking, told = line._replace(moved=False), books.now
    await books.compare([lacking])
    await books.connection.execute(
        "UPDATE recon_difference SET told_at = $2 WHERE channel = $1",
        *(books.channel, told),
    )
    await books.compare([line])
    await books.compare([lacking._replace(amount=7)])
    (row,) = await books.connection.fetch(
        "SELECT told_at, healed_at, returned, their_amount FROM recon_difference"
        " WHERE channel = $1",
        books.channel,
    )

    assert (None, None, 1, 7) == tuple(row)
    with pytest.raises(asyncpg.CheckViolationError):
        await books.connection.execute(
            "UPDATE recon_difference SET found_at = found_at + interval '1 s'"
            " WHERE channel = $1",
            books.channel,
        )


async def test_another_amount_is_another_difference(books):
    """So much was parked for the first, and no other sum may leave suspense for it."""
    line = await books.leg()
    await books.compare([line._replace(amount=2000)])
    await books.compare([line._replace(amount=1251)])

    assert 1 == len(await books.found())
    assert 1 == len(await books.found(healed=True))


async def test_another_accounts_legs_are_strangers(books):
    """A line names what its own account was asked for, and nothing else."""
    line = await books.leg()
    books.channel, mine = f"other_{books.channel}", books.channel
    books.key = (books.channel, "main")
    figures = await books.compare([line])

    assert mine != books.channel
    assert {Kind.WE_LACK: 1} == figures.differences


async def test_an_old_payments_leg_is_found_by_its_line(books):
    """However long ago it was opened."""
    line = await books.leg(opened=NOON - timedelta(days=40))
    figures = await books.compare([line])

    assert 1 == figures.matched
    assert [] == await books.found()


# --- what SQL calls agreement ---------------------------------------------------------

ASK = f"""
SELECT {CLEAN} IS TRUE FROM (SELECT $5::text AS trade, $6::bigint AS amount,
    $7::text AS currency, $8::bigint AS fee, $9::boolean AS moved,
    $10::timestamptz AS at, $11::text AS said) AS t
LEFT JOIN (SELECT $12::bigint AS amount, $13::text AS currency, true AS of_day,
    $14::boolean AS there) AS m ON m.there
"""


cases = st.tuples(
    st.sampled_from(Trade),
    st.integers(1, 400),
    st.sampled_from(["CNY", "USD"]),
    st.one_of(st.none(), st.integers(0, 3)),
    st.booleans(),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 400)),
)


async def test_sql_and_the_table_agree_on_what_agrees(books):
    """A line that the join calls clean is one that `judge` finds nothing wrong with,
    and the other way about, wherever the leg is a success of the day.
    """
    drawn = []

    @settings(max_examples=300, database=None)
    # Few that are drawn are clean, in some runs none.
    @example((Trade.CHARGE, 1, "CNY", None, True, True, 1), True, False)
    @given(cases, st.booleans(), st.booleans())
    def draw(case, same, agreed):
        drawn.append((case, same, agreed))

    draw()
    clean = 0
    for (trade, amount, currency, fee, moved, today, other), same, agreed in drawn:
        terms = TERMS if agreed else None
        leg = None
        if other is not None:
            ours = amount if same else other
            leg = Leg(status=Status.PAID, amount=ours, currency="CNY")
        line = Line(
            trade=trade,
            request_no=f"{NOON:%y%m%d%H%M%S}000{1:011d}01",
            amount=amount,
            currency=currency,
            fee=fee,
            moved=moved,
            of_this_day=today,
        )
        at = NOON if today else NOON + timedelta(days=1)
        rates = (3800, 0) if agreed else (None, None)
        said = await books.connection.fetchval(
            ASK,
            *(MIDNIGHT - timedelta(days=1), MIDNIGHT, *rates),
            *(trade, amount, currency, fee, moved, at, ""),
            *(leg and leg.amount, leg and leg.currency, leg is not None),
        )
        clean += said
        judged = judge(Seen(line=line, leg=leg, terms=terms))
        assert (judged is None) == said, (line, leg, terms, judged)

    assert clean

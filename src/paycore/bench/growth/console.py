"""What operators ask at the console, by the functions that its calls are answered with.

Each page as it is opened, and each search at its dearest: by a number of a channel, and
for what is rare among much, where a page looks at so many and says how far it came.
"""

from collections.abc import Awaitable, Sequence
from datetime import timedelta

from paycore.accounting import queries as accounting
from paycore.api.door import READ_WITHIN_S
from paycore.api.queries import backlog
from paycore.bench.growth.asking import Asker, Question
from paycore.bench.growth.queries import Sample
from paycore.core.agreements import queries as agreements
from paycore.core.looks import queries as looks
from paycore.core.looks.queries import Asked
from paycore.core.overview import service as overview
from paycore.core.refunds import queries as refunds
from paycore.coupon import queries as coupons
from paycore.desk import queries as desk
from paycore.kernel.terms import BizStatus, PayOrderNo
from paycore.notify import queries as notices
from paycore.notify.queries import Looked
from paycore.operators import queries as operators
from paycore.recon import queries as recon

PAGE = 50

MOST_CASES, MOST_ACTS = 100, 1_000
"""As the calls have it."""

DAY = timedelta(days=1)

NOBODYS = "nobody's"
"""What no payment has."""


async def _overview(asker: Asker, _about: Sample) -> None:
    await overview.overview(asker.node, asker.pool)
    await backlog(asker.pool, within_s=READ_WITHIN_S)


def _payments(asker: Asker, **wanted: object) -> Awaitable[object]:
    asked = Asked(**wanted)  # type: ignore[arg-type]
    return looks.search(asker.pool, asked, before=None, limit=PAGE)


async def _named(asker: Asker, about: Sample, number: str) -> None:
    """As a number is looked up, and what it names is shown."""
    numbers = await looks.named(asker.pool, [about.biz_line], number)
    await _payments(asker, numbers=numbers)


async def _one(asker: Asker, about: Sample) -> None:
    no = PayOrderNo(about.pay_order_no)
    await looks.whole(asker.pool, no)
    await desk.cases(asker.pool, pay_order_no=no, limit=MOST_CASES)


async def _timeline(asker: Asker, about: Sample) -> None:
    no = PayOrderNo(about.pay_order_no)
    items = await looks.timeline(asker.pool, no)
    notices = [str(one.detail["id"]) for one in items if one.kind == "notice"]
    cases = await desk.cases(asker.pool, pay_order_no=no, limit=MOST_CASES)
    await desk.steps(asker.pool, [one.case_id for one in cases])
    await operators.about(asker.pool, [no, *notices], limit=MOST_ACTS)


def _refunds(
    asker: Asker, *, numbers: Sequence[str] | None = None, status: str | None = None
) -> Awaitable[object]:
    asked = refunds.Asked(numbers=numbers, status=status)
    return refunds.page(asker.pool, asked, before=None, limit=PAGE)


async def _unknown(asker: Asker, _about: Sample) -> None:
    """Payments and refunds whose result is unknown, oldest first."""
    await looks.oldest_unknown(asker.pool, Asked(), after=None, limit=PAGE)
    await refunds.oldest_unknown(asker.pool, refunds.Asked(), after=None, limit=PAGE)


def _notices(asker: Asker, looked: Looked) -> Awaitable[object]:
    return notices.page(asker.pool, looked, before=None, limit=PAGE)


def _days(asker: Asker) -> Awaitable[object]:
    return recon.page(
        asker.pool, channel=None, since=None, until=None, after=None, limit=PAGE
    )


def _postings(
    asker: Asker, *, day: Sample | None = None, account: str | None = None
) -> Awaitable[object]:
    begins = None
    if day is not None:
        begins = day.created_at.replace(hour=0, minute=0, second=0, microsecond=0)
    return accounting.page(
        asker.pool,
        begins=begins,
        ends=None if begins is None else begins + DAY,
        account=account,
        before=None,
        limit=PAGE,
    )


def _agreements(asker: Asker) -> Awaitable[object]:
    return agreements.page(
        asker.pool, cards=None, state=None, channel=None, before=None, limit=PAGE
    )


def _coupons(asker: Asker, about: Sample) -> Awaitable[object]:
    return coupons.page(
        asker.pool,
        lines=[about.biz_line],
        coupon_no=None,
        state=None,
        after=None,
        limit=PAGE,
    )


QUESTIONS: tuple[tuple[str, Question], ...] = (
    ("the overview", _overview),
    ("payments, newest first", lambda a, _: _payments(a)),
    (
        "payments of a line on some day",
        lambda a, p: _payments(
            a, biz_line=p.biz_line, since=p.created_at, until=p.created_at + DAY
        ),
    ),
    (
        "payments that were not paid",
        lambda a, _: _payments(a, biz_status=BizStatus.FAIL),
    ),
    (
        "a line's payments that were not paid",
        lambda a, p: _payments(a, biz_line=p.biz_line, biz_status=BizStatus.FAIL),
    ),
    ("payments that are open", lambda a, _: _payments(a, biz_status=BizStatus.DOING)),
    ("unknown results, oldest first", _unknown),
    ("payments by the end of a card", lambda a, p: _payments(a, tail=p.tail)),
    ("payments by the end of a phone", lambda a, p: _payments(a, tail=p.phone_tail)),
    ("a payment by a line's number", lambda a, p: _named(a, p, p.out_biz_no)),
    ("a payment by a channel's number", lambda a, p: _named(a, p, p.channel_ref)),
    ("a number that nobody gave", lambda a, p: _named(a, p, NOBODYS)),
    (
        "payments with a rare code (none)",
        lambda a, _: _payments(a, resp_code=NOBODYS),
    ),
    ("payments by a rare channel (none)", lambda a, _: _payments(a, channel=NOBODYS)),
    (
        "a line's payments by a rare channel (none)",
        lambda a, p: _payments(a, biz_line=p.biz_line, channel=NOBODYS),
    ),
    (
        "a line's rare payments of an amount (none)",
        lambda a, p: _payments(a, biz_line=p.biz_line, amount_from=10**12),
    ),
    ("one payment with all it has", _one),
    ("all that happened to it", _timeline),
    ("refunds, newest first", lambda a, _: _refunds(a)),
    ("a payment's refunds", lambda a, p: _refunds(a, numbers=[p.pay_order_no])),
    ("refunds that were refused", lambda a, _: _refunds(a, status="FAIL")),
    ("notices, newest first", lambda a, _: _notices(a, Looked())),
    (
        "notices that are parked (none)",
        lambda a, _: _notices(a, Looked(state="PARKED")),
    ),
    (
        "notices of some day",
        lambda a, p: _notices(a, Looked(since=p.created_at, until=p.created_at + DAY)),
    ),
    ("notices of a rare kind (none)", lambda a, _: _notices(a, Looked(type=NOBODYS))),
    ("days of reconciliation", lambda a, _: _days(a)),
    ("postings, newest first", lambda a, _: _postings(a)),
    ("postings of some day", lambda a, p: _postings(a, day=p)),
    ("postings of a rare account (none)", lambda a, _: _postings(a, account=NOBODYS)),
    ("the trial balance", lambda a, _: accounting.of_day(a.pool, None)),
    ("agreements", lambda a, _: _agreements(a)),
    ("coupons", _coupons),
)

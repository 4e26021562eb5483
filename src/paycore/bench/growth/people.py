"""What people ask of the API and by commands, and what the workers' upkeep does.

The same functions that those call, each for payments from all over the history.
"""

from collections.abc import Awaitable
from datetime import datetime, timedelta

from paycore.accounting import queries as accounting
from paycore.api.queries import backlog
from paycore.bench.growth.asking import ENOUGH_S, Asker, Question
from paycore.bench.growth.queries import Sample
from paycore.core import queries as payments
from paycore.core import service as core
from paycore.core.timeline import timeline
from paycore.coupon.queries import coupons
from paycore.desk.queries import cases
from paycore.kernel.terms import BizLineId, BizStatus, PayOrderNo
from paycore.notify import queries as notices

PAGE = 50

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def _line(about: Sample) -> BizLineId:
    return BizLineId(about.biz_line)


def _no(about: Sample) -> PayOrderNo:
    return PayOrderNo(about.pay_order_no)


def _search(asker: Asker, about: Sample, **asked: object) -> Awaitable[object]:
    return payments.search(asker.pool, _line(about), limit=PAGE, **asked)  # type: ignore[arg-type]


def _find(asker: Asker, **asked: object) -> Awaitable[object]:
    return payments.find(asker.pool, limit=PAGE, **asked)  # type: ignore[arg-type]


def _notices(asker: Asker, **asked: object) -> Awaitable[object]:
    return notices.notices(asker.pool, limit=PAGE, **asked)  # type: ignore[arg-type]


def _day(about: Sample) -> dict[str, datetime]:
    return {"since": about.created_at, "until": about.created_at + DAY}


def _made(asker: Asker, about: Sample) -> Awaitable[object]:
    since = about.created_at
    line = _line(about)
    wanted = notices.Wanted(since=since, until=since + HOUR, biz_line=line)
    return notices.made(asker.pool, wanted, after=("", ""), limit=PAGE)


QUESTIONS: tuple[tuple[str, Question], ...] = (
    ("a payment by its number", lambda a, p: core.get(a.node, _line(p), _no(p))),
    ("its timeline", lambda a, p: timeline(a.node, _no(p))),
    ("what was posted for it", lambda a, p: accounting.entries(a.pool, _no(p))),
    ("its notices", lambda a, p: _notices(a, pay_order_no=p.pay_order_no)),
    (
        "a payment by its line's number",
        lambda a, p: _search(a, p, out_biz_no=p.out_biz_no),
    ),
    (
        "a payment by some line's number",
        lambda a, p: _find(a, out_biz_no=p.out_biz_no),
    ),
    ("a line's newest payments", _search),
    ("a line's payments of some day", lambda a, p: _search(a, p, **_day(p))),
    ("all lines' payments of some day", lambda a, p: _find(a, **_day(p))),
    (
        "payments by the ends of card and phone",
        lambda a, p: _find(a, card_tail=p.tail, phone_tail=p.phone_tail),
    ),
    (
        "a line's failed payments (none)",
        lambda a, p: _search(a, p, biz_status=BizStatus.FAIL),
    ),
    ("open cases at the desk", lambda a, _: cases(a.pool, status="OPEN", limit=PAGE)),
    ("parked notices (none)", lambda a, _: _notices(a, status="PARKED")),
    ("notices of some hour, to send again", _made),
    ("how many notices stand where", lambda a, _: notices.standing(a.pool)),
    ("what waits, at each scrape", lambda a, _: backlog(a.pool, within_s=ENOUGH_S)),
    (
        "payments that are overdue (none)",
        lambda a, p: payments.overdue(a.pool, p.created_at),
    ),
    ("all balances", lambda a, _: accounting.balances(a.pool)),
    ("the trial balance", lambda a, _: accounting.trial_balance(a.pool)),
    (
        "balances against their entries",
        lambda a, _: accounting.differing_balances(a.pool),
    ),
    (
        "a line's used coupons",
        lambda a, p: coupons(a.pool, biz_line=p.biz_line, status="USED", limit=PAGE),
    ),
)

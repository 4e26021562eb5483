"""What was refused, and what was never answered, against what stands. Pure.

A refusal promises nothing but that nothing was done. Here the payers are known, and
what they may be refused with: there is no wrong request, no wrong key, no card of
somebody else's. So every other refusal is a difference, and so is an order that exists
although its line was told that it does not.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from paycore.bench.drills.kill.compare import Difference, Facts
from paycore.bench.drills.kill.heard import Call, Heard, Refused, number_in, ordered
from paycore.kernel.errors import BizCheckError, CouponRefused

MAY_BE = frozenset(
    {
        ("open", CouponRefused.code),
        ("confirm", BizCheckError.code),
        ("confirm", CouponRefused.code),
        ("codes", BizCheckError.code),
        ("close", BizCheckError.code),
    }
)
"""Who comes too late, or while the bank is asked; who shares a coupon; who asks and
guesses for as long as an order has room for."""


def called(path: str) -> str:
    """The call that a path stands for."""
    parts = path.split("/")
    return parts[4] if len(parts) > 4 else "open"


def counted(refused: Iterable[Refused]) -> dict[str, int]:
    """How often each call was refused with what."""
    return dict(Counter(f"{called(r.path)} {r.code}" for r in refused if r.key))


def differences(heard: Heard, facts: Facts) -> list[Difference]:
    """All that no payer may be told, and all that none was told at the end."""
    return [
        *_odd(heard.refused, facts),
        *_opened_all_the_same(heard, facts),
        *_unanswered(heard.given_up),
    ]


def _odd(refused: Sequence[Refused], facts: Facts) -> Iterator[Difference]:
    """Refused with what nobody gave cause for."""
    sharers = _sharers(facts)
    for each in refused:
        if each.key is None:
            continue  # an order that is not found is told of as unseen
        if not _may_be(each, facts, sharers):
            what = f"{each.status} {each.code} to {each.path} under {each.key}"
            no = number_in(each.path)
            yield Difference(kind="refused_oddly", pay_order_no=no, what=what)


def _may_be(each: Refused, facts: Facts, sharers: dict[str, set[str]]) -> bool:
    if (called(each.path), each.code) not in MAY_BE:
        return False
    row = facts.payments.get(number_in(each.path) or "")
    if each.code == CouponRefused.code:
        order = ordered(each.path, each.request) or row
        if order is None or order.coupon_no is None:
            return False
        return bool(sharers[order.coupon_no] - {order.out_biz_no})
    return True


def _opened_all_the_same(heard: Heard, facts: Facts) -> Iterator[Difference]:
    """There is an order whose line was refused it, and was never told otherwise.

    Not where others had its coupon as well: it may have been theirs for the one moment
    of the refusal, while an earlier try of the same call was still on its way.
    """
    orders = {row.out_biz_no: row for row in facts.payments.values()}
    heard_of = {call.request for call in heard.given_up}
    told = (ordered(said.path, said.request) for said in heard.answers)
    accepted = {order.out_biz_no for order in told if order is not None}
    sharers = _sharers(facts)
    for each in heard.refused:
        order = ordered(each.path, each.request)
        if order is None or order.out_biz_no in accepted or each.request in heard_of:
            continue
        row = orders.get(order.out_biz_no)
        others = sharers[order.coupon_no or ""] - {order.out_biz_no}
        if row is not None and not others:
            what = f"refused {each.code} under {each.key}, and there is the order"
            no = row.pay_order_no
            yield Difference(kind="refused_and_opened", pay_order_no=no, what=what)


def _unanswered(given_up: Iterable[Call]) -> Iterator[Difference]:
    """Asked again when all was quiet, and not answered all the same."""
    for call in given_up:
        what = f"{call.path} under {call.key} has no answer"
        no = number_in(call.path)
        yield Difference(kind="unanswered", pay_order_no=no, what=what)


def _sharers(facts: Facts) -> dict[str, set[str]]:
    """Who ordered with each coupon, by their lines' own numbers."""
    found = defaultdict[str, set[str]](set)
    for row in facts.payments.values():
        if row.coupon_no is not None:
            found[row.coupon_no].add(row.out_biz_no)
    return found

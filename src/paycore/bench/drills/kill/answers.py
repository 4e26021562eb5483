"""What was acknowledged against what stands: every answer must still be true. Pure.

An answer is held to what it said for good: that there is this order, what was ordered,
an end and everything about an end, a charge, that none was made, that it converted.
What it said of an order under way may be over by now, and is held to nothing else: but
whoever asks after an end was heard must hear of that end, so that what was lost and is
there again is not taken for what was never lost.
And it answers what was asked, about the order that was asked about.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from urllib.parse import parse_qs, urlsplit

import msgspec

from paycore.bench.drills.kill.compare import Facts
from paycore.bench.drills.kill.heard import Said, Told, number_in, ordered
from paycore.core.order import confirm_result_of, order_of
from paycore.core.rows import PaymentRow
from paycore.kernel.terms import BizStatus

_ORDERED = (
    *("out_biz_no", "amount", "payable_amount", "currency"),
    *("created_at", "expires_at"),
)
"""What never changes, from the first answer on."""

_FOR_GOOD = (
    *("biz_status", "verify_status", "resp_code", "resp_msg"),
    *("pay_type", "finished_at"),
)
"""What no longer changes once the status is final."""


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is true no more."""

    kind: str
    pay_order_no: str | None
    what: str
    path: str
    key: str | None
    at: float
    """When it was given, in Unix time."""


def lost(answers: Sequence[Said], facts: Facts) -> list[Lost]:
    """Every answer that does not stand, with the first reason why."""
    found, before = [], _Before(answers)
    for said in answers:
        reasons = chain(_reasons(said, facts), before.reasons(said), _beside(said))
        reason = next(reasons, None)
        if reason is not None:
            found.append(_of(said, *reason))
    return [*found, *_several(answers)]


def repeated(said: Said, status: int, body: bytes) -> Lost | None:
    """The same key again must give the same bytes."""
    if (status, body) == (said.status, said.body):
        return None
    return _of(said, "repeated_otherwise", f"{status} {_short(body)}")


def _reasons(said: Said, facts: Facts) -> Iterator[tuple[str, str]]:
    try:
        told = said.told
    except msgspec.DecodeError:
        yield "unreadable", _short(said.body)
        return
    row = facts.payments.get(told.pay_order_no)
    if row is None:
        yield "order_lost", "there is no such order"
        return
    now = _now(row)
    for name in _ORDERED:
        was, stands = getattr(told, name), getattr(now, name)
        if was is not None and was != stands:
            yield "order_changed", f"{name} was {was}, is {stands}"
    if told.pay_type == "DEDUCT" and now.pay_type != "DEDUCT":
        yield "conversion_lost", f"was DEDUCT, is {now.pay_type}"
    if told.biz_status != BizStatus.DOING:
        yield from _of_an_end(told, now, facts)


def _of_an_end(told: Told, now: Told, facts: Facts) -> Iterator[tuple[str, str]]:
    if told.biz_status != now.biz_status:
        yield "end_lost", f"was {told.biz_status}, is {now.biz_status}"
    for name in _FOR_GOOD:
        was, stands = getattr(told, name), getattr(now, name)
        if was is not None and was != stands:
            yield "end_changed", f"{name} was {was}, is {stands}"
    standing = facts.standing(told.pay_order_no)
    if told.biz_status == BizStatus.SUCCESS:
        if standing != now.payable_amount:
            yield "charge_lost", f"said SUCCESS, the banks hold {standing}"
    elif standing and told.pay_order_no not in facts.open_cases:
        yield "charged_all_the_same", f"said {told.biz_status}, banks hold {standing}"


class _Before:
    """What was heard of each order, and since when."""

    def __init__(self, answers: Iterable[Said]) -> None:
        self._ends: dict[str, tuple[float, str]] = {}
        self._converted: dict[str, float] = {}
        for said in sorted(answers, key=lambda each: each.at):
            told = _told(said)
            if told is None:
                continue
            if told.biz_status != BizStatus.DOING:
                end = said.at, told.biz_status
                self._ends.setdefault(told.pay_order_no, end)
            if told.pay_type == "DEDUCT":
                self._converted.setdefault(told.pay_order_no, said.at)

    def reasons(self, said: Said) -> Iterator[tuple[str, str]]:
        """What it must have said, as others had heard it before this was asked for."""
        told = _told(said)
        if told is None:
            return
        no = told.pay_order_no
        at, end = self._ends.get(no, (said.asked_at, ""))
        if at < said.asked_at and told.biz_status != end:
            yield (
                "end_unsaid",
                f"{end} had been heard {said.asked_at - at:.3f} s before",
            )
        at = self._converted.get(no, said.asked_at)
        if at < said.asked_at and told.pay_type not in ("DEDUCT", None):
            yield "conversion_unsaid", f"DEDUCT had been heard, now {told.pay_type}"


def _beside(said: Said) -> Iterator[tuple[str, str]]:
    """It speaks of the order that was asked about, and of what was ordered."""
    told, number = said.told, number_in(said.path)
    order = ordered(said.path, said.request)
    asked: dict[str, object] = {}
    if number is not None:
        asked = {"pay_order_no": number}
    elif order is None:
        asked = {"out_biz_no": parse_qs(urlsplit(said.path).query)["out_biz_no"][0]}
    else:
        asked = msgspec.structs.asdict(order)
        del asked["coupon_no"]  # which no answer tells
    for name, wanted in asked.items():
        if getattr(told, name) != wanted:
            yield "answered_another", f"asked for {name} {wanted}"


def _told(said: Said) -> Told | None:
    """What it says; None where it cannot be read, which is said of it already."""
    try:
        return said.told
    except msgspec.DecodeError:
        return None


def _now(row: PaymentRow) -> Told:
    """What would be told of an order now, of its order and of its confirm's result."""
    at = row.finished_at or row.created_at
    result = confirm_result_of(row, tries_left=None)
    order = order_of(row, now=at, code_gap_s=0)
    both = msgspec.to_builtins(result) | msgspec.to_builtins(order)
    return msgspec.convert(both, Told)


def _several(answers: Iterable[Said]) -> Iterator[Lost]:
    """Two answers under one key are one answer."""
    first: dict[tuple[str, str, bytes], Said] = {}
    for said in answers:
        if said.key is None:
            continue
        before = first.setdefault((said.path, said.key, said.request), said)
        changed = repeated(before, said.status, said.body)
        if changed is not None:
            yield changed


def _of(said: Said, kind: str, what: str) -> Lost:
    told = _told(said)
    return Lost(
        kind=kind,
        pay_order_no=None if told is None else told.pay_order_no,
        what=f"said {said.status} {_short(said.body)}; {what}",
        path=said.path,
        key=said.key,
        at=said.at,
    )


def _short(body: bytes) -> str:
    return body.decode(errors="replace")[:1000]

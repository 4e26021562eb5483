"""Banks, orders, books, coupons and notices against one another. Pure.

Everything is asked from both sides: what one party has and the other has not is found
whoever lacks it. The faults of this drill stay within what the channels promise (none
is as long as an acceptance window), so late money, which elsewhere would be a case for
a person, is a difference here.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar, cast

import msgspec

from paycore.bench.drills.kill.queries import Entry, Leg, Notice, Ours
from paycore.bench.oracle import Came, Move
from paycore.core.order import order_of
from paycore.core.rows import PaymentRow
from paycore.kernel.terms import BizStatus

RECEIVABLE = "channel_receivable:"

TYPES = (
    (BizStatus.SUCCESS, "payment.succeeded"),
    (BizStatus.FAIL, "payment.failed"),
    (BizStatus.CLOSED, "payment.closed"),
)


BY_CHANCE = frozenset({"CHANNEL_ALARM"})
"""Cases that strangers cause here: a signature or an amount that is wrong."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about which two parties disagree."""

    kind: str
    """A word that stays the same: by it differences are counted."""
    pay_order_no: str | None
    """The payment it is about; None where it is about none."""
    what: str


class Theirs(msgspec.Struct, frozen=True, kw_only=True):
    """What banks and business line say."""

    moves: Sequence[Move]
    came: Sequence[Came]


@dataclass(frozen=True)
class Facts:
    """Everybody's word, by payment."""

    ours: Ours
    theirs: Theirs
    issued: Collection[tuple[str, str]] = ()
    """Business line and number of every coupon that was ever made here."""

    @cached_property
    def payments(self) -> dict[str, PaymentRow]:
        """The orders."""
        return {row.pay_order_no: row for row in self.ours.payments}

    @cached_property
    def money(self) -> dict[str, list[Leg]]:
        """Attempts that asked for money."""
        return _grouped(leg for leg in self.ours.legs if leg.moves_money)

    @cached_property
    def moves(self) -> dict[str, list[Move]]:
        """Money that moved at the banks."""
        return _grouped(self.theirs.moves)

    @cached_property
    def entries(self) -> dict[str, list[Entry]]:
        """Lines of postings."""
        return _grouped(self.ours.entries)

    @cached_property
    def notices(self) -> dict[str, list[Notice]]:
        """Notices of the outbox."""
        return _grouped(self.ours.notices)

    @cached_property
    def open_cases(self) -> set[str]:
        """Payments that a person looks at."""
        return {
            case.pay_order_no
            for case in self.ours.cases
            if case.pay_order_no is not None and case.status == "OPEN"
        }

    def standing(self, pay_order_no: str) -> int:
        """What the banks hold of a payer, refunds taken off."""
        return sum(move.signed for move in self.moves.get(pay_order_no, ()))


def compare(facts: Facts) -> list[Difference]:
    """All differences, by payment."""
    found = [
        *_banks(facts),
        *_legs(facts),
        *_postings(facts),
        *_balances(facts),
        *_coupons(facts),
        *_announced(facts),
        *_delivered(facts),
        *_left(facts),
        *_cases(facts),
    ]
    return sorted(found, key=lambda each: (each.pay_order_no or "", each.kind))


# --- money ----------------------------------------------------------------------------


def _banks(facts: Facts) -> Iterator[Difference]:
    """The banks' moves are the successful legs of the orders that succeeded."""
    paid = {no for no, row in facts.payments.items() if _succeeded(row)}
    for no in sorted(facts.moves.keys() | paid):
        moves, row = facts.moves.get(no, []), facts.payments.get(no)
        if row is None:
            yield _at("charged_unknown", no, f"no such order, and {_spelled(moves)}")
        elif no not in paid:
            yield _at("charged_unpaid", no, f"{row.biz_status}, and {_spelled(moves)}")
        elif not moves:
            yield _at("paid_uncharged", no, "SUCCESS, and no bank charged it")
        elif len(moves) > 1:
            yield _at("charged_twice", no, f"SUCCESS, and {_spelled(moves)}")
        else:
            yield from _same_charge(facts, row, moves[0])


def _same_charge(facts: Facts, row: PaymentRow, move: Move) -> Iterator[Difference]:
    """The one charge is the one that the successful leg asked for."""
    said = (move.kind, move.bank, move.request_id, move.amount, move.currency)
    asked = [
        ("charge", leg.channel, leg.request_no, row.payable_amount, row.currency)
        for leg in _successful(facts, row.pay_order_no)
    ]
    if asked and said not in asked:
        yield _at(
            "charged_otherwise", row.pay_order_no, f"asked {asked}, the bank {said}"
        )


def _legs(facts: Facts) -> Iterator[Difference]:
    """SUCCESS has one successful leg over its own money; nothing else has any."""
    for no in sorted(facts.payments.keys() | facts.money.keys()):
        row, legs = facts.payments.get(no), _successful(facts, no)
        if row is None or not _succeeded(row):
            if legs:
                yield _at("leg_unpaid", no, f"{row and row.biz_status}, {len(legs)}")
        elif len(legs) != 1:
            yield _at("legs_of_success", no, f"{len(legs)} successful money legs")
        elif (legs[0].amount, legs[0].currency) != (row.payable_amount, row.currency):
            yield _at("leg_otherwise", no, f"{legs[0].amount} {legs[0].currency}")


# --- books ----------------------------------------------------------------------------


def _postings(facts: Facts) -> Iterator[Difference]:
    """One posting an order that succeeded, with the lines that its money calls for."""
    posted = _grouped(facts.ours.postings)
    for no in sorted(facts.payments.keys() | posted.keys() | facts.entries.keys()):
        row, postings = facts.payments.get(no), posted.get(no, [])
        wanted = int(row is not None and _succeeded(row))
        if len(postings) != wanted:
            yield _at("posted", no, f"{len(postings)} postings, not {wanted}")
        elif row is not None and wanted:
            yield from _lines(facts, row)
        elif facts.entries.get(no):
            yield _at("entries_stray", no, "entries without a posting")


def _lines(facts: Facts, row: PaymentRow) -> Iterator[Difference]:
    legs = _successful(facts, row.pay_order_no)
    if len(legs) != 1:
        return  # said of the legs already
    wanted = Counter(
        {
            (f"{RECEIVABLE}{legs[0].channel}:{legs[0].account}", row.currency): (
                row.payable_amount
            ),
            ("marketing_cost", row.currency): row.coupon_amount,
            (f"merchant_pending:{row.biz_line}", row.currency): -row.amount,
        }
    )
    found = Counter[tuple[str, str]]()
    for entry in facts.entries.get(row.pay_order_no, ()):
        found[entry.account, entry.currency or "?"] += entry.signed
    if _nonzero(found) != _nonzero(wanted):
        yield _at("posted_otherwise", row.pay_order_no, f"{_nonzero(found)}")


def trial_balance(facts: Facts) -> int:
    """What is left over of debits and credits in each currency, summed: 0."""
    return sum(map(abs, _left_over(facts).values()))


def _left_over(facts: Facts) -> Counter[str]:
    trial = Counter[str]()
    for entry in facts.ours.entries:
        trial[entry.currency or "?"] += entry.signed
    return trial


def _balances(facts: Facts) -> Iterator[Difference]:
    """Nothing is left over in the trial balance; balances are the sums of entries; what
    the channels owe us is what the banks took.
    """
    entered = Counter[tuple[str, str]]()
    for entry in facts.ours.entries:
        entered[entry.account, entry.currency or "?"] += entry.signed
    for currency, left in sorted(_left_over(facts).items()):
        if left:
            yield _at("trial_balance", None, f"{left} {currency} left over")
    kept = Counter({(b.account, b.currency): b.amount for b in facts.ours.balances})
    for name in sorted(entered.keys() | kept.keys()):
        if kept[name] != entered[name]:
            said = f"{name}: balance {kept[name]}, entries {entered[name]}"
            yield _at("balance", None, said)
    yield from _cleared(facts, kept)


def _cleared(facts: Facts, kept: Counter[tuple[str, str]]) -> Iterator[Difference]:
    owed, taken = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for (account, currency), amount in kept.items():
        if account.startswith(RECEIVABLE):
            channel = account.removeprefix(RECEIVABLE).partition(":")[0]
            owed[channel, currency] += amount
    for move in facts.theirs.moves:
        taken[move.bank, move.currency] += move.signed
    for name in sorted(owed.keys() | taken.keys()):
        if owed[name] != taken[name]:
            said = f"{name}: our books {owed[name]}, the bank {taken[name]}"
            yield _at("clearing", None, said)


# --- coupons --------------------------------------------------------------------------


def _coupons(facts: Facts) -> Iterator[Difference]:
    """Used where its order succeeded and nowhere else; no lock stays behind, and none
    that was issued is gone.
    """
    used = {(c.biz_line, c.coupon_no): c.holder for c in facts.ours.coupons}
    for coupon in facts.ours.coupons:
        row = facts.payments.get(coupon.holder or "")
        if coupon.status == "LOCKED":
            yield _at("coupon_locked", coupon.holder, coupon.coupon_no)
        elif coupon.status == "USED" and (row is None or not _succeeded(row)):
            yield _at("coupon_used_unpaid", coupon.holder, coupon.coupon_no)
        elif (
            coupon.status == "USED"
            and row is not None
            and (row.biz_line, row.coupon_no) != (coupon.biz_line, coupon.coupon_no)
        ):
            yield _at("coupon_of_another", coupon.holder, coupon.coupon_no)
    for no, row in facts.payments.items():
        if row.coupon_no is None or not _succeeded(row):
            continue
        if used.get((row.biz_line, row.coupon_no)) != no:
            yield _at("coupon_not_used", no, str(row.coupon_no))
    for biz_line, coupon_no in sorted(set(facts.issued) - used.keys()):
        yield _at("coupon_gone", None, f"{coupon_no} of {biz_line}")


# --- notices --------------------------------------------------------------------------


def _announced(facts: Facts) -> Iterator[Difference]:
    """Every final order has one notice, of its own kind, that says what the order is;
    and no order that is open has any.
    """
    for no in sorted(facts.payments.keys() | facts.notices.keys()):
        row, notices = facts.payments.get(no), facts.notices.get(no, [])
        wanted = [] if row is None else _types(row)
        if [notice.type for notice in notices] != wanted:
            found = [notice.type for notice in notices]
            yield _at("announced", no, f"{found}, not {wanted}")
        elif row is not None and notices and _data(notices[0].body) != _order(row):
            yield _at("announced_otherwise", no, notices[0].body.decode())


def _delivered(facts: Facts) -> Iterator[Difference]:
    """Each has come, signed, as it was written; and nothing came that was not."""
    came = defaultdict[str, list[Came]](list)
    for each in facts.theirs.came:
        came[each.id or ""].append(each)
    for notice in facts.ours.notices:
        found, no = came.pop(notice.notice_id, []), notice.pay_order_no
        if notice.status != "DELIVERED":
            yield _at("notice_undelivered", no, f"{notice.notice_id} {notice.status}")
        if not found:
            yield _at("notice_lost", no, f"{notice.notice_id} never came")
        elif not all(each.verified for each in found):
            yield _at("notice_unsigned", no, f"{notice.notice_id} came unverified")
        elif any(_json(each.payload) != _json(notice.body) for each in found):
            yield _at("notice_otherwise", no, f"{notice.notice_id} came otherwise")
    for each in (each for strays in came.values() for each in strays):
        yield _at("notice_stray", each.pay_order_no, f"{each.id} was never written")


# --- what is left ---------------------------------------------------------------------


def _left(facts: Facts) -> Iterator[Difference]:
    """Nothing is open and in nobody's hands when all is quiet."""
    for row in facts.ours.payments:
        if not row.biz_status.final:
            held = f", held: {row.held}" if row.held else ""
            yield _at("left_open", row.pay_order_no, f"at {row.step}{held}")
        if row.lease_epoch is not None:
            yield _at("left_leased", row.pay_order_no, f"by epoch {row.lease_epoch}")
    for leg in facts.ours.legs:
        if leg.open:
            said = f"attempt {leg.seq:02d} {leg.trans_type}"
            yield _at("left_open_attempt", leg.pay_order_no, said)


def _cases(facts: Facts) -> Iterator[Difference]:
    """Kills and cuts alone give a person nothing to do."""
    for case in facts.ours.cases:
        if case.kind not in BY_CHANCE:
            yield _at("case", case.pay_order_no, f"{case.kind} {case.status}")


# --- how it is read -------------------------------------------------------------------


def _at(kind: str, pay_order_no: str | None, what: str) -> Difference:
    return Difference(kind=kind, pay_order_no=pay_order_no, what=what)


class _Numbered(Protocol):
    @property
    def pay_order_no(self) -> str: ...


N = TypeVar("N", bound=_Numbered)


def _grouped(rows: Iterable[N]) -> dict[str, list[N]]:
    groups = defaultdict[str, list[N]](list)
    for row in rows:
        groups[row.pay_order_no].append(row)
    return dict(groups)


def _succeeded(row: PaymentRow) -> bool:
    return row.biz_status is BizStatus.SUCCESS


def _successful(facts: Facts, no: str) -> list[Leg]:
    return [
        leg for leg in facts.money.get(no, ()) if leg.process_status == "GW_SUCCESS"
    ]


def _types(row: PaymentRow) -> list[str]:
    return [word for status, word in TYPES if row.biz_status is status]


def _order(row: PaymentRow) -> object:
    """The order as anybody would be told it now: a final one has no more now."""
    order = order_of(row, now=row.finished_at or row.created_at, code_gap_s=0)
    return _json(msgspec.json.encode(order))


def _data(body: bytes) -> object:
    found = _json(body)
    return found.get("data") if isinstance(found, dict) else None


def _json(text: str | bytes) -> object:
    try:
        return cast("object", msgspec.json.decode(text))
    except msgspec.DecodeError:
        return None


def _nonzero(sums: Counter[tuple[str, str]]) -> dict[tuple[str, str], int]:
    return {name: amount for name, amount in sums.items() if amount}


def _spelled(moves: Sequence[Move]) -> str:
    said = [
        f"{m.kind} {m.request_id} {m.amount} {m.currency} at {m.bank}" for m in moves
    ]
    return ", ".join(said)

"""A comparer that cannot fail is worth nothing: each kind of difference is planted."""

import a_town
import pytest
from a_town import DEDUCTED, FREE, LEFT, PAID, REFUSED, changed

from paycore.bench.drills.kill import auditing
from paycore.bench.drills.kill.compare import Facts, compare
from paycore.bench.drills.kill.queries import Case, Coupon, Posting
from paycore.kernel.terms import BizStatus


def kinds(facts: Facts) -> list[tuple[str, str | None]]:
    """What was found, and about which payment."""
    return [(each.kind, each.pay_order_no) for each in compare(facts)]


def test_where_everybody_agrees_nothing_is_found():
    """Paid and refused, by quick pay and by deduct, in two currencies."""
    assert [] == kinds(a_town.facts())


def like(row, **changes):
    """A row like another."""
    rows = [row]
    changed(rows, 0, **changes)
    return rows[0]


def _charged_what_failed(f: Facts) -> None:
    f.theirs.moves.append(
        like(f.theirs.moves[0], pay_order_no=REFUSED, request_id=f"{REFUSED}01")
    )


MONEY = {
    "a charge of an order that we do not know": (
        lambda f: changed(f.theirs.moves, 1, pay_order_no="nobody"),
        [("charged_unknown", "nobody"), ("paid_uncharged", DEDUCTED)],
    ),
    "a charge of an order that failed": (
        _charged_what_failed,
        [("charged_unpaid", REFUSED), ("clearing", None)],
    ),
    "a charge of an order that was closed": (
        lambda f: f.theirs.moves.append(like(f.theirs.moves[0], pay_order_no=LEFT)),
        [("charged_unpaid", LEFT), ("clearing", None)],
    ),
    "a case on the desk is no excuse for it": (
        lambda f: (
            f.ours.cases.append(
                Case(kind="LATE_MONEY", pay_order_no=REFUSED, status="OPEN")
            ),
            _charged_what_failed(f),
        ),
        [("case", REFUSED), ("charged_unpaid", REFUSED), ("clearing", None)],
    ),
    "a second charge": (
        lambda f: f.theirs.moves.append(f.theirs.moves[0]),
        [("charged_twice", PAID), ("clearing", None)],
    ),
    "a charge that was given back": (
        lambda f: f.theirs.moves.append(like(f.theirs.moves[0], kind="refund")),
        [("charged_twice", PAID), ("clearing", None)],
    ),
    "no charge": (
        lambda f: f.theirs.moves.pop(1),
        [("paid_uncharged", DEDUCTED), ("clearing", None)],
    ),
    "a charge of another amount": (
        lambda f: changed(f.theirs.moves, 0, amount=701),
        [("charged_otherwise", PAID), ("clearing", None)],
    ),
    "a charge in another currency": (
        lambda f: changed(f.theirs.moves, 0, currency="USD"),
        [("charged_otherwise", PAID), *[("clearing", None)] * 2],
    ),
    "a charge under another request number": (
        lambda f: changed(f.theirs.moves, 1, request_id=f"{DEDUCTED}04"),
        [("charged_otherwise", DEDUCTED)],
    ),
    "a charge at another bank": (
        lambda f: changed(f.theirs.moves, 1, bank="deduct_a"),
        [("charged_otherwise", DEDUCTED), *[("clearing", None)] * 2],
    ),
    "no leg that succeeded": (
        lambda f: changed(f.ours.legs, 2, process_status="GW_FAIL"),
        [("legs_of_success", PAID)],
    ),
    "two legs that succeeded": (
        lambda f: changed(f.ours.legs, 1, process_status="GW_SUCCESS"),
        [("legs_of_success", PAID)],
    ),
    "a leg that succeeded of an order that failed": (
        lambda f: changed(f.ours.legs, 7, process_status="GW_SUCCESS"),
        [("leg_unpaid", REFUSED)],
    ),
    "a leg over other money": (
        lambda f: changed(f.ours.legs, 2, amount=1000),
        [("leg_otherwise", PAID)],
    ),
    "an order whose status was lost": (
        lambda f: changed(f.ours.payments, 0, biz_status=BizStatus.FAIL),
        [
            ("announced", PAID),
            ("charged_unpaid", PAID),
            ("coupon_used_unpaid", PAID),
            ("leg_unpaid", PAID),
            ("posted", PAID),
        ],
    ),
    "an order that was lost": (
        lambda f: f.ours.payments.pop(1),
        [
            ("announced", DEDUCTED),
            ("charged_unknown", DEDUCTED),
            ("leg_unpaid", DEDUCTED),
            ("posted", DEDUCTED),
        ],
    ),
}

BOOKS = {
    "no posting": (lambda f: f.ours.postings.pop(0), [("posted", PAID)]),
    "two postings": (
        lambda f: f.ours.postings.append(like(f.ours.postings[0], kind="AGAIN")),
        [("posted", PAID)],
    ),
    "a posting of an order that failed": (
        lambda f: f.ours.postings.append(
            Posting(pay_order_no=REFUSED, kind="PAYMENT", currency="CNY", amount=999)
        ),
        [("posted", REFUSED)],
    ),
    "entries without a posting": (
        lambda f: f.ours.entries.extend(
            [
                a_town.entry(LEFT, "marketing_cost", "DEBIT", 1, "CNY"),
                a_town.entry(LEFT, "marketing_cost", "CREDIT", 1, "CNY"),
            ]
        ),
        [("entries_stray", LEFT)],
    ),
    "an entry to another account": (
        lambda f: changed(f.ours.entries, 1, account="merchant_pending:shop"),
        [*[("balance", None)] * 2, ("posted_otherwise", PAID)],
    ),
    "an entry of another amount": (
        lambda f: changed(f.ours.entries, 1, amount=301),
        [("balance", None), ("trial_balance", None), ("posted_otherwise", PAID)],
    ),
    "an entry on the other side": (
        lambda f: changed(f.ours.entries, 2, side="DEBIT"),
        [("balance", None), ("trial_balance", None), ("posted_otherwise", PAID)],
    ),
    "a balance that is off": (
        lambda f: changed(f.ours.balances, 1, amount=600),
        [("balance", None)],
    ),
    "a channel's balance that is off": (
        lambda f: changed(f.ours.balances, 0, amount=1400),
        [("balance", None), ("clearing", None)],
    ),
}

COUPONS = {
    "a coupon that was issued and is gone": (
        lambda f: f.ours.coupons.pop(1),
        [("coupon_gone", None)],
    ),
    "a lock that stayed behind": (
        lambda f: changed(f.ours.coupons, 1, status="LOCKED", holder=REFUSED),
        [("coupon_locked", REFUSED)],
    ),
    "a coupon used by an order that failed": (
        lambda f: changed(f.ours.coupons, 1, status="USED", holder=REFUSED),
        [("coupon_used_unpaid", REFUSED)],
    ),
    "a coupon used by nobody that is known": (
        lambda f: changed(f.ours.coupons, 1, status="USED", holder="nobody"),
        [("coupon_used_unpaid", "nobody")],
    ),
    "a coupon used by an order that had another": (
        lambda f: changed(f.ours.coupons, 1, status="USED", holder=PAID),
        [("coupon_of_another", PAID)],
    ),
    "a coupon that its order did not use": (
        lambda f: changed(f.ours.coupons, 0, status="AVAILABLE", holder=None),
        [("coupon_not_used", PAID)],
    ),
    "a coupon of another line": (
        lambda f: f.ours.coupons.append(
            Coupon(biz_line="other", coupon_no=FREE, status="USED", holder=PAID)
        ),
        [("coupon_of_another", PAID)],
    ),
}

NOTICES = {
    "an end that was not announced": (
        lambda f: (f.ours.notices.pop(3), f.theirs.came.pop(3)),
        [("announced", LEFT)],
    ),
    "an end that was announced twice": (
        lambda f: (
            f.ours.notices.append(like(f.ours.notices[0], notice_id="msg_again")),
            f.theirs.came.append(like(f.theirs.came[0], id="msg_again")),
        ),
        [("announced", PAID)],
    ),
    "another end that was announced": (
        lambda f: changed(f.ours.notices, 2, type="payment.closed"),
        [("announced", REFUSED)],
    ),
    "an order that is open, and announced": (
        lambda f: changed(f.ours.payments, 3, biz_status=BizStatus.DOING),
        [("announced", LEFT), ("left_open", LEFT)],
    ),
    "a notice that says what the order is not": (
        lambda f: changed(f.ours.payments, 0, resp_code="OTHER"),
        [("announced_otherwise", PAID)],
    ),
    "a notice that was not delivered": (
        lambda f: changed(f.ours.notices, 0, status="PARKED"),
        [("notice_undelivered", PAID)],
    ),
    "a notice that never came": (
        lambda f: f.theirs.came.pop(1),
        [("notice_lost", DEDUCTED)],
    ),
    "a notice with a bad signature": (
        lambda f: changed(f.theirs.came, 0, verified=False),
        [("notice_unsigned", PAID)],
    ),
    "a repeat with a bad signature": (
        lambda f: f.theirs.came.append(like(f.theirs.came[0], verified=False)),
        [("notice_unsigned", PAID)],
    ),
    "a notice that came otherwise than it was written": (
        lambda f: changed(f.theirs.came, 0, payload='{"type": "payment.failed"}'),
        [("notice_otherwise", PAID)],
    ),
    "a notice that came and was never committed": (
        lambda f: f.theirs.came.append(like(f.theirs.came[0], id="msg_ghost")),
        [("notice_stray", PAID)],
    ),
}

LEFT_BEHIND = {
    "work for a person": (
        lambda f: f.ours.cases.append(
            Case(kind="LOOK_FAILED", pay_order_no=LEFT, status="OPEN")
        ),
        [("case", LEFT)],
    ),
    "work for a person that is done": (
        lambda f: f.ours.cases.append(
            Case(kind="COUPON_GONE", pay_order_no=None, status="RESOLVED")
        ),
        [("case", None)],
    ),
    "an order in somebody's hands": (
        lambda f: changed(f.ours.payments, 3, lease_epoch=7),
        [("left_leased", LEFT)],
    ),
    "an attempt without its last word": (
        lambda f: changed(f.ours.legs, 6, process_status="GW_DOING"),
        [("left_open_attempt", REFUSED)],
    ),
}


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        pytest.param(*planted, id=name)
        for group in (MONEY, BOOKS, COUPONS, NOTICES, LEFT_BEHIND)
        for name, planted in group.items()
    ],
)
def test_what_is_planted_is_found(plant, found):
    """One thing is changed, and that and what follows from it is found, no more."""
    facts = a_town.facts()

    plant(facts)

    assert sorted(found, key=str) == sorted(kinds(facts), key=str)


AUDIT = b"""{"invariants": [
    {"id": "I1", "violations": 3, "unanswered": [], "examples": [
        {"check": "two_legs", "pay_order_no": "1", "about": "", "said": {"legs": 2}}]},
    {"id": "I2", "violations": 0, "unanswered": ["took too long"], "examples": []},
    {"id": "I4", "violations": 0, "unanswered": [], "examples": []}]}
"""


def test_what_the_auditor_says_is_a_difference():
    """Each violation counts, shown or not; what could not be asked is no yes."""
    found = auditing.differences(AUDIT, b"")

    assert ["audit_I1"] * 3 + ["audit_unanswered"] == [each.kind for each in found]
    assert ("1", 'two_legs: {"legs": 2}') == (found[0].pay_order_no, found[0].what)


def test_an_audit_that_says_nothing_is_a_difference():
    """A process that ended without its line is no audit in which all was well."""
    assert ["audit_unanswered"] == [
        each.kind for each in auditing.differences(b"", b"paycore: no database")
    ]


def test_a_repeat_of_a_notice_is_no_difference():
    """At least once is what is promised."""
    facts = a_town.facts()
    facts.theirs.came.append(facts.theirs.came[0])

    assert [] == kinds(facts)

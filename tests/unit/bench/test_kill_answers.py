"""What was acknowledged and does not stand is found, whatever it was."""

import a_town
import msgspec
import pytest
from a_town import (
    DEDUCTED,
    LEFT,
    PAID,
    REFUSED,
    changed,
    of,
    opening_said,
    order_said,
    result_said,
)
from msgspec.structs import replace

from paycore.bench.drills.kill.answers import lost, repeated
from paycore.bench.drills.kill.compare import Facts
from paycore.bench.drills.kill.heard import Heard, Said
from paycore.bench.drills.kill.queries import Case
from paycore.kernel.terms import BizStatus, PayType, VerifyStatus


def kinds(answers: list[Said], facts: Facts) -> list[str]:
    """What was found."""
    return [each.kind for each in lost(answers, facts)]


def everything_said() -> list[Said]:
    """Every answer of the town, from its beginning on."""
    return [
        opening_said(of(PAID)),
        opening_said(of(DEDUCTED)),
        *(result_said(of(no), key=f"r{no}") for no in (PAID, DEDUCTED, REFUSED)),
        *(order_said(of(no), key=f"o{no}") for no in (PAID, DEDUCTED, REFUSED, LEFT)),
        order_said(of(LEFT), key=None),
    ]


def test_what_stands_is_not_lost():
    """Answers under way and answers at the end, of orders and of confirms."""
    assert [] == kinds(everything_said(), a_town.facts())


def late_charge(facts: Facts) -> None:
    """A charge of the order that failed, as some fault may make it."""
    facts.theirs.moves.append(replace(facts.theirs.moves[0], pay_order_no=REFUSED))


PLANTED = {
    "an order that is gone": (
        order_said(replace(of(PAID), biz_status=BizStatus.DOING), status=201),
        lambda f: f.ours.payments.pop(0),
        ["order_lost"],
    ),
    "an order of another amount": (
        order_said(of(PAID)),
        lambda f: changed(f.ours.payments, 0, payable_amount=701),
        ["order_changed"],
    ),
    "an order under another number of its line": (
        result_said(of(PAID)),
        lambda f: changed(f.ours.payments, 0, out_biz_no="other"),
        ["order_changed"],
    ),
    "an order that waits longer than was said": (
        order_said(replace(of(PAID), biz_status=BizStatus.DOING)),
        lambda f: changed(f.ours.payments, 0, expires_at=a_town.NOW),
        ["order_changed"],
    ),
    "a conversion that was taken back": (
        order_said(replace(of(DEDUCTED), biz_status=BizStatus.DOING)),
        lambda f: changed(f.ours.payments, 1, pay_type=PayType.QUICK_PAY),
        ["conversion_lost"],
    ),
    "a SUCCESS that is none": (
        result_said(of(PAID)),
        lambda f: changed(f.ours.payments, 0, biz_status=BizStatus.DOING),
        ["end_lost"],
    ),
    "a FAIL that became a SUCCESS": (
        order_said(of(REFUSED)),
        lambda f: changed(f.ours.payments, 2, biz_status=BizStatus.SUCCESS),
        ["end_lost"],
    ),
    "an end at another time": (
        order_said(of(LEFT)),
        lambda f: changed(f.ours.payments, 3, finished_at=a_town.NOW),
        ["end_changed"],
    ),
    "an end for another reason": (
        result_said(of(REFUSED)),
        lambda f: changed(f.ours.payments, 2, resp_code="OTHER"),
        ["end_changed"],
    ),
    "an end whose code is judged otherwise": (
        result_said(of(REFUSED)),
        lambda f: changed(f.ours.payments, 2, verify_status=VerifyStatus.WRONG),
        ["end_changed"],
    ),
    "a SUCCESS that no bank charged": (
        result_said(of(PAID)),
        lambda f: f.theirs.moves.pop(0),
        ["charge_lost"],
    ),
    "a SUCCESS that was given back": (
        result_said(of(PAID)),
        lambda f: f.theirs.moves.append(replace(f.theirs.moves[0], kind="refund")),
        ["charge_lost"],
    ),
    "a FAIL that was charged": (
        result_said(of(REFUSED)),
        late_charge,
        ["charged_all_the_same"],
    ),
    "bytes that are no answer": (
        replace(result_said(of(PAID)), body=b"{"),
        lambda f: f.theirs.came.clear(),
        ["unreadable"],
    ),
}


@pytest.mark.parametrize(
    ("said", "plant", "found"), PLANTED.values(), ids=PLANTED.keys()
)
def test_an_answer_that_does_not_stand_is_lost(said, plant, found):
    """One answer, one thing that was changed since."""
    facts = a_town.facts()

    plant(facts)

    assert found == kinds([said], facts)


def test_late_money_that_a_person_has_is_no_lost_answer():
    """A case on the desk is what was promised where money comes late."""
    facts = a_town.facts()
    late_charge(facts)
    facts.ours.cases.append(
        Case(kind="LATE_MONEY", pay_order_no=REFUSED, status="OPEN")
    )

    assert [] == kinds([result_said(of(REFUSED))], facts)


def test_what_was_said_of_an_order_under_way_may_be_over():
    """DOING, the code and its words are held to nothing once the order has ended."""
    doing = replace(of(REFUSED), biz_status=BizStatus.DOING, resp_code="CODE_SENT")

    assert [] == kinds([order_said(doing, status=201)], a_town.facts())


def test_two_answers_under_one_key_are_lost():
    """Twice clicked, twice answered: the same bytes, or one of them was wrong."""
    said = result_said(of(PAID))
    order = msgspec.json.decode(said.body)
    other = replace(said, body=msgspec.json.encode({**order, "tries_left": 3}))

    assert [] == kinds([said, said], a_town.facts())
    assert ["repeated_otherwise"] == kinds([said, other], a_town.facts())
    assert [] == kinds([said, replace(other, key="another")], a_town.facts())


def test_a_repeat_with_other_bytes_is_lost():
    """The same key gives the same status and the same bytes, or the answer is lost."""
    said = result_said(of(PAID))

    assert repeated(said, said.status, said.body) is None
    assert "repeated_otherwise" == repeated(said, 200, said.body + b" ").kind
    assert "repeated_otherwise" == repeated(said, 201, said.body).kind
    assert PAID == repeated(said, 0, b"no answer").pay_order_no


def later(said: Said, *, asked_s: float, heard_s: float) -> Said:
    """The same answer, asked for and heard so many seconds later."""
    return replace(said, asked_at=said.asked_at + asked_s, at=said.at + heard_s)


def test_an_end_that_was_heard_and_is_not_said_next_is_lost():
    """SUCCESS was heard, then DOING, and at the end it is SUCCESS again."""
    doing = order_said(replace(of(PAID), biz_status=BizStatus.DOING), key=None)
    said = [result_said(of(PAID)), later(doing, asked_s=0.1, heard_s=0.2)]

    assert ["end_unsaid"] == kinds(said, a_town.facts())
    assert ["end_unsaid"] == kinds(said[::-1], a_town.facts())


def test_what_was_asked_for_before_an_end_was_heard_may_be_older():
    """An answer that was under way, and one that is kept under an older key."""
    doing = order_said(replace(of(PAID), biz_status=BizStatus.DOING), key=None)
    said = [result_said(of(PAID)), later(doing, asked_s=-0.1, heard_s=9.0)]

    assert [] == kinds(said, a_town.facts())


def test_a_conversion_that_was_heard_and_is_not_said_next_is_lost():
    """DEDUCT was heard, then QUICK_PAY, and at the end it is DEDUCT again."""
    doing = replace(of(DEDUCTED), biz_status=BizStatus.DOING)
    before = order_said(replace(doing, pay_type=PayType.QUICK_PAY), key=None)
    said = [order_said(doing, key=None), later(before, asked_s=0.1, heard_s=0.2)]

    assert ["conversion_unsaid"] == kinds(said, a_town.facts())
    assert [] == kinds([said[0], before], a_town.facts())


def test_a_key_is_as_old_as_its_first_try():
    """What is kept under a key may be as old as that; a GET is as old as itself."""
    heard = Heard()
    first, read = heard.asked("/v1", "k"), heard.asked("/v1", None)

    assert first == heard.asked("/v1", "k")
    assert read < heard.asked("/v1", None)
    assert first < heard.asked("/v1", "other")


def ordered(said: Said, **changes) -> Said:
    """The answer to an order that was another."""
    head, gap, body = said.request.partition(b"\r\n\r\n")
    order = {**msgspec.json.decode(body), **changes}
    return replace(said, request=head + gap + msgspec.json.encode(order))


BESIDE = {
    "an order under another number of the line": ordered(
        opening_said(of(PAID)), out_biz_no="other"
    ),
    "an order of another amount": ordered(opening_said(of(PAID)), amount=999),
    "an order in another currency": ordered(opening_said(of(PAID)), currency="USD"),
    "another order than was looked at": replace(
        order_said(of(PAID), key=None), path=f"/v1/payments/{LEFT}"
    ),
    "another order than was looked for": replace(
        order_said(of(PAID), key=None), path="/v1/payments?out_biz_no=other"
    ),
    "another order than was confirmed": replace(
        result_said(of(PAID)), path=f"/v1/quick-payments/{LEFT}/confirm"
    ),
    "another order than was closed": replace(
        order_said(of(PAID)), path=f"/v1/payments/{LEFT}/close"
    ),
}


@pytest.mark.parametrize("said", BESIDE.values(), ids=BESIDE.keys())
def test_an_answer_about_another_order_is_lost(said: Said):
    """Whatever it says is true, and of another order than was asked about."""
    assert ["answered_another"] == kinds([said], a_town.facts())


def test_an_order_that_is_looked_for_is_found():
    """A search is held to the number that was looked for."""
    found = replace(
        order_said(of(PAID), key=None),
        path=f"/v1/payments?out_biz_no={of(PAID).out_biz_no}",
    )

    assert [] == kinds([found], a_town.facts())

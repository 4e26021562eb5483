"""What was acknowledged and does not stand is found, whatever it was."""

import a_town
import msgspec
import pytest
from a_town import DEDUCTED, LEFT, PAID, REFUSED, changed, of, order_said, result_said
from msgspec.structs import replace

from paycore.bench.drills.kill.answers import lost, repeated
from paycore.bench.drills.kill.compare import Facts
from paycore.bench.drills.kill.heard import Said
from paycore.bench.drills.kill.queries import Case
from paycore.kernel.terms import BizStatus, PayType, VerifyStatus


def kinds(answers: list[Said], facts: Facts) -> list[str]:
    """What was found."""
    return [each.kind for each in lost(answers, facts)]


def everything_said() -> list[Said]:
    """Every answer of the town, from its beginning on."""
    opened = replace(
        of(PAID), biz_status=BizStatus.DOING, finished_at=None, resp_code="CODE_SENT"
    )
    return [
        order_said(opened, key="k0", status=201),
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

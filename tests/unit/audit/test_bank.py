"""What the banks charged, beside what we know: from both sides."""

import pytest
from auditing import compared, node_on, plant

from paycore.audit import queries
from paycore.audit.bank import Charge, compare, lacking
from paycore.audit.report import Case, Known, Leg
from paycore.audit.service import BANK
from paycore.audit.service import compare as compare_with
from paycore.kernel import db

pytestmark = pytest.mark.long

NO = "2611251230301239ABCDEFGHJK"


def charge(**given: object) -> Charge:
    return Charge(
        **{
            "bank": "quick_a",
            "kind": "charge",
            "request_id": f"{NO}01",
            "pay_order_no": NO,
            "amount": 1250,
            "currency": "CNY",
            **given,
        }
    )


def leg(**given: object) -> Leg:
    return Leg(
        **{"request_no": f"{NO}01", "channel": "quick_a", "open": False, **given}
    )


def case(kind: str, **given: object) -> Case:
    return Case(
        **{"kind": kind, "request_no": f"{NO}01", "channel": "quick_a", **given}
    )


def known(**given: object) -> Known:
    return Known(
        **{
            "pay_order_no": NO,
            "biz_status": "SUCCESS",
            "payable_amount": 1250,
            "currency": "CNY",
            "legs": [leg()],
            "cases": [],
            **given,
        }
    )


REFUND = charge(kind="refund", request_id=f"{NO}02")
STRAY = charge(bank="quick_b", request_id=f"{NO}03")
OPEN = {"biz_status": "DOING", "legs": [leg(open=True)]}
FAILED = {"biz_status": "FAIL", "legs": []}
LATE = case("LATE_MONEY", amount=1250, currency="CNY")
STRAY_TOLD = case("LATE_MONEY", request_no=f"{NO}03", channel="quick_b")


@pytest.mark.parametrize(
    ("moves", "payment"),
    [
        ([charge()], known()),
        ([charge()], known(**OPEN)),
        ([charge(), REFUND], known(**OPEN)),
        ([charge(), REFUND], known(**FAILED)),
        ([charge()], known(**FAILED, cases=[LATE])),
        ([charge(), REFUND], known(**FAILED, cases=[LATE])),
        (
            [charge(amount=7, currency="USD")],
            known(**FAILED, cases=[case("CHARGED_WITHOUT_CONFIRM")]),
        ),
        ([charge(), STRAY], known(cases=[STRAY_TOLD])),
        ([charge(), charge(request_id=f"{NO}03"), REFUND], known()),
        ([charge(), REFUND], known(cases=[case("CONTRADICTION")])),
        ([charge(amount=1251)], known(**OPEN, cases=[case("CHANNEL_ALARM")])),
    ],
    ids=[
        "paid",
        "unknown",
        "unknown, given back",
        "given back",
        "late money",
        "late money, given back",
        "unasked, by an unknown amount",
        "paid, and late money elsewhere",
        "one back",
        "the bank says no since",
        "open, of another amount",
    ],
)
def test_what_fits(moves, payment):
    """A charge of the successful or open leg, given back, or of which a person knows
    that it was not asked for.
    """
    assert [] == list(compare(moves, [payment]))


@pytest.mark.parametrize(
    ("moves", "payment", "why"),
    [
        ([charge()], None, "a charge of no payment of ours"),
        ([charge()], known(**FAILED), "a charge without its success"),
        ([charge(), charge()], known(), "charged more than once"),
        ([charge(), charge()], known(**OPEN), "charged more than once"),
        ([charge(), STRAY], known(), "charged more than once"),
        ([charge(request_id=f"{NO}07")], known(), "a charge of another leg"),
        ([charge(bank="quick_b")], known(), "a charge of another leg"),
        ([charge(), REFUND, STRAY], known(), "a charge of another leg"),
        ([charge(currency="USD")], known(), "charged in another currency"),
        ([charge(amount=1251)], known(), "charged another amount"),
        ([charge(), REFUND], known(), "refunded another amount"),
        (
            [charge(amount=1000), charge(request_id=f"{NO}03", amount=250)],
            known(),
            "charged another amount",
        ),
    ],
)
def test_what_does_not_fit(moves, payment, why):
    """Each is one violation, with the bank's words as evidence."""
    (found,) = compare(moves, [payment] if payment else [])

    assert (why, NO) == (found.check, found.payment)
    assert len(moves) == len(found.said["moved"])


@pytest.mark.parametrize(
    "about",
    [
        *(case(kind) for kind in ("NOTICE_PARKED", "LOOK_FAILED", "COUPON_GONE")),
        *(case(kind) for kind in ("UNKNOWN_TOO_LONG", "CHANNEL_ALARM")),
        case("LATE_MONEY", request_no=f"{NO}05"),
        case("LATE_MONEY", channel="quick_b"),
        case("CHARGED_WITHOUT_CONFIRM", amount=900),
        case("CHARGED_WITHOUT_CONFIRM", currency="USD"),
    ],
    ids=lambda one: f"{one.kind} {one.channel} {one.request_no[-2:]} {one.amount}",
)
def test_a_case_about_something_else_excuses_no_charge(about):
    """A person looks at a payment for many reasons, and none but money that he knows
    of, taken for that request, makes a charge fit.
    """
    twice = known(legs=[leg(request_no=f"{NO}03")], cases=[about])

    assert [] != list(compare([charge()], [known(**FAILED, cases=[about])]))
    assert [] != list(compare([charge(), charge(request_id=f"{NO}03")], [twice]))


def test_an_alarm_excuses_what_an_open_leg_took_and_no_other():
    """Once the leg has its last word, so has the alarm."""
    alarm = [case("CHANNEL_ALARM")]

    assert [] == list(compare([charge(amount=9)], [known(**OPEN, cases=alarm)]))
    assert [] != list(compare([charge(amount=9)], [known(cases=alarm)]))
    assert [] != list(compare([charge(), STRAY], [known(**OPEN, cases=alarm)]))


def test_an_unknown_amount_is_one_charge():
    """A case without an amount, or an alarm, excuses no second charge."""
    unasked = known(**FAILED, cases=[case("CHARGED_WITHOUT_CONFIRM")])
    alarmed = known(**OPEN, cases=[case("CHANNEL_ALARM")])

    assert [] == list(compare([charge(amount=9)], [unasked]))
    assert [] != list(compare([charge(), charge()], [unasked]))
    assert [] != list(compare([charge(), charge()], [alarmed]))


def test_many_cases_are_compared_at_once():
    """Of as many requests as a payment can have, refunds among them."""
    numbers = [f"{NO}{seq:02d}" for seq in range(2, 100)]
    cases = [case("LATE_MONEY", request_no=no, amount=1250) for no in numbers]
    moves = [charge(request_id=no) for no in numbers]

    assert [] == list(compare([*moves, REFUND], [known(**FAILED, cases=cases)]))


def test_a_success_without_a_charge_lacks_it():
    """Unless a person has it that the bank says no since; and what is no success lacks
    nothing.
    """
    alone, alarmed = known(), known(cases=[case("CHANNEL_ALARM")])
    denied = known(cases=[case("CONTRADICTION")])

    assert [alone, alarmed] == lacking([], [alone, alarmed, denied, known(**OPEN)])
    assert [] == lacking([charge()], [alone])


def back(amount: int, seq: int = 1) -> Charge:
    """What a bank gave back of the order."""
    return charge(kind="refund", request_id=f"{NO}R{seq:02d}", amount=amount)


def test_what_was_refunded_here_went_back_there():
    """A refund that succeeded here is off what the bank has, to the unit; one that it
    does not know, or that nobody here knows, is not.
    """
    refunded = known(refunded=400)

    assert [] == list(compare([charge(), back(400)], [refunded]))
    for moves in ([charge()], [charge(), back(401)], [charge(), back(400), back(1, 2)]):
        (found,) = compare(moves, [refunded])
        assert "refunded another amount" == found.check
    assert [] != list(compare([charge(), back(400)], [known()]))


def test_a_refund_in_flight_may_have_moved_or_not():
    """Each by itself, and whole."""
    flying = known(refunded=100, refunding=[300, 50])

    for moved in ((100,), (100, 300), (100, 50), (100, 300, 50)):
        moves = [charge(), *(back(amount, n) for n, amount in enumerate(moved))]
        assert [] == list(compare(moves, [flying])), moved
    assert [] != list(compare([charge(), back(100), back(150, 2)], [flying]))
    assert [] != list(compare([charge()], [flying]))


def test_a_full_refund_leaves_nothing():
    """A payment that was given back whole is no lacking charge."""
    assert [] == list(compare([charge(), back(1250)], [known(refunded=1250)]))


# --- a real bank ----------------------------------------------------------------------


async def test_the_banks_agree_with_real_payments(filled, made):
    """Every charge has its success, and every success its charge."""
    verdict = await compared(filled)

    assert BANK == verdict.invariant
    assert verdict.looked > len(made)
    assert () == verdict.examples


CONTRADICTIONS = {
    "a charge without its success": "UPDATE payment SET biz_status = 'FAIL'",
    "a charge of no payment of ours": "DELETE FROM payment",
    "charged another amount": "UPDATE payment SET amount = amount + 1,"
    " payable_amount = payable_amount + 1",
    "a charge of another leg": "UPDATE attempt SET request_no = 'other'",
}


@pytest.mark.parametrize("why", CONTRADICTIONS)
async def test_a_contradiction_is_found(filled, copy, made, why):
    """Rows that say otherwise than the bank are found, at their payment."""
    no = made["paid"]
    await plant(copy, f"{CONTRADICTIONS[why]} WHERE pay_order_no = '{no}'")
    found = await _about(filled, copy, made)

    assert [(why, no)] == found


DIVIDED = (
    "SELECT 1 / (length($1::text) - length($1)) + cardinality($2::text[])"
    " + cardinality($3::text[]) + length($4::timestamptz::text)"
)

EXCUSED = (
    "INSERT INTO desk_case (case_id, version, kind, pay_order_no, attempt_seq, amount,"
    " currency, evidence, opened_at, owner, status) SELECT '{kind}', 1, '{kind}',"
    " pay_order_no, seq, amount, currency, '{{}}', created_at, 'operations', 'OPEN'"
    " FROM attempt WHERE pay_order_no = '{no}' AND trans_type = 'QUICK_PAY_CONFIRM'"
)


@pytest.mark.parametrize(
    ("kind", "excused"), [("LATE_MONEY", True), ("NOTICE_PARKED", False)]
)
async def test_only_a_case_about_the_money_excuses_it(
    filled, copy, made, kind, excused
):
    """A charge without its success stays one, whatever else a person looks at."""
    no = made["paid"]
    failed = f"UPDATE payment SET biz_status = 'FAIL' WHERE pay_order_no = '{no}'"
    await plant(copy, f"{failed}; {EXCUSED.format(kind=kind, no=no)}")

    found = await _about(filled, copy, made)

    assert ([] if excused else [("a charge without its success", no)]) == found


async def test_a_success_that_no_bank_charged_is_found(filled, copy, made):
    """And the banks were asked again before it was said."""
    no = made["closed"]
    await plant(
        copy, f"UPDATE payment SET biz_status = 'SUCCESS' WHERE pay_order_no = '{no}'"
    )

    assert [("a success without a charge", no)] == await _about(filled, copy, made)


async def _about(filled, dsn, made):
    """What is found of the payments that the copy has: the banks go on."""
    verdict = await compared(filled, dsn, examples=1000)
    return [
        (one.check, one.payment)
        for one in verdict.examples
        if one.payment in made.values()
    ]


async def test_who_cannot_be_asked_gives_no_verdict(filled, copy, monkeypatch):
    """An address where nobody answers, or somebody else, or a database that gives the
    question up: each is said, and is no violation.
    """
    api = filled.stack.nodes[-1].info.api
    control = str(filled.stack.control.base_url)
    async with node_on(copy) as node:
        connection = await db.connect(copy)
        try:
            stranger = await compare_with(node, connection, api)
            nobody = await compare_with(node, connection, "http://127.0.0.1:1")
            monkeypatch.setattr(queries, "WHAT_DO_WE_KNOW_OF_CHARGES", DIVIDED)
            unread = await compare_with(node, connection, control)
        finally:
            await connection.close()

    assert [0, 0, 0] == [one.violations for one in (stranger, nobody, unread)]
    for verdict, said in (
        (stranger, "no sandbox"),
        (nobody, "no answer"),
        (unread, "cannot be read"),
    ):
        (why,) = verdict.unanswered
        assert said in why

"""What no payer may be told, and what none was told, is found."""

import a_town
import msgspec
import pytest
from a_town import LEFT, PAID, REFUSED, changed, of, opening_said

from paycore.bench.drills.kill.heard import Call, Heard, Refused
from paycore.bench.drills.kill.refusals import counted, differences


def refused(path: str, code: str, request: bytes = b"", status: int = 409) -> Refused:
    """A refusal that somebody heard."""
    return Refused(
        at=1.0, path=path, key="k", request=request, status=status, code=code
    )


def of_order(no: str, code: str) -> Refused:
    """The refusal of the very call that ordered one of the town's orders."""
    row = of(no)
    said = opening_said(row)
    head, gap, body = said.request.partition(b"\r\n\r\n")
    order = {**msgspec.json.decode(body), "coupon_no": row.coupon_no}
    request = head + gap + msgspec.json.encode(order)
    return refused(said.path, code, request)


def kinds(heard: Heard, facts=None) -> list[str]:
    """What was found."""
    return [each.kind for each in differences(heard, facts or a_town.facts())]


CONFIRM, CODES = (f"/v1/quick-payments/{PAID}/{call}" for call in ("confirm", "codes"))
CLOSE = f"/v1/payments/{PAID}/close"


@pytest.mark.parametrize("path", [CONFIRM, CODES, CLOSE])
def test_who_comes_too_late_may_be_refused(path: str):
    """The order has ended, or its bank is being asked."""
    assert [] == kinds(Heard(refused=[refused(path, "BIZ_CHECK_ERROR")]))


@pytest.mark.parametrize(
    "odd",
    [
        refused(
            "/v1/quick-payments", "BIZ_CHECK_ERROR", opening_said(of(LEFT)).request
        ),
        refused(CONFIRM, "DATA_NOT_EXIST", status=404),
        refused(CONFIRM, "idempotency_conflict", status=422),
        refused(CODES, "TOO_MANY", status=429),
        refused(CLOSE, "UNAUTHORIZED", status=401),
        refused(CLOSE, "COUPON"),
        refused(CONFIRM, "COUPON"),
        refused(f"/v1/quick-payments/{LEFT}/confirm", "COUPON"),
    ],
    ids=lambda each: f"{each.code} {each.path}",
)
def test_what_nobody_gave_cause_for_is_found(odd: Refused):
    """No such order, another body, too often, no coupon that others have."""
    found = Heard(refused=[odd], answers=[opening_said(of(LEFT))])

    assert ["refused_oddly"] == kinds(found)


def test_who_shares_a_coupon_may_be_refused():
    """Two ordered with one coupon: at its opening or at its confirm, one comes last."""
    facts = a_town.facts()
    changed(facts.ours.payments, 2, coupon_no=of(PAID).coupon_no)
    late = replaced_number(of_order(PAID, "COUPON"), "o-late")

    assert [] == kinds(Heard(refused=[refused(CONFIRM, "COUPON"), late]), facts)


def replaced_number(each: Refused, number: str) -> Refused:
    """The same refusal of an order under another number."""
    request = each.request.replace(of(PAID).out_biz_no.encode(), number.encode())
    return msgspec.structs.replace(each, request=request)


def test_an_order_that_was_refused_and_is_there_is_found():
    """Its line was told that there is none, and was never told otherwise."""
    heard = Heard(refused=[of_order(REFUSED, "COUPON")])

    assert ["refused_oddly", "refused_and_opened"] == kinds(heard)


def test_an_order_that_another_call_was_given_may_be_there():
    """The same number under two keys: one was refused, the other accepted."""
    facts = a_town.facts()
    changed(facts.ours.payments, 0, coupon_no=of(REFUSED).coupon_no)
    heard = Heard(
        refused=[of_order(REFUSED, "COUPON")], answers=[opening_said(of(REFUSED))]
    )

    assert [] == kinds(heard, facts)


def test_a_call_that_is_never_answered_is_found():
    """Given up under load, asked again in quiet, and given up again."""
    call = Call(path=CONFIRM, key="k", request=b"")
    found = differences(Heard(given_up=[call]), a_town.facts())

    assert [("unanswered", PAID)] == [(each.kind, each.pay_order_no) for each in found]


def test_refusals_are_counted_by_call_and_code():
    """Of calls under a key: what is only looked for has none."""
    calls = [refused(CONFIRM, "COUPON"), refused("/v1/quick-payments", "COUPON", b"")]
    look = msgspec.structs.replace(refused(CLOSE, "DATA_NOT_EXIST"), key=None)

    assert {"confirm COUPON": 1, "open COUPON": 1} == counted([*calls, look])

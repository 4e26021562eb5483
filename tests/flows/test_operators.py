"""Operators at the desk, with real banks: what they do over the API is done as ever."""

import time

import pytest
from operating import Person, case, previewed
from sql import ask
from stack import TICKETS, Stack, key

from paycore.cures.document import id_of
from paycore.operators.roles import Role

IN_FLIGHT = 409
WITHIN_S = 60.0


@pytest.mark.long
def test_a_state_is_forced_over_the_api_by_two_and_once(stack: Stack):
    """F74: whose word it was is in the commit that forced it, however often it is asked
    for; the one who proposed it cannot be the second, and no token is nobody's.
    """
    stack.fault("bank.deduct_*.deduct", "timeout_before")
    stack.fault("bank.deduct_*.enquire", "http_500")
    payer = stack.payer(TICKETS)
    no = payer.open().json()["pay_order_no"]
    assert "DOING" == payer.confirm(no).json()["biz_status"]
    ref = case(stack, no, kind="UNKNOWN_TOO_LONG", amount=1250, currency="CNY")
    anna, bert = (Person(stack, Role.APPROVER) for _ in range(2))
    at, one = f"{ref}/cures/{previewed(anna, ref, 'FORCE_NOT_TAKEN')}", key()
    deadline = time.monotonic() + WITHIN_S
    refused = [
        anna.act(f"{at}/execute"),
        anna.act(f"{at}/approve", {"why": "me again"}),
        Person(stack, Role.OPERATOR).act(f"{at}/approve", {"why": "not mine to say"}),
    ]
    assert "DOING" == payer.get(no)["biz_status"]
    agreed = bert.act(f"{at}/approve", {"why": "so have I"})
    # Whoever asks the bank meanwhile may be first: then it is to be tried again.
    while (first := anna.act(f"{at}/execute", **one)).status_code == IN_FLIGHT:
        assert time.monotonic() < deadline, first.text
        time.sleep(0.2)
    done = [first, *(anna.act(f"{at}/execute", **one) for _ in range(2))]
    stack.no_faults()

    assert [409, 409, 403] == [answer.status_code for answer in refused]
    assert 200 == agreed.status_code, agreed.text
    assert {(200, done[0].content)} == {(one.status_code, one.content) for one in done}
    order = payer.get(no)
    assert ("FAIL", "BY_HAND") == (order["biz_status"], order["resp_code"])
    acts = ask(
        stack,
        "SELECT s.what, o.name FROM operators_act a JOIN desk_step s"
        " USING (case_id, seq) JOIN operators_operator o USING (operator_id)"
        " WHERE a.case_id = $1 ORDER BY a.seq",
        id_of(ref),
    )
    by = [("PREVIEWED", anna), ("APPROVED", bert), ("EXECUTED", anna)]
    assert [(what, who.name) for what, who in by] == [tuple(row) for row in acts]

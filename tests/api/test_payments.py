"""The contract of payments over HTTP, on all real parts."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from inside import fresh_coupon
from stack import key

ORDER = [
    "pay_order_no",
    "out_biz_no",
    "biz_order_no",
    "amount",
    "payable_amount",
    "refunded_amount",
    "currency",
    "pay_type",
    "biz_status",
    "verify_status",
    "code",
    "resp_code",
    "resp_msg",
    "created_at",
    "expires_at",
    "finished_at",
]
RESULT = [
    "biz_order_no",
    "pay_order_no",
    "out_biz_no",
    "biz_status",
    "verify_status",
    "resp_code",
    "resp_msg",
    "tries_left",
]


def test_a_quick_payment_is_paid(payer, stack):
    """Open, the bank's code, confirm: charged once, told once, the order says so."""
    opened = payer.open()
    order = opened.json()
    confirmed = payer.confirm(order["pay_order_no"])
    result = confirmed.json()

    assert 201 == opened.status_code
    assert ORDER == list(order)
    assert ("QUICK_PAY", "DOING") == (order["pay_type"], order["biz_status"])
    assert "channel" == order["code"]["sent_by"]
    assert payer.phone[-4:] == order["code"]["phone"][-4:]
    assert payer.phone not in opened.text
    assert 200 == confirmed.status_code
    assert RESULT == list(result)
    assert ("SUCCESS", "PASS", "SUCCESS", None) == (
        result["biz_status"],
        result["verify_status"],
        result["resp_code"],
        result["tries_left"],
    )
    (charge,) = stack.charges(order["pay_order_no"])
    assert (1250, "CNY") == (charge["amount"], charge["currency"])
    (notice,) = stack.notices(order["pay_order_no"])
    assert notice["verified"]
    assert payer.get(order["pay_order_no"]) == notice["payload"]["data"]


def test_a_line_without_quick_channel_pays_by_deduct(converted_payer, stack):
    """The same calls and one code, though it is ours and a deduct takes the money."""
    order = converted_payer.open().json()
    result = converted_payer.confirm(order["pay_order_no"]).json()

    assert ("DEDUCT", "sms_centre") == (order["pay_type"], order["code"]["sent_by"])
    assert "SUCCESS" == result["biz_status"]
    assert 1 == len(stack.charges(order["pay_order_no"]))


def test_a_wrong_code_is_an_answer(converted_payer, stack):
    """A wrong code says WRONG and how many tries are left; the right one pays."""
    no = converted_payer.open().json()["pay_order_no"]
    good = converted_payer.codes()[-1]
    wrong = "000000" if good != "000000" else "111111"

    first = converted_payer.confirm(no, wrong)
    second = converted_payer.confirm(no, good)

    assert 200 == first.status_code
    assert ("DOING", "WRONG", 4) == (
        first.json()["biz_status"],
        first.json()["verify_status"],
        first.json()["tries_left"],
    )
    assert "SUCCESS" == second.json()["biz_status"]
    assert 1 == len(stack.charges(no))


def test_a_finished_payment_refuses_another_confirm(payer):
    """支付订单已完成: in the reader's language, with a stable code."""
    no = payer.open().json()["pay_order_no"]
    payer.confirm(no)
    again = payer.confirm(no, "123456", **{"Accept-Language": "zh-CN,zh;q=0.9"})

    assert 409 == again.status_code
    assert ("BIZ_CHECK_ERROR", "支付订单已完成") == (
        again.json()["code"],
        again.json()["detail"],
    )
    assert "zh" == again.headers["content-language"]


def test_the_same_number_is_the_same_order(payer, stack):
    """out_biz_no under another key: 200 with the order as it is, or 409 DUPLICATE."""
    body = payer.order()
    post = payer.api.post
    first = post("/v1/quick-payments", json=body, headers=key())
    same = post("/v1/quick-payments", json=body, headers=key())
    other = post("/v1/quick-payments", json={**body, "amount": 1251}, headers=key())

    assert [201, 200, 409] == [r.status_code for r in (first, same, other)]
    assert first.json()["pay_order_no"] == same.json()["pay_order_no"]
    assert "DUPLICATE" == other.json()["code"]
    assert 1 == len(stack.sms(payer.phone))


def test_another_code_voids_the_one_before(converted_payer):
    """A resend answers the order; only the newest code is good."""
    no = converted_payer.open().json()["pay_order_no"]
    again = converted_payer.api.post(f"/v1/quick-payments/{no}/codes", headers=key())
    old, new = converted_payer.codes()

    assert (200, ORDER) == (again.status_code, list(again.json()))
    if old != new:
        assert "WRONG" == converted_payer.confirm(no, old).json()["verify_status"]
    assert "SUCCESS" == converted_payer.confirm(no, new).json()["biz_status"]


def test_a_payment_can_be_closed(payer, stack):
    """Closed: 200 with the order, told to the line, and nothing can be confirmed."""
    no = payer.open().json()["pay_order_no"]
    closed = payer.api.post(f"/v1/payments/{no}/close", json={}, headers=key())

    assert (200, "CLOSED") == (closed.status_code, closed.json()["biz_status"])
    assert ["payment.closed"] == [n["type"] for n in stack.notices(no)]
    assert 409 == payer.confirm(no).status_code
    assert [] == stack.charges(no)


def test_search_pages_through_the_lines_own_orders(payer, stack):
    """Newest first, by cursor, filtered; another line sees none of them."""
    numbers = [payer.open().json()["pay_order_no"] for _ in range(3)]
    first = payer.api.get("/v1/payments", params={"limit": 2}).json()
    second = payer.api.get(
        "/v1/payments", params={"limit": 2, "cursor": first["next"]}
    ).json()
    by_number = payer.api.get(
        "/v1/payments", params={"out_biz_no": first["items"][0]["out_biz_no"]}
    ).json()
    shown = [o["pay_order_no"] for o in (*first["items"], *second["items"])]
    others = stack.client(1).get("/v1/payments", params={"limit": 100}).json()

    assert numbers[::-1] == shown[:3]
    assert [numbers[2]] == [o["pay_order_no"] for o in by_number["items"]]
    assert not set(numbers) & {o["pay_order_no"] for o in others["items"]}


def test_search_by_time_is_exact_and_takes_any_zone(payer):
    """From is inclusive, to is not; a time before all orders leaves none out."""
    orders = [payer.get(payer.open().json()["pay_order_no"]) for _ in range(3)]
    zone = timezone(timedelta(hours=14))
    moments = [
        datetime.fromisoformat(order["created_at"]).astimezone(zone).isoformat()
        for order in orders
    ]

    def shown(**asked: str) -> list[str]:
        told = payer.api.get("/v1/payments", params={"limit": 100, **asked}).json()
        ours = {order["pay_order_no"] for order in orders}
        return [o["pay_order_no"] for o in told["items"] if o["pay_order_no"] in ours]

    numbers = [order["pay_order_no"] for order in orders]
    assert numbers[:0:-1] == shown(**{"from": moments[1]})
    assert numbers[:2][::-1] == shown(to=moments[2])
    assert [numbers[1]] == shown(**{"from": moments[1], "to": moments[2]})
    assert numbers[::-1] == shown(**{"from": "1970-01-01T00:00:00+14:00"})
    assert numbers[::-1] == shown(to="2150-01-01T00:00:00-12:00")


def test_the_timeline_tells_all_and_shows_no_secret(payer):
    """Every kind of thing that happened is there; no card number, phone or code is."""
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]
    payer.confirm(no)
    told = payer.api.get(f"/v1/payments/{no}/timeline")
    kinds = {item["kind"] for item in told.json()["items"]}

    assert {"route", "message", "command", "transition", "posting", "notice"} <= kinds
    for secret in ("6222020200112233446", "110101199003074178", payer.phone, "王五"):
        assert secret not in told.text
    assert f'"{code}"' not in told.text


@pytest.mark.parametrize(
    "path",
    ["/v1/payments/{no}", "/v1/payments/{no}/timeline", "/v1/cards/{card}"],
)
def test_another_lines_things_do_not_exist(payer, stack, path):
    """What is another line's looks like what is not there."""
    no = payer.open().json()["pay_order_no"]
    answer = stack.client(1).get(path.format(no=no, card=payer.card_id))

    assert (404, "DATA_NOT_EXIST") == (answer.status_code, answer.json()["code"])


def test_another_lines_payment_cannot_be_acted_on(payer, stack):
    """Confirm, resend and close are refused to any line but the payment's own."""
    no = payer.open().json()["pay_order_no"]
    other = stack.client(1)
    answers = [
        other.post(f"/v1/quick-payments/{no}/codes", headers=key()),
        other.post(f"/v1/payments/{no}/close", headers=key()),
        other.post(
            f"/v1/quick-payments/{no}/confirm",
            json={"sms_verify_code": payer.codes()[-1]},
            headers=key(),
        ),
    ]

    assert [404] * 3 == [answer.status_code for answer in answers]
    assert "DOING" == payer.get(no)["biz_status"]


@pytest.mark.parametrize("header", [None, "", "Basic x", "Bearer", "Bearer pk_x"])
def test_nobody_gets_in_without_a_good_key(stack, header):
    """401 with a problem document, before anything of the request is looked at."""
    api = stack.client()
    api.headers.pop("Authorization")
    headers = {} if header is None else {"Authorization": header}
    answer = api.post("/v1/quick-payments", content=b"[" * 1000, headers=headers)

    assert (401, "UNAUTHORIZED") == (answer.status_code, answer.json()["code"])
    assert "application/problem+json" == answer.headers["content-type"]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "1250"},
        {"amount": 1250.0},
        {"amount": 0},
        {"amount": 10**12 + 1},
        {"currency": "EUR"},
        {"currency": "ZZZ"},
        {"out_biz_no": "a b"},
        {"subject": "x\u0000"},
        {"subject": "x\u202ey"},
        {"expires_in_s": 59},
        {"pay_type": "DEDUCT"},
        {"card_id": None},
    ],
)
def test_a_request_outside_the_rules_changes_nothing(payer, stack, changes):
    """400 with our field's name at most; no order, no text, and nothing is echoed."""
    body = payer.order(**changes)
    answer = payer.api.post("/v1/quick-payments", json=body, headers=key())
    found = payer.api.get(
        "/v1/payments", params={"out_biz_no": body["out_biz_no"].replace(" ", "")}
    )

    assert (400, "BAD_REQUEST") == (answer.status_code, answer.json()["code"])
    assert "pay_type" not in answer.text
    assert [] == found.json()["items"]
    assert [] == stack.sms(payer.phone)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[" * 60_000, 400),
        (b'{"a":' * 10_000, 400),
        (b"\xff\xfe", 400),
        (b"null", 400),
        (b'{"amount": NaN}', 400),
        (b" " * 70_000, 413),
    ],
)
def test_garbage_is_a_problem_document(payer, body, status):
    """Whatever is thrown at the door, the answer is a 4xx in our form."""
    answer = payer.api.post("/v1/quick-payments", content=body, headers=key())

    assert status == answer.status_code
    assert {"type", "title", "status", "detail", "code"} <= set(answer.json())


def test_unknown_addresses_and_methods_are_problems_too(payer):
    """404 and 405 in our form, with a link to the page of errors."""
    missing = payer.api.get("/v1/nothing")
    wrong = payer.api.put("/v1/payments")

    assert (404, "NOT_FOUND") == (missing.status_code, missing.json()["code"])
    assert (405, "METHOD_NOT_ALLOWED") == (wrong.status_code, wrong.json()["code"])
    page = payer.api.get(missing.json()["type"].partition("#")[0])
    assert 'id="NOT_FOUND"' in page.text


def test_many_confirms_at_once_charge_once(payer, stack):
    """Twenty confirms with twenty keys: one charge, the others are refused or told."""
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: payer.confirm(no, code), range(20)))

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert "SUCCESS" == payer.until(no)["biz_status"]
    assert 1 == len(stack.charges(no))
    assert 1 == len(stack.notices(no))


def test_a_coupon_lowers_what_is_charged_and_is_used_once(stack):
    """The coupon's amount is not charged; a second order cannot have it."""
    payer = stack.payer()
    coupon_no = fresh_coupon(stack, amount=500)
    order = payer.open(coupon_no=coupon_no).json()
    payer.confirm(order["pay_order_no"])
    again = payer.open(coupon_no=coupon_no)

    assert 750 == order["payable_amount"]
    assert [750] == [c["amount"] for c in stack.charges(order["pay_order_no"])]
    assert (409, "COUPON") == (again.status_code, again.json()["code"])


def test_numbers_that_cannot_be_are_not_found(payer):
    """A path that no payment can have is 404, whatever is in it."""
    for text in ("x", "0" * 26, "%00" * 26, uuid.uuid4().hex, "A" * 500):
        assert 404 == payer.api.get(f"/v1/payments/{text}").status_code

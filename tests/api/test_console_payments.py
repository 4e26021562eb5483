"""Payments as operators see them: found by any number, whole, and acted upon."""

import csv
import hashlib
import io
import re
import uuid

import pytest
from console_looks import CARD, HOLDER, ID_NO, PAGE, said, see
from facts import delivered
from inside import fresh_coupon
from operating import Person, case
from posts import sql
from stack import key
from waiting import until


def numbers(person: Person, **query: object) -> list[str]:
    """The payments that a search finds."""
    return [one["pay_order_no"] for one in see(person, **query)["items"]]


def act(person: Person, no: str, what: str, why: str = "as told", **headers: str):
    """One of a payment's acts."""
    sent = {**key(), **headers}
    return person.api.post(f"{PAGE}/{no}/{what}", json={"why": why}, headers=sent)


def entries(person: Person, no: str) -> list[tuple[str, str, str]]:
    """What the log has of a payment: who did what, and why."""
    items = see(person, "/v1/console/audit", subject=no)["items"]
    return [(one["operator"], one["act"], one["why"]) for one in items]


def test_a_payment_is_found_by_every_number_that_anybody_gave(stack, paid, vera, payer):
    """Ours, the line's, the order's, the request's, the channel's, a refund's."""
    no = paid["pay_order_no"]
    refund = payer.api.post(
        "/v1/refunds",
        json={
            "pay_order_no": no,
            "out_refund_no": f"r-{uuid.uuid4().hex}",
            "amount": 10,
        },
        headers=key(),
    ).json()
    whole = see(vera, f"{PAGE}/{no}")
    refs = [leg["channel_ref"] for leg in whole["legs"] if leg["channel_ref"]]
    requests = [leg["request_no"] for leg in whole["legs"]]
    known = sql(stack, "SELECT * FROM payment WHERE pay_order_no = $1", no)[0]

    assert refs
    for number in (
        *(no, paid["out_biz_no"], known["biz_order_no"], *refs, *requests),
        *(refund["refund_no"], refund["out_refund_no"]),
    ):
        assert [no] == numbers(vera, q=number), number
    assert [] == numbers(vera, q="nobody-ever-gave-this")
    assert [] == numbers(vera, q=no, biz_line="another")


def test_a_coupons_number_finds_its_order(stack, payer, vera):
    """Whether it is used or not, whatever became of it."""
    coupon_no = fresh_coupon(stack)
    order = payer.open(coupon_no=coupon_no).json()
    assert order["pay_order_no"] in numbers(vera, q=coupon_no)
    payer.api.post(
        f"/v1/payments/{order['pay_order_no']}/close", json={}, headers=key()
    )

    assert order["pay_order_no"] in numbers(vera, q=coupon_no)


def test_the_last_four_digits_of_card_or_phone(paid, payer, vera):
    """Nothing more is needed, and more is not taken."""
    no = paid["pay_order_no"]
    assert no in numbers(vera, q=payer.phone[-4:])
    assert no in numbers(vera, q=CARD[-4:])
    whole = vera.api.get(PAGE, params={"q": CARD})

    assert (400, "BAD_REQUEST") == said(whole)
    assert "q" == whole.json()["field"]
    assert CARD not in whole.text


@pytest.mark.parametrize(
    "query",
    [
        {"biz_status": "SUCCESS"},
        {"pay_type": "QUICK_PAY", "converted": "false"},
        {"currency": "CNY", "amount_from": 1250, "amount_to": 1250},
        {"from": "2026-01-01T00:00:00Z"},
        {"biz_line": "shop", "biz_status": "SUCCESS"},
    ],
)
def test_a_filter_keeps_what_is_as_asked(paid, vera, query):
    """Each alone; what is not so is not there."""
    assert paid["pay_order_no"] in numbers(vera, **query)


@pytest.mark.parametrize(
    "query",
    [
        {"biz_status": "FAIL"},
        {"biz_status": "DOING"},
        {"pay_type": "DEDUCT"},
        {"converted": "true"},
        {"currency": "USD"},
        {"amount_from": 1251},
        {"amount_to": 1249},
        {"to": "2026-01-01T00:00:00Z"},
        {"from": "2090-01-01T00:00:00Z"},
        {"channel": "nowhere"},
        {"biz_line": "shop", "channel": "nowhere"},
        {"resp_code": "NEVER"},
        {"biz_line": "another"},
    ],
)
def test_a_filter_leaves_out_what_is_not(paid, vera, query):
    """Each alone."""
    assert paid["pay_order_no"] not in numbers(vera, **query, limit=100)


def test_by_channel_and_what_was_converted(stack, converted_payer, vera):
    """A payment is found by every channel that it went to."""
    order = converted_payer.open().json()
    done = converted_payer.confirm(order["pay_order_no"]).json()
    no = done["pay_order_no"]
    (line,) = see(vera, q=no)["items"]

    assert line["converted"]
    assert line["channel"].startswith("deduct_")
    assert no in numbers(vera, channel=line["channel"])
    assert no in numbers(vera, channel=line["channel"], biz_line=line["biz_line"])
    assert no in numbers(vera, converted="true", pay_type="DEDUCT")


def test_pages_follow_one_another(payer, vera):
    """Newest first, each once, by cursor."""
    made = [payer.open().json()["pay_order_no"] for _ in range(5)]
    tail, seen, cursor = payer.phone[-4:], [], None
    for _ in range(20):
        query = {"q": tail, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = see(vera, **query)
        seen += [one["pay_order_no"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert made[::-1] == [no for no in seen if no in made]
    assert len(seen) == len(set(seen))
    assert sorted(seen, reverse=True) == seen


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (PAGE, {"cursor": "nonsense!"}),
        (PAGE, {"cursor": "gICA"}),
        (PAGE, {"q": "two words"}),
        (PAGE, {"q": ""}),
        (PAGE, {"limit": 101}),
        (PAGE, {"converted": "perhaps"}),
        (PAGE, {"amount_from": "1e3"}),
        (PAGE, {"biz_status": "GONE"}),
        (PAGE, {"from": "yesterday"}),
        (PAGE, {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}),
        (PAGE, {"secret-" * 3: "1"}),
        (f"{PAGE}.csv", {"biz_status": "GONE"}),
        (f"{PAGE}.csv", {"limit": 5}),
        ("/v1/console/refunds", {"status": "GONE"}),
        ("/v1/console/refunds", {"cursor": "gICA"}),
        ("/v1/console/agreements", {"state": "GONE"}),
        ("/v1/console/agreements", {"cursor": "WzFd"}),
        ("/v1/console/agreements", {"cursor": "WyJcdTAwMDAiLCIiLCIiLCIiLCIiXQ=="}),
        ("/v1/console/coupons", {"state": "GONE"}),
        ("/v1/console/coupons", {"cursor": "WyJhIl0="}),
        ("/v1/console/views", {}),
        ("/v1/console/views", {"page": "a b"}),
    ],
)
def test_what_is_not_as_the_document_says_is_refused_and_not_repeated(
    vera, path, query
):
    """A stable code, and nothing of what came."""
    answer = vera.api.get(path, params=query)

    assert (400, "BAD_REQUEST") == said(answer)
    for value in query.values():
        assert len(str(value)) < 4 or str(value) not in answer.text
    assert "secret-" not in answer.text


def test_one_payment_with_all_it_has(stack, paid, vera):
    """Legs, postings, notices, cases, and what may be done."""
    no = paid["pay_order_no"]
    ref = case(stack, no)
    whole = see(vera, f"{PAGE}/{no}")
    confirm = whole["legs"][-1]
    debit = sum(o["amount"] for o in whole["postings"] if o["side"] == "DEBIT")
    credit = sum(o["amount"] for o in whole["postings"] if o["side"] == "CREDIT")

    assert ("SUCCESS", "PASS") == (
        whole["payment"]["biz_status"],
        whole["payment"]["verify_status"],
    )
    assert "两杯茶" == whole["payment"]["subject"]
    assert ["QUICK_PAY_SEND_MSG", "QUICK_PAY_CONFIRM"] == [
        leg["trans_type"] for leg in whole["legs"]
    ]
    assert ("GW_SUCCESS", "SUCCEEDED") == (
        confirm["process_status"],
        confirm["outcome"],
    )
    assert confirm["sent_at"] <= confirm["answered_at"]
    assert confirm["took_ms"] >= 0
    assert debit == credit >= 1250
    assert "payment.succeeded" == whole["notices"][0]["type"]
    assert [(ref, "CONTRADICTION", "OPEN")] == [
        (one["case_ref"], one["kind"], one["status"]) for one in whole["cases"]
    ]
    assert [("close", False, False), ("enquire", False, False)] == [
        (one["act"], one["may"], one["allowed"]) for one in whole["acts"][:2]
    ]
    assert ("notices", False, True) == tuple(
        whole["acts"][2][name] for name in ("act", "may", "allowed")
    )
    assert all(one["says"] and one["says_zh"] for one in whole["acts"][:2])


def test_what_may_be_done_of_one_that_is_open(payer, anna):
    """Closing; asking not, where no money was asked for; nobody was told yet."""
    no = payer.open().json()["pay_order_no"]
    acts = see(anna, f"{PAGE}/{no}")["acts"]

    assert [(True, True), (True, False), (True, False)] == [
        (one["may"], one["allowed"]) for one in acts
    ]


def test_the_timeline_is_the_lines_with_what_people_did(stack, payer, paid, anna):
    """Everything that the line's has, and cases, their steps and operators' acts."""
    no = paid["pay_order_no"]
    ref = case(stack, no)
    taken = anna.act(f"{ref}/take", {"why": "mine"})
    assert 200 == taken.status_code
    delivered(stack, no)
    told = act(anna, no, "notices", "the shop lost it")
    assert 200 == told.status_code, told.text
    lines = payer.api.get(f"/v1/payments/{no}/timeline").json()["items"]
    ours = see(anna, f"{PAGE}/{no}/timeline")["items"]
    kinds = {one["kind"] for one in ours}

    assert {"transition", "command", "route", "message", "posting", "notice"} <= kinds
    assert {"case", "act"} <= kinds
    assert all(
        any((o["kind"], o["title"]) == (one["kind"], one["title"]) for o in ours)
        for one in lines
    )
    assert sorted(one["at"] for one in ours) == [one["at"] for one in ours]
    routed = next(one for one in ours if one["kind"] == "route")
    assert routed["detail"]["candidates"]
    done = [one for one in ours if one["kind"] == "act"]
    assert {("notifyConsolePayment", anna.name, "the shop lost it")} == {
        (one["title"], one["detail"]["operator"], one["detail"]["why"]) for one in done
    }
    assert ["CONTRADICTION opened", "TAKEN"] == [
        one["title"] for one in ours if one["kind"] == "case"
    ][:2]


@pytest.mark.parametrize("what", ["", "/timeline"])
def test_there_is_no_such_payment(vera, what):
    """404, for what is no number as well."""
    assert (404, "DATA_NOT_EXIST") == said(vera.api.get(f"{PAGE}/{'0' * 26}{what}"))
    assert (404, "DATA_NOT_EXIST") == said(vera.api.get(f"{PAGE}/x{what}"))


def test_closing_is_the_lines_own_closing_and_entered(payer, anna):
    """Once, whoever repeats it; a payment that has ended is refused."""
    no = payer.open().json()["pay_order_no"]
    one_key = uuid.uuid4().hex
    first = act(anna, no, "close", "the payer called", **{"Idempotency-Key": one_key})
    again = act(anna, no, "close", "the payer called", **{"Idempotency-Key": one_key})

    assert (200, "CLOSED") == (first.status_code, first.json()["biz_status"])
    assert first.content == again.content
    assert "true" == again.headers["idempotent-replayed"]
    assert "CLOSED" == payer.get(no)["biz_status"]
    assert [(anna.name, "closeConsolePayment", "the payer called")] == entries(anna, no)


def test_a_closing_that_died_on_the_way_is_gone_on_with_and_not_entered_twice(
    stack, payer, anna
):
    """Its entry was in the change that had the key: who takes it over makes none."""
    other, no = (payer.open().json()["pay_order_no"] for _ in range(2))
    one_key = {"Idempotency-Key": uuid.uuid4().hex}
    act(anna, other, "close", **one_key)
    left = scope(anna, no, one_key["Idempotency-Key"])
    sql(
        stack,
        "INSERT INTO idempotency_key (scope, version, fingerprint, pay_order_no, "
        "created_at, expires_at) SELECT $1, 1, fingerprint, $2, created_at, expires_at "
        "FROM idempotency_key WHERE scope = $3",
        *(left, no, scope(anna, other, one_key["Idempotency-Key"])),
    )
    answer = act(anna, no, "close", **one_key)

    assert (200, "CLOSED") == (answer.status_code, answer.json()["biz_status"])
    assert 1 == len(entries(anna, other))
    assert [] == entries(anna, no)


def scope(person: Person, no: str, one_key: str) -> bytes:
    """Under what a key of an operator's for a closing is kept."""
    made = hashlib.sha256()
    for part in ("", person.operator_id, f"POST {PAGE}/{no}/close", one_key):
        made.update(len(part).to_bytes(4, "big") + part.encode())
    return made.digest()


def test_a_payment_that_has_ended_is_not_closed(paid, anna, payer):
    """409, and the payment is as it was."""
    answer = act(anna, paid["pay_order_no"], "close")

    assert (409, "BIZ_CHECK_ERROR") == said(answer)
    assert "SUCCESS" == payer.get(paid["pay_order_no"])["biz_status"]


def test_asking_the_channel_now(stack, payer, anna):
    """Where money was asked for and nobody knows; once it is known, no more. The bank
    says nothing meanwhile, for a node asks by itself in a moment.
    """
    no = payer.open().json()["pay_order_no"]
    stack.fault("bank.quick_*.confirm", "timeout_after", count=1)
    stack.fault("bank.quick_*.enquire", "http_500")
    payer.confirm(no)
    acts = {o["act"]: o["allowed"] for o in see(anna, f"{PAGE}/{no}")["acts"]}
    asked = act(anna, no, "enquire", "the payer waits")
    stack.no_faults()

    assert acts == {"close": False, "enquire": True, "notices": False}
    assert (200, "asked for") == (asked.status_code, asked.json()["says"])
    assert "SUCCESS" == payer.until(no)["biz_status"]
    assert (409, "BIZ_CHECK_ERROR") == said(act(anna, no, "enquire"))
    assert ("enquireConsolePayment", "the payer waits") == entries(anna, no)[-1][1:]


def test_telling_the_line_again(stack, paid, anna):
    """Under the same webhook-id, once more."""
    no = paid["pay_order_no"]
    notice_id = delivered(stack, no)
    before = len(stack.notices(no))
    answer = act(anna, no, "notices")
    assert (200, "1 on their way") == (answer.status_code, answer.json()["says"])

    until(lambda: len(stack.notices(no)) > before)
    assert {notice_id} == {one["id"] for one in stack.notices(no)}


@pytest.mark.parametrize("what", ["close", "enquire", "notices"])
def test_an_act_without_a_reason_or_a_payment_does_nothing(payer, anna, what):
    """400 without a reason, 404 without a payment, and no entry of either."""
    no = payer.open().json()["pay_order_no"]
    bare = anna.api.post(f"{PAGE}/{no}/{what}", json={}, headers=key())
    nobody = act(anna, "0" * 26, what)

    assert (400, "BAD_REQUEST") == said(bare)
    assert (404, "DATA_NOT_EXIST") == said(nobody)
    assert [] == entries(anna, no) == entries(anna, "0" * 26)
    assert "DOING" == payer.get(no)["biz_status"]


# Exports


def test_an_export_has_the_same_payments(paid, payer, vera):
    """A header, then a line each; as a file, and not for caches."""
    answer = vera.api.get(f"{PAGE}.csv", params={"q": payer.phone[-4:]})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    found = see(vera, q=payer.phone[-4:], limit=100)["items"]

    assert "text/csv" in answer.headers["content-type"]
    assert "attachment" in answer.headers["content-disposition"]
    assert "no-store" == answer.headers["cache-control"]
    assert list(found[0]) == list(rows[0])
    assert [o["pay_order_no"] for o in found] == [r["pay_order_no"] for r in rows]
    assert "1250" == rows[0]["amount"]


def test_an_export_without_payments_is_a_header(vera):
    """And nothing else."""
    answer = vera.api.get(f"{PAGE}.csv", params={"q": "nobody-ever-gave-this"})

    assert 1 == len(answer.text.splitlines())


def test_a_bad_export_is_refused_before_a_file_begins(vera):
    """As a problem, and no file."""
    answer = vera.api.get(f"{PAGE}.csv", params={"amount_from": "-1"})

    assert (400, "BAD_REQUEST") == said(answer)


# Nothing of a card


def test_nothing_secret_is_in_any_answer(stack, payer, paid, anna, vera):
    """No card number, name, ID number or phone, in whatever is read."""
    no = paid["pay_order_no"]
    case(stack, no)
    delivered(stack, no)
    told = act(anna, no, "notices", f"card {CARD} of {ID_NO}, phone {payer.phone}")
    assert 200 == told.status_code, told.text
    read = [
        vera.api.get(path).text
        for path in (
            *(PAGE, f"{PAGE}.csv", f"{PAGE}/{no}", f"{PAGE}/{no}/timeline"),
            *("/v1/console/refunds", "/v1/console/agreements?limit=100"),
            *("/v1/console/coupons", "/v1/console/overview", "/v1/console/audit"),
            f"/v1/console/agreements?q={payer.card_id}",
        )
    ]

    code = payer.codes()[-1]
    own = [vera.api.get(f"{PAGE}/{no}{more}").text for more in ("", "/timeline")]
    assert not any(re.search(rf"(?<!\d){code}(?!\d)", text) for text in own)
    for text in read:
        for secret in (CARD, HOLDER, ID_NO, payer.phone, payer.phone[3:]):
            assert secret not in text

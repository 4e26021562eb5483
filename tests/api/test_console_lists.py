"""Refunds, agreements, coupons, kept searches, the overview: as operators see them."""

import time
import uuid
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest
from console_looks import CARD, said, see
from operating import Person
from stack import Payer, key
from waiting import until

NEARLY_OVER_S = 30
"""So long before midnight no test of a day's figures begins."""


def test_refunds_are_found_and_told(paid, payer, vera):
    """By any number of theirs or of the payment's; one with its messages."""
    no = paid["pay_order_no"]
    out = f"r-{uuid.uuid4().hex}"
    body = {"pay_order_no": no, "out_refund_no": out, "amount": 10}
    made = payer.api.post("/v1/refunds", json=body, headers=key()).json()
    number = made["refund_no"]
    for q in (number, out, no):
        (line,) = see(vera, "/v1/console/refunds", q=q)["items"]
        assert (number, 10) == (line["refund_no"], line["amount"])
    at = f"/v1/console/refunds/{number}"
    until(lambda: see(vera, at)["refund"]["biz_status"] != "DOING")
    whole = see(vera, at)
    line = whole["refund"]

    assert ("shop", "SUCCESS") == (line["biz_line"], line["biz_status"])
    assert whole["steps"]
    assert {"OUT", "IN"} <= {one["title"].split()[0] for one in whole["messages"]}
    assert [number] == [
        one["refund_no"]
        for one in see(vera, "/v1/console/refunds", q=line["channel_ref"])["items"]
    ]
    assert number in [
        one["refund_no"]
        for one in see(vera, "/v1/console/refunds", status="SUCCESS", limit=100)[
            "items"
        ]
    ]
    missing = vera.api.get(f"/v1/console/refunds/{no}R99")
    assert (404, "DATA_NOT_EXIST") == said(missing)
    assert (404, "DATA_NOT_EXIST") == said(vera.api.get("/v1/console/refunds/x"))


def test_agreements_are_found_by_card_and_tail(payer, vera):
    """Every one of a card; the channel's number of it is nowhere."""
    at = "/v1/console/agreements"
    of_card = see(vera, at, q=payer.card_id, limit=100)["items"]
    of_tail = see(vera, at, q=payer.phone[-4:], limit=100)["items"]
    quick = see(vera, at, q=payer.card_id, channel="quick_a")["items"]
    first = see(vera, at, q=payer.card_id, limit=1)
    second = see(vera, at, q=payer.card_id, limit=1, cursor=first["next"])

    assert {"quick_a", "quick_b", "deduct_a", "deduct_b"} == {
        one["channel"] for one in of_card
    }
    assert {payer.card_id} == {one["card_id"] for one in of_card}
    assert of_card[0] in of_tail
    assert [("quick_a", "ACTIVE")] == [(o["channel"], o["state"]) for o in quick]
    assert of_card[:2] == [*first["items"], *second["items"]]
    assert [] == see(vera, at, q=payer.card_id, state="REVOKED")["items"]
    assert "token" not in of_card[0]


def test_coupons_are_found_by_number_and_order(stack, payer, vera):
    """Of a payment's number the one that it named."""
    at, coupon_no = "/v1/console/coupons", stack.lines[0].coupon_no
    found = see(vera, at, q=coupon_no)["items"]
    listed = see(vera, at, limit=1)
    assert {coupon_no} == {one["coupon_no"] for one in found}
    assert stack.lines[0].biz_line in {one["biz_line"] for one in found}
    assert listed["items"]
    assert [] == see(vera, at, q=payer.open().json()["pay_order_no"])["items"]
    for state in ("AVAILABLE", "LOCKED", "USED"):
        items = see(vera, at, state=state, limit=100)["items"]
        assert {state} >= {one["state"] for one in items}


# An operator's own searches


def named(text: str) -> str:
    """A search's name as it stands in a path."""
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("phone", ["13712096548", "%2B8613712096548"])
def test_a_phone_is_not_kept_with_a_search(vera, phone):
    """Nor in its name: the console has the last four digits for it."""
    at = f"/v1/console/views/payments/{named('by phone')}"
    kept = vera.api.put(at, json={"query": f"biz_line=shop&q={phone}"})
    vera.api.delete(at)
    called = vera.api.put(
        f"/v1/console/views/payments/{named(phone)}", json={"query": ""}
    )

    assert kept.json()["query"].startswith("biz_line=shop&q=")
    assert kept.json()["query"].endswith("6548")
    assert "2096548" not in kept.json()["query"]
    assert (400, "BAD_REQUEST") == said(called)


def test_an_operator_keeps_his_own_searches(vera, anna):
    """Each his own, by page; kept anew under the same name, and forgotten."""
    views, name = "/v1/console/views", named("今天失败的")
    at = f"{views}/payments/{name}"
    kept = vera.api.put(at, json={"query": "biz_status=DOING"})
    again = vera.api.put(at, json={"query": f"biz_status=FAIL&q={CARD}"})
    (view,) = see(vera, views, page="payments")["items"]
    others = see(anna, views, page="payments")["items"]
    elsewhere = see(vera, views, page="refunds")["items"]
    gone = vera.api.delete(at)

    assert (200, 200, 204) == (kept.status_code, again.status_code, gone.status_code)
    assert name == view["name"]
    assert view["query"].startswith("biz_status=FAIL&q=6222")
    assert CARD not in view["query"]
    assert [] == others == elsewhere
    assert [] == see(vera, views, page="payments")["items"]
    assert (404, "DATA_NOT_EXIST") == said(vera.api.delete(at))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("bm9uZQ", {}),
        ("bm9uZQ", {"query": "two words"}),
        ("bm9uZQ", {"query": "a\u202eb"}),
        ("bm9uZQ", {"query": "x" * 2049}),
        ("bm9uZQ", {"query": 1}),
        ("bm9uZQ", {"query": "", "more": 1}),
        ("A", {"query": ""}),
        ("_w", {"query": ""}),
        (named(" "), {"query": ""}),
        (named(CARD), {"query": ""}),
        ("x" * 129, {"query": ""}),
    ],
)
def test_a_bad_search_is_not_kept(vera, name, body):
    """400, and nothing is kept."""
    answer = vera.api.put(f"/v1/console/views/payments/{name}", json=body)

    assert (400, "BAD_REQUEST") == said(answer)
    assert [] == see(vera, "/v1/console/views", page="payments")["items"]


def test_not_more_searches_than_so_many(anna):
    """Fifty of a page."""
    for number in range(50):
        at = f"/v1/console/views/many/{named(str(number))}"
        assert 200 == anna.api.put(at, json={"query": ""}).status_code
    one_more = anna.api.put(
        f"/v1/console/views/many/{named('more')}", json={"query": ""}
    )

    assert (409, "BIZ_CHECK_ERROR") == said(one_more)
    assert 50 == len(see(anna, "/v1/console/views", page="many")["items"])


# How payments go


def overview_after(payer: Payer, no: str, person: Person) -> dict:
    """How payments go when this one has ended, counted since the day's beginning: a
    look may be given again for a second, and reads of a day what it has time for.
    """
    ended_at = datetime.fromisoformat(payer.until(no)["finished_at"])

    def look() -> dict | None:
        found = see(person, "/v1/console/overview")
        whole = "T00:00:00" in found["today"]["since"]
        return (
            found if whole and datetime.fromisoformat(found["at"]) > ended_at else None
        )

    return until(look)


@pytest.fixture
def day() -> None:
    """Wait for the next day where this one is as good as over: figures are a day's."""
    now = datetime.now(UTC)
    left_s = 86_400 - (now - now.replace(hour=0, minute=0, second=0)).total_seconds()
    if left_s < NEARLY_OVER_S:
        time.sleep(left_s + 1)


def test_the_overview_counts_what_was_done(day, payer, converted_payer, paid, vera):
    """Today's figures grow by what is paid; rescued ones are told by their amount."""
    before = overview_after(payer, paid["pay_order_no"], vera)
    payer.confirm(payer.open().json()["pay_order_no"])
    order = converted_payer.open().json()["pay_order_no"]
    converted_payer.confirm(order)
    after = overview_after(converted_payer, order, vera)
    banks = {one["bank"]: one for one in after["by_bank"]}
    places = {(o["channel"], o["operation"]): o for o in after["by_channel"]}

    assert 60 == len(after["minutes"])
    assert 2 == after["today"]["succeeded"] - before["today"]["succeeded"]
    assert 1 == after["rescued"]["payments"] - before["rescued"]["payments"]
    assert 2 <= sum(one["succeeded"] for one in after["minutes"])
    assert banks["ICBC"]["succeeded"] >= 2
    assert any(channel.startswith("quick_") for channel, _ in places)
    assert any(operation == "deduct" for _, operation in places)
    assert after["payments_per_s"] > 0
    assert {"number", "oldest_s"} == set(after["unknown"])
    assert after["at"] > before["at"]


def test_whoever_looks_within_a_second_is_given_the_same(vera, anna):
    """Ten operators cost one look, and one more for each second that they took."""
    began = time.monotonic()
    looks = [see(person, "/v1/console/overview")["at"] for person in (vera, anna) * 5]

    assert len(set(looks)) <= 2 + (time.monotonic() - began)

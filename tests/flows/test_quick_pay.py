"""The normal way: the bank texts its code, the payer types it, the bank takes money."""

from facts import QUICK_BANKS, events, paid_once
from inside import coupon_is, fresh_coupon, rows
from sql import ask
from stack import Payer, Stack

from paycore.accounting.rows import EntryRow
from paycore.core.rows import AttemptRow

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


BOOKS = """
WITH entry AS (SELECT *, CASE side WHEN 'DEBIT' THEN amount ELSE -amount END AS moved
               FROM accounting_entry WHERE starts_with(account, 'channel_receivable')),
     balance AS (SELECT * FROM accounting_balance)
SELECT (SELECT coalesce(sum(amount), 0)::bigint FROM balance) AS total,
       (SELECT sum(amount)::bigint FROM balance
        WHERE starts_with(account, 'channel_receivable')) AS balance,
       (SELECT sum(moved)::bigint FROM entry) AS entries,
       (SELECT coalesce(sum(moved), 0)::bigint FROM entry
        WHERE pay_order_no = $1) AS posted
"""
"""At one moment: all balances, what stands at the channels by their balances and by the
entries, and one payment's part of it.
"""


def test_an_order_is_answered_with_the_published_fields(payer: Payer):
    """An order is opened DOING, with a code sent by the channel to a masked phone."""
    answer = payer.open(biz_order_no="B-1")

    order = answer.json()
    assert 201 == answer.status_code
    assert ORDER == list(order)
    assert ["sent_by", "phone", "expires_at", "resend_after_s"] == list(order["code"])
    assert "channel" == order["code"]["sent_by"]
    assert payer.phone not in answer.text
    assert payer.phone[-4:] == order["code"]["phone"][-4:]
    assert "B-1" == order["biz_order_no"]
    assert ("QUICK_PAY", "DOING", "NOT_VERIFIED", "CODE_SENT") == (
        order["pay_type"],
        order["biz_status"],
        order["verify_status"],
        order["resp_code"],
    )
    assert order["finished_at"] is None


def test_a_line_that_gives_no_order_number_reads_its_own_number(payer: Payer):
    """`biz_order_no` is `out_biz_no` where none was given."""
    order = payer.open().json()

    assert order["out_biz_no"] == order["biz_order_no"]


def test_the_right_code_takes_the_money_once(payer: Payer):
    """A confirm with the bank's code answers SUCCESS, and everybody agrees on it."""
    order = payer.open().json()
    no = order["pay_order_no"]

    answer = payer.confirm(no)

    result = answer.json()
    assert 200 == answer.status_code
    assert RESULT == list(result)
    assert ("SUCCESS", "PASS", "SUCCESS", None) == (
        result["biz_status"],
        result["verify_status"],
        result["resp_code"],
        result["tries_left"],
    )
    paid_once(payer, no, at=QUICK_BANKS)
    assert ["CODE_SENT", "CHARGE_BEGUN", "PAID"] == events(payer, no)
    final = payer.get(no)
    assert ORDER == list(final)
    assert final["code"] is None
    assert final["finished_at"] is not None


def test_the_confirm_goes_to_where_the_code_came_from(payer: Payer):
    """The money leg has the channel, account and request number of its send (9.7)."""
    no = payer.open().json()["pay_order_no"]
    payer.pays(no)

    send, confirm = rows(payer.stack, AttemptRow, no)
    assert send.request_no == confirm.request_no == f"{no}01"
    assert (send.channel, send.account) == (confirm.channel, confirm.account)
    (charge,) = payer.stack.charges(no)
    assert send.channel == charge["bank"]


def test_a_coupon_is_used_with_the_charge(payer: Payer):
    """The bank is asked for the rest, the coupon is used, and the books show both."""
    stack = payer.stack
    coupon_no = fresh_coupon(stack, amount=250)
    order = payer.open(amount=1250, coupon_no=coupon_no).json()
    no = order["pay_order_no"]
    assert 1000 == order["payable_amount"]
    assert ("AVAILABLE", None) == coupon_is(stack, coupon_no)

    payer.confirm(no)

    paid_once(payer, no, at=QUICK_BANKS)
    assert ("USED", no) == coupon_is(stack, coupon_no)
    assert [1000] == [charge["amount"] for charge in stack.charges(no)]
    entries = rows(stack, EntryRow, no)
    assert {250, 1000, 1250} == {entry.amount for entry in entries}


def test_the_books_add_up(stack: Stack):
    """All balances of a currency sum to nothing, and a payment moves its amount."""
    payer = stack.payer()
    no = payer.open(amount=777).json()["pay_order_no"]
    (before,) = ask(stack, BOOKS, no)
    payer.pays(no)
    (after,) = ask(stack, BOOKS, no)

    # Others' payments may come to their end meanwhile.
    assert [0, 0] == [before["total"], after["total"]]
    assert [0, 777] == [before["posted"], after["posted"]]
    for books in (before, after):
        assert books["balance"] == books["entries"]


def test_the_timeline_tells_the_story_without_the_code(payer: Payer):
    """Commands, routes, messages, postings and the notice, and no code in any of it."""
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]
    payer.confirm(no)
    payer.stack.notices(no)

    answer = payer.api.get(f"/v1/payments/{no}/timeline")

    items = answer.json()["items"]
    kinds = {item["kind"] for item in items}
    assert {"command", "route", "message", "transition", "posting", "notice"} <= kinds
    assert sorted(item["at"] for item in items) == [item["at"] for item in items]
    for secret in (f'"{code}"', payer.phone, "6222020200112233446"):
        assert secret not in answer.text

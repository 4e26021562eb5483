"""Card numbers where none belongs: refused in a line's own numbers, masked in words."""

import json

import pytest
from posts import sql
from refunding import asked, paid
from stack import SHOP, TICKETS, Payer, Stack, key

ON_FILE = "6225881234567898"
"""A card that the shop has on file, and nobody else."""
STRANGE = "6217009876543210122"
"""Nobody's on file."""
ID_NO = "110101199003074178"

TABLES = """
SELECT c.oid::regclass::text FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = 'public'
"""


def tables_with(stack: Stack, text: str) -> list[str]:
    """The tables one of whose rows has it in clear."""
    found = "SELECT count(*) FROM {} AS kept WHERE kept::text LIKE $1"
    return [
        table
        for (table,) in sql(stack, TABLES)
        if sql(stack, found.format(table), f"%{text}%")[0][0]
    ]


@pytest.fixture
def shopper(stack: Stack) -> Payer:
    """A payer of the shop with a card of its own number."""
    return stack.payer(SHOP, number=ON_FILE)


@pytest.mark.parametrize(
    "number",
    [
        ON_FILE,
        f"o-{ON_FILE}",
        f"20261129{ON_FILE}0001",
        "6225-8812-3456-7898",
        "6225.8812.3456_7898:1",
    ],
)
@pytest.mark.parametrize("field", ["out_biz_no", "biz_order_no", "coupon_no"])
@pytest.mark.parametrize("path", ["/v1/quick-payments", "/v1/deductions"])
def test_an_order_number_that_holds_a_card_on_file_is_refused(
    shopper, path, field, number
):
    """At any place in it and however separated; named, not echoed, and not kept."""
    body = shopper.order(**{field: number})
    answer = shopper.api.post(path, json=body, headers=key())

    assert (400, "BAD_REQUEST", field) == (
        answer.status_code,
        *(answer.json()[name] for name in ("code", "field")),
    )
    assert number not in answer.text
    assert [] == tables_with(shopper.stack, number)


def test_a_refund_number_that_holds_a_card_on_file_is_refused(shopper):
    """As an order's is."""
    body = asked(paid(shopper), 10, out_refund_no=f"R{ON_FILE}")
    answer = shopper.api.post("/v1/refunds", json=body, headers=key())

    assert (400, "out_refund_no") == (answer.status_code, answer.json()["field"])
    assert [] == tables_with(shopper.stack, ON_FILE)


@pytest.mark.parametrize("number", [STRANGE, "4539578763621486", "6222020000000000005"])
def test_an_order_number_that_only_looks_like_a_card_is_taken(shopper, number):
    """One in ten numbers has Luhn's digit, and a clock's first digits are a BIN's for
    hours: an order is not refused for that.
    """
    answer = shopper.open(out_biz_no=f"{number}")

    assert 201 == answer.status_code, answer.text
    assert number == answer.json()["out_biz_no"]


def test_what_stands_under_such_a_number_is_answered_as_it_was(stack):
    """A card may come to be on file when the order is long there: whoever were told 400
    would believe that nothing was done, and order again.
    """
    number, payer = "6225889876543200", stack.payer(TICKETS)
    body, once = payer.order(out_biz_no=f"o{number}"), key()
    first = payer.api.post("/v1/quick-payments", json=body, headers=once)
    asked_back = asked(paid(payer), 10, out_refund_no=f"r{number}")
    given = payer.api.post("/v1/refunds", json=asked_back, headers=key())
    stack.payer(TICKETS, number=number)

    repeated = payer.api.post("/v1/quick-payments", json=body, headers=once)
    other = payer.api.post("/v1/quick-payments", json=body, headers=key())
    again = payer.api.post("/v1/refunds", json=asked_back, headers=key())
    new = payer.api.post(
        "/v1/quick-payments",
        json=payer.order(out_biz_no=f"n{number}"),
        headers=key(),
    )

    assert (201, 201) == (first.status_code, given.status_code), given.text
    assert (201, first.text) == (repeated.status_code, repeated.text)
    assert (200, 200) == (other.status_code, again.status_code)
    assert (400, "out_biz_no") == (new.status_code, new.json()["field"])


def test_nobody_learns_of_another_lines_cards(shopper, stack):
    """A card that another line has on file is as good as none."""
    assert 201 == stack.payer(TICKETS).open(out_biz_no=ON_FILE).status_code


def test_words_are_kept_without_card_and_id_numbers(stack):
    """In the subject that the payer is texted, and in a refund's reason: not a row, not
    an answer and no text has them in clear. A phone in a subject is what it is about.
    """
    payer = stack.payer(TICKETS)
    words = f"card {STRANGE} of {ID_NO} for 13812341234"
    before = tables_with(stack, STRANGE)
    no = payer.open(subject=words).json()["pay_order_no"]
    payer.confirm(no)
    refund = payer.api.post(
        "/v1/refunds", json=asked(no, 10, reason=words), headers=key()
    )
    timeline = payer.api.get(f"/v1/payments/{no}/timeline")
    text = stack.sms(payer.phone)[-1]["text"]

    assert 201 == refund.status_code, refund.text
    assert "621700*********0122" in refund.json()["reason"]
    assert f"621700*********0122 of 1{'*' * 16}8 for 13812341234" in text
    for said in (refund.text, timeline.text, text, json.dumps(payer.get(no))):
        assert STRANGE not in said
        assert ID_NO not in said
    assert "13812341234" not in timeline.text
    assert before == tables_with(stack, STRANGE)
    assert [] == tables_with(stack, ID_NO)


def test_a_mandates_scope_is_kept_without_card_numbers(stack):
    """What a payer is shown of it has none either."""
    payer = stack.payer()
    body = {
        "number": "6222020200112233446",
        "name": "王五",
        "id_no": ID_NO,
        "phone": payer.phone,
        "sign": {
            "pay_type": "DEDUCT",
            "channel": "deduct_a",
            "account": "main",
            "scope": f"of {STRANGE[:16]} {STRANGE}",
            "single_limit": 1,
            "daily_limit": 1,
            "ends_at": "2999-01-01T00:00:00Z",
        },
    }
    card = payer.api.post("/v1/cards", json=body, headers=key())

    assert 201 == card.status_code, card.text
    assert "agreement_signing" not in tables_with(stack, STRANGE)

"""The strict decoder, on its own."""

import json
import unicodedata

import pytest

from paycore.api.decode import (
    _CONTROL,
    MAX_BODY_OCTETS,
    MAX_DEPTH,
    Shape,
    canonical,
)
from paycore.api.schema import Confirm, OpenQuickPayment, RegisterCard, Search
from paycore.kernel.errors import BadRequest

GOOD = {
    "out_biz_no": "o-1",
    "amount": 1250,
    "currency": "CNY",
    "card_id": "card1",
    "subject": "订单",
}


def body(**changes):
    return json.dumps({**GOOD, **changes}).encode()


def test_a_good_body_is_read():
    """What follows the rules arrives as it was sent."""
    read = Shape(OpenQuickPayment).decode(body(expires_in_s=60))

    assert (1250, "订单", 60) == (read.amount, read.subject, read.expires_in_s)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "1250"),
        ("amount", 1250.0),
        ("amount", True),
        ("amount", 0),
        ("amount", -1),
        ("amount", 10**12 + 1),
        ("amount", 10**30),
        ("amount", None),
        ("currency", "cny"),
        ("currency", "CNY\n"),
        ("out_biz_no", ""),
        ("out_biz_no", "o" * 65),
        ("out_biz_no", "o 1"),
        ("out_biz_no", "o-1\n"),
        ("subject", ""),
        ("subject", "   "),
        ("subject", "s" * 129),
        ("expires_in_s", 59),
        ("expires_in_s", 86_401),
        ("coupon_no", ""),
    ],
)
def test_a_field_outside_its_rule_is_refused_by_its_name(field, value):
    """A refusal names our field and its rule, never the value that was sent."""
    with pytest.raises(BadRequest) as refused:
        Shape(OpenQuickPayment).decode(body(**{field: value}))

    assert field == refused.value.field
    assert field in refused.value.en


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[",
        b"null",
        b"[]",
        b'"x"',
        b"{} {}",
        b"\xff\xfe",
        b'{"subject": "\xff"}',
        b'{"amount": NaN}',
        b'{"amount": 1e400}',
        b'{"subject": "\\ud800"}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"amount":' + b"[" * 60_000,
        b'{"amount":' + b"9" * 60_000 + b"}",
    ],
)
def test_what_is_no_request_is_refused(raw):
    """Whatever is thrown at it, the answer is a BadRequest and nothing worse."""
    with pytest.raises(BadRequest):
        Shape(OpenQuickPayment).decode(raw)


def test_a_name_of_the_callers_own_is_not_repeated():
    """An unknown member is refused without saying its name or value."""
    with pytest.raises(BadRequest) as refused:
        Shape(OpenQuickPayment).decode(body(secret_thing="4111111111111111"))

    assert "secret_thing" not in refused.value.en + refused.value.zh
    assert refused.value.field is None


def test_a_missing_field_is_named():
    """Who forgets a field is told which."""
    with pytest.raises(BadRequest) as refused:
        Shape(Confirm).decode(b"{}")

    assert "sms_verify_code" == refused.value.field


def test_an_inner_field_is_named_by_its_path():
    """A field inside of a list is named, without an index."""
    inner = {"pay_type": "QUICK_PAY", "channel": "c", "account": "a", "token": ""}
    card = {"number": "4" * 16, "name": "n", "id_no": "1", "phone": "+8613800138000"}

    with pytest.raises(BadRequest) as refused:
        Shape(RegisterCard).decode(json.dumps({**card, "agreements": [inner]}).encode())

    assert "agreements.token" == refused.value.field


def test_a_body_larger_than_the_limit_is_refused():
    """64 KiB is the most that is looked at."""
    with pytest.raises(BadRequest):
        Shape(OpenQuickPayment).decode(body(subject="s" * MAX_BODY_OCTETS))


def test_brackets_inside_of_text_are_no_depth():
    """Only what nests counts as depth."""
    read = Shape(OpenQuickPayment).decode(body(subject='[{\\"' * (MAX_DEPTH // 2)))

    assert MAX_DEPTH < read.subject.count("[") + read.subject.count("{") + 1


def test_equal_values_are_written_in_one_way():
    """Order of members, white space and form of numbers do not make another body."""
    assert canonical(b'{"b": 1.0, "a": [1e2, null]}') == canonical(
        b'{"a":[100,null],"b":1}'
    )


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (b'{"a": null}', b"{}"),
        (b'{"a": [1, 2]}', b'{"a": [2, 1]}'),
        (b'{"a": 1}', b'{"a": true}'),
        (b'{"a": 1}', b'{"a": "1"}'),
        (b'{"a": 1.5}', b'{"a": 1}'),
    ],
)
def test_other_values_stay_apart(left, right):
    """Null is not absent, order counts in a list, and types count."""
    assert canonical(left) != canonical(right)


@pytest.mark.parametrize(
    "raw",
    [b'{"a":1,"a":2}', b'{"a":"\\u0000"}', b'{"a":"\\u202e"}', b'{"a":"\x7f"}'],
)
def test_repeated_members_and_control_characters_are_refused(raw):
    """What readers disagree on, or what moves a terminal, never gets in."""
    with pytest.raises(BadRequest):
        canonical(raw)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "\u200b",
            "a\u200bb",
            "\u200f",
            "\u061c茶",
            "\xadtea",
            "\ufefftea",
            "\U000e0041",
        ),
        *(
            "\u200d",
            "茶\u200d",
            "\u200d茶",
            "茶 \u200d茶",
            "茶\u200d\u200d茶",
            "a\u200db",
        ),
    ],
)
def test_what_cannot_be_seen_is_refused(text):
    """A subject of nothing visible, or one that reads other than it is."""
    with pytest.raises(BadRequest):
        canonical(body(subject=text))
    with pytest.raises(BadRequest):
        Shape(Search).convert({"out_biz_no": text})


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d🍳的店",
        "❤\ufe0f\u200d🔥",
        "می\u200cخواهم",
        "क्\u200dष",
        "三杯茶 ☕\ufe0f",
    ],
)
def test_a_joiner_between_what_it_joins_is_taken(text):
    """A shop's emoji and words of other scripts are written with it."""
    assert text == json.loads(canonical(body(subject=text)))["subject"]


def test_every_format_character_is_refused():
    """Those that this Python's Unicode knows; alone, a joiner is one too."""
    formats = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) == "Cf"]

    assert 100 < len(formats)
    assert [] == [one for one in formats if _CONTROL.search(one) is None]


@pytest.mark.parametrize(
    "moment", ["1700000000", "1e9", "-1", "0.5", "Infinity", "nan"]
)
def test_a_number_in_a_query_is_no_moment(moment):
    """A moment is RFC 3339 with its offset, and no count of seconds."""
    with pytest.raises(BadRequest) as refused:
        Shape(Search).convert({"from": moment})

    assert "from" == refused.value.field


def test_a_query_is_read_by_the_same_rules():
    """A list's query knows its parameters and refuses others."""
    shape = Shape(Search)

    assert 50 == shape.convert({"limit": "50"}).limit
    assert 2026 == shape.convert({"from": "2026-01-01T00:00:00Z"}).since.year
    assert "DOING" == shape.convert({"biz_status": "DOING"}).biz_status
    for wrong in ({"limit": "0"}, {"limit": "x"}, {"from": "x"}, {"page": "1"}):
        with pytest.raises(BadRequest):
            shape.convert(wrong)

"""What a column cannot hold both databases refuse alike; the rest both give back."""

import json
import random
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from schema_rows import LATE_CASE, NOW, SHARED, Hand
from schema_violations import NOTICE
from schema_violations_setup import PLASTIC

from paycore.accounting.rows import BalanceRow
from paycore.desk.rows import CaseRow
from paycore.kernel.terms import Json

BEYOND = 2**63

LONG = "".join(random.Random(1).choices(string.ascii_letters, k=8000))
"""More than an index holds of a key, and nothing in it repeats."""

VALUES = [
    ("22P05", replace(LATE_CASE, kind="a\0b")),
    ("22P05", replace(LATE_CASE, case_id=f"{SHARED}\0")),
    ("22021", replace(LATE_CASE, kind="a\ud800b")),
    ("22021", replace(LATE_CASE, case_id=f"{SHARED}\udfff")),
    ("22021", replace(LATE_CASE, evidence=Json('{"a": "\ud800"}'))),
    ("22003", replace(LATE_CASE, amount=BEYOND)),
    ("22003", replace(LATE_CASE, amount=-BEYOND - 1)),
    ("22003", replace(LATE_CASE, amount=4 * BEYOND)),
    ("54000", replace(LATE_CASE, case_id=LONG)),
    (None, replace(LATE_CASE, amount=BEYOND - 1)),
    (None, replace(LATE_CASE, amount=-BEYOND)),
    (None, replace(LATE_CASE, kind="\\u0000 \x7f \x01 \U0001f600 é")),
    (None, replace(PLASTIC, bank="b" * 3000)),
    (None, replace(NOTICE, body=b"\0" * 3000)),
]

JSONS = [
    ("22P02", ""),
    ("22P02", "{"),
    ("22P02", "[1,]"),
    ("22P02", '{"a": NaN}'),
    ("22P02", "-Infinity"),
    ("22P02", '"a\nb"'),
    ("22P02", '"\\ud800"'),
    ("22P02", '{"\\udc00\\ud800": 1}'),
    ("22P05", '"\\u0000"'),
    ("22P05", '{"a": [{"b\\u0000": 1}]}'),
    ("54001", "[" * 20_000 + "]" * 20_000),
    ("22003", "1e200000"),
    ("22003", "1e131072"),
    ("22003", "1e-16384"),
    ("22003", "1e99999999999999999999"),
    (None, '"\\\\u0000"'),
    (None, '"\\ud83d\\ude00"'),
    (None, "1e131071"),
    (None, "1e-16383"),
    (None, "1e400"),
    (None, "1e-400"),
    (None, "9" * 5000),
    (None, "[" * 100 + "]" * 100),
    (None, f'"{"[" * 300}"'),
    (None, '{"a":1.0,"b":1e5,"c":-0,"d":1.10,"e":12345678901234567890123}'),
    (None, "[1E+2, 0.1e1, -0.0, 1.50e1, 0e5, 0e-5, -1.5e-7, 100e-2]"),
    (None, '{"bb": 1, "a": 2, "a": 3, "é": {"z": null, "": true}}'),
    (None, '"\\u00e9\\/\\b\\f\\n\\r\\t\\u0001\x7f\u2028"'),
]


@pytest.mark.parametrize(("refused", "row"), VALUES)
def test_a_column_holds_what_it_can(hand, refused, row):
    """And both give back what they took: the hand's end compares the tables."""
    assert refused == hand.insert(row)


@pytest.mark.parametrize(("refused", "text"), JSONS)
def test_a_json_is_taken_as_jsonb_takes_it(hand, refused, text):
    """Its numbers with all their digits, its keys in their order, no NUL."""
    row = replace(LATE_CASE, evidence=Json(text))

    assert refused == hand.insert(row)
    hand.both.load(CaseRow, hand.own(row).case_id)


numbers = st.from_regex(
    r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)
words = st.text(st.characters(exclude_characters="\0"), max_size=4).map(json.dumps)
jsons = st.recursive(
    st.one_of(numbers, words, st.sampled_from(["true", "false", "null"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda all_: f"[{','.join(all_)}]"),
        st.lists(st.tuples(words, inner), max_size=3).map(
            lambda pairs: f"{{{','.join(f'{name}:{of}' for name, of in pairs)}}}"
        ),
    ),
    max_leaves=8,
)


@given(text=jsons)
@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_json_comes_back_alike(both, text):
    """Or is refused alike: half of a surrogate pair may be among the words."""
    hand = Hand(both)
    row = replace(LATE_CASE, evidence=Json(text))

    assert hand.insert(row) in (None, "22P02")
    hand.both.load(CaseRow, hand.own(row).case_id)
    assert [] == both._found


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        (BEYOND - 2, 1, None),
        (BEYOND - 2, 2, "22000"),
        (0, BEYOND, "22000"),
    ],
)
def test_a_counter_is_a_bigint(hand, first, second, refused):
    """It is counted in Python where it would not fit: there the driver refuses it."""
    for amount, said in ((first, None), (second, refused)):
        change = hand.change()
        change.count(f"q-{hand.mine}", amount, limit=None, expires_at=NOW)
        assert said == hand.write(change)


@pytest.mark.parametrize(("more", "refused"), [(1, None), (2, "22003")])
def test_a_balance_is_a_bigint(hand, more, refused):
    """It is added by the database."""
    for amount, said in ((BEYOND - 2, None), (more, refused)):
        change = hand.change()
        row = BalanceRow(account=hand.mine, currency="CNY", slot=0, amount=amount)
        change.add(row)
        assert said == hand.write(change)

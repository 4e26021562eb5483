"""What jsonb makes of a JSON; tests/prove/test_values.py asks PostgreSQL the same."""

import pytest

from paycore.kernel.journal import ChangeRejected
from paycore.kernel.journal_json import as_kept, refuse_unfit


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("[1e2, 0.1e1, -0.0, 1.50e1, 1.10]", "[100, 1, 0.0, 15.0, 1.10]"),
        ("[-0, 0.0e5, 0.0e-2, -1.5e-7]", "[0, 0, 0.000, -0.00000015]"),
        ('{"bb": 1.5, "a": "\\u00e9\\/", "a": null}', '{"a": null, "bb": 1.5}'),
        ('{"bb": 1, "é": [true, {"c": "x"}]}', '{"bb": 1, "é": [true, {"c": "x"}]}'),
        ('["1.5\\n", false, {}, []]', '["1.5\\n", false, {}, []]'),
        ("1e131071", f"1{'0' * 131_071}"),
        ("1e-16383", f"0.{'0' * 16_382}1"),
        ("9" * 5000, "9" * 5000),
        (f'"{"[" * 101}\\"{"{" * 101}"', f'"{"[" * 101}\\"{"{" * 101}"'),
        ("[" * 100 + "]" * 100, "[" * 100 + "]" * 100),
        ('"\\\\u0000"', '"\\\\u0000"'),
    ],
)
def test_a_json_comes_back_as_jsonb_prints_it(text, kept):
    """All digits of its numbers, one order of keys, one spacing."""
    refuse_unfit(text)

    assert kept == as_kept(text)


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [
        ("{", "22P02"),
        ("NaN", "22P02"),
        ('"\\udfff"', "22P02"),
        ('{"\\ud800": 1}', "22P02"),
        ('"\\u0000"', "22P05"),
        ('[{"a\\u0000": 1}]', "22P05"),
        ("1e131072", "22003"),
        ("1e-16384", "22003"),
        ("1e99999999999999999999", "22003"),
        ("[" * 101 + "]" * 101, "54001"),
        ('{"a":' * 101 + "1" + "}" * 101, "54001"),
    ],
)
def test_what_it_cannot_hold_it_refuses(text, sqlstate):
    """With PostgreSQL's class."""
    with pytest.raises(ChangeRejected) as caught:
        refuse_unfit(text)

    assert sqlstate == caught.value.sqlstate

"""Cursors of several parts: whatever the parts are made of."""

import pytest

from paycore.api.console.keyset import key_of, parts_of
from paycore.api.paging import cursor_of
from paycore.kernel.errors import BadRequest


@pytest.mark.parametrize(
    "parts", [("UNKNOWN_LINE", "ref:20261128|7"), ("a", "参考号"), ("", "~")]
)
def test_a_key_comes_back_as_it_was_given(parts):
    """A channel's own words are in some: any sign may be."""
    assert parts == parts_of(cursor_of(key_of(*parts)), len(parts))


@pytest.mark.parametrize("key", ["x", "x|y", "[]", '["x"]', '["x", 1]', '["x", "\\n"]'])
def test_what_is_not_ours_is_refused(key):
    """Another form, another number of parts, what is no text."""
    with pytest.raises(BadRequest):
        parts_of(cursor_of(key), 2)

"""Cursors of several parts: whatever the parts are made of."""

from datetime import UTC, datetime

import pytest

from paycore.api.console.keyset import key_of, moment_key, moment_of, parts_of
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


def test_a_moment_comes_back_as_it_was_given():
    """To the microsecond, with the number behind it."""
    at = datetime(2026, 11, 30, 1, 2, 3, 4, tzinfo=UTC)

    assert (at, "no") == moment_of(moment_key(at, "no"))


@pytest.mark.parametrize(
    "written", ["", "2026", "2026-11-30T01:02:03", "0001-01-01T00:00:00+23:00"]
)
def test_what_is_no_moment_is_refused(written):
    """Without its zone, or of a time that there is not."""
    with pytest.raises(BadRequest):
        moment_of(key_of(written, "no"))

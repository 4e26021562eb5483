import pytest
from hypothesis import given
from hypothesis import strategies as st

from paycore.kernel.crypto import KeyRing, content_hash, keyed_hash, same
from paycore.kernel.errors import Misconfigured

OLD, NEW = b"o" * 32, b"n" * 32


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_is_sealed_opens(clear, context):
    """Sealing loses nothing."""
    ring = KeyRing({"k": OLD})

    assert clear == ring.open(ring.seal(clear, context=context), context=context)


def test_a_value_opens_only_where_it_belongs():
    """A sealed value moved to another row does not open there."""
    ring = KeyRing({"k": OLD})
    sealed = ring.seal(b"6222", context=b"card_1")

    with pytest.raises(Misconfigured):
        ring.open(sealed, context=b"card_2")


def test_a_touched_value_does_not_open():
    """Every octet is authenticated."""
    ring = KeyRing({"k": OLD})
    sealed = ring.seal(b"6222", context=b"c")
    touched = sealed[:-1] + bytes([sealed[-1] ^ 1])

    with pytest.raises(Misconfigured):
        ring.open(touched, context=b"c")


def test_a_new_key_in_front_seals_and_the_old_one_still_opens():
    """Rotation is putting a key in front; nothing has to be re-sealed at once."""
    before = KeyRing({"old": OLD})
    sealed = before.seal(b"x", context=b"c")
    after = KeyRing({"new": NEW, "old": OLD})

    assert b"x" == after.open(sealed, context=b"c")
    assert "old" == after.key_of(sealed)
    assert "new" == after.key_of(after.seal(b"x", context=b"c"))


def test_a_key_that_is_gone_is_named_as_the_trouble():
    """Taking a key out too early says so, and not that the value is broken."""
    sealed = KeyRing({"old": OLD}).seal(b"x", context=b"c")

    with pytest.raises(Misconfigured, match="the ring has not"):
        KeyRing({"new": NEW}).open(sealed, context=b"c")


@pytest.mark.parametrize("keys", [{}, {"k": b"short"}, {"k": OLD, "l": b""}])
def test_a_ring_of_no_or_short_keys_is_refused(keys):
    """A node does not start with keys that protect nothing."""
    with pytest.raises(Misconfigured):
        KeyRing(keys)


def test_equal_values_are_sealed_differently():
    """Who reads the table cannot tell that two cards are the same."""
    ring = KeyRing({"k": OLD})

    assert ring.seal(b"x", context=b"c") != ring.seal(b"x", context=b"c")


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5)))
def test_parts_of_a_keyed_hash_do_not_run_together(left, right):
    """("ab", "c") and ("a", "bc") are two things."""
    equal = keyed_hash(OLD, *left) == keyed_hash(OLD, *right)

    assert (left == right) == equal


def test_a_keyed_hash_needs_its_key():
    """Without the key outside the database a hash says nothing."""
    assert keyed_hash(OLD, "123456") != keyed_hash(NEW, "123456")
    assert same(content_hash(b"a"), content_hash(b"a"))
    assert not same(content_hash(b"a"), content_hash(b"b"))

"""Bearer tokens: what is shown once, and what is kept of it."""

import pytest

from paycore.kernel.bearer import Bearer
from paycore.kernel.ids import SystemIds


def test_a_token_is_known_again_by_what_is_kept():
    """Its clear text, read again, matches its own digest and no other."""
    made, other = Bearer.fresh(SystemIds(), "op"), Bearer.fresh(SystemIds(), "op")
    read = Bearer.read(made.clear, "op")

    assert made == read
    assert read.matches(made.digest)
    assert not read.matches(other.digest)
    assert not read.matches(None)


def test_the_secret_is_not_in_what_is_logged_or_kept():
    """Neither its repr nor its digest holds it."""
    made = Bearer.fresh(SystemIds(), "op")

    assert made.secret not in repr(made)
    assert made.secret.encode() not in made.digest


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda clear: clear[:0],
        lambda clear: clear.lower(),
        lambda clear: clear + "\n",
        lambda clear: clear[:-1],
        lambda clear: clear.replace("op_", "pk_"),
        lambda clear: clear.replace("op_", "op__"),
        lambda clear: f" {clear}",
    ],
)
def test_another_form_is_none(spoilt):
    """Another kind, another length, another letter: no token of this kind."""
    clear = Bearer.fresh(SystemIds(), "op").clear

    assert Bearer.read(spoilt(clear), "op") is None

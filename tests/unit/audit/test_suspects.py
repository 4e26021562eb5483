"""Which numbers in a text are secrets, and which only look like one."""

import pytest

from paycore.audit.suspects import secrets_in

CARD, ID_NO = "6222020200112233446", "110101199003074178"


@pytest.mark.parametrize(
    "text",
    [
        CARD,
        f'{{"number":"{CARD}"}}',
        f"卡号{CARD}有误",
        "card 6222 0202 0011 2233 446.",
        "4111-1111-1111-1111",
        f"证件{ID_NO}",
    ],
)
def test_a_number_is_found_and_shown_masked(text):
    """Plain, in groups, beside any script; what is told of it has no middle."""
    (found,) = secrets_in(text, ())

    assert "*" * 6 in found
    assert not any(secret in found for secret in (CARD, ID_NO, "41111111"))


@pytest.mark.parametrize(
    "text",
    [
        "622202******3446",
        "6222020200112233447",
        "26112512303012345678901234",
        "2611251230301236222020200112233446",
        "10000000000000000001",
        f"t{CARD}",
        f"{CARD}a",
        "2026-11-25T12:30:30.123456Z",
        "1250",
        "110101199003074179",
    ],
)
def test_what_only_looks_like_one_is_left_alone(text):
    """Masked, of another check digit, inside a longer number or name, or a time."""
    assert [] == list(secrets_in(text, ()))


def test_what_others_chose_may_look_like_anything():
    """A line's own number that happens to pass is no card."""
    assert [] == list(secrets_in(f'{{"out_biz_no":"{CARD}"}}', (CARD,)))

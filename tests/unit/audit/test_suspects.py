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
        f"t{CARD}",
        f"{CARD}a",
        f"PAN{CARD}",
        rf'{{"msg":"\n{CARD}"}}',
        rf'{{"msg":"\u5361\u53f7{CARD}"}}',
        rf"\\u5361\\u53f7{CARD}",
        rf"\345\215\241\345\217\267{CARD}",
        rf"\345\217\267{ID_NO}",
        f"id{ID_NO}",
        "6222 2611 6222 0202 0011 2233 446",
        *("4222222222222", "371449635398431", "30569309025904", "4024007191821234560"),
    ],
)
def test_a_number_is_found_and_shown_masked(text):
    """Plain, in groups, beside any script, letter or escape; what is told of it has no
    middle.
    """
    (found,) = secrets_in(text, ())

    assert "***" in found
    assert not any(secret in found for secret in (CARD, ID_NO, "41111111"))


@pytest.mark.parametrize("number", [ID_NO, "440301199003072532"])
def test_an_id_number_is_shown_as_one(number):
    """First and last character: not region and birthday, as of a card."""
    assert [number[0] + "*" * 16 + number[-1]] == list(secrets_in(number, ()))


@pytest.mark.parametrize(
    "text",
    [
        "622202******3446",
        "6222020200112233447",
        "26112512303012345678901234",
        "2611251230301236222020200112233446",
        "10000000000000000001",
        "EAN 6901234560046, ticket 9991234567890, ref 555123456789014",
        "261125123030107ABCDEFGHJKM",
        r"\n261125123030107ABCDEFGHJKM02",
        "2611251230301075BCDEFGHJKMM01",
        "2611251230301075BCDEFGHJKMS01",
        "2611251230301075BCDEFGHJKMS01AAA",
        "2611251230301236222020200ABCD02",
        "Order:261125123030126ABCDEFGHJKM",
        "ab00d5234-1234-4234-8234-a12345678901"[3:],
        "a" * 20 + "4111111111111111" + "b" * 20,
        "2026-11-25T12:30:30.123456Z",
        "1250",
        "110101199003074179",
    ],
)
def test_what_only_looks_like_one_is_left_alone(text):
    """Masked, of another check digit, inside a longer number or name, or a time."""
    assert [] == list(secrets_in(text, ()))


@pytest.mark.parametrize("known", [CARD, f"ORD-{CARD}", f"{CARD}a"])
def test_what_others_chose_may_look_like_anything(known):
    """A line's own number that happens to pass, or holds one, is no card."""
    assert [] == list(secrets_in(f'{{"out_biz_no":"{known}"}}', (known,)))


def test_the_payers_own_card_is_nobodys_number():
    """Whoever chose it: a number with its first six and last four digits is a card."""
    text = f'{{"out_biz_no":"{CARD}"}}'

    assert ["622202*********3446"] == list(secrets_in(text, (CARD,), "6222023446"))
    assert [] == list(secrets_in(text, (CARD,), "6222023447"))
    assert [] != list(secrets_in("9991234567890", (), "9991237890"))


def test_a_sentence_is_no_number_that_somebody_chose():
    """Words in a reference excuse nothing that stands among them."""
    assert ["622202*********3446"] == list(secrets_in(CARD, (f"card {CARD}",)))

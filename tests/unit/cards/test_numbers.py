"""What a card's numbers say of themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paycore.cards import numbers

CARD = "6222021234567894"


@pytest.mark.parametrize(
    "number", [CARD, "4242424242424242", "378282246310005", "5555555555554444"]
)
def test_cards_with_luhns_digit_are_taken(number):
    """Of the ten last digits that a card could have, one is right."""
    good = [last for last in "0123456789" if numbers.good_card(number[:-1] + last)]

    assert [number[-1]] == good


@given(st.integers(0, 14), st.integers(1, 9))
def test_one_wrong_digit_is_found(place, by):
    """Whichever digit is mistyped, the number is refused."""
    wrong = str((int(CARD[place]) + by) % 10)

    assert numbers.good_card(CARD)
    assert not numbers.good_card(CARD[:place] + wrong + CARD[place + 1 :])


@pytest.mark.parametrize(
    "number",
    ["", "0", "4" * 11, "622202020013", "4" * 20, "４２４２" * 4, CARD + "\n"],
)
def test_what_is_no_number_is_no_card(number):
    """Other lengths and other scripts' digits are refused."""
    assert not numbers.good_card(number)


@pytest.mark.parametrize(
    "text", [CARD, f"o{CARD}x", f"20261129{CARD}01", "6222-0212.3456_7894", f"1:{CARD}"]
)
def test_a_card_number_is_found_in_another_number(text):
    """Wherever it stands, and however it is separated."""
    assert CARD in numbers.within(text)


@pytest.mark.parametrize("text", ["", "o-1", "0190b4b8-6f5e-7c3a", CARD[:12], "1" * 13])
def test_most_numbers_hold_none(text):
    """Where none of their runs has the length and Luhn's digit."""
    assert set() == numbers.within(text)


@pytest.mark.parametrize(
    ("number", "good"),
    [
        ("11010519491231002X", True),
        ("11010519491231002x", True),
        ("110105194912310021", False),
        ("E12345678", True),
        ("", False),
        ("1101051949123100 2X", False),
    ],
)
def test_a_chinese_id_number_has_its_check_digit(number, good):
    """One of Chinese form is checked; a passport's number is taken as it is."""
    assert good == numbers.good_id_no(number)


def test_phones_become_e164():
    """Phones are kept in one form; what no country dials is refused."""
    assert "+8613800138000" == numbers.e164("+86 138-0013-8000")
    assert numbers.e164("13800138000") is None
    assert numbers.e164("+86") is None


def test_shipped_bins_are_well_formed():
    """Each BIN is six digits with a bank and a kind."""
    for prefix, (bank, kind) in numbers.BINS.items():
        assert (6, True) == (len(prefix), prefix.isdigit())
        assert bank.isupper()
        assert kind in (numbers.DEBIT, numbers.CREDIT)

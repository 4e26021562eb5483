import pytest

from paycore.kernel.money import decimal_text, exponent


@pytest.mark.parametrize(
    ("currency", "digits"), [("CNY", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)]
)
def test_the_exponent_is_that_of_iso_4217(currency, digits):
    """Minor units are what the standard says, not what a locale shows."""
    assert digits == exponent(currency)


@pytest.mark.parametrize("currency", ["XYZ", "cny", "", "CNYX"])
def test_unknown_money_has_no_exponent(currency):
    """A code that is no currency is told apart from one without minor units."""
    assert exponent(currency) is None


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1250, "CNY", "12.50"),
        (5, "CNY", "0.05"),
        (0, "CNY", "0.00"),
        (-5, "CNY", "-0.05"),
        (-1250, "CNY", "-12.50"),
        (1250, "JPY", "1250"),
        (1, "KWD", "0.001"),
        (10**12, "CNY", "10000000000.00"),
    ],
)
def test_an_amount_for_people(amount, currency, text):
    """Integers become text without a float on the way, every digit of them."""
    assert text == decimal_text(amount, currency)

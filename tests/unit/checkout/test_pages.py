"""What the pages say: in both languages, and amounts as people read them."""

import re
from importlib.resources import files

import pytest

from paycore.checkout import pages, words
from paycore.checkout.asked import good_return


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1, "CNY", "¥0.01"),
        (125_000, "CNY", "¥1,250.00"),
        (100_000_000_000_000, "USD", "$1,000,000,000,000.00"),
        (1250, "JPY", "JP¥1,250"),
        (1250, "KWD", "KWD 1.250"),
    ],
)
def test_amounts(amount, currency, text):
    """With the digits that the currency has, and a sign only where all know it."""
    assert text == pages.amount_text(amount, currency)


def test_everything_is_said_in_both_languages():
    """Every word of the template is there, and the two say different things."""
    template = files("paycore.checkout").joinpath("templates/page.html").read_text()
    used = set(re.findall(r"\bt\.(\w+)", template))
    zh, en = (words.words_of(language) for language in words.LANGUAGES)

    assert used <= set(zh)
    assert all(zh[name] and en[name] and zh[name] != en[name] for name in zh)


def test_placeholders_are_the_same_in_both_languages():
    """What is filled in stands in each of the two."""
    zh, en = (words.words_of(language) for language in words.LANGUAGES)
    holes = re.compile(r"\{\w+\}")

    assert {name: sorted(holes.findall(text)) for name, text in zh.items()} == {
        name: sorted(holes.findall(text)) for name, text in en.items()
    }


def test_only_our_own_words_are_told():
    """Whatever else an address says is nothing."""
    assert "number" == words.known("number")
    assert "" == words.known("<b>")
    assert "" == words.known("paid")


@pytest.mark.parametrize(
    ("checks", "seconds"), [(0, 3), (1, 3), (2, 4), (3, 8), (4, 16), (5, 30), (99, 30)]
)
def test_a_page_looks_again_as_its_bank_is_asked(checks, seconds):
    """At first at once, later less often; and never so late that a payer gives up."""
    assert seconds == pages.looks_again_s(checks)


@pytest.mark.parametrize("name", ["lost", "broken"])
@pytest.mark.parametrize("language", words.LANGUAGES)
def test_pages_about_no_checkout(name, language):
    """They have words, and no form."""
    page = pages.notice(name, language).decode()

    assert words.words_of(language)[name] in page
    assert "<form" not in page


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://shop.example/", True),
        ("https://shop.example/done?a=1&b=2", True),
        ("http://localhost:8000/", True),
        ("http://127.0.0.2/", True),
        ("http://shop.example/", False),
        ("http://127.0.0.1.evil.example/", False),
        ("http://localhost.evil.example/", False),
        ("ftp://127.0.0.1/", False),
        ("https://a@shop.example/", False),
        ("https://shop.example/#a", False),
        ("//shop.example/", False),
        ("https://[::1", False),
        ("https://shop.example/ a", False),
    ],
)
def test_where_a_payer_may_be_sent(url, good):
    """https, or this machine."""
    assert good == good_return(url)

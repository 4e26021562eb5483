"""Masking: what is secret does not get out, and what is not stays readable."""

import io
import json
import logging

import pytest
import structlog

from paycore.kernel import log
from paycore.kernel.mask import (
    mask_card,
    mask_code,
    mask_id_no,
    mask_name,
    mask_numbers,
    mask_phone,
    mask_text,
)

CARD = "6222021234567894"
ID_NO = "11010519491231002X"
PHONE = "+8613812341234"


@pytest.mark.parametrize(
    ("mask", "clear", "shown"),
    [
        (mask_card, CARD, "622202******7894"),
        (mask_card, "6222021234567890123", "622202*********0123"),
        (mask_card, "622202", "******"),
        (mask_phone, PHONE, "+86*******1234"),
        (mask_phone, "13812341234", "*******1234"),
        (mask_phone, "+14155550123", "+1******0123"),
        (mask_phone, "+6581234567", "+65****4567"),
        (mask_phone, "+8610086", "********"),
        (mask_phone, "+999999999", "**********"),
        (mask_phone, "1381234", "*******"),
        (mask_name, "张三丰", "张**"),
        (mask_name, "张", "*"),
        (mask_name, "", ""),
        (mask_id_no, ID_NO, "1****************X"),
        (mask_code, "123456", "******"),
        (mask_code, "12345678", "******"),
    ],
)
def test_each_kind_shows_what_it_may(mask, clear, shown):
    """BIN and last four of a card, the last four of a phone, no more."""
    assert shown == mask(clear)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"card {CARD} declined", "card 622202******7894 declined"),
        (f'{{"pan":"{CARD}"}}', '{"pan":"622202******7894"}'),
        ("6222 0212 3456 7894", "6222 0*********7894"),
        ("4111-1111-1111-1111!", "4111-1*********1111!"),
        (f"证件{ID_NO}不符", "证件1****************X不符"),
        (f"to {PHONE}.", "to +86*******1234."),
        ("手机13812341234", "手机*******1234"),
        ("138 1234 1234", "*********1234"),
        ("验证码123456，5分钟内有效", "验证码******，5分钟内有效"),
        ("Your code is 654321.", "Your code is ******."),
    ],
)
def test_secrets_are_found_in_free_text(text, shown):
    """A channel's message or an exception does not carry them into a log."""
    assert shown == mask_text(text)


def test_words_for_people_lose_card_and_id_numbers_only():
    """A phone and a short number may be what they are about."""
    words = f"{CARD} of {ID_NO} for {PHONE}, code 123456"

    assert f"622202******7894 of 1{'*' * 16}X for {PHONE}, code 123456" == mask_numbers(
        words
    )


@pytest.mark.parametrize(
    "text",
    [
        "20261122140506123456ABCD",
        "refund 261225103436819JXQ4E7EMG1XM01",
        "signing 260403194103330DX7WGP6HAB2S01",
        "try 260613234715352AHE3VZEPR5GS01AAA",
        "amount 1000000000000",
        "4111111111111112",
        "at 2026-11-22T14:05:06.123456Z",
        "0190b4b8-6f5e-7c3a-9d2e-1f0a2b3c4d5e",
        "HTTP 502 after 3.000 s",
    ],
)
def test_what_is_not_secret_stays(text):
    """Order numbers, amounts, times and identifiers stay readable."""
    assert text == mask_text(text)


@pytest.fixture
def lines():
    """What is logged, line by line, read back."""
    stream = io.StringIO()
    log.configure(stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    logging.getLogger().handlers.clear()


def test_no_canary_gets_into_a_log(lines):
    """Whatever is logged, wherever the secret stands in it, it does not get out."""
    logger = log.get("test")
    sentence = f"card {CARD}"
    logger.info(sentence, a=CARD, b=[CARD], c={CARD: {"d": (int(CARD),)}})
    logger.info("codes", code="123456", secret="whsec_x", card={"cvv": 999})
    logging.getLogger("library").warning("said %s of %s", PHONE, ID_NO)
    try:
        int(f"no such card: {CARD}")
    except ValueError:
        logger.exception("failed")

    # A moment's digits may be any.
    timeless = [{k: v for k, v in line.items() if k != "timestamp"} for line in lines()]
    text = json.dumps(timeless, ensure_ascii=False)

    assert 4 == len(timeless)
    for canary in (CARD, "123456", "whsec_x", "999", PHONE, ID_NO):
        assert canary not in text


def test_what_helps_stays_in_the_log(lines):
    """Names, numbers and the order they belong to are shown."""
    log.get("test").info("sent", pay_order_no="20261122AB", amount=100, ok=True)

    (line,) = lines()

    assert ("sent", "info", "test", "20261122AB", 100, True) == (
        *(line["event"], line["level"], line["logger"], line["pay_order_no"]),
        *(line["amount"], line["ok"]),
    )


def test_a_value_without_end_does_not_stop_the_log(lines):
    """What nests too deep is cut, and so is what holds itself."""
    endless = []
    endless.append(endless)

    log.get("test").info("deep", value=endless)

    assert "…" in json.dumps(lines(), ensure_ascii=False)

"""Receipts: by their fields, by their line, and by whose number."""

from datetime import UTC, datetime

import pytest
from message_centre import receipt

from paycore.sms.carrier import Receipt
from paycore.sms.smpp import pdu as wire
from paycore.sms.smpp.receipt import known_as, receipt_of

LINE = (
    "id:{id} sub:001 dlvrd:001 submit date:2611292109 done date:2611292110"
    " stat:{stat} err:{err} text:Your code is"
)


def line(number="0123456789", stat="DELIVRD", err="000"):
    return LINE.format(id=number, stat=stat, err=err)


def read(text="", *, ids="AUTO", clock_minutes=None, **given):
    told = wire.delivered_of(receipt(text, **given))
    return receipt_of(told, ids=ids, clock_minutes=clock_minutes)


def test_a_line():
    """Appendix B: whose, what became of it, and the error's number."""
    expected = Receipt(delivered=True, code="DELIVRD 000", message_id="123456789")

    assert expected == read(line())
    assert expected == read(line(), coding=8)


@pytest.mark.parametrize(
    "stat", ["EXPIRED", "DELETED", "UNDELIV", "REJECTD", "UNKNOWN"]
)
def test_an_end_without_the_phone(stat):
    """Not delivered, and why."""
    told = read(line(stat=stat, err="034"))

    assert (False, f"{stat} 034") == (told.delivered, told.code)


def test_fields_outweigh_the_line():
    """receipted_message_id and message_state, where they are there."""
    fields = [(0x001E, b"3F2A9C01\0"), (0x0427, b"\5")]
    told = read(line("1", "DELIVRD"), tlvs=fields)

    assert (False, "UNDELIV 000") == (told.delivered, told.code)
    assert known_as("3F2A9C01", "AUTO") == told.message_id
    assert Receipt(delivered=True, code="DELIVRD", message_id="ab-1") == read(
        tlvs=[(0x001E, b"ab-1\0"), (0x0427, b"\2")]
    )


@pytest.mark.parametrize(
    "given",
    [
        {"text": line(stat="ENROUTE")},
        {"text": line(stat="ACCEPTD")},
        {"text": line(), "tlvs": [(0x0427, b"\1")]},
        {"text": line(), "esm_class": 0x20},
        {"text": line(), "esm_class": 0},
        {"text": "STOP"},
        {"text": "stat:DELIVRD"},
        {"text": "id:1"},
        {"text": "id:1 text:stat:DELIVRD"},
        {"text": "", "tlvs": [(0x0427, b"")]},
    ],
)
def test_what_tells_of_no_end_is_none(given):
    """Underway, a note on the way, a payer's reply, a line that lacks something: its
    beginning of our text is not read.
    """
    assert read(**given) is None


@pytest.mark.parametrize(
    ("ids", "given", "named"),
    [
        ("AUTO", "3F2A9C01", "3f2a9c01"),
        ("AUTO", "3F2A9C01", "1059757057"),
        ("AUTO", "1059757057", "3F2A9C01"),
        ("AUTO", "0000012345", "12345"),
        ("AUTO", "a-B_7", "a-B_7"),
        ("SAME", "00ab12", "AB12"),
        ("SAME", "Xy.7", "Xy.7"),
        ("DECIMAL", "10597570", "274298224"),
        ("DECIMAL", "3F2A9C01", "1059757057"),
        ("HEX", "274298224", "10597570"),
        ("HEX", "274298224", "0010597570"),
    ],
)
def test_a_number_is_the_same_however_it_is_written(ids, given, named):
    """As the answer gave it and as the receipt's line has it."""
    assert known_as(given, ids) == read(line(named), ids=ids).message_id


@pytest.mark.parametrize(
    ("ids", "given", "named"),
    [
        ("AUTO", "10597570", "274298224"),
        ("SAME", "3F2A9C01", "1059757057"),
        ("SAME", "Xy.7", "xy.7"),
        ("DECIMAL", "16", "16"),
    ],
)
def test_other_numbers_are_others(ids, given, named):
    """Digits alone say nothing of their base: that is for the settings to say."""
    assert known_as(given, ids) != read(line(named), ids=ids).message_id


def test_a_field_has_the_number_as_it_was_given():
    """Whatever the line does with it."""
    fields = [(0x001E, b"10597570\0"), (0x0427, b"\2")]

    for ids in ("AUTO", "SAME", "DECIMAL", "HEX"):
        told = read(tlvs=fields, ids=ids)
        assert known_as("10597570", ids) == told.message_id


def test_numbers_of_any_length_are_read():
    """Nothing that a centre writes takes long to read, or breaks."""
    for number in ("9" * 60_000, "f" * 60_000, "0" * 60_000):
        for ids in ("AUTO", "SAME", "DECIMAL", "HEX"):
            known_as(number, ids)


def test_times_are_told_where_the_clock_is_known():
    """A line has no zone; what is no time is none."""
    eight_hours = read(line(), clock_minutes=480)
    odd = line().replace("done date:2611292110", "done date:2613992110")

    assert read(line()).at is None
    assert datetime(2026, 11, 29, 13, 10, tzinfo=UTC) == eight_hours.at
    assert read(odd, clock_minutes=0).at is None


def test_only_words_are_shown():
    """What stands where a code should be is not carried into what people read."""
    told = read("id:1 stat:DELIVRD err:+8613812345678")

    assert "DELIVRD" == told.code

"""Texts as octets: two alphabets, and parts with headers."""

import pytest

from paycore.sms.smpp.text import GSM, UCS2, WITH_HEADER, parts_of


def parts(text, *, ucs2=False):
    return parts_of(text, ucs2=ucs2, reference=0xA7)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("Code 123", "43 6F 64 65 20 31 32 33"),
        ("@£$¥èéùìòÇ\nØø\rÅå", "00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F"),
        ("Δ_ΦΓΛΩΠΨΣΘΞ", "10 11 12 13 14 15 16 17 18 19 1A"),
        ("ÆæßÉ ¤¡ÄÖÑÜ§¿äöñüà", "1C 1D 1E 1F 20 24 40 5B 5C 5D 5E 5F 60 7B 7C 7D 7E 7F"),
        ("€[]{}^~\\|\f", "1B65 1B3C 1B3E 1B28 1B29 1B14 1B3D 1B2F 1B40 1B0A"),
    ],
)
def test_the_default_alphabet(text, octets):
    """3GPP TS 23.038, 6.2.1 and 6.2.1.1: an octet a letter, two in the extension."""
    made = parts(text)

    assert (GSM, 0) == (made.data_coding, made.esm_class)
    assert (bytes.fromhex(octets),) == made.octets


@pytest.mark.parametrize("text", ["验证码", "naïve", "`", "code 1\x1b"])
def test_what_it_has_not_goes_in_utf_16(text):
    """One such letter is enough: big-endian, without a mark before it."""
    made = parts(text)

    assert (UCS2, 0) == (made.data_coding, made.esm_class)
    assert (text.encode("utf-16-be"),) == made.octets


def test_a_centre_may_want_all_in_utf_16():
    """Where its default alphabet is another."""
    assert (b"\x00@",) == parts("@", ucs2=True).octets


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("x" * 160, [160]),
        ("x" * 161, [6 + 153, 6 + 8]),
        ("x" * 306, [6 + 153, 6 + 153]),
        ("x" * 307, [6 + 153, 6 + 153, 6 + 1]),
        ("€" * 80, [160]),
        ("€" * 81, [6 + 152, 6 + 10]),
        ("码" * 70, [140]),
        ("码" * 71, [6 + 134, 6 + 8]),
        ("码" * 134, [6 + 134, 6 + 134]),
        ("😀" * 35, [140]),
        ("😀" * 36, [6 + 132, 6 + 12]),
    ],
)
def test_a_long_text_is_cut_between_letters(text, lengths):
    """160 and 153, 70 and 67 letters; an escape stays with its letter, and the halves
    of what UTF-16 has in two stay together.
    """
    made = parts(text)

    assert lengths == [len(octets) for octets in made.octets]
    bodies = [o[6:] if len(made.octets) > 1 else o for o in made.octets]
    if made.data_coding == UCS2:
        assert text == "".join(octets.decode("utf-16-be") for octets in bodies)
    else:
        assert all(octets[-1] != 0x1B for octets in bodies)


def test_each_part_says_which_it_is():
    """TS 23.040, 9.2.3.24.1: length, kind, length, reference, of how many, which."""
    made = parts("x" * 307)

    assert WITH_HEADER == made.esm_class
    assert ["050003A70301", "050003A70302", "050003A70303"] == [
        octets[:6].hex().upper() for octets in made.octets
    ]

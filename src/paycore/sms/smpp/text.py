"""A text as octets, in as many parts as it needs.

The GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1) where it has all letters, one
octet each and two for those of its extension; else UTF-16, big-endian. A part of
several has six octets before it that say which it is (TS 23.040, 9.2.3.24.1). Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

GSM, UCS2 = 0x00, 0x08
"""What `data_coding` says of the two."""

WITH_HEADER = 0x40
"""In `esm_class`: the text begins with a header (UDHI)."""

GSM_ALONE, GSM_PART = 160, 153
UCS2_ALONE, UCS2_PART = 140, 134
"""Octets of a text that is alone, and of a part of several: 70 and 67 letters."""

MAX_PARTS = 255

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE = 0x1B
_EXTENSION = MappingProxyType(
    {
        "\f": 0x0A,
        "^": 0x14,
        "{": 0x28,
        "}": 0x29,
        "\\": 0x2F,
        "[": 0x3C,
        "~": 0x3D,
        "]": 0x3E,
        "|": 0x40,
        "€": 0x65,
    }
)


def _alphabet() -> Iterator[tuple[str, bytes]]:
    for number, letter in enumerate(_BASIC):
        if number != _ESCAPE:
            yield letter, bytes((number,))
    for letter, number in _EXTENSION.items():
        yield letter, bytes((_ESCAPE, number))


_GSM: Mapping[str, bytes] = MappingProxyType(dict(_alphabet()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A text as it goes out."""

    data_coding: int
    esm_class: int
    octets: Sequence[bytes] = field(repr=False)
    """Of each part, its header included."""


def parts_of(text: str, *, ucs2: bool, reference: int) -> Parts:
    """Encode a text and cut it; `reference` (0 … 255) is what its parts have in common.

    `ucs2`: in UTF-16, whatever its letters.
    """
    plain = not ucs2 and all(letter in _GSM for letter in text)
    if plain:
        letters = [_GSM[letter] for letter in text]
        coding, alone, part = GSM, GSM_ALONE, GSM_PART
    else:
        # Letter by letter, so that no cut goes through a pair of surrogates.
        letters = [letter.encode("utf-16-be", "replace") for letter in text]
        coding, alone, part = UCS2, UCS2_ALONE, UCS2_PART
    if sum(map(len, letters)) <= alone:
        return Parts(data_coding=coding, esm_class=0, octets=(b"".join(letters),))
    cut = tuple(_cut(letters, part))
    assert len(cut) <= MAX_PARTS, "texts are short"
    return Parts(
        data_coding=coding,
        esm_class=WITH_HEADER,
        octets=tuple(
            bytes((5, 0, 3, reference, len(cut), at)) + octets
            for at, octets in enumerate(cut, 1)
        ),
    )


def _cut(letters: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Pieces of so many octets at most, and no letter in two of them."""
    piece = b""
    for letter in letters:
        if len(piece) + len(letter) > most:
            yield piece
            piece = b""
        piece += letter
    yield piece

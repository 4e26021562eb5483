"""What jsonb makes of a JSON, for the journal in memory: what it takes and gives back.

It keeps numbers as numeric and not as they were written (1e5 comes back as 100000, 1.10
as 1.10), one spacing and one order of keys; it holds no NUL, no half of a surrogate
pair and no number beyond numeric.
What we keep as JSON is flat: lists of names, of objects that name a few things. Nested
deeper than `DEEPEST` it is refused here, by the database some thousands later.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring

import msgspec

from paycore.kernel.journal import ChangeRejected
from paycore.kernel.terms import Json

DEEPEST = 100

_FRACTION = re.compile(r"\d[.eE]")
LONG = 4_000
"""Letters: an int of Python is not read from many more."""

MOST_DIGITS, MOST_DECIMALS = 131_072, 16_383
"""Of a numeric, before its point and behind it."""


class _Number(str):
    """A number as numeric prints it."""

    __slots__ = ()


def refuse_unfit(text: str) -> None:
    """Raise what jsonb would; nothing of ours is more than a glance at."""
    if text.count("[") + text.count("{") > DEEPEST:
        _refuse_deep(text)
    try:
        _glance.decode(text)
    except msgspec.DecodeError:
        # No JSON, or a number beyond what is looked at here.
        _refuse_words(_parsed(text))
    if "\\u0000" in text:
        _refuse_words(_parsed(text))


def as_kept(text: str) -> Json:
    """A JSON as jsonb prints it."""
    if len(text) > LONG or _FRACTION.search(text):
        return Json(_printed(_parsed(text)))
    # Nothing but whole numbers, which Python prints as numeric does; and faster.
    return Json(json.dumps(_ordered(json.loads(text)), ensure_ascii=False))


def _parsed(text: str) -> object:
    try:
        return json.loads(
            text, parse_int=_number, parse_float=_number, parse_constant=_no_number
        )
    except ValueError:
        raise ChangeRejected("22P02", "this is not JSON") from None


def _number(written: str) -> _Number:
    """A number as numeric keeps it: all its digits, no exponent, and one zero."""
    try:
        value = Decimal(written)
    except InvalidOperation:
        raise ChangeRejected("22003", "a number that is no numeric") from None
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "JSON has no NaN"
    if (value and value.adjusted() >= MOST_DIGITS) or -exponent > MOST_DECIMALS:
        raise ChangeRejected("22003", "a number that is no numeric")
    if not value:
        value = Decimal((0, (0,), min(exponent, 0)))
    return _Number(f"{value:f}")


def _no_number(word: str) -> object:
    raise ValueError(word)


def _refuse_deep(text: str) -> None:
    """Raise where it is nested too deep; what stands in its strings is no nesting."""
    deep = at = 0
    while at < len(text):
        match text[at]:
            case '"':
                at = _end_of_string(text, at)
            case "[" | "{":
                deep += 1
            case "]" | "}":
                deep -= 1
        if deep > DEEPEST:
            raise ChangeRejected("54001", "a JSON that is nested too deep")
        at += 1


def _end_of_string(text: str, at: int) -> int:
    at += 1
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    return at


def _refuse_words(value: object) -> None:
    """Raise for a word that no text of the database could be."""
    for word in _words(value):
        if "\x00" in word:
            raise ChangeRejected("22P05", "a NUL character in a JSON")
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise ChangeRejected("22P02", "half of a surrogate pair in a JSON")


def _words(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str):
        yield value


def _printed(value: object) -> str:
    if isinstance(value, _Number):
        return value
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=_key_order)
        inner = (f"{encode_basestring(name)}: {_printed(of)}" for name, of in pairs)
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_printed, value))}]"
    return json.dumps(value)


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=_key_order)
        return {name: _ordered(inner) for name, inner in pairs}
    if isinstance(value, list):
        return [_ordered(inner) for inner in value]
    return value


def _key_order(pair: tuple[str, object]) -> tuple[int, bytes]:
    """By length, then by octets: jsonb's order of keys."""
    octets = pair[0].encode()
    return (len(octets), octets)


_glance = msgspec.json.Decoder(float_hook=_number)

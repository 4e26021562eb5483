"""Reads a request's body: strictly, no deeper than it must, and without repeating it.

`"1"` and `1.0` are not integers, an unknown or repeated member is refused, and so are
characters that control or format. What is refused is told by the name of one of OUR
fields and its rule; a value, or a name that the caller made up, is never in the answer.
This is not where it is decided whether a payment may be made.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Generic, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from paycore.kernel.errors import BadRequest

MAX_BODY_OCTETS = 64 * 1024
MAX_DEPTH = 32
"""Our own shapes are three deep; a parser's stack is not for a stranger to fill."""

T = TypeVar("T", bound=msgspec.Struct)

_MISSING = re.compile(r"missing required field `([a-z_]+)`")
_AT = re.compile(r"at `\$((?:\.[a-z_]+(?:\[[\d.]+\])?)+)`$")
_INDEX = re.compile(r"\[[\d.]+\]")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
"""An integer in a query; the decoder would take `1.0` and `1e1` for one."""
_DATED = re.compile(r"[0-9]{4}-")
"""How a moment begins; the decoder would take a number for seconds since 1970."""
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_FORMATS = (
    r"\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f"
    r"\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    r"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
    r"\U000e0020-\U000e007f"
)
"""Unicode's category Cf, but for the two joiners."""
_JOINED = r"[^\x00-\x7f\s\u200c\u200d]"
_CONTROL = re.compile(
    rf"[{_CONTROLS}{_FORMATS}]"
    rf"|(?<!{_JOINED})[\u200c\u200d]|[\u200c\u200d](?!{_JOINED})"
)
"""What moves a terminal's or a reader's eye, or cannot be seen: no text of ours needs
it. A joiner stands between two letters or signs that it joins, and nowhere else: emoji
are made so, and words of Persian and Hindi are.
"""


class Shape(Generic[T]):
    """One request shape, with a decoder made once and the rule of each field."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind, strict=True)
        self._rules = rules_of(kind)
        self._whole = {
            field.encode_name
            for field in msgspec.structs.fields(kind)
            if int in _parts(field.type)
        }
        self._dated = {
            field.encode_name
            for field in msgspec.structs.fields(kind)
            if datetime in _parts(field.type)
        }
        self._no_text = {
            field.encode_name
            for field in msgspec.structs.fields(kind)
            if str not in _parts(field.type)
        }
        self._has_moments = _has(kind, datetime)

    def decode(self, body: bytes) -> T:
        """The value, or BadRequest naming the field of ours that is wrong."""
        refuse_unreadable(body)
        try:
            value = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise self._refusal(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise not_json() from None
        return self._in_time(value)

    def convert(self, members: Mapping[str, str]) -> T:
        """The same out of a query's parameters, where all values are text."""
        if any(_CONTROL.search(value) for value in members.values()):
            raise _control()
        for name in self._whole & members.keys():
            if not _WHOLE.fullmatch(members[name]):
                raise self._broken(name)
        for name in self._dated & members.keys():
            if not _DATED.match(members[name]):
                raise self._broken(name)
        for name in self._no_text & members.keys():
            # The decoder would take it for a parameter that is not there.
            if members[name].lower() == "null":
                raise self._broken(name)
        try:
            value = msgspec.convert(members, self._kind, strict=False)
        except msgspec.ValidationError as error:
            raise self._refusal(str(error)) from None
        return self._in_time(value)

    def _in_time(self, value: T) -> T:
        """The value, if each of its moments is one in UTC too: years end at 9999."""
        if self._has_moments:
            for path, moment in _moments(value):
                try:
                    moment.astimezone(UTC)
                except OverflowError:
                    raise self._broken(path) from None
        return value

    def _broken(self, field: str) -> BadRequest:
        """For a field of ours that is not after its rule."""
        rule = self._rules[field.rsplit(".", 1)[-1]]
        return BadRequest(
            f"{field} is not valid: {rule or 'see the documentation'}.",
            f"字段 {field} 不符合要求",
            field=field,
        )

    def _refusal(self, said: str) -> BadRequest:
        missing = _MISSING.search(said)
        place = _AT.search(said)
        path = _INDEX.sub("", place[1]).split(".")[1:] if place else []
        names = [*path, missing[1]] if missing else path
        field = ".".join(names)
        if not names or any(name not in self._rules for name in names):
            return BadRequest(
                "The request has a member that this call does not know, or is not of "
                "the right form.",
                "请求中含有本接口未定义的字段,或格式不正确",
            )
        if missing:
            return BadRequest(f"{field} is missing.", f"缺少字段 {field}", field=field)
        return self._broken(field)


def rules_of(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Every field's name, those of inner shapes too, with its rule in words."""
    rules: dict[str, str] = {}
    for field in msgspec.structs.fields(kind):
        parts = _parts(field.type)
        said = [part.description for part in parts if isinstance(part, Meta)]
        rules[field.encode_name] = next((text for text in said if text), "")
        for part in parts:
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                rules |= rules_of(part)
    return rules


def _parts(hint: object) -> list[object]:
    """A type hint taken apart: what it is made of, at any depth."""
    origin = get_origin(hint)
    if origin is None:
        return [hint]
    return [part for arg in get_args(hint) for part in _parts(arg)]


def _has(kind: type[msgspec.Struct], wanted: type) -> bool:
    """Whether a shape, or one inside of it, has a field of a type."""
    return any(
        part is wanted
        or (
            isinstance(part, type)
            and issubclass(part, msgspec.Struct)
            and _has(part, wanted)
        )
        for field in msgspec.structs.fields(kind)
        for part in _parts(field.type)
    )


def _moments(value: msgspec.Struct, above: str = "") -> Iterator[tuple[str, datetime]]:
    """Every moment in a value, with the path of its field."""
    for field in msgspec.structs.fields(value):
        found = getattr(value, field.name)
        path = f"{above}{field.encode_name}"
        if isinstance(found, datetime):
            yield path, found
        for inner in found if isinstance(found, list) else ():
            if isinstance(inner, msgspec.Struct):
                yield from _moments(inner, f"{path}.")


def refuse_unreadable(body: bytes) -> None:
    """Too large or too deep: refused before anything is made of it."""
    if len(body) > MAX_BODY_OCTETS:
        raise BadRequest("The body is too large.", "请求体过大")
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        raise BadRequest("The body nests too deeply.", "请求体嵌套过深")


def _depth(body: bytes) -> int:
    """How deep brackets nest, those inside of strings left out."""
    depth = deepest = 0
    for piece in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[{\]}]', body, re.DOTALL):
        if piece[0] in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif piece[0] in b"]}":
            depth -= 1
    return deepest


def canonical(body: bytes) -> bytes:
    """The body as a JSON value, written in one way: sorted, equal numbers equal.

    A repeated member is refused, because readers disagree on which one counts, and so
    are characters that control or format. An empty body is an empty object.
    """
    if not body:
        return b"{}"
    try:
        # As text: of octets the parser would guess the encoding.
        text = body.decode()
        return msgspec.json.encode(_READER.decode(text), order="sorted")
    except (ValueError, RecursionError, OverflowError):
        raise not_json() from None


def refuse_content(body: bytes) -> None:
    """For a call that takes nothing: no body, or an empty object."""
    refuse_unreadable(body)
    if canonical(body) != b"{}":
        raise BadRequest("This call takes no members.", "此接口不接受任何字段")


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadRequest("A member is there twice.", "请求中有重复的字段")
    for value in members.values():
        if isinstance(value, str) and _CONTROL.search(value):
            raise _control()
    return members


def _control() -> BadRequest:
    return BadRequest(
        "Text may not hold control or format characters.",
        "文本中不能含有控制字符或不可见字符",
    )


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


_READER = json.JSONDecoder(object_pairs_hook=_members, parse_float=_number)


def not_json() -> BadRequest:
    """For whatever is not JSON at all."""
    return BadRequest("The body is not JSON in UTF-8.", "请求体不是 UTF-8 编码的 JSON")

"""UnionPay's ACP 5.1.0 messages: written and read; how they are signed is
`unionpay_keys`', and who is believed `unionpay_trust`'s.

A message is fields with octets for values: what is signed are the octets as they came,
blanks and the line ends of a certificate included, whatever encoding they are in.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Self
from urllib.parse import quote, unquote_to_bytes, urlencode

SIGNATURE: Final = "signature"

READ: Final = (
    *("merId", "orderId", "txnTime", "txnType", "txnSubType", "queryId"),
    *("respCode", "respMsg", "origRespCode", "origRespMsg", "activateStatus"),
    *("txnAmt", "currencyCode", "settleAmt", "settleCurrencyCode", "settleDate"),
    *("encoding", "reqReserved", "tokenPayData", "fileContent"),
    *("signPubKeyCert", "encryptPubKeyCert"),
)
"""The fields by which anything is decided."""

_FIELD: Final = re.compile(rf"&(?:{'|'.join(READ)})=".encode())

_MARKS: Final = re.compile(rb"[&{}\[\]]")
_CLOSED_BY: Final = MappingProxyType({b"{": b"}", b"[": b"]"})

_OF_SYNTAX: Final = str.maketrans("", "", "&={}[]\r\n")
"""What would end a member of a list in braces, or begin another one."""


# --- out ------------------------------------------------------------------------------


def joined(values: Mapping[str, bytes]) -> bytes:
    """What is signed of a message, whatever way: the fields, sorted by name."""
    return b"&".join(
        name.encode() + b"=" + values[name]
        for name in sorted(values)
        if name != SIGNATURE
    )


def form(fields: Mapping[str, str]) -> bytes:
    """The body of a request."""
    return urlencode(fields, quote_via=quote, safe="").encode()


def in_braces(members: Mapping[str, str]) -> str:
    """A list of members in one field: `{a=1&b=2}`. Each but the last is a plain value,
    without what the list itself is written with; a sealed one may end in `=`.
    """
    return "{" + "&".join(f"{name}={value}" for name, value in members.items()) + "}"


def plain(value: str) -> str:
    """A value that can be a member of such a list."""
    return value.translate(_OF_SYNTAX)


# --- in -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it came; nothing of it is believed yet."""

    values: Mapping[str, bytes]

    @classmethod
    def of_reply(cls, body: bytes) -> Self | None:
        """Read a reply's body, whose values are not escaped: one ends at an `&` that is
        in no braces. None where it is no list of fields.
        """
        return cls._of(_unescaped(body))

    @classmethod
    def of_form(cls, body: bytes) -> Self | None:
        """Read a form that was posted to us. None where it is none."""
        pairs = (piece.partition(b"=") for piece in body.split(b"&"))
        return cls._of(
            (name + equals, unquote_to_bytes(value.replace(b"+", b" ")))
            for name, equals, value in pairs
        )

    @classmethod
    def _of(cls, pairs: Iterator[tuple[bytes, bytes]]) -> Self | None:
        """Fields, each with a name of letters and none of them twice."""
        values: dict[str, bytes] = {}
        for name, value in pairs:
            if not (name.endswith(b"=") and name[:-1].isalnum()):
                return None
            if name[:-1].decode() in values:
                return None
            values[name[:-1].decode()] = value
        return cls(values=values)

    @property
    def is_ambiguous(self) -> bool:
        """Whether a field holds another one that is read.

        What is signed has no escapes: in it a field may end at any `&`. UnionPay signs
        its refusal of whatever a stranger asks, and its yes to whatever another
        merchant asks for himself, with their own fields in it: cut at others, whose it
        is or its result is the end of one of them, and another one is theirs.
        """
        return any(map(_FIELD.search, self.values.values()))

    def text(self, name: str) -> str:
        """A field in the message's own encoding; empty where it is not there."""
        gbk = self.values.get("encoding", b"").lower() == b"gbk"
        return self.values.get(name, b"").decode("gbk" if gbk else "utf-8", "replace")

    def members(self, name: str) -> dict[str, str]:
        """The members of a field in braces; none where it is no such list."""
        text = self.text(name)
        if not (text.startswith("{") and text.endswith("}")):
            return {}
        pairs = (one.partition("=") for one in text[1:-1].split("&"))
        return {member: value for member, _, value in pairs}


def _unescaped(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names, with their `=`, and values."""
    begin, closes = 0, b""
    for found in _MARKS.finditer(body):
        mark = found[0]
        if closes:
            closes = b"" if mark == closes else closes
        elif mark == b"&":
            yield _pair(body[begin : found.start()])
            begin = found.end()
        else:
            closes = _CLOSED_BY.get(mark, b"")
    yield _pair(body[begin:])


def _pair(piece: bytes) -> tuple[bytes, bytes]:
    name, equals, value = piece.partition(b"=")
    return name + equals, value

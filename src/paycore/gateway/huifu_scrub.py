"""Huifu's messages as they may be kept: masked by the names of the protocol's fields.

Fields hold JSON text in turn, notifies are forms, and an error page may repeat any of
it cut in the middle: what cannot be parsed is looked through for the names. Pure.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_plus

import msgspec

from paycore.gateway.huifu_wire import form
from paycore.gateway.masking import masked
from paycore.kernel.mask import mask_code

SECRET: Final = frozenset(
    {
        *("card_no", "card_name", "cert_no", "mobile_no", "cvv2", "expiration"),
        *("token_no", "card_bind_id", "user_huifu_id", "sms_code", "verify_code"),
        *("sign", "device_ip", "ip_addr"),
    }
)
"""Masked whatever they hold; half an agreement is one of them."""

_PLAIN: Final = frozenset(
    {
        *("req_seq_id", "org_req_seq_id", "req_date", "org_req_date", "out_cust_id"),
        *("trans_amt", "ord_amt", "resp_code", "trans_stat", "time_expire"),
        *("trans_finish_time", "file_date"),
    }
)
"""Hold nothing of a payer, and digits that look like a card. What Huifu numbers is no
secret either, but whoever looks for cards in what was kept cannot know that."""

_HIDDEN: Final = mask_code("")
_NAMED: Final = re.compile(
    rf"(?i)\b({'|'.join(sorted(SECRET, key=len, reverse=True))})"
    r"(\\*[\"']?\s*[:=]\s*\\*[\"']?)"
    r"(?:\\+u[0-9a-f]{4}|\\+/|[^\"'&\\<>{}])*"
)
_SEALED: Final = re.compile(r"(?:[A-Za-z0-9+]|\\?/){80,}={0,2}")
"""A signature or a sealed field, wherever it stands; nothing else is so long."""

_DECODER: Final = msgspec.json.Decoder()


def scrubbed(text: str) -> str:
    """A message's text, in or out, without anything secret."""
    try:
        return _read(text)
    except RecursionError:
        # Deeper than any message: its names are looked for all the same.
        return _searched(text)


def _read(text: str) -> str:
    parsed = _parsed(text)
    if parsed is not None:
        return _json(_shown("", parsed))
    if text.isascii() and (fields := form(text.encode())) is not None:
        return _json(_shown("", fields))
    return _searched(text)


def hidden(fields: Mapping[str, str]) -> dict[str, object]:
    """The fields of a request of ours, likewise."""
    return {name: _shown(name, value) for name, value in fields.items()}


def _parsed(text: str) -> object:
    """An object or a list that a text is; None where it is neither."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _shown(name: str, value: object) -> object:
    """A field's value, whatever its form."""
    if name.lower() in SECRET:
        return _HIDDEN
    if isinstance(value, str):
        return value if name in _PLAIN else _text(value)
    match value:
        case dict():
            return {_name(key): _shown(str(key), held) for key, held in value.items()}
        case list():
            return [_shown("", held) for held in value]
        case int() | float() if not isinstance(value, bool):
            # A number that nobody named may be a card's.
            return value if (text := str(value)) == masked(text) else _HIDDEN
        case _:
            return value


def _text(value: str) -> str:
    """Text that may be JSON in turn."""
    held = _parsed(value)
    return _searched(value) if held is None else _json(_shown("", held))


def _name(key: object) -> str:
    """A name that is the protocol's hides nothing."""
    return str(key) if key in _PLAIN else masked(str(key))


def _searched(text: str) -> str:
    """Text that is no message, and may hold one."""
    text = unquote_plus(text) if "%22" in text or "%7B" in text else text
    text = _NAMED.sub(rf"\1\2{_HIDDEN}", text)
    return masked(_SEALED.sub(_HIDDEN, text))

"""How Stripe's API puts things on the wire: forms, errors, lists, signed events. Pure.

Calls are forms with brackets, answers JSON; nothing is signed but the events.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from paycore.sandbox.dialect import JSON, Plain, Wire

Params = Mapping[str, str]
Thing = dict[str, Any]
"""An object of the API."""

INVALID: Final = "invalid_request_error"
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH: Final = 24
_LIMIT: Final = 10
_MOST: Final = 100


def id_of(prefix: str, *what: str) -> str:
    """The same id for the same thing, and no two alike."""
    number = int.from_bytes(
        hashlib.sha256("\n".join((prefix, *what)).encode()).digest()
    )
    letters = []
    for _ in range(_ID_LENGTH):
        number, at = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[at])
    return prefix + "".join(letters)


def wire_of(thing: object, status: int = 200, **headers: str) -> Wire:
    """An answer."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    body = msgspec.json.encode(thing)
    return Wire(body=body, status=status, headers=named, content_type=JSON)


def refusal(status: int, words: str, *, kind: str = INVALID, **more: object) -> Plain:
    """The envelope of all that is refused; what is None is left out."""
    told = {"message": words, "type": kind, **more}
    error = {name: value for name, value in told.items() if value is not None}
    return Plain(wire_of({"error": error}, status))


def missing(what: str, given: str, *, param: str, status: int = 400) -> Plain:
    """There is no such thing: in the path that is a 404."""
    words = f"No such {what}: '{given}'"
    return refusal(status, words, code="resource_missing", param=param)


def parsed(text: str) -> dict[str, str]:
    """A form or a query. Members of an array stand under numbers of their own."""
    params: dict[str, str] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        raise refusal(400, "Invalid encoding.") from None
    for name, value in pairs:
        key = name
        if name.endswith("[]"):
            key = f"{name[:-1]}{sum(k.startswith(name[:-1]) for k in params)}]"
        params[key] = value
    return params


def known(params: Params, names: Iterable[str]) -> None:
    """Refuse what the call does not know; a name stands for all in its brackets."""
    allowed = {*names, "expand"}
    for name in params:
        if name.partition("[")[0] not in allowed:
            words = f"Received unknown parameter: {name}"
            raise refusal(400, words, code="parameter_unknown", param=name)


def needed(params: Params, *names: str) -> None:
    """Refuse where one is missing or blank."""
    for name in names:
        if not params.get(name):
            words = f"Missing required param: {name}."
            raise refusal(400, words, code="parameter_missing", param=name)


def integer(params: Params, name: str, *, least: int = 1) -> int:
    """A whole number of at least that."""
    text = params[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        words = f"Invalid integer: {text}"
        raise refusal(400, words, code="parameter_invalid_integer", param=name)
    if int(text) < least:
        words = f"This value must be greater than or equal to {least}."
        raise refusal(400, words, code="parameter_invalid_integer", param=name)
    return int(text)


def held(params: Params, name: str) -> dict[str, str]:
    """A hash: `metadata[a]=1`."""
    begin = f"{name}["
    return {
        key[len(begin) : -1]: value
        for key, value in params.items()
        if key.startswith(begin) and key.endswith("]")
    }


def expanded(params: Params) -> frozenset[str]:
    """Which references are to be replaced by what they refer to."""
    return frozenset(held(params, "expand").values())


def is_created(params: Params, at_s: int) -> bool:
    """Whether a moment is within `created[…]`."""
    bounds = {way: int(value) for way, value in created(params).items()}
    return bounds.get("gte", at_s) <= at_s <= bounds.get("lte", at_s) and bounds.get(
        "gt", at_s - 1
    ) < at_s < bounds.get("lt", at_s + 1)


def created(params: Params) -> dict[str, str]:
    """The bounds of `created`, each a number of seconds."""
    bounds = held(params, "created")
    if "created" in params:
        bounds |= {"gte": params["created"], "lte": params["created"]}
    for way, value in bounds.items():
        digits = value.isascii() and value.isdigit()
        if way not in ("gte", "gt", "lte", "lt") or not digits:
            raise refusal(400, "Invalid timestamp", param="created")
    return bounds


def page(things: Sequence[Thing], params: Params, url: str) -> Thing:
    """A part of a list, the newest first, behind or before a cursor."""
    limit = _LIMIT
    if "limit" in params:
        limit = integer(params, "limit")
    if limit > _MOST:
        raise refusal(
            400, "This value must be less than or equal to 100", param="limit"
        )
    ids = [thing["id"] for thing in things]
    start = 0
    if "starting_after" in params:
        start = _place(ids, params, "starting_after") + 1
    if "ending_before" in params:
        things = things[: _place(ids, params, "ending_before")]
        start = max(0, len(things) - limit)
        return _list(things[start:], url, has_more=start > 0)
    return _list(things[start : start + limit], url, has_more=start + limit < len(ids))


def _place(ids: list[str], params: Params, name: str) -> int:
    if params[name] not in ids:
        raise missing("object", params[name], param=name)
    return ids.index(params[name])


def _list(things: Sequence[Thing], url: str, *, has_more: bool) -> Thing:
    return {"object": "list", "data": list(things), "has_more": has_more, "url": url}


def is_caller(headers: Mapping[bytes, bytes], key: str) -> bool:
    """Whether the secret key is given, as a bearer's or as a user's name."""
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[0]
        except binascii.Error:
            return False
    elif scheme.lower() != b"bearer":
        return False
    return hmac.compare_digest(given, key.encode())


def signed_event(event: Thing, secret: str, at_s: int) -> Wire:
    """An event: HMAC-SHA256 over the second and the body, in hex."""
    body = msgspec.json.encode(event)
    signature = hmac.digest(secret.encode(), b"%d.%b" % (at_s, body), "sha256").hex()
    header = ("Stripe-Signature", f"t={at_s},v1={signature}")
    return Wire(body=body, headers=(header,), content_type=f"{JSON}; charset=utf-8")

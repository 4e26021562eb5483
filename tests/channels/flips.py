"""One bit changed in one field of a message that is signed, field by field."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from channel_bench import Raw
from msgspec.structs import replace

from paycore.kernel.http import Answered, HttpRequest

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)+"|-?\d+|true|false|null')
"""Names and values of JSON, one after the other."""

Requests = Iterator[tuple[str, HttpRequest]]
Answers = Iterator[tuple[str, Answered]]
Raws = Iterator[tuple[str, Raw]]
"""Each with the field that is changed."""


def flipped(text: str) -> str:
    """One bit of the middle."""
    at = len(text) // 2
    return text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]


def in_fields(fields: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The same fields, each that says something changed once."""
    for name, value in fields.items():
        if value:
            yield name, {**fields, name: flipped(value)}


def in_json(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The same text, each of its names and values changed once."""
    for found in _TOKEN.finditer(body):
        at = (found.start() + found.end()) // 2
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        yield f"{found[0].decode()}@{found.start()}", changed


def fields_of(form: bytes) -> dict[str, str]:
    """A form's fields."""
    return dict(parse_qsl(form.decode(), keep_blank_values=True))


def form_of(fields: Mapping[str, str]) -> bytes:
    """A form."""
    return urlencode(fields, quote_via=quote, safe="").encode()


# --- forms ----------------------------------------------------------------------------


def form_requests(genuine: HttpRequest) -> Requests:
    """All fields of a form are signed."""
    for name, fields in in_fields(fields_of(genuine.body)):
        yield name, replace(genuine, body=form_of(fields))


def form_answers(genuine: Answered) -> Answers:
    """Their values stand as they are; none that is tried here has an ampersand."""
    pairs = [one.partition("=") for one in genuine.body.decode().split("&")]
    for name, fields in in_fields({key: value for key, _, value in pairs}):
        body = "&".join(f"{key}={value}" for key, value in fields.items())
        yield name, replace(genuine, body=body.encode())


def form_callbacks(genuine: Raw) -> Raws:
    """As requests."""
    for name, fields in in_fields(fields_of(genuine.body)):
        yield name, Raw(genuine.ask, genuine.path, genuine.headers, form_of(fields))


# --- envelopes ------------------------------------------------------------------------


def enveloped(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The data of an envelope is signed, and nothing beside it."""
    told = json.loads(body)
    for name, data in in_fields(told["data"]):
        yield name, json.dumps(told | {"data": data}).encode()
    yield "sign", json.dumps(told | {"sign": flipped(told["sign"])}).encode()


def enveloped_requests(genuine: HttpRequest) -> Requests:
    """What is asked."""
    for name, body in enveloped(genuine.body):
        yield name, replace(genuine, body=body)


def enveloped_answers(genuine: Answered) -> Answers:
    """What is answered."""
    for name, body in enveloped(genuine.body):
        yield name, replace(genuine, body=body)


def notifies(genuine: Raw) -> Raws:
    """One field's text is signed, as it stands."""
    fields = fields_of(genuine.body)
    changed = [
        (name, {"resp_data": text.decode()})
        for name, text in in_json(fields["resp_data"].encode())
    ]
    for name, change in (*changed, ("sign", {"sign": flipped(fields["sign"])})):
        body = form_of(fields | change)
        yield name, Raw(genuine.ask, genuine.path, genuine.headers, body)


# --- keys and events ------------------------------------------------------------------


def keyed_requests(genuine: HttpRequest) -> Requests:
    """A key is all that proves a request."""
    (name,) = (name for name in genuine.headers if name.lower() == "authorization")
    value = flipped(genuine.headers[name])
    yield name, replace(genuine, headers={**genuine.headers, name: value})


def events(genuine: Raw) -> Raws:
    """Moment and signature share a header."""
    parts = genuine.headers["Stripe-Signature"].split(",")
    for at, part in enumerate(parts):
        name, _, value = part.partition("=")
        signed = [*parts[:at], f"{name}={flipped(value)}", *parts[at + 1 :]]
        headers = {**genuine.headers, "Stripe-Signature": ",".join(signed)}
        yield name, Raw(genuine.ask, genuine.path, headers, genuine.body)
    yield from headed_callbacks()(genuine)


# --- headers that sign a body ---------------------------------------------------------


def headed_requests(
    *names: str, query: bool = False
) -> Callable[[HttpRequest], Requests]:
    """Headers, and all names and values of a body in JSON, or of a query."""

    def changed(genuine: HttpRequest) -> Requests:
        for name in names:
            value = flipped(genuine.headers[name])
            yield name, replace(genuine, headers={**genuine.headers, name: value})
        if query:
            url = urlsplit(genuine.url)
            for name, fields in in_fields(fields_of(url.query.encode())):
                there = url._replace(query=form_of(fields).decode()).geturl()
                yield name, replace(genuine, url=there)
        for name, body in in_json(genuine.body):
            yield name, replace(genuine, body=body)

    return changed


def headed_answers(*names: str) -> Callable[[Answered], Answers]:
    """The same of an answer."""

    def changed(genuine: Answered) -> Answers:
        for name in names:
            value = flipped(genuine.headers[name])
            yield name, replace(genuine, headers={**genuine.headers, name: value})
        for name, body in in_json(genuine.body):
            yield name, replace(genuine, body=body)

    return changed


def headed_callbacks(*names: str) -> Callable[[Raw], Raws]:
    """The same of a callback, and the path that it came to."""

    def changed(genuine: Raw) -> Raws:
        for name in names:
            headers = {**genuine.headers, name: flipped(genuine.headers[name])}
            yield name, Raw(genuine.ask, genuine.path, headers, genuine.body)
        for name, body in in_json(genuine.body):
            yield name, Raw(genuine.ask, genuine.path, genuine.headers, body)
        path = flipped(genuine.path)
        yield "path", Raw(genuine.ask, path, genuine.headers, genuine.body)

    return changed

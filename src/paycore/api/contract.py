"""What each call takes and gives, declared beside its handler, and OpenAPI 3.1 of it.

The document is made of these declarations and of the shapes themselves, so that it
cannot say what the code does not do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import msgspec

from paycore import __version__
from paycore.api.schema import Problem
from paycore.kernel.errors import (
    BadRequest,
    Forbidden,
    InFlight,
    KeyConflict,
    Refusal,
    Unauthorized,
    Unavailable,
)
from paycore.operators.roles import May

REF = "#/components/schemas/{name}"
PROBLEM_MEDIA = "application/problem+json"
KEY_HEADER = "Idempotency-Key"
PAYER_HEADER = "Payer-Address"
LOOPBACK_COOKIE = "paycore_console"
SESSION_COOKIE = f"__Host-{LOOPBACK_COOKIE}"
"""No other host of the domain can set a cookie that begins so, and it needs TLS."""
DEVICE_COOKIE = "paycore_console_device"
KEY_AS_SENT = "idempotency_key_as_sent"
"""Under this name a request's state has its key, for whatever answer it gets."""
KEY_FORM = r"[!#-+\--:<-\[\]-~]{1,255}"
"""The published form: visible ASCII without `"`, `\\`, `,` and `;`."""
KEY_KEPT_H = 24
"""How long an answer is kept for its key, at least."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as its callers see it."""

    name: str
    summary: str
    takes: type[msgspec.Struct] | None = None
    asks: type[msgspec.Struct] | None = None
    """The query's parameters."""
    gives: tuple[tuple[int, type[msgspec.Struct] | None], ...]
    """Status and shape of each answer."""
    refuses: tuple[type[Refusal], ...] = ()
    """Beside what every call may refuse."""
    keyed: bool = False
    texts: bool = False
    """It may have a text sent, which is counted by the payer's address."""
    may: May | None = None
    """It is an operator's call, by a token or session of theirs and by no key of a
    line, and this is what the role must allow."""

    door: bool = False
    """It is how an operator gets in and out: by what is in it, or the cookie."""

    @property
    def refusals(self) -> list[type[Refusal]]:
        """All that it may refuse."""
        common: tuple[type[Refusal], ...] = (BadRequest, Unauthorized, Unavailable)
        if self.may is not None:
            common = (*common, Forbidden)
        keyed: tuple[type[Refusal], ...] = (InFlight, KeyConflict) if self.keyed else ()
        return [*common, *keyed, *self.refuses]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a call is."""

    method: str
    path: str
    call: Call


def document(routes: Iterable[Route]) -> Json:
    """The whole of openapi.json."""
    known = sorted(routes, key=lambda route: (route.path, route.method))
    schemas = _schemas(known)
    paths: dict[str, Json] = {}
    for route in known:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(
            route, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "paycore",
            "version": __version__,
            "description": "Quick pay by SMS code, converted to deduct when the quick "
            "channel cannot send the code. Amounts are integers of minor units, times "
            "are RFC 3339 in UTC.",
        },
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer"},
                "operatorToken": {"type": "http", "scheme": "bearer"},
                "consoleSession": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": SESSION_COOKIE,
                },
            },
        },
    }


def _schemas(routes: Iterable[Route]) -> Json:
    kinds: dict[type[msgspec.Struct], None] = {Problem: None}
    for call in (route.call for route in routes):
        for kind in (call.takes, *(kind for _, kind in call.gives)):
            if kind is not None:
                kinds[kind] = None
    _, components = msgspec.json.schema_components(
        kinds, schema_hook=_anything, ref_template=REF
    )
    return {name: _portable(components[name]) for name in sorted(components)}


def _anything(kind: type[object]) -> Json:
    """`object` in a shape is whatever the thing told of has to say."""
    assert kind is object, kind
    return {"description": "any JSON value"}


def _portable(schema: object) -> object:
    """Anchors as everybody writes them; ours are stricter about a last line feed."""
    if isinstance(schema, list):
        return [_portable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.replace(r"\A", "^").replace(r"\Z", "$")
        if key == "pattern" and isinstance(value, str)
        else _portable(value)
        for key, value in schema.items()
    }


def _operation(route: Route, schemas: Json) -> Json:
    call = route.call
    operation: Json = {
        "operationId": call.name,
        "summary": call.summary,
        "parameters": _parameters(route),
        "responses": _responses(call),
    }
    if call.door:
        operation["security"] = []
    if call.may is not None:
        operation["security"] = [{"operatorToken": []}, {"consoleSession": []}]
    if call.takes is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(call.takes)}},
        }
    return operation


def _parameters(route: Route) -> list[Json]:
    found: list[Json] = [
        {
            "name": part.strip("{}"),
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
        }
        for part in route.path.split("/")
        if part.startswith("{")
    ]
    if route.call.asks is not None:
        found += _query(route.call.asks)
    if route.call.keyed:
        found.append(
            {
                "name": KEY_HEADER,
                "in": "header",
                "required": True,
                "description": "Bare or in double quotes, the two are one key; unique "
                "for the API key and the path. The first completed answer is kept for "
                f"{KEY_KEPT_H} hours at least and given again, with "
                "`Idempotent-Replayed: true`, for the same body (compared as JSON); "
                "another body is refused with 422.",
                "schema": {"type": "string", "pattern": f'^("{KEY_FORM}"|{KEY_FORM})$'},
            }
        )
    if route.call.texts:
        found.append(
            {
                "name": PAYER_HEADER,
                "in": "header",
                "required": False,
                "description": "The payer's IPv4 or IPv6 address: texts are limited by"
                " it. It is no part of the order and is not kept.",
                "schema": {"type": "string", "maxLength": 45},
            }
        )
    return found


def _query(asks: type[msgspec.Struct]) -> list[Json]:
    _, components = msgspec.json.schema_components([asks], ref_template=REF)
    shape = cast("dict[str, dict[str, Json]]", _portable(components[asks.__name__]))
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": _inlined(rule, components),
        }
        for name, rule in shape["properties"].items()
    ]


def _inlined(rule: Json, components: Mapping[str, Json]) -> Json:
    """A query's null is an absent parameter; what only it names stands in its place."""
    either = rule.get("anyOf")
    if isinstance(either, list):
        rule = next(part for part in either if part.get("type") != "null")
    named = str(rule.get("$ref", "")).rsplit("/", 1)[-1]
    return components[named] if named else rule


def _responses(call: Call) -> Json:
    said: dict[int, list[str]] = {}
    for refusal in call.refusals:
        if refusal.code not in said.setdefault(refusal.status, []):
            said[refusal.status].append(refusal.code)
    given: Json = {
        str(status): {
            "description": "As asked.",
            **({} if kind is None else {"content": _content("application/json", kind)}),
        }
        for status, kind in call.gives
    }
    refused: Json = {
        str(status): {
            "description": ", ".join(codes),
            "content": _content(PROBLEM_MEDIA, Problem),
        }
        for status, codes in sorted(said.items())
    }
    return {**given, **refused}


def _content(media: str, kind: type[msgspec.Struct]) -> Json:
    return {media: {"schema": _ref(kind)}}


def _ref(kind: type[msgspec.Struct]) -> Json:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}

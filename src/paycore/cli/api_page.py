"""The pages about the API's calls, drawn from what the calls themselves declare.

One page a first word of the paths, and one with all shapes. They are made when the
site of documents is built (docs/_site/hook.py) and are kept nowhere.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from paycore.cli.markdown import a_table, as_code, first_sentence

if TYPE_CHECKING:
    from paycore.api.contract import Json, Route

FOLDER = "api"
SHAPES = "shapes"
NO_VERSION = ("v1",)
"""Parts of a path that say nothing of what it is about."""

EXAMPLES: Mapping[str, object] = MappingProxyType(
    {
        "out_biz_no": "order-1",
        "out_refund_no": "return-1",
        "pay_order_no": "$NO",
        "amount": 1250,
        "currency": "CNY",
        "card_id": "$CARD",
        "subject": "Two cups of tea",
        "reason": "one cup was cold",
        "sms_verify_code": "123456",
        "number": "6222020200112233446",
        "RegisterCard.name": "王五",
        "LogIn.name": "anna",
        "InviteOperator.name": "anna",
        "role": "operator",
        "password": "three small green boats",
        "new_password": "four small green boats",
        "code": "123456",
        "invitation": "inv_1",
        "query": "biz_status=SUCCESS",
        "facts": {"biz_line": "shop", "amount": 1250, "currency": "CNY"},
        "from": "2026-12-01T02:00:00Z",
        "to": "2026-12-01T04:00:00Z",
        "id_no": "110101199003074178",
        "phone": "+8613800138000",
        "sign": {"pay_type": "QUICK_PAY", "channel": "quick_a", "account": "main"},
        "cure": "REFUND",
        "why": "charged twice, slip 17",
        "return_url": "https://shop.example/back",
    }
)
"""What stands in an example under a field's name, or a shape's and a field's where
one name has several meanings; what is optional and not here is left out."""

PLACES: Mapping[str, str] = MappingProxyType(
    {
        "pay_order_no": "$NO",
        "refund_no": "$REFUND",
        "card_id": "$CARD",
        "case_ref": "$CASE",
        "number": "1",
    }
)
"""What stands in an example for a part of a path."""


def pages() -> dict[str, str]:
    """Each page's name, as `payments`, and its Markdown; the shapes come last."""
    from paycore.api.application import routes
    from paycore.api.contract import document

    known = sorted(routes(), key=about)
    described = document(known)
    made = {
        name: _page(name, list(calls), described)
        for name, calls in groupby(known, about)
    }
    return {**made, SHAPES: _shapes_page(_shapes_of(described))}


def about(route: "Route") -> str:
    """The first word of a path that says what it is about."""
    parts = route.path.strip("/").split("/")
    return next(part for part in parts if part not in NO_VERSION)


def titled(name: str) -> str:
    """A page's name as a title."""
    return name.replace("-", " ").capitalize()


def overview() -> str:
    """All calls in one table, with links to where each is described."""
    from paycore.api.application import routes

    return a_table(
        ("call", "what it does"),
        [
            (
                f"[`{_line(route)}`]({FOLDER}/{about(route)}.md#{_anchor(route)})",
                route.call.summary,
            )
            for route in sorted(routes(), key=lambda one: (about(one), one.path))
        ],
    )


def _shapes_of(described: "Json") -> dict[str, "Json"]:
    components = cast("dict[str, dict[str, Json]]", described["components"])
    return components["schemas"]


def _line(route: "Route") -> str:
    return f"{route.method} {route.path}"


def _anchor(route: "Route") -> str:
    return route.call.name.lower()


# --- one call -------------------------------------------------------------------------


def _page(name: str, calls: Iterable["Route"], described: "Json") -> str:
    parts = [part for route in calls for part in _described(route, described)]
    return "\n\n".join((f"# {titled(name)}", *parts)) + "\n"


def _described(route: "Route", described: "Json") -> Iterator[str]:
    call = route.call
    yield f"## {call.summary} {{ #{_anchor(route)} }}"
    yield f"`{_line(route)}`"
    if _who(route, described) == "TOKEN":
        yield "By an operator's token, and by no key of a business line."
    taken = list(_taken(route, described))
    if taken:
        yield "**Takes**"
        yield a_table(("name", "where", "needed", "rule"), taken)
    yield "**Gives**"
    yield a_table(
        ("status", "body"),
        [
            (status, "nothing" if kind is None else _linked(kind.__name__))
            for status, kind in call.gives
        ],
    )
    yield "**Refuses**"
    yield a_table(("status", "code", "meaning"), list(_refused(route)))
    yield "**Example**"
    yield f"```sh\n{example(route, described)}\n```"


def _operation(route: "Route", described: "Json") -> "Json":
    paths = cast("dict[str, dict[str, Json]]", described["paths"])
    return paths[route.path][route.method.lower()]


def _who(route: "Route", described: "Json") -> str:
    """The variable with what opens the call; empty where nothing does."""
    security = _operation(route, described).get("security")
    if security is None:
        return "KEY"
    return "TOKEN" if {"operatorToken": []} in cast("list[Json]", security) else ""


def _taken(route: "Route", described: "Json") -> Iterator[tuple[str, str, str, str]]:
    for one in cast("list[Json]", _operation(route, described)["parameters"]):
        rule = _rule(cast("Json", one["schema"]))
        yield (
            as_code(one["name"]),
            str(one["in"]),
            "yes" if one["required"] else "no",
            str(one.get("description") or rule),
        )
    if route.call.takes is not None:
        shape = _shapes_of(described)[route.call.takes.__name__]
        for name, must, rule in _fields(shape):
            yield (as_code(name), "body", must, rule)


def _refused(route: "Route") -> Iterator[tuple[int, str, str]]:
    told = set()
    for kind in sorted(route.call.refusals, key=lambda one: one.status):
        if kind.code not in told:
            told.add(kind.code)
            yield (
                kind.status,
                f"[{as_code(kind.code)}](../errors.md)",
                first_sentence(kind.__doc__),
            )


def example(route: "Route", described: "Json") -> str:
    """The call by curl, with the variables of docs/api.md."""
    path = "/".join(
        PLACES.get(part.strip("{}"), "…") if part.startswith("{") else part
        for part in route.path.split("/")
    )
    method = "" if route.method in ("GET", "POST") else f"-X {route.method} "
    lines = [f'curl {method}"$API{path}"']
    who = _who(route, described)
    if who:
        lines.append(f'-H "Authorization: Bearer ${who}"')
    if route.call.keyed:
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if route.call.takes is not None:
        text = json.dumps(body(route, _shapes_of(described)), ensure_ascii=False)
        # What the shell is to put in stands outside of the single quotes.
        text = re.sub(r'"(\$[A-Z]+)"', r'''"'"\1"'"''', text)
        lines.append('-H "Content-Type: application/json"')
        lines.append(f"-d '{text}'")
    elif route.method == "POST":
        lines[0] = lines[0].replace("curl ", "curl -X POST ", 1)
    return " \\\n  ".join(lines)


def body(route: "Route", shapes: Mapping[str, "Json"]) -> "Json":
    """An example of what the call takes: what it must have, and what is known here."""
    assert route.call.takes is not None
    kind = route.call.takes.__name__
    fields = cast("dict[str, Json]", shapes[kind]["properties"])
    known = {
        name: EXAMPLES.get(f"{kind}.{name}", EXAMPLES.get(name)) for name in fields
    }
    must = cast("list[str]", shapes[kind].get("required", []))
    return {
        name: known[name] if known[name] is not None else _made_up(rule)
        for name, rule in fields.items()
        if name in must or known[name] is not None
    }


def _made_up(rule: "Json") -> object:
    """Something of the right kind, which a pattern may still refuse."""
    kinds: Mapping[object, object] = {"integer": 1, "boolean": True, "array": []}
    return kinds.get(rule.get("type"), "…")


# --- shapes ---------------------------------------------------------------------------


def _shapes_page(shapes: Mapping[str, "Json"]) -> str:
    parts = ["# Shapes", "What calls take and give, by name."]
    for name, shape in shapes.items():
        parts.append(f"## {name} {{ #{name.lower()} }}")
        told = str(shape.get("description", ""))
        if told:
            parts.append(told.partition("\n\n")[0])
        if "properties" in shape:
            rows = [(as_code(field), *rest) for field, *rest in _fields(shape, "")]
            parts.append(a_table(("field", "always", "rule"), rows))
        else:
            parts.append(_rule(shape, ""))
    return "\n\n".join(parts) + "\n"


def _fields(shape: "Json", at: str = f"{SHAPES}.md") -> Iterator[tuple[str, str, str]]:
    """Each field of a shape, whether it must be there, and its rule."""
    fields = cast("dict[str, Json]", shape["properties"])
    must = cast("list[str]", shape.get("required", []))
    for name, rule in fields.items():
        yield name, "yes" if name in must else "no", _rule(rule, at)


def _rule(rule: "Json", at: str = f"{SHAPES}.md") -> str:
    """A schema in a few words: its own where it has some."""
    match rule:
        case {"$ref": str(to)}:
            return _linked(to.rpartition("/")[2], at)
        case {"anyOf": [*_]}:
            either = cast("list[Json]", rule["anyOf"])
            kinds = [_rule(one, at) for one in either if one.get("type") != "null"]
            null = "" if len(kinds) == len(either) else "; or null"
            return " or ".join(kinds) + null
        case {"enum": [*values]}:
            return ", ".join(map(as_code, values))
        case {"description": str(words)}:
            return words
        case _:
            return _kind(rule, at)


def _kind(rule: "Json", at: str) -> str:
    """What has no words of its own by its type."""
    match rule:
        case {"type": "array", "items": dict(items)}:
            return f"list of {_rule(items, at)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"names, each with {_rule(values, at)}"
        case _:
            return str(rule.get("type", "any JSON value"))


def _linked(name: str, at: str = f"{SHAPES}.md") -> str:
    return f"[{name}]({at}#{name.lower()})"

"""The documentation as plain pages: no script, nothing loaded from anywhere.

`/openapi.json` is for programs; `/docs` shows the same document to people, and
`/docs/errors` is where the `type` of a problem leads.
"""

from collections.abc import Iterable, Mapping
from html import escape
from types import MappingProxyType
from typing import cast

import msgspec
from litestar import Response, get
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler

from paycore.api.contract import Json
from paycore.api.problems import catalogue

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
)

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--mark:#0a7d5a}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem}
h1{font-size:1.6rem}h2{font-size:1.1rem;margin:2rem 0 .5rem;overflow-wrap:anywhere}
h3{font-size:.9rem;margin:1rem 0 .25rem}nav a{display:block;padding:.1rem 0}
code{font:.9em ui-monospace,monospace}.verb{color:var(--mark);font-weight:700}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{border-bottom:1px solid var(--line);padding:.3rem .5rem .3rem 0;text-align:left;
vertical-align:top}section{border-top:1px solid var(--line)}
pre{background:var(--soft);padding:.75rem;overflow-x:auto}
"""


_HOW_TO_CALL = """
<p>Send <code>Authorization: Bearer &lt;api key&gt;</code> with every call (under
<code>/v1/desk</code> an operator's token instead) and an
<code>Idempotency-Key</code> with every POST under <code>/v1</code>.
<a href="/openapi.json">openapi.json</a> · <a href="/docs/errors">errors</a></p>
"""

_HOW_TO_FAIL = """
<h1>Errors</h1>
<p>Problem documents (RFC 9457) with a stable <code>code</code>. A refusal changed
nothing; 409 <code>idempotency_in_flight</code>, 429 and 503 may be tried again under
the same key after <code>Retry-After</code>.</p>
"""


def handlers(described: Json) -> list[HTTPRouteHandler]:
    """The pages of one document, each made once."""
    bodies = {
        "/openapi.json": (msgspec.json.encode(described), MediaType.JSON),
        "/docs": (_calls_page(described).encode(), MediaType.HTML),
        "/docs/errors": (_errors_page().encode(), MediaType.HTML),
    }
    return [_page(path, body, media) for path, (body, media) in bodies.items()]


def _page(path: str, body: bytes, media: MediaType) -> HTTPRouteHandler:
    @get(path)
    async def page() -> Response[bytes]:
        return Response(body, media_type=media, headers=HEADERS)

    return page


def _document(title: str, parts: Iterable[str]) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )


def _calls_page(described: Json) -> str:
    info = cast("dict[str, str]", described["info"])
    calls = [
        (path, verb, cast("Json", operation))
        for path, item in cast("dict[str, Json]", described["paths"]).items()
        for verb, operation in item.items()
    ]
    components = cast("Json", described["components"])
    schemas = cast("dict[str, Json]", components["schemas"])
    return _document(
        "paycore API",
        [
            f"<h1>paycore API {escape(info['version'])}</h1>",
            f"<p>{escape(info['description'])}</p>",
            _HOW_TO_CALL,
            f"<nav>{''.join(_link(*call) for call in calls)}</nav>",
            *(_call(path, verb, said) for path, verb, said in calls),
            "<h1>Shapes</h1>",
            *(_shape(name, shape) for name, shape in schemas.items()),
        ],
    )


def _link(path: str, verb: str, said: Json) -> str:
    return (
        f'<a href="#{said["operationId"]}">{_place(path, verb)} — '
        f"{escape(str(said['summary']))}</a>"
    )


def _place(path: str, verb: str) -> str:
    return f'<span class="verb">{verb.upper()}</span> <code>{escape(path)}</code>'


def _call(path: str, verb: str, said: Json) -> str:
    parameters = cast("list[Json]", said["parameters"])
    responses = cast("dict[str, Json]", said["responses"])
    takes = _schema_of(cast("Json", said.get("requestBody", {})))
    return (
        f'<section id="{said["operationId"]}"><h2>{_place(path, verb)}</h2>'
        f"<p>{escape(str(said['summary']))}.</p>"
        + (f"<h3>Takes</h3><p>{takes}</p>" if takes else "")
        + _table("Parameters", (_parameter(one) for one in parameters))
        + _table(
            "Answers",
            (
                (status, _schema_of(answer), escape(str(answer["description"])))
                for status, answer in responses.items()
            ),
        )
        + "</section>"
    )


def _parameter(one: Json) -> tuple[str, str, str]:
    schema = cast("Json", one["schema"])
    words = one.get("description") or _rule(schema)
    return (
        f"<code>{escape(str(one['name']))}</code>",
        escape(str(one["in"])) + (", required" if one["required"] else ""),
        escape(str(words)),
    )


def _shape(name: str, shape: Json) -> str:
    required = cast("list[str]", shape.get("required", []))
    members = cast("dict[str, Json]", shape.get("properties", {}))
    values = cast("list[object]", shape.get("enum", []))
    rows = (
        (
            f"<code>{escape(member)}</code>",
            "" if member in required else "optional",
            _named(rule) or escape(_rule(rule)),
        )
        for member, rule in members.items()
    )
    return (
        f'<section id="shape-{escape(name)}"><h2><code>{escape(name)}</code></h2>'
        f"<p>{escape(str(shape.get('description', '')))}</p>"
        + (f"<p>{escape(', '.join(map(str, values)))}</p>" if values else "")
        + _table("", rows)
        + "</section>"
    )


def _rule(rule: Json) -> str:
    """A member's type and rule in one line."""
    either = cast("list[Json]", rule.get("anyOf", []))
    if either:
        return " or ".join(_rule(one) for one in either)
    if "$ref" in rule:
        return str(rule["$ref"]).rsplit("/", 1)[-1]
    kind = str(rule.get("type", "any"))
    if kind == "array":
        kind = f"array of {_rule(cast('Json', rule.get('items', {})))}"
    words = rule.get("description")
    return f"{kind}: {words}" if words else kind


def _named(rule: Json) -> str:
    """A link to the shape that a member is, where it is just that."""
    return _anchor(str(rule["$ref"])) if "$ref" in rule else ""


def _schema_of(body: Json) -> str:
    content = cast("dict[str, Json]", body.get("content", {}))
    refs = (cast("Json", media["schema"])["$ref"] for media in content.values())
    return " ".join(_anchor(str(ref)) for ref in refs)


def _anchor(ref: str) -> str:
    name = escape(ref.rsplit("/", 1)[-1])
    return f'<a href="#shape-{name}"><code>{name}</code></a>'


def _table(title: str, rows: Iterable[tuple[str, ...]]) -> str:
    made = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows
    )
    if not made:
        return ""
    return (f"<h3>{title}</h3>" if title else "") + f"<table>{made}</table>"


def _errors_page() -> str:
    rows = "".join(
        f'<tr id="{code}"><td><code>{code}</code></td><td>{status}</td>'
        f"<td>{escape(en)}</td><td>{escape(zh)}</td></tr>"
        for code, status, zh, en in catalogue()
    )
    head = "<tr><th>code</th><th>status</th><th>en</th><th>zh</th></tr>"
    return _document("paycore errors", [_HOW_TO_FAIL, f"<table>{head}{rows}</table>"])

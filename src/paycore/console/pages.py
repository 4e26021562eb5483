"""`/console/`: the operators' page, which is one file and asks the API for the rest.

It is given away to anybody: it holds nothing but its own text. What it shows comes from
calls that ask for an operator's session.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from paycore.console.site import File, Site

POLICY: Mapping[str, str] = MappingProxyType(
    {
        "default-src": "'none'",
        "script-src": "'self'",
        # The widgets write their style sheets while they run: docs/decisions/0045.
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
)
"""From where the page may load, and whom it may ask: from us, us."""

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": "; ".join(f"{k} {v}" for k, v in POLICY.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
)

LASTS = "public, max-age=31536000, immutable"

_NOT_BUILT = b"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>paycore</title><style>body{font:16px/1.6 system-ui,sans-serif;max-width:40rem;
margin:4rem auto;padding:0 1rem;color-scheme:light dark}code{font-size:1em}</style>
<main><h1>The console is not built</h1>
<p>Run <code>make web</code> in the working copy (it needs the network, once, for its
packages), and start this node again. Everything else works without it.</p>
<p lang="zh">&#25511;&#21046;&#21488;&#23578;&#26410;&#26500;&#24314;&#65306;
<code>make web</code></p></main></html>
"""


def handlers(site: Site) -> list[HTTPRouteHandler]:
    """What serves the built console, or says how to build it."""

    @get("/console")
    async def console(request: Request[Any, Any, Any]) -> Response[bytes]:
        return _answer(request, site)

    @get("/console/{path:path}")
    async def below(request: Request[Any, Any, Any]) -> Response[bytes]:
        return _answer(request, site)

    return [console, below]


def _answer(request: Request[Any, Any, Any], site: Site) -> Response[bytes]:
    if not site.files:
        return Response(
            _NOT_BUILT,
            status_code=503,
            headers={**HEADERS, "Cache-Control": "no-store"},
            media_type="text/html",
        )
    found = site.find(request.scope["path"].removeprefix("/console"))
    if found is None:
        return Response(
            b"",
            status_code=404,
            headers={**HEADERS, "Cache-Control": "no-store"},
            media_type="text/plain",
        )
    return _sent(found, request.headers.get("accept-encoding", ""))


def _sent(file: File, accepted: str) -> Response[bytes]:
    coding, body = file.best(accepted)
    return Response(
        body,
        headers={
            **HEADERS,
            "Cache-Control": LASTS if file.lasting else "no-store",
            **({"Content-Encoding": coding} if coding else {}),
        },
        media_type=file.media,
    )

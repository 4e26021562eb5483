"""Who calls: the bearer's API key, or where it is an operator's call an operator's
token, or the session of the console's cookie; asked before anything of the request is
read. Neither of key and token is ever good for the other's calls.
"""

import re
from urllib.parse import urlsplit

from paycore.api.contract import LOOPBACK_COOKIE, SESSION_COOKIE, Call
from paycore.api.door import Plain, door_of
from paycore.kernel.errors import Forbidden
from paycore.lines import service as lines
from paycore.lines.service import Caller
from paycore.operators import service as operators
from paycore.operators import sessions
from paycore.operators.service import Operator

_SCHEME = "bearer "
_SAFE = frozenset({"GET", "HEAD"})
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")


async def caller_of(request: Plain) -> Caller:
    """Who sent it: every handler under /v1 asks first, and a test sees to it."""
    return await lines.authenticate(door_of(request).node, _bearer(request))


async def operator_of(request: Plain) -> Operator:
    """Who of the operators sent it; Forbidden where his role does not allow what the
    call is declared with (`Call.may`).
    """
    may = call_of(request).may
    assert may is not None, "it is declared as an operator's"
    operator = await _operator(request)
    operators.refuse_unless(operator, may)
    return operator


async def session_of(request: Plain) -> Operator:
    """Who has logged in with the cookie that came; whoever sent a token has not."""
    cookie = cookie_of(request, session_cookie(request))
    if cookie and request.method not in _SAFE:
        refuse_foreign(request)
    return await sessions.authenticate(door_of(request).node, cookie)


def call_of(request: Plain) -> Call:
    """What the call is declared as."""
    call = request.scope["route_handler"].opt["call"]
    assert isinstance(call, Call)
    return call


async def _operator(request: Plain) -> Operator:
    """By the token, where one was sent; else by the session."""
    if _sent(request, b"authorization"):
        return await operators.authenticate(door_of(request).node, _bearer(request))
    return await session_of(request)


def refuse_foreign(request: Plain, *, silent: bool = False) -> None:
    """Forbidden for what another page had a browser send, by its own word. Where there
    is no word it is no browser: good only where `silent` says so, for who sends a
    cookie is one.
    """
    site, origin = (_sent(request, name) for name in (b"sec-fetch-site", b"origin"))
    ours = site == "same-origin" if site else _is_ours(request, origin)
    if not (ours or (silent and not site and not origin)):
        raise Forbidden(
            "It was not sent by a page of this address.", "请求不是由本站页面发出"
        )


def _is_ours(request: Plain, origin: str) -> bool:
    """Whether a page's origin is the address that was asked, or the one we are told
    to have. Without TLS whoever is on the way may have written the page.
    """
    if not origin:
        return False
    public = urlsplit(door_of(request).node.settings.public_url)
    if public.netloc and origin == f"{public.scheme}://{public.netloc}":
        return True
    host = _sent(request, b"host")
    if is_loopback(request) and origin == f"http://{host}":
        return True
    return bool(host) and origin == f"https://{host}"


def session_cookie(request: Plain) -> str:
    """The name of the session's cookie at the address that was asked."""
    return LOOPBACK_COOKIE if is_loopback(request) else SESSION_COOKIE


def cookie_of(request: Plain, wanted: str) -> str:
    """The cookie of a name; empty, which is nobody's, where none was sent or two."""
    found = [
        value.strip()
        for part in _sent(request, b"cookie").split(";")
        for name, _, value in [part.partition("=")]
        if name.strip() == wanted
    ]
    return found[0] if len(found) == 1 else ""


def is_loopback(request: Plain) -> bool:
    """Whether it came without TLS to an address of this machine alone: there a cookie
    for TLS only would not come back.
    """
    secure = door_of(request).node.settings.public_url.startswith("https:")
    host = _sent(request, b"host").lower()
    return not secure and _LOOPBACK.fullmatch(host) is not None


def _bearer(request: Plain) -> str:
    """What was sent as a token; empty, which is nobody's, where nothing was."""
    header = _sent(request, b"authorization")
    if not header.lower().startswith(_SCHEME):
        return ""
    return header[len(_SCHEME) :].strip()


def _sent(request: Plain, wanted: bytes) -> str:
    """A header as it came; two are refused where the head is read (`wire`)."""
    for name, value in request.scope["headers"]:
        if name == wanted:
            return value.decode("latin-1")
    return ""

"""Answers that are no problems: what a read found, and what was kept for a key."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec
from litestar import Response
from litestar.enums import MediaType
from litestar.types import (
    ASGIApp,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    Receive,
    Scope,
    Send,
)

from paycore.api.contract import KEY_AS_SENT, KEY_HEADER
from paycore.api.door import Plain
from paycore.core.service import KeptAnswer

REPLAYED_HEADER = "Idempotent-Replayed"
NO_STORE: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store"})

_KEY = KEY_HEADER.lower().encode()
_REPLAYED = ((REPLAYED_HEADER.lower().encode(), b"true"),)

encode = msgspec.json.Encoder().encode


def found(answer: msgspec.Struct) -> Response[bytes]:
    """What a read found; not for caches, because it is somebody's money."""
    return Response(
        encode(answer), status_code=200, media_type=MediaType.JSON, headers=NO_STORE
    )


def kept(request: Plain, answer: KeptAnswer) -> ASGIApp:
    """The kept answer, byte for byte, with its key given back as it came."""
    replayed = _REPLAYED if answer.replayed else ()
    key = request.scope["state"][KEY_AS_SENT].encode("latin-1")
    size = b"%d" % len(answer.body)
    headers = [
        *((b"cache-control", b"no-store"), (_KEY, key), *replayed),
        *((b"content-type", b"application/json"), (b"content-length", size)),
    ]
    return _Ready(answer.status, headers, answer.body)


@dataclass(frozen=True, slots=True)
class _Ready:
    """An answer as it goes over the wire: a payment's has nothing to be worked out."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": self.status,
            "headers": self.headers,
        }
        body: HTTPResponseBodyEvent = {
            "type": "http.response.body",
            "body": self.body,
            "more_body": False,
        }
        await send(start)
        await send(body)

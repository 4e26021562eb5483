"""Answers that are no problems: what a read found, and what was kept for a key."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from litestar import Response
from litestar.enums import MediaType

from paycore.api.contract import KEY_AS_SENT, KEY_HEADER
from paycore.api.door import Plain
from paycore.core.service import KeptAnswer

REPLAYED_HEADER = "Idempotent-Replayed"
NO_STORE: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store"})

encode = msgspec.json.Encoder().encode


def found(answer: msgspec.Struct) -> Response[bytes]:
    """What a read found; not for caches, because it is somebody's money."""
    return Response(
        encode(answer), status_code=200, media_type=MediaType.JSON, headers=NO_STORE
    )


def kept(request: Plain, answer: KeptAnswer) -> Response[bytes]:
    """The kept answer, byte for byte, with its key given back as it came."""
    headers = {**NO_STORE, KEY_HEADER: request.scope["state"][KEY_AS_SENT]}
    if answer.replayed:
        headers[REPLAYED_HEADER] = "true"
    return Response(
        answer.body,
        status_code=answer.status,
        media_type=MediaType.JSON,
        headers=headers,
    )

"""What machines ask of a node: is it there, can it take payments, how is it doing."""

import msgspec
from litestar import Response, get
from litestar.enums import MediaType
from prometheus_client import CONTENT_TYPE_LATEST

from paycore.api.door import Plain, door_of


@get("/healthz")
async def healthz() -> Response[bytes]:
    """The process answers; nothing else is said."""
    return Response(b'{"status":"ok"}', media_type=MediaType.JSON)


@get("/readyz")
async def readyz(request: Plain) -> Response[bytes]:
    """Whether it can take payments: 200, or 503 with what is missing."""
    has = await door_of(request).ready()
    good = all(has.values())
    return Response(
        msgspec.json.encode({"status": "ok" if good else "not ready", "has": has}),
        status_code=200 if good else 503,
        media_type=MediaType.JSON,
    )


@get("/metrics")
async def metrics(request: Plain) -> Response[bytes]:
    """For Prometheus."""
    door = door_of(request)
    ready = all((await door.ready()).values())
    return Response(
        await door.metrics.render(ready=ready),
        headers={"Content-Type": CONTENT_TYPE_LATEST},
    )

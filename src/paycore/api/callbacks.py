"""What channels send us: the raw message to the gateway, what it means to core.

A channel proves itself by its signature, not by an API key. It gets the words it wants
for an accepted message only when what it said is kept.
"""

from litestar import Response, post
from litestar.enums import MediaType

from paycore.api.door import Plain, body_of, door_of
from paycore.core import service as core
from paycore.gateway import service as gateway


@post("/callbacks/{channel:str}/{account:str}")
async def receive_callback(
    request: Plain, channel: str, account: str
) -> Response[bytes]:
    """Take a channel's message."""
    node = door_of(request).node
    received = await gateway.callback(
        node,
        channel,
        account,
        request.scope["path"],
        dict(request.headers),
        await body_of(request),
    )
    status, body = received.accept(await core.receive(node, received))
    return Response(body, status_code=status, media_type=MediaType.TEXT)

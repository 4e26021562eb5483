"""What carriers tell of texts that they took: to the gateway, and onto the timeline.

Most carriers sign nothing of it. What keeps strangers out is the last part of the
address, which the carrier was given and nobody else knows.
"""

from litestar import Response, post
from litestar.enums import MediaType

from paycore.api.door import Plain, body_of, door_of
from paycore.gateway import receipts


@post("/receipts/{carrier:str}/{token:str}")
async def receive_receipts(request: Plain, carrier: str, token: str) -> Response[bytes]:
    """Take a carrier's delivery receipts."""
    node = door_of(request).node
    headers = dict(request.headers)
    status, body = await receipts.receive(
        node, carrier, token, headers, await body_of(request)
    )
    return Response(body, status_code=status, media_type=MediaType.TEXT)

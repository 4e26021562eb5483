"""Who calls: the bearer's API key, asked before anything of the request is read."""

from paycore.api.door import Plain, door_of
from paycore.kernel.errors import Unauthorized
from paycore.lines import service as lines
from paycore.lines.service import Caller

_HEADER = b"authorization"
_SCHEME = "bearer "


async def caller_of(request: Plain) -> Caller:
    """Who sent it: every handler under /v1 asks first, and a test sees to it."""
    header = _sent(request)
    if not header.lower().startswith(_SCHEME):
        raise Unauthorized
    bearer = header[len(_SCHEME) :].strip()
    return await lines.authenticate(door_of(request).node, bearer)


def _sent(request: Plain) -> str:
    """The header as it came, the first of several; the others are not looked at."""
    for name, value in request.scope["headers"]:
        if name == _HEADER:
            return value.decode("latin-1")
    return ""

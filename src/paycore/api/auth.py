"""Who calls: the bearer's API key, asked before anything of the request is read."""

from litestar.handlers import BaseRouteHandler

from paycore.api.door import Connection, Plain, door_of
from paycore.kernel.errors import Unauthorized
from paycore.lines import service as lines
from paycore.lines.service import Caller

_SCHEME = "bearer "


async def authenticated(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard: nobody gets further without a good key."""
    header = connection.headers.get("authorization", "")
    if not header.lower().startswith(_SCHEME):
        raise Unauthorized
    bearer = header[len(_SCHEME) :].strip()
    connection.state.caller = await lines.authenticate(door_of(connection).node, bearer)


def caller_of(request: Plain) -> Caller:
    """Whom the guard let in."""
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller

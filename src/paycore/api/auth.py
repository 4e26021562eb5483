"""Who calls: the bearer's API key, or at the desk an operator's token, asked before
anything of the request is read. Neither is ever good for the other's calls.
"""

from paycore.api.door import Plain, door_of
from paycore.lines import service as lines
from paycore.lines.service import Caller
from paycore.operators import service as operators
from paycore.operators.roles import May
from paycore.operators.service import Operator

_HEADER = b"authorization"
_SCHEME = "bearer "


async def caller_of(request: Plain) -> Caller:
    """Who sent it: every handler under /v1 asks first, and a test sees to it."""
    return await lines.authenticate(door_of(request).node, _bearer(request))


async def operator_of(request: Plain, may: May) -> Operator:
    """Who of the operators sent it; Forbidden where his role does not allow it."""
    operator = await operators.authenticate(door_of(request).node, _bearer(request))
    operators.refuse_unless(operator, may)
    return operator


def _bearer(request: Plain) -> str:
    """What was sent as a token; empty, which is nobody's, where nothing was."""
    header = _sent(request)
    if not header.lower().startswith(_SCHEME):
        return ""
    return header[len(_SCHEME) :].strip()


def _sent(request: Plain) -> str:
    """The header as it came; two are refused where the head is read (`wire`)."""
    for name, value in request.scope["headers"]:
        if name == _HEADER:
            return value.decode("latin-1")
    return ""

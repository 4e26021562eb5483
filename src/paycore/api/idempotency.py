"""The Idempotency-Key of every POST under /v1: its form and its scope.

The published form is 1-255 visible ASCII characters without quotation mark, backslash,
comma and semicolon, bare or in double quotes (the two are one key). The row, the lease
and the kept answer are core's (`core.service`); this is the door's half.
"""

import hashlib
import re

from litestar.handlers import BaseRouteHandler

from paycore.api.auth import caller_of
from paycore.api.contract import KEY_FORM, KEY_HEADER
from paycore.api.decode import canonical
from paycore.api.door import Connection, Plain
from paycore.core.service import KeyClaim
from paycore.kernel.errors import BadRequest, KeyRequired

_HEADER = KEY_HEADER.lower().encode()
_FORM = re.compile(rf'(?:"({KEY_FORM})"|({KEY_FORM}))')


def keyed(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard: one key, of the published form; remembered for the answer's header."""
    sent = [value for name, value in connection.scope["headers"] if name == _HEADER]
    if not sent:
        raise KeyRequired
    if len(sent) > 1:
        raise BadRequest(
            "Send one Idempotency-Key header, not several.",
            "只能携带一个 Idempotency-Key 请求头",
        )
    text = sent[0].decode("latin-1")
    found = _FORM.fullmatch(text)
    if found is None:
        raise BadRequest(
            "The Idempotency-Key is not of the published form: 1-255 visible ASCII "
            "characters without quotation mark, backslash, comma and semicolon.",
            "Idempotency-Key 格式不正确",
        )
    connection.state.idempotency_key_as_sent = text
    connection.state.idempotency_key = found[1] or found[2]


def claim_of(request: Plain, body: bytes) -> KeyClaim:
    """Whose key it is, on which path, and for what content."""
    caller = caller_of(request)
    scope = hashlib.sha256()
    parts = (
        caller.biz_line,
        caller.key_id,
        f"{request.method} {request.scope['path']}",
        request.state.idempotency_key,
    )
    for part in parts:
        octets = part.encode()
        scope.update(len(octets).to_bytes(4, "big") + octets)
    return KeyClaim(
        scope=scope.digest(), fingerprint=hashlib.sha256(canonical(body)).digest()
    )

"""The Idempotency-Key of every POST under /v1: its form and its scope.

The published form is 1-255 visible ASCII characters without quotation mark, backslash,
comma and semicolon, bare or in double quotes (the two are one key). The row, the lease
and the kept answer are core's (`core.service`); this is the door's half.
"""

import hashlib
import re
from collections.abc import Sequence

import msgspec

from paycore.api.auth import caller_of
from paycore.api.contract import KEY_AS_SENT, KEY_FORM, KEY_HEADER
from paycore.api.decode import canonical
from paycore.api.door import Plain, body_of
from paycore.core.service import KeyClaim
from paycore.kernel.crypto import keyed_hash
from paycore.kernel.errors import BadRequest, KeyRequired
from paycore.kernel.node import Node
from paycore.lines.service import Caller

_HEADER = KEY_HEADER.lower().encode()
_FORM = re.compile(rf'(?:"({KEY_FORM})"|({KEY_FORM}))')


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A POST under /v1: who sent it, on which path, under which key, with what."""

    caller: Caller
    path: str
    key: str
    body: bytes

    def claim(self, node: Node) -> KeyClaim:
        """Whose key it is, where, and for what content."""
        whose = (self.caller.biz_line, self.caller.key_id)
        return claim_of(node, whose, self.path, self.key, self.body)


async def post_of(request: Plain) -> Post:
    """Refuse in this order: no good caller, no good key; only then look at the body."""
    caller = await caller_of(request)
    key = key_of(request)
    path = request.scope["path"]
    return Post(caller=caller, path=path, key=key, body=await body_of(request))


def claim_of(
    node: Node, whose: Sequence[str], path: str, key: str, body: bytes
) -> KeyClaim:
    """A key's scope: whose it is, on which path; and what was sent under it.

    A body may hold a card or a code, which are few enough to be tried one by one: its
    fingerprint is keyed. By the search key, because that one is not rotated: under
    another key an honest repeat would be refused as another body.
    """
    scope = hashlib.sha256()
    for part in (*whose, f"POST {path}", key):
        octets = part.encode()
        scope.update(len(octets).to_bytes(4, "big") + octets)
    search_key = node.settings.search_key_octets
    content = keyed_hash(search_key, "idempotency_body", canonical(body).decode())
    return KeyClaim(scope=scope.digest(), fingerprint=content)


def key_of(request: Plain) -> str:
    """The request's key of the published form, without quotes.

    There is one at most: two such headers are refused where the head is read (`wire`).
    """
    sent = [value for name, value in request.scope["headers"] if name == _HEADER]
    if not sent:
        raise KeyRequired
    text = sent[0].decode("latin-1")
    found = _FORM.fullmatch(text)
    if found is None:
        raise BadRequest(
            "The Idempotency-Key is not of the published form: 1-255 visible ASCII "
            "characters without quotation mark, backslash, comma and semicolon.",
            "Idempotency-Key 格式不正确",
        )
    request.scope["state"][KEY_AS_SENT] = text
    return found[1] or found[2]

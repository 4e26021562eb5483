"""End points of business lines: the node's snapshot of them, and where one may be.

An end point is a URL that somebody gave us and we call: only https, and nothing that is
ours or our neighbour's, except in development. Judged are the URL as it is written, by
every node that opens it, and what its name resolves to, when it is saved; where a
connection really goes is judged again when it is made (kernel/addresses.py).
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from paycore.kernel import addresses
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.node import Node
from paycore.notify import webhook
from paycore.notify.rows import EndpointRow

URL_LETTERS = 2048

LOOK_UP_S = 5.0
"""How long saving an end point waits for a name server."""

HTTPS_PORT = 443
FIRST_FREE_PORT = 1024
"""Below it are the ports of other protocols, which we shall not talk to by mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An end point, opened: with its keys, and why it is not to be used."""

    row: EndpointRow
    keys: tuple[bytes, ...] = field(repr=False)
    closed: str | None
    """DISABLED or ADDRESS_REFUSED; None where notices may go there."""


@dataclass(slots=True)
class Endpoints:
    """This node's snapshot."""

    by_id: dict[str, Endpoint] = field(default_factory=dict)
    by_line: dict[str, list[Endpoint]] = field(default_factory=dict)

    def replace(self, found: list[Endpoint]) -> None:
        """Know these and no others."""
        self.by_id = {endpoint.row.endpoint_id: endpoint for endpoint in found}
        self.by_line = {}
        for endpoint in found:
            if endpoint.row.enabled:
                self.by_line.setdefault(endpoint.row.biz_line, []).append(endpoint)


async def refresh(node: Node) -> None:
    """Take the snapshot anew; what has not changed is not opened again."""
    endpoints = node.state(Endpoints)
    rows = await node.journal.every(EndpointRow)
    endpoints.replace([_opened(node, row, endpoints.by_id) for row in rows])


def _opened(node: Node, row: EndpointRow, known: dict[str, Endpoint]) -> Endpoint:
    before = known.get(row.endpoint_id)
    if before is not None and before.row == row:
        return before
    keys = (webhook.key_of(secret) for secret in unsealed(node, row))
    return Endpoint(
        row=row,
        keys=tuple(key for key in keys if key is not None),
        closed=_closed(row, allow_private=node.settings.allow_private_endpoints),
    )


def _closed(row: EndpointRow, *, allow_private: bool) -> str | None:
    if not row.enabled:
        return "DISABLED"
    return "ADDRESS_REFUSED" if refused(row.url, allow_private=allow_private) else None


def sealed(node: Node, endpoint_id: str, secrets: list[str]) -> bytes:
    """Secrets as they are kept, bound to their end point."""
    return node.key_ring.seal(
        msgspec.json.encode(secrets), context=endpoint_id.encode()
    )


def with_secrets(node: Node, row: EndpointRow, secrets: list[str]) -> EndpointRow:
    """The end point with these secrets, newest first."""
    return msgspec.structs.replace(row, secrets=sealed(node, row.endpoint_id, secrets))


def unsealed(node: Node, row: EndpointRow) -> list[str]:
    """An end point's secrets, newest first."""
    clear = node.key_ring.open(row.secrets, context=row.endpoint_id.encode())
    return msgspec.json.decode(clear, type=list[str])


def known(node: Node, endpoint_id: str | None) -> EndpointRow | None:
    """An end point as of the last refresh."""
    found = node.state(Endpoints).by_id.get(endpoint_id or "")
    return None if found is None else found.row


async def refuse_unknown(node: Node, endpoint_id: str) -> None:
    """DataNotExist where there is no such end point; none is ever taken away."""
    if await node.journal.load(EndpointRow, endpoint_id) is None:
        raise DataNotExist("There is no such end point.", "通知地址不存在")


async def check(node: Node, url: str) -> None:
    """Refuse a URL that notices may not go to, as it is written or as it resolves."""
    open_to_all = node.settings.allow_private_endpoints
    why = refused(url, allow_private=open_to_all)
    if why is None and not open_to_all:
        why = await _refused_where_it_is(node, urlsplit(url).hostname or "")
    if why is not None:
        raise BadRequest(f"The end point's URL {why}.", field="url")


async def _refused_where_it_is(node: Node, host: str) -> str | None:
    """Why a host may not be sent to, by all of its addresses of just now."""
    found = await node.transport.look_up(host, within_s=LOOK_UP_S)
    if not found:
        return "names a host that has no address"
    if not all(map(addresses.is_public, found)):
        return "must not lead to a private or local address"
    return None


def refused(url: str, *, allow_private: bool) -> str | None:
    """Why notices may not go to a URL as it is written, or None where they may."""
    if len(url) > URL_LETTERS or not url.isprintable() or {" ", "\\"} & {*url}:
        return "is not a URL we can send to"
    if not url.isascii():
        return "must be written in ASCII: the host as xn--..., the path with %"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is not a URL we can send to"
    if not host or "@" in parts.netloc or "#" in url:
        return "needs a host, and no user name and no fragment"
    if parts.scheme not in ({"https", "http"} if allow_private else {"https"}):
        return "must begin with https://"
    return None if allow_private else _refused_outside(host, port)


def _refused_outside(host: str, port: int | None) -> str | None:
    """The same for what must be outside; names are not looked up here."""
    if addresses.is_address(host):
        if not addresses.is_public(host):
            return "must not be a private or local address"
    elif not addresses.is_name(host):
        return "needs a host's full public name"
    if port is not None and port != HTTPS_PORT and port < FIRST_FREE_PORT:
        return "must use port 443, or one from 1024 on"
    return None

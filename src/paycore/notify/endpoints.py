"""End points of business lines: the node's snapshot of them, and where one may be.

An end point is a URL that somebody gave us and we call: only https, and nothing that is
ours or our neighbour's, except in development. What is judged here is the URL as it is
written.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from paycore.kernel.node import Node
from paycore.notify import webhook
from paycore.notify.rows import EndpointRow

URL_LETTERS = 2048


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


def refused(url: str, *, allow_private: bool) -> str | None:
    """Why notices may not go to a URL, or None where they may."""
    if len(url) > URL_LETTERS or not url.isprintable() or " " in url:
        return "is not a URL we can send to"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "is not a URL we can send to"
    if not host or parts.username is not None or parts.fragment:
        return "needs a host, and no user name and no fragment"
    if parts.scheme not in ({"https", "http"} if allow_private else {"https"}):
        return "must begin with https://"
    if not allow_private and not _public(host):
        return "must not be a private or local address"
    return None


def _public(host: str) -> bool:
    """Whether a host, as written, may be somewhere outside; names are not looked up."""
    try:
        return ip_address(host).is_global
    except ValueError:
        name = host.rstrip(".").lower()
        # 2130706433, 0x7f.1 and 127.1 are addresses too, to those who look names up.
        numeric = name.rpartition(".")[2][:1].isdigit()
        local = name == "localhost" or name.endswith((".localhost", ".local"))
        return "." in name and not local and not numeric

"""The door to the network for what is kept open: octets both ways, over TCP or TLS.

What `kernel/http.py` is for one call, this is for a connection that many calls share.
It decides the same: a connection that was never made sent nothing (`NotSent`);
whatever is written to one that was made may have left. Nothing here retries, connects
again or knows what the octets mean.
"""

from typing import Protocol

import msgspec


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where to connect to."""

    host: str
    port: int
    tls: bool
    """With a certificate for `host` that this machine believes, or not at all."""
    connect_timeout_s: float
    """For the name, the connection and the handshake together."""


class StreamLost(Exception):
    """The other side hung up, or the connection broke, or we closed it."""


class Stream(Protocol):
    """A connection that was made."""

    async def read(self, octets: int) -> bytes:
        """Exactly so many octets, or StreamLost."""

    async def write(self, octets: bytes) -> None:
        """Have them sent, and wait where much is still waiting to be; or StreamLost.
        Once this was called they may have left, whatever comes of it.
        """

    async def close(self) -> None:
        """Send what waits, within a moment, and hang up. Raises nothing."""

"""Which addresses are outside, and a look-up of names that holds to it.

An address that somebody gave us may name a machine of ours: the database, a cloud's
metadata, a neighbour. So what counts is where a connection goes, not how the address
is spelled: `is_public` judges addresses, `named` the spelling of a host, and `Outside`
gives a connection only addresses that were judged, all of them or none.

It is no firewall: addresses that are public and yet ours are not known here.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import (
    IPv4Address,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

LookUp = Callable[[str], Awaitable[Sequence[str]]]
"""All addresses of a name; raises OSError where it has none."""

THREADS = 16
"""Look-ups at once. Threads of their own: a name server that hangs for one end point
must not keep a channel's name waiting."""

# IANA's special-purpose registry, as far as it is not plain unicast for everybody.
_IPV4_INSIDE = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this host, this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # a provider's own; a cloud's metadata: 100.100.100.200
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # a cloud's platform, by a public number
            "169.254.0.0/16",  # link-local; metadata: 169.254.169.254
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments; a cloud's metadata: 192.0.0.192
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays from 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # measuring
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)

_IPV6_UNICAST = IPv6Network("2000::/3")
"""All that is given out: local, private (metadata: fd00:ec2::254), multicast and
unspecified addresses lie elsewhere."""

_IPV6_INSIDE = tuple(
    map(
        ip_network,
        (
            "2001::/23",  # protocol assignments; tunnels through Teredo
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address in disguise, and no longer in use
            "3fff::/20",  # documentation
        ),
    )
)

_IPV4_WITHIN = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""Mapped and NAT64: the last 32 bits are the IPv4 address that is meant."""

HOST_LETTERS = 253
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LOCAL = ("localhost", "local", "internal", "localdomain", "home.arpa")


def is_public(address: str) -> bool:
    """Whether an address is one machine somewhere outside, for everybody to reach."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _IPV4_INSIDE)
    return _is_public_ipv6(found)


def _is_public_ipv6(found: IPv6Address) -> bool:
    if found.scope_id is not None:
        return False
    if any(found in network for network in _IPV4_WITHIN):
        return is_public(str(IPv4Address(found.packed[-4:])))
    return found in _IPV6_UNICAST and not any(
        found in network for network in _IPV6_INSIDE
    )


def is_address(host: str) -> bool:
    """Whether a host is written as an address, in the one usual form."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_vouched_for(url: str) -> bool:
    """Whether TLS says who is there and hides what is said, or it is this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme == "http":
        return is_loopback(parts.hostname or "")
    return parts.scheme == "https" and bool(parts.hostname)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, where nobody stands between."""
    return host == "localhost" or (is_address(host) and ip_address(host).is_loopback)


def is_name(host: str) -> bool:
    """Whether a host is a full name as it stands in the public tree of names.

    127.1, 0x7f.1 and 2130706433 are addresses too, to those who look names up: no
    name's last part begins with a digit.
    """
    name = host.lower().removesuffix(".")
    *others, last = name.split(".")
    spelled = len(name) <= HOST_LETTERS and all(map(_LABEL.fullmatch, (*others, last)))
    local = any(f".{name}".endswith(f".{end}") for end in _LOCAL)
    return bool(others) and spelled and not last[:1].isdigit() and not local


class AddressRefused(OSError):
    """A connection that would not have gone outside; nothing was connected."""


class SystemNames:
    """Names as this machine looks them up."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="names")

    async def look_up(self, host: str) -> Sequence[str]:
        """All addresses, in the order to try them."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _addresses, host)

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str) -> Sequence[str]:
    try:
        found = socket.getaddrinfo(
            host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    except UnicodeError as error:
        raise OSError("not a host's name") from error
    # Each once, in their order.
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class Outside(AbstractResolver):
    """Names for connections that must go outside.

    What it gives is what is connected to: there is no second look-up. One address
    inside among many outside is refused with all of them; a name that says both is no
    accident.
    """

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a name, each of them public."""
        found = await self._look_up(host)
        if not all(map(is_public, found)):
            raise AddressRefused("not a public address")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


AddressInfo = tuple[
    int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]
]


def outside_socket(info: AddressInfo) -> socket.socket:
    """A socket for a connection to a public address; the last to be asked.

    An address that stands in a URL is not looked up and so first judged here.
    """
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise AddressRefused("not a public address")
    return socket.socket(family, kind, protocol)

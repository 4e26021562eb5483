"""Which addresses are outside, and that nothing is connected to any other."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence

import pytest

from paycore.kernel.addresses import is_loopback, is_name, is_public
from paycore.kernel.http import ADDRESS_REFUSED, Answered, HttpRequest, NotSent
from paycore.kernel.transport import HttpTransport

PUBLIC = "93.184.215.14"

INSIDE = (
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
)

OUTSIDE = (
    "8.8.8.8",
    PUBLIC,
    "100.128.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2606:4700::1111",
    "2a00:1450:4001:81b::200e",
)


@pytest.mark.parametrize("address", INSIDE)
def test_inside(address: str) -> None:
    """No address of a machine, a network or a cloud's own is public, in any clothes."""
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_outside(address: str) -> None:
    """An address that everybody can reach is public."""
    assert is_public(address)


@pytest.mark.parametrize("text", ["", "127.1", "0x7f.0.0.1", "010.0.0.1", "a", "1.2.3"])
def test_no_address(text: str) -> None:
    """What is no address in its one form is not public."""
    assert not is_public(text)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("127.1", False),
        ("127.0.0.1.evil.example", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_this_machine(host: str, *, here: bool) -> None:
    """Only where nobody stands between, in the usual spelling."""
    assert here is is_loopback(host)


@pytest.mark.parametrize(
    "host", ["shop.example", "SHOP.example.", "xn--fiq228c.example", "a_b.c1.example"]
)
def test_name(host: str) -> None:
    """A full name is one, with and without the last dot."""
    assert is_name(host)


@pytest.mark.parametrize(
    "host",
    [
        "shop",
        "localhost",
        "localhost.",
        "x.localhost",
        "metadata.google.internal",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "shop..example",
        "shop.example..",
        ".example",
        "-a.example",
        "a" * 64 + ".example",
        ".".join(["abcdefg"] * 40),
        "%31.example",
        "中文.example",
        "\uff11\uff12\uff17.0.0.1",
        "127。0。0。1",
        "",
    ],
)
def test_no_name(host: str) -> None:
    """Local names, numbers and what is misspelled are no public names."""
    assert not is_name(host)


# --- connections ----------------------------------------------------------------------


class Names:
    """A name server of the test's: each answer is given once, the last for ever."""

    def __init__(self) -> None:
        self.answers: list[Sequence[str]] = []
        self.asked: list[str] = []

    async def look_up(self, host: str) -> Sequence[str]:
        """What the host's addresses are said to be this time."""
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return found


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
async def door(names: Names) -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(names.look_up)
    yield transport
    await transport.close()


@pytest.fixture
async def connects(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that this test's connections go to, written down as they are made.

    The machine outside is played by this one: a connection to PUBLIC arrives here.
    """
    seen: list[str] = []
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect

    async def noted(sock: socket.socket, address: tuple) -> None:
        host, port, *_ = address
        seen.append(host)
        await connect(sock, ("127.0.0.1" if host == PUBLIC else host, port))

    monkeypatch.setattr(loop, "sock_connect", noted)
    return seen


async def post(
    door: HttpTransport, url: str, *, public_only: bool = True
) -> Answered | NotSent:
    return await door.send(
        HttpRequest(
            url=url, headers={}, body=b"{}", timeout_s=2.0, public_only=public_only
        )
    )


@pytest.fixture
async def inner() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A machine inside: its port, and what reached it."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read(100))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], got
    server.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "[fd00:ec2::254]"],
)
async def test_address_in_the_url(
    door: HttpTransport, connects: list[str], scheme: str, host: str
) -> None:
    """An address inside that stands in the URL is not connected to."""
    assert NotSent(reason=ADDRESS_REFUSED) == await post(door, f"{scheme}://{host}/")
    assert [] == connects


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1."]
)
async def test_address_in_disguise(
    connects: list[str], inner: tuple[int, list[bytes]], host: str
) -> None:
    """Decimal, octal, hex and short forms do not get past this machine's look-up."""
    door = HttpTransport()
    result = await post(door, f"http://{host}:{inner[0]}/")
    await door.close()

    assert isinstance(result, NotSent)
    assert ([], []) == (connects, inner[1])


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.1.2.3", "fd00:ec2::254"])
async def test_name_that_leads_inside(
    door: HttpTransport, names: Names, connects: list[str], inside: str
) -> None:
    """One address inside among those of a name is enough to refuse them all."""
    names.answers = [[PUBLIC, inside]]

    assert NotSent(reason=ADDRESS_REFUSED) == await post(door, "https://a.example/")
    assert [] == connects


async def test_connected_to_what_was_judged(
    door: HttpTransport,
    names: Names,
    connects: list[str],
    inner: tuple[int, list[bytes]],
) -> None:
    """A name is looked up once: DNS that then says another address is not asked."""
    names.answers = [[PUBLIC], ["127.0.0.1"]]
    result = await post(door, f"http://a.example:{inner[0]}/hook")

    assert isinstance(result, Answered)
    assert ["a.example"] == names.asked
    assert [PUBLIC] == connects
    assert f"Host: a.example:{inner[0]}".encode() in inner[1][0]


async def test_judged_again_for_the_next_connection(
    door: HttpTransport, names: Names, connects: list[str]
) -> None:
    """What was public once is not believed when the name has been forgotten."""
    names.answers = [[PUBLIC], ["127.0.0.1"]]
    await post(door, "http://a.example:9/")
    door._outside.connector.clear_dns_cache()

    assert NotSent(reason=ADDRESS_REFUSED) == await post(door, "http://a.example:9/")
    assert [PUBLIC] == connects


async def test_name_without_address(door: HttpTransport, names: Names) -> None:
    """A name that is not known is not sent to, and is no alarm."""
    names.answers = [[]]
    result = await post(door, "https://a.example/")

    assert isinstance(result, NotSent)
    assert ADDRESS_REFUSED != result.reason


async def test_connections_are_not_shared(
    door: HttpTransport, inner: tuple[int, list[bytes]], connects: list[str]
) -> None:
    """A channel's open connection to a machine inside is not there for a notice."""
    url = f"http://127.0.0.1:{inner[0]}/"
    charged = await post(door, url, public_only=False)
    noticed = await post(door, url)

    assert isinstance(charged, Answered)
    assert NotSent(reason=ADDRESS_REFUSED) == noticed
    assert 1 == len(inner[1]) == len(connects)


async def test_look_up(door: HttpTransport, names: Names) -> None:
    """Looking up gives all addresses, an address itself, and nothing for no name."""
    names.answers = [[PUBLIC, "::1"], []]

    assert [PUBLIC, "::1"] == await door.look_up("a.example", within_s=1)
    assert ("10.0.0.1",) == await door.look_up("10.0.0.1", within_s=1)
    assert () == await door.look_up("b.example", within_s=1)


async def test_look_up_that_hangs(connects: list[str]) -> None:
    """A name server that hangs holds nobody longer than asked."""

    async def hang(host: str) -> Sequence[str]:
        await asyncio.sleep(60)
        return [PUBLIC]

    door = HttpTransport(hang)
    assert () == await door.look_up("a.example", within_s=0.05)
    result = await post(door, "https://a.example/")
    await door.close()

    assert NotSent(reason="connect time-out") == result

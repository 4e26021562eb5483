"""Streams, against real sockets that misbehave."""

import asyncio
import contextlib
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from paycore.kernel.http import NotSent
from paycore.kernel.stream import Place, StreamLost
from paycore.kernel.tcp import Streams
from paycore.kernel.transport import HttpTransport

WITHIN_S = 30.0
"""For what surely comes, however busy the machine is."""


@pytest.fixture
async def streams():
    door = Streams()
    yield door
    await door.close()


@contextlib.asynccontextmanager
async def peer(behave, **given):
    """A server that treats each connection as it is told; its port."""

    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, **given)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.01)


def place(port, **changes):
    fields = {
        "host": "127.0.0.1",
        "port": port,
        "tls": False,
        "connect_timeout_s": WITHIN_S,
    }
    return Place(**(fields | changes))


async def echo(reader, writer):
    while octets := await reader.read(100):
        writer.write(octets)


async def test_octets_go_both_ways(streams) -> None:
    """What is written arrives, and is read in pieces of the length asked for."""
    async with peer(echo) as port:
        stream = await streams.connect(place(port))
        await stream.write(b"abcdef")

        assert (b"abc", b"def") == (await stream.read(3), await stream.read(3))


async def test_nobody_there_is_not_sent(streams) -> None:
    """A refused connection, an unknown name and a bad port sent nothing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        refused = await streams.connect(place(taken.getsockname()[1]))

    assert NotSent(reason="ConnectionRefusedError") == refused
    assert isinstance(
        await streams.connect(place(1, host="nobody.invalid", connect_timeout_s=5.0)),
        NotSent,
    )
    assert isinstance(await streams.connect(place(1, host="a" * 70)), NotSent)


async def test_a_handshake_without_an_end_is_not_sent(streams) -> None:
    """Who takes the connection and is silent where TLS is due holds us up no longer
    than the time for connecting.
    """

    async def silent(reader, writer):
        await reader.read()

    async with peer(silent) as port:
        made = await streams.connect(place(port, tls=True, connect_timeout_s=0.1))

    assert NotSent(reason="connect time-out") == made


async def test_a_certificate_that_nobody_vouches_for_is_not_sent(
    streams, tmp_path
) -> None:
    """TLS with a certificate of its own making: nothing is said to such a one; with
    one that this machine believes, it is.
    """
    file = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    async with peer(echo, ssl=context) as port:
        refused = await streams.connect(place(port, tls=True))
        streams._trust = ssl.create_default_context(cafile=str(file))
        believed = await streams.connect(place(port, tls=True))
        await believed.write(b"hello")

        assert NotSent(reason="SSLCertVerificationError") == refused
        assert b"hello" == await believed.read(5)
        await believed.close()


async def test_a_connection_that_breaks_is_lost(streams) -> None:
    """Hung up in the middle of what is read: lost, and so is what is written then."""

    async def half(reader, writer):
        writer.write(b"abc")

    async with peer(half) as port:
        stream = await streams.connect(place(port))
        with pytest.raises(StreamLost):
            await stream.read(4)
        await stream.close()
        with pytest.raises(StreamLost):
            await stream.write(b"x")


async def test_the_door_closes_what_is_open() -> None:
    """A node that lets go of its transport leaves no socket behind."""
    gone = asyncio.Event()

    async def watch(reader, writer):
        await reader.read()
        gone.set()

    transport = HttpTransport()
    async with peer(watch) as port:
        stream = await transport.connect(place(port))
        await transport.close()
        await asyncio.wait_for(gone.wait(), WITHIN_S)
    with pytest.raises(StreamLost):
        await stream.read(1)


async def test_a_goodbye_that_nobody_reads_is_cut_short(streams) -> None:
    """A full pipe does not hold up the hanging up."""
    stuck = asyncio.Event()

    async def deaf(reader, writer):
        await stuck.wait()

    async with peer(deaf, limit=1) as port:
        stream = await streams.connect(place(port))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await stream.write(b"x" * 50_000_000)
        async with asyncio.timeout(WITHIN_S):
            await stream.close()
        stuck.set()


async def test_a_goodbye_that_is_broken_off_leaves_no_socket(streams) -> None:
    """Told to hurry while it waits, it cuts the connection all the same."""
    stuck = asyncio.Event()

    async def deaf(reader, writer):
        await stuck.wait()

    async with peer(deaf, limit=1) as port:
        stream = await streams.connect(place(port))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await stream.write(b"x" * 50_000_000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await stream.close()
        with pytest.raises(StreamLost):
            async with asyncio.timeout(WITHIN_S):
                await stream.read(1)
        stuck.set()


def certificate(folder):
    """A certificate of 127.0.0.1 for an hour, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "peer.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file

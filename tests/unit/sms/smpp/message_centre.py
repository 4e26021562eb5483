"""A message centre written by hand, octet by octet: it shares no code with ours, and
does whatever a test tells it.
"""

import asyncio
import contextlib
import struct
from dataclasses import dataclass, field

BIND, BIND_RESP = 0x00000009, 0x80000009
SUBMIT, SUBMIT_RESP = 0x00000004, 0x80000004
DELIVER, DELIVER_RESP = 0x00000005, 0x80000005
ENQUIRE, ENQUIRE_RESP = 0x00000015, 0x80000015
UNBIND, UNBIND_RESP = 0x00000006, 0x80000006
NACK = 0x80000000


def pdu(command, sequence, body=b"", status=0):
    """A whole message."""
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


@dataclass(frozen=True)
class Got:
    """A message as it came."""

    command: int
    status: int
    sequence: int
    body: bytes


class Call:
    """One connection of a client, and all that came over it."""

    def __init__(self, centre, reader, writer):
        self.centre, self.reader, self.writer = centre, reader, writer
        self.got = []
        self.hung_up = asyncio.Event()

    def of(self, command):
        """Those messages of a kind, in their order."""
        return [got for got in self.got if got.command == command]

    def say(self, *args, **given):
        """Send a message."""
        self.writer.write(pdu(*args, **given))

    def raw(self, octets):
        """Send octets."""
        self.writer.write(octets)

    async def serve(self):
        """Answer until the client is gone."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await self.reader.readexactly(16)
                length, command, status, sequence = struct.unpack(">IIII", head)
                body = await self.reader.readexactly(length - 16)
                self.got.append(Got(command, status, sequence, body))
                self.centre.meet(self, self.got[-1])
        self.hung_up.set()
        self.writer.close()


@dataclass
class MessageCentre:
    """Listens, and behaves as its fields say."""

    port: int = 0
    bind_status: int = 0
    statuses: list = field(default_factory=list)
    """Of the next submits, in their order; then yes."""
    ids: list = field(default_factory=list)
    """Of the next texts; then counted."""
    silent: set = field(default_factory=set)
    """Commands that are not answered."""
    hang_up_on: set = field(default_factory=set)
    calls: list = field(default_factory=list)
    server: object = None

    @property
    def url(self):
        """Where it listens."""
        return f"smpp://127.0.0.1:{self.port}"

    @property
    def call(self):
        """The newest connection."""
        return self.calls[-1]

    @property
    def submits(self):
        """All texts that came, over whatever connection."""
        return [got for call in self.calls for got in call.of(SUBMIT)]

    async def open(self):
        """Listen; again at the same port, after it was closed."""

        async def accept(reader, writer):
            call = Call(self, reader, writer)
            self.calls.append(call)
            await call.serve()

        self.server = await asyncio.start_server(accept, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def close(self):
        """Listen no more, and hang up."""
        self.server.close()
        for call in self.calls:
            call.writer.close()
        for call in self.calls:
            await call.hung_up.wait()

    def meet(self, call, got):
        """Answer one message."""
        if got.command in self.hang_up_on:
            call.writer.close()
        elif got.command not in self.silent:
            self.answer(call, got)

    def answer(self, call, got):
        """As a good centre would, but for what a test wants."""
        match got.command:
            case 0x00000009:
                call.say(BIND_RESP, got.sequence, b"centre\0", status=self.bind_status)
            case 0x00000004:
                status = self.statuses.pop(0) if self.statuses else 0
                number = self.ids.pop(0) if self.ids else f"{len(self.submits):X}"
                body = b"" if status else number.encode() + b"\0"
                call.say(SUBMIT_RESP, got.sequence, body, status=status)
            case 0x00000015:
                call.say(ENQUIRE_RESP, got.sequence)
            case 0x00000006:
                call.say(UNBIND_RESP, got.sequence)


def receipt(text, *, esm_class=4, coding=0, tlvs=()):
    """The body of a deliver_sm."""
    octets = text.encode("utf-16-be" if coding == 8 else "latin-1")
    fields = b"\0" + b"\1\1" + b"8613800138000\0" + b"\0\0" + b"1069\0"
    fields += bytes((esm_class, 0, 0)) + b"\0" + b"\0" + b"\0\0"
    fields += bytes((coding, 0, len(octets))) + octets
    return fields + b"".join(
        struct.pack(">HH", tag, len(value)) + value for tag, value in tlvs
    )


def submitted(body):
    """The fields of a submit_sm, read by hand."""
    at, found = 0, {}
    names = (
        ("service_type", None),
        ("source_ton", 1),
        ("source_npi", 1),
        ("source", None),
        ("dest_ton", 1),
        ("dest_npi", 1),
        ("dest", None),
        ("esm_class", 1),
        ("protocol", 1),
        ("priority", 1),
        ("schedule", None),
        ("validity", None),
        ("registered", 1),
        ("replace", 1),
        ("coding", 1),
        ("default", 1),
        ("length", 1),
    )
    for name, size in names:
        if size is None:
            end = body.index(0, at)
            found[name], at = body[at:end].decode(), end + 1
        else:
            found[name], at = body[at], at + 1
    found["octets"] = body[at:]
    assert found["length"] == len(found["octets"])
    return found

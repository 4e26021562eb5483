"""SMPP 3.4: PDUs as octets, and the other way. Pure."""

import struct
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

HEADER: Final = struct.Struct(">IIII")
LONGEST: Final = 64 * 1024

RESPONSE: Final = 0x80000000
"""Set in the command of an answer."""


class Command(IntEnum):
    """Those that this server knows."""

    GENERIC_NACK = 0x80000000
    BIND_RECEIVER = 0x00000001
    BIND_TRANSMITTER = 0x00000002
    SUBMIT_SM = 0x00000004
    DELIVER_SM = 0x00000005
    UNBIND = 0x00000006
    BIND_TRANSCEIVER = 0x00000009
    ENQUIRE_LINK = 0x00000015


class Status(IntEnum):
    """Those that this server answers with by itself, and some that faults name."""

    ROK = 0x00
    RINVMSGLEN = 0x01
    RINVCMDLEN = 0x02
    RINVCMDID = 0x03
    RINVBNDSTS = 0x04
    RALYBND = 0x05
    RSYSERR = 0x08
    RINVSRCADR = 0x0A
    RINVDSTADR = 0x0B
    RBINDFAIL = 0x0D
    RINVPASWD = 0x0E
    RINVSYSID = 0x0F
    RMSGQFUL = 0x14
    RSUBMITFAIL = 0x45
    RTHROTTLED = 0x58
    RINVOPTPARSTREAM = 0xC0


class Tag(IntEnum):
    """Optional parameters that are read or written here."""

    RECEIPTED_MESSAGE_ID = 0x001E
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class Malformed(Exception):
    """A body that is not what its command has; the status to answer with."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


class Pdu(Struct, frozen=True, kw_only=True):
    """One message."""

    command: int
    status: int = 0
    sequence: int
    body: bytes = b""

    def octets(self) -> bytes:
        """As it is sent."""
        length = HEADER.size + len(self.body)
        head = HEADER.pack(length, self.command, self.status, self.sequence)
        return head + self.body

    def answered(self, status: int, body: bytes = b"") -> "Pdu":
        """The answer to this one; a body only where all is well."""
        return Pdu(
            command=self.command | RESPONSE,
            status=status,
            sequence=self.sequence,
            body=body if status == Status.ROK else b"",
        )


class Bind(Struct, frozen=True, kw_only=True):
    """Who comes."""

    system_id: str
    password: str


class Submit(Struct, frozen=True, kw_only=True):
    """A text, or a part of one."""

    source: str
    ton: int
    destination: str
    esm_class: int
    registered_delivery: int
    data_coding: int
    message: bytes
    more: Mapping[int, bytes] = MappingProxyType({})


class _Reader:
    """Takes a body apart, field by field."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def number(self) -> int:
        """One octet."""
        return self.octets(1)[0]

    def octets(self, count: int) -> bytes:
        """So many."""
        taken = self._body[self._at : self._at + count]
        if len(taken) < count:
            raise Malformed(Status.RINVCMDLEN)
        self._at += count
        return taken

    def text(self, most: int) -> str:
        """Up to an octet of zero, which `most` counts."""
        end = self._body.find(b"\0", self._at, self._at + most)
        if end < 0:
            raise Malformed(Status.RINVCMDLEN)
        taken = self._body[self._at : end]
        self._at = end + 1
        return taken.decode("latin-1")

    def tlvs(self) -> dict[int, bytes]:
        """All that is left: tag, length, value."""
        found = {}
        while self._at < len(self._body):
            try:
                tag, length = struct.unpack(">HH", self.octets(4))
                found[tag] = self.octets(length)
            except Malformed:
                raise Malformed(Status.RINVOPTPARSTREAM) from None
        return found


def read_bind(body: bytes) -> Bind:
    """Who binds; raises `Malformed`."""
    fields = _Reader(body)
    system_id, password = fields.text(16), fields.text(9)
    fields.text(13)  # system_type
    fields.octets(3)  # interface_version, addr_ton, addr_npi
    fields.text(41)  # address_range
    return Bind(system_id=system_id, password=password)


def read_submit(body: bytes) -> Submit:
    """What is submitted; raises `Malformed`."""
    fields = _Reader(body)
    fields.text(6)  # service_type
    fields.octets(2)  # source_addr_ton, source_addr_npi
    source = fields.text(21)
    ton, _npi = fields.octets(2)
    destination = fields.text(21)
    esm_class, _protocol, _priority = fields.octets(3)
    fields.text(17)  # schedule_delivery_time
    fields.text(17)  # validity_period
    registered, _replace, coding, _default = fields.octets(4)
    message = fields.octets(fields.number())
    more = fields.tlvs()
    if message and Tag.MESSAGE_PAYLOAD in more:
        raise Malformed(Status.RINVMSGLEN)
    return Submit(
        source=source,
        ton=ton,
        destination=destination,
        esm_class=esm_class,
        registered_delivery=registered,
        data_coding=coding,
        message=message,
        more=more,
    )


def cstring(text: str) -> bytes:
    """With its octet of zero."""
    return text.encode("latin-1") + b"\0"


def tlv(tag: Tag, value: bytes) -> bytes:
    """An optional parameter."""
    return struct.pack(">HH", tag, len(value)) + value


def deliver_body(*, source: str, destination: str, text: str, more: bytes) -> bytes:
    """A receipt: the phone writes back, as it were."""
    receipt, message = 0x04, text.encode("ascii")
    return b"".join(
        (
            cstring(""),
            b"\x01\x01",
            cstring(source),
            b"\x00\x01",
            cstring(destination),
            bytes((receipt, 0, 0)),
            cstring("") * 2,
            bytes((0, 0, 0, 0, len(message))),
            message,
            more,
        )
    )

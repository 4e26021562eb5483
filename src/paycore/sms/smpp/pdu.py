"""SMPP's messages as octets, both ways ("SMPP Protocol Specification v3.4", Issue 1.2).

A PDU is sixteen octets (length, command, status, sequence number; big-endian) and a
body of fields in a fixed order, with optional ones behind it. What the other side sends
is read strictly: whatever is cut off or lies about its length is `Garbled`. Pure.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

HEAD_OCTETS = 16
MAX_OCTETS = 1 << 16
"""Longer than any PDU that we ask for: a payload has 64,000 at most, and receipts are
short. A length beyond it is a lie, and nothing behind it can be found any more."""

MAX_SEQUENCE = 0x7FFFFFFF

RESPONSE = 0x80000000
"""Set in the command of an answer."""
GENERIC_NACK = 0x80000000
SUBMIT_SM = 0x00000004
DELIVER_SM = 0x00000005
UNBIND = 0x00000006
BIND_TRANSCEIVER = 0x00000009
OUTBIND = 0x0000000B
ENQUIRE_LINK = 0x00000015
ALERT_NOTIFICATION = 0x00000102

ROK = 0x00000000
RINVCMDLEN = 0x00000002
RINVCMDID = 0x00000003
RX_T_APPN = 0x00000064
"""Not taken now: tell us again."""
RX_P_APPN = 0x00000065
"""Not taken, and never will be."""
RTHROTTLED = 0x00000058
RUNKNOWNERR = 0x000000FF

STATUSES: Mapping[int, str] = MappingProxyType(
    {
        ROK: "ESME_ROK",
        0x01: "ESME_RINVMSGLEN",
        RINVCMDLEN: "ESME_RINVCMDLEN",
        RINVCMDID: "ESME_RINVCMDID",
        0x04: "ESME_RINVBNDSTS",
        0x05: "ESME_RALYBND",
        0x08: "ESME_RSYSERR",
        0x0A: "ESME_RINVSRCADR",
        0x0B: "ESME_RINVDSTADR",
        0x0D: "ESME_RBINDFAIL",
        0x0E: "ESME_RINVPASWD",
        0x0F: "ESME_RINVSYSID",
        0x14: "ESME_RMSGQFUL",
        0x45: "ESME_RSUBMITFAIL",
        RTHROTTLED: "ESME_RTHROTTLED",
        RX_T_APPN: "ESME_RX_T_APPN",
        RX_P_APPN: "ESME_RX_P_APPN",
        RUNKNOWNERR: "ESME_RUNKNOWNERR",
    }
)
"""The names of those that people meet (section 5.1.3)."""

INTERFACE_VERSION = 0x34

PAYLOAD = 0x0424
"""The text, where it does not stand in its field (message_payload)."""

_TEXT_OCTETS = 254


class Garbled(Exception):
    """Not what it says it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One message; its body may hold a phone, a text or a password."""

    command: int
    status: int = ROK
    sequence: int
    body: bytes = field(default=b"", repr=False)

    @property
    def is_answer(self) -> bool:
        """Whether it answers one with the same number."""
        return bool(self.command & RESPONSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first sixteen octets."""

    length: int
    command: int
    status: int
    sequence: int

    @property
    def body_octets(self) -> int:
        """How many are to come; Garbled where that cannot be."""
        if not HEAD_OCTETS <= self.length <= MAX_OCTETS:
            raise Garbled("length")
        return self.length - HEAD_OCTETS


def encoded(pdu: Pdu) -> bytes:
    """A message as it goes over the wire."""
    length = HEAD_OCTETS + len(pdu.body)
    head = struct.pack(">IIII", length, pdu.command, pdu.status, pdu.sequence)
    return head + pdu.body


def head_of(octets: bytes) -> Head:
    """Read the head of a message."""
    length, command, status, sequence = struct.unpack(">IIII", octets)
    return Head(length=length, command=command, status=status, sequence=sequence)


def named(status: int) -> str:
    """A status as people look it up."""
    return f"0x{status:08X}"


# --- what we say ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who binds."""

    system_id: str
    password: str = field(repr=False)
    system_type: str
    ton: int
    npi: int
    address_range: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A number or a name, and what it is: type of number, numbering plan."""

    ton: int
    npi: int
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """One part of a text that is to go out."""

    service_type: str
    source: Party
    destination: Party
    esm_class: int
    data_coding: int
    octets: bytes = field(repr=False)


def bind_body(login: Login) -> bytes:
    """The fields of bind_transceiver (4.1.5)."""
    return b"".join(
        (
            _c_string(login.system_id),
            _c_string(login.password),
            _c_string(login.system_type),
            bytes((INTERFACE_VERSION, login.ton, login.npi)),
            _c_string(login.address_range),
        )
    )


def submit_body(submit: Submit) -> bytes:
    """The fields of submit_sm (4.4.1), with a receipt asked for: the centre's own
    times, no protocol, no priority.
    """
    assert len(submit.octets) <= _TEXT_OCTETS, "a part is shorter"
    protocol, priority, registered, replace, default_text = 0, 0, 1, 0, 0
    return b"".join(
        (
            _c_string(submit.service_type),
            _party(submit.source),
            _party(submit.destination),
            bytes((submit.esm_class, protocol, priority)),
            _c_string(""),  # schedule_delivery_time: now
            _c_string(""),  # validity_period: the centre's
            bytes((registered, replace, submit.data_coding, default_text)),
            bytes((len(submit.octets),)),
            submit.octets,
        )
    )


def _c_string(text: str) -> bytes:
    return text.encode("ascii") + b"\0"


def _party(party: Party) -> bytes:
    return bytes((party.ton, party.npi)) + _c_string(party.address)


# --- what we are told -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a deliver_sm holds, as far as we look at it."""

    esm_class: int
    data_coding: int
    octets: bytes = field(repr=False)
    """The text, wherever it stood."""
    optional: Mapping[int, bytes] = field(repr=False)
    """By tag."""


def message_id_of(body: bytes) -> str:
    """The centre's number of a text, of a submit_sm_resp; empty where it gave none."""
    return _Fields(body).c_string() if body else ""


def delivered_of(body: bytes) -> Delivered:
    """The fields of deliver_sm (4.6.1)."""
    fields = _Fields(body)
    fields.c_string()  # service_type
    for _ in ("source", "destination"):
        fields.take(2)
        fields.c_string()
    esm_class = fields.octet()
    fields.take(2)  # protocol_id, priority_flag
    fields.c_string()  # schedule_delivery_time
    fields.c_string()  # validity_period
    fields.take(2)  # registered_delivery, replace_if_present_flag
    data_coding = fields.octet()
    fields.take(1)  # sm_default_msg_id
    octets = fields.take(fields.octet())
    optional = fields.optional()
    return Delivered(
        esm_class=esm_class,
        data_coding=data_coding,
        octets=octets or optional.get(PAYLOAD, b""),
        optional=optional,
    )


class _Fields:
    """A body, read from front to back."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def take(self, octets: int) -> bytes:
        """So many octets."""
        taken = self._body[self._at : self._at + octets]
        if len(taken) < octets:
            raise Garbled("cut off")
        self._at += octets
        return taken

    def octet(self) -> int:
        """A number of one octet."""
        return self.take(1)[0]

    def c_string(self) -> str:
        """A text that ends with a NUL."""
        end = self._body.find(b"\0", self._at)
        if end < 0:
            raise Garbled("no end of a text")
        return self.take(end + 1 - self._at)[:-1].decode("latin-1")

    def optional(self) -> Mapping[int, bytes]:
        """The optional fields, to the end: tag, length, value."""
        found: dict[int, bytes] = {}
        while self._at < len(self._body):
            tag, length = struct.unpack(">HH", self.take(4))
            found[tag] = self.take(length)
        return found

"""Any carrier that speaks SMPP 3.4, over TCP or TLS (docs/smpp.md).

Written from "SMPP Protocol Specification v3.4", Issue 1.2. What differs from the other
carriers: a connection is kept open, one a node (`sms/smpp/bind.py`). A text that finds
it down has surely not left; one whose answer does not come is unknown. A long text goes
in parts, and is sent when every one of them was taken. Receipts come over the same
connection and name the carrier's own number of a text only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

import msgspec

from paycore.kernel import log
from paycore.kernel.errors import Unavailable
from paycore.kernel.http import NoAnswer, NotSent
from paycore.kernel.mask import mask_text
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.stream import Place
from paycore.sms import receipts
from paycore.sms.carrier import Carrier, Delivery, Line, Said, Text, not_sent, unknown
from paycore.sms.smpp import pdu as wire
from paycore.sms.smpp.bind import GOODBYE_S, Bind, Binds, Terms, Unbound, dial
from paycore.sms.smpp.pdu import Garbled, Login, Party, Pdu, Submit
from paycore.sms.smpp.receipt import Ids, known_as, receipt_of
from paycore.sms.smpp.session import GARBLED, Heard, Session
from paycore.sms.smpp.text import Parts, parts_of

PORTS: Mapping[str, int] = MappingProxyType({"smpp": 2775, "smpps": 3550})
"""By scheme, the port where an address has none (IANA)."""

ERRORS: Mapping[int, Outcome] = MappingProxyType(
    {
        wire.ROK: Outcome.SUCCEEDED,
        0x0A: Outcome.DECLINED,  # the sender's address
        0x0B: Outcome.DECLINED,  # the phone's number
        0x0D: Outcome.DECLINED,  # bind failed
        0x0E: Outcome.DECLINED,  # password
        0x0F: Outcome.DECLINED,  # system id
        0x14: Outcome.DECLINED,  # its queue is full
        wire.RTHROTTLED: Outcome.DECLINED,
    }
)
"""What their statuses say of a text; any other may be anything: unknown."""

_REFUSED: Mapping[int, str] = MappingProxyType(
    {
        0x05: "it has a bind of this client already: ask how many it may have; each"
        " node keeps one, and this check needs one more",
        0x0D: "it refuses to bind: ask whether this client may bind as a transceiver,"
        " and from this address of ours",
        0x0E: "it does not take the password that goes with this system_id",
        0x0F: "it does not know this system_id",
    }
)

_Plain = Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]*\Z")]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{1,15}\Z")]
_SystemType = Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{0,12}\Z")]
_Service = Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{0,5}\Z")]
_Address = Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{0,20}\Z")]
_Range = Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{0,40}\Z")]
_Sign = Annotated[str, msgspec.Meta(pattern=r"^[^{}]*(\{\}[^{}]*)?\Z", max_length=20)]
_Octet = Annotated[int, msgspec.Meta(ge=0, le=255)]
_Window = Annotated[int, msgspec.Meta(ge=1, le=1000)]
_Every = Annotated[float, msgspec.Meta(ge=1, le=600)]
_Offset = Annotated[int, msgspec.Meta(ge=-840, le=840)]
_Status = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9A-Fa-f]{1,8}\Z")]

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    """What was said to one part, for people."""

    status: str
    message_id: str = ""


class SmppCarrier(Carrier):
    """Speaks to a message centre (SMSC) as its client (ESME)."""

    code: ClassVar[str] = "smpp"
    title: ClassVar[str] = "SMPP 3.4"
    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    receipts_by_id: ClassVar[bool] = True

    class Config(msgspec.Struct, frozen=True, kw_only=True):
        """Who we are there, and how this centre wants it; docs/smpp.md has each."""

        system_id: _Name
        """Who we are there."""
        password: _Plain
        """What goes with it."""
        system_type: _SystemType = ""
        """As the carrier says."""
        bind_ton: _Octet = 0
        """Type of number of the addresses that the bind is for."""
        bind_npi: _Octet = 0
        """Their numbering plan."""
        address_range: _Range = ""
        """Those addresses."""
        service_type: _Service = ""
        """Of each text, as the carrier says."""
        source_addr: _Address = ""
        """Who texts, a number or a name; empty: the carrier puts its own."""
        source_ton: _Octet = 0
        """Type of number of that; a name is usually 5."""
        source_npi: _Octet = 0
        """Its numbering plan."""
        dest_ton: _Octet = 1
        """Type of number of the payer's phone: 1 is international."""
        dest_npi: _Octet = 1
        """Its numbering plan: 1 is E.164."""
        sign: _Sign = ""
        """How the sign is put before a text: `【{}】`; empty: it is not."""
        ucs2: bool = False
        """UTF-16 for all texts: its default alphabet is not GSM's."""
        window: _Window = 10
        """Texts that wait for an answer at once, for each node."""
        enquire_link_s: _Every = 30
        """Seconds between two signs of life that we ask for."""
        receipt_ids: Ids = "AUTO"
        """How receipts write a text's number (docs/smpp.md)."""
        clock_minutes: _Offset | None = None
        """How far its clock is ahead of UTC; none: its times are not shown."""
        errors: dict[_Status, Literal["DECLINED", "UNKNOWN"]] = msgspec.field(
            default_factory=dict
        )
        """Statuses of its own that are a sure no, by their number: `0x00000401`."""

        def __repr__(self) -> str:
            """Nothing of the password."""
            return f"Config(system_id={self.system_id!r})"

    # --- the bind ---------------------------------------------------------------------

    def misplaced(self, base_url: str) -> str:
        """An address is smpp://host:port or smpps://host:port, and no more."""
        why = "A base URL is smpp://host:port or, with TLS, smpps://host:port."
        try:
            parts = urlsplit(base_url)
            port = parts.port
        except ValueError:
            return why
        rest = parts.path.strip("/") or parts.query or parts.fragment
        good = parts.scheme in PORTS and parts.hostname and "@" not in parts.netloc
        return why if rest or not good or port == 0 else ""

    def place(self, line: Line, *, within_s: float) -> Place | None:
        """By the address; TLS by its scheme."""
        return _place(line, within_s)

    def tend(self, node: Node, lines: Sequence[Line]) -> None:
        """Keep a bind for each line."""

        def begin(line: Line) -> Bind:
            return Bind(node, line, _terms(node, line), partial(_take, node))

        node.state(Binds).keep(lines, begin)

    async def let_go(self, node: Node) -> None:
        """Unbind everywhere."""
        await node.state(Binds).close()

    # --- a text -----------------------------------------------------------------------

    def masked(self, line: Line, text: Text) -> str:
        """The fields that matter, of the masked text."""
        config, shown = _config(line), text.masked()
        parts = _parts(config, text, reference=0)
        kept = {
            "source_addr": config.source_addr,
            "destination_addr": shown.phone,
            "data_coding": parts.data_coding,
            "parts": len(parts.octets),
            "text": _worded(config, shown),
        }
        return self.scrub(msgspec.json.encode(kept).decode())

    async def deliver(
        self, node: Node, line: Line, text: Text, *, timeout_s: float
    ) -> Said:
        """Hand the text over, part after part, all of them within the time."""
        within_s = min(text.timeout_s, timeout_s)
        until = node.clock.monotonic() + within_s
        bind = node.state(Binds).of(line)
        if bind is None:
            return Said(delivery=not_sent("no bind"))
        session = await bind.session(min(text.connect_timeout_s, within_s))
        if isinstance(session, NotSent):
            return Said(delivery=not_sent(session.reason))
        config = _config(line)
        parts = _parts(config, text, reference=node.ids.below(256))
        answers: list[_Answered] = []
        for octets in parts.octets:
            body = wire.submit_body(_submit(config, text, parts, octets))
            left_s = max(0.0, until - node.clock.monotonic())
            heard = await session.submit(body, within_s=left_s)
            judged = _judged(config, heard)
            answers.append(
                _Answered(status=judged.resp_code, message_id=judged.message_id)
            )
            if judged.outcome is not Outcome.SUCCEEDED:
                break
        kept = msgspec.json.encode(answers).decode()
        return Said(delivery=_summed(config, judged, answers), answer=kept)

    def scrub(self, text: str) -> str:
        """Whatever looks like a phone, a card or a code: a text is free."""
        return mask_text(text)

    # --- a trial ----------------------------------------------------------------------

    async def check(self, node: Node, line: Line, *, timeout_s: float) -> Delivery:
        """A sign of life over the bind that stands, or over one made for it."""
        standing = node.state(Binds).of(line)
        if standing is not None:
            kept = await standing.session(0)
            if isinstance(kept, Session):
                return await _alive(kept, timeout_s)
        try:
            async with node.clock.timeout(timeout_s):
                made = await dial(node, _terms(node, line), line.carrier, _refuse)
        except TimeoutError:
            return unknown("NO_ANSWER", "time-out")
        if isinstance(made, Unbound):
            return _refusal(made)
        try:
            return await _alive(made, timeout_s)
        finally:
            await made.leave(GOODBYE_S)


async def _alive(session: Session, within_s: float) -> Delivery:
    heard = await session.ask(wire.ENQUIRE_LINK, within_s=within_s)
    if isinstance(heard, Pdu):
        return Delivery(outcome=Outcome.SUCCEEDED, resp_code=wire.named(heard.status))
    return unknown("NO_ANSWER", heard.reason)


def _refusal(made: Unbound) -> Delivery:
    """Why no bind came about."""
    if made.status is not None:
        return Delivery(
            outcome=Outcome.DECLINED,
            resp_code=wire.named(made.status),
            resp_msg=made.reason,
            alarm=_REFUSED.get(made.status),
        )
    if not made.connected:
        return not_sent(made.reason)
    why = "GARBAGE" if made.reason == GARBLED else "NO_ANSWER"
    return unknown(why, made.reason)


def _config(line: Line) -> SmppCarrier.Config:
    assert isinstance(line.config, SmppCarrier.Config)
    return line.config


def _place(line: Line, within_s: float) -> Place:
    parts = urlsplit(line.base_url)
    return Place(
        host=parts.hostname or "",
        port=parts.port or PORTS[parts.scheme],
        tls=parts.scheme == "smpps",
        connect_timeout_s=within_s,
    )


def _terms(node: Node, line: Line) -> Terms:
    config = _config(line)
    return Terms(
        place=_place(line, node.settings.connect_timeout_s),
        login=Login(
            system_id=config.system_id,
            password=config.password,
            system_type=config.system_type,
            ton=config.bind_ton,
            npi=config.bind_npi,
            address_range=config.address_range,
        ),
        window=config.window,
        enquire_link_s=config.enquire_link_s,
    )


# --- a text's fields, and what is answered to it --------------------------------------


def _worded(config: SmppCarrier.Config, text: Text) -> str:
    """The text with the sender's name before it, where this centre wants it so."""
    return config.sign.replace("{}", text.sign) + text.body


def _parts(config: SmppCarrier.Config, text: Text, *, reference: int) -> Parts:
    worded = _worded(config, text)
    return parts_of(worded, ucs2=config.ucs2, reference=reference)


def _submit(
    config: SmppCarrier.Config, text: Text, parts: Parts, octets: bytes
) -> Submit:
    return Submit(
        service_type=config.service_type,
        source=Party(
            ton=config.source_ton, npi=config.source_npi, address=config.source_addr
        ),
        destination=Party(
            ton=config.dest_ton,
            npi=config.dest_npi,
            address=text.phone.removeprefix("+"),
        ),
        esm_class=parts.esm_class,
        data_coding=parts.data_coding,
        octets=octets,
    )


def _judged(config: SmppCarrier.Config, heard: Heard) -> Delivery:
    """What was heard of one part."""
    match heard:
        case NotSent(reason=reason):
            return not_sent(reason)
        case NoAnswer(reason=reason):
            return unknown("NO_ANSWER", reason)
        case Pdu(status=status, body=body):
            try:
                number = wire.message_id_of(body) if status == wire.ROK else ""
            except Garbled:
                number = ""
            return Delivery(
                outcome=_outcome(config, status),
                resp_code=wire.named(status),
                resp_msg=wire.STATUSES.get(status, ""),
                message_id=number,
            )


def _outcome(config: SmppCarrier.Config, status: int) -> Outcome:
    """By the list of this line, else by ours; a yes is a yes whatever is listed."""
    listed = {int(code, 16): Outcome(word) for code, word in config.errors.items()}
    if status in listed and status != wire.ROK:
        return listed[status]
    return ERRORS.get(status, Outcome.UNKNOWN)


def _summed(
    config: SmppCarrier.Config, last: Delivery, answers: Sequence[_Answered]
) -> Delivery:
    """Of all parts: a yes is one to each; a no after a yes may have reached the phone,
    with half of the text.
    """
    ids = [known_as(each.message_id, config.receipt_ids) for each in answers]
    taken = [number for number in ids if number]
    outcome = last.outcome
    if len(answers) > 1 and outcome is not Outcome.SUCCEEDED:
        outcome = Outcome.UNKNOWN
    return Delivery(
        outcome=outcome,
        resp_code=last.resp_code,
        resp_msg=last.resp_msg,
        message_id=taken[0] if taken else "",
        further_ids=tuple(taken[1:]),
    )


# --- what is delivered to us ----------------------------------------------------------


async def _take(node: Node, line: Line, body: bytes) -> int:
    """Write a receipt down: the status of the answer, which lets the centre forget it.

    What else is delivered (a payer's reply) is nobody's, and is forgotten.
    """
    config = _config(line)
    try:
        told = wire.delivered_of(body)
    except Garbled:
        _log.warning("smpp_garbled", carrier=line.carrier)
        return wire.RX_P_APPN
    receipt = receipt_of(
        told, ids=config.receipt_ids, clock_minutes=config.clock_minutes
    )
    if receipt is None:
        _log.info("smpp_no_receipt", carrier=line.carrier, esm_class=told.esm_class)
        return wire.ROK
    try:
        known = await receipts.arrived(node, line, receipt)
    except Unavailable:
        known = False
    return wire.ROK if known else wire.RX_T_APPN


async def _refuse(body: bytes) -> int:
    """For who binds only to see whether he can: told again, it finds a node."""
    return wire.RX_T_APPN

"""smpplib as a client of a message centre (ESME)."""

import time
from urllib.parse import urlsplit

import smpplib.client
import smpplib.gsm
import smpplib.smpp
from line import serve
from smpplib.command import Command

_clients: dict[str, smpplib.client.Client] = {}
_sent: list[Command] = []
_told: list[dict[str, object]] = []


def bind(name: str, base_url: str, system_id: str, password: str, way: str) -> str:
    """Connect and bind, as a transceiver, transmitter or receiver."""
    where = urlsplit(base_url)
    client = smpplib.client.Client(
        str(where.hostname), int(where.port or 0), 30, allow_unknown_opt_params=True
    )
    client.set_message_sent_handler(_taken)
    client.set_message_received_handler(_received)
    client.connect()
    said = getattr(client, f"bind_{way}")(system_id=system_id, password=password)
    _clients[name] = client
    return str(said.system_id.decode())


def _taken(pdu: Command) -> None:
    _sent.append(pdu)


def _received(pdu: Command) -> int:
    _told.append(
        {
            "id": pdu.receipted_message_id.rstrip(b"\0").decode(),
            "state": pdu.message_state,
            "from": pdu.source_addr.decode(),
            "to": pdu.destination_addr.decode(),
            "esm_class": pdu.esm_class,
            "text": pdu.short_message.decode(),
        }
    )
    return 0


def submit(
    name: str, text: str, fields: dict[str, object], encoding: int | None = None
) -> list[str]:
    """Submit a text in as many parts as the library makes of it; its numbers."""
    chosen = {} if encoding is None else {"encoding": encoding}
    parts, coding, esm_class = smpplib.gsm.make_parts(text, **chosen)
    return [
        one(name, octets.hex(), coding, esm_class, fields)["message_id"]
        for octets in parts
    ]


def one(
    name: str, octets: str, coding: int, esm_class: int, fields: dict[str, object]
) -> dict[str, str]:
    """Submit one part; raises PDUError with its status where it is refused."""
    _sent.clear()
    client = _clients[name]
    client.send_message(
        short_message=bytes.fromhex(octets),
        data_coding=coding,
        esm_class=esm_class,
        **fields,
    )
    while not _sent:
        client.read_once(auto_send_enquire_link=False)
    return {"message_id": _sent[0].message_id.decode()}


def receipts(name: str, count: int) -> list[dict[str, object]]:
    """So many receipts, as soon as they are here; each is told once."""
    give_up = time.monotonic() + 30
    while len(_told) < count and time.monotonic() < give_up:
        _clients[name].poll()
        time.sleep(0.02)
    told = list(_told)
    _told.clear()
    return told


def enquire_link(name: str) -> dict[str, object]:
    """A sign of life."""
    client = _clients[name]
    client.send_pdu(smpplib.smpp.make_pdu("enquire_link", client=client))
    said = client.read_pdu()
    return {"command": said.command, "status": said.status}


def unbind(name: str) -> dict[str, object]:
    """Say goodbye."""
    client = _clients.pop(name)
    said = client.unbind()
    client.disconnect()
    return {"command": said.command, "status": said.status}


serve(
    {
        "bind": bind,
        "submit": submit,
        "one": one,
        "receipts": receipts,
        "enquire_link": enquire_link,
        "unbind": unbind,
    }
)

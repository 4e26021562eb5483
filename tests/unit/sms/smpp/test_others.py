"""What others make of our octets: a library, and a dissector; where they are there."""

import shutil
import subprocess

import pytest
from message_centre import BIND, DELIVER, DELIVER_RESP, SUBMIT, pdu, receipt, submitted
from smpp_client import CODE, PASSWORD, PHONE, until

from paycore.kernel.outcome import Outcome
from paycore.sms.smpp import pdu as wire
from paycore.sms.smpp.receipt import known_as, receipt_of
from paycore.sms.smpp.text import parts_of

NO_LIBRARY = "smpplib is not installed: this compares with it"


def read(got):
    """A message of ours as the library reads it."""
    smpp = pytest.importorskip("smpplib.smpp", reason=NO_LIBRARY)
    octets = pdu(got.command, got.sequence, got.body)
    return smpp.parse_pdu(octets, sequence=1)


async def test_a_library_reads_our_bind(client, centre) -> None:
    """Who we are, in the fields where it looks for them."""
    bind = read(centre.call.of(BIND)[0])

    assert (b"acme", PASSWORD.encode()) == (bind.system_id, bind.password)
    assert (0x34, 0, 0) == (bind.interface_version, bind.addr_ton, bind.addr_npi)


async def test_a_library_reads_our_texts(client, centre) -> None:
    """Where to, in which alphabet, and the words."""
    assert Outcome.SUCCEEDED == (await client.send(f"验证码 {CODE}")).delivery.outcome
    text = read(centre.submits[0])

    assert PHONE[1:].encode() == text.destination_addr
    assert (8, 1, 0) == (text.data_coding, text.registered_delivery, text.esm_class)
    assert f"验证码 {CODE}" == text.short_message.decode("utf-16-be")


@pytest.mark.parametrize(
    "text", ["Your code is 1", "x" * 160, "x" * 400, "码" * 70, "码" * 300, "Ωé@_$"]
)
def test_a_library_cuts_texts_as_we_do(text) -> None:
    """The same parts, but for their reference."""
    gsm = pytest.importorskip("smpplib.gsm", reason=NO_LIBRARY)
    theirs, coding, esm_class = gsm.make_parts(text)
    reference = theirs[0][3] if esm_class else 0
    ours = parts_of(text, ucs2=False, reference=reference)

    assert (coding, esm_class) == (ours.data_coding, ours.esm_class)
    assert list(theirs) == list(ours.octets)


def test_we_read_a_librarys_receipt() -> None:
    """A deliver_sm that it made."""
    smpp = pytest.importorskip("smpplib.smpp", reason=NO_LIBRARY)
    made = smpp.make_pdu(
        "deliver_sm",
        sequence=1,
        source_addr=PHONE[1:],
        destination_addr="1069",
        esm_class=4,
        short_message=b"",
        receipted_message_id="3F2A",
        message_state=2,
    ).generate()
    told = wire.delivered_of(made[16:])
    read_as = receipt_of(told, ids="AUTO", clock_minutes=None)

    assert (True, known_as("3F2A", "AUTO")) == (read_as.delivered, read_as.message_id)


async def test_a_dissector_finds_nothing_wrong(client, centre, tmp_path) -> None:
    """Wireshark's dissector names each message of a session, and none is malformed."""
    if shutil.which("tshark") is None or shutil.which("text2pcap") is None:
        pytest.skip("tshark and text2pcap are not installed: this asks them")
    await client.send("验证码" * 40)
    centre.call.say(DELIVER, 7, receipt("id:1 stat:DELIVRD err:000"))
    await until(lambda: centre.call.of(DELIVER_RESP))
    octets = [pdu(g.command, g.sequence, g.body, g.status) for g in centre.call.got]
    shown = dissected(octets, tmp_path)

    assert "Malformed" not in shown
    for name in ("Bind_transceiver", "Submit_sm", "Deliver_sm - resp"):
        assert name in shown
    assert [1, 2] == [submitted(g.body)["octets"][5] for g in centre.call.of(SUBMIT)]


def dissected(messages, folder):
    """What tshark shows of messages, each a packet."""
    dump, capture = folder / "session.txt", folder / "session.pcap"
    dump.write_text("".join(f"000000 {octets.hex(' ')}\n" for octets in messages))
    into = ["text2pcap", "-q", "-T", "40000,2775", str(dump), str(capture)]
    subprocess.run(into, check=True, capture_output=True)
    out_of = ["tshark", "-r", str(capture), "-d", "tcp.port==2775,smpp", "-V"]
    return subprocess.run(out_of, check=True, capture_output=True, text=True).stdout

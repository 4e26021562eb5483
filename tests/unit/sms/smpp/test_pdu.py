"""SMPP's octets, by the tables of the specification (v3.4, Issue 1.2)."""

import struct

import pytest
from message_centre import receipt

from paycore.sms.smpp import pdu as wire
from paycore.sms.smpp.pdu import Garbled, Login, Party, Pdu, Submit


def test_bind_transceiver():
    """4.1.5, field by field."""
    login = Login(
        system_id="SMPP3TEST",
        password="secret08",
        system_type="SUBMIT1",
        ton=1,
        npi=1,
        address_range="",
    )
    body = wire.bind_body(login)
    octets = wire.encoded(Pdu(command=wire.BIND_TRANSCEIVER, sequence=1, body=body))

    # As the example of 3.2.2 has a bind_transmitter of an older version.
    assert (
        bytes.fromhex(
            "0000002F 00000009 00000000 00000001"
            "53 4D 50 50 33 54 45 53 54 00"
            "73 65 63 72 65 74 30 38 00"
            "53 55 42 4D 49 54 31 00"
            "34 01 01 00"
        )
        == octets
    )


def test_submit_sm():
    """4.4.1: a text in Chinese, with a receipt asked for."""
    submit = Submit(
        service_type="",
        source=Party(ton=5, npi=0, address="Acme"),
        destination=Party(ton=1, npi=1, address="8613812345678"),
        esm_class=0,
        data_coding=8,
        octets="验证码".encode("utf-16-be"),
    )
    body = wire.submit_body(submit)
    octets = wire.encoded(Pdu(command=wire.SUBMIT_SM, sequence=2, body=body))

    assert (
        bytes.fromhex(
            "00000038 00000004 00000000 00000002"
            "00"  # service_type
            "05 00 41 63 6D 65 00"
            "01 01 38 36 31 33 38 31 32 33 34 35 36 37 38 00"
            "00 00 00"  # esm_class, protocol_id, priority_flag
            "00 00"  # schedule_delivery_time, validity_period
            "01 00 08 00"  # registered_delivery, replace, data_coding, default
            "06 9A8C 8BC1 7801"
        )
        == octets
    )


@pytest.mark.parametrize(
    ("octets", "command", "status"),
    [
        ("00000010 80000015 00000000 0000000B", wire.ENQUIRE_LINK | wire.RESPONSE, 0),
        ("00000010 80000000 00000003 00000007", wire.GENERIC_NACK, 3),
        ("00000010 00000006 00000000 00000009", wire.UNBIND, 0),
    ],
)
def test_what_has_no_body_is_sixteen_octets(octets, command, status):
    """enquire_link_resp, generic_nack, unbind: read and written alike."""
    head = wire.head_of(bytes.fromhex(octets))
    again = Pdu(command=command, status=status, sequence=head.sequence)

    assert (0, command, status) == (head.body_octets, head.command, head.status)
    assert bytes.fromhex(octets) == wire.encoded(again)


@pytest.mark.parametrize("length", [0, 15, wire.MAX_OCTETS + 1, 0xFFFFFFFF, 0x48545450])
def test_a_length_that_cannot_be_is_garbled(length):
    """Shorter than a head, four gigabytes, or "HTTP"."""
    head = wire.head_of(struct.pack(">IIII", length, 5, 0, 1))

    with pytest.raises(Garbled):
        _ = head.body_octets


def test_a_message_id_may_be_missing():
    """An answer's body may be left out; one that does not end is garbled."""
    assert ("", "", "3F2A") == tuple(map(wire.message_id_of, (b"", b"\0", b"3F2A\0")))
    with pytest.raises(Garbled):
        wire.message_id_of(b"3F2A")


def test_deliver_sm():
    """4.6.1: what is looked at; the text may stand in message_payload."""
    told = wire.delivered_of(receipt("id:1", tlvs=[(0x0427, b"\2")]))
    paid = wire.delivered_of(receipt("", tlvs=[(wire.PAYLOAD, b"id:2 stat:DELIVRD")]))

    assert (4, 0, b"id:1") == (told.esm_class, told.data_coding, told.octets)
    assert {0x0427: b"\2"} == told.optional
    assert b"id:2 stat:DELIVRD" == paid.octets


def test_what_is_cut_off_anywhere_is_garbled():
    """No prefix of a message reads as one, but where its optional fields begin."""
    whole = receipt("id:1 stat:DELIVRD", tlvs=[(0x0427, b"\2")])
    fine = {len(whole), len(whole) - 5}
    for length in range(len(whole) + 1):
        if length in fine:
            wire.delivered_of(whole[:length])
            continue
        with pytest.raises(Garbled):
            wire.delivered_of(whole[:length])


def test_nothing_secret_shows_in_what_is_printed():
    """Of a message, a login, a party and a text only what anybody may see."""
    login = Login(
        system_id="acme",
        password="pa55",
        system_type="",
        ton=0,
        npi=0,
        address_range="",
    )
    party = Party(ton=1, npi=1, address="8613812345678")
    submit = Submit(
        service_type="",
        source=party,
        destination=party,
        esm_class=0,
        data_coding=0,
        octets=b"code 482913",
    )
    shown = repr(
        [login, submit, Pdu(command=4, sequence=1, body=wire.submit_body(submit))]
    )

    for secret in ("pa55", "8613812345678", "482913"):
        assert secret not in shown

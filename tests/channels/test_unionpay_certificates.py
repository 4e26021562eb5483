"""Certificates: whatever anybody sends as one, and what to seal cards for."""

import base64
import warnings
from datetime import datetime, timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from unionpay_calls import (
    CARD,
    DRIVER,
    OPENED,
    account_of,
    an_ask,
    answer,
    asked,
    notify,
    read,
)
from unionpay_peer import Peer, form, issue, raw

from paycore.gateway.call import Operation
from paycore.gateway.channel import BAD_SIGNATURE, Account
from paycore.gateway.unionpay_wire import Message
from paycore.kernel.http import Answered, NoAnswer


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer()


@pytest.fixture(scope="module")
def account(peer: Peer) -> Account:
    return account_of(peer)


def test_every_octet_of_a_certificate_may_be_wrong(account, peer):
    """What cannot be read is a signature that is not UnionPay's, and no more than that:
    a key of no kind, a version that there is not, a date of no calendar.
    """
    nobodys = base64.b64encode(b"x" * 256).decode()
    good = peer.signing.cert.public_bytes(Encoding.DER)
    for at in range(len(good)):
        for other in {good[at] ^ 1, good[at] ^ 0x80, 0, 0xFF} - {good[at]}:
            octets = good[:at] + bytes([other]) + good[at + 1 :]
            text = base64.encodebytes(octets).decode()
            pem = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----"
            told = answer(Operation.CONFIRM, "00") | {"signPubKeyCert": pem}
            signed = told | {"signature": nobodys}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert notify(account, form(signed)) is None, (at, other)
                reply = read(account, an_ask(Operation.CONFIRM), raw(signed))
            assert BAD_SIGNATURE == reply.resp_code, (at, other)


# --- their newest certificate ---------------------------------------------------------


class _Line:
    """A node, as far as `learn` looks, whose peer says what the test wants."""

    def __init__(self, say) -> None:
        self.settings = msgspec.defstruct(
            "S", [("enquiry_timeout_s", float, 5.0), ("connect_timeout_s", float, 1.0)]
        )()
        self.transport = self.ids = self
        self.say, self.asked = say, {}

    def now(self) -> datetime:
        return OPENED

    def token(self, octets: int) -> bytes:
        return b"7" * octets

    async def send(self, request):
        message = Message.of_form(request.body)
        self.asked = {name: message.text(name) for name in message.values}
        return self.say(self.asked)


def _told(peer: Peer, pem: str, **changes: str):
    def say(asked: dict[str, str]) -> Answered:
        rest = ("merId", "orderId", "txnTime", "txnType", "txnSubType")
        said = {name: asked[name] for name in rest}
        said |= {"respCode": "00", "encryptPubKeyCert": pem.strip(), **changes}
        return Answered(status=200, headers={}, body=peer.reply(said))

    return say


async def test_a_newer_certificate_is_used(account, peer):
    """What they tell is asked for, kept, and from then on sealed for."""
    newer = issue("041@Z2026-3@00040000:ENC@2", peer.middle)
    line = _Line(_told(peer, newer.pem))
    facts = await DRIVER.learn(line, account)
    taught = account_of(peer, facts)
    fields = asked(taught, an_ask(Operation.DEDUCT))

    assert ("95", "01") == (line.asked["txnType"], line.asked["certType"])
    assert str(newer.cert.serial_number) == fields["encryptCertId"]
    number = newer.key.decrypt(base64.b64decode(fields["accNo"]), padding.PKCS1v15())
    assert CARD.number == number.decode()
    assert await DRIVER.learn(line, taught) is None


async def test_certificates_that_are_not_believed(account, peer):
    """Another issuer's, an expired one, none; another's answer, no answer, the same."""
    newer = issue("ENC", peer.middle).pem
    late = issue("ENC", peer.middle, end=OPENED - timedelta(days=1)).pem
    for say in (
        _told(peer, issue("ENC").pem),
        _told(peer, late),
        _told(peer, "none"),
        _told(peer, newer, respCode="10"),
        _told(peer, newer, merId="777290058110098"),
        _told(peer, newer, orderId="1"),
        _told(peer, peer.sealing.pem),
        lambda _: NoAnswer(reason="timed out"),
        lambda _: Answered(status=200, headers={}, body=b"Invalid request."),
        lambda _: Answered(status=502, headers={}, body=b""),
    ):
        assert await DRIVER.learn(_Line(say), account) is None


async def test_a_certificate_that_is_given_goes_before_one_that_was_told(peer):
    """Of another environment, or because they told no more: what a person enters is
    used until they tell of another again.
    """
    told, given = (issue(f"041@Z2026-{n}@ENC@1", peer.middle) for n in (3, 4))
    line = _Line(_told(peer, told.pem))
    facts = await DRIVER.learn(line, account_of(peer))
    changed = account_of(peer, facts, encryption_certificate=given.pem)

    sealed_for = [
        asked(account, an_ask(Operation.DEDUCT))["encryptCertId"]
        for account in (account_of(peer, facts), changed)
    ]

    assert [str(one.cert.serial_number) for one in (told, given)] == sealed_for
    assert facts != await DRIVER.learn(line, changed)

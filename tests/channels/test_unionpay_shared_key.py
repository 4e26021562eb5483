"""UnionPay with a key of both sides (signMethod 11 and 12), which signs what we ask as
well: none of it is believed when it comes back.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import parse_qsl

import gmalg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from test_unionpay_certificates import _Line, _told
from unionpay_calls import (
    AT_ONCE,
    CARD,
    DRIVER,
    MONEY,
    OPENED,
    ORDER,
    an_ask,
    answer,
    asked,
    assert_unknown,
    enquiry,
    found,
    notify,
    read,
    settings,
)
from unionpay_peer import MER_ID, Peer, form, issue, raw

from paycore.gateway.call import Operation
from paycore.gateway.channel import BAD_SIGNATURE, Account
from paycore.gateway.statement import StatementBroken
from paycore.gateway.unionpay_config import UnionPayConfig
from paycore.kernel.outcome import Outcome

KEY = "8d2f1c0a9b7e6d5c"
WITHOUT = ("signing_key", "signing_certificate")


def hashed(method: str, octets: bytes) -> str:
    """SHA-256, or SM3 by another implementation than ours."""
    if method == "11":
        return hashlib.sha256(octets).hexdigest()
    made = gmalg.SM3()
    made.update(octets)
    return made.value().hex()


class KeyPeer(Peer):
    """UnionPay, with the key and without certificates."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method

    def signed(self, values: Mapping[str, str], by: object = KEY) -> dict[str, str]:
        """With the key's hash at the end."""
        by = by or KEY
        rest = {name: value for name, value in values.items() if name != "signature"}
        text = "&".join(f"{name}={rest[name]}" for name in sorted(rest))
        whole = f"{text}&{hashed(self.method, str(by).encode())}"
        return {**rest, "signature": hashed(self.method, whole.encode())}


@pytest.fixture(scope="module", params=["11", "12"])
def peer(request) -> KeyPeer:
    return KeyPeer(request.param)


def account_of(
    peer: KeyPeer, facts: Mapping[str, str] | None = None, **changes: object
) -> Account:
    way = {"sign_method": peer.method, "shared_key": KEY}
    given = settings(peer, **(way | changes))
    return Account(
        channel="unionpay",
        account="main",
        base_url="https://gateway.example",
        config=UnionPayConfig(**{n: v for n, v in given.items() if n not in WITHOUT}),
        facts=facts or {},
    )


@pytest.fixture(scope="module")
def account(peer: KeyPeer) -> Account:
    return account_of(peer)


def an_ask_of(operation: Operation):
    return enquiry(MONEY[0]) if operation is Operation.ENQUIRE else an_ask(operation)


@pytest.mark.parametrize("operation", sorted(DRIVER.capabilities))
def test_a_request_is_signed_with_the_key(peer, account, operation):
    """It names no certificate, and cards are sealed by RSA as ever."""
    fields = asked(account, an_ask_of(operation))

    assert peer.signed(fields) == fields
    assert peer.method == fields["signMethod"]
    assert "certId" not in fields
    if "accNo" in fields:
        assert CARD.number == peer.opened(fields["accNo"])


def test_what_is_signed_with_the_key_is_believed(peer, account):
    """A reply, what was asked after, and a notice; none has a certificate."""
    settled = {"settleAmt": "1000", "settleCurrencyCode": "156"}
    said = peer.reply(answer(Operation.CONFIRM, "00"))
    after = peer.reply(found(Operation.CONFIRM, "00"))
    told = peer.notice(answer(Operation.DEDUCT, "00", **settled))

    assert Outcome.PENDING is read(account, an_ask(Operation.CONFIRM), said).outcome
    assert Outcome.SUCCEEDED is (
        read(account, enquiry(Operation.CONFIRM), after).outcome
    )
    assert Outcome.SUCCEEDED is notify(account, told).reply.outcome


def test_what_is_not_signed_with_the_key(peer, account):
    """Changed, unsigned, with another key, in other letters, by a certificate."""
    said = answer(Operation.CONFIRM, "00")
    good = peer.signed(said)
    bodies = [
        {**good, "txnAmt": "1001"},
        {**good, "more": "1"},
        said,
        {**good, "signature": ""},
        {**good, "signature": good["signature"].upper() + "0"},
        {**good, "signature": "A" + good["signature"][1:].upper()},
        {**good, "signature": good["signature"][:-1]},
        {**good, "signature": "0" * 64},
        peer.signed(said, by="another"),
        Peer.signed(peer, said),
    ]
    for fields in bodies:
        reply = read(account, an_ask(Operation.CONFIRM), raw(fields))

        assert_unknown(reply, BAD_SIGNATURE, alarm=True)
        assert notify(account, form(fields)) is None
    assert notify(account, form(good)) is not None


@pytest.mark.parametrize("operation", sorted(DRIVER.capabilities))
def test_our_own_request_is_no_answer(account, operation):
    """It has our number, order, moment and kind, and a good signature."""
    ask = an_ask_of(operation)
    http = DRIVER.assemble(account, ask).http
    reply = read(account, ask, raw(dict(parse_qsl(http.body.decode()))))

    assert_unknown(reply, BAD_SIGNATURE, alarm=True)
    assert "sent back" in reply.alarm


@pytest.mark.parametrize("operation", sorted(DRIVER.capabilities))
def test_our_own_request_is_no_notice(account, operation):
    """Posted to us as it was, by whoever saw it."""
    http = DRIVER.assemble(account, an_ask_of(operation)).http

    assert notify(account, http.body) is None


async def test_what_we_asked_for_is_no_statement(peer, account):
    """Nor is it a notice."""
    day = OPENED.date()
    asked_for = DRIVER.ask_statement(account, day, at=OPENED, timeout_s=5.0)
    fields = dict(parse_qsl(asked_for.body.decode()))

    async def octets():
        yield raw(fields)

    assert peer.signed(fields) == fields
    assert notify(account, asked_for.body) is None
    with pytest.raises(StatementBroken, match="sent back"):
        [line async for line in DRIVER.read_statement(account, day, octets())]


@pytest.mark.parametrize("operation", AT_ONCE)
def test_an_answer_without_a_result(peer, account, operation):
    """Signed with the key, it is ours for all we know."""
    said = answer(operation, "")
    reply = read(account, an_ask(operation), peer.reply(said))

    assert_unknown(reply, BAD_SIGNATURE, alarm=True)


async def test_a_newer_certificate_is_used_where_it_leads_to_an_issuer(peer):
    """With the issuers it is checked by, and without them never."""
    newer = issue("041@Z2026-3@00040000:ENC@2", peer.middle)
    line = _Line(_told(peer, newer.pem))
    facts = await DRIVER.learn(line, account_of(peer))
    taught = account_of(peer, facts)
    fields = asked(taught, an_ask(Operation.DEDUCT))

    assert str(newer.cert.serial_number) == fields["encryptCertId"]
    assert await DRIVER.learn(line, account_of(peer, issuers="")) is None


def test_what_is_kept_shows_no_key(peer, account):
    """Of a request, of an answer, and of the account."""
    ask = an_ask(Operation.DEDUCT)
    outgoing = DRIVER.assemble(account, ask)
    body = outgoing.http.body.decode()
    signature = dict(parse_qsl(body))["signature"]
    kept = outgoing.masked + DRIVER.scrub(body)
    kept += DRIVER.scrub(raw(peer.signed(answer(Operation.DEDUCT, "00"))).decode())
    kept += repr(account.config) + repr(account.config.shared)

    assert f"orderId={ORDER}01" in kept
    assert KEY not in kept
    assert signature not in kept
    assert not re.search(r"[0-9a-f]{50}", kept)
    assert "shared_key" in DRIVER.secret_fields


def test_an_agreement_ends_no_field(peer):
    """What is signed has no escapes: a number that somebody brought along could begin
    fields of an answer in what we sign.
    """
    brought = "x&merId=1&respCode=00&zz=1"
    ask = an_ask(Operation.DEDUCT, agreement=brought)
    bound = asked(account_of(peer, deduct_by="binding"), ask)
    token = asked(account_of(peer), an_ask(Operation.CONFIRM, agreement=brought))

    assert "xmerId1respCode00zz1" == bound["bindId"]
    assert "{token=xmerId1respCode00zz1&trId=62000000001}" == token["tokenPayData"]


@pytest.mark.parametrize("key", ["", " ", f"{KEY} ", "键", f"{KEY}\n"])
def test_keys_that_are_none(peer, key):
    """They are refused when they are saved, and not shown."""
    with pytest.raises(ValueError, match="shared_key is no key") as refused:
        account_of(peer, shared_key=key)

    assert KEY not in str(refused.value)


def test_what_an_account_with_a_key_needs(peer):
    """The merchant's number, the key, and the certificate that cards are sealed for."""
    bare = {
        "mer_id": MER_ID,
        "sign_method": peer.method,
        "shared_key": KEY,
        "encryption_certificate": peer.sealing.pem,
    }
    assert UnionPayConfig(**bare).trust.fault is not None
    with pytest.raises(ValueError, match="encryption_certificate"):
        UnionPayConfig(**{**bare, "encryption_certificate": ""})


def other_version(pem: str) -> str:
    """A certificate of X.509's version 6, which there is not."""
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    changed = der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020105"), 1)
    text = base64.encodebytes(changed).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("name", ["issuers", "encryption_certificate"])
def test_certificates_that_cannot_be_read(peer, name):
    """They are refused when they are saved: at a call no answer could be read."""
    for pem in ("garbage", other_version(peer.sealing.pem)):
        with pytest.raises(ValueError, match=name):
            account_of(peer, **{name: pem})


def test_a_key_is_for_ever(peer, account):
    """It has no dates: what was said long ago is believed, if it is about this call."""
    said = peer.reply(answer(Operation.CONFIRM, "00"))
    late = an_ask(Operation.CONFIRM, asked_at=OPENED + timedelta(days=4000))

    assert Outcome.PENDING is read(account, late, said).outcome

"""UnionPay's SM2 (signMethod 21) with `openssl` for a peer: what the channel signs and
seals it believes and opens, and the other way round; and so it is with the simulator.
"""

import base64
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography import x509
from openssl import DEFAULT, OpenSsl, in_der, numbers, pem_of, sealed_in_der
from unionpay_calls import (
    CARD,
    DRIVER,
    MONEY,
    an_ask,
    answer,
    asked,
    enquiry,
    found,
    read,
)
from unionpay_peer import MER_ID, SIGNER, form, raw

from paycore.dev import certificates
from paycore.gateway.call import Operation
from paycore.gateway.channel import BAD_SIGNATURE, Account
from paycore.gateway.unionpay_config import UnionPayConfig
from paycore.kernel.outcome import Outcome
from paycore.sandbox.vendors.unionpay_sm2 import Sm2Private, Sm2Public
from paycore.sandbox.vendors.unionpay_ways import Forms

NAMES = {
    "root": ("a root", ""),
    "middle": ("a middle", "root"),
    "signing": (f"041@Z2026-1@{SIGNER}@00000001", "middle"),
    "sealing": ("041@Z2026-2@00040000:ENC@00000001", "middle"),
    "merchant": ("a merchant", "middle"),
    "other": ("a root", ""),
    "stranger": (f"041@Z2026-1@{SIGNER}@00000001", "other"),
}
LATER = datetime.now(UTC) + timedelta(days=1)
"""Than openssl's certificates, which begin when they are made: in a whole run that is
long after this was read.
"""
THEN = {"opened_at": LATER, "asked_at": LATER}
TOLD = {"txnTime": f"{LATER + timedelta(hours=8):%Y%m%d%H%M%S}"}
SIGNATURES, IDENTITIES = ("raw", "der"), ("serial", "default")
SEALS = ("c1c3c2", "c1c3c2_without_04", "asn1")


@pytest.fixture(scope="module")
def openssl(tmp_path_factory) -> OpenSsl:
    """With UnionPay's keys and ours."""
    made = OpenSsl(tmp_path_factory.mktemp("openssl"))
    for name, (subject, by) in NAMES.items():
        made.issue(name, subject, by)
    return made


def settings(openssl: OpenSsl, **changes: str) -> dict[str, str]:
    return {
        "mer_id": MER_ID,
        "sign_method": "21",
        "signing_key": openssl.text("merchant.key"),
        "signing_certificate": openssl.text("merchant.pem"),
        "issuers": openssl.text("middle.pem") + openssl.text("root.pem"),
        "signer": SIGNER,
        "encryption_certificate": openssl.text("sealing.pem"),
        "tr_id": "62000000001",
        **changes,
    }


def account_of(openssl: OpenSsl, **changes: str) -> Account:
    return Account(
        channel="unionpay",
        account="main",
        base_url="https://gateway.example",
        config=UnionPayConfig(**settings(openssl, **changes)),
    )


def notify(account: Account, body: bytes):
    return DRIVER.callback(account, "/callbacks/unionpay/main", {}, body, now=LATER)


def serial(openssl: OpenSsl, name: str) -> str:
    """A certificate's number in decimal, by openssl."""
    told = openssl.run("x509", "-in", f"{name}.pem", "-noout", "-serial").decode()
    return str(int(told.partition("=")[2], 16))


def whose(openssl: OpenSsl, account: Account, name: str) -> str:
    by_serial = account.config.sm2_identity == "serial"
    return serial(openssl, name) if by_serial else DEFAULT


def joined(fields: Mapping[str, str]) -> bytes:
    rest = sorted(name for name in fields if name != "signature")
    return "&".join(f"{name}={fields[name]}" for name in rest).encode()


def signed(
    openssl: OpenSsl, account: Account, fields: Mapping[str, str], by: str = "signing"
) -> dict[str, str]:
    """As UnionPay's sample signs, by openssl."""
    pem = openssl.text(f"{by}.pem").strip().replace("\n", "\r\n")
    full = {**fields, "signMethod": "21", "signPubKeyCert": pem}
    letters = openssl.sm3(joined(full)).encode()
    made = openssl.sign(f"{by}.key", letters, whose(openssl, account, by))
    if account.config.sm2_signature == "raw":
        made = numbers(made)
    return {**full, "signature": base64.b64encode(made).decode()}


EVERY = [(form, name) for form in SIGNATURES for name in IDENTITIES]


@pytest.fixture(params=EVERY, ids="-".join)
def account(request, openssl) -> Account:
    """One for each form of a signature."""
    form, name = request.param
    return account_of(openssl, sm2_signature=form, sm2_identity=name)


@pytest.mark.parametrize("operation", sorted(DRIVER.capabilities))
def test_openssl_believes_a_request(openssl, account, operation):
    """It is signed over SM3's letters, by the merchant's certificate, in that form."""
    about = operation is Operation.ENQUIRE
    fields = asked(account, enquiry(MONEY[0]) if about else an_ask(operation))
    made = base64.b64decode(fields["signature"])
    if account.config.sm2_signature == "raw":
        assert 64 == len(made)
        made = in_der((2, made[:32]), (2, made[32:]))
    letters = openssl.sm3(joined(fields)).encode()
    name = whose(openssl, account, "merchant")

    assert openssl.believes("merchant.pem", letters, made, name)
    assert not openssl.believes("merchant.pem", letters, made, "somebody")
    assert ("21", serial(openssl, "merchant")) == (
        *(fields["signMethod"], fields["certId"]),
    )


def test_an_answer_that_openssl_signed_is_believed(openssl, account):
    """A reply, what was asked after, and a notice."""
    said = answer(Operation.CONFIRM, "00", **TOLD)
    done = found(Operation.CONFIRM, "00", **TOLD)
    told = found(Operation.DEDUCT, "", respCode="00", **TOLD)
    del told["origRespCode"]
    ask, after = an_ask(Operation.CONFIRM, **THEN), enquiry(Operation.CONFIRM, **THEN)

    reply = read(account, ask, raw(signed(openssl, account, said)))
    after = read(account, after, raw(signed(openssl, account, done)))
    notice = notify(account, form(signed(openssl, account, told)))

    assert (Outcome.PENDING, None) == (reply.outcome, reply.alarm)
    assert (Outcome.SUCCEEDED, 1000) == (after.outcome, after.amount)
    assert Outcome.SUCCEEDED is notice.reply.outcome


def test_what_is_not_believed(openssl, account):
    """Changed, unsigned, in another form, under another's name, by another root."""
    ask = an_ask(Operation.CONFIRM, **THEN)
    said = answer(Operation.CONFIRM, "00", **TOLD)
    good = signed(openssl, account, said)
    made = base64.b64decode(good["signature"])
    bare = account.config.sm2_signature == "raw"
    other_form = in_der((2, made[:32]), (2, made[32:])) if bare else numbers(made)
    letters = openssl.sm3(joined(good)).encode()
    elses = openssl.sign("signing.key", letters, "somebody")
    bodies = [
        {**good, "respMsg": "成功"},
        {name: value for name, value in good.items() if name != "signature"},
        {**good, "signature": base64.b64encode(other_form).decode()},
        {
            **good,
            "signature": base64.b64encode(numbers(elses) if bare else elses).decode(),
        },
        {**good, "signature": base64.b64encode(bytes(len(made))).decode()},
        signed(openssl, account, said, by="stranger"),
        signed(openssl, account, said, by="merchant"),
        signed(openssl, account, said, by="sealing"),
        {name: value for name, value in good.items() if name != "signPubKeyCert"},
    ]
    for body in bodies:
        reply = read(account, ask, raw(body))

        assert (Outcome.UNKNOWN, BAD_SIGNATURE) == (reply.outcome, reply.resp_code)
        assert reply.alarm
        assert notify(account, form(body)) is None
    assert Outcome.PENDING is read(account, ask, raw(good)).outcome


def test_every_octet_of_a_certificate_may_be_wrong(openssl):
    """What cannot be read is a signature that is not UnionPay's, and no more than that:
    a point of no curve, an element that is cut off, a date of no calendar.
    """
    account = account_of(openssl)
    said = signed(openssl, account, answer(Operation.CONFIRM, "00", **TOLD))
    good = pem_of(openssl.text("signing.pem"))
    ask = an_ask(Operation.CONFIRM, **THEN)
    for at in range(len(good)):
        for other in {good[at] ^ 1, good[at] ^ 0x80, 0, 0xFF} - {good[at]}:
            octets = good[:at] + bytes([other]) + good[at + 1 :]
            text = base64.encodebytes(octets).decode()
            pem = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reply = read(account, ask, raw(said | {"signPubKeyCert": pem}))
            assert BAD_SIGNATURE == reply.resp_code, (at, other)


@pytest.mark.parametrize("seal", SEALS)
def test_openssl_opens_what_is_sealed(openssl, seal):
    """The card's number and the phone, in each form."""
    account = account_of(openssl, sm2_sealed=seal)
    fields = asked(account, an_ask(Operation.SIGN_CONFIRM))
    info = base64.b64decode(fields["customerInfo"]).decode()
    _, _, tail = info[1:-1].partition("&encryptedInfo=")
    opened = []
    for text in (fields["accNo"], tail):
        octets = base64.b64decode(text)
        if seal == "c1c3c2_without_04":
            octets = b"\4" + octets
        if seal != "asn1":
            octets = sealed_in_der(octets)
        opened.append(openssl.unseal("sealing.key", octets).decode())

    assert [CARD.number, "phoneNo=13812345678"] == opened
    assert serial(openssl, "sealing") == fields["encryptCertId"]


# --- settings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sm2_signature": "bare"}, "sm2_signature is not of the form"),
        ({"sm2_identity": "somebody"}, "sm2_identity is not of the form"),
        ({"sm2_sealed": "c1c2c3"}, "sm2_sealed is not of the form"),
        ({"signing_key": ""}, "signing_key is no SM2 key"),
        ({"signing_certificate": ""}, "signing_certificate is no certificate"),
        ({"issuers": ""}, "without issuers"),
        ({"signer": ""}, "without issuers and signer"),
        ({"sign_method": "01"}, "signing_key is no RSA key"),
        ({"sign_method": "22"}, "sign_method is not of the form"),
        ({"sign_method": "12"}, "shared_key is no key"),
    ],
)
def test_settings_that_cannot_be_used(openssl, changes, words):
    """They are refused when they are saved, in words that show no key."""
    with pytest.raises(ValueError, match=words) as refused:
        account_of(openssl, **changes)

    assert openssl.text("merchant.key")[40:80] not in str(refused.value)


def test_certificates_of_others(openssl):
    """Of another key, and of another kind."""
    rsa = certificates.pair("a merchant", datetime.now(UTC))
    for name, pem, words in (
        ("signing_certificate", openssl.text("signing.pem"), "not that of signing_key"),
        ("signing_certificate", rsa.certificate_pem, "no certificate of an SM2 key"),
        ("encryption_certificate", rsa.certificate_pem, "not of an SM2 key"),
        ("signing_key", rsa.key_pem, "no SM2 key"),
    ):
        with pytest.raises(ValueError, match=words):
            account_of(openssl, **{name: pem})


def test_a_certificate_of_sm2_for_an_account_of_rsa(openssl):
    """Its cards could not be sealed for it."""
    keys = certificates.unionpay(MER_ID, datetime.now(UTC)).merchant
    changes = {
        "signing_key": keys["signing_key"],
        "signing_certificate": keys["signing_certificate"],
        "sign_method": "01",
    }
    with pytest.raises(ValueError, match="not of an RSA key"):
        account_of(openssl, **changes)


def test_nothing_shows_the_key(openssl):
    """The account in whatever prints it, and what is kept of a request."""
    account = account_of(openssl)
    outgoing = DRIVER.assemble(account, an_ask(Operation.DEDUCT))
    kept = outgoing.masked + DRIVER.scrub(outgoing.http.body.decode())
    shown = repr(account.config) + repr(account.config.ours) + kept
    number = account.config.ours.key.number

    assert str(number) not in shown
    assert f"{number:x}" not in shown
    for secret in (CARD.number, "13812345678"):
        assert secret not in kept
    assert asked(account, an_ask(Operation.DEDUCT))["signature"][20:60] not in kept


# --- the simulator, and the certificates of both --------------------------------------


@pytest.fixture(params=EVERY, ids="-".join)
def theirs(request, openssl):
    """The simulator's halves of a key, in each form."""
    form, name = request.param
    forms = Forms(signature=form, identity=name, sealed="c1c3c2")
    public = Sm2Public(openssl.text("signing.pem"), forms)
    private = Sm2Private(openssl.text("signing.key"), public, forms)
    by = serial(openssl, "signing") if name == "serial" else DEFAULT
    return SimpleNamespace(public=public, private=private, whose=by, form=form)


def test_the_simulator_signs_as_openssl_does(openssl, theirs):
    """Either believes the other, and neither what is in another form."""
    made = theirs.private.sign(b"letters")
    der = made if theirs.form == "der" else in_der((2, made[:32]), (2, made[32:]))
    ours = openssl.sign("signing.key", b"letters", theirs.whose)
    good, other = (ours, numbers(ours))[:: 1 if theirs.form == "der" else -1]

    assert openssl.believes("signing.pem", b"letters", der, theirs.whose)
    assert theirs.public.is_by(good, b"letters")
    assert not theirs.public.is_by(other, b"letters")
    assert not theirs.public.is_by(good, b"others")


@pytest.mark.parametrize("seal", SEALS)
def test_the_simulator_seals_as_openssl_does(openssl, seal):
    """Either opens the other's; a form that was not agreed on is not opened."""
    forms = Forms(signature="raw", identity="serial", sealed=seal)
    public = Sm2Public(openssl.text("sealing.pem"), forms)
    private = Sm2Private(openssl.text("sealing.key"), public, forms)
    made = public.sealed(b"6226388000000095")
    der = openssl.seal("sealing.pem", b"6226388000000095")
    bare = private.opened(made)
    if seal == "asn1":
        octets, forms_of_it = made, der
    else:
        octets = sealed_in_der(b"\4" * (seal == "c1c3c2_without_04") + made)
        forms_of_it = made

    assert b"6226388000000095" == bare == private.opened(forms_of_it)
    assert b"6226388000000095" == openssl.unseal("sealing.key", octets)
    for wrong in (made[:-1], made[1:], b"", made + b"\0", b"\4" + made):
        with pytest.raises(ValueError, match=r"seal|element|cut|point"):
            private.opened(wrong)


def test_openssl_follows_the_certificates_that_we_make(tmp_path):
    """Of the simulator and the merchant: each by its issuer, and its key its own."""
    openssl = OpenSsl(tmp_path)
    keys = certificates.unionpay(MER_ID, datetime.now(UTC), sm2=True)
    for name, held in (
        ("root", keys.merchant["root_certificate"]),
        ("middle", keys.merchant["middle_certificate"]),
        ("signing", keys.simulator["signing_certificate"]),
        ("sealing", keys.simulator["encryption_certificate"]),
        ("merchant", keys.merchant["signing_certificate"]),
    ):
        openssl.write(f"{name}.pem", held)
        read_here = x509.load_pem_x509_certificate(held.encode())
        assert serial(openssl, name) == str(read_here.serial_number)
    openssl.write("signing.key", keys.simulator["signing_key"])
    ours = openssl.run("pkey", "-in", "signing.key", "-pubout")

    assert ours == openssl.run("x509", "-in", "signing.pem", "-noout", "-pubkey")
    assert openssl.leads_to("root.pem", "root.pem")
    assert openssl.leads_to("middle.pem", "root.pem")
    assert openssl.leads_to("signing.pem", "middle.pem")
    assert openssl.leads_to("sealing.pem", "middle.pem")
    assert openssl.leads_to("merchant.pem", "merchant.pem")
    assert not openssl.leads_to("signing.pem", "merchant.pem")

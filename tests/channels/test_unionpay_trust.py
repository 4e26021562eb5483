"""Whom UnionPay's adapter believes: signatures, certificates, notices, settings."""

import base64
import json
from dataclasses import replace as with_
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from msgspec.structs import replace
from unionpay_calls import (
    CARD,
    DRIVER,
    MONEY,
    OPENED,
    ORDER,
    QUERY_ID,
    TOKEN,
    account_of,
    an_ask,
    answer,
    asked,
    assert_unknown,
    found,
    notify,
    read,
    settings,
)
from unionpay_peer import END, MER_ID, SIGNER, Peer, form, issue, raw

from paycore.gateway.call import Callback, Operation
from paycore.gateway.channel import Account
from paycore.gateway.unionpay_config import UnionPayConfig
from paycore.gateway.unionpay_keys import Rsa
from paycore.gateway.unionpay_trust import Trust
from paycore.gateway.unionpay_wire import Message
from paycore.gateway.unionpay_wire import form as form_of
from paycore.kernel.outcome import Outcome

RECORDED = (
    Path(__file__).parents[3] / "shared" / "vectors" / "unionpay_acp510_sample.json"
)
THEN = datetime(2018, 4, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer()


@pytest.fixture(scope="module")
def account(peer: Peer) -> Account:
    return account_of(peer)


# --- what UnionPay's own test environment said ----------------------------------------


@pytest.fixture(scope="module")
def recorded() -> dict:
    if not RECORDED.exists():
        pytest.skip("the recorded messages are not beside this repository")
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def _message(one: dict) -> Message:
    body = one["body"].encode()
    read_as = Message.of_reply if one["kind"] == "response" else Message.of_form
    message = read_as(body)
    assert message is not None
    return message


def _trust(message: Message) -> Trust:
    """By the signer's own certificate: its issuer's is not on record."""
    leaf = x509.load_pem_x509_certificate(message.values["signPubKeyCert"])
    return Trust(anchors=(leaf,), signer=SIGNER)


def test_recorded_messages_are_read_and_digested(recorded):
    """Fields and digests of every request, reply and notice are those on record."""
    assert 24 == len(recorded["messages"])
    for one in recorded["messages"]:
        message = _message(one)

        assert one["params"] == {name: message.text(name) for name in message.values}
        assert one["digest_hex"].encode() == Rsa().digest(message.values)


def test_recorded_requests_are_the_merchants(recorded):
    """Their signatures are over what we would sign, and their form is ours."""
    pem = recorded["merchant_cert_pem"].encode()
    key = x509.load_pem_x509_certificate(pem).public_key()
    for one in recorded["messages"]:
        if one["kind"] != "request":
            continue
        made = base64.b64decode(one["params"]["signature"])
        values = {name: value.encode() for name, value in one["params"].items()}

        key.verify(made, Rsa().digest(values), padding.PKCS1v15(), hashes.SHA256())
        assert values == Message.of_form(form_of(one["params"])).values


def test_recorded_answers_are_believed(recorded):
    """Every reply and notice is UnionPay's, at its own time, and not when its
    certificate had run out.
    """
    for one in recorded["messages"]:
        if one["kind"] == "request":
            continue
        message = _message(one)
        trust = _trust(message)

        assert trust.fault(message, THEN) is None
        assert trust.fault(message, THEN + timedelta(days=1000)) is not None


def test_recorded_answers_that_were_changed(recorded):
    """One octet that is another, in any field of any of them, and none is believed;
    nor is a certificate whose line ends were made ours.
    """
    for one in recorded["messages"]:
        if one["kind"] == "request":
            continue
        message = _message(one)
        trust = _trust(message)
        for name, value in message.values.items():
            changed = bytes([value[0] ^ 1]) + value[1:] if value else b"x"
            values = {**message.values, name: changed}

            assert trust.fault(Message(values=values), THEN) is not None, name
        pem = message.values["signPubKeyCert"].replace(b"\r\n", b"\n")
        values = {**message.values, "signPubKeyCert": pem}

        assert trust.fault(Message(values=values), THEN) is not None


def test_a_recorded_code_is_written_as_ours(recorded, account):
    """The code goes to the bank in the very form that is on record."""
    sent = [one for one in recorded["messages"] if one["params"].get("txnType") == "01"]
    fields = asked(account, an_ask(Operation.CONFIRM, code="111111"))

    assert fields["customerInfo"] == sent[0]["params"]["customerInfo"]


# --- signatures -----------------------------------------------------------------------


def test_every_field_of_a_reply_is_guarded(account, peer):
    """Changed, blank, gone or added: nothing is believed any more."""
    ask, said = an_ask(Operation.DEDUCT), answer(Operation.DEDUCT, "64")
    good = peer.signed(said)
    for name, value in good.items():
        for changed in (value + "0", value[:-1], "", None):
            if changed == value:
                continue
            fields = {**good, name: changed}
            fields = {key: one for key, one in fields.items() if one is not None}
            reply = read(account, ask, raw(fields))

            assert_unknown(reply, "BAD_SIGNATURE", alarm=True)
    more = read(account, ask, raw({**good, "extra": ""}))
    assert_unknown(more, "BAD_SIGNATURE", alarm=True)
    assert Outcome.DECLINED is read(account, ask, raw(good)).outcome


def test_the_order_of_fields_is_nothing(account, peer):
    """They are sorted by whoever signs and whoever checks."""
    good = peer.signed(answer(Operation.DEDUCT, "64"))
    turned = dict(reversed(good.items()))
    reply = read(account, an_ask(Operation.DEDUCT), raw(turned))

    assert Outcome.DECLINED is reply.outcome


def test_line_ends_are_signed(account, peer):
    """A certificate with other line ends is another text."""
    good = peer.signed(answer(Operation.DEDUCT, "64"))
    pem = good["signPubKeyCert"].replace("\r\n", "\n")
    reply = read(
        account, an_ask(Operation.DEDUCT), raw({**good, "signPubKeyCert": pem})
    )

    assert_unknown(reply, "BAD_SIGNATURE", alarm=True)


@pytest.mark.parametrize("cut", [1, 100, 1500])
def test_a_reply_that_was_cut(account, peer, cut):
    """Half a reply is none."""
    body = peer.reply(answer(Operation.DEDUCT, "64"))
    reply = read(account, an_ask(Operation.DEDUCT), body[:-cut])

    assert Outcome.UNKNOWN is reply.outcome
    assert reply.resp_code in ("BAD_SIGNATURE", "GARBAGE")


def test_signed_as_others_do(account, peer):
    """Over the text itself, as some do who read the description wrongly, is no
    signature.
    """
    said = peer.signed(answer(Operation.DEDUCT, "64"))
    text = "&".join(f"{n}={said[n]}" for n in sorted(said) if n != "signature")
    made = peer.signing.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    said["signature"] = base64.b64encode(made).decode()

    assert_unknown(
        read(account, an_ask(Operation.DEDUCT), raw(said)), "BAD_SIGNATURE", alarm=True
    )


def test_other_signers(account, peer):
    """A stranger's, a merchant's, an expired and an early certificate are refused,
    however well they sign; one that UnionPay changed to is believed.
    """
    name = f"041@Z2026-1@{SIGNER}@00000002"
    late, early = OPENED - timedelta(days=1), OPENED + timedelta(days=1)
    key = peer.signing.key
    liars = [
        issue(name),
        issue(name, issue("a middle")),
        issue(name, peer.middle, key=key, end=late),
        issue(name, peer.middle, key=key, begin=early),
        peer.merchant,
        issue("041@Z2026-1@00040000@00000002", peer.middle),
    ]
    ask, said = an_ask(Operation.DEDUCT), answer(Operation.DEDUCT, "64")
    for liar in liars:
        assert_unknown(
            read(account, ask, peer.reply(said, liar)), "BAD_SIGNATURE", alarm=True
        )
    newer = peer.reply(said, issue(name, peer.middle))
    assert Outcome.DECLINED is read(account, ask, newer).outcome


def test_an_issuer_that_ran_out(peer):
    """The whole chain must be valid, not the signer's end of it only."""
    middle = issue("a middle", peer.root, end=OPENED - timedelta(days=1))
    leaf = issue(f"041@Z@{SIGNER}@1", middle)
    account = account_of(peer, issuers=middle.pem + peer.root.pem)
    said = peer.reply(answer(Operation.DEDUCT, "64"), leaf)

    assert_unknown(
        read(account, an_ask(Operation.DEDUCT), said), "BAD_SIGNATURE", alarm=True
    )
    assert END > OPENED


@pytest.mark.parametrize("first", ["old", "new"])
def test_an_issuer_that_was_renewed(peer, first):
    """With the same name and key, and both are there: whichever is written first."""
    soon = OPENED - timedelta(days=1)
    middle = peer.middle
    old = issue("a middle", peer.root, key=middle.key, end=soon)
    pems = [old.pem, middle.pem] if first == "old" else [middle.pem, old.pem]
    at = account_of(peer, issuers="".join(pems) + peer.root.pem)
    ask = an_ask(Operation.CONFIRM)
    reply = read(at, ask, peer.reply(answer(Operation.CONFIRM, "00")))

    assert Outcome.PENDING is reply.outcome


def test_in_gbk(account, peer):
    """What is signed are the octets as they came, in whatever encoding."""
    said = peer.signed(answer(Operation.DEDUCT, "64", encoding="GBK", respMsg="x"))
    values = {name: value.encode("gbk") for name, value in said.items()}
    values["respMsg"] = "余额不足[64]".encode("gbk")
    made = peer.signing.key.sign(
        Rsa().digest(values), padding.PKCS1v15(), hashes.SHA256()
    )
    values["signature"] = base64.b64encode(made)
    body = b"&".join(name.encode() + b"=" + value for name, value in values.items())
    reply = read(account, an_ask(Operation.DEDUCT), body)

    assert (Outcome.DECLINED, "余额不足[64]") == (reply.outcome, reply.resp_msg)


def test_braces(account, peer):
    """A value ends at no `&` that is in its braces."""
    odd = answer(Operation.DEDUCT, "64", respMsg="a{b&c}d=[e&f=g]")
    reply = read(account, an_ask(Operation.DEDUCT), peer.reply(odd))

    assert (Outcome.DECLINED, "a{b&c}d=[e&f=g]") == (reply.outcome, reply.resp_msg)


# --- notices --------------------------------------------------------------------------


@pytest.mark.parametrize("operation", MONEY)
def test_a_notice(account, peer, operation):
    """It says by its kind what it is about, and has the last word on money."""
    said = found(operation, "", reqReserved=ORDER)
    callback = notify(account, peer.notice(said | {"respCode": "00"}))

    assert isinstance(callback, Callback)
    assert (operation, said["orderId"], ORDER, MER_ID) == (
        *(callback.operation, callback.request_no),
        *(callback.pay_order_no, callback.merchant),
    )
    assert (Outcome.SUCCEEDED, 1000, "CNY", QUERY_ID) == (
        *(callback.reply.outcome, callback.reply.amount),
        *(callback.reply.currency, callback.reply.channel_ref),
    )


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("A6", Outcome.SUCCEEDED),
        ("05", Outcome.UNKNOWN),
        ("42", Outcome.UNKNOWN),
        ("new", Outcome.UNKNOWN),
    ],
)
def test_what_a_notice_says(account, peer, code, outcome):
    """By the same table as an enquiry."""
    said = answer(Operation.DEDUCT, code, settleAmt="1000", settleCurrencyCode="156")
    callback = notify(account, peer.notice(said))

    assert isinstance(callback, Callback)
    assert outcome is callback.reply.outcome
    assert callback.pay_order_no is None


@pytest.mark.parametrize("operation", [Operation.CONFIRM, Operation.DEDUCT])
@pytest.mark.parametrize("settled", [{}, {"settleAmt": "1000"}])
def test_the_answer_to_a_call_is_no_notice_of_money(account, peer, operation, settled):
    """It is signed alike, and its yes only says that the money was asked for: whoever
    saw it on its way must not end a payment by it.
    """
    said = answer(operation, "00", reqReserved=ORDER, **settled)
    callback = notify(account, peer.notice(said))

    assert isinstance(callback, Callback)
    assert Outcome.UNKNOWN is callback.reply.outcome


def test_the_answer_to_a_question_is_no_notice(account, peer):
    """Its respCode says how the question went, of an order that failed too."""
    said = found(Operation.CONFIRM, "64", reqReserved=ORDER)

    assert "00" == said["respCode"]
    assert notify(account, peer.notice(said)) is None


def test_a_notice_that_contradicts_itself(account, peer):
    """Asked for one amount and settled another: no yes, and both are not ours."""
    said = found(Operation.DEDUCT, "", respCode="00", settleAmt="999")
    callback = notify(account, peer.notice(said))

    assert isinstance(callback, Callback)
    assert (Outcome.UNKNOWN, "amount differs", 999) == (
        *(callback.reply.outcome, callback.reply.alarm, callback.reply.amount),
    )


def test_notices_that_are_refused(account, peer):
    """Changed, unsigned, longer, to another merchant, of another kind: none of them."""
    said = answer(Operation.DEDUCT, "00")
    good = peer.signed(said)
    bodies = [
        form({**good, "txnAmt": "1001"}),
        form(said),
        form(good) + b" ",
        form(good) + b"&own=1",
        form(good) + b"&txnAmt=1000",
        raw(good),
        b"",
        b"{}",
        peer.notice({**said, "merId": "777290058110098"}),
        peer.notice({**said, "txnType": "79"}),
        peer.notice({**said, "txnType": "77"}),
    ]

    assert [None] * len(bodies) == [notify(account, body) for body in bodies]
    assert notify(account, form(good)) is not None


def test_what_a_notice_is_answered(account, peer):
    """Ok where it is kept; else it comes again."""
    callback = notify(account, peer.notice(answer(Operation.DEDUCT, "00")))

    assert (200, b"ok") == DRIVER.acknowledge(callback, True)
    assert 200 != DRIVER.acknowledge(callback, False)[0]
    assert 200 != DRIVER.acknowledge(None, False)[0]


# --- settings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("mer_id", "signing_key", "signing_certificate", "issuers", "signer"),
        *("encryption_certificate", "sign_method", "file_url", "deduct_by"),
        *("deduct_sub_type", "deduct_biz_type", "channel_type"),
        "access_type",
    ],
)
def test_settings_that_cannot_be_used(peer, name):
    """They are refused when they are saved, in words that repeat no key."""
    broken = peer.merchant.key_pem[:300]
    for value in ("", broken):
        if (name, value) == ("signer", broken):
            continue
        with pytest.raises(ValueError, match=name) as refused:
            UnionPayConfig(**settings(peer, **{name: value}))

        assert broken[40:80] not in str(refused.value)


def test_a_merchant_number_that_could_be_a_card(peer):
    """Whoever looks for cards in what was kept finds none."""
    at = account_of(peer, mer_id="301290058110092")
    masked = DRIVER.assemble(at, an_ask(Operation.CONFIRM)).masked

    assert "merId=301290*****0092" in masked
    assert f"orderId={ORDER}01" in masked


def test_a_certificate_of_another_key(peer):
    """A key and a certificate that do not belong together sign nothing."""
    with pytest.raises(ValueError, match="not that of signing_key"):
        UnionPayConfig(**settings(peer, signing_certificate=peer.signing.pem))


def test_keys_are_parsed_once(account):
    """A call parses nothing of the settings, and their text shows no key."""
    config = account.config

    assert f"UnionPayConfig({MER_ID})" == repr(config)
    assert config.ours is config.ours
    assert config.trust is config.trust
    assert config.encryption is config.encryption


# --- what is kept ---------------------------------------------------------------------


def test_what_is_kept_of_an_answer(account, peer):
    """Whatever form it stands in, nothing secret is left, and what matters is."""
    said = answer(
        Operation.SIGN_CONFIRM, "64", accNo=CARD.number, phoneNo="13812345678"
    )
    said["tokenPayData"] = f"{{token={TOKEN}&trId=62000000001&tokenType=01}}"
    said["customerInfo"] = base64.b64encode(b"{smsCode=123789}").decode()
    said["customerNm"], said["certifId"] = "欧阳锋", CARD.id_no
    signed = peer.signed(said)
    forms = [
        raw(signed).decode(),
        form(signed).decode(),
        form({"echo": form(signed).decode()}).decode(),
        "<pre>" + raw(signed).decode().replace("&", "&amp;") + "</pre>",
        json.dumps(signed, ensure_ascii=False),
        raw(said).decode()[:-3] + "…",
        f"bad smsCode: 123789, phoneNo '13812345678', accNo {CARD.number}",
    ]
    hidden = (*(CARD.number, "13812345678", TOKEN, "欧阳锋", CARD.id_no, "123789"),)
    hidden += (said["customerInfo"][:-2], signed["signature"][20:60])
    for text in forms:
        kept = DRIVER.scrub(text)
        for secret in hidden:
            assert secret not in kept, text
    assert f"orderId={ORDER}01" in DRIVER.scrub(forms[0])
    assert "respCode=64" in DRIVER.scrub(forms[1])


def test_what_a_code_means_for_whoever_set_it_up(account, peer):
    """The usual mistakes are explained; what is not known is left to others."""
    reply = read(account, an_ask(Operation.DEDUCT), peer.reply(answer(MONEY[0], "10")))
    for code in ("02", "10", "11", "13", "31", "32"):
        assert DRIVER.explain(account, replace(reply, resp_code=code))
    assert "" == DRIVER.explain(account, replace(reply, resp_code="64"))


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://gateway.example", True),
        ("http://127.0.0.1:8700", True),
        ("http://gateway.example", False),
        ("http://127.0.0.1.example", False),
    ],
)
def test_what_can_be_read_on_its_way_is_not_sent(account, peer, url, fits):
    """Names, ID numbers and codes are in it as they are."""
    there, files = with_(account, base_url=url), account_of(peer, file_url=url)

    assert [fits, fits] == [not DRIVER.unfit(one) for one in (there, files)]

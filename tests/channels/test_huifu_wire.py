"""Huifu's wire: recorded messages of another client, notifies, what is kept."""

import base64
import json
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from huifu_peer import (
    AGREEMENT,
    CARD,
    HUIFU,
    NO,
    SYS,
    account,
    answer,
    ask,
    key,
    notify,
    ordered,
    private_pem,
    public_pem,
    sign,
    to,
)

from paycore.audit.suspects import secrets_in
from paycore.gateway import huifu_wire as wire
from paycore.gateway import service as gateway
from paycore.gateway.call import Operation
from paycore.gateway.channels.huifu import Huifu
from paycore.kernel.errors import BadRequest
from paycore.kernel.http import Answered
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome

VECTORS = Path(__file__).parents[3] / "shared/vectors/huifu_dg_sdk_2_0_28.json"
DRIVER, ACCOUNT = Huifu(), account()
PATH = "/callbacks/huifu/main"
HEADERS = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def recorded():
    """What another client sent and accepted, where the recording is at hand."""
    if not VECTORS.exists():
        pytest.skip("the recorded messages are not here")
    return json.loads(VECTORS.read_text(encoding="utf-8"))


# --- recorded -------------------------------------------------------------------------


def test_recorded_requests_are_signed_as_ours(recorded):
    """The same text to sign for each, and each signature is of that text."""
    theirs = wire.their_key(recorded["merchant_public_key_b64"])
    for request in recorded["requests"]:
        body = json.loads(request["body"])
        text = wire.signed_text(body["data"])

        assert request["string_to_sign"] == text.decode(), request["path"]
        assert wire.is_by(theirs, text, body["sign"])
        assert request["string_to_sign"].encode() == ordered(body["data"])


def test_a_recorded_request_is_made_again(recorded):
    """From its data in any order, the same envelope, but for whose key signs it."""
    for request in recorded["requests"]:
        body = json.loads(request["body"])
        backwards = dict(reversed(body["data"].items())) | {"empty": ""}
        made = wire.envelope(
            key("ours"),
            sys_id=recorded["sys_id"],
            product_id=recorded["product_id"],
            data=backwards,
        )
        again = json.loads(made)

        assert body["data"] == again["data"]
        assert sign(request["string_to_sign"].encode(), "ours") == again["sign"]
        assert body.keys() == again.keys()


def test_every_field_of_a_request_is_signed(recorded):
    """A byte that is changed in any of them is another text."""
    theirs = wire.their_key(recorded["merchant_public_key_b64"])
    for request in recorded["requests"]:
        body = json.loads(request["body"])
        for name, value in body["data"].items():
            flipped = value[:-1] + chr(ord(value[-1]) ^ 1)
            text = wire.signed_text(body["data"] | {name: flipped})

            assert not wire.is_by(theirs, text, body["sign"]), name


def test_recorded_answers_are_believed(recorded):
    """All that the other client accepted; and none that was changed."""
    huifu = wire.their_key(recorded["huifu_public_key_b64"])
    for request in recorded["requests"]:
        body = request["response_body_accepted_by_sdk"]
        opened = wire.opened(huifu, body.encode())
        changed = wire.opened(huifu, body.replace("00290TOP1", "00290TOP2").encode())

        assert opened is not None
        assert opened.signed
        assert changed is not None
        assert not changed.signed


def test_recorded_notifies_are_believed_as_they_stand(recorded):
    """Out of order and with blanks: nothing of it is written anew."""
    huifu = wire.their_key(recorded["huifu_public_key_b64"])
    for one in recorded["notify_raw_string"]:
        text, given = one["resp_data"], one["sign"]
        body = f"resp_data={quote_plus(text)}&sign={quote_plus(given)}".encode()
        again = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
        anew = f"resp_data={quote_plus(again)}&sign={quote_plus(given)}".encode()

        assert json.loads(text) == wire.notified(huifu, body)
        assert wire.notified(huifu, anew) is None
        for at in range(len(text)):
            flipped = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
            assert not wire.is_by(huifu, flipped.encode(), given), at


def test_a_recorded_field_is_sealed_as_ours(recorded):
    """One piece of a key's length, and pieces of 245 octets where it is longer."""
    theirs = base64.b64decode(recorded["encrypted_card_no"]["cipher"])
    ours = base64.b64decode(wire.sealed(key("huifu").public_key(), CARD.number))
    long = base64.b64decode(wire.sealed(key("huifu").public_key(), "x" * 246))

    assert len(theirs) == len(ours) == 256
    assert 512 == len(long)


# --- notifies -------------------------------------------------------------------------


def called(body, at=ACCOUNT, now=None):
    return DRIVER.callback(at, PATH, HEADERS, body, now=now)


def told(**more):
    """A notify's text about our payment."""
    said = {
        "req_seq_id": f"{NO}01",
        "req_date": "20261128",
        "huifu_id": HUIFU,
        "hf_seq_id": "HF1",
        "trans_stat": "S",
        "trans_type": "QUICK_PAY",
        "trans_amt": "10.00",
        "resp_code": "00000000",
    }
    return json.dumps(said | more)


@pytest.mark.parametrize(
    ("said", "operation", "outcome", "amount"),
    [
        ({}, Operation.CONFIRM, Outcome.SUCCEEDED, 1000),
        ({"trans_stat": "F"}, Operation.CONFIRM, Outcome.DECLINED, 1000),
        ({"trans_stat": "P"}, Operation.CONFIRM, Outcome.PENDING, 1000),
        ({"trans_amt": ""}, Operation.CONFIRM, Outcome.PENDING, None),
        (
            {"trans_stat": "", "resp_code": "90000000", "hf_seq_id": ""},
            Operation.CONFIRM,
            Outcome.UNKNOWN,
            1000,
        ),
        ({"trans_type": "WITHHOLD"}, Operation.DEDUCT, Outcome.SUCCEEDED, 1000),
        (
            {
                "req_seq_id": f"{NO}R01",
                "org_req_seq_id": f"{NO}01",
                "trans_type": "REFUND",
                "ord_amt": "4.00",
                "actual_ref_amt": "4.00",
            },
            Operation.REFUND,
            Outcome.SUCCEEDED,
            400,
        ),
        (
            {"req_seq_id": f"{NO}M01", "ord_amt": "4.00"},
            Operation.REFUND,
            Outcome.SUCCEEDED,
            400,
        ),
    ],
)
def test_a_notify_says_what_an_answer_says(said, operation, outcome, amount):
    """By the form of its number, and by its kind; a code alone ends nothing."""
    number = said.get("req_seq_id", f"{NO}01")
    callback = called(notify(told(**said)))

    assert (number, operation, HUIFU) == (
        callback.request_no,
        callback.operation,
        callback.merchant,
    )
    assert (outcome, amount) == (callback.reply.outcome, callback.reply.amount)
    assert said.get("hf_seq_id", "HF1") == (callback.reply.channel_ref or "")


def test_a_notify_is_acknowledged_in_their_words():
    """With the number as they have it, and only where it was kept."""
    fresh = called(notify(told(req_seq_id=f"{NO}01C")))
    plain = called(notify(told(), field="data"))

    assert f"{NO}01" == fresh.request_no
    assert (200, f"RECV_ORD_ID_{NO}01C".encode()) == DRIVER.acknowledge(fresh, True)
    assert (200, f"RECV_ORD_ID_{NO}01".encode()) == DRIVER.acknowledge(plain, True)
    assert 400 == DRIVER.acknowledge(plain, False)[0]
    assert 400 == DRIVER.acknowledge(None, True)[0]


def test_a_notify_is_verified_as_it_stands():
    """With escapes that no other writer would make; ordered anew it is another."""
    escaped = told(bank_message="a\\u003cb").replace("\\\\u003c", "\\u003c")
    anew = json.dumps(json.loads(escaped), separators=(",", ":"))
    body = notify(escaped)

    assert "a<b" in anew
    assert called(body) is not None
    assert called(body.replace(quote_plus(escaped).encode(), anew.encode())) is None
    moved = body.replace(quote_plus(escaped).encode(), quote_plus(anew).encode())
    assert called(moved) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"resp_data=%7B%7D",
        notify(told(), "somebody"),
        notify(told()) + b" ",
        notify(told()) + b"&resp_data=%7B%7D",
        notify(told()) + b"&resp_desc=x",
        notify(told())[:-40],
        notify("[]"),
        notify("no json"),
        notify(told(huifu_id="6666000100000003")),
        notify(told(huifu_id="")),
        notify(told(req_seq_id="20261128000001")),
        notify(told(req_seq_id=f"{NO}S01")),
        notify(told(trans_type="")),
        told().encode(),
    ],
)
def test_what_is_not_to_be_trusted_is_refused(body):
    """Unsigned, by somebody, changed, to another merchant, about nothing of ours."""
    assert called(body) is None


def test_every_octet_of_a_notify_is_signed():
    """A byte that is changed anywhere in what is signed is refused."""
    text = told()
    body = notify(text).decode()
    for at in range(len(text)):
        changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        forged = body.replace(quote_plus(text), quote_plus(changed))
        assert called(forged.encode()) is None, at


async def test_a_notify_comes_in_by_the_gateways_door(node: Node):
    """To an account that was saved as people save it; a key that is none is refused,
    and not repeated.
    """
    credentials = {
        "sys_id": SYS,
        "product_id": "YYZY",
        "huifu_id": HUIFU,
        "private_key": private_pem("ours"),
        "huifu_public_key": public_pem("huifu"),
        "blames": {"C1": "code"},
        "bill_columns": {"amount": "金额"},
    }

    async def save(**changed):
        await gateway.save_account(
            node,
            channel="huifu",
            account="main",
            driver="huifu",
            base_url="https://huifu.test",
            credentials=credentials | changed,
        )

    with pytest.raises(BadRequest) as refused:
        await save(private_key="SECRET")
    await save()
    await gateway.refresh(node)

    async def arrives(body):
        return await gateway.callback(node, "huifu", "main", PATH, HEADERS, body)

    genuine = await arrives(notify(told()))
    forged = await arrives(notify(told(), "somebody"))

    assert "SECRET" not in str(refused.value)
    assert Outcome.SUCCEEDED is genuine.callback.reply.outcome
    assert (200, f"RECV_ORD_ID_{NO}01".encode()) == genuine.accept(True)
    assert (None, "REFUSED") == (forged.callback, forged.message.verdict)
    assert 400 == forged.accept(True)[0]


# --- masking --------------------------------------------------------------------------

CANARIES = (
    *(CARD.number, CARD.name, CARD.id_no, CARD.phone[3:], "123456"),
    *AGREEMENT.split("/"),
)
SECRETS = {
    "card_no": CARD.number,
    "card_name": CARD.name,
    "cert_no": CARD.id_no,
    "mobile_no": CARD.phone[3:],
    "sms_code": "123456",
    "verify_code": "123456",
    "cvv2": "987",
    "expiration": "1230",
    "user_huifu_id": AGREEMENT.split("/")[0],
    "card_bind_id": AGREEMENT.split("/")[1],
    "token_no": AGREEMENT.split("/")[1],
}
NESTED = json.dumps(
    {"data": {"list": json.dumps([SECRETS]), **SECRETS}, "sign": "AA=="}
)


@pytest.mark.parametrize(
    "text",
    [
        NESTED,
        json.dumps({"data": json.dumps(NESTED)}),
        json.dumps({"data": SECRETS}, ensure_ascii=False),
        NESTED[:-9] + "…",
        json.dumps({"list": json.dumps(SECRETS)})[:-5] + "…",
        json.dumps(SECRETS, ensure_ascii=False)[:-1],
        f"<pre>{NESTED}</pre>",
        notify(NESTED).decode(),
        notify(NESTED).decode()[:-30] + "…",
        "&".join(f"{name}={value}" for name, value in SECRETS.items()),
        "\n".join(f"{name}: {value}" for name, value in SECRETS.items()),
        f"payer's card {CARD.number} phone {CARD.phone} id {CARD.id_no}",
    ],
)
def test_nothing_secret_is_kept(text):
    """By name, in whatever form, nested or cut; and by look where nothing is named."""
    kept = DRIVER.scrub(text)
    named = "card_no" in text or "%22card_no" in text

    for canary in CANARIES if named else CANARIES[:1]:
        assert canary not in kept
    assert "6b27" not in kept, "of the name, in JSON's escapes"


def test_what_is_no_secret_is_kept():
    """Numbers of orders and merchants are what people look for."""
    body = answer(to(ask(Operation.DEDUCT), trans_stat="P", hf_seq_id="HF1")).body
    kept = json.loads(DRIVER.scrub(body.decode()))["data"]

    assert (f"{NO}01", HUIFU, "HF1", "P") == tuple(
        kept[name] for name in ("req_seq_id", "huifu_id", "hf_seq_id", "trans_stat")
    )
    assert "tail" == DRIVER.scrub("tail")


@pytest.mark.parametrize("depth", range(50, 1350, 100))
def test_what_is_kept_may_be_of_any_depth(depth):
    """So deep that nobody can follow it: then by its names, as what is cut."""
    for begin, end in ("[", "]"), ('{"a":', "}"):
        text = begin * depth + '{"card_no":"6222021234567894"}' + end * depth
        assert CARD.number not in DRIVER.scrub(text)


@pytest.mark.parametrize("tail", ["R01", "M01", "S01", "S01AAA", "01C"])
def test_what_looks_like_a_card_is_none_of_ours(tail):
    """Our numbers stay as they are, whatever stands behind them; a merchant number with
    a card's check digit does not: whoever looks for cards in what was kept finds none.
    """
    number = f"2611251230301075BCDEFGHJKM{tail}"
    text = json.dumps({"data": {"req_seq_id": number, "huifu_id": "6666000100000001"}})
    kept = json.loads(DRIVER.scrub(text))["data"]

    assert (number, "666600******0001") == (kept["req_seq_id"], kept["huifu_id"])
    assert [] == list(secrets_in(DRIVER.scrub(text), ()))


@pytest.mark.parametrize("operation", sorted(DRIVER.capabilities))
def test_a_request_is_kept_without_its_secrets(operation):
    """Nothing of the card, the code, the agreement or a signature."""
    asked = ask(
        operation, subject="card 6225881234567898", opened_at=ask(operation).asked_at
    )
    outgoing = DRIVER.assemble(ACCOUNT, asked)

    for secret in (*CANARIES, *asked.secrets, "6225881234567898", "sign"):
        assert secret not in outgoing.masked
    assert NO in outgoing.masked
    assert "BEGIN" not in outgoing.masked + repr(outgoing.extra) + repr(ACCOUNT)


def test_an_echo_of_our_request_is_kept_without_its_secrets():
    """An error page may repeat all that we sent."""
    request = DRIVER.assemble(ACCOUNT, ask(Operation.CONFIRM)).http
    page = Answered(status=500, headers={}, body=b"<pre>%b</pre>" % request.body)
    kept = DRIVER.scrub(page.body.decode())
    data = json.loads(request.body)

    assert "123456" not in kept
    assert data["sign"] not in kept

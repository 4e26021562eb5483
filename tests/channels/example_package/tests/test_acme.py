"""Acme: each recorded message is read as it was.

Nothing else is believed: garbage, another signer, another order, another amount.
Each file of the folder is one call: what was asked, what we sent, what they answered,
and what that is to us. Record more at their test system (with made-up payers, and with
keys that never were in use), and CHANGE what is here along with the channel file.
"""

import hmac
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from paycore.gateway.call import Ask, CardFacts, Operation, Reply
from paycore.gateway.channel import BAD_SIGNATURE, Account
from paycore.kernel.http import Answered
from paycore.kernel.outcome import Blame, Outcome
from paycore_channel_acme import AcmeChannel

RECORDED = Path(__file__).parent / "recorded"
CHANNEL = AcmeChannel()
SECRET = "5c" * 32
ACCOUNT = Account(
    channel="acme",
    account="main",
    base_url="https://api.example.com",
    config=CHANNEL.Config(merchant="M-100", secret=SECRET),
)

CARD = CardFacts(
    number="6222021234567894",
    name="欧阳锋",
    id_no="11010519491231002X",
    phone="+8613812345678",
)
"""Canaries: nothing of it may be found in what is kept."""

ALL = {
    "attempt_seq": 1,
    "inst_trans_id": "acme.main",
    "channel": "acme",
    "account": "main",
    "timeout_s": 5.0,
    "card_id": "c1",
    "card": CARD,
}
"""What is the same of every ask."""


class Expected(msgspec.Struct, frozen=True):
    """What an answer is to us."""

    outcome: Outcome
    blame: Blame | None
    resp_code: str
    not_found: bool


class Recorded(msgspec.Struct, frozen=True):
    """One call as it was."""

    what: str
    ask: dict[str, str | int | None]
    request: dict[str, str | dict[str, str]]
    answer: dict[str, int | str | dict[str, str]]
    expected: Expected

    @property
    def asked(self) -> Ask:
        """What the core would have asked."""
        return msgspec.convert(self.ask | ALL, Ask)

    @property
    def answered(self) -> Answered:
        """What came over the network."""
        body = str(self.answer["body"]).encode()
        return msgspec.convert(self.answer | {"body": body}, Answered)


CALLS = {
    file.stem: msgspec.json.decode(file.read_bytes(), type=Recorded)
    for file in sorted(RECORDED.glob("*.json"))
}


@pytest.fixture(params=CALLS)
def call(request) -> Recorded:
    """Each of the recorded calls."""
    return CALLS[request.param]


@pytest.fixture(
    params=[
        name
        for name, call in CALLS.items()
        if call.expected.outcome is Outcome.SUCCEEDED
    ]
)
def paid(request) -> Recorded:
    """Each of those that were answered with yes."""
    return CALLS[request.param]


def assert_unknown(reply: Reply) -> None:
    """Nothing follows from it but another question."""
    assert reply.outcome is Outcome.UNKNOWN
    assert reply.blame is None
    assert not reply.not_found


def signed(call: Recorded, secret: str, **changes: object) -> Answered:
    """The recorded answer with changes, signed anew."""
    fields = msgspec.json.decode(call.answered.body) | changes
    return sealed(call, secret, msgspec.json.encode(fields))


def sealed(call: Recorded, secret: str, body: bytes) -> Answered:
    """A body as an answer that they signed: by our own reading of their document, not
    by the channel file.
    """
    stamp = call.answered.headers["x-timestamp"]
    path = str(call.request["url"]).removeprefix(ACCOUNT.base_url)
    text = f"{path}\n{stamp}\n".encode() + body
    mark = hmac.digest(bytes.fromhex(secret), text, "sha256").hex()
    return Answered(
        status=200, headers={"x-timestamp": stamp, "x-signature": mark}, body=body
    )


def test_enough_is_recorded():
    """There is a call of each operation, and an answer of each outcome."""
    assert CHANNEL.capabilities == {call.asked.operation for call in CALLS.values()}
    assert {Outcome.SUCCEEDED, Outcome.DECLINED, Outcome.PENDING, Outcome.UNKNOWN} == {
        call.expected.outcome for call in CALLS.values()
    }


def test_a_request_is_built_as_it_was(call):
    """The same ask is the same message, to the octet: else the signature is another."""
    http = CHANNEL.assemble(ACCOUNT, call.asked).http

    assert http is not None
    assert call.request == {
        "url": http.url,
        "headers": dict(http.headers),
        "body": http.body.decode(),
    }


def test_an_answer_is_read_as_it_was(call):
    """Each recorded answer has the outcome that was agreed on, and its blame."""
    reply = CHANNEL.read(ACCOUNT, call.asked, call.answered)

    assert reply.alarm is None
    assert call.expected == Expected(
        reply.outcome, reply.blame, reply.resp_code, reply.not_found
    )


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"\xff", b"[" * 100_000])
def test_garbage_is_unknown(call, body):
    """What cannot be read says nothing, signed or not."""
    for answered in (replace(call.answered, body=body), sealed(call, SECRET, body)):
        assert_unknown(CHANNEL.read(ACCOUNT, call.asked, answered))


@pytest.mark.parametrize("status", [204, 302, 400, 401, 404, 500, 502, 503])
def test_another_status_is_unknown(call, status):
    """Whatever their server or one before it was in trouble with, it may have acted."""
    answered = replace(call.answered, status=status)

    assert_unknown(CHANNEL.read(ACCOUNT, call.asked, answered))


def test_what_they_did_not_sign_is_unknown(call):
    """No signature, another key's, another text's or an old one: somebody looks."""
    ask, true = call.asked, call.answered
    late = replace(ask, asked_at=ask.asked_at + timedelta(days=1))
    forged = [
        (ask, replace(true, headers={})),
        (ask, replace(true, body=true.body + b" ")),
        (ask, signed(call, "ab" * 32)),
        (late, true),
    ]
    for asked, answered in forged:
        reply = CHANNEL.read(ACCOUNT, asked, answered)

        assert_unknown(reply)
        assert BAD_SIGNATURE == reply.resp_code
        assert reply.alarm


@pytest.mark.parametrize("field", ["order_no", "merchant"])
def test_an_answer_about_another_order_is_unknown(call, field):
    """A genuine answer to another order, or another merchant, proves nothing here."""
    reply = CHANNEL.read(ACCOUNT, call.asked, signed(call, SECRET, **{field: "X1"}))

    assert_unknown(reply)
    assert reply.alarm


@pytest.mark.parametrize("changes", [{"amount": 1}, {"currency": "USD"}])
def test_a_yes_over_another_amount_is_unknown(paid, changes):
    """What they took is told to whoever looks, and is no success."""
    reply = CHANNEL.read(ACCOUNT, paid.asked, signed(paid, SECRET, **changes))

    assert_unknown(reply)
    assert ("amount differs", "AMOUNT_DIFFERS") == (reply.alarm, reply.resp_code)
    assert reply.amount is not None


@pytest.mark.parametrize(
    "changes", [{"status": "REFUSED", "code": "E_NEW"}, {"status": "NEW"}]
)
def test_a_word_that_nobody_knows_is_unknown(call, changes):
    """What they invent later may mean anything."""
    reply = CHANNEL.read(ACCOUNT, call.asked, signed(call, SECRET, **changes))

    assert_unknown(reply)


def test_not_found_is_said_of_enquiries_only(call):
    """That there is no such order is no answer to a request for money."""
    answered = signed(call, SECRET, status="NOT_FOUND")
    reply = CHANNEL.read(ACCOUNT, call.asked, answered)

    assert Outcome.UNKNOWN is reply.outcome
    assert (call.asked.operation is Operation.ENQUIRE) == reply.not_found


def test_nothing_secret_is_kept(call):
    """No card, name, number, mandate or key is in what is kept of a message, whatever
    they repeat to us, nor in what is shown of an account.
    """
    ask = call.asked
    outgoing = CHANNEL.assemble(ACCOUNT, ask)
    assert outgoing.http is not None
    told = msgspec.to_builtins(CARD) | {"mandate": ask.agreement, "secret": SECRET}
    echo = msgspec.json.decode(call.answered.body) | told | {"all": [told]}
    echo["message"] = f"card {CARD.number}, {CARD.phone}, {CARD.id_no}"
    kept = [
        outgoing.masked,
        CHANNEL.scrub(outgoing.http.body.decode()),
        CHANNEL.scrub(msgspec.json.encode(echo).decode()),
        CHANNEL.scrub(f"<p>{echo['message']}</p>"),
        repr(ask),
        repr(ACCOUNT.config),
        repr(CHANNEL.read(ACCOUNT, ask, call.answered)),
    ]

    for secret in (*ask.secrets, SECRET):
        for text in kept:
            assert secret not in text


def test_a_key_that_is_none_is_refused():
    """What cannot sign is refused when it is saved, and every secret is declared."""
    with pytest.raises(ValueError, match="no secret"):
        CHANNEL.Config(merchant="M-100", secret="")

    assert set(CHANNEL.secret_fields) <= set(CHANNEL.Config.__struct_fields__)

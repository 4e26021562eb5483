"""What UnionPay signs has no escapes: a message may be cut into other fields than it
had, and its signature is good all the same.
"""

from urllib.parse import parse_qsl

import pytest
from channel_bench import Raw, arrive
from msgspec.structs import replace
from test_unionpay_contract import Gateway
from unionpay_calls import (
    MONEY,
    ORDER,
    account_of,
    an_ask,
    answer,
    assert_unknown,
    found,
    notify,
    read,
)
from unionpay_peer import MER_ID, Peer, form

from paycore.gateway.call import Operation
from paycore.gateway.channel import BAD_SIGNATURE
from paycore.gateway.unionpay_keys import Rsa
from paycore.gateway.unionpay_trust import AMBIGUOUS
from paycore.gateway.unionpay_wire import READ, Message

SETTLED = "&respCode=00&settleAmt=1000&settleCurrencyCode=156"


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer()


def digest_of(fields: dict[str, str]) -> bytes:
    return Rsa().digest(octets(fields))


@pytest.mark.parametrize("begin", ["x", "", "{"])
@pytest.mark.parametrize("operation", MONEY)
def test_a_refusal_that_is_cut_into_a_yes(peer, operation, begin):
    """A stranger asks in our name, with a field more; UnionPay refuses it, signs that
    with all of his fields in it, and he sends us the rest of it as the result.
    """
    account = account_of(peer)
    end = "}" if begin else ""
    said = answer(operation, "11", reqReserved=begin)
    del said["reserved"], said["respMsg"]
    refusal = peer.signed({**said, "rez": f"1{end}{SETTLED}"})
    # By name: reqReserved, respCode, rez, settle...
    cut = {n: v for n, v in refusal.items() if n not in ("respCode", "rez")}
    cut["reqReserved"] = f"{begin}&respCode=11&rez=1{end}"
    cut |= {"respCode": "00", "settleAmt": "1000", "settleCurrencyCode": "156"}

    assert digest_of(refusal) == digest_of(cut)
    assert notify(account, form(refusal)) is None
    assert notify(account, form(cut)) is None


def test_an_answer_whose_order_failed_is_cut_into_a_notice(peer):
    """The question went well; that the order did not would be the end of a number."""
    account = account_of(peer)
    said = found(Operation.REFUND, "64", origQryId="451803041718325987028")
    del said["origRespMsg"]
    signed = peer.signed(said)
    cut = {name: value for name, value in signed.items() if name != "origRespCode"}
    cut["origQryId"] += "&origRespCode=64"

    assert digest_of(signed) == digest_of(cut)
    assert notify(account, form(cut)) is None


@pytest.mark.parametrize("operation", MONEY)
def test_another_merchants_yes_is_cut_into_ours(peer, operation):
    """He pays himself the same amount, and says our order in what he may say freely;
    UnionPay signs for all merchants with one certificate.
    """
    account = account_of(peer)
    ours = answer(operation, "00", reqReserved=ORDER)
    his = {"merId": "777290058119999", "orderId": "HIS00001", "queryId": "1"}
    freely = f"x&merId={MER_ID}&orderId={ours['orderId']}&reqReserved={ORDER}"
    settled = {"settleAmt": "1000", "settleCurrencyCode": "156"}
    said = {**ours, **his, **settled, "reqReserved": freely}
    del said["reserved"]
    signed = peer.signed(said)
    cut = {n: v for n, v in signed.items() if n != "queryId"}
    hidden = "&".join(f"{name}={value}" for name, value in his.items())
    cut["encoding"] += f"&{hidden}&reqReserved=x"
    cut |= {name: ours[name] for name in ("merId", "orderId", "reqReserved")}

    assert digest_of(signed) == digest_of(cut)
    assert notify(account, form(cut)) is None


@pytest.mark.parametrize("name", READ)
def test_no_field_holds_one_that_is_read(peer, name):
    """Whichever it is: where it begins is not for its neighbour to say. In a reply it
    can stand in braces, and a person looks.
    """
    account, ask = account_of(peer), an_ask(Operation.DEDUCT)
    said = answer(Operation.DEDUCT, "64", accessType=f"{{0&{name}=1}}")

    assert notify(account, peer.notice(said)) is None
    assert_unknown(read(account, ask, peer.reply(said)), BAD_SIGNATURE, alarm=True)


async def test_the_simulators_refusal_that_is_cut_into_a_yes(
    light_node, strangers, door
):
    """As a stranger would do it: what he has is his own request, unsigned."""
    bench = Gateway(light_node, strangers, door)
    await bench.open()
    ask = await bench.new(Operation.DEDUCT)
    http = bench.driver().assemble(bench.opened(), ask).http
    asked = dict(parse_qsl(http.body.decode()))
    settled = f"&respCode=00&settleAmt={ask.amount}&settleCurrencyCode=156"
    request = {**asked, "rez": f"1{settled}", "signature": "AAAA"}
    answered = await light_node.transport.send(replace(http, body=form(request)))
    head, refused, tail = answered.body.decode().partition("&respCode=11")
    hidden, yes, rest = tail.partition("&respCode=00")
    cut = dict(one.split("=", 1) for one in (head + yes + rest).split("&"))
    cut["reqReserved"] += refused + hidden
    raw = Raw(ask, f"/callbacks/{bench.name}/main", {}, form(cut))

    assert (refused, yes) == ("&respCode=11", "&respCode=00")
    assert "00" == cut["respCode"]
    trust, message = bench.opened().config.trust, Message(values=octets(cut))
    assert AMBIGUOUS == trust.fault(message, ask.asked_at)
    assert (await arrive(bench, raw)).callback is None


def octets(fields: dict[str, str]) -> dict[str, bytes]:
    return {name: value.encode() for name, value in fields.items()}


def test_fields_that_have_such_words(peer):
    """As long as they begin no field, they are read."""
    account = account_of(peer)
    said = answer(Operation.DEDUCT, "05", respMsg="respCode=05 means so; a&b")

    assert notify(account, peer.notice(said)) is not None

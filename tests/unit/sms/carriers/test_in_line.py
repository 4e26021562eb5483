"""Carriers one after the other, and one tried by hand: what the SMS centre and people
make of what the carrier files say.
"""

import pytest
from text_provider import Provider, line_of, text

from paycore.gateway import checking
from paycore.kernel.outcome import Outcome
from paycore.sms.delivery import deliver, message_for

ALIYUN = {"access_key_id": "LTAI1", "access_key_secret": "s3cr3t", "template": "SMS_1"}
TENCENT = {"secret_id": "id", "secret_key": "key", "app_id": "1", "template": "2"}
YES = {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": "5000:1"}]}}


@pytest.fixture
async def second():
    made = Provider()
    await made.open()
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("status", "code", "first"),
    [
        (200, "isv.BUSINESS_LIMIT_CONTROL", Outcome.DECLINED),
        (400, "SignatureDoesNotMatch", Outcome.DECLINED),
        (200, "isp.SYSTEM_ERROR", Outcome.UNKNOWN),
        (503, "isv.ANYTHING", Outcome.UNKNOWN),
    ],
)
async def test_what_the_first_did_not_send_the_second_does(
    node, provider, second, *, status, code, first
) -> None:
    """At once, with the same code: too many texts at one provider is no end of it."""
    provider.will_say({"Code": code}, status=status)
    second.will_say(YES)
    lines = [
        await line_of(node, "aliyun", provider.url, ALIYUN),
        await line_of(node, "tencent", second.url, TENCENT),
    ]
    sent = await deliver(
        node, [message_for(line, text()) for line in lines], within_s=20
    )

    assert [first, Outcome.SUCCEEDED] == [one.delivery.outcome for one in sent.tried]
    assert Outcome.SUCCEEDED == sent.outcome
    assert (1, 1) == (len(provider.got), len(second.got))


async def test_a_check_repeats_no_credentials(node, provider) -> None:
    """Whoever answers there has our request before him, and may say what he likes."""
    keys = {"secret_id": "AKIDcanary0123456789", "secret_key": "canaryKEY0123456789"}
    await line_of(node, "tencent", provider.url, TENCENT | keys)
    for part in ("Message", "Code"):
        said = {"Code": "AuthFailure", "Message": "no"}
        said[part] = f"{keys['secret_id']} {keys['secret_key']} " + "x" * 2000
        provider.will_say({"Response": {"Error": said}})
        checked = await checking.carrier(node, "tencent")

        assert not checked.good
        assert "canary" not in f"{checked!r}"
        assert len(f"{checked!r}") < 1000


async def test_a_check_says_what_to_look_at(node, provider) -> None:
    """In words of the provider's, and what every carrier may say in common ones."""
    await line_of(node, "aliyun", provider.url, ALIYUN)
    explained = {}
    for answer, status in (
        ({"Code": "OK"}, 200),
        ({"Code": "InvalidAccessKeyId.NotFound"}, 404),
        (b"<html></html>", 200),
    ):
        provider.will_say(answer, status=status)
        checked = await checking.carrier(node, "aliyun")
        explained[checked.resp_code] = (checked.good, checked.explanation)
    await line_of(node, "tencent", "http://127.0.0.1:9", TENCENT)
    nobody = await checking.carrier(node, "tencent")

    assert explained["OK"][0]
    assert not explained["InvalidAccessKeyId.NotFound"][0]
    assert "access_key_id" in explained["InvalidAccessKeyId.NotFound"][1]
    assert "base URL" in explained["GARBAGE"][1]
    assert (False, "NOT_SENT") == (nobody.good, nobody.resp_code)

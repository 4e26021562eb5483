"""Tencent's simulator over real HTTP, by a client who signs with code of his own."""

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from paycore.sandbox.vendors import tencent

VECTORS = Path(__file__).parents[3] / "shared/vectors/sms_signing.json"
KEY_ID, SECRET, APPLICATION = "SID", "tc-secret", "1400006666"
PHONE = "+8613800138000"
BEIJING = timezone(timedelta(hours=8))
KEYS: dict[str, Any] = {
    "secret_id": KEY_ID,
    "secret_key": SECRET,
    "sms_sdk_app_id": APPLICATION,
    "sign_names": ["付芯"],
    "templates": {"1110": "验证码 {1}，{2} 分钟内有效"},
}


@pytest.fixture(scope="module")
def vendors(post_box: Any) -> dict[str, Any]:
    post_box.answer = lambda _: b'{"result":0,"errmsg":"OK"}'
    return {"tencent": {**KEYS, "receipt_url": f"{post_box.url}/receipts"}}


def signed(
    url: str,
    body: bytes,
    *,
    at: float | None = None,
    names: tuple[str, ...] = ("content-type", "host"),
    **change: str,
) -> dict[str, str]:
    """Headers of a call."""
    stamp = str(int(time.time() if at is None else at))
    headers = {
        "content-type": "application/json",
        "host": urlsplit(url).netloc,
        "x-tc-action": "SendSms",
        "x-tc-version": "2021-01-11",
        "x-tc-region": "ap-guangzhou",
        "x-tc-timestamp": stamp,
    }
    headers |= {name.replace("_", "-"): value for name, value in change.items()}
    day = f"{datetime.fromtimestamp(int(stamp), UTC):%Y-%m-%d}"
    scope, listed = f"{day}/sms/tc3_request", ";".join(names)
    canonical = "".join(f"{name}:{headers[name].lower()}\n" for name in names)
    hashed = hashlib.sha256(body).hexdigest()
    text = hashlib.sha256(f"POST\n/\n\n{canonical}\n{listed}\n{hashed}".encode())
    key = f"TC3{SECRET}".encode()
    for word in (day, "sms", "tc3_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    to_sign = f"TC3-HMAC-SHA256\n{stamp}\n{scope}\n{text.hexdigest()}"
    mac = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    headers["Authorization"] = (
        f"TC3-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={listed}, "
        f"Signature={mac}"
    )
    return headers


def fields(**more: Any) -> dict[str, Any]:
    """A text that is in order."""
    asked = {"PhoneNumberSet": [PHONE], "SmsSdkAppId": APPLICATION, "SignName": "付芯"}
    values = {"TemplateId": "1110", "TemplateParamSet": ["1234", "5"]}
    return {**asked, **values, "SessionContext": "s-1", **more}


def ask(sandbox: Any, asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What `Response` says; HTTP is 200 whatever it is."""
    url = sandbox.info["carriers"]["tencent"]
    body = json.dumps(asked).encode()
    answer = sandbox.http("POST", f"{url}/", body, signed(url, body, **more))
    assert 200 == answer.status
    said: dict[str, Any] = answer.body["Response"]
    return said


def test_a_text_is_filled_in_and_its_receipt_follows(
    sandbox: Any, post_box: Any
) -> None:
    """Ok with a SerialNo; the control shows words and code; the receipt says so."""
    post_box.taken.clear()
    [status] = ask(sandbox, fields())["SendStatusSet"]
    text = sandbox.control(f"sms?phone={PHONE}")[-1]
    [receipt] = json.loads(post_box.wait_for(1)[0])

    assert ("Ok", PHONE, "s-1", 1) == (
        status["Code"],
        status["PhoneNumber"],
        status["SessionContext"],
        status["Fee"],
    )
    assert ("【付芯】验证码 1234，5 分钟内有效", "1234", "tencent") == (
        text["text"],
        text["code"],
        text["carrier"],
    )
    assert ("86", "13800138000", "SUCCESS", status["SerialNo"]) == (
        receipt["nationcode"],
        receipt["mobile"],
        receipt["report_status"],
        receipt["sid"],
    )
    assert {"user_receive_time", "errmsg", "description"} < set(receipt)


def test_receipts_come_again_until_they_are_heard(sandbox: Any, post_box: Any) -> None:
    """HTTP 200 alone is no acknowledgement; a text that failed is told as that."""
    post_box.taken.clear()
    heard = post_box.answer
    post_box.answer = lambda body: heard(body) if len(post_box.taken) > 1 else b"OK"
    sandbox.fault("carrier.tencent.send", "undelivered")
    ask(sandbox, fields())
    receipts = [json.loads(body)[0] for body in post_box.wait_for(2)]
    post_box.answer = heard

    assert ["FAIL", "FAIL"] == [receipt["report_status"] for receipt in receipts]


def test_receipts_may_be_pulled(own_sandbox: Any) -> None:
    """Where there is no address for them; each is given once."""
    own_sandbox.end()
    own_sandbox.vendors = {"tencent": KEYS}
    own_sandbox.start()
    statuses = [ask(own_sandbox, fields())["SendStatusSet"][0] for _ in range(2)]
    pull = {"SmsSdkAppId": APPLICATION, "Limit": 1}
    action = {"x_tc_action": "PullSmsSendStatus"}
    pulled = [
        one["SerialNo"]
        for _ in range(3)
        for one in ask(own_sandbox, pull, **action)["PullSmsSendStatusSet"]
    ]

    assert [status["SerialNo"] for status in statuses] == pulled


def test_texts_are_counted(sandbox: Any) -> None:
    """By the hour; a question that asks for another application, or badly, is none."""
    now, action = datetime.now(BEIJING), {"x_tc_action": "SendStatusStatistics"}
    hours = {"BeginTime": f"{now:%Y%m%d}00", "EndTime": f"{now:%Y%m%d}23"}
    asked = {"SmsSdkAppId": APPLICATION, "Limit": 0, "Offset": 0, **hours}

    def counted(**changes: Any) -> dict[str, Any]:
        return ask(sandbox, {**asked, **changes}, **action)

    before = counted()["SendStatusStatistics"]["RequestSuccessCount"]
    ask(sandbox, fields())
    after = counted()["SendStatusStatistics"]["RequestSuccessCount"]
    codes = [
        counted(**wrong)["Error"]["Code"].partition(".")[0]
        for wrong in ({"SmsSdkAppId": "1"}, {"EndTime": "x"}, {"Limit": 5})
    ]

    assert after == before + 1
    assert ["UnauthorizedOperation", "InvalidParameterValue", "InvalidParameter"] == (
        codes
    )
    assert (
        0
        == (
            counted(BeginTime="2020010100", EndTime="2020010123")[
                "SendStatusStatistics"
            ]["FeeCount"]
        )
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            {"PhoneNumberSet": ["12345"]},
            "InvalidParameterValue.IncorrectPhoneNumber",
        ),
        ({"SignName": "别人"}, "FailedOperation.SignatureIncorrectOrUnapproved"),
        ({"TemplateId": "1"}, "FailedOperation.TemplateIncorrectOrUnapproved"),
        (
            {"TemplateParamSet": ["1234"]},
            "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
        ),
    ],
)
def test_texts_are_refused(sandbox: Any, change: dict[str, Any], code: str) -> None:
    """By a code of the phone's; nothing is delivered."""
    before = len(sandbox.control("sms"))
    [status] = ask(sandbox, fields(**change))["SendStatusSet"]

    assert (code, "", 0) == (status["Code"], status["SerialNo"], status["Fee"])
    assert before == len(sandbox.control("sms"))


@pytest.mark.parametrize(
    ("change", "more", "code"),
    [
        ({}, {"ago": 400}, "AuthFailure.SignatureExpire"),
        ({}, {"ago": -400}, "AuthFailure.SignatureExpire"),
        ({}, {"names": ("host",)}, "AuthFailure.InvalidAuthorization"),
        ({}, {"x_tc_version": "2019-07-11"}, "NoSuchVersion"),
        ({}, {"x_tc_region": ""}, "MissingParameter"),
        ({}, {"x_tc_action": "Nothing"}, "InvalidAction"),
        ({"SmsSdkAppId": "1"}, {}, "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
        ({"PhoneNumberSet": PHONE}, {}, "InvalidParameter"),
        ({"PhoneNumberSet": []}, {}, "InvalidParameterValue.ContentLengthLimit"),
        ({"TemplateParamSet": [1234, 5]}, {}, "InvalidParameter"),
    ],
)
def test_calls_are_refused(
    sandbox: Any, change: dict[str, Any], more: dict[str, Any], code: str
) -> None:
    """By `Response.Error`, over HTTP 200."""
    if "ago" in more:  # counted from now: tests are collected long before they run
        more = {"at": time.time() - more["ago"]}
    assert code == ask(sandbox, fields(**change), **more)["Error"]["Code"]


def test_signatures_are_checked(sandbox: Any) -> None:
    """Another body, another key's name, another day, no signature."""
    url = sandbox.info["carriers"]["tencent"]
    body = json.dumps(fields()).encode()
    headers = signed(url, body)
    given = headers["Authorization"]
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    told = [
        sandbox.http(
            "POST", f"{url}/", sent, {**headers, "Authorization": authorization}
        )
        for sent, authorization in (
            (body.replace(b"1234", b"1235"), given),
            (body, given.replace(KEY_ID, "OTHER")),
            (body, given.replace(day, "2020-01-01")),
            (body, ""),
            (body, given),
        )
    ]
    codes = [
        answer.body["Response"].get("Error", {}).get("Code", "Ok") for answer in told
    ]

    assert [
        "AuthFailure.SignatureFailure",
        "AuthFailure.SecretIdNotFound",
        "AuthFailure.SignatureFailure",
        "AuthFailure.InvalidAuthorization",
        "Ok",
    ] == codes


def test_faults(sandbox: Any) -> None:
    """A phone's codes and a call's; a lost answer after the text went out."""
    limit = "LimitExceeded.PhoneNumberThirtySecondLimit"
    sandbox.fault("carrier.tencent.send", f"decline:{limit}", count=1)
    [limited] = ask(sandbox, fields())["SendStatusSet"]
    sandbox.fault("carrier.tencent.send", "decline:InternalError.Timeout", count=1)
    broken = ask(sandbox, fields())
    before = len(sandbox.control("sms"))
    url = sandbox.info["carriers"]["tencent"]
    body = json.dumps(fields()).encode()
    sandbox.fault("carrier.tencent.send", "timeout_after", count=1)
    with pytest.raises(TimeoutError):
        sandbox.http("POST", f"{url}/", body, signed(url, body), timeout=0.4)

    assert limit == limited["Code"]
    assert "InternalError.Timeout" == broken["Error"]["Code"]
    assert before + 1 == len(sandbox.until("sms", before + 1))


def recorded() -> Any:
    if not VECTORS.exists():
        pytest.skip("the recorded requests are not beside the repository")
    return json.loads(VECTORS.read_bytes())


def test_the_published_signature_is_right() -> None:
    """That of the provider's documents comes out."""
    one = recorded()["published"]["tencent_tc3"]
    headers = {"content-type": one["content_type"], "host": one["host"]}
    headers["x-tc-timestamp"] = str(one["timestamp"])
    text = tencent.string_to_sign(
        ("POST", "/", ""),
        headers,
        one["signed_headers"].split(";"),
        body=one["body"].encode(),
        service=one["service"],
    )
    day = f"{datetime.fromtimestamp(one['timestamp'], UTC):%Y-%m-%d}"

    assert one["signature"] == tencent.signature(
        one["secret_key"], text, day, one["service"]
    )


def test_genuine_signatures_are_right() -> None:
    """That of the provider's own library comes out."""
    told = recorded()["sdk_recorded"]["tencent_sms"]
    for request in told["requests"]:
        headers = request["headers"]
        given = headers["authorization"]
        text = tencent.string_to_sign(
            (request["method"], request["target"], ""),
            headers,
            given.partition("SignedHeaders=")[2].partition(",")[0].split(";"),
            body=request["body"].encode(),
            service="sms",
        )
        day = given.partition("/")[2][:10]
        signature = tencent.signature(told["secret_key"], text, day, "sms")
        assert given.endswith(f"Signature={signature}")

"""Aliyun's simulator over real HTTP, by a client who signs with code of his own."""

import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from paycore.sandbox.vendors import aliyun

VECTORS = Path(__file__).parents[3] / "shared/vectors/sms_signing.json"
KEY_ID, SECRET = "AKID", "ali-secret"
PHONE = "13800138000"


@pytest.fixture(scope="module")
def vendors(post_box: Any) -> dict[str, Any]:
    post_box.answer = lambda _: b'{"code":0,"msg":"ok"}'
    keys = {"access_key_id": KEY_ID, "access_key_secret": SECRET}
    words = {
        "sign_names": ["付芯"],
        "templates": {"SMS_1": "验证码 ${code}，五分钟内有效"},
    }
    return {"aliyun": {**keys, **words, "receipt_url": f"{post_box.url}/receipts"}}


def signed(
    url: str,
    query: dict[str, str],
    *,
    unsigned: tuple[str, ...] = (),
    **change: str,
) -> tuple[str, dict[str, str]]:
    """Target and headers of a call; `unsigned` headers are sent and not signed."""
    headers = {
        "host": urlsplit(url).netloc,
        "x-acs-action": "SendSms",
        "x-acs-version": "2017-05-25",
        "x-acs-date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": secrets.token_hex(16),
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
    }
    headers |= {name.replace("_", "-"): value for name, value in change.items()}
    target = "&".join(
        f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}"
        for k, v in sorted(query.items())
    )
    names = sorted(set(headers) - set(unsigned))
    canonical = "".join(f"{name}:{headers[name]}\n" for name in names)
    listed = ";".join(names)
    text = (
        f"POST\n/\n{target}\n{canonical}\n{listed}\n{headers['x-acs-content-sha256']}"
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    mac = hmac.new(SECRET.encode(), f"ACS3-HMAC-SHA256\n{digest}".encode(), "sha256")
    headers["Authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={KEY_ID},SignedHeaders={listed},"
        f"Signature={mac.hexdigest()}"
    )
    return f"{url}/?{target}", headers


def fields(**more: str) -> dict[str, str]:
    """A text that is in order."""
    asked = {"PhoneNumbers": PHONE, "SignName": "付芯", "TemplateCode": "SMS_1"}
    return {**asked, "TemplateParam": '{"code":"123456"}', "OutId": "o-1", **more}


def ask(sandbox: Any, query: dict[str, str], **more: Any) -> tuple[int, dict[str, Any]]:
    url = sandbox.info["carriers"]["aliyun"]
    target, headers = signed(url, query, **more)
    answer = sandbox.http("POST", target, b"", headers)
    return answer.status, answer.body


def test_a_text_is_filled_in_and_its_receipt_follows(
    sandbox: Any, post_box: Any
) -> None:
    """OK with a BizId; the control shows the words and the code; the report says so."""
    post_box.taken.clear()
    status, said = ask(sandbox, fields())
    text = sandbox.control(f"sms?phone=%2B86{PHONE}")[-1]
    [report] = json.loads(post_box.wait_for(1)[0])
    details = {"PhoneNumber": PHONE, "CurrentPage": "1", "PageSize": "10"}
    details["SendDate"] = f"{datetime.now(UTC) + timedelta(hours=8):%Y%m%d}"
    details["BizId"] = said["BizId"]
    _, found = ask(sandbox, details, x_acs_action="QuerySendDetails")

    assert (200, "OK") == (status, said["Code"])
    assert ("【付芯】验证码 123456，五分钟内有效", "123456", "aliyun") == (
        text["text"],
        text["code"],
        text["carrier"],
    )
    assert (PHONE, True, said["BizId"], "o-1") == (
        report["phone_number"],
        report["success"],
        report["biz_id"],
        report["out_id"],
    )
    assert {"send_time", "report_time", "err_code", "err_msg", "sms_size"} < set(report)
    [detail] = found["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    assert (1, 3, "o-1") == (
        found["TotalCount"],
        detail["SendStatus"],
        detail["OutId"],
    )


def test_receipts_come_again_until_they_are_heard(sandbox: Any, post_box: Any) -> None:
    """HTTP 200 alone is no acknowledgement; a text that failed is told as that."""
    post_box.taken.clear()
    heard = post_box.answer
    post_box.answer = lambda body: heard(body) if len(post_box.taken) > 1 else b"OK"
    sandbox.fault("carrier.aliyun.send", "undelivered")
    ask(sandbox, fields())
    reports = [json.loads(body)[0] for body in post_box.wait_for(2)]
    post_box.answer = heard

    assert [False, False] == [report["success"] for report in reports]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"PhoneNumbers": "12345"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"PhoneNumbers": "+14155550100"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"SignName": "别人"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"TemplateCode": "SMS_2"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"TemplateParam": "{}"}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"TemplateParam": '{"code":123456}'}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": "code"}, "isv.INVALID_JSON_PARAM"),
    ],
)
def test_texts_are_refused(sandbox: Any, change: dict[str, str], code: str) -> None:
    """HTTP 200 with a code of the text's; nothing is delivered."""
    before = len(sandbox.control("sms"))
    status, said = ask(sandbox, fields(**change))

    assert (200, code) == (status, said["Code"])
    assert "BizId" not in said
    assert before == len(sandbox.control("sms"))


def stamp(ago: timedelta) -> str:
    return f"{datetime.now(UTC) - ago:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"x_acs_date": timedelta(minutes=16)}, 400, "InvalidTimeStamp.Expired"),
        ({"x_acs_date": timedelta(minutes=-16)}, 400, "InvalidTimeStamp.Expired"),
        ({"x_acs_date": "yesterday"}, 400, "InvalidTimeStamp.Format"),
        ({"x_acs_version": "2015-01-01"}, 400, "InvalidVersion"),
        ({"x_acs_action": "Nothing"}, 404, "InvalidAction.NotFound"),
        ({"x_acs_content_sha256": "00"}, 400, "SignatureDoesNotMatch"),
        ({"unsigned": ("host",)}, 400, "IncompleteSignature"),
        ({"unsigned": ("x-acs-date",)}, 400, "IncompleteSignature"),
        ({"unsigned": ("x-acs-more",), "x_acs_more": "1"}, 400, "IncompleteSignature"),
    ],
)
def test_calls_are_refused(
    sandbox: Any, change: dict[str, Any], status: int, code: str
) -> None:
    """What is late, of another version, or not signed as a whole."""
    # Counted from now: tests are collected long before they run.
    change = {
        name: stamp(value) if isinstance(value, timedelta) else value
        for name, value in change.items()
    }
    said = ask(sandbox, fields(), **change)

    assert (status, code) == (said[0], said[1]["Code"])


def test_signatures_are_checked(sandbox: Any) -> None:
    """Another value, another key's name, no signature, and the same call twice."""
    url = sandbox.info["carriers"]["aliyun"]
    target, headers = signed(url, fields())
    other = target.replace("123456", "123457")
    strange = headers["Authorization"].replace(KEY_ID, "OTHER")
    told = [
        sandbox.http("POST", other, b"", headers),
        sandbox.http("POST", target, b"", {**headers, "Authorization": strange}),
        sandbox.http("POST", target, b"", {**headers, "Authorization": ""}),
        sandbox.http("POST", target, b"", headers),
        sandbox.http("POST", target, b"", headers),
    ]

    assert [
        (403, "SignatureDoesNotMatch"),
        (404, "InvalidAccessKeyId.NotFound"),
        (400, "IncompleteSignature"),
        (200, "OK"),
        (400, "SignatureNonceUsed"),
    ] == [(answer.status, answer.body["Code"]) for answer in told]


def test_faults(sandbox: Any) -> None:
    """Any code; a lost answer after the text went out."""
    sandbox.fault("carrier.aliyun.send", "decline:isv.BUSINESS_LIMIT_CONTROL", count=1)
    limited = ask(sandbox, fields())
    sandbox.fault("carrier.aliyun.send", "decline:Throttling.User", count=1)
    throttled = ask(sandbox, fields())
    sandbox.fault("carrier.aliyun.send", "http_500", count=1)
    url = sandbox.info["carriers"]["aliyun"]
    target, headers = signed(url, fields())
    broken = sandbox.http("POST", target, b"", headers)
    before = len(sandbox.control("sms"))
    sandbox.fault("carrier.aliyun.send", "timeout_after", count=1)
    target, headers = signed(url, fields())
    with pytest.raises(TimeoutError):
        sandbox.http("POST", target, b"", headers, timeout=0.4)

    assert (200, "isv.BUSINESS_LIMIT_CONTROL") == (limited[0], limited[1]["Code"])
    assert (400, "Throttling.User") == (throttled[0], throttled[1]["Code"])
    assert 500 == broken.status
    assert before + 1 == len(sandbox.until("sms", before + 1))


def recorded() -> Any:
    if not VECTORS.exists():
        pytest.skip("the recorded requests are not beside the repository")
    return json.loads(VECTORS.read_bytes())


def test_published_signatures_are_right() -> None:
    """Those of the provider's documents come out."""
    for one in recorded()["published"]["aliyun_acs3"]:
        query = "&".join(f"{k}={quote(v)}" for k, v in one["query"].items())
        headers = one["headers"]
        text = aliyun.string_to_sign("POST", "/", query, headers, sorted(headers))
        assert one["signature"] == aliyun.signature(one["secret"], text)


def test_genuine_signatures_are_right() -> None:
    """Those of the provider's own library come out, by the headers that it lists."""
    told = recorded()["sdk_recorded"]["aliyun_dysmsapi_4"]
    for request in told["requests"]:
        headers = request["headers"]
        parts = dict(
            parse_qsl(headers["authorization"].partition(" ")[2].replace(",", "&"))
        )
        names = headers["authorization"].partition("SignedHeaders=")[2]
        text = aliyun.string_to_sign(
            request["method"],
            "/",
            urlsplit(request["target"]).query,
            headers,
            names.partition(",")[0].split(";"),
        )
        assert request["string_to_sign"] == text
        assert parts["Signature"] == aliyun.signature(told["secret"], text)

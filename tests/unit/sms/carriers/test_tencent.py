"""Tencent's carrier file: its signature against published and recorded ones, and all
that its provider may say, over HTTP on loopback.
"""

import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
from text_provider import (
    CODE,
    PHONE,
    REQUEST_NO,
    TOKEN,
    line_of,
    recorded,
    said,
    sent_by,
    text,
)

from paycore.kernel.errors import BadRequest
from paycore.kernel.outcome import Outcome
from paycore.sms.carriers.tencent import (
    canonical_request,
    signature_of,
    string_to_sign,
)

KEY_ID, SECRET = "AKIDcanaryOfTheKey", "canary-of-the-secret"
CONFIG = {
    "secret_id": KEY_ID,
    "secret_key": SECRET,
    "app_id": "1400006666",
    "template": "1110",
    "sign": "腾讯云",
    "receipt_token": TOKEN,
}
SECRETS = (PHONE, PHONE[1:], PHONE[3:], CODE, KEY_ID, SECRET, TOKEN)


def of_phone(code: str, **facts: object) -> dict:
    """An answer that speaks of the one phone."""
    status = {
        "SerialNo": "5000:1",
        "PhoneNumber": PHONE,
        "Fee": 1,
        "SessionContext": REQUEST_NO,
        "Code": code,
        "Message": "as told",
        "IsoCode": "CN",
        **facts,
    }
    return {"Response": {"SendStatusSet": [status], "RequestId": "R-1"}}


def of_call(code: str, message: str = "") -> dict:
    """An answer that speaks of the call as a whole."""
    error = {"Code": code, "Message": message}
    return {"Response": {"Error": error, "RequestId": "R-1"}}


YES = of_phone("Ok")
COUNTED = {"FeeCount": 0, "RequestCount": 0, "RequestSuccessCount": 0}


@pytest.fixture
async def line(node, provider):
    return await line_of(node, "tencent", provider.url, CONFIG)


class TestSignature:
    """TC3-HMAC-SHA256, as others compute it."""

    def test_the_published_example_comes_out(self) -> None:
        """The provider's own page shows this signature for this request."""
        body = (
            rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"],'
            rb' "Name": "instance-name"}]}'
        )
        headers = {
            "content-type": "application/json; charset=utf-8",
            "host": "cvm.tencentcloudapi.com",
        }
        scope = "2019-02-25/cvm/tc3_request"
        signed = string_to_sign(1551113065, scope, canonical_request(headers, body))

        assert (
            "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
        ) == signature_of("Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", scope, signed)

    def test_what_the_providers_client_signed_comes_out(self) -> None:
        """The signature of a recorded request."""
        found = recorded("tencent_sms")
        for one in found["requests"]:
            _, credential, names, signature = one["headers"]["authorization"].split(" ")
            _, _, scope = credential.rstrip(",").partition("/")
            signed = {
                name: one["headers"][name]
                for name in names.rstrip(",").removeprefix("SignedHeaders=").split(";")
            }
            told = string_to_sign(
                int(one["headers"]["x-tc-timestamp"]),
                scope,
                canonical_request(signed, one["body"].encode()),
            )
            computed = signature_of(found["secret_key"], scope, told)

            assert signature == f"Signature={computed}"


class TestRequest:
    """What leaves."""

    async def test_a_text_is_one_phones(self, node, provider, line) -> None:
        """In E.164, with sign, template and its one variable as registered."""
        provider.will_say(YES)
        await said(node, line, text())
        (got,) = provider.got

        assert ("POST", "/") == (got.method, got.target)
        assert {
            "PhoneNumberSet": [PHONE],
            "SmsSdkAppId": "1400006666",
            "SignName": "腾讯云",
            "TemplateId": "1110",
            "TemplateParamSet": [CODE],
            "SessionContext": REQUEST_NO,
        } == json.loads(got.body)
        assert ("SendSms", "2021-01-11", "ap-guangzhou") == (
            got.headers["x-tc-action"],
            got.headers["x-tc-version"],
            got.headers["x-tc-region"],
        )
        assert "application/json" == got.headers["content-type"]

    async def test_who_receives_it_can_verify_it(self, node, provider, line) -> None:
        """Over the body, content type and host as they came, on the day of the stamp
        in UTC.
        """
        provider.will_say(YES)
        await said(node, line, text())
        (got,) = provider.got
        host = f"127.0.0.1:{urlsplit(provider.url).port}"
        stamp = int(datetime(2026, 11, 29, 23, 30, 5, tzinfo=UTC).timestamp())
        canonical = (
            f"POST\n/\n\ncontent-type:application/json\nhost:{host}\n\n"
            f"content-type;host\n{sha256(got.body).hexdigest()}"
        )
        signed = (
            f"TC3-HMAC-SHA256\n{stamp}\n2026-11-29/sms/tc3_request\n"
            f"{sha256(canonical.encode()).hexdigest()}"
        )
        key = b"TC3" + SECRET.encode()
        for part in ("2026-11-29", "sms", "tc3_request"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        signature = hmac.new(key, signed.encode(), "sha256").hexdigest()

        assert (
            f"TC3-HMAC-SHA256 Credential={KEY_ID}/2026-11-29/sms/tc3_request,"
            f" SignedHeaders=content-type;host, Signature={signature}"
        ) == got.headers["authorization"]
        assert str(stamp) == got.headers["x-tc-timestamp"]
        assert host == got.headers["host"]

    @pytest.mark.parametrize(("language", "template"), [("zh", "1110"), ("en", "1111")])
    async def test_a_payer_reads_his_template(
        self, node, provider, language, template
    ) -> None:
        """The English one for all who do not read Chinese; and the SMS centre's sign,
        where the carrier has none of its own.
        """
        config = {**CONFIG, "template_en": "1111", "sign": ""}
        line = await line_of(node, "tencent", provider.url, config)
        provider.will_say(YES)
        await said(node, line, text(language=language))
        fields = json.loads(provider.got[0].body)

        assert (template, "paycore") == (fields["TemplateId"], fields["SignName"])

    async def test_only_tls_or_this_machine_is_believed(self, node) -> None:
        """Nothing else proves an answer that is not signed."""
        for url in ("http://sms.tencentcloudapi.com", "http://192.168.0.1"):
            with pytest.raises(BadRequest, match="https://"):
                await line_of(node, "tencent", url, CONFIG)


class TestOutcome:
    """What an answer is worth."""

    @pytest.mark.parametrize(
        ("code", "outcome"),
        [
            ("LimitExceeded.PhoneNumberThirtySecondLimit", "DECLINED"),
            ("LimitExceeded.PhoneNumberOneHourLimit", "DECLINED"),
            ("LimitExceeded.PhoneNumberDailyLimit", "DECLINED"),
            ("LimitExceeded.DeliveryFrequencyLimit", "DECLINED"),
            ("RequestLimitExceeded", "DECLINED"),
            ("InvalidParameterValue.IncorrectPhoneNumber", "DECLINED"),
            ("FailedOperation.SignatureIncorrectOrUnapproved", "DECLINED"),
            ("FailedOperation.TemplateIncorrectOrUnapproved", "DECLINED"),
            ("FailedOperation.InsufficientBalanceInSmsPackage", "DECLINED"),
            ("FailedOperation.PhoneNumberInBlacklist", "DECLINED"),
            ("FailedOperation.ContainSensitiveWord", "DECLINED"),
            ("AuthFailure.SignatureFailure", "DECLINED"),
            ("UnauthorizedOperation.RequestPermissionDeny", "DECLINED"),
            ("InternalError.Timeout", "UNKNOWN"),
            ("InternalError", "UNKNOWN"),
            ("FailedOperation", "UNKNOWN"),
            ("FailedOperation.SomethingNew", "UNKNOWN"),
            ("SomethingNew", "UNKNOWN"),
            ("", "UNKNOWN"),
        ],
    )
    async def test_every_code_has_its_outcome(
        self, node, provider, line, code, outcome
    ) -> None:
        """Of the phone as of the whole call: what is not known for a no may have been
        texted.
        """
        for answer in (of_phone(code), of_call(code)):
            provider.will_say(answer)
            delivery = (await said(node, line, text())).delivery
            assert (outcome, code) == (delivery.outcome, delivery.resp_code)

    async def test_a_yes_has_its_number(self, node, provider, line) -> None:
        """By which its receipt will be known."""
        provider.will_say(YES)
        delivery = (await said(node, line, text())).delivery

        assert (Outcome.SUCCEEDED, "5000:1") == (delivery.outcome, delivery.message_id)
        assert line.driver.receipts_by_id

    @pytest.mark.parametrize(
        ("answer", "status", "code"),
        [
            (of_call("Ok"), 200, "Ok"),
            (of_phone("Ok", SessionContext="another"), 200, "OTHER_REQUEST"),
            (YES, 500, "HTTP_500"),
            (YES, 404, "HTTP_404"),
            (YES, 301, "HTTP_301"),
            (b"<html></html>", 200, "GARBAGE"),
            (b"\xff", 200, "GARBAGE"),
            (b"[" * 100_000, 200, "GARBAGE"),
            ({}, 200, "GARBAGE"),
            ({"Response": {}}, 200, "GARBAGE"),
            ({"Response": {"SendStatusSet": []}}, 200, "GARBAGE"),
            ({"Response": {"SendStatusSet": [{"SerialNo": "1"}]}}, 200, "GARBAGE"),
            (
                {"Response": {"SendStatusSet": 2 * YES["Response"]["SendStatusSet"]}},
                200,
                "GARBAGE",
            ),
        ],
    )
    async def test_what_cannot_be_trusted_is_unknown(
        self, node, provider, line, *, answer, status, code
    ) -> None:
        """It may have been texted."""
        provider.will_say(answer, status=status)
        delivery = (await said(node, line, text())).delivery

        assert (Outcome.UNKNOWN, code) == (delivery.outcome, delivery.resp_code)
        assert ("OTHER_REQUEST" == code) == (delivery.alarm is not None)

    async def test_silence_is_unknown_and_a_closed_port_is_not_sent(
        self, node, provider, line
    ) -> None:
        """Only what surely never left is NOT_SENT."""
        provider.silent = True
        silence = (await said(node, line, text(), timeout_s=0.5)).delivery
        closed = await line_of(node, "tencent", "http://127.0.0.1:9", CONFIG)
        never = (await said(node, closed, text())).delivery

        assert (Outcome.UNKNOWN, "NO_ANSWER") == (silence.outcome, silence.resp_code)
        assert Outcome.NOT_SENT == never.outcome


class TestKept:
    """What may be stored."""

    def test_the_body_is_kept_without_code_and_phone(self, line) -> None:
        """What was asked for can be read; who and what was texted cannot."""
        kept = json.loads(line.driver.masked(line, text()))

        assert {
            "PhoneNumberSet": ["+86*******5678"],
            "SmsSdkAppId": "1400006666",
            "SignName": "腾讯云",
            "TemplateId": "1110",
            "TemplateParamSet": ["******"],
            "SessionContext": REQUEST_NO,
        } == kept

    async def test_an_answer_is_kept_without_the_phone(
        self, node, provider, line
    ) -> None:
        """It repeats it, and may repeat more where it refuses."""
        told = f"of {PHONE}: {CODE} Credential={KEY_ID}/2026-11-29/sms, Signature=0a1b"
        for answer in (of_phone("Ok", Message=told), of_call("AuthFailure.X", told)):
            provider.will_say(answer)
            sent = await sent_by(node, line, text())
            (tried,) = sent.tried
            for secret in (*SECRETS, "0a1b"):
                assert secret not in sent.resp_msg
                assert secret not in tried.answer
        assert "AuthFailure.X" in tried.answer

    def test_scrub_needs_no_knowledge_of_the_call(self, line) -> None:
        """A phone and the variables are found by their names, escaped ones too."""
        scrub = line.driver.scrub
        body = json.dumps(
            {"PhoneNumberSet": ["85291234567"], "TemplateParamSet": [CODE, "5"]}
        )
        receipt = json.dumps([{"mobile": "91234567", "nationcode": "852"}])
        for told in (body, json.dumps(body), receipt, f"PhoneNumber: {PHONE}"):
            kept = scrub(told)
            for secret in ("91234567", CODE, PHONE):
                assert secret not in kept, kept
            assert kept == scrub(kept)

    def test_a_line_shows_none_of_its_keys(self, line) -> None:
        """In whatever is logged of it."""
        shown = f"{line!r} {line.config!r} {line.config}"

        assert [] == [secret for secret in SECRETS if secret in shown]


class TestCheck:
    """A call that texts nobody, and takes no receipt away."""

    async def test_it_asks_how_many_texts_there_were(
        self, node, provider, line
    ) -> None:
        """In the last hour, of our application; two hours of Beijing's clock."""
        provider.will_say({"Response": {"SendStatusStatistics": COUNTED}})
        checked = await line.driver.check(node, line, timeout_s=20)
        (got,) = provider.got
        asked = json.loads(got.body)
        begin, end = (
            datetime.strptime(f"{asked[name]} +0800", "%Y%m%d%H %z")
            for name in ("BeginTime", "EndTime")
        )

        assert Outcome.SUCCEEDED == checked.outcome
        assert "SendStatusStatistics" == got.headers["x-tc-action"]
        assert ("1400006666", 0, 0) == (
            asked["SmsSdkAppId"],
            asked["Limit"],
            asked["Offset"],
        )
        assert 3600 == (end - begin).total_seconds()
        assert 0 <= (node.now() - end).total_seconds() <= 3601

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("AuthFailure.SignatureFailure", "secret_key"),
            ("AuthFailure.SecretIdNotFound", "secret_id"),
            ("AuthFailure.SignatureExpire", "clock"),
            ("AuthFailure.UnauthorizedOperation", "sms:SendSms"),
            ("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "app_id"),
        ],
    )
    async def test_who_is_not_let_in_is_told_why(
        self, node, provider, line, code, words
    ) -> None:
        """With the field to look at, or the right that is missing."""
        provider.will_say(of_call(code))
        checked = await line.driver.check(node, line, timeout_s=20)

        assert (Outcome.DECLINED, code) == (checked.outcome, checked.resp_code)
        assert words in (checked.alarm or "")

    @pytest.mark.parametrize(
        ("answer", "status", "code"),
        [
            (b"<html></html>", 200, "GARBAGE"),
            ({"Response": {"RequestId": "R-1"}}, 200, "GARBAGE"),
            (YES, 502, "HTTP_502"),
            (of_call("InvalidAction"), 200, "InvalidAction"),
        ],
    )
    async def test_whoever_else_answers_is_no_success(
        self, node, provider, line, *, answer, status, code
    ) -> None:
        """What did not look at our credentials proves nothing of them."""
        provider.will_say(answer, status=status)
        checked = await line.driver.check(node, line, timeout_s=20)

        assert (Outcome.UNKNOWN, code) == (checked.outcome, checked.resp_code)


class TestReceipts:
    """What it pushes."""

    BODY = (
        b'[{"user_receive_time":"2026-11-30 07:30:09","nationcode":"86",'
        b'"mobile":"13812345678","report_status":"SUCCESS","errmsg":"DELIVRD",'
        b'"description":"ok","sid":"5000:1"},'
        b'{"report_status":"FAIL","errmsg":"SPAM","sid":"5000:2"},'
        b'{"report_status":"LATER","errmsg":"","sid":"5000:3"}]'
    )

    def test_each_names_its_own_number(self, line) -> None:
        """Which we know from the answer; its times are Beijing's, and a status that is
        neither says nothing.
        """
        good, bad = line.driver.receipts(line, TOKEN, {}, self.BODY)

        assert (True, "DELIVRD", "", "5000:1") == (
            good.delivered,
            good.code,
            good.request_no,
            good.message_id,
        )
        assert datetime(2026, 11, 29, 23, 30, 9, tzinfo=UTC) == good.at
        assert (False, "SPAM", "5000:2") == (bad.delivered, bad.code, bad.message_id)
        assert bad.at is None

    @pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], f"{TOKEN}x", "词"])
    def test_only_its_own_address_is_believed(self, line, token) -> None:
        """Whoever does not know it is nobody."""
        assert line.driver.receipts(line, token, {}, self.BODY) is None

    async def test_a_carrier_without_an_address_gets_none(self, node, provider) -> None:
        """An empty token is not a key that everybody has."""
        config = {**CONFIG, "receipt_token": ""}
        line = await line_of(node, "tencent", provider.url, config)

        assert line.driver.receipts(line, "", {}, self.BODY) is None

    @pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000])
    def test_what_is_none_is_refused(self, line, body) -> None:
        """So that it comes again."""
        assert line.driver.receipts(line, TOKEN, {}, body) is None

    def test_it_hears_what_it_wants_to(self, line) -> None:
        """A result of 0 is a yes, and nothing else is."""
        yes = (200, b'{"result":0,"errmsg":"OK"}')
        assert yes == line.driver.acknowledge(True)
        assert 400 == line.driver.acknowledge(False)[0]

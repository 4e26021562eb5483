"""Aliyun's carrier file: its signature against published and recorded ones, and all
that its provider may say, over HTTP on loopback.
"""

import hmac
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import parse_qsl, quote, urlsplit

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
from paycore.sms.carriers.aliyun import (
    canonical_request,
    signature_of,
    string_to_sign,
)

KEY_ID, SECRET = "LTAI5tCanaryKeyId", "canary-of-the-secret"
CONFIG = {
    "access_key_id": KEY_ID,
    "access_key_secret": SECRET,
    "template": "SMS_1",
    "sign": "测试 签名*~",
    "receipt_token": TOKEN,
}
SECRETS = (PHONE, PHONE[1:], PHONE[3:], CODE, KEY_ID, SECRET, TOKEN)
YES = {"Code": "OK", "Message": "OK", "BizId": "9006^0", "RequestId": "R-1"}


def no(code: str, message: str = "") -> dict[str, str]:
    """A refusal."""
    return {"Code": code, "Message": message, "RequestId": "R-1"}


@pytest.fixture
async def line(node, provider):
    return await line_of(node, "aliyun", provider.url, CONFIG)


class TestSignature:
    """ACS3-HMAC-SHA256, as others compute it."""

    @pytest.mark.parametrize(
        ("date", "nonce", "signature"),
        [
            (
                "2023-10-26T10:22:32Z",
                "3156853299f313e23d1673dc12e1703d",
                "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
            ),
            (
                "2023-10-26T09:01:01Z",
                "d410180a5abf7fe235dd9b74aca91fc0",
                "e521358f7776c97df52e6b2891a8bc73026794a071b50c3323388c4e0df64804",
            ),
        ],
    )
    def test_the_published_examples_come_out(self, date, nonce, signature) -> None:
        """The provider's own pages show these two signatures for these requests."""
        headers = {
            "host": "ecs.cn-shanghai.aliyuncs.com",
            "x-acs-action": "RunInstances",
            "x-acs-content-sha256": sha256(b"").hexdigest(),
            "x-acs-date": date,
            "x-acs-signature-nonce": nonce,
            "x-acs-version": "2014-05-26",
        }
        image = "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"
        query = {"RegionId": "cn-shanghai", "ImageId": image}
        canonical = canonical_request("/", query, headers)

        assert signature == signature_of(
            "YourAccessKeySecret", string_to_sign(canonical)
        )

    def test_what_the_providers_client_signed_comes_out(self) -> None:
        """Canonical request, string to sign and signature of recorded requests, one of
        them with blanks, stars and tildes in its query, octet by octet.
        """
        found = recorded("aliyun_dysmsapi_4")
        for one in found["requests"]:
            credential, names, signature = one["headers"]["authorization"].split(",")
            signed = {
                name: one["headers"][name]
                for name in names.removeprefix("SignedHeaders=").split(";")
            }
            query = dict(parse_qsl(urlsplit(one["target"]).query))
            canonical = canonical_request("/", query, signed)

            assert one["canonical_request"] == canonical
            assert one["string_to_sign"] == string_to_sign(canonical)
            computed = signature_of(found["secret"], string_to_sign(canonical))
            assert signature == f"Signature={computed}"
            assert credential.endswith(f"Credential={found['ak']}")


class TestRequest:
    """What leaves."""

    async def test_a_text_is_all_in_the_query(self, node, provider, line) -> None:
        """Number, registered sign, template and its one variable; and no body."""
        provider.will_say(YES)
        await said(node, line, text())
        (got,) = provider.got

        assert ("POST", b"", "/") == (got.method, got.body, got.target.split("?")[0])
        assert {
            "OutId": REQUEST_NO,
            "PhoneNumbers": "13812345678",
            "SignName": "测试 签名*~",
            "TemplateCode": "SMS_1",
            "TemplateParam": f'{{"code":"{CODE}"}}',
        } == dict(parse_qsl(urlsplit(got.target).query))
        assert "+" not in got.target
        assert "2026-11-29T23:30:05Z" == got.headers["x-acs-date"]
        assert "SendSms" == got.headers["x-acs-action"]
        assert "2017-05-25" == got.headers["x-acs-version"]

    async def test_who_receives_it_can_verify_it(self, node, provider, line) -> None:
        """By the list of headers that it names: the host and every x-acs- header."""
        provider.will_say(YES)
        await said(node, line, text())
        (got,) = provider.got
        scheme, _, rest = got.headers["authorization"].partition(" ")
        parts = dict(part.split("=", 1) for part in rest.split(","))
        names = parts["SignedHeaders"].split(";")
        pairs = sorted(parse_qsl(urlsplit(got.target).query))
        query = "&".join(f"{name}={quote(value, safe='~')}" for name, value in pairs)
        lines = [f"{name}:{got.headers[name]}" for name in names]
        canonical = "\n".join(
            ["POST", "/", query, *lines, "", ";".join(names), sha256(b"").hexdigest()]
        )
        signed = f"{scheme}\n{sha256(canonical.encode()).hexdigest()}"
        expected = hmac.new(SECRET.encode(), signed.encode(), "sha256").hexdigest()

        assert ("ACS3-HMAC-SHA256", KEY_ID) == (scheme, parts["Credential"])
        assert expected == parts["Signature"]
        acs = {name for name in got.headers if name.startswith("x-acs-")}
        assert {"host", *acs} <= set(names)
        assert f"127.0.0.1:{urlsplit(provider.url).port}" == got.headers["host"]

    async def test_no_two_texts_have_one_nonce(self, node, provider, line) -> None:
        """The same text has the same: whoever sends it again is refused."""
        provider.will_say(YES)
        for number in (REQUEST_NO, REQUEST_NO, REQUEST_NO[:-1] + "2"):
            await said(node, line, text(request_no=number))
        first, again, other = (
            got.headers["x-acs-signature-nonce"] for got in provider.got
        )

        assert first == again != other

    @pytest.mark.parametrize(
        ("phone", "dialled"),
        [("+85291234567", "85291234567"), ("+12025550123", "12025550123")],
    )
    async def test_a_number_abroad_has_its_country(
        self, node, provider, line, phone, dialled
    ) -> None:
        """Its country's code, without a plus."""
        provider.will_say(YES)
        await said(node, line, text(phone=phone))

        assert f"PhoneNumbers={dialled}&" in provider.got[0].target

    @pytest.mark.parametrize(
        ("language", "template"),
        [("zh", "SMS_1"), ("zh-Hant", "SMS_1"), ("en", "SMS_2"), ("de", "SMS_2")],
    )
    async def test_a_payer_reads_his_template(
        self, node, provider, language, template
    ) -> None:
        """The English one for all who do not read Chinese; and the SMS centre's sign,
        where the carrier has none of its own.
        """
        config = {**CONFIG, "template_en": "SMS_2", "parameter": "yzm", "sign": ""}
        line = await line_of(node, "aliyun", provider.url, config)
        provider.will_say(YES)
        await said(node, line, text(language=language))
        query = dict(parse_qsl(urlsplit(provider.got[0].target).query))

        assert template == query["TemplateCode"]
        assert f'{{"yzm":"{CODE}"}}' == query["TemplateParam"]
        assert "paycore" == query["SignName"]

    async def test_only_tls_or_this_machine_is_believed(self, node) -> None:
        """Nothing else proves an answer that is not signed."""
        for url in ("http://dysmsapi.aliyuncs.com", "http://[::1", "http://10.0.0.1"):
            with pytest.raises(BadRequest, match="https://"):
                await line_of(node, "aliyun", url, CONFIG)
        for url in ("https://dysmsapi.aliyuncs.com", "http://localhost:1"):
            assert url == (await line_of(node, "aliyun", url, CONFIG)).base_url


class TestOutcome:
    """What an answer is worth."""

    @pytest.mark.parametrize(
        ("answer", "status", "outcome", "code"),
        [
            (YES, 200, "SUCCEEDED", "OK"),
            (no("isv.BUSINESS_LIMIT_CONTROL"), 200, "DECLINED", None),
            (no("isv.MOBILE_NUMBER_ILLEGAL"), 200, "DECLINED", None),
            (no("isv.AMOUNT_NOT_ENOUGH"), 400, "DECLINED", None),
            (no("isv.SMS_TEMPLATE_ILLEGAL"), 200, "DECLINED", None),
            (no("isv.SMS_SIGNATURE_ILLEGAL"), 200, "DECLINED", None),
            (no("isp.RAM_PERMISSION_DENY"), 200, "DECLINED", None),
            (no("SignatureDoesNotMatch"), 400, "DECLINED", None),
            (no("InvalidAccessKeyId.NotFound"), 404, "DECLINED", None),
            (no("Throttling.User"), 400, "DECLINED", None),
            (no("isp.SYSTEM_ERROR"), 200, "UNKNOWN", None),
            (no("SignatureNonceUsed"), 400, "UNKNOWN", None),
            (no("SomethingNew"), 400, "UNKNOWN", None),
            (YES, 400, "UNKNOWN", "OK"),
            (YES, 500, "UNKNOWN", "HTTP_500"),
            (no("isv.AMOUNT_NOT_ENOUGH"), 503, "UNKNOWN", "HTTP_503"),
            (YES, 302, "UNKNOWN", "HTTP_302"),
            (b"<html>gateway</html>", 200, "UNKNOWN", "GARBAGE"),
            (b"<html>not here</html>", 404, "UNKNOWN", "HTTP_404"),
            (b"\xff\xfe", 200, "UNKNOWN", "GARBAGE"),
            (b"[" * 100_000, 200, "UNKNOWN", "GARBAGE"),
            (b'{"Code":"OK","Biz', 200, "UNKNOWN", "GARBAGE"),
            ({"Message": "OK"}, 200, "UNKNOWN", "GARBAGE"),
            ({"Code": 200}, 200, "UNKNOWN", "GARBAGE"),
        ],
    )
    async def test_every_answer_has_its_outcome(
        self, node, provider, line, *, answer, status, outcome, code
    ) -> None:
        """A yes is one word under one status, a no is one that is known for a no, and
        all else may have been texted.
        """
        provider.will_say(answer, status=status)
        delivery = (await said(node, line, text())).delivery

        assert (outcome, code or answer["Code"]) == (
            delivery.outcome,
            delivery.resp_code,
        )

    async def test_silence_is_unknown_and_a_closed_port_is_not_sent(
        self, node, provider, line
    ) -> None:
        """Only what surely never left is NOT_SENT."""
        provider.silent = True
        silence = (await said(node, line, text(), timeout_s=0.5)).delivery
        closed = await line_of(node, "aliyun", "http://127.0.0.1:9", CONFIG)
        never = (await said(node, closed, text())).delivery

        assert (Outcome.UNKNOWN, "NO_ANSWER") == (silence.outcome, silence.resp_code)
        assert Outcome.NOT_SENT == never.outcome
        assert 1 == len(provider.got)

    async def test_its_number_is_kept(self, node, provider, line) -> None:
        """BizId is what its people ask for."""
        provider.will_say(YES)

        assert "9006^0" == (await said(node, line, text())).delivery.message_id


class TestKept:
    """What may be stored."""

    def test_the_query_is_kept_without_code_and_phone(self, line) -> None:
        """What was asked for can be read; who and what was texted cannot."""
        kept = line.driver.masked(line, text())

        assert (
            f"OutId={REQUEST_NO}&PhoneNumbers=*******5678&SignName=测试 签名*~"
            "&TemplateCode=SMS_1&TemplateParam=******"
        ) == kept

    async def test_a_refused_signature_repeats_nothing_secret(
        self, node, provider, line
    ) -> None:
        """With it comes all that was signed: the whole query, as it was encoded."""
        query = (await self._sent(node, provider, line)).partition("?")[2]
        message = (
            "Specified signature does not match our calculation. server"
            f" CanonicalRequest is: POST\n/\n{query}\nhost:x server"
            f" Credential={KEY_ID},Signature=0a1b2c"
        )
        twice = quote(message, safe="")
        for told in (message, twice):
            provider.will_say(no("SignatureDoesNotMatch", told), status=400)
            sent = await sent_by(node, line, text())
            (tried,) = sent.tried

            for secret in (*SECRETS, "0a1b2c"):
                assert secret not in sent.resp_msg
                assert secret not in tried.answer
            assert "SignatureDoesNotMatch" in tried.answer

    @staticmethod
    async def _sent(node, provider, line) -> str:
        provider.will_say(YES)
        await said(node, line, text())
        target: str = provider.got[-1].target
        return target

    def test_scrub_needs_no_knowledge_of_the_call(self, line) -> None:
        """A phone and a variable are found by their names, abroad and encoded too."""
        scrub = line.driver.scrub
        for told in (
            f"PhoneNumbers=85291234567&TemplateParam=%7B%22yzm%22%3A%22{CODE}%22%7D",
            f'{{"PhoneNumber":"85291234567","TemplateParam":"{{\\"a\\":\\"{CODE}\\"}}"}}',
            f'[{{"phone_number": "85291234567", "code": "{CODE}"}}]',
            f"phone_number = {PHONE}, Credential={KEY_ID},x",
        ):
            kept = scrub(told)
            for secret in ("85291234567", CODE, PHONE, KEY_ID):
                assert secret not in kept, kept
            assert kept == scrub(kept)

    def test_a_line_shows_none_of_its_keys(self, line) -> None:
        """In whatever is logged of it."""
        shown = f"{line!r} {line.config!r} {line.config}"

        assert [] == [secret for secret in SECRETS if secret in shown]


class TestCheck:
    """A call that texts nobody, explained."""

    async def test_it_asks_after_texts_to_nobody(self, node, provider, line) -> None:
        """Of today, by its own days; a yes is a yes, and so is a no that had to look
        into the question.
        """
        for answer in (YES, no("isv.INVALID_PARAMETERS"), no("isp.SYSTEM_ERROR")):
            provider.will_say(answer)
            checked = await line.driver.check(node, line, timeout_s=20)
            assert Outcome.SUCCEEDED == checked.outcome
        got = provider.got[0]
        query = dict(parse_qsl(urlsplit(got.target).query))

        assert "QuerySendDetails" == got.headers["x-acs-action"]
        assert ("13800138000", "1") == (query["PhoneNumber"], query["PageSize"])
        sent = datetime.strptime(query["SendDate"], "%Y%m%d").replace(tzinfo=UTC)
        assert abs((node.now() - sent).days) <= 1
        nonces = {each.headers["x-acs-signature-nonce"] for each in provider.got}
        assert 3 == len(nonces)

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("SignatureDoesNotMatch", "access_key_secret"),
            ("InvalidAccessKeyId.NotFound", "access_key_id"),
            ("isp.RAM_PERMISSION_DENY", "dysms:SendSms"),
            ("InvalidTimeStamp.Expired", "clock"),
        ],
    )
    async def test_who_is_not_let_in_is_told_why(
        self, node, provider, line, code, words
    ) -> None:
        """With the field to look at, or the right that is missing."""
        provider.will_say(no(code), status=400)
        checked = await line.driver.check(node, line, timeout_s=20)

        assert (Outcome.DECLINED, code) == (checked.outcome, checked.resp_code)
        assert words in (checked.alarm or "")

    @pytest.mark.parametrize(
        ("answer", "status", "code"),
        [
            (b"<html></html>", 200, "GARBAGE"),
            (b"", 404, "HTTP_404"),
            (YES, 502, "HTTP_502"),
            (no("InvalidAction.NotFound"), 404, "InvalidAction.NotFound"),
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
        b'[{"phone_number":"13812345678","send_time":"2026-11-29 23:30:06",'
        b'"report_time":"2026-11-30 07:30:09","success":true,"err_code":"DELIVERED",'
        b'"err_msg":"ok","sms_size":"1","biz_id":"9006^0","out_id":"'
        + REQUEST_NO.encode()
        + b'"},{"success":false,"err_code":"MOBILE_NOT_ON_SERVICE","biz_id":"9007^0",'
        b'"report_time":"soon"}]'
    )

    def test_each_names_the_text_that_it_is_about(self, line) -> None:
        """By our own number; its times are Beijing's, and one that is none is left."""
        good, bad = line.driver.receipts(line, TOKEN, {}, self.BODY)

        assert (True, "DELIVERED", REQUEST_NO, "9006^0") == (
            good.delivered,
            good.code,
            good.request_no,
            good.message_id,
        )
        assert datetime(2026, 11, 29, 23, 30, 9, tzinfo=UTC) == good.at
        assert (False, "", None) == (bad.delivered, bad.request_no, bad.at)

    @pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], f"{TOKEN}x", "词"])
    def test_only_its_own_address_is_believed(self, line, token) -> None:
        """Whoever does not know it is nobody."""
        assert line.driver.receipts(line, token, {}, self.BODY) is None

    async def test_a_carrier_without_an_address_gets_none(self, node, provider) -> None:
        """An empty token is not a key that everybody has."""
        config = {**CONFIG, "receipt_token": ""}
        line = await line_of(node, "aliyun", provider.url, config)

        assert line.driver.receipts(line, "", {}, self.BODY) is None

    async def test_an_address_that_can_be_guessed_is_refused(self, node) -> None:
        """Sixteen letters at least, of those that an address takes as they are."""
        for token in ("short", "sixteen letters!!", "a" * 129):
            config = {**CONFIG, "receipt_token": token}
            with pytest.raises(BadRequest):
                await line_of(node, "aliyun", "https://example.com", config)

    @pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000])
    def test_what_is_none_is_refused(self, line, body) -> None:
        """So that it comes again."""
        assert line.driver.receipts(line, TOKEN, {}, body) is None

    def test_it_hears_what_it_wants_to(self, line) -> None:
        """A number named `code`, under the status that counts."""
        assert (200, b'{"code":0,"msg":"OK"}') == line.driver.acknowledge(True)
        assert 400 == line.driver.acknowledge(False)[0]

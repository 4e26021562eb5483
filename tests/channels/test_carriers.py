"""The carriers of the sandbox, its own and those of providers, by the suite that every
carrier must pass.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from carrier_bench import CarrierBench
from carrier_contract import CarrierContract
from channel_bench import call
from msgspec.structs import replace

from paycore.kernel.outcome import Outcome
from paycore.sms.carriers.aliyun import AliyunCarrier
from paycore.sms.carriers.sandbox import SandboxCarrier
from paycore.sms.carriers.smpp import SmppCarrier
from paycore.sms.carriers.tencent import TencentCarrier


def as_they_are(*codes: str) -> Mapping[str, str]:
    """Codes that are kept as the carrier says them."""
    return MappingProxyType({code: code for code in codes})


class Own(CarrierBench):
    """The first of the sandbox's own carriers."""

    driver = SandboxCarrier

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self.name = "a"

    def ours(self) -> Mapping[str, object]:
        """The merchant's key."""
        return {"merchant": self.strangers.merchant, "secret": self.strangers.secret}


class TestSandboxCarrier(CarrierContract):
    """The sandbox's own."""

    bench_of = Own
    refusals = as_they_are(
        *("BAD_REQUEST", "BLACKLISTED", "MAINTENANCE", "OVER_LIMIT", "WRONG_PHONE")
    )
    throttles = "OVER_LIMIT"
    unsure = ("E_NEW_2031",)
    signs = True
    tells = False


class Aliyun(CarrierBench):
    """Aliyun's short messages."""

    driver = AliyunCarrier


class TestAliyun(CarrierContract):
    """Aliyun: `isv.` is our fault, and so is what stays at the door."""

    bench_of = Aliyun
    refusals = as_they_are(
        "isv.MOBILE_NUMBER_ILLEGAL",
        "isv.AMOUNT_NOT_ENOUGH",
        "isv.SMS_TEMPLATE_ILLEGAL",
        "isv.SMS_SIGNATURE_ILLEGAL",
        "isv.BUSINESS_LIMIT_CONTROL",
        "isp.RAM_PERMISSION_DENY",
        "SignatureDoesNotMatch",
    )
    throttles = "isv.BUSINESS_LIMIT_CONTROL"
    unsure = ("isp.SYSTEM_ERROR", "ServiceUnavailable", "E_NEW_2031")
    undone: ClassVar = (b'"success":true', b'"success":false')
    wrong: ClassVar = {"access_key_secret": "0" * 30, "access_key_id": "LTAI0000"}


class Tencent(CarrierBench):
    """Tencent Cloud's short messages."""

    driver = TencentCarrier


class TestTencent(CarrierContract):
    """Tencent: HTTP 200 for whatever it is."""

    bench_of = Tencent
    refusals = as_they_are(
        "InvalidParameterValue.IncorrectPhoneNumber",
        "FailedOperation.SignatureIncorrectOrUnapproved",
        "FailedOperation.TemplateIncorrectOrUnapproved",
        "FailedOperation.InsufficientBalanceInSmsPackage",
        "FailedOperation.PhoneNumberInBlacklist",
        "FailedOperation.ContainSensitiveWord",
        "LimitExceeded.PhoneNumberThirtySecondLimit",
        "RequestLimitExceeded",
        "AuthFailure.SignatureFailure",
        "UnauthorizedOperation.SmsSdkAppIdVerifyFail",
    )
    throttles = "LimitExceeded.PhoneNumberThirtySecondLimit"
    unsure = ("InternalError.Timeout", "FailedOperation.E_NEW_2031", "E_NEW_2031")
    undone: ClassVar = (b'"SUCCESS"', b'"FAIL"')
    wrong: ClassVar = {
        "secret_key": "0" * 32,
        "secret_id": "AKID0000",
        "app_id": "1400000002",
    }


class Smpp(CarrierBench):
    """A message centre behind SMPP 3.4."""

    driver = SmppCarrier


class TestSmpp(CarrierContract):
    """SMPP: statuses, over a connection that is kept."""

    bench_of = Smpp
    refusals: ClassVar = {
        "RINVSRCADR": "0x0000000A",
        "RINVDSTADR": "0x0000000B",
        "RBINDFAIL": "0x0000000D",
        "RINVPASWD": "0x0000000E",
        "RINVSYSID": "0x0000000F",
        "RMSGQFUL": "0x00000014",
        "RTHROTTLED": "0x00000058",
    }
    throttles = "RTHROTTLED"
    unsure = ("RSYSERR", "RSUBMITFAIL", "0x4FF")
    silent = ("timeout_before", "timeout_after")
    over_http = False
    wrong: ClassVar = {"password": "nobodys", "system_id": "nobody"}

    async def test_a_no_to_the_last_part(self, bench: CarrierBench) -> None:
        """A long text goes in parts: of one that was taken nobody can say that it did
        not reach the phone.
        """
        long = replace(bench.ask(), language="zh", payee="咖啡馆", subject="三杯咖啡")
        whole = replace(bench.ask(), language="zh", payee="咖啡馆", subject="三杯咖啡")
        sent = await call(bench.node, whole)
        (text,) = await bench.texts(whole)
        await bench.fault("decline:RTHROTTLED")
        reply = await call(bench.node, long)

        assert sent.outcome is Outcome.SUCCEEDED
        assert "咖啡馆（三杯咖啡）" in text["text"]
        assert (reply.outcome, reply.blame) == (Outcome.UNKNOWN, None)
        assert not await bench.texts(long)

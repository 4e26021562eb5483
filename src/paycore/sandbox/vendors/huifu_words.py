"""Huifu's words: what must be in a request, and what a bank's verdict is called there.

Tables only. Codes marked [I] in `docs/sandbox-vendors.md` are nowhere published.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

OK: Final = "00000000"
ACCEPTED: Final = "00000100"
INVALID: Final = "10000000"
NOT_FINAL: Final = "10000001"
TOO_MUCH: Final = "10000002"
DUPLICATE: Final = "20000000"
UNKNOWN: Final = "23000001"
REFUSED: Final = "90000000"

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        OK: "成功",
        ACCEPTED: "处理中",
        INVALID: "参数错误",
        NOT_FINAL: "原交易未终态",
        TOO_MUCH: "退款金额超过原交易金额",
        DUPLICATE: "重复的请求流水号",
        UNKNOWN: "交易不存在",
        REFUSED: "业务执行失败",
    }
)

WRONG_CODE: Final = "CODE_WRONG"
DEAD_CODE: Final = "CODE_EXPIRED"

BANK_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "INSUFFICIENT_FUNDS": "64",
        "OVER_LIMIT": "33",
        "CARD_LOST": "63",
        "WRONG_PHONE": "66",
        "BLACKLISTED": "62",
        "MAINTENANCE": "91",
        WRONG_CODE: "71",
        DEAD_CODE: "72",
    }
)
BANK_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "INSUFFICIENT_FUNDS": "卡上的余额不足",
        "OVER_LIMIT": "交易金额超限",
        "CARD_LOST": "卡状态不正确",
        "WRONG_PHONE": "持卡人身份信息或手机号不正确",
        "BLACKLISTED": "受限制的卡",
        "MAINTENANCE": "发卡行系统维护",
        WRONG_CODE: "短信验证码错误",
        DEAD_CODE: "短信验证码已失效",
    }
)


class Step(Struct, frozen=True, kw_only=True):
    """One address: what a bank is asked for there, and what must be told."""

    operation: str
    required: tuple[str, ...]
    within: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Texts that are JSON themselves, and what must be in those."""


_OWN: Final = ("req_seq_id", "req_date", "huifu_id")
_DEVICE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "terminal_device_data": ("device_type", "device_ip"),
        "risk_check_data": ("ip_addr",),
    }
)

APPLY: Final = "/v3/quickbuckle/apply"
CONFIRM: Final = "/v3/quickbuckle/confirm"
CARDS: Final = "/v2/quickbuckle/query"
UNBIND: Final = "/v2/quickbuckle/unbind"
SEND: Final = "/v3/trade/onlinepayment/quickpay/smssend"
CHECK: Final = "/v2/trade/onlinepayment/quickpay/smscheck"
PAY: Final = "/v3/trade/onlinepayment/quickpay/pay"
WITHHOLD: Final = "/v2/trade/onlinepayment/withholdpay"
QUERY: Final = "/v2/trade/onlinepayment/query"
REFUND: Final = "/v2/trade/onlinepayment/refund"
REFUND_QUERY: Final = "/v2/trade/onlinepayment/refund/query"
FILES: Final = "/v2/trade/check/filequery"

STEPS: Final[Mapping[str, Step]] = MappingProxyType(
    {
        APPLY: Step(
            operation="sign",
            required=(
                *_OWN,
                "out_cust_id",
                "card_no",
                "card_name",
                "cert_no",
                "mobile_no",
                "cert_validity_type",
                "cert_begin_date",
            ),
        ),
        CONFIRM: Step(
            operation="sign",
            required=(*_OWN, "org_req_seq_id", "org_req_date", "verify_code"),
        ),
        CARDS: Step(operation="enquire", required=(*_OWN, "out_cust_id")),
        UNBIND: Step(operation="revoke", required=(*_OWN, "out_cust_id", "token_no")),
        SEND: Step(
            operation="send_code",
            required=(
                *_OWN,
                "user_huifu_id",
                "card_bind_id",
                "trans_amt",
                "notify_url",
            ),
            within={
                "nucc_data": ("goods_short_name", "gw_chnnl_tp", "biz_tp"),
                **_DEVICE,
            },
        ),
        CHECK: Step(
            operation="enquire",
            required=(*_OWN, "org_req_seq_id", "org_req_date", "sms_code"),
        ),
        PAY: Step(operation="confirm", required=(*_OWN, "sms_code")),
        WITHHOLD: Step(
            operation="deduct",
            required=(
                *_OWN,
                "user_huifu_id",
                "card_bind_id",
                "trans_amt",
                "goods_desc",
                "withhold_type",
                "notify_url",
            ),
            within=_DEVICE,
        ),
        QUERY: Step(
            operation="enquire", required=("huifu_id", "org_req_date", "pay_type")
        ),
        REFUND: Step(
            operation="refund",
            required=(*_OWN, "ord_amt", "org_req_date"),
            within=_DEVICE,
        ),
        REFUND_QUERY: Step(operation="enquire", required=("huifu_id", "org_req_date")),
        FILES: Step(operation="", required=(*_OWN, "file_date")),
    }
)

_DATE: Final = r"20\d{6}"
_AMOUNT: Final = r"(?:0|[1-9]\d{0,11})\.\d\d"
_NUMBER: Final = r"[A-Za-z0-9_-]{1,32}"

FORMS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "req_seq_id": re.compile(_NUMBER),
        "org_req_seq_id": re.compile(_NUMBER),
        "req_date": re.compile(_DATE),
        "org_req_date": re.compile(_DATE),
        "file_date": re.compile(_DATE),
        "trans_amt": re.compile(_AMOUNT),
        "ord_amt": re.compile(_AMOUNT),
        "verify_code": re.compile(r"\d{4,6}"),
        "sms_code": re.compile(r"\d{4,6}"),
        "pay_type": re.compile("QUICK_PAY"),
    }
)
"""How a field must look wherever it is given."""

SECRETS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "card_no": re.compile(r"\d{12,19}"),
        "card_name": re.compile(r"\S(?:.{0,62}\S)?"),
        "cert_no": re.compile(r"\d{17}[\dX]"),
        "mobile_no": re.compile(r"1\d{10}"),
    }
)
"""Fields that are encrypted, and how they must look when they are opened."""

"""Huifu's side of the wire, by hand: its key, its envelopes, its notifies.

Signed here by the standard library's JSON, so that the adapter's own is checked by it.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote_plus

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from msgspec.structs import replace

from paycore.gateway.call import Ask, CardFacts, Operation
from paycore.gateway.channel import Account
from paycore.gateway.huifu_config import HuifuConfig
from paycore.kernel.http import Answered
from paycore.kernel.ids import attempt_id, refund_no, signing_request
from paycore.kernel.terms import CardId, PayOrderNo

SYS, HUIFU = "6666000100000001", "6666000100000002"
AGREEMENT = "6666000149900001/10049847200"
CARD = CardFacts(
    number="6222021234567894",
    name="欧阳锋",
    id_no="11010519491231002X",
    phone="+8613812345678",
)
NO = PayOrderNo("261128155959123ABCDEFGHJKM")
LATE = datetime(2026, 11, 28, 15, 59, 59, tzinfo=UTC)
"""A second before midnight in Beijing."""
NEXT = datetime(2026, 11, 28, 16, 0, 1, tzinfo=UTC)
SHA = hashes.SHA256()


@cache
def key(whose: str) -> rsa.RSAPrivateKey:
    """Somebody's key, made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(whose: str) -> str:
    return (
        key(whose)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def public_pem(whose: str) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key(whose).public_key()
    return public.public_bytes(serialization.Encoding.PEM, form).decode()


def config(**changed: Any) -> HuifuConfig:
    given: dict[str, Any] = {
        "sys_id": SYS,
        "product_id": "YYZY",
        "huifu_id": HUIFU,
        "private_key": private_pem("ours"),
        "huifu_public_key": public_pem("huifu"),
    }
    return HuifuConfig(**(given | changed))


def account(base_url: str = "https://huifu.test", **changed: Any) -> Account:
    made = config(**changed)
    return Account(channel="huifu", account="main", base_url=base_url, config=made)


def ordered(data: Mapping[str, Any]) -> bytes:
    """What is signed of an object: its keys in order, compact, as it reads."""
    in_order = {name: data[name] for name in sorted(data, key=str.encode)}
    text = json.dumps(in_order, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def sign(text: bytes, whose: str = "huifu") -> str:
    made = key(whose).sign(text, padding.PKCS1v15(), SHA)
    return base64.b64encode(made).decode()


def answer(data: Mapping[str, Any], whose: str = "huifu", **changed: Any) -> Answered:
    """An answer as they give it; `changed` after it was signed."""
    signed = sign(ordered(data), whose)
    told = {"sign": signed, "data": {**data, **changed}}
    body = json.dumps(told).encode()
    return Answered(status=200, headers={}, body=body)


def notify(text: str, whose: str = "huifu", field: str = "resp_data") -> bytes:
    """A notify's body about this text, which is signed as it stands."""
    parts = {
        "resp_code": "00000000",
        "resp_desc": "成功",
        "sign": sign(text.encode(), whose),
        field: text,
    }
    return "&".join(f"{name}={quote_plus(one)}" for name, one in parts.items()).encode()


def ask(operation: Operation, **changed: Any) -> Ask:
    """A call about one payment, its refund or its signing, a second before midnight."""
    number = attempt_id(NO, 1)
    if operation is Operation.REFUND:
        number = refund_no(NO, 1)
    elif operation in (Operation.SIGN, Operation.SIGN_CONFIRM):
        number = signing_request(NO, 1)
    elif operation is Operation.REVOKE:
        number = signing_request(NO, 2)
    given: dict[str, Any] = {
        "operation": operation,
        "pay_order_no": NO,
        "attempt_seq": 1,
        "request_no": number,
        "inst_trans_id": "huifu.main",
        "channel": "huifu",
        "account": "main",
        "amount": 1000,
        "currency": "CNY",
        "asked_at": LATE,
        "timeout_s": 5.0,
        "card_id": CardId("c1"),
        "card": CARD,
        "agreement": AGREEMENT,
        "code": "123456",
        "subject": "三杯咖啡 & <茶>",
        "notify_url": "https://pay.test/callbacks/huifu/main",
        "original_request_no": attempt_id(NO, 1),
        "original_opened_at": LATE,
    }
    return Ask(**(given | changed))


def enquiry(about: Operation, **changed: Any) -> Ask:
    """The question what became of such a call."""
    given = {
        "operation": Operation.ENQUIRE,
        "enquired_operation": about,
        "opened_at": LATE,
        "asked_at": NEXT,
        "agreement": None,
        "code": None,
    }
    return replace(ask(about), **(given | changed))


def to(asked: Ask, **more: Any) -> dict[str, Any]:
    """An answer's data to a call, with what is said besides."""
    enquired = asked.operation is Operation.ENQUIRE
    names = (
        ("org_req_seq_id", "org_req_date") if enquired else ("req_seq_id", "req_date")
    )
    said = {
        "resp_code": "00000000",
        "resp_desc": "成功",
        names[0]: asked.request_no,
        names[1]: "20261128",
        "huifu_id": HUIFU,
    }
    return {name: value for name, value in (said | more).items() if value is not None}

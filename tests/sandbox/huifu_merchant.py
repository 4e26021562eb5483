"""A merchant of Huifu's, who signs, verifies and encrypts with code of his own.

What he and the simulator agree on is what the provider's documents say.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

APPLY, CONFIRM = "/v3/quickbuckle/apply", "/v3/quickbuckle/confirm"
CARDS, UNBIND = "/v2/quickbuckle/query", "/v2/quickbuckle/unbind"
_ONLINE = "/trade/onlinepayment"
SEND, PAY = f"/v3{_ONLINE}/quickpay/smssend", f"/v3{_ONLINE}/quickpay/pay"
CHECK, WITHHOLD = f"/v2{_ONLINE}/quickpay/smscheck", f"/v2{_ONLINE}/withholdpay"
QUERY, REFUND = f"/v2{_ONLINE}/query", f"/v2{_ONLINE}/refund"
REFUND_QUERY, FILES = f"{REFUND}/query", "/v2/trade/check/filequery"

TODAY = f"{datetime.now(UTC) + timedelta(hours=8):%Y%m%d}"
DEVICE = {
    "terminal_device_data": '{"device_type":"1","device_ip":"127.0.0.1"}',
    "risk_check_data": '{"ip_addr":"127.0.0.1"}',
}
NUCC = '{"goods_short_name":"<货> & more","gw_chnnl_tp":"02","biz_tp":"100099"}'


class Merchant:
    """Who talks to Huifu; keys are his and Huifu's public one."""

    def __init__(self, sandbox: Any, facts: dict[str, str], notify_url: str) -> None:
        self.sandbox, self.facts, self.notify_url = sandbox, facts, notify_url
        self.key: Any = load_pem_private_key(
            facts["merchant_private_key"].encode(), None
        )
        self.huifu: Any = load_pem_public_key(facts["huifu_public_key"].encode())

    def sign(self, data: dict[str, Any]) -> str:
        """As the provider wants a request signed, written a second time on purpose."""
        said = {k: v for k, v in sorted(data.items()) if v not in ("", None)}
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        signed = self.key.sign(text.encode(), padding.PKCS1v15(), SHA256())
        return base64.b64encode(signed).decode()

    def is_huifus(self, sign: str, signed: bytes) -> bool:
        """Whether a text is signed by Huifu."""
        try:
            given = base64.b64decode(sign)
            self.huifu.verify(given, signed, padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    def post(self, path: str, body: dict[str, Any], **kw: Any) -> Any:
        """An answer as it comes."""
        url = self.sandbox.info["banks"]["huifu"] + path
        octets = json.dumps(body).encode()
        kind = {"Content-Type": "application/json;charset=utf-8"}
        return self.sandbox.http("POST", url, octets, kind, **kw)

    def ask(self, path: str, **data: Any) -> tuple[int, dict[str, Any], bool]:
        """Status, `data` and whether the signature is Huifu's."""
        data = {"huifu_id": self.facts["huifu_id"], **data}
        names = {name: self.facts[name] for name in ("sys_id", "product_id")}
        answer = self.post(path, {**names, "sign": self.sign(data), "data": data})
        body = json.loads(answer.raw)
        if "data" not in body:
            return answer.status, body, False
        text = json.dumps(
            dict(sorted(body["data"].items())),
            ensure_ascii=False,
            separators=(",", ":"),
        )
        return answer.status, body["data"], self.is_huifus(body["sign"], text.encode())

    def own(self) -> dict[str, str]:
        """A number never used before, and its day."""
        return {"req_seq_id": self.sandbox.new_id(), "req_date": TODAY}

    def sealed(self, text: str) -> str:
        """A secret field."""
        sealed = self.huifu.encrypt(text.encode(), padding.PKCS1v15())
        return base64.b64encode(sealed).decode()

    def apply_fields(self, phone: str, number: str) -> dict[str, str]:
        """A card to be bound that is in order."""
        secret = {"card_no": number, "card_name": "欧阳锋", "mobile_no": phone}
        secret["cert_no"] = "11010519491231002X"
        plain = {"out_cust_id": f"C{phone}", "cert_validity_type": "0"}
        plain |= {"cert_begin_date": "20200101", "cert_end_date": "20400101"}
        return self.own() | plain | {k: self.sealed(v) for k, v in secret.items()}

    def code(self, phone: str) -> str:
        """The code that went to a phone last."""
        texts = self.sandbox.control(f"sms?phone={quote('+86' + phone)}")
        return str(texts[-1]["code"])

    def bind(self, phone: str, number: str = "6222020000000000") -> dict[str, str]:
        """A card's agreement, as a payment names it."""
        applied = self.apply_fields(phone, number)
        assert "00000000" == self.ask(APPLY, **applied)[1]["resp_code"]
        original = {"org_req_seq_id": applied["req_seq_id"], "org_req_date": TODAY}
        more = {**original, "verify_code": self.code(phone)}
        said = self.ask(CONFIRM, **self.own(), **more)[1]
        return {
            "card_bind_id": said["token_no"],
            "user_huifu_id": said["user_huifu_id"],
        }

    def send_fields(self, bound: dict[str, str], **more: str) -> dict[str, str]:
        """A quick payment of 12.34 that is in order."""
        money = {"trans_amt": "12.34", "notify_url": self.notify_url, "nucc_data": NUCC}
        return self.own() | bound | money | DEVICE | {"remark": "<a> & b"} | more

    def withhold_fields(self, bound: dict[str, str], **more: str) -> dict[str, str]:
        """The same without a code."""
        money = {"trans_amt": "12.34", "notify_url": self.notify_url}
        money |= {"goods_desc": "代扣", "withhold_type": "2"}
        return self.own() | bound | money | DEVICE | more

    def query(self, fields: dict[str, str], **more: str) -> dict[str, Any]:
        """What an order is said to be."""
        original = {"org_req_seq_id": fields["req_seq_id"], "org_req_date": TODAY}
        return self.ask(QUERY, **{**original, "pay_type": "QUICK_PAY", **more})[1]

    def refund_fields(self, fields: dict[str, str], amount: str) -> dict[str, str]:
        """A refund of an order that is in order."""
        original = {"org_req_seq_id": fields["req_seq_id"], "org_req_date": TODAY}
        return self.own() | original | {"ord_amt": amount} | DEVICE

    def charges(
        self, fields: dict[str, str], *, count: int = 0
    ) -> list[tuple[str, int]]:
        """What moved for the payment of an order, once it did so often."""
        no = fields["req_seq_id"][:15]
        found = self.sandbox.until(f"charges?pay_order_no={no}", count)
        return [(move["kind"], move["amount"]) for move in found]


def acknowledge(body: bytes) -> bytes:
    """What ends a notification."""
    said = json.loads(dict(parse_qsl(body.decode()))["resp_data"])
    return f"RECV_ORD_ID_{said['req_seq_id']}".encode()


def own_of(fields: dict[str, str]) -> dict[str, str]:
    """The number of a request, and its day."""
    return {name: fields[name] for name in ("req_seq_id", "req_date")}

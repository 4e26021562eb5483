"""A merchant of UnionPay's, written from the provider's rules and nothing of ours.

What he shares with the simulator is the contract: keys and certificates.
"""

import base64
import hashlib
import io
import time
import zipfile
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

BACK = "/gateway/api/backTransReq.do"
QUERY = "/gateway/api/queryTrans.do"
CARD = "6226388000000095"
PHONE = "18100000000"
BEIJING = timezone(timedelta(hours=8))
NUMBERS = count(1)


def beijing(moment: float | None = None) -> str:
    """Fourteen digits."""
    at = time.time() if moment is None else moment
    return datetime.fromtimestamp(at, BEIJING).strftime("%Y%m%d%H%M%S")


def digest(fields: dict[str, str]) -> bytes:
    """The hex text that is signed."""
    joined = "&".join(f"{k}={fields[k]}" for k in sorted(fields) if k != "signature")
    return hashlib.sha256(joined.encode()).hexdigest().encode()


def parse_reply(text: str) -> dict[str, str]:
    """`k=v&k=v`, not percent-encoded; braces may hold an ampersand."""
    fields: dict[str, str] = {}
    while text:
        key, _, text = text.partition("=")
        depth, end = 0, len(text)
        for at, letter in enumerate(text):
            depth += (letter in "{[") - (letter in "}]")
            if letter == "&" and depth == 0:
                end = at
                break
        fields[key], text = text[:end], text[end + 1 :]
    return fields


def braced(held: dict[str, str]) -> str:
    return "{" + "&".join(f"{k}={v}" for k, v in held.items()) + "}"


@dataclass(kw_only=True)
class Merchant:
    """Signs, encrypts, sends and verifies."""

    sandbox: Any
    facts: dict[str, str]
    back_url: str
    changes: dict[str, str | None] = field(default_factory=dict)
    """Put into every message before it is signed; None leaves a field out."""
    spoiled: dict[str, str] = field(default_factory=dict)
    """Put in after that."""

    def __post_init__(self) -> None:
        self.key = load_pem_private_key(self.facts["signing_key"].encode(), None)
        self.own = self._read("signing_certificate")
        self.theirs = self._read("encryption_certificate")

    def _read(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.facts[name].encode())

    # Sending.

    def encrypt(self, text: str) -> str:
        """For their eyes."""
        public: Any = self.theirs.public_key()
        return base64.b64encode(public.encrypt(text.encode(), PKCS1v15())).decode()

    def customer(self, plain: dict[str, str], secret: dict[str, str]) -> str:
        """A `customerInfo`."""
        held = dict(plain)
        if secret:
            held["encryptedInfo"] = self.encrypt(braced(secret)[1:-1])
        return base64.b64encode(braced(held).encode()).decode()

    def sign(self, fields: dict[str, str]) -> str:
        """The signature of these fields."""
        key: Any = self.key
        return base64.b64encode(key.sign(digest(fields), PKCS1v15(), SHA256())).decode()

    def message(self, kind: str, sub: str, biz: str, **more: str) -> dict[str, str]:
        """All fields of a message, signed."""
        now = beijing()
        fields: dict[str, Any] = {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "signMethod": "01",
            "certId": str(self.own.serial_number),
            "txnType": kind,
            "txnSubType": sub,
            "bizType": biz,
            "channelType": "07",
            "accessType": "0",
            "merId": self.facts["mer_id"],
            "txnTime": now,
            **more,
            **self.changes,
        }
        kept = {name: v for name, v in fields.items() if v is not None}
        return {**kept, "signature": self.sign(kept), **self.spoiled}

    def post(self, path: str, fields: dict[str, str], **kw: Any) -> Any:
        """Send them, and take what comes."""
        body = "&".join(f"{k}={quote(v, safe='')}" for k, v in fields.items())
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
        url = self.sandbox.info["banks"]["unionpay"] + path
        return self.sandbox.http("POST", url, body.encode(), headers, **kw)

    def send(
        self, kind: str, sub: str, biz: str, *, path: str = BACK, **more: str
    ) -> dict[str, str]:
        """A verified answer."""
        answer = self.post(path, self.message(kind, sub, biz, **more))
        assert answer.status == 200
        fields = parse_reply(answer.raw.decode())
        assert self.is_theirs(fields), fields
        return fields

    def is_theirs(self, fields: dict[str, str]) -> bool:
        """Signed by the certificate that it shows, which the chain makes UnionPay's."""
        if "signPubKeyCert" not in fields or "signature" not in fields:
            return False
        leaf = x509.load_pem_x509_certificate(fields["signPubKeyCert"].encode())
        middle, root = self._read("middle_certificate"), self._read("root_certificate")
        leaf.verify_directly_issued_by(middle)
        middle.verify_directly_issued_by(root)
        name = leaf.subject.rfc4514_string().removeprefix("CN=")
        public: Any = leaf.public_key()
        signature = base64.b64decode(fields["signature"])
        try:
            public.verify(signature, digest(fields), PKCS1v15(), SHA256())
        except Exception:  # noqa: BLE001  whatever it is, it is not theirs
            return False
        assert "\r\n" in fields["signPubKeyCert"]
        return name.split("@")[2] == "00040000:SIGN"

    # The trades.

    def new_order(self) -> str:
        """An order number never used before."""
        return f"O{time.time_ns()}{next(NUMBERS)}"

    def token_data(self, token: str = "") -> str:
        """A `tokenPayData`."""
        held = {"token": token} if token else {}
        return braced({**held, "trId": self.facts["tr_id"], "tokenType": "01"})

    def card(
        self, number: str = CARD, phone: str = PHONE, **who: str
    ) -> dict[str, str]:
        """What says whose card it is."""
        return {
            "accType": "01",
            "accNo": self.encrypt(number),
            "encryptCertId": str(self.theirs.serial_number),
            "customerInfo": self.customer(who, {"phoneNo": phone}),
            "tokenPayData": self.token_data(),
        }

    def code(self, phone: str = PHONE) -> str:
        """What the payer was texted last."""
        texts = self.sandbox.control(f"sms?phone=+86{phone}")
        return str(texts[-1]["code"])

    def apply(self, number: str = CARD, phone: str = PHONE) -> dict[str, str]:
        """77/00."""
        more = self.card(number, phone)
        return self.send("77", "00", "000902", orderId=self.new_order(), **more)

    def open(
        self, number: str = CARD, phone: str = PHONE, *, code: str | None = None
    ) -> dict[str, str]:
        """77/00 and 79/00."""
        applied = self.apply(number, phone)
        who = self.card(number, phone, smsCode=code or self.code(phone))
        same = {"orderId": applied["orderId"], "txnTime": applied["txnTime"]}
        return self.send("79", "00", "000902", **same, **who)

    def token(self, number: str = CARD, phone: str = PHONE) -> str:
        """A token of a card opened for it."""
        held = self.open(number, phone)["tokenPayData"]
        return dict(part.split("=") for part in held[1:-1].split("&"))["token"]

    def pay(self, token: str, **more: str) -> dict[str, str]:
        """77/02."""
        fields = {
            "orderId": self.new_order(),
            "txnAmt": "1234",
            "currencyCode": "156",
            "encryptCertId": str(self.theirs.serial_number),
            "customerInfo": self.customer({}, {"phoneNo": PHONE}),
            "tokenPayData": self.token_data(token),
        }
        return self.send("77", "02", "000902", **{**fields, **more})

    def confirm_fields(
        self, sent: dict[str, str], token: str, code: str, **more: str
    ) -> dict[str, str]:
        """What a 01/01 has."""
        fields = {
            "orderId": sent["orderId"],
            "txnTime": sent["txnTime"],
            "txnAmt": "1234",
            "currencyCode": "156",
            "customerInfo": self.customer({"smsCode": code}, {}),
            "tokenPayData": self.token_data(token),
            "backUrl": self.back_url,
        }
        return {**fields, **more}

    def confirm(
        self, sent: dict[str, str], token: str, code: str, **more: str
    ) -> dict[str, str]:
        """01/01."""
        fields = self.confirm_fields(sent, token, code, **more)
        return self.send("01", "01", "000902", **fields)

    def paid(self, token: str, **more: str) -> dict[str, str]:
        """77/02 and 01/01: the answer to the last."""
        sent = self.pay(token, **more)
        return self.confirm(sent, token, self.code(), **more)

    def deduct_fields(
        self, number: str = CARD, *, sub: str = "03", **more: str
    ) -> dict[str, str]:
        """An 11, signed."""
        who = {"certifTp": "01", "certifId": "110101199003074178", "customerNm": "张三"}
        fields = {
            **self.card(number, **who),
            "orderId": self.new_order(),
            "txnAmt": "1234",
            "currencyCode": "156",
            "backUrl": self.back_url,
        }
        del fields["tokenPayData"]
        return self.message("11", sub, "000501", **{**fields, **more})

    def deduct(self, number: str = CARD, **more: str) -> dict[str, str]:
        """11/03."""
        answer = self.post(BACK, self.deduct_fields(number, **more))
        fields = parse_reply(answer.raw.decode())
        assert self.is_theirs(fields)
        return fields

    def give_back(
        self, query_id: str, amount: int, *, kind: str = "04", **more: str
    ) -> dict[str, str]:
        """04/00, or 31/00."""
        fields = {
            "orderId": self.new_order(),
            "origQryId": query_id,
            "txnAmt": str(amount),
            "backUrl": self.back_url,
        }
        biz = more.pop("biz", "000501")
        return self.send(kind, "00", biz, **{**fields, **more})

    def query(self, order: dict[str, str], **more: str) -> dict[str, str]:
        """00/00."""
        same = {"orderId": order["orderId"], "txnTime": order["txnTime"]}
        return self.send("00", "00", "000000", path=QUERY, **{**same, **more})

    def file(self, day: str, **more: str) -> dict[str, str]:
        """76/01."""
        asked = {"fileType": "00", "settleDate": day, **more}
        return self.send("76", "01", "000000", path="/", **asked)


def members_of(answer: dict[str, str]) -> dict[str, bytes]:
    """The files of a statement's zip."""
    octets = zlib.decompress(base64.b64decode(answer["fileContent"]))
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}

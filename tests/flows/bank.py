"""A bank's side of the wire, in the test's own hands: confirms that paycore never sent,
and callbacks that say what the test wants, rightly signed.
"""

import base64
import hashlib
import hmac
import json
import os
import time

import httpx2 as httpx
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from stack import PATIENCE_S, Payer, Stack


class Bank:
    """One bank, as it would speak if it did."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.name = name
        self._url = stack.on.sandbox.info.banks[name]
        self._merchant = f"paycore_{name}"
        keys = stack.on.kept.merchants[self._merchant]
        self._key = bytes.fromhex(keys.secret)
        self._cipher = AESGCM(bytes.fromhex(keys.encryption_key))

    def confirm(
        self, payer: Payer, no: str, request_id: str, code: str, *, tells: bool = True
    ) -> None:
        """Take the money of an open order without paycore's asking; it is told, or
        finds out when it asks.
        """
        body = {
            "request_id": request_id,
            "pay_order_no": no,
            "amount": payer.get(no)["payable_amount"],
            "currency": "CNY",
            "token": "any",
            "code": code,
            "notify_url": f"{payer.api.base_url}/callbacks/{self.name}/main",
        }
        if not tells:
            del body["notify_url"]
        answer = self._post(f"{self._url}/v1/confirm", "/v1/confirm", body)
        assert "SUCCESS" == answer.json()["status"], answer.text

    def deduct(self, no: str, request_id: str, amount: int) -> None:
        """Take money under a mandate without paycore's asking."""
        body = {
            "request_id": request_id,
            "pay_order_no": no,
            "amount": amount,
            "currency": "CNY",
            "token": "any",
            "card_enc": self._sealed(request_id),
        }
        answer = self._post(f"{self._url}/v1/deduct", "/v1/deduct", body)
        assert "SUCCESS" == answer.json()["status"], answer.text

    def refund(self, no: str, request_id: str, original: str, amount: int) -> None:
        """Give back without paycore's asking."""
        body = {
            "request_id": request_id,
            "pay_order_no": no,
            "original_request_id": original,
            "amount": amount,
            "currency": "CNY",
        }
        answer = self._post(f"{self._url}/v1/refund", "/v1/refund", body)
        assert "SUCCESS" == answer.json()["status"], answer.text

    def call_back(self, payer: Payer, no: str, **changes: object) -> httpx.Response:
        """Tell paycore of a confirm: paid, but for what is changed."""
        body = {
            "request_id": f"{no}01",
            "pay_order_no": no,
            "merchant": self._merchant,
            "status": "SUCCESS",
            "code": "OK",
            "message": "",
            "bank_ref": "10000000000000000001",
            "amount": payer.get(no)["payable_amount"],
            "currency": "CNY",
            "at": "2026-11-22T00:00:00Z",
            "kind": "charge",
            "operation": "confirm",
            **changes,
        }
        path = f"/callbacks/{self.name}/main"
        base = str(payer.api.base_url).rstrip("/")
        return self._post(base + path, path, body)

    def _sealed(self, request_id: str) -> str:
        """A card, readable for the bank and good for this request only."""
        nonce, card = os.urandom(12), {"number": "6222020200112233446", "phone": "1"}
        sealed = self._cipher.encrypt(
            nonce, json.dumps(card).encode(), request_id.encode()
        )
        return base64.b64encode(nonce + sealed).decode()

    def _post(self, url: str, path: str, body: object) -> httpx.Response:
        octets, stamp = json.dumps(body).encode(), str(int(time.time()))
        signed = b"\n".join((stamp.encode(), path.encode(), octets))
        headers = {
            "X-Merchant": self._merchant,
            "X-Timestamp": stamp,
            "X-Signature": hmac.new(self._key, signed, hashlib.sha256).hexdigest(),
        }
        return httpx.post(url, content=octets, headers=headers, timeout=PATIENCE_S)

"""Huifu's gate: who comes in, with what he must bring, and how he is answered.

Nothing here knows of orders: what passes is by the merchant, whole and in its form.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from paycore.sandbox.dialect import Plain, Wire
from paycore.sandbox.found import NoVendor
from paycore.sandbox.vendors import huifu_wire as envelope
from paycore.sandbox.vendors import huifu_words as words
from paycore.sandbox.wire import Exchange

CONTENT_TYPE: Final = "application/json;charset=utf-8"
PORTS: Final = range(8000, 9006)

Fields = Mapping[str, str]


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One merchant, and the keys of both sides."""

    sys_id: str
    product_id: str
    huifu_id: str
    merchant_public_key: str
    """PEM."""
    huifu_private_key: str
    """PEM."""
    pay_links: Literal["same", "org"] = "same"
    """By what `pay` names its `smssend`: the same number, or a fresh one beside
    `org_req_seq_id` and `org_req_date`."""
    bank_codes: dict[str, str] = {}
    """A bank's verdict and its `bank_code`, where it is to be another one than
    `huifu_words` has."""
    reference_length: int = 15
    """So much of a `req_seq_id` is the merchant's number of the payment, which no field
    tells, and under which the control lists what moved."""
    ports_as_vendor: bool = False
    """Whether a `notify_url` may name ports from 8000 to 9005 only."""
    rows_a_file: int = 400_000
    """Beyond so many lines a day has another file."""


class Heard(Struct, frozen=True, kw_only=True):
    """A request that is by whom it should be, and has all that it must have."""

    path: str
    data: Fields


class Gate:
    """One merchant's."""

    def __init__(self, config: Config) -> None:
        self._keys = config
        try:
            self._theirs = envelope.public_key(config.merchant_public_key)
            self.ours = envelope.private_key(config.huifu_private_key)
        except ValueError as error:
            raise NoVendor("vendors.huifu: a key is no RSA key in PEM") from error

    def hear(self, exchange: Exchange) -> Heard:
        """Who posts what to one of the addresses, or `Plain`."""
        step = words.STEPS.get(exchange.path)
        if exchange.method != "POST" or step is None:
            raise Plain(Wire(status=404, body=b"{}"))
        try:
            said = msgspec.json.decode(exchange.body, type=envelope.Envelope)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _turned_away(921, "报文格式错误") from None
        if said.sys_id != self._keys.sys_id:
            raise _turned_away(923, "系统号不存在")
        if said.product_id != self._keys.product_id:
            raise _turned_away(922, "产品号不存在")
        if not envelope.verified(self._theirs, said):
            raise _turned_away(921, "验签失败")
        return Heard(path=exchange.path, data=self._checked(step, said.data))

    def _checked(self, step: words.Step, data: Mapping[str, object]) -> Fields:
        """All that must be there, and in its form; values are texts."""
        texts = {k: v for k, v in data.items() if isinstance(v, str) and v}
        for name in data:
            if name not in texts and data[name] not in ("", None):
                raise self.refused(texts, words.INVALID, f"{name}: 须为字符串")
        for name in (*step.required, *step.within):
            if name not in texts:
                raise self.refused(texts, words.INVALID, f"{name}: 不能为空")
        for name, form in words.FORMS.items():
            if name in texts and not _is(name, texts[name], form):
                raise self.refused(texts, words.INVALID, f"{name}: 格式错误")
        for name, inner in step.within.items():
            if not _has(texts[name], inner):
                raise self.refused(texts, words.INVALID, f"{name}: 格式错误")
        if texts["huifu_id"] != self._keys.huifu_id:
            raise self.refused(texts, words.INVALID, "huifu_id: 商户不存在")
        self._check_url(texts)
        return texts

    def _check_url(self, data: Fields) -> None:
        if "notify_url" not in data:
            return
        url = urlsplit(data["notify_url"])
        port = url.port if self._keys.ports_as_vendor else None
        right = url.scheme in ("http", "https") and url.hostname and not url.query
        if not right or (port is not None and port not in PORTS):
            raise self.refused(data, words.INVALID, "notify_url: 格式错误")

    def say(self, data: Fields, code: str, **more: object) -> Wire:
        """A signed answer; it repeats whose it is."""
        said: dict[str, object] = {
            "resp_code": code,
            "resp_desc": words.WORDS.get(code, code),
            "huifu_id": self._keys.huifu_id,
        }
        said |= {
            name: data[name] for name in ("req_seq_id", "req_date") if name in data
        }
        said |= {name: value for name, value in more.items() if value is not None}
        return Wire(body=envelope.reply(self.ours, said), content_type=CONTENT_TYPE)

    def refused(self, data: Fields, code: str, why: str = "") -> Plain:
        """A refusal that is no order's: nothing is recorded."""
        more = {"resp_desc": f"{words.WORDS[code]}: {why}"} if why else {}
        return Plain(self.say(data, code, **more))


def _turned_away(status: int, why: str) -> Plain:
    """By the gate, before anybody has looked who it is: unsigned."""
    said = {"resp_code": str(status), "resp_desc": why}
    return Plain(Wire(status=status, body=msgspec.json.encode(said)))


def _is(name: str, text: str, form: re.Pattern[str]) -> bool:
    """Whether a field is of its form, and a day one that there is."""
    if not form.fullmatch(text):
        return False
    try:
        return not name.endswith("_date") or bool(date.fromisoformat(text))
    except ValueError:
        return False


def _has(text: str, names: tuple[str, ...]) -> bool:
    try:
        inner = msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, RecursionError):
        return False
    return all(inner.get(name) for name in names)

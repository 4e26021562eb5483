"""Huifu (汇付斗拱, dg V2/V3): quick pay by its own code, withholding, refunds, files.

How it speaks and where it is stricter or looser than the real one is in
`docs/sandbox-vendors.md`. Who comes in is `huifu_gate`'s, its words `huifu_words`'.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from paycore.sandbox.bank import Bank, Call
from paycore.sandbox.clerk import Clerk
from paycore.sandbox.delivery import send
from paycore.sandbox.dialect import Asked, Plain, VendorDialect, Wire
from paycore.sandbox.orders import Answer, Order
from paycore.sandbox.protocol import (
    BankRequest,
    Card,
    Confirm,
    Deduct,
    Enquire,
    Refund,
    Revoke,
    SendCode,
    Sign,
)
from paycore.sandbox.vendors import huifu_told as told
from paycore.sandbox.vendors import huifu_wire as envelope
from paycore.sandbox.vendors import huifu_words as words
from paycore.sandbox.vendors.huifu_files import Desk
from paycore.sandbox.vendors.huifu_gate import Config, Fields, Gate, Heard
from paycore.sandbox.wire import Exchange

FORM: Final = "application/x-www-form-urlencoded"
ACKNOWLEDGED: Final = "RECV_ORD_ID_"


class HuifuDialect(VendorDialect):
    """How Huifu speaks."""

    Config = Config
    tells = True
    tells_again = 3

    def __init__(self, bank: Bank, config: Struct, clerk: Clerk) -> None:
        super().__init__(bank, config, clerk)
        assert isinstance(config, Config)
        self._keys = config
        self._gate = Gate(config)
        self._ours = self._gate.ours
        self._by_hf = {
            order.facts["hf_seq_id"]: order.request_id
            for order in bank.orders()
            if "hf_seq_id" in order.facts
        }
        self._desk = Desk(
            clerk, bank, merchant=config.huifu_id, rows=config.rows_a_file
        )
        self._readers: Mapping[str, Callable[[Fields], BankRequest]] = {
            words.APPLY: self._read_apply,
            words.CONFIRM: self._read_confirm,
            words.CARDS: self._read_cards,
            words.UNBIND: self._read_unbind,
            words.SEND: self._read_send,
            words.CHECK: self._read_check,
            words.PAY: self._read_pay,
            words.WITHHOLD: self._read_withhold,
            words.QUERY: self._read_query,
            words.REFUND: self._read_refund,
            words.REFUND_QUERY: self._read_refund_query,
        }

    async def aside(self, exchange: Exchange, at_ms: int) -> bool:
        """A statement, and where to have it; neither is a call to the bank."""
        if self._desk.has(exchange):
            await self._desk.hand_out(exchange)
            return True
        if exchange.path != words.FILES:
            return False
        try:
            heard = self._gate.hear(exchange)
            found = await self._desk.find(exchange, heard.data["file_date"])
        except Plain as plain:
            send(exchange, plain.wire)
            return True
        send(exchange, self._gate.say(heard.data, words.OK, **found))
        return True

    def read(self, exchange: Exchange, at_ms: int) -> Asked:
        """A POST to one of the addresses, signed, with all that it must have."""
        heard = self._gate.hear(exchange)
        request = self._readers[heard.path](heard.data)
        call = Call(
            operation=words.STEPS[heard.path].operation,
            merchant=self._keys.huifu_id,
            request=request,
            card=self._card_of(heard),
            now_ms=at_ms,
            facts=self._facts_of(heard, request.request_id),
        )
        return Asked(call=call, told=heard)

    def reply(self, asked: Asked, answer: Answer, at_ms: int) -> Wire:
        """What became of it, as this address tells that."""
        heard = asked.told
        assert isinstance(heard, Heard)
        order = self.bank.find(self._keys.huifu_id, asked.call.request.request_id)
        if heard.path == words.CARDS and answer.reply.status != "FAIL":
            cards = self._bound_to(heard.data["out_cust_id"])
            return self._gate.say(heard.data, words.OK, **told.cards(cards))
        asking = told.Asking(data=heard.data, order=order, reply=answer.reply)
        code, more = told.TELL[heard.path](asking, self._bank_code)
        return self._gate.say(heard.data, code, **more)

    def spoil(self, wire: Wire) -> Wire:
        """All of it right but the signature, which is that of something else."""
        said = json.loads(wire.body)
        said["sign"] = envelope.sign(self._ours, b"{}")
        return msgspec.structs.replace(wire, body=msgspec.json.encode(said))

    def callback(self, order: Order, at_ms: int) -> Wire | None:
        """Tell of money only: what a payer ends at the bank is not told."""
        if order.notify_url is None or order.operation == "revoke":
            return None
        code, said = told.notification(
            order, self._original_of(order), self._bank_code, self._keys.huifu_id
        )
        raw = envelope.notified(said)
        form = {
            "resp_code": code,
            "resp_desc": words.WORDS.get(code, code),
            "sign": envelope.sign(self._ours, raw),
            "resp_data": raw.decode(),
        }
        return Wire(body=urlencode(form).encode(), content_type=FORM)

    def acknowledged(self, order: Order, status: int, body: bytes) -> bool:
        """These words with the number that was told, and not a letter more."""
        number = told.number_of(order)[0]
        return status == 200 and body == f"{ACKNOWLEDGED}{number}".encode()

    # Whose number is whose. A number is used once a day, and its day is told with it.

    def _name(self, day: str, number: str) -> str:
        """Under which number the bank has (or will have) an order: the merchant's, and
        where he used it on another day before, that with its day.
        """
        first = self.bank.find(self._keys.huifu_id, number)
        if first is None or first.facts.get("req_date") == day:
            return number
        return f"{number}.{day}"

    def _fresh(self, data: Fields) -> str:
        name = self._name(data["req_date"], data["req_seq_id"])
        if self.bank.find(self._keys.huifu_id, name) is not None:
            raise self._gate.refused(data, words.DUPLICATE)
        return name

    def _original(self, data: Fields, *, of: tuple[str, ...]) -> str:
        """Under which number the bank has what `org_…` names; one that it cannot have,
        where there is none of this kind.
        """
        order = self._find_original(data)
        if order is None or order.operation not in of:
            return "/"
        return order.request_id

    def _find_original(self, data: Fields) -> Order | None:
        number, day = data.get("org_req_seq_id"), data.get("org_req_date")
        if day is None or (number is None and "org_hf_seq_id" not in data):
            raise self._gate.refused(data, words.INVALID, "org_req_seq_id: 不能为空")
        if number is None:
            name = self._by_hf.get(data["org_hf_seq_id"], "/")
            order = self.bank.find(self._keys.huifu_id, name)
            return order if order and order.facts["req_date"] == day else None
        order = self.bank.find(self._keys.huifu_id, self._name(day, number))
        if order is None and self._keys.pay_links == "org":
            paid = {"pay_req_seq_id": number, "pay_req_date": day}.items()
            return next(
                (o for o in self.bank.orders() if paid <= o.facts.items()), None
            )
        return order

    def _original_of(self, refund: Order) -> Order | None:
        if refund.original is None:
            return None
        return self.bank.find(self._keys.huifu_id, refund.original)

    # Cards.

    def _agreement(self, data: Fields) -> Order:
        """The signing that gave a `card_bind_id`, which is that user's and in force."""
        token = data["card_bind_id"]
        for order in self.bank.orders():
            if order.operation == "sign" and order.token == token:
                if order.facts["user_huifu_id"] != data["user_huifu_id"]:
                    break
                return order
        raise self._gate.refused(data, words.INVALID, "card_bind_id: 绑卡关系不存在")

    def _bound_to(self, customer: str) -> list[Order]:
        return [
            order
            for order in self.bank.orders()
            if order.token is not None
            and order.operation == "sign"
            and order.facts["out_cust_id"] == customer
            and not self.bank.revoked(order.token)
        ]

    def _card_of(self, heard: Heard) -> Card | None:
        data = heard.data
        if heard.path == words.APPLY:
            opened = self._opened(data)
            return Card(
                number=opened["card_no"],
                phone=f"+86{opened['mobile_no']}",
                name=opened["card_name"],
                id_no=opened["cert_no"],
            )
        if heard.path in (words.SEND, words.WITHHOLD):
            facts = self._agreement(data).facts
            return Card(number=facts["card_no"], phone=facts["phone"])
        return None

    def _opened(self, data: Fields) -> Fields:
        """The secret fields of a card, each in its form."""
        try:
            opened = {
                name: envelope.decrypted(self._ours, data[name])
                for name in words.SECRETS
            }
        except envelope.Unreadable:
            raise self._gate.refused(data, words.INVALID, "敏感信息解密失败") from None
        for name, form in words.SECRETS.items():
            if not form.fullmatch(opened[name]):
                raise self._gate.refused(data, words.INVALID, f"{name}: 格式错误")
        return opened

    def _facts_of(self, heard: Heard, name: str) -> dict[str, str]:
        """What is kept with an order that this opens, or with the one it confirms."""
        data = heard.data
        if heard.path == words.PAY and self._keys.pay_links == "org":
            return {
                "pay_req_seq_id": data["req_seq_id"],
                "pay_req_date": data["req_date"],
            }
        if heard.path not in told.OPENING:
            return {}
        kept = {"req_seq_id": data["req_seq_id"], "req_date": data["req_date"]}
        if heard.path == words.APPLY:
            opened = self._opened(data)
            customer = data["out_cust_id"]
            return kept | {
                "out_cust_id": customer,
                "user_huifu_id": _user_of(self._keys.huifu_id, customer),
                "card_no": opened["card_no"],
                "card_name": opened["card_name"],
                "phone": f"+86{opened['mobile_no']}",
            }
        number = _hf_seq_id(self._keys.huifu_id, name, data["req_date"])
        self._by_hf[number] = name
        fields = (*told.KEPT, "org_req_seq_id", "org_req_date")
        return kept | {"hf_seq_id": number} | {f: data[f] for f in fields if f in data}

    # The addresses, in the order of a payment's life.

    def _read_apply(self, data: Fields) -> BankRequest:
        # A document that is good for ever has no end.
        if data["cert_validity_type"] != "1" and "cert_end_date" not in data:
            raise self._gate.refused(data, words.INVALID, "cert_end_date: 不能为空")
        return Sign(request_id=self._fresh(data), step="apply")

    def _read_confirm(self, data: Fields) -> BankRequest:
        self._fresh(data)
        name = self._original(data, of=("sign",))
        return Sign(request_id=name, step="confirm", code=data["verify_code"])

    def _read_cards(self, data: Fields) -> BankRequest:
        return Enquire(request_id="/")

    def _read_unbind(self, data: Fields) -> BankRequest:
        bound = self._bound_to(data["out_cust_id"])
        if data["token_no"] not in {order.token for order in bound}:
            raise self._gate.refused(data, words.UNKNOWN)
        return Revoke(request_id=self._fresh(data), token=data["token_no"])

    def _read_send(self, data: Fields) -> BankRequest:
        name = self._fresh(data)
        return SendCode(
            request_id=name,
            pay_order_no=name[: self._keys.reference_length],
            amount=self._fen(data, "trans_amt"),
            currency="CNY",
            token=data["card_bind_id"],
            card_enc="",
            notify_url=data["notify_url"],
        )

    def _read_check(self, data: Fields) -> BankRequest:
        return Enquire(request_id=self._original(data, of=("send_code",)))

    def _read_pay(self, data: Fields) -> BankRequest:
        if self._keys.pay_links == "org":
            self._fresh(data)
            name = self._original(data, of=("send_code",))
        else:
            name = self._name(data["req_date"], data["req_seq_id"])
        order = self.bank.find(self._keys.huifu_id, name)
        if order is None or order.operation != "send_code":
            raise self._gate.refused(data, words.UNKNOWN)
        return Confirm(
            request_id=name,
            pay_order_no=order.pay_order_no,
            amount=order.amount or 0,
            currency="CNY",
            token=order.facts["card_bind_id"],
            code=data["sms_code"],
            notify_url=data.get("notify_url"),
        )

    def _read_withhold(self, data: Fields) -> BankRequest:
        name = self._fresh(data)
        return Deduct(
            request_id=name,
            pay_order_no=name[: self._keys.reference_length],
            amount=self._fen(data, "trans_amt"),
            currency="CNY",
            token=data["card_bind_id"],
            card_enc="",
            notify_url=data["notify_url"],
        )

    def _read_query(self, data: Fields) -> BankRequest:
        return Enquire(request_id=self._original(data, of=("send_code", "deduct")))

    def _read_refund(self, data: Fields) -> BankRequest:
        name, amount = self._fresh(data), self._fen(data, "ord_amt")
        charge = self._find_original(data)
        if charge is None or charge.operation not in ("send_code", "deduct"):
            raise self._gate.refused(data, words.UNKNOWN)
        if charge.status != "SUCCESS":
            raise self._gate.refused(data, words.NOT_FINAL)
        if charge.refunded + amount > (charge.amount or 0):
            raise self._gate.refused(data, words.TOO_MUCH)
        return Refund(
            request_id=name,
            pay_order_no=charge.pay_order_no,
            original_request_id=charge.request_id,
            amount=amount,
            currency="CNY",
            notify_url=data.get("notify_url"),
        )

    def _read_refund_query(self, data: Fields) -> BankRequest:
        return Enquire(request_id=self._original(data, of=("refund",)))

    def _fen(self, data: Fields, name: str) -> int:
        amount = int(data[name].replace(".", ""))
        if amount == 0:
            raise self._gate.refused(data, words.INVALID, f"{name}: 格式错误")
        return amount

    # Answers.

    def _bank_code(self, verdict: str) -> str:
        return self._keys.bank_codes.get(verdict) or words.BANK_CODES.get(
            verdict, verdict
        )


def _user_of(merchant: str, customer: str) -> str:
    """A number of Huifu's own for one of a merchant's customers: always the same."""
    digest = hashlib.sha256(f"{merchant}/{customer}".encode()).hexdigest()
    return f"6666{int(digest, 16) % 10**12:012d}"


def _hf_seq_id(merchant: str, name: str, day: str) -> str:
    """Huifu's own number of an order."""
    digest = hashlib.sha256(f"{merchant}/{name}/{day}".encode()).hexdigest()
    return f"0029{day[2:]}{digest[:22].upper()}"

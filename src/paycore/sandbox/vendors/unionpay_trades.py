"""UnionPay's trades as what a bank is asked for.

Each is checked against what is known of its order; a message that does not fit it is
refused here, and the bank never hears of it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from paycore.sandbox.bank import Bank, Call
from paycore.sandbox.orders import Order
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
from paycore.sandbox.statement import day_of
from paycore.sandbox.vendors import unionpay_forms as forms
from paycore.sandbox.vendors.unionpay_contract import Contract, phone_of
from paycore.sandbox.vendors.unionpay_forms import Refused
from paycore.sandbox.vendors.unionpay_wire import Fields

_MONEY_TYPES: Final = frozenset({"01", "11", "04", "31"})
# No order has this number: it has fewer characters than any may have.
_NOBODY: Final = "-"


class Trades:
    """All trades of one merchant, and the numbers by which they are found."""

    def __init__(self, bank: Bank, contract: Contract) -> None:
        self._bank = bank
        self._contract = contract
        self._given = {given.token: given for given in contract.config.agreements}
        self._serial = 0
        self._by_query: dict[str, str] = {}
        self._by_token: dict[str, str] = {}
        for order in bank.orders():
            self._serial = max(self._serial, int(order.facts.get("serial", "0")))
            self._by_query[order.facts.get("queryId", "")] = order.request_id
            if order.operation == "sign" and order.token:
                self._by_token[order.token] = order.request_id
        self._asks: Mapping[str, Callable[[Fields, int], Call]] = MappingProxyType(
            {
                "apply": self._apply,
                "open": self._open,
                "opened": self._opened,
                "end": self._end,
                "send_code": self._send_code,
                "confirm": self._confirm,
                "deduct": self._take,
                "give_back": self._give_back,
                "query": self._query,
            }
        )

    def ask(self, name: str, fields: Fields, at_ms: int) -> Call:
        """What a trade asks the bank for; or `Refused`."""
        return self._asks[name](fields, at_ms)

    def _call(
        self,
        operation: str,
        request: BankRequest,
        at_ms: int,
        *,
        card: Card | None = None,
        facts: Mapping[str, str | None] | None = None,
        verdict: str | None = None,
        token: str | None = None,
    ) -> Call:
        return Call(
            operation=operation,
            merchant=self._contract.config.mer_id,
            request=request,
            card=card,
            now_ms=at_ms,
            facts={name: v for name, v in (facts or {}).items() if v},
            verdict=verdict,
            token=token,
        )

    def _apply(self, fields: Fields, at_ms: int) -> Call:
        self._contract.check_product(fields)
        card = self._contract.card(fields)
        request = Sign(
            request_id=fields["orderId"],
            pay_order_no=_reference(fields),
            step="apply",
            notify_url=fields.get("backUrl") or None,
        )
        facts = {**_kept(fields), "number": card.number}
        return self._call("sign", request, at_ms, card=card, facts=facts)

    def _open(self, fields: Fields, at_ms: int) -> Call:
        self._contract.check_product(fields)
        card, order = self._contract.card(fields), self.find(fields["orderId"])
        if order is None or order.operation != "sign":
            raise Refused(forms.WRONG_STATE)
        asked = (fields["bizType"], fields["txnTime"], card.number, card.phone)
        facts = order.facts
        if asked != (facts["bizType"], facts["txnTime"], facts["number"], order.phone):
            raise Refused(forms.MISMATCH)
        code = self._contract.customer(fields).get("smsCode")
        if not code:
            raise forms.invalid("customerInfo")
        self._serial += 1
        token = f"6235{self._serial:015d}"
        self._by_token.setdefault(token, order.request_id)
        request = Sign(request_id=order.request_id, step="confirm", code=code)
        facts = {"serial": str(self._serial)}
        return self._call("sign", request, at_ms, facts=facts, token=token)

    def _opened(self, fields: Fields, at_ms: int) -> Call:
        order = self.find(fields["orderId"])
        known = order is not None and order.operation == "sign"
        names = ("txnTime", "bizType")
        same = known and order and all(order.facts[n] == fields[n] for n in names)
        number = fields["orderId"] if same else _NOBODY
        return self._call("enquire", Enquire(request_id=number), at_ms)

    def _end(self, fields: Fields, at_ms: int) -> Call:
        known = self.find(fields["orderId"]) is not None
        token = self._token_of(fields, may_have_ended=known)
        request = Revoke(
            request_id=fields["orderId"], token=token, pay_order_no=_reference(fields)
        )
        return self._call("revoke", request, at_ms, facts=_kept(fields))

    def _send_code(self, fields: Fields, at_ms: int) -> Call:
        known = self.find(fields["orderId"]) is not None
        token = self._token_of(fields, may_have_ended=known)
        card, given = self._card_of(token), self._contract.customer(fields, "phoneNo")
        request = SendCode(
            request_id=fields["orderId"],
            pay_order_no=_reference(fields),
            amount=int(fields["txnAmt"]),
            currency="CNY",
            # The bank refuses one that has ended as malformed, known order or not.
            token="" if known else token,
            card_enc="",
        )
        return self._call(
            "send_code",
            request,
            at_ms,
            card=card,
            facts={**_kept(fields), "token": token, "account": _masked(card.number)},
            verdict=None if phone_of(given) == card.phone else "WRONG_PHONE",
        )

    def _confirm(self, fields: Fields, at_ms: int) -> Call:
        order = self.find(fields["orderId"])
        if order is None or order.operation != "send_code":
            raise Refused(forms.WRONG_STATE if order is None else forms.DUPLICATE)
        ended = order.status in ("SUCCESS", "PROCESSING")
        token = self._token_of(fields, may_have_ended=ended)
        asked = (fields["txnTime"], int(fields["txnAmt"]), token)
        if asked != (order.facts["txnTime"], order.amount, order.facts["token"]):
            raise Refused(forms.MISMATCH)
        code = self._contract.customer(fields).get("smsCode")
        if not code:
            raise forms.invalid("customerInfo")
        request = Confirm(
            request_id=order.request_id,
            pay_order_no=order.pay_order_no,
            amount=order.amount or 0,
            currency="CNY",
            token="" if ended else token,
            code=code,
            notify_url=fields["backUrl"],
        )
        facts = {**_kept(fields), **self._numbered(order, fields)}
        return self._call("confirm", request, at_ms, facts=facts)

    def _take(self, fields: Fields, at_ms: int) -> Call:
        if fields.get("bindId"):
            raise Refused(forms.NOT_BOUND)
        forms.need(fields, ("accNo", "encryptCertId"))
        who = self._contract.customer(
            fields, "certifTp", "certifId", "customerNm", "phoneNo"
        )
        if who["certifTp"] != "01":
            raise forms.invalid("customerInfo")
        card = self._contract.card(fields)
        request = Deduct(
            request_id=fields["orderId"],
            pay_order_no=_reference(fields),
            amount=int(fields["txnAmt"]),
            currency="CNY",
            token="",
            card_enc="",
            notify_url=fields["backUrl"],
        )
        facts = {**_kept(fields), **self._numbered(None, fields)}
        facts["account"] = _masked(card.number)
        return self._call("deduct", request, at_ms, card=card, facts=facts)

    def _give_back(self, fields: Fields, at_ms: int) -> Call:
        charge = self._charge(fields["origQryId"])
        # A number that is known is a duplicate, whatever else is wrong.
        if charge is not None and self.find(fields["orderId"]) is None:
            self._check_return(fields, charge, at_ms)
        request = Refund(
            request_id=fields["orderId"],
            pay_order_no=_reference(fields),
            original_request_id=charge.request_id if charge else _NOBODY,
            amount=int(fields["txnAmt"]),
            currency="CNY",
            notify_url=fields["backUrl"],
        )
        facts = {**_kept(fields), **self._numbered(None, fields)}
        facts["origQryId"] = fields["origQryId"]
        return self._call("refund", request, at_ms, facts=facts)

    def _check_return(self, fields: Fields, charge: Order, at_ms: int) -> None:
        if fields["bizType"] != charge.facts["bizType"]:
            raise Refused(forms.MISMATCH)
        if fields["txnType"] != "31":
            return
        # Only what has not been settled, and all of it, can be voided.
        bank = self._bank.name
        if charge.refunded > 0 or day_of(bank, charge.at_ms) != day_of(bank, at_ms):
            raise Refused(forms.WRONG_STATE)
        if int(fields["txnAmt"]) != charge.amount:
            raise Refused(forms.MISMATCH)

    def _query(self, fields: Fields, at_ms: int) -> Call:
        number = fields.get("orderId", "")
        if fields.get("queryId"):
            number = self._by_query.get(fields["queryId"], _NOBODY)
        order = self.find(number)
        known = order is not None and order.facts.get("txnType") in _MONEY_TYPES
        if order is not None and not fields.get("queryId"):
            known = known and order.facts["txnTime"] == fields["txnTime"]
        request = Enquire(request_id=number if known else _NOBODY)
        return self._call("enquire", request, at_ms)

    # What trades hold.

    def find(self, number: str) -> Order | None:
        """An order by its number."""
        return self._bank.find(self._contract.config.mer_id, number)

    def _charge(self, query_id: str) -> Order | None:
        """What was paid under a query number."""
        order = self.find(self._by_query.get(query_id, _NOBODY))
        if order is None or order.operation == "refund" or order.bank_ref is None:
            return None
        return order if order.facts.get("queryId") == query_id else None

    def _numbered(self, order: Order | None, fields: Fields) -> dict[str, str]:
        """The query number of a trade; one that has it keeps it."""
        if order is not None and "queryId" in order.facts:
            return {}
        self._serial += 1
        high, low = divmod(self._serial, 10**6)
        query_id = f"{high % 100:02d}{fields['txnTime'][2:]}{low:06d}8"
        self._by_query[query_id] = fields["orderId"]
        return {"queryId": query_id, "serial": str(self._serial)}

    def opening(self, number: str, business: str) -> Order | None:
        """The first order by which a card is open, as a kind of quick pay."""
        for order in self._bank.orders():
            is_its = order.operation == "sign" and order.facts["number"] == number
            same = is_its and order.facts["bizType"] == business
            if same and order.token and not self._bank.revoked(order.token):
                return order
        return None

    def _token_of(self, fields: Fields, *, may_have_ended: bool) -> str:
        """The token; of the standard product ours alone, of the card that is named."""
        self._contract.check_product(fields)
        if fields["bizType"] == forms.STANDARD:
            opened = self.opening(self._contract.number(fields), forms.STANDARD)
            if opened is None or opened.token is None:
                raise Refused(forms.NOT_OPENED)
            return opened.token
        token = self._contract.token_data(fields).get("token", "")
        order = self.find(self._by_token.get(token, _NOBODY))
        known = token in self._given or (order is not None and order.token == token)
        if not known or (self._bank.revoked(token) and not may_have_ended):
            raise Refused(forms.NO_TOKEN)
        return token

    def _card_of(self, token: str) -> Card:
        given = self._given.get(token)
        if given is not None:
            return Card(number=given.number, phone=given.phone)
        order = self.find(self._by_token[token])
        assert order is not None, "a token that is known was signed"
        return Card(number=order.facts["number"], phone=order.phone or "")


def _kept(fields: Fields) -> dict[str, str]:
    """What the order's facts are of its message."""
    names = ("txnType", "txnSubType", "bizType", "txnTime", "reqReserved")
    return {name: fields[name] for name in names if fields.get(name)}


def _reference(fields: Fields) -> str:
    """What the merchant calls the payment: what he had us keep for him, if anything."""
    return fields.get("reqReserved") or fields["orderId"]


def _masked(number: str) -> str:
    return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}"

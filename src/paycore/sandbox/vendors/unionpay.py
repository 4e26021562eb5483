"""UnionPay's gateway, ACP 5.1.0: pay by token or card and text code, deduct, give back.

Messages are forms, signed both ways (`unionpay_ways`). Trades that move money are only
taken in; their end is told by a query and to `backUrl`. An order is known by `orderId`
and `txnTime` together. The parts: `unionpay_wire` (forms), `_forms` (fields and codes),
`_contract` (keys), `_trades` (calls of the bank), `_file` (the statement). What differs
from the real one is in `docs/sandbox-vendors.md`.
"""

from datetime import date
from typing import Final

from msgspec import Struct

from paycore.sandbox.bank import Bank
from paycore.sandbox.clerk import Clerk
from paycore.sandbox.delivery import send
from paycore.sandbox.dialect import Asked, Plain, VendorDialect, Wire
from paycore.sandbox.orders import Answer, Order
from paycore.sandbox.statement import Entry, day_of
from paycore.sandbox.vendors import unionpay_file as files
from paycore.sandbox.vendors import unionpay_forms as forms
from paycore.sandbox.vendors.unionpay_contract import TEXT, Contract, UnionPayConfig
from paycore.sandbox.vendors.unionpay_forms import Refused, Trade
from paycore.sandbox.vendors.unionpay_trades import Trades
from paycore.sandbox.vendors.unionpay_wire import (
    Fields,
    Unreadable,
    braced,
    notify_body,
    parse_form,
)
from paycore.sandbox.wire import Exchange

_FORM: Final = "application/x-www-form-urlencoded"
_INVALID: Final = Wire(body=b"Invalid request.", content_type=TEXT)
_LEVEL: Final = "40"

MONEY: Final = frozenset({"confirm", "deduct", "refund"})


class Told(Struct, frozen=True, kw_only=True):
    """What the answer needs of the message."""

    trade: str
    fields: Fields


class UnionPayDialect(VendorDialect):
    """How UnionPay's gateway speaks."""

    Config = UnionPayConfig
    tells = True
    tells_after_ms = 300

    def __init__(self, bank: Bank, config: Struct, clerk: Clerk) -> None:
        super().__init__(bank, config, clerk)
        assert isinstance(config, UnionPayConfig)
        self._contract = Contract(config)
        self._trades = Trades(bank, self._contract)

    # What comes in.

    async def aside(self, exchange: Exchange, at_ms: int) -> bool:
        """A day's file, which another host of theirs gives."""
        if exchange.path != forms.FILE:
            return False
        try:
            fields, _ = self._admitted(exchange, at_ms)
            send(exchange, await self._file(fields))
        except Plain as plain:
            send(exchange, plain.wire)
        return True

    def read(self, exchange: Exchange, at_ms: int) -> Asked:
        """A signed form; `Plain` where it is refused, or asks only for a certificate
        or after a card.
        """
        fields, trade = self._admitted(exchange, at_ms)
        try:
            if trade.name == "certificate":
                more = {"certType": "01"}
                more["encryptPubKeyCert"] = self._contract.keys.encryption_shown
                raise Plain(self._contract.answer(fields, forms.OK, **more))
            if trade.name == "opened_card":
                raise Plain(self._opened_card(fields))
            call = self._trades.ask(trade.name, fields, at_ms)
        except Refused as refused:
            raise Plain(self._contract.refusal(fields, refused)) from None
        return Asked(call=call, told=Told(trade=trade.name, fields=fields))

    def _admitted(self, exchange: Exchange, at_ms: int) -> tuple[Fields, Trade]:
        """Whose message it is and what it asks for, or `Plain`."""
        sent_as = exchange.headers.get(b"content-type", b"").decode("latin-1")
        if exchange.method != "POST" or not sent_as.lower().startswith(_FORM):
            raise Plain(_INVALID)
        try:
            fields = parse_form(exchange.body)
        except Unreadable:
            raise Plain(_INVALID) from None
        if "txnType" not in fields:
            raise Plain(_INVALID)
        try:
            forms.check_head(fields)
            self._contract.check_signature(fields)
            trade = forms.trade_of(
                fields,
                exchange.path,
                at_ms,
                deduct=self._contract.deduct,
                products=self._contract.products,
            )
        except Refused as refused:
            raise Plain(self._contract.refusal(fields, refused)) from None
        return fields, trade

    # What goes out.

    def reply(self, asked: Asked, answer: Answer, at_ms: int) -> Wire:
        """Say whether a trade was taken in, or what became of one."""
        told = asked.told
        assert isinstance(told, Told)
        order = self._trades.find(asked.call.request.request_id)
        if told.trade == "query":
            return self._queried(told.fields, answer, order)
        if told.trade == "opened":
            return self._opened_order(told.fields, answer, order)
        code = _code_now(asked.call.operation, answer)
        if code != forms.OK or order is None:
            return self._contract.answer(told.fields, code)
        more: dict[str, str] = {}
        if asked.call.operation in MONEY:
            more["queryId"] = order.facts["queryId"]
            if answer.reply.amount is not None:
                more["txnAmt"] = str(answer.reply.amount)
        if told.trade == "open":
            more = self._agreed(order)
        return self._contract.answer(told.fields, code, **more)

    def _queried(self, fields: Fields, answer: Answer, order: Order | None) -> Wire:
        """What became of a trade: its own type comes back, and a business of none."""
        said = answer.reply
        if said.status == "NOT_FOUND":
            return self._contract.answer(fields, forms.NOT_FOUND)
        code = _code_of_query(said.status, said.code)
        lies = order is None or said.code != order.code
        if said.status == "FAIL" and lies and code in forms.OF_ASKING:
            return self._contract.answer(fields, code)
        facts = order.facts if order else {}
        more = {
            "orderId": order.request_id if order else fields.get("orderId", ""),
            "txnTime": facts.get("txnTime", fields["txnTime"]),
            "txnType": facts.get("txnType", fields["txnType"]),
            "txnSubType": facts.get("txnSubType", fields["txnSubType"]),
            "origRespCode": code,
            "origRespMsg": forms.words_of(code),
        }
        if order is not None:
            amount = said.amount if code == forms.OK else None
            more |= self._ended(order, amount)
        return self._contract.answer(fields, forms.OK, **more)

    def _ended(self, order: Order, settled: int | None) -> dict[str, str]:
        """What is told of a trade's end: how much, when, and under which numbers."""
        query_id = order.facts["queryId"]
        told = {
            "queryId": query_id,
            "traceNo": query_id[14:20],
            "traceTime": query_id[4:14],
            "txnAmt": str(order.amount if settled is None else settled),
            "currencyCode": "156",
        }
        if settled is not None:
            day = day_of(self.bank.name, order.at_ms)
            told |= {
                "settleAmt": str(settled),
                "settleCurrencyCode": "156",
                "settleDate": f"{day:%m%d}",
            }
        kept = ("reqReserved", "origQryId")
        return told | {name: order.facts[name] for name in kept if name in order.facts}

    def _opened_order(
        self, fields: Fields, answer: Answer, order: Order | None
    ) -> Wire:
        said = answer.reply
        if said.status == "NOT_FOUND" or order is None:
            return self._contract.answer(fields, forms.NOT_FOUND)
        if said.status == "PROCESSING":
            return self._contract.answer(fields, forms.IN_PROCESS)
        if said.status == "FAIL" and order.status != "FAIL":
            return self._contract.answer(fields, forms.code_of(said.code))
        if order.token and not self.bank.revoked(order.token):
            return self._contract.answer(fields, forms.OK, **self._agreed(order))
        if fields["txnType"] == "79":
            return self._contract.answer(fields, forms.NO_TOKEN)
        return self._contract.answer(fields, forms.OK, activateStatus="0")

    def _opened_card(self, fields: Fields) -> Wire:
        """Whether a card is open, by its number."""
        self._contract.check_product(fields)
        number = self._contract.number(fields)
        order = self._trades.opening(number, fields["bizType"])
        told = {"activateStatus": "0"} if order is None else self._agreed(order)
        return self._contract.answer(fields, forms.OK, **told)

    def _agreed(self, order: Order) -> dict[str, str]:
        """A card that is open: its token, and whose it is for the merchant's eyes."""
        if order.facts["bizType"] == forms.STANDARD:
            return {"activateStatus": "1", "payCardType": "01"}
        begin = forms.stamp(order.at_ms)
        token = {
            "token": order.token or "",
            "trId": self._contract.config.tr_id,
            "tokenLevel": _LEVEL,
            "tokenBegin": begin,
            "tokenEnd": f"{int(begin[:4]) + 5}{begin[4:]}",
            "tokenType": "01",
        }
        return {
            "activateStatus": "1",
            "payCardType": "01",
            "tokenPayData": braced(token),
            **self._contract.told_card(order.facts["number"]),
        }

    def spoil(self, wire: Wire) -> Wire:
        """All of it right but the signature, which is the last field."""
        body, _, _ = wire.body.rpartition(b"&signature=")
        wrong = self._contract.keys.way.spoilt().encode()
        return Wire(body=body + b"&signature=" + wrong, content_type=wire.content_type)

    def callback(self, order: Order, at_ms: int) -> Wire | None:
        """The end of a trade that was taken in, good or bad."""
        facts = order.facts
        if "queryId" not in facts or order.operation in ("sign", "revoke"):
            return None
        failed = order.status == "FAIL"
        if failed and order.due_ms is None and _is_at_once(order.code):
            return None
        code = forms.code_of(order.code) if failed else forms.OK
        amount = (order.amount or 0) + (1 if order.lies else 0)
        told = {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "signMethod": self._contract.config.sign_method,
            "accessType": "0",
            "merId": order.merchant,
            "orderId": order.request_id,
            **{n: facts[n] for n in ("txnType", "txnSubType", "bizType", "txnTime")},
            "respCode": code,
            "respMsg": forms.words_of(code),
            **self._ended(order, None if failed else amount),
        }
        body = notify_body(self._contract.signed(told))
        return Wire(body=body, content_type=f"{_FORM};charset=UTF-8")

    def acknowledged(self, order: Order, status: int, body: bytes) -> bool:
        """By its status alone, and going elsewhere is as good."""
        return status in (200, 302)

    # The statement.

    async def _file(self, fields: Fields) -> Wire:
        bank = self.bank.name
        day = self._settled_on(fields["settleDate"])
        if day is None:
            raise Plain(self._contract.refusal(fields, forms.invalid("settleDate")))
        if not self.clerk.is_there(bank, day):
            return self._contract.answer(fields, forms.NO_FILE)
        entries: list[Entry] = []
        async for page in self.clerk.entries(bank, day, self._contract.config.mer_id):
            entries += page
        orders = list(self.bank.orders())
        file = files.Day(
            mer_id=self._contract.config.mer_id,
            day=day,
            whole=self.clerk.whole(bank, day),
            strange=self.clerk.coded(bank, day),
        )
        held = files.content(
            file,
            entries,
            by_ref={order.bank_ref: order for order in orders if order.bank_ref},
            by_number={order.request_id: order for order in orders},
        )
        more = {"settleDate": fields["settleDate"], "fileType": "00"}
        more |= {"fileName": file.name, "fileContent": held}
        return self._contract.answer(fields, forms.OK, **more)

    def _settled_on(self, text: str) -> date | None:
        """The day of that month and day that is nearest to today."""
        today = self.clerk.today(self.bank.name)
        days = []
        for year in (today.year - 1, today.year, today.year + 1):
            try:
                days.append(date(year, int(text[:2]), int(text[2:])))
            except ValueError:
                continue
        return min(days, key=lambda day: abs(day - today), default=None)


def _is_at_once(said: str) -> bool:
    """Whether a refusal is the reply's, and not the later word of the card's bank.
    What a test asks for as a `respCode` is one.
    """
    return said in forms.AT_ONCE or len(said) == 2


def _code_now(operation: str, answer: Answer) -> str:
    """The `respCode` of a reply: of what moves money, whether it was taken in."""
    said = answer.reply
    if said.status == "PROCESSING":
        return forms.OK if operation in MONEY else forms.IN_PROCESS
    if said.status == "DUPLICATE":
        return forms.DUPLICATE
    if said.status == "FAIL":
        later = answer.final is not None and not _is_at_once(said.code)
        return forms.OK if later else forms.code_of(said.code)
    return forms.OK


def _code_of_query(status: str, code: str) -> str:
    """`origRespCode`. An order that still waits had a confirm with a wrong code."""
    if status == "FAIL":
        return forms.code_of(code)
    return {
        "PROCESSING": forms.IN_PROCESS,
        "OPEN": forms.CODE_WRONG,
    }.get(status, forms.OK)

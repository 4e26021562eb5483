"""Huifu Dougong (汇付斗拱), the dg interface: quick pay V3, withholding and refunds V2.

What differs from others: an order's name is its number and its Beijing day together;
values are text, objects inside them JSON text; a payment takes two identifiers of the
payer, which core keeps as one agreement (`user_huifu_id/token_no`). A confirm carries
the number of its send. What is inferred is marked [I] in docs/channels/huifu.md and has
a field of `HuifuConfig`.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import ClassVar, Final, cast

import msgspec

from paycore.gateway import huifu_bill as bill
from paycore.gateway import huifu_order as orders
from paycore.gateway import huifu_verdict as verdict
from paycore.gateway import huifu_wire as wire
from paycore.gateway.call import (
    Ask,
    Callback,
    Operation,
    Reply,
    not_sent,
    of_other_money,
    unknown,
)
from paycore.gateway.channel import (
    BAD_SIGNATURE,
    Account,
    Channel,
    Outgoing,
    StatementChannel,
)
from paycore.gateway.huifu_config import HuifuConfig
from paycore.gateway.huifu_order import BEIJING
from paycore.gateway.huifu_scrub import hidden, scrubbed
from paycore.gateway.huifu_verdict import text
from paycore.gateway.statement import Fetched, StatementLine, Take
from paycore.kernel.addresses import is_vouched_for
from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.ids import REFUND_LEGS, SIGNING_LEGS, payment_of
from paycore.kernel.mask import mask_card, mask_phone
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome

_CONTENT: Final = MappingProxyType({"Content-Type": "application/json;charset=utf-8"})

_PATHS: Final = MappingProxyType(
    {
        Operation.SIGN: "/v3/quickbuckle/apply",
        Operation.SIGN_CONFIRM: "/v3/quickbuckle/confirm",
        Operation.REVOKE: "/v2/quickbuckle/unbind",
        Operation.SEND_CODE: "/v3/trade/onlinepayment/quickpay/smssend",
        Operation.CONFIRM: "/v3/trade/onlinepayment/quickpay/pay",
        Operation.DEDUCT: "/v2/trade/onlinepayment/withholdpay",
        Operation.REFUND: "/v2/trade/onlinepayment/refund",
    }
)
_ENQUIRY: Final = "/v2/trade/onlinepayment/query"
_ENQUIRIES: Final = MappingProxyType(
    {
        Operation.REFUND: "/v2/trade/onlinepayment/refund/query",
        Operation.SIGN: "/v2/quickbuckle/query",
        Operation.SIGN_CONFIRM: "/v2/quickbuckle/query",
        Operation.REVOKE: "/v2/quickbuckle/query",
    }
)

_OURS_REFUSED: Final = frozenset({401, 403, 921, 922, 923})
"""Statuses by which our signature or product is refused, which nobody has signed."""

_QUICK_PAY: Final = "QUICK_PAY"

_SAYS: Final = MappingProxyType(
    {
        "90000000": "Huifu refuses the business of this call and says why in words: if"
        " they name a product or a permission, have Huifu open quick pay (快捷) and"
        " withholding (代扣) for this huifu_id",
        "911": "Huifu lets nobody through at this rate: wait a minute and try again",
        "914": "Huifu lets nobody through at this rate: wait a minute and try again",
        "921": "Huifu does not take our signature: the private key must be the one"
        " whose public half was given to Huifu's console for this sys_id",
        "922": "Huifu does not take our signature: look at the private key and at"
        " sys_id, which must belong together",
        "923": "Huifu does not know this product for this merchant: look at product_id"
        " and sys_id, and whether they are of this environment (test or real)",
        BAD_SIGNATURE: "what answers is not signed by Huifu's key: look at"
        " huifu_public_key, which differs between the test and the real environment and"
        " is not the public half of our own key; an answer without any signature is"
        " often a refusal of ours, and then its code follows",
    }
)


class Notified(Callback, frozen=True, kw_only=True):
    """A notify; it is acknowledged by Huifu's number of the order."""

    order_no: str


class Huifu(Channel, StatementChannel):
    """Huifu Dougong, one merchant an account."""

    code = "huifu"
    title = "Huifu Dougong"
    capabilities = frozenset({*_PATHS, Operation.ENQUIRE})
    Config = HuifuConfig
    secret_fields = ("private_key",)
    currencies = frozenset({verdict.CURRENCY})
    # An order of ours can be paid for half an hour (`time_expire`), and as long again
    # is given to what was accepted at its end.
    acceptance_window = timedelta(hours=1)
    confirm_inherits_request_no = True
    # Number and day name an order, a second one is refused as 20000000, and a refund's
    # day is that of its first call however late it is sent again.
    refunds_once = True
    errors: ClassVar[Mapping[str, tuple[Outcome, Blame | None]]] = verdict.CODES
    statement_zone = BEIJING

    def unfit(self, account: Account) -> str:
        """Names and phone numbers are sealed in it; what they buy and for how much is
        not.
        """
        if is_vouched_for(account.base_url):
            return ""
        return "what is sent to Huifu is private: the base URL must begin with https://"

    # --- out ------------------------------------------------------------------------

    def assemble(self, account: Account, ask: Ask) -> Outgoing:
        """Build, sign, and mask what is kept; what cannot be asked is not sent."""
        config, path = _config(account), _path(ask)
        fields = orders.fields(config, ask)
        if fields is None:
            masked = f"{path}: not sent"
            return Outgoing(ask=ask, masked=masked, answer=_unasked(ask))
        shown = msgspec.json.encode({"path": path, "data": _shown(ask, fields)})
        sealed = {
            name: wire.sealed(config.their_key, value) if name in _SEALED else value
            for name, value in fields.items()
        }
        request = _request(account, path, sealed, timeout_s=ask.timeout_s)
        return Outgoing(ask=ask, masked=shown.decode(), http=request)

    # --- in -------------------------------------------------------------------------

    def read(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        """Trust an answer that Huifu has signed and that is about this call."""
        if answered.status != 200:
            refused = answered.status in _OURS_REFUSED
            return unknown(
                f"HTTP_{answered.status}",
                alarm="Huifu refuses our signature or product" if refused else None,
            )
        config = _config(account)
        opened = wire.opened(config.their_key, answered.body)
        if opened is None:
            return unknown("GARBAGE")
        if not opened.signed:
            said = [text(opened.data, name) for name in ("resp_code", "resp_desc")]
            why = "the signature is wrong"
            return unknown(BAD_SIGNATURE, " ".join(filter(None, said)), alarm=why)
        if not orders.is_answered(config, ask, opened.data):
            return unknown("OTHER_ORDER", alarm="the answer is about another order")
        return _judged(config, ask, opened.data)

    def callback(
        self,
        account: Account,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: datetime,
    ) -> Callback | None:
        """Trust a notify whose `resp_data` is signed as it stands, to our merchant.

        Huifu signs everybody's by one key, and everybody may number his orders as he
        likes: one that does not say whose it is may be anybody's.
        """
        config = _config(account)
        data = wire.notified(config.their_key, body)
        if data is None or text(data, "huifu_id") != config.huifu_id:
            return None
        order_no = text(data, "req_seq_id")
        number = orders.our_number(order_no)
        operation = _notified(config, data, number)
        if operation is None:
            return None
        return Notified(
            order_no=order_no,
            request_no=number,
            pay_order_no=None,
            operation=operation,
            merchant=config.huifu_id,
            reply=verdict.judged(config, data, operation, operation, first=False),
        )

    def acknowledge(
        self,
        callback: Callback | None,
        accepted: bool,  # noqa: FBT001 - as the base has it
    ) -> tuple[int, bytes]:
        """Huifu waits for these words and the order's number, as it has it."""
        if not isinstance(callback, Notified) or not accepted:
            return super().acknowledge(callback, accepted=False)
        return 200, f"RECV_ORD_ID_{callback.order_no}".encode()

    def explain(self, account: Account, reply: Reply) -> str:
        """Say what to do about the refusals that a new account meets."""
        codes = [reply.resp_code.removeprefix("HTTP_"), reply.resp_msg[:3]]
        if reply.resp_code == BAD_SIGNATURE:
            codes.reverse()
        return next((_SAYS[code] for code in codes if code in _SAYS), "")

    # --- statements -----------------------------------------------------------------

    def ask_statement(
        self, account: Account, day: date, *, at: datetime, timeout_s: float
    ) -> HttpRequest:
        """Ask where a day's files are: they bear the date of the day after it."""
        fields = bill.question(_config(account), day, at)
        return _request(account, bill.PATH, fields, timeout_s=timeout_s)

    async def fetch_statement(
        self, node: Node, account: Account, day: date, take: Take
    ) -> Fetched:
        """Ask where the files are, and have each come; kept as one (huifu_bill)."""
        config, now = _config(account), node.now()
        if now < bill.asked_from(config, day):
            return bill.NOT_YET
        request = self.ask_statement(account, day, at=now, timeout_s=bill.ASKING_S)
        former = None if account.former is None else _config(account.former)
        found = await bill.whereabouts(node, config, request, former=former)
        if isinstance(found, Fetched):
            return found
        return await bill.bring(node, account.base_url, found, take)

    def read_statement(
        self, account: Account, day: date, octets: AsyncIterator[bytes]
    ) -> AsyncIterator[StatementLine]:
        """Read what `fetch_statement` kept: zips of CSV, by the headings' names."""
        return bill.lines(_config(account), day, octets)

    # --- kept -----------------------------------------------------------------------

    def scrub(self, text: str) -> str:
        """Mask by the protocol's names, in JSON, in forms, in whatever holds them."""
        return scrubbed(text)


_SEALED: Final = frozenset(
    {"card_no", "card_name", "cert_no", "mobile_no", "cvv2", "expiration"}
)


def _config(account: Account) -> HuifuConfig:
    return cast("HuifuConfig", account.config)


def _path(ask: Ask) -> str:
    if ask.operation is not Operation.ENQUIRE:
        return _PATHS[ask.operation]
    about = ask.enquired_operation
    return _ENQUIRY if about is None else _ENQUIRIES.get(about, _ENQUIRY)


def _request(
    account: Account, path: str, fields: Mapping[str, str], *, timeout_s: float
) -> HttpRequest:
    config = _config(account)
    body = wire.envelope(
        config.our_key,
        sys_id=config.sys_id,
        product_id=config.product_id,
        data=fields,
    )
    return HttpRequest(
        url=account.base_url + path, headers=_CONTENT, body=body, timeout_s=timeout_s
    )


def _shown(ask: Ask, fields: Mapping[str, str]) -> dict[str, object]:
    """The request as it may be kept: the card in its masked form, no code, no token."""
    shown = hidden(fields)
    if ask.card is not None and "card_no" in shown:
        shown["card_no"] = mask_card(ask.card.number)
        shown["mobile_no"] = mask_phone(ask.card.phone)
    return shown


def _unasked(ask: Ask) -> Reply:
    """What is answered to a call that lacks what it needs: nothing has left."""
    if ask.operation is Operation.ENQUIRE:
        return unknown("NOT_ENQUIRABLE")
    if ask.operation is Operation.REFUND:
        return not_sent("the day of what is refunded is not known")
    return not_sent("no agreement of user_huifu_id/token_no, or no card")


def _judged(config: HuifuConfig, ask: Ask, data: Mapping[str, object]) -> Reply:
    """What an answer that is Huifu's, and about this call, means."""
    about = ask.enquired_operation or ask.operation
    if orders.asks_of_signing(ask):
        return verdict.of_signing(data, about)
    reply = verdict.judged(config, data, ask.operation, about, first=True)
    return _with_our_amount(ask, reply)


def _with_our_amount(ask: Ask, reply: Reply) -> Reply:
    """A success over another amount is none: a person looks (design, F32)."""
    if reply.outcome is not Outcome.SUCCEEDED or reply.amount is None:
        return reply
    if (reply.amount, reply.currency) == (ask.amount, ask.currency):
        return reply
    return of_other_money(reply)


def _notified(
    config: HuifuConfig, data: Mapping[str, object], number: str
) -> Operation | None:
    """What a notify is about: by the form of its number, and of payments by their kind;
    None where it is of nothing that is notified.
    """
    named = payment_of(number)
    if named is None or named[1] > SIGNING_LEGS:
        return None
    if named[1] > REFUND_LEGS:
        return Operation.REFUND
    kind = text(data, "trans_type")
    if kind in config.deduct_trans_types:
        return Operation.DEDUCT
    return Operation.CONFIRM if kind == _QUICK_PAY else None

"""UnionPay's ACP 5.1.0 without redirection (无跳转支付): tokens, and 代收 to deduct.

Forms over HTTP, signed in one of four ways (`unionpay_keys`); what the account needs is
in docs/channels/unionpay.md. What differs from others: an order is known by its number
and its moment together, a confirm carries both of its send. That money is taken is only
accepted at once, and said by a notice or an enquiry. A reply's values are not escaped.
"""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import ClassVar, Final

from msgspec.structs import replace

from paycore.gateway import unionpay_statement
from paycore.gateway.call import (
    Ask,
    Callback,
    Operation,
    Reply,
    not_sent,
    unknown,
)
from paycore.gateway.channel import (
    BAD_SIGNATURE,
    Account,
    Channel,
    Outgoing,
    StatementChannel,
)
from paycore.gateway.statement import StatementLine
from paycore.gateway.unionpay_codes import (
    ALARMS,
    BAD_FIELD,
    DONE,
    ERRORS,
    EXPLAINED,
    NOT_FOUND,
    WAITING,
    WRONG_CODE,
)
from paycore.gateway.unionpay_config import UnionPayConfig
from paycore.gateway.unionpay_request import (
    HIDDEN,
    INSTEAD_OF,
    MONEY,
    NO_PRODUCT,
    SIGNINGS,
    TOLD_CERTIFICATE,
    YUAN,
    common_fields,
    config_of,
    encryption_of,
    fields_of,
    kind_of,
    meant,
    moment_of,
    posted,
    question_of,
    shown,
)
from paycore.gateway.unionpay_statement import BEIJING
from paycore.gateway.unionpay_trust import certificate
from paycore.gateway.unionpay_wire import Message
from paycore.kernel import log
from paycore.kernel.addresses import is_vouched_for
from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.ids import pay_order_no
from paycore.kernel.mask import mask_code, mask_text
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import PayOrderNo, VerifyStatus

_CURRENCIES: Final = MappingProxyType({YUAN: "CNY"})
_TRADES_PATH: Final = "/gateway/api/backTransReq.do"
_ENQUIRIES_PATH: Final = "/gateway/api/queryTrans.do"

_JUDGES_CODE: Final = frozenset({Operation.CONFIRM, Operation.SIGN_CONFIRM})
_CALLED_BACK: Final = MappingProxyType(
    {"01": Operation.CONFIRM, "11": Operation.DEDUCT, "04": Operation.REFUND}
)

# A form, a reply, JSON, or a page that repeats one of them: escaped once, or twice.
_NAMED: Final = re.compile(
    rf"(?<![A-Za-z])({'|'.join(HIDDEN)})"
    r"""((?:\\?["']|&quot;)?\s*(?:=|:|%(?:25)*3D)\s*(?:\\?["']|&quot;)?)"""
    r"""(?:\{[^{}]*\}?|[^&"'<>\\\r\n]*)"""
)
_LONG: Final = re.compile(
    r"((?:[A-Za-z0-9+/]|%2[BFbf]){8})[A-Za-z0-9+/=%\r\n]{72,}"
    r"|\b([0-9a-f]{8})[0-9a-f]{56}\b"
)
"""Signatures, certificates, files, and what is sealed: so much of them is enough."""

_log = log.get(__name__)


class UnionPay(Channel, StatementChannel):
    """UnionPay, by token and by 代收."""

    code = "unionpay"
    title = "UnionPay ACP 5.1.0"
    capabilities = frozenset(
        {
            Operation.SIGN,
            Operation.SIGN_CONFIRM,
            Operation.REVOKE,
            Operation.SEND_CODE,
            Operation.CONFIRM,
            Operation.DEDUCT,
            Operation.ENQUIRE,
            Operation.REFUND,
        }
    )
    currencies = frozenset({"CNY"})
    Config = UnionPayConfig
    secret_fields = ("signing_key", "shared_key")
    # It gives notice of what it took in five times within eight minutes, and advises
    # to ask again after five: what is not found after both is not there.
    acceptance_window = timedelta(minutes=10)
    confirm_inherits_request_no = True
    # A number that is used again, with its moment, is 12 and nothing else.
    refunds_once = True
    statement_zone = BEIJING
    errors: ClassVar[Mapping[str, tuple[Outcome, Blame | None]]] = ERRORS

    def unfit(self, account: Account) -> str:
        """Names, ID numbers and codes are signed in it, card numbers sealed as well."""
        for url in (account.base_url, config_of(account).file_url):
            if not is_vouched_for(url):
                return (
                    "what is sent to UnionPay is readable on the way: the base URL and"
                    " file_url must begin with https://"
                )
        return ""

    # --- out ------------------------------------------------------------------------

    def assemble(self, account: Account, ask: Ask) -> Outgoing:
        """Build, sign, and mask what is kept; what cannot be asked has no request."""
        question = question_of(ask)
        impossible = _impossible(question)
        if impossible is not None:
            masked = f"{ask.operation}: {impossible.resp_code} {impossible.resp_msg}"
            return Outgoing(ask=ask, masked=masked, answer=impossible)
        config = config_of(account)
        fields = fields_of(account, question)
        path = _ENQUIRIES_PATH if fields["txnType"] == "00" else _TRADES_PATH
        return Outgoing(
            ask=ask,
            masked=shown(ask, fields),
            http=posted(config, account.base_url + path, fields, ask.timeout_s),
        )

    # --- in -------------------------------------------------------------------------

    def read(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        """Trust a reply that is signed by UnionPay, and about this call."""
        if answered.status != 200:
            return unknown(f"HTTP_{answered.status}")
        message = Message.of_reply(answered.body)
        if message is None:
            return unknown("GARBAGE")
        config = config_of(account)
        fault = config.trust.fault(message, ask.asked_at)
        if fault is not None:
            return unknown(BAD_SIGNATURE, alarm=fault)
        question = question_of(ask)
        if not _is_about(config, question, message):
            return unknown("OTHER_ORDER", alarm="the reply is about another order")
        if ask.operation is Operation.ENQUIRE:
            reply = self._found(config, question, message)
            if meant(ask) is Operation.REVOKE:
                reply = _of_end(reply)
        else:
            reply = self._heard(ask, message)
        return _with_our_amount(ask, reply, _amounts(message))

    def callback(
        self,
        account: Account,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: datetime,
    ) -> Callback | None:
        """Trust a notice that is signed, and to our merchant number; but for a no.

        Whatever is asked for in our name is answered by the same signature, with the
        order that it named: a stranger's request, signed by nobody, is refused, and the
        refusal is as good as a notice. So a no only says that it is to be asked after.
        The answer to a call is signed in the same way too, and its yes says that the
        money was asked for: what was taken says what is settled of it.
        """
        config, message = config_of(account), Message.of_form(body)
        if message is None or config.trust.fault(message, now) is not None:
            return None
        operation = _CALLED_BACK.get(message.text("txnType"))
        if operation is None or message.text("merId") != config.mer_id:
            return None
        if message.text("origRespCode"):
            # The answer to a question: its yes is to that.
            return None
        result = self._result(message, operation, message.text("respCode"))
        settled = message.text("settleAmt") and message.text("settleCurrencyCode")
        if result.outcome is Outcome.DECLINED or not settled:
            # And a yes without a settlement may be what was answered to the call.
            result = _told(message, result.resp_code)
        named = message.text("reqReserved")
        return Callback(
            request_no=message.text("orderId"),
            pay_order_no=PayOrderNo(named) if named else None,
            operation=operation,
            merchant=config.mer_id,
            reply=_with_one_amount(result, _amounts(message)),
        )

    def acknowledge(
        self,
        callback: Callback | None,
        accepted: bool,  # noqa: FBT001 - yes or no
    ) -> tuple[int, bytes]:
        """Any body with 200; without, it gives notice again."""
        return (200, b"ok") if accepted else (400, b"refused")

    def _heard(self, ask: Ask, message: Message) -> Reply:
        """The answer to a call: money is only accepted, the rest is done at once."""
        operation, code = ask.operation, message.text("respCode")
        reply = self._result(message, operation, code)
        if operation is Operation.REFUND and code == BAD_FIELD and self._is_old(ask):
            # Its moment is what is wrong now: it says nothing of the call before.
            return unknown(code, reply.resp_msg)
        if operation in MONEY and code in (*DONE, WAITING):
            return replace(reply, outcome=Outcome.PENDING, verify_status=None)
        if operation is not Operation.SIGN_CONFIRM or code not in DONE:
            return reply
        return _with_token(reply, message)

    def _is_old(self, ask: Ask) -> bool:
        """Whether an order that is sent again can only be one that came long ago."""
        return ask.asked_at - ask.order_at > self.acceptance_window

    def _found(self, config: UnionPayConfig, ask: Ask, message: Message) -> Reply:
        """The answer to an enquiry: first how that went, then what became of it."""
        about, code = meant(ask), message.text("respCode")
        if code == NOT_FOUND:
            # Only as the answer to such a question: a call may be told it as well.
            asked = "78" if about in SIGNINGS else "00"
            found_none = message.text("txnType") == asked
            return replace(_told(message, code), not_found=found_none)
        if code not in DONE:
            return replace(_told(message, code), alarm=ALARMS.get(code))
        if about in SIGNINGS:
            if message.text("activateStatus") != "1":
                # The code is out; whether one is still good they do not say.
                return replace(_told(message, code), outcome=Outcome.PENDING)
            done = replace(_told(message, code), outcome=Outcome.SUCCEEDED)
            return _with_token(done, message)
        return self._of_trade(config, about, message)

    def _of_trade(
        self, config: UnionPayConfig, about: Operation, message: Message
    ) -> Reply:
        """What an enquiry found of money."""
        if message.text("txnType") != kind_of(config, about)[0]:
            # Of the same number and moment, and no trade: a code that was sent.
            return unknown("OTHER_KIND", "what it knows is no such trade")
        result = self._result(message, about, message.text("origRespCode"), "orig")
        if _of_some_try(about, result):
            # Under this number no money has moved by now, and more they do not say.
            found = _told(message, WRONG_CODE, "orig")
            return replace(found, not_found=True)
        return result

    def _result(
        self, message: Message, operation: Operation, code: str, of: str = ""
    ) -> Reply:
        """What a code says of a trade; `of` is in the names of those that are asked
        after.
        """
        outcome, blame = self.errors.get(code, (Outcome.UNKNOWN, None))
        if code in DONE:
            outcome = Outcome.SUCCEEDED
        return replace(
            _told(message, code, of),
            outcome=outcome,
            blame=blame,
            verify_status=_verified(operation, outcome, code),
            alarm=ALARMS.get(code),
        )

    # --- what it tells us to use ----------------------------------------------------

    async def learn(self, node: Node, account: Account) -> Mapping[str, str] | None:
        """Ask for the certificate that card numbers are to be sealed for."""
        config, now = config_of(account), node.now()
        # A number that nobody has: what is asked for has one as well.
        number = pay_order_no(node.ids, now)
        fields = common_fields(config, ("95", "00"), NO_PRODUCT, now)
        fields |= {"orderId": number, "certType": "01"}
        request = posted(
            config,
            account.base_url + _TRADES_PATH,
            fields,
            node.settings.enquiry_timeout_s,
        )
        result = await node.transport.send(
            replace(request, connect_timeout_s=node.settings.connect_timeout_s)
        )
        if not isinstance(result, Answered) or result.status != 200:
            return None
        message = Message.of_reply(result.body)
        if message is None or config.trust.fault(message, now) is not None:
            return None
        named = tuple(map(message.text, ("respCode", "merId", "orderId", "txnType")))
        if named != ("00", config.mer_id, number, "95"):
            return None
        told = certificate(message.values.get("encryptPubKeyCert", b""))
        if told == encryption_of(account):
            return None
        if told is None or not config.trust.vouches(told, now):
            _log.warning("certificate_refused", channel=account.channel)
            return None
        return {
            TOLD_CERTIFICATE: message.text("encryptPubKeyCert"),
            INSTEAD_OF: str(config.encryption.serial_number),
        }

    def explain(self, account: Account, reply: Reply) -> str:
        """Say what is to be done about their code."""
        return EXPLAINED.get(reply.resp_code, "")

    # --- statements -----------------------------------------------------------------

    def ask_statement(
        self, account: Account, day: date, *, at: datetime, timeout_s: float
    ) -> HttpRequest:
        """By settle day, which has no year: what comes says which it is of."""
        config = config_of(account)
        fields = common_fields(config, ("76", "01"), NO_PRODUCT, at)
        fields |= {"fileType": "00", "settleDate": f"{day:%m%d}"}
        return posted(config, config.file_url, fields, timeout_s)

    def read_statement(
        self, account: Account, day: date, octets: AsyncIterator[bytes]
    ) -> AsyncIterator[StatementLine]:
        """Believe the reply first, then unpack it."""
        former = None if account.former is None else config_of(account.former)
        return unionpay_statement.lines(config_of(account), day, octets, former=former)

    # --- kept -----------------------------------------------------------------------

    def scrub(self, text: str) -> str:
        """Mask by names, in whatever form they stand; cut what nobody can read."""
        text = _NAMED.sub(lambda found: found[1] + found[2] + mask_code(""), text)
        return mask_text(_LONG.sub(lambda found: f"{found[1] or found[2]}…", text))


# --- what cannot be asked, and what an answer says ------------------------------------


def _impossible(ask: Ask) -> Reply | None:
    """The answer to what cannot be asked, None where it can."""
    if ask.operation is Operation.REFUND and ask.original_channel_ref is None:
        return not_sent("UnionPay's own number of the charge is not known yet")
    revoked = meant(ask) is Operation.REVOKE
    if ask.operation is not Operation.ENQUIRE or (ask.opened_at and not revoked):
        return None
    if ask.channel_ref is not None and meant(ask) in MONEY:
        return None
    return unknown("NOT_ENQUIRABLE", "the order's moment is not known")


def _of_some_try(operation: Operation, result: Reply) -> bool:
    """Whether it says that a code was wrong, and not which: all tries of an order have
    its number and moment, and the word on an earlier one must not end a later one.
    """
    wrong = (result.outcome, result.blame) == (Outcome.DECLINED, Blame.CODE)
    return operation is Operation.CONFIRM and wrong


def _is_about(config: UnionPayConfig, ask: Ask, message: Message) -> bool:
    """Whether a reply is to this call: a send, its confirm and an enquiry after either
    have the same number and moment, so the kind belongs to it.
    """
    if (message.text("merId"), message.text("orderId")) != (
        config.mer_id,
        ask.request_no,
    ):
        return False
    if ask.operation is Operation.ENQUIRE and ask.opened_at is None:
        return message.text("queryId") == ask.channel_ref
    if message.text("txnTime") != moment_of(ask.order_at):
        return False
    if ask.operation is Operation.ENQUIRE:
        # The kind is that of the order, which `_found` looks at, or of the question.
        return meant(ask) not in SIGNINGS or message.text("txnType") == "78"
    kind = kind_of(config, ask.operation)
    return (message.text("txnType"), message.text("txnSubType")) == kind


def _told(message: Message, code: str, of: str = "") -> Reply:
    """What a message says, whatever it means."""
    amounts = _amounts(message)
    currency = message.text("currencyCode") or message.text("settleCurrencyCode")
    return Reply(
        outcome=Outcome.UNKNOWN,
        resp_code=code,
        resp_msg=message.text("origRespMsg" if of else "respMsg"),
        channel_ref=message.text("queryId") or None,
        amount=amounts[0] if amounts else None,
        currency=_CURRENCIES.get(currency, currency) or None,
    )


def _amounts(message: Message) -> list[int | None]:
    """What was asked for and what is settled of it: the same, or something is odd."""
    told = [message.text("txnAmt")]
    if message.text("settleCurrencyCode") == YUAN:
        told.append(message.text("settleAmt"))
    return [_number(text) for text in told if text]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None


def _with_token(reply: Reply, message: Message) -> Reply:
    """A yes to a signing is one that gives the agreement's number."""
    token = message.members("tokenPayData").get("token")
    if token:
        return replace(reply, agreement=token)
    return unknown("NO_TOKEN", alarm="a yes without an agreement")


def _of_end(signing: Reply) -> Reply:
    """What the state of a signing says of its end: while it is open there was none."""
    outcome = Outcome.UNKNOWN
    if signing.outcome is Outcome.PENDING:
        outcome = Outcome.SUCCEEDED
    stands = signing.outcome is Outcome.SUCCEEDED
    return replace(signing, outcome=outcome, not_found=stands, agreement=None)


def _with_our_amount(ask: Ask, reply: Reply, amounts: list[int | None]) -> Reply:
    """A yes to another amount is none: a person looks (design, F32)."""
    if reply.outcome not in (Outcome.SUCCEEDED, Outcome.PENDING):
        return reply
    # What is only accepted need not repeat what was asked.
    final = reply.outcome is Outcome.SUCCEEDED and meant(ask) in MONEY
    others = [amount for amount in amounts if amount != ask.amount]
    currencies = (ask.currency,) if final else (ask.currency, None)
    if not amounts and not final:
        return reply
    if amounts and not others and reply.currency in currencies:
        return reply
    amount = others[0] if others else reply.amount
    return _of_other_amount(replace(reply, amount=amount))


def _with_one_amount(reply: Reply, amounts: list[int | None]) -> Reply:
    """A notice that settles another amount than it names is no yes to either; whether
    it is ours is for whoever knows the order to say.
    """
    if reply.outcome is Outcome.SUCCEEDED and len(set(amounts)) > 1:
        return _of_other_amount(replace(reply, amount=amounts[-1]))
    return reply


def _of_other_amount(reply: Reply) -> Reply:
    return replace(
        reply, outcome=Outcome.UNKNOWN, verify_status=None, alarm="amount differs"
    )


def _verified(operation: Operation, outcome: Outcome, code: str) -> VerifyStatus | None:
    """What the bank found of the code that the payer typed."""
    if operation not in _JUDGES_CODE:
        return None
    if outcome is Outcome.SUCCEEDED:
        return VerifyStatus.PASS
    return VerifyStatus.WRONG if code == WRONG_CODE else None

"""UnionPay's ACP 5.1.0 without redirection (无跳转支付), and 代收 to deduct.

Forms over HTTP, signed in one of four ways (`unionpay_keys`); what the account needs is
in docs/channels/unionpay.md. What differs from others: an order is known by its number
and its moment together, a confirm carries both of its send. That money is taken is only
accepted at once, and said by a notice or an enquiry. Quick pay is by token or, as the
account says, by the card itself: then an agreement's number is ours, and a confirm
names the card. A reply's values are not escaped.
"""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime, timedelta
from typing import ClassVar, Final

from msgspec.structs import replace

from paycore.gateway import unionpay_statement
from paycore.gateway.call import (
    Ask,
    Callback,
    Operation,
    Reply,
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
    OF_THE_CHARGE,
    UNBELIEVED,
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
    TRADES,
    common_fields,
    config_of,
    encryption_of,
    fields_of,
    meant,
    posted,
    question_of,
    shown,
)
from paycore.gateway.unionpay_statement import BEIJING
from paycore.gateway.unionpay_trust import WRONG_SIGNATURE, certificate
from paycore.gateway.unionpay_verdict import (
    amounts_of,
    impossible,
    is_about,
    of_end,
    of_some_try,
    told,
    unasked,
    verified,
    with_agreement,
    with_one_amount,
    with_our_amount,
)
from paycore.gateway.unionpay_wire import Message
from paycore.kernel import log
from paycore.kernel.addresses import is_vouched_for
from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.ids import pay_order_no
from paycore.kernel.mask import mask_code, mask_text
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import PayOrderNo

_TRADES_PATH: Final = "/gateway/api/backTransReq.do"
_ENQUIRIES_PATH: Final = "/gateway/api/queryTrans.do"

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
    """UnionPay, by token, by card and by 代收."""

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

    def confirm_names_card(self, account: Account) -> bool:
        """Whether there is no token to name instead."""
        return not config_of(account).by_token

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
        config, question = config_of(account), question_of(ask)
        answer = unasked(config, ask) or impossible(config, question)
        if answer is not None:
            masked = f"{ask.operation}: {answer.resp_code} {answer.resp_msg}"
            return Outgoing(ask=ask, masked=masked, answer=answer)
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
        if not is_about(config, question, message):
            return unknown("OTHER_ORDER", alarm="the reply is about another order")
        if ask.operation is Operation.ENQUIRE:
            reply = self._found(config, question, message)
            if meant(ask) is Operation.REVOKE:
                reply = of_end(reply)
        else:
            reply = self._heard(config, ask, message)
        return with_our_amount(ask, reply, amounts_of(message))

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
        operation = TRADES.get(message.text("txnType"))
        if operation is None or message.text("merId") != config.mer_id:
            return None
        if message.text("origRespCode"):
            # The answer to a question: its yes is to that.
            return None
        result = self._result(message, operation, message.text("respCode"))
        settled = message.text("settleAmt") and message.text("settleCurrencyCode")
        if result.outcome is Outcome.DECLINED or not settled:
            # And a yes without a settlement may be what was answered to the call.
            result = told(message, result.resp_code)
        named = message.text("reqReserved")
        return Callback(
            request_no=message.text("orderId"),
            pay_order_no=PayOrderNo(named) if named else None,
            operation=operation,
            merchant=config.mer_id,
            reply=with_one_amount(result, amounts_of(message)),
        )

    def acknowledge(
        self,
        callback: Callback | None,
        accepted: bool,  # noqa: FBT001 - yes or no
    ) -> tuple[int, bytes]:
        """Any body with 200; without, it gives notice again."""
        return (200, b"ok") if accepted else (400, b"refused")

    def _heard(self, config: UnionPayConfig, ask: Ask, message: Message) -> Reply:
        """The answer to a call: money is only accepted, the rest is done at once."""
        operation, code = ask.operation, message.text("respCode")
        reply = self._result(message, operation, code)
        of_now = code == BAD_FIELD or code in OF_THE_CHARGE
        if operation is Operation.REFUND and of_now and self._is_old(ask):
            # Its moment is wrong by now, or the call before has given it back: what
            # became of that is not said.
            return unknown(code, reply.resp_msg)
        if operation in MONEY and code in (*DONE, WAITING):
            return replace(reply, outcome=Outcome.PENDING, verify_status=None)
        if operation is not Operation.SIGN_CONFIRM or code not in DONE:
            return reply
        return with_agreement(config, ask, reply, message)

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
            return replace(told(message, code), not_found=found_none)
        if code not in DONE:
            return replace(told(message, code), alarm=ALARMS.get(code))
        if about in SIGNINGS:
            if message.text("activateStatus") != "1":
                # The code is out; whether one is still good they do not say.
                return replace(told(message, code), outcome=Outcome.PENDING)
            done = replace(told(message, code), outcome=Outcome.SUCCEEDED)
            return with_agreement(config, ask, done, message)
        return self._of_trade(about, message)

    def _of_trade(self, about: Operation, message: Message) -> Reply:
        """What an enquiry found of money: of a refund, whichever trade it was."""
        if TRADES.get(message.text("txnType")) is not about:
            # Of the same number and moment, and no trade: a code that was sent.
            return unknown("OTHER_KIND", "what it knows is no such trade")
        result = self._result(message, about, message.text("origRespCode"), "orig")
        if of_some_try(about, result):
            # Under this number no money has moved by now, and more they do not say.
            found = told(message, WRONG_CODE, "orig")
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
            told(message, code, of),
            outcome=outcome,
            blame=blame,
            verify_status=verified(operation, outcome, code),
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
        """Say what is to be done about their code, or about what was not believed."""
        if reply.alarm == WRONG_SIGNATURE:
            return UNBELIEVED.get(config_of(account).sign_method, "")
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

"""What UnionPay's answers say in our words, and whether they are about our order. Pure.

Only of messages that are believed already: whose they are is `unionpay_wire`'s.
"""

from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from paycore.gateway.call import (
    OTHER_MONEY,
    Ask,
    Operation,
    Reply,
    not_sent,
    of_other_money,
    unknown,
)
from paycore.gateway.unionpay_codes import WRONG_CODE
from paycore.gateway.unionpay_config import UnionPayConfig
from paycore.gateway.unionpay_request import (
    BY_AGREEMENT,
    MONEY,
    SIGNINGS,
    YUAN,
    kind_of,
    meant,
    moment_of,
    opened_as,
)
from paycore.gateway.unionpay_wire import Message
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import VerifyStatus

_CURRENCIES: Final = MappingProxyType({YUAN: "CNY"})
_JUDGES_CODE: Final = frozenset({Operation.CONFIRM, Operation.SIGN_CONFIRM})


def unasked(config: UnionPayConfig, ask: Ask) -> Reply | None:
    """The answer to what is ours alone to say, None where it is theirs. A card that was
    opened without a token has nothing there that could be ended: it is over when we
    name it no more.
    """
    if config.by_token or meant(ask) is not Operation.REVOKE:
        return None
    return Reply(
        outcome=Outcome.SUCCEEDED,
        resp_code="NO_TOKEN_THERE",
        resp_msg="there is no token to end; the card is named no more",
    )


def impossible(config: UnionPayConfig, ask: Ask) -> Reply | None:
    """The answer to what cannot be asked, None where it can."""
    if not config.by_token and ask.operation in BY_AGREEMENT and ask.card is None:
        return not_sent("without a token the card must be named")
    if ask.operation is Operation.REFUND and ask.original_channel_ref is None:
        return not_sent("UnionPay's own number of the charge is not known yet")
    revoked = meant(ask) is Operation.REVOKE
    if ask.operation is not Operation.ENQUIRE or (ask.opened_at and not revoked):
        return None
    if ask.channel_ref is not None and meant(ask) in MONEY:
        return None
    return unknown("NOT_ENQUIRABLE", "the order's moment is not known")


def of_some_try(operation: Operation, result: Reply) -> bool:
    """Whether it says that a code was wrong, and not which: all tries of an order have
    its number and moment, and the word on an earlier one must not end a later one.
    """
    wrong = (result.outcome, result.blame) == (Outcome.DECLINED, Blame.CODE)
    return operation is Operation.CONFIRM and wrong


def is_about(config: UnionPayConfig, ask: Ask, message: Message) -> bool:
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
    kind = kind_of(config, ask)
    return (message.text("txnType"), message.text("txnSubType")) == kind


def told(message: Message, code: str, of: str = "") -> Reply:
    """What a message says, whatever it means."""
    amounts = amounts_of(message)
    currency = message.text("currencyCode") or message.text("settleCurrencyCode")
    return Reply(
        outcome=Outcome.UNKNOWN,
        resp_code=code,
        resp_msg=message.text("origRespMsg" if of else "respMsg"),
        channel_ref=message.text("queryId") or None,
        amount=amounts[0] if amounts else None,
        currency=_CURRENCIES.get(currency, currency) or None,
    )


def amounts_of(message: Message) -> list[int | None]:
    """What was asked for and what is settled of it: the same, or something is odd."""
    told = [message.text("txnAmt")]
    if message.text("settleCurrencyCode") == YUAN:
        told.append(message.text("settleAmt"))
    return [_number(text) for text in told if text]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None


def with_agreement(
    config: UnionPayConfig, ask: Ask, reply: Reply, message: Message
) -> Reply:
    """A yes to a signing is one that gives the agreement's number; where none of it is
    theirs, it says that the card is open, or at least not that it is not.
    """
    if not config.by_token:
        if message.text("activateStatus") in ("", "1"):
            return replace(reply, agreement=opened_as(config, ask.request_no))
        return unknown("NOT_OPEN", alarm="a yes to a card that is not open")
    token = message.members("tokenPayData").get("token")
    if token:
        return replace(reply, agreement=token)
    return unknown("NO_TOKEN", alarm="a yes without an agreement")


def of_end(signing: Reply) -> Reply:
    """What the state of a signing says of its end: while it is open there was none."""
    outcome = Outcome.UNKNOWN
    if signing.outcome is Outcome.PENDING:
        outcome = Outcome.SUCCEEDED
    stands = signing.outcome is Outcome.SUCCEEDED
    return replace(signing, outcome=outcome, not_found=stands, agreement=None)


def with_our_amount(ask: Ask, reply: Reply, amounts: list[int | None]) -> Reply:
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


def with_one_amount(reply: Reply, amounts: list[int | None]) -> Reply:
    """A notice that settles another amount than it names is no yes to either; whether
    it is ours is for whoever knows the order to say.
    """
    if reply.outcome is Outcome.SUCCEEDED and len(set(amounts)) > 1:
        return _of_other_amount(replace(reply, amount=amounts[-1]))
    return reply


def _of_other_amount(reply: Reply) -> Reply:
    # What is only accepted was not taken yet: a later no is its last word.
    code = OTHER_MONEY if reply.outcome is Outcome.SUCCEEDED else reply.resp_code
    return replace(of_other_money(reply), resp_code=code, verify_status=None)


def verified(operation: Operation, outcome: Outcome, code: str) -> VerifyStatus | None:
    """What the bank found of the code that the payer typed."""
    if operation not in _JUDGES_CODE:
        return None
    if outcome is Outcome.SUCCEEDED:
        return VerifyStatus.PASS
    return VerifyStatus.WRONG if code == WRONG_CODE else None

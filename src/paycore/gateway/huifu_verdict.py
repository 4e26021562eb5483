"""What an answer of Huifu's means: its status words and codes as our outcomes. Pure.

The status (`trans_stat`) decides. A code alone says no only in the first answer to a
request, and only where no order number came with it: then nothing was begun. Whose
answer it is has been looked at before.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec.structs import replace

from paycore.gateway.call import Operation, Reply, unknown
from paycore.gateway.huifu_config import HuifuConfig
from paycore.gateway.huifu_wire import fen
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import VerifyStatus

CURRENCY: Final = "CNY"
MONEY: Final = frozenset({Operation.CONFIRM, Operation.DEDUCT, Operation.REFUND})

_DONE, _ACCEPTED = "00000000", "00000100"
_REFUSED: Final = (Outcome.DECLINED, Blame.REQUEST)
_OPEN: Final = (Outcome.UNKNOWN, None)

CODES: Final[Mapping[str, tuple[Outcome, Blame | None]]] = MappingProxyType(
    {
        "10000000": _REFUSED,
        "21000000": _REFUSED,
        "22000000": _REFUSED,
        "22000002": _REFUSED,
        "22000004": _REFUSED,
        "90000000": _REFUSED,
        "90000001": _REFUSED,
        # Of refunds: too much, and no parts.
        "10000002": _REFUSED,
        "23000003": _REFUSED,
        "10000009": _REFUSED,
        # Our signature or product: nothing was looked at, elsewhere it may go well.
        "921": (Outcome.DECLINED, Blame.CHANNEL),
        "922": (Outcome.DECLINED, Blame.CHANNEL),
        "923": (Outcome.DECLINED, Blame.CHANNEL),
        # The original is not final yet: the refund is sent again, under its number.
        "10000001": _OPEN,
        # A number that is known: what became of it is to be asked.
        "20000000": _OPEN,
        # Too often. See `_THROTTLED`.
        "20000001": _OPEN,
        "911": _OPEN,
        "914": _OPEN,
        # Not found, which only an enquiry may be told.
        "20000004": _OPEN,
        "23000001": _OPEN,
        "30000000": _OPEN,
        "98888888": _OPEN,
        "99999999": _OPEN,
    }
)

_OF_REFUNDS: Final = frozenset({"10000002", "23000003", "10000009"})
_NOT_FOUND: Final = frozenset({"20000004", "23000001"})

_THROTTLED: Final = frozenset({"20000001", "911", "914"})
"""Where a code was to be texted that is a definite no, and another route may do it. Of
money it is not said that the order is not there: it may be the first copy of ours that
was too much, so that is asked after, and no other leg follows."""
_MOVES_NOTHING: Final = frozenset({Operation.SEND_CODE, Operation.SIGN})

_STEPS: Final = frozenset(
    {Operation.SIGN, Operation.SIGN_CONFIRM, Operation.SEND_CODE, Operation.REVOKE}
)
"""Done when the code says so: no money, and so no status of it."""

_BY_STATUS: Final = MappingProxyType(
    {
        "S": Outcome.SUCCEEDED,
        "F": Outcome.DECLINED,
        "P": Outcome.PENDING,
        "I": Outcome.PENDING,
    }
)
_STATUS_OF_STEP: Final = MappingProxyType(
    {
        Operation.SEND_CODE: "sms_send_stat",
        Operation.SIGN_CONFIRM: "bind_card_stat",
        Operation.REVOKE: "trans_status",
    }
)
_JUDGES_CODE: Final = frozenset({Operation.CONFIRM, Operation.SIGN_CONFIRM})
_AMOUNTS: Final = MappingProxyType({Operation.REFUND: ("ord_amt", "actual_ref_amt")})

_CARDS: Final = msgspec.json.Decoder(list[dict[str, object]])


def text(data: Mapping[str, object], name: str) -> str:
    """A field's text; empty where there is none. All their values are text."""
    value = data.get(name)
    return value if isinstance(value, str) else ""


def judged(
    config: HuifuConfig,
    data: Mapping[str, object],
    operation: Operation,
    about: Operation,
    *,
    first: bool,
) -> Reply:
    """The reply of an answer or a notify. `about` is what was enquired after, or the
    operation itself; `first`: it answers the very request.
    """
    outcome, blame, not_found = _outcome(config, data, operation, about, first=first)
    code, said = text(data, "resp_code"), text(data, "resp_desc")
    if outcome is Outcome.DECLINED and text(data, "bank_code"):
        code, said = text(data, "bank_code"), text(data, "bank_message") or said
    enquired = operation is Operation.ENQUIRE
    theirs = text(data, "org_hf_seq_id") if enquired else ""
    reply = Reply(
        outcome=outcome,
        blame=blame,
        resp_code=code,
        resp_msg=said,
        channel_ref=theirs or text(data, "hf_seq_id") or None,
        not_found=not_found,
    )
    if operation is Operation.SIGN_CONFIRM:
        reply = _with_agreement(reply, agreement_in(data, data))
    reply = _with_amount(reply, data, about, must=enquired or about in MONEY)
    own = first and not enquired
    if about is Operation.CONFIRM and reply.blame is Blame.CODE and not own:
        return _of_some_try(reply, enquired=enquired)
    return replace(reply, verify_status=_verified(config, reply, about))


def _of_some_try(reply: Reply, *, enquired: bool) -> Reply:
    """That a code was wrong, and not which: all tries of an order have its number, and
    the word on an earlier one must not end a later one. Under that number no money has
    moved by now, and more it does not say.
    """
    return replace(reply, outcome=Outcome.UNKNOWN, blame=None, not_found=enquired)


def _outcome(
    config: HuifuConfig,
    data: Mapping[str, object],
    operation: Operation,
    about: Operation,
    *,
    first: bool,
) -> tuple[Outcome, Blame | None, bool]:
    """Outcome, blame, and whether it is not there."""
    enquired, status = operation is Operation.ENQUIRE, _status(data, operation)
    if enquired and about is Operation.SEND_CODE and status == "I":
        # The code is out and no confirm was taken: there is no money leg.
        return Outcome.UNKNOWN, None, True
    if status:
        outcome = _BY_STATUS.get(status, Outcome.UNKNOWN)
        declined = outcome is Outcome.DECLINED
        return outcome, _blame(config, data) if declined else None, False
    code = text(data, "resp_code")
    if enquired and code != _ACCEPTED:
        return Outcome.UNKNOWN, None, code in _NOT_FOUND
    alone = first and not text(data, "hf_seq_id")
    outcome, blame = _by_code(config, code, operation, alone=alone)
    return outcome, blame and _blame(config, data, otherwise=blame), False


def _status(data: Mapping[str, object], operation: Operation) -> str:
    """What became of it: the step's own word before that of the order it opened, which
    is not paid yet. A no of either is one.
    """
    of_step = text(data, _STATUS_OF_STEP.get(operation, ""))
    of_order = text(data, "trans_stat")
    return of_order if of_order == "F" else of_step or of_order


def _by_code(
    config: HuifuConfig, code: str, operation: Operation, *, alone: bool
) -> tuple[Outcome, Blame | None]:
    """What a code says without a status; a no only where it is `alone`: the first that
    is heard, and nothing was begun.
    """
    if code in (_DONE, _ACCEPTED):
        done = code == _DONE and operation in _STEPS
        return Outcome.SUCCEEDED if done else Outcome.PENDING, None
    if not alone:
        return _OPEN
    if code in config.blames:
        return Outcome.DECLINED, config.blames[code]
    if code in _OF_REFUNDS and operation is not Operation.REFUND:
        return _OPEN
    if code in _THROTTLED and operation in _MOVES_NOTHING:
        return Outcome.DECLINED, Blame.CHANNEL
    return CODES.get(code, _OPEN)


def _blame(
    config: HuifuConfig,
    data: Mapping[str, object],
    *,
    otherwise: Blame = Blame.REQUEST,
) -> Blame:
    """Whom a no blames; where nobody says it, what asks is refused and goes nowhere."""
    codes = (text(data, "bank_code"), text(data, "resp_code"))
    known = (config.blames[code] for code in codes if code in config.blames)
    return next(known, otherwise)


def _with_amount(
    reply: Reply, data: Mapping[str, object], about: Operation, *, must: bool
) -> Reply:
    """With what they say they took; a yes that does not say it is none yet."""
    names = _AMOUNTS.get(about, ("trans_amt",))
    amounts = [fen(said) for name in names if (said := text(data, name))]
    known = [amount for amount in amounts if amount is not None]
    if known:
        reply = replace(reply, amount=known[-1], currency=CURRENCY)
    if reply.outcome is not Outcome.SUCCEEDED:
        return reply
    if len(known) < len(amounts) or len(set(known)) > 1:
        return replace(reply, outcome=Outcome.UNKNOWN, alarm="amounts contradict")
    if must and not known:
        # To be asked after: an enquiry's answer and a notify have the amount.
        return replace(reply, outcome=Outcome.PENDING)
    return reply


def _verified(
    config: HuifuConfig, reply: Reply, about: Operation
) -> VerifyStatus | None:
    """What they found of the code that the payer typed."""
    if about not in _JUDGES_CODE:
        return None
    if reply.outcome is Outcome.SUCCEEDED:
        return VerifyStatus.PASS
    if reply.blame is not Blame.CODE:
        return None
    old = reply.resp_code in config.expired_codes
    return VerifyStatus.EXPIRED if old else VerifyStatus.WRONG


# --- agreements -----------------------------------------------------------------------


def agreement_in(
    card: Mapping[str, object], answer: Mapping[str, object]
) -> str | None:
    """`user_huifu_id/token_no`: a payment takes both, and core keeps one text."""
    user = text(card, "user_huifu_id") or text(answer, "user_huifu_id")
    token = text(card, "token_no") or text(card, "card_bind_id")
    return f"{user}/{token}" if user and token and "/" not in user else None


def _with_agreement(reply: Reply, agreement: str | None) -> Reply:
    if reply.outcome is not Outcome.SUCCEEDED:
        return reply
    if agreement is None:
        return unknown("NO_TOKEN", alarm="a yes without an agreement")
    return replace(reply, agreement=agreement)


def named_customers(data: Mapping[str, object]) -> set[str]:
    """Whose cards an answer lists, by every name in it."""
    told = (text(one, "out_cust_id") for one in (data, *(_cards(data) or ())))
    return {*filter(None, told)}


def of_signing(data: Mapping[str, object], about: Operation) -> Reply:
    """What the list of a customer's cards says of his signing, or of its end: each
    signing has a customer of its own there, so that no other card can be meant.
    """
    code, said = text(data, "resp_code"), text(data, "resp_desc")
    if code in _NOT_FOUND:
        return replace(unknown(code, said), not_found=True)
    cards = _cards(data)
    if code != _DONE or cards is None:
        return unknown(code, said)
    bound = [card for card in cards if text(card, "bind_card_stat") in ("", "S")]
    yes = Reply(outcome=Outcome.SUCCEEDED, resp_code=code, resp_msg=said)
    if about is Operation.REVOKE:
        return replace(unknown(code, said), not_found=True) if bound else yes
    if not bound:
        # Nobody has signed yet: the payer may still type the code.
        return replace(yes, outcome=Outcome.PENDING)
    if len(bound) > 1:
        return unknown("SEVERAL_CARDS", alarm="several cards of one signing")
    return _with_agreement(yes, agreement_in(bound[0], data))


def _cards(data: Mapping[str, object]) -> Sequence[Mapping[str, object]] | None:
    """The list, which may stand there as text; None where there is none."""
    found = data.get("card_list")
    try:
        if isinstance(found, str):
            return _CARDS.decode(found)
        return msgspec.convert(found, list[dict[str, object]])
    except (msgspec.MsgspecError, RecursionError):
        return None

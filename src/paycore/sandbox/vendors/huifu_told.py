"""What Huifu tells of an order: in an answer, to a question, by notification. Pure.

`trans_stat` decides everywhere; where it is missing no order came of the request.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct

from paycore.sandbox.orders import Order, reply_for, wrong_amount
from paycore.sandbox.protocol import Reply
from paycore.sandbox.statement import fee_of
from paycore.sandbox.vendors import huifu_words as words
from paycore.sandbox.vendors.huifu_wire import BEIJING, yuan

OPENING: Final = frozenset({words.APPLY, words.SEND, words.WITHHOLD, words.REFUND})
"""Addresses whose own number becomes an order's."""
KEPT: Final = ("card_bind_id", "user_huifu_id", "remark")
"""What is repeated whenever an order is told of."""

_ORIGINAL: Final = ("org_req_seq_id", "org_req_date", "org_hf_seq_id")

TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {"send_code": "QUICK_PAY", "deduct": "WITHHOLD_PAY", "refund": "TRANS_REFUND"}
)
STATES: Final[Mapping[str, str]] = MappingProxyType(
    {"OPEN": "I", "PROCESSING": "P", "SUCCESS": "S", "FAIL": "F"}
)

BankCode = Callable[[str], str]
Said = tuple[str, dict[str, object]]
"""A `resp_code`, and what else is in `data`."""


class Asking(Struct, frozen=True, kw_only=True):
    """A request, the order that it is about, and what the bank says."""

    data: Mapping[str, str]
    order: Order | None
    reply: Reply


def number_of(order: Order) -> tuple[str, str]:
    """By which number and day an order is told of: those of the request that moves
    its money.
    """
    facts = order.facts
    number = facts.get("pay_req_seq_id") or facts["req_seq_id"]
    return number, facts.get("pay_req_date") or facts["req_date"]


def _is_own(code: str) -> bool:
    """Whether this is a `resp_code`, and not a bank's."""
    return len(code) == 8 and code.isascii() and code.isdigit()


def _verdict(code: str, bank_code: BankCode) -> Said:
    """Why not."""
    if _is_own(code):
        return code, {}
    message = words.BANK_WORDS.get(code, code)
    return words.REFUSED, {"bank_code": bank_code(code), "bank_message": message}


_NO_ORDER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "DUPLICATE_ORDER": words.DUPLICATE,
        "ORDER_NOT_FOUND": words.UNKNOWN,
        "BAD_REQUEST": words.INVALID,
        "REFUND_EXCEEDS": words.TOO_MUCH,
    }
)


def _no_order(reply: Reply, bank_code: BankCode) -> Said | None:
    """What is no state of an order: malformed, known already, unknown, refused at the
    gate; or a wrong code, after which the order waits for another one.
    """
    if reply.code in _NO_ORDER:
        if reply.code != "BAD_REQUEST":
            return _NO_ORDER[reply.code], {}
        return words.INVALID, {"resp_desc": f"参数错误: {reply.message}"}
    if reply.code == words.WRONG_CODE or _is_own(reply.code):
        return _verdict(reply.code, bank_code)
    return None


def _facts(order: Order, reply: Reply) -> dict[str, object]:
    """Its numbers and its amount: what moved, where something did."""
    amount = reply.amount if reply.amount is not None else order.amount or 0
    kept = {name: text for name, text in order.facts.items() if name in KEPT}
    field = "ord_amt" if order.operation == "refund" else "trans_amt"
    return {
        **kept,
        "hf_seq_id": order.facts["hf_seq_id"],
        "trans_type": TYPES[order.operation],
        field: yuan(amount),
    }


def _signing(asking: Asking, bank_code: BankCode) -> Said:
    """An apply: no money, no `trans_stat`."""
    reply = asking.reply
    if reply.status == "SUCCESS":
        return words.OK, {}
    return _no_order(reply, bank_code) or _verdict(reply.code, bank_code)


def _signed(asking: Asking, bank_code: BankCode) -> Said:
    reply, order = asking.reply, asking.order
    if reply.status != "SUCCESS" or order is None:
        return _signing(asking, bank_code)
    return words.OK, {
        "token_no": reply.token or "",
        "user_huifu_id": order.facts["user_huifu_id"],
        "bind_card_stat": "S",
    }


def _unbound(asking: Asking, bank_code: BankCode) -> Said:
    """With a status, where somebody has looked at it."""
    refused = _no_order(asking.reply, bank_code)
    if refused is not None:
        return refused
    code, more = _signing(asking, bank_code)
    return code, more | {"trans_status": "S" if code == words.OK else "F"}


def _sent(asking: Asking, bank_code: BankCode) -> Said:
    """A code went out, will, or will not; no `trans_stat` yet."""
    reply, order = asking.reply, asking.order
    refused = _no_order(reply, bank_code)
    if refused is not None or order is None:
        return refused or (words.UNKNOWN, {})
    facts = _facts(order, reply)
    if reply.status == "FAIL":
        code, why = _verdict(reply.code, bank_code)
        return code, facts | why | {"sms_send_stat": "F"}
    if reply.status == "PROCESSING":
        return words.ACCEPTED, facts | {"sms_send_stat": "P"}
    return words.OK, facts | {"sms_send_stat": "S"}


def _checked(asking: Asking, bank_code: BankCode) -> Said:
    """Whether a code is right, before it is used; it is no try."""
    reply, order = asking.reply, asking.order
    refused = _no_order(reply, bank_code)
    if refused is not None or order is None:
        return refused or (words.UNKNOWN, {})
    if reply.status == "FAIL":
        return _verdict(reply.code, bank_code)
    if order.sms_code != asking.data["sms_code"]:
        return _verdict(words.WRONG_CODE, bank_code)
    return words.OK, _facts(order, reply) | {"sms_send_stat": "S"}


def _moved(asking: Asking, bank_code: BankCode) -> Said:
    """Money that moved, will, or will not."""
    reply, order = asking.reply, asking.order
    refused = _no_order(reply, bank_code)
    if refused is not None or order is None:
        return refused or (words.UNKNOWN, {})
    code, why = _reason(reply, bank_code)
    return code, _facts(order, reply) | why | {"trans_stat": STATES[reply.status]}


def _reason(reply: Reply, bank_code: BankCode) -> Said:
    if reply.status == "FAIL":
        return _verdict(reply.code, bank_code)
    code = words.ACCEPTED if reply.status == "PROCESSING" else words.OK
    return code, {}


def _asked(asking: Asking, bank_code: BankCode) -> Said:
    """A question after an order: `resp_code` is about the question alone, and whose
    order was asked after is repeated.
    """
    reply, order = asking.reply, asking.order
    about_it = order is not None and order.code == reply.code
    refused = None if about_it else _no_order(reply, bank_code)
    if refused is not None or order is None:
        code, why = refused or (words.UNKNOWN, {})
        return code, {n: asking.data[n] for n in _ORIGINAL if n in asking.data} | why
    number, day = number_of(order)
    numbers = {"org_req_seq_id": number, "org_req_date": day}
    more = _facts(order, reply) | numbers | {"trans_stat": STATES[reply.status]}
    if reply.status == "FAIL":
        more |= _verdict(reply.code, bank_code)[1]
    if reply.status == "SUCCESS":
        more |= _moved_at(order) | {"bank_code": "00", "bank_message": "成功[0000000]"}
    return words.OK, more


def _moved_at(order: Order) -> dict[str, object]:
    amount = order.amount or 0
    kind = "refund" if order.operation == "refund" else "charge"
    at = datetime.fromtimestamp(order.at_ms // 1000, BEIJING)
    return {
        "fee_amt": yuan(fee_of(kind, amount)),
        "trans_finish_time": f"{at:%Y%m%d%H%M%S}",
    }


def cards(bound: Sequence[Order]) -> dict[str, object]:
    """The cards of one customer, as JSON within a text; most of a number is hidden."""
    listed = [
        {
            "token_no": order.token,
            "card_no": f"{order.facts['card_no'][:6]}****{order.facts['card_no'][-4:]}",
            "card_name": f"*{order.facts['card_name'][1:]}",
        }
        for order in bound
    ]
    return {
        "card_list": msgspec.json.encode(listed).decode(),
        "user_huifu_id": next((o.facts["user_huifu_id"] for o in bound), None),
    }


def notification(
    order: Order, charge: Order | None, bank_code: BankCode, merchant: str
) -> Said:
    """What is told of money of its own accord; `charge` is what a refund gives back."""
    reply = reply_for(order)
    if order.lies:
        reply = wrong_amount(reply)
    code, why = _reason(reply, bank_code)
    number, day = number_of(order)
    said: dict[str, object] = {
        "resp_code": code,
        "resp_desc": words.WORDS.get(code, code),
        "huifu_id": merchant,
        "req_seq_id": number,
        "req_date": day,
        "notify_type": "1",
        **_facts(order, reply),
        "trans_stat": STATES[reply.status],
        **_moved_at(order),
    }
    if reply.status == "SUCCESS":
        said |= {"bank_code": "00", "bank_message": "成功[0000000]"}
    if charge is not None:
        number, day = number_of(charge)
        said |= {
            "org_req_seq_id": number,
            "org_req_date": day,
            "actual_ref_amt": yuan(reply.amount or 0),
            "total_ref_amt": yuan(charge.refunded),
        }
    return code, said | why


TELL: Final[Mapping[str, Callable[[Asking, BankCode], Said]]] = MappingProxyType(
    {
        words.APPLY: _signing,
        words.CONFIRM: _signed,
        words.CARDS: _signing,
        words.UNBIND: _unbound,
        words.SEND: _sent,
        words.CHECK: _checked,
        words.PAY: _moved,
        words.WITHHOLD: _moved,
        words.QUERY: _asked,
        words.REFUND: _moved,
        words.REFUND_QUERY: _asked,
    }
)

"""How an order is named at Huifu, what each request says of it, and whose an answer is.

Number and Beijing day together name an order. Both follow from the call alone, so that
a send, its confirm, an enquiry and a refund all say the same. Pure.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Final, NamedTuple

from paycore.gateway.call import Ask, CardFacts, Operation
from paycore.gateway.huifu_config import HuifuConfig
from paycore.gateway.huifu_verdict import named_customers, text
from paycore.gateway.huifu_wire import nested, yuan
from paycore.kernel.ids import ALPHABET, payment_of, signing_request

BEIJING: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has one clock, and no summer time since 1991."""

_OF_AGREEMENTS: Final = frozenset(
    {Operation.SIGN, Operation.SIGN_CONFIRM, Operation.REVOKE}
)

_CONFIRMS: Final = "C"
"""Behind the send's number where a confirm has one of its own."""

_TRY: Final = timedelta(milliseconds=250)
_TRY_LETTERS: Final = 3
_MAINLAND: Final = "+86"


class Order(NamedTuple):
    """How Huifu knows an order."""

    no: str
    day: str
    """YYYYMMDD."""


Fields = dict[str, str]


def beijing(moment: datetime) -> str:
    """The day of a moment there, YYYYMMDD."""
    return f"{moment.astimezone(BEIJING):%Y%m%d}"


def order_of(config: HuifuConfig, ask: Ask) -> Order:
    """The order that a call opens, goes on with or asks after."""
    if ask.operation is Operation.SIGN_CONFIRM or asks_of_signing(ask):
        return Order(_own(ask), beijing(ask.asked_at))
    confirms = Operation.CONFIRM in (ask.operation, ask.enquired_operation)
    own = confirms and config.confirm_numbering == "fresh"
    number = ask.request_no + _CONFIRMS if own else ask.request_no
    return Order(number, beijing(ask.order_at))


def our_number(no: str) -> str:
    """The request number behind a number at Huifu, ours or not."""
    ours = no.removesuffix(_CONFIRMS)
    return no if payment_of(ours) is None else ours


def asks_of_signing(ask: Ask) -> bool:
    """Whether a call asks after a signing, or after its end."""
    enquired = ask.operation is Operation.ENQUIRE
    return enquired and ask.enquired_operation in _OF_AGREEMENTS


def customer(ask: Ask) -> str:
    """Who signs, for Huifu: the signing's own number, so that the customer's list of
    cards has this agreement and no other.
    """
    return signing_request(ask.pay_order_no, 1)


def _own(ask: Ask) -> str:
    """Of one signing several codes may be tried, and its card asked for several times:
    each needs a number of its own.
    """
    begun = ask.original_opened_at or ask.order_at
    tries = (ask.asked_at - begun) // _TRY
    letters = (ALPHABET[tries >> shift & 31] for shift in range(0, 5 * _TRY_LETTERS, 5))
    return ask.request_no + "".join(letters)


# --- requests -------------------------------------------------------------------------


def fields(config: HuifuConfig, ask: Ask) -> Fields | None:
    """The data of a request; None where the call lacks what it needs."""
    if ask.operation is Operation.ENQUIRE:
        return _enquiry(config, ask)
    order = order_of(config, ask)
    named = {
        "req_seq_id": order.no,
        "req_date": order.day,
        "huifu_id": config.huifu_id,
    }
    more = _more(config, ask)
    return None if more is None else named | more


def _more(config: HuifuConfig, ask: Ask) -> Fields | None:
    match ask.operation:
        case Operation.SIGN:
            return None if ask.card is None else _to_sign(config, ask, ask.card)
        case Operation.SIGN_CONFIRM:
            return _original(ask.request_no, ask.order_at) | {
                "verify_code": ask.code or ""
            }
        case Operation.REVOKE:
            return _to_revoke(ask)
        case Operation.CONFIRM:
            return _to_confirm(config, ask)
        case Operation.REFUND:
            return _to_refund(config, ask)
        case _:
            return _to_pay(config, ask)


def _to_sign(config: HuifuConfig, ask: Ask, card: CardFacts) -> Fields:
    return {
        "out_cust_id": customer(ask),
        "card_no": card.number,
        "card_name": card.name,
        "cert_no": card.id_no,
        "mobile_no": card.phone.removeprefix(_MAINLAND),
        "cert_validity_type": config.cert_validity_type,
        "cert_begin_date": config.cert_begin_date,
        "cert_end_date": config.cert_end_date,
    }


def _to_revoke(ask: Ask) -> Fields | None:
    payer = _payer(ask)
    if payer is None:
        return None
    return {"out_cust_id": customer(ask), "token_no": payer["card_bind_id"]}


def _to_pay(config: HuifuConfig, ask: Ask) -> Fields | None:
    """A code to be sent for an order, or money to be withheld."""
    payer = _payer(ask)
    if payer is None:
        return None
    ends_at = ask.order_at + timedelta(minutes=config.expires_min)
    goods = ask.subject or ask.payee
    common = payer | _where(config, ask)
    common |= {
        "trans_amt": yuan(ask.amount),
        "notify_url": ask.notify_url or "",
        "time_expire": f"{ends_at.astimezone(BEIJING):%Y%m%d%H%M%S}",
    }
    if ask.operation is Operation.DEDUCT:
        return common | {"goods_desc": goods, "withhold_type": config.withhold_type}
    nucc = {
        "goods_short_name": config.goods_short_name or goods,
        "gw_chnnl_tp": config.gw_chnnl_tp,
        "biz_tp": config.biz_tp,
    }
    return common | {"nucc_data": nested(nucc)}


def _to_confirm(config: HuifuConfig, ask: Ask) -> Fields:
    """With a number of its own it must say whose code it brings."""
    said = {"sms_code": ask.code or "", "notify_url": ask.notify_url or ""}
    if config.confirm_numbering == "as_send":
        return said
    return said | _original(ask.request_no, ask.order_at)


def _to_refund(config: HuifuConfig, ask: Ask) -> Fields | None:
    """By number and day; where a confirm has a number of its own, by Huifu's, which
    tells that.
    """
    number, opened_at = ask.original_request_no, ask.original_opened_at
    if number is None or opened_at is None:
        return None
    original, reference = _original(number, opened_at), ask.original_channel_ref
    if config.confirm_numbering == "fresh" and reference is not None:
        del original["org_req_seq_id"]
        original["org_hf_seq_id"] = reference
    said = {"ord_amt": yuan(ask.amount), "notify_url": ask.notify_url or ""}
    return said | original | _where(config, ask)


def _enquiry(config: HuifuConfig, ask: Ask) -> Fields | None:
    """By number and day; a question after cards has both of its own."""
    whose, order = {"huifu_id": config.huifu_id}, order_of(config, ask)
    if asks_of_signing(ask):
        own = {"req_seq_id": order.no, "req_date": order.day}
        return whose | own | {"out_cust_id": customer(ask)}
    if ask.opened_at is None:
        return None
    if ask.enquired_operation is not Operation.REFUND:
        whose["pay_type"] = "QUICK_PAY"
    return whose | {"org_req_seq_id": order.no, "org_req_date": order.day}


def _original(number: str, opened_at: datetime) -> Fields:
    return {"org_req_seq_id": number, "org_req_date": beijing(opened_at)}


def _payer(ask: Ask) -> Fields | None:
    """Both halves of an agreement."""
    user, slash, token = (ask.agreement or "").partition("/")
    if not (user and slash and token):
        return None
    return {"user_huifu_id": user, "card_bind_id": token}


def _where(config: HuifuConfig, ask: Ask) -> Fields:
    """What their risk control is told: the payer's address, where we know it."""
    origin = ask.origin
    payers = origin.address if origin is not None and origin.told else ""
    address = payers or config.device_ip
    terminal = {"device_type": config.device_type, "device_ip": address}
    return {
        "terminal_device_data": nested(terminal),
        "risk_check_data": nested({"ip_addr": address}),
    }


# --- answers --------------------------------------------------------------------------

_NAMES: Final = MappingProxyType(
    {
        True: (("org_req_seq_id", "req_seq_id"), ("org_req_date", "req_date")),
        False: (("req_seq_id",), ("req_date",)),
    }
)
"""Where an answer names number and day: one to a question after an order, and any
other.
"""


def is_answered(config: HuifuConfig, ask: Ask, data: Mapping[str, object]) -> bool:
    """Whether an answer names the order of a call. The number must be there; merchant,
    day and customer are not in every answer, and where they are they must be right.
    """
    if text(data, "huifu_id") not in ("", config.huifu_id):
        return False
    of_signing = asks_of_signing(ask)
    if of_signing and named_customers(data) - {customer(ask)}:
        return False
    after_order = ask.operation is Operation.ENQUIRE and not of_signing
    no, day = (_first(data, names) for names in _NAMES[after_order])
    order = order_of(config, ask)
    return no == order.no and day in ("", order.day)


def _first(data: Mapping[str, object], names: tuple[str, ...]) -> str:
    """The first of several fields that says anything."""
    return next(filter(None, (text(data, name) for name in names)), "")

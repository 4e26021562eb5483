"""What is asked of Stripe: each call as a form, and what cannot be asked. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, cast
from urllib.parse import urlencode

import msgspec

from paycore.gateway.call import Ask, Operation
from paycore.gateway.channel import Account
from paycore.gateway.stripe.amounts import theirs
from paycore.gateway.stripe.objects import PAY_ORDER_NO, REQUEST_NO
from paycore.kernel.http import HttpRequest

EARLIER, LATER = timedelta(minutes=5), timedelta(minutes=15)
"""How long before and after an order's opening here Stripe may have made its intent:
its clock may be off, and who recorded an order may send it as long as his lease lasts.
"""

DAY: Final = timedelta(days=1)
"""The same among a customer's own few: no clock of ours is wrong by more."""

PAGE_OCTETS: Final = 8 << 20
"""A hundred charges, each with whatever its seller wrote about it."""

_AT_A_TIME: Final = "100"

_INTENTS: Final = "/v1/payment_intents"
_REFUNDS: Final = "/v1/refunds"

_AGREEMENT: Final = re.compile(r"(cus_[A-Za-z0-9_]{1,100})/(pm_[A-Za-z0-9_]{1,100})")
_ID: Final = re.compile(r"(?:pi|re|pyr)_[A-Za-z0-9_]{1,100}")
_KEY: Final = r"[sr]k_{mode}_[A-Za-z0-9_]{{4,300}}"
_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9+/=_-]{4,300}")
_VERSION: Final = re.compile(r"\d{4}-\d\d-\d\d(\.[a-z]+)?", re.ASCII)


class StripeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Our account at Stripe, in one of its modes."""

    secret_key: str
    """sk_live_… or sk_test_…; a restricted key is rk_…"""
    webhook_secrets: tuple[str, ...]
    """whsec_… of the end point: two while one is rolled, none without an end point."""
    livemode: bool
    api_version: str = "2024-10-28.acacia"
    """The first that tells every refund's end by `refund.updated`."""

    def __post_init__(self) -> None:
        """Refuse what cannot be used, when it is saved and not at a call."""
        mode = "live" if self.livemode else "test"
        if not re.fullmatch(_KEY.format(mode=mode), self.secret_key):
            raise ValueError("the secret key is none of that mode")
        if not all(map(_SECRET.fullmatch, self.webhook_secrets)):
            raise ValueError("a webhook secret begins with whsec_")
        if not _VERSION.fullmatch(self.api_version):
            raise ValueError("an API version is a date, and perhaps a name")

    def __repr__(self) -> str:
        """Nothing of it."""
        return "StripeConfig(…)"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request before it has headers."""

    method: str = "GET"
    path: str
    fields: Mapping[str, str] = {}
    key: str = ""
    """Idempotency-Key."""
    listed: bool = False
    """Whether its answer comes in pages."""
    then: "Call | None" = None
    """The list to read next, where this one has nothing of ours."""


def config_of(account: Account) -> StripeConfig:
    """Whom we are at Stripe."""
    return cast("StripeConfig", account.config)


def called(ask: Ask) -> Call | str:
    """The request; or why it cannot be made."""
    match ask.operation:
        case Operation.DEDUCT:
            return _deduct(ask)
        case Operation.REFUND:
            return _refund(ask)
        case Operation.REVOKE:
            _, method = parties_of(ask)
            if not method:
                return "the agreement is no cus_…/pm_…"
            return Call(method="POST", path=f"/v1/payment_methods/{method}/detach")
        case Operation.ENQUIRE:
            return _enquiry(ask)
        case _:
            raise AssertionError(f"Stripe cannot {ask.operation}")


def _deduct(ask: Ask) -> Call | str:
    customer, method = parties_of(ask)
    if not method:
        return "the agreement is no cus_…/pm_…"
    amount = theirs(ask.amount, ask.currency)
    if amount is None:
        return "Stripe cannot say this amount exactly"
    fields = {
        "amount": str(amount),
        "currency": ask.currency.lower(),
        "customer": customer,
        "payment_method": method,
        # Else what the Dashboard allows is allowed, and some of that needs a browser.
        "payment_method_types[]": "card",
        "off_session": "true",
        "confirm": "true",
        **_numbers(ask),
    }
    return Call(method="POST", path=_INTENTS, fields=fields, key=ask.request_no)


def _refund(ask: Ask) -> Call | str:
    if not _is_id(ask.original_channel_ref):
        return "it is not known which intent's money goes back"
    amount = theirs(ask.amount, ask.currency)
    if amount is None:
        return "Stripe cannot say this amount exactly"
    fields = {
        "payment_intent": str(ask.original_channel_ref),
        "amount": str(amount),
        **_numbers(ask),
    }
    return Call(method="POST", path=_REFUNDS, fields=fields, key=ask.request_no)


def _enquiry(ask: Ask) -> Call | str:
    """Only ever a GET: nothing that is asked can charge."""
    by_id = ask.channel_ref if _is_id(ask.channel_ref) else None
    match ask.enquired_operation:
        case Operation.DEDUCT if by_id:
            return Call(path=f"{_INTENTS}/{by_id}")
        case Operation.DEDUCT if ask.opened_at is not None:
            return _intents_about(ask, ask.opened_at)
        case Operation.REFUND if by_id:
            return Call(path=f"{_REFUNDS}/{by_id}")
        case Operation.REFUND if _is_id(ask.original_channel_ref):
            fields = {
                "payment_intent": str(ask.original_channel_ref),
                "limit": _AT_A_TIME,
            }
            return Call(path=_REFUNDS, fields=fields, listed=True)
        case Operation.REVOKE if method := parties_of(ask)[1]:
            return Call(path=f"/v1/payment_methods/{method}")
    return "neither its id at Stripe is known nor when it was opened"


def _intents_about(ask: Ask, opened_at: datetime) -> Call:
    """All of about that time; before them the customer's own, where he is known: they
    are few, and found though our clock was wrong when the order was opened.
    """
    of_all = Call(
        path=_INTENTS,
        fields=_created(opened_at - EARLIER, opened_at + LATER),
        listed=True,
    )
    customer, _ = parties_of(ask)
    if not customer:
        return of_all
    created = _created(opened_at - DAY, opened_at + DAY)
    fields = {"customer": customer, **created}
    return Call(path=_INTENTS, fields=fields, listed=True, then=of_all)


def _created(first: datetime, last: datetime) -> dict[str, str]:
    return {
        "created[gte]": _seconds(first),
        "created[lte]": _seconds(last),
        "limit": _AT_A_TIME,
    }


def cancellation(intent_id: str | None) -> Call:
    """End an intent. Without a key, as a detaching: an answer that was stored would
    outlive its cause.
    """
    assert _is_id(intent_id), "only what Stripe named is cancelled"
    return Call(method="POST", path=f"{_INTENTS}/{intent_id}/cancel")


def parties_of(ask: Ask) -> tuple[str, str]:
    """The customer and the payment method of an agreement; empty where it is none."""
    found = _AGREEMENT.fullmatch(ask.agreement or "")
    return ("", "") if found is None else (found[1], found[2])


def _is_id(text: str | None) -> bool:
    return _ID.fullmatch(text or "") is not None


def _numbers(ask: Ask) -> dict[str, str]:
    return {
        f"metadata[{REQUEST_NO}]": ask.request_no,
        f"metadata[{PAY_ORDER_NO}]": ask.pay_order_no,
    }


def of_day(day: date) -> Call:
    """The first page of a day's balance transactions."""
    fields = {
        "created[gte]": _seconds(begin_of(day)),
        "created[lt]": _seconds(begin_of(day + timedelta(days=1))),
        "limit": _AT_A_TIME,
        "expand[]": "data.source",
    }
    return Call(path="/v1/balance_transactions", fields=fields)


def begin_of(day: date) -> datetime:
    """When a day begins, by UTC."""
    return datetime.combine(day, time(), tzinfo=UTC)


def _seconds(moment: datetime) -> str:
    return str(int(moment.timestamp()))


def request_of(account: Account, call: Call, timeout_s: float) -> HttpRequest:
    """A call as it leaves."""
    config, form = config_of(account), urlencode(call.fields)
    headers = {
        "Authorization": f"Bearer {config.secret_key}",
        "Stripe-Version": config.api_version,
        "Accept": "application/json",
        "User-Agent": "paycore",
    }
    url, reads = account.base_url + call.path, call.method == "GET"
    if reads and form:
        url += f"?{form}"
    if not reads:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    if call.key:
        headers["Idempotency-Key"] = call.key
    return HttpRequest(
        method=call.method,
        url=url,
        headers=headers,
        body=b"" if reads else form.encode(),
        timeout_s=timeout_s,
        most_octets=PAGE_OCTETS,
    )

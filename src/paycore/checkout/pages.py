"""A checkout's page as octets: one template, one style sheet, one small script.

The two files are named by what is in them, and the page says their hashes, so that
nothing else can come in their place. Nothing is drawn here that a payer may not see:
cards by bank and last four, phones masked, no code, no word of how the money is taken.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from jinja2 import Environment, StrictUndefined, Template

from paycore.cards.rows import CardRow
from paycore.checkout.scene import Found, Stage, last_code
from paycore.checkout.words import bank_name, words_of
from paycore.core import messages
from paycore.core.late import Late
from paycore.core.payment import Payment, wait_at
from paycore.kernel.money import decimal_text
from paycore.kernel.terms import BizStatus, VerifyStatus

LOOKS_AGAIN_S, LATEST_LOOK_S = 3, 30
"""A page that moves is loaded again after so long at first, and at last; a header does
it, so that it needs no script."""

ASSETS = "/checkout/assets/"
KINDS: Mapping[str, str] = MappingProxyType(
    {"checkout.css": "text/css", "checkout.js": "text/javascript"}
)

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; "
        "script-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Cache-Control": "no-store",
    }
)

_SYMBOLS: Mapping[str, str] = MappingProxyType(
    {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$", "JPY": "JP¥"}
)
_TEXTS: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.CHOOSE: "choose",
        Stage.SIGN_CODE: "sign_title",
        Stage.CODE: "code_title",
        Stage.SIGNING: "signing",
        Stage.WORKING: "working",
        Stage.CONFIRMING: "confirming",
        Stage.PAID: "paid",
        Stage.FAILED: "failed",
        Stage.CLOSED: "closed",
        Stage.EXPIRED: "expired",
        Stage.TAKEN: "taken",
    }
)
_LATE: Mapping[Late, str] = MappingProxyType(
    {Late.TAKEN: "late", Late.GIVEN_BACK: "late_back"}
)
"""Instead of them, whichever page it is: nothing else is as true of the order."""
_CODES: Mapping[VerifyStatus | None, str] = MappingProxyType(
    {
        VerifyStatus.WRONG: "wrong",
        VerifyStatus.EXPIRED: "code_over",
        VerifyStatus.LOCKED: "locked",
    }
)
_GOES_ON = frozenset({"NOT_CHARGED", "RESEND_FAILED"})
"""What the payment itself says last, where the payer may try again."""
_FIELDS = frozenset({"code", "number", "name", "id_no", "phone"})
"""What a problem may be about, by the name of the page's field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file beside the page."""

    path: str
    body: bytes
    media: str
    integrity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page is drawn from, beside what stands."""

    language: str
    here: str
    """The page's own path; its forms go there and below."""
    payee: str
    say: str
    """What there is to be told of the last step, by its name in `words`."""
    back: str
    tries_left: int | None
    wait_s: int
    """Until another code may be asked for."""


@lru_cache
def assets() -> Mapping[str, Asset]:
    """The style sheet and the script, by their names."""
    return MappingProxyType({name: _asset(name) for name in KINDS})


def _asset(name: str) -> Asset:
    body = files("paycore.checkout").joinpath("assets", name).read_bytes()
    digest = hashlib.sha256(body)
    stem, _, kind = name.partition(".")
    return Asset(
        path=f"{ASSETS}{stem}-{digest.hexdigest()[:16]}.{kind}",
        body=body,
        media=KINDS[name],
        integrity=f"sha256-{base64.b64encode(digest.digest()).decode()}",
    )


@lru_cache
def _template() -> Template:
    text = files("paycore.checkout").joinpath("templates", "page.html").read_text()
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return made.from_string(text)


def looks_again_s(checks: int) -> int:
    """Until a page that moves is loaded again: the news comes of asking the bank, which
    is asked less and less often; so long a wait as its payer does not mind.
    """
    asked_again_s = int(wait_at(checks).total_seconds())
    return min(max(asked_again_s, LOOKS_AGAIN_S), LATEST_LOOK_S)


def page(stage: Stage, what: Found, shown: Shown) -> bytes:
    """The page of a checkout as it stands."""
    t, row, payment = words_of(shown.language), what.row, what.payment
    problems = list(_problems(stage, what, shown, t))
    wrong = {one["at"] for one in problems if one["at"]}
    coupon = row.coupon_amount if payment is None else payment.row.coupon_amount
    query = f"?lang={shown.language}"
    name = _LATE.get(what.late, _TEXTS[stage])
    return _drawn(
        t,
        shown.language,
        stage=stage,
        title=t[name],
        text=t.get(f"{name}_text", "").format(payee=shown.payee) or t["working_text"],
        why=_why(payment, shown.language),
        payee=shown.payee,
        subject=row.subject,
        payable=amount_text(row.amount - coupon, row.currency),
        price=amount_text(row.amount, row.currency),
        discount=amount_text(coupon, row.currency) if coupon else "",
        switch=f"{shown.here}?lang={'en' if shown.language == 'zh' else 'zh'}",
        act=lambda step: f"{shown.here}/{step}{query}",
        problems=problems,
        wrong=wrong,
        adding_wrong=bool(wrong - {"code"}) or shown.say in {"bank", "twice"},
        cards=_cards(what, shown.language),
        may_add=row.sign is not None,
        using=_using(what, shown.language),
        phone=_phone(stage, what),
        seen=_seen(what),
        sends=len(payment.sends) if payment is not None else 0,
        wait_s=shown.wait_s,
        order_no=row.biz_order_no or row.out_biz_no,
        over=stage.over,
        back=shown.back,
    )


def notice(name: str, language: str) -> bytes:
    """A page of its own, about no checkout: `lost` or `broken`."""
    t = words_of(language)
    absent = ("payee", "switch", "back", "order_no", "why")
    return _drawn(
        t,
        language,
        stage="LOST",
        title=t[name],
        text=t[f"{name}_text"],
        problems=(),
        wrong=(),
        over=True,
        **dict.fromkeys(absent, ""),
    )


def _drawn(t: Mapping[str, str], language: str, **context: object) -> bytes:
    known = assets()
    text = _template().render(
        t=t,
        language=language,
        css=known["checkout.css"],
        js=known["checkout.js"],
        **context,
    )
    return text.encode()


def amount_text(amount_minor: int, currency: str) -> str:
    """An amount as a payer reads it: ¥1,250.00, or its code where it has no sign."""
    whole, point, part = decimal_text(amount_minor, currency).partition(".")
    number = f"{int(whole):,}{point}{part}"
    sign = _SYMBOLS.get(currency)
    return f"{sign}{number}" if sign else f"{currency} {number}"


def _why(payment: Payment | None, language: str) -> str:
    """Why it was not paid, in the payer's language."""
    if payment is None or payment.row.biz_status is not BizStatus.FAIL:
        return ""
    return messages.words(payment.row.resp_code, language)


def _seen(what: Found) -> str:
    """What stood when the page was drawn: whoever sends it twice sends one thing."""
    if what.payment is not None:
        return str(what.payment.row.events)
    return str(what.signing.confirms) if what.signing is not None else ""


def _cards(what: Found, language: str) -> list[dict[str, object]]:
    """The cards to choose from: one that was added just now first, and chosen."""
    own = what.adding.card_id if what.adding is not None else None
    known = sorted(what.cards, key=lambda card: card.card_id != own)
    return [
        {**_card(card, language), "chosen": place == 0}
        for place, card in enumerate(known)
    ]


def _card(card: CardRow, language: str) -> dict[str, object]:
    return {
        "card_id": card.card_id,
        "bank": bank_name(card.bank, language),
        "kind": words_of(language)[card.card_kind],
        "tail": card.tail,
    }


def _using(what: Found, language: str) -> dict[str, object]:
    """The card that the payment is made with."""
    if what.payment is None:
        return {}
    used = [card for card in what.offered if card.card_id == what.payment.row.card_id]
    return _card(used[0], language)


def _phone(stage: Stage, what: Found) -> str:
    """Where the code went, masked; empty where none has gone out."""
    if stage is Stage.SIGN_CODE and what.adding is not None:
        return what.adding.phone_masked
    if what.payment is None or what.payment.send_in_force is None:
        return ""
    return what.payment.row.code_phone or ""


def _problems(
    stage: Stage, what: Found, shown: Shown, t: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """What the payer is to be told first: of his last step, else of what stands. Of a
    step first, for it says what to do now where what stands has not changed by it.
    """
    if stage.over or stage.moves:
        return
    of_code = stage in (Stage.CODE, Stage.SIGN_CODE)
    at = shown.say if shown.say in _FIELDS else ""
    if shown.say and (not at or (at == "code") is of_code):
        yield {"at": at, "text": t[f"say_{shown.say}"]}
    elif standing := _standing(stage, what, shown, t):
        yield {"at": "code" if of_code else "", "text": standing}


def _standing(stage: Stage, what: Found, shown: Shown, t: Mapping[str, str]) -> str:
    """What became of the last code, or of the card that was typed."""
    if stage is Stage.CHOOSE and what.came_to_nothing:
        return t["not_added"]
    if stage not in (Stage.CODE, Stage.SIGN_CODE):
        return ""
    if what.payment is not None and what.payment.row.resp_code in _GOES_ON:
        return messages.words(what.payment.row.resp_code, shown.language)
    status = last_code(what)
    if status is VerifyStatus.WRONG and shown.tries_left is not None:
        left = t["tries_left"].format(n=shown.tries_left)
        return f"{t['wrong']} {left}" if shown.tries_left else t["locked"]
    return t[_CODES[status]] if status in _CODES else ""

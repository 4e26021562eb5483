"""The checkout as its payer sees it: a page, and a form for each step.

A step is done, and then the browser is sent to the page, which shows what stands: so
loading it again repeats nothing. Nothing but a token, a language and the name of what
there is to be told is ever in an address.
"""

import gzip
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from litestar import Response, get
from litestar import post as posted
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from paycore.api import problems
from paycore.api.checkouts import PAGE
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of
from paycore.api.forms import form_of, payer_of
from paycore.api.schema import RegisterCard
from paycore.checkout import pages, steps, words
from paycore.checkout import service as checkouts
from paycore.checkout.pages import HEADERS, LOOKS_AGAIN_S, Asset, Shown
from paycore.checkout.returning import back_to_shop
from paycore.checkout.scene import Found, stage_of
from paycore.checkout.service import Opened
from paycore.checkout.steps import TypedCard
from paycore.core.order import resend_after_s
from paycore.kernel import log
from paycore.kernel.errors import (
    BadRequest,
    BizCheckError,
    CouponAway,
    CouponRefused,
    DataNotExist,
    Duplicate,
    Forbidden,
    Refusal,
    TooMany,
    Unavailable,
)
from paycore.kernel.node import Node
from paycore.kernel.terms import CardId, Origin
from paycore.lines import service as lines

FOR_EVER = "public, max-age=31536000, immutable"
"""Of a file that is named by what is in it."""
MAINLAND = "+86"

_CODE = re.compile(r"[0-9]{4,8}")
_MAINLAND_MOBILE = re.compile(r"1[0-9]{10}")
_SEEN = re.compile(r"[0-9]{0,4}")
_TYPED = Shape(RegisterCard)

_SAYS: tuple[tuple[type[Refusal], str], ...] = (
    (TooMany, "wait"),
    (CouponRefused, "coupon"),
    (CouponAway, "later"),
    (Unavailable, "later"),
    (DataNotExist, "card"),
)
"""What a payer is told of a refusal. Of any other nothing: it means that something
stands already, which the page shows."""
_NOT_NOW: Mapping[str, str] = MappingProxyType(
    {"pay": "card", "card": "later", "code": "used"}
)
"""And of one that says that this is not the state for a step."""
_TWICE: Mapping[str, str] = MappingProxyType({"card": "twice"})
"""And of one that says that somebody was first: with the card, he is told; with the
order, another tab was, and the page shows what it did."""
_FIELDS = frozenset({"number", "name", "id_no", "phone", "bank", "code"})

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a payer asks for with one form."""

    node: Node
    row: Opened
    form: Mapping[str, str]
    origin: Origin | None

    @property
    def seen(self) -> str:
        """What stood on the page that was sent, as that page says."""
        seen = self.form.get("seen", "")
        if not _SEEN.fullmatch(seen):
            raise BadRequest
        return seen

    @property
    def code(self) -> str:
        """The code that was typed."""
        code = _digits(self.form.get("code", ""))
        if not _CODE.fullmatch(code):
            raise BadRequest(field="code")
        return code


async def _pay(step: Step) -> None:
    card = CardId(step.form.get("card", ""))
    await steps.pay_with(step.node, step.row, card, step.origin)


async def _add_card(step: Step) -> None:
    typed = _TYPED.convert(
        {
            "number": _digits(step.form.get("number", "")),
            "name": _without_marks(step.form.get("name", "")),
            "id_no": _digits(step.form.get("id_no", "")),
            "phone": _phone(step.form.get("phone", "")),
        }
    )
    card = TypedCard(
        number=typed.number, name=typed.name, id_no=typed.id_no, phone=typed.phone
    )
    await steps.add_card(step.node, step.row, card, step.origin)


async def _card_code(step: Step) -> None:
    asked = (step.seen, step.code, step.origin)
    await steps.sign_with(step.node, step.row, *asked)


async def _another_card(step: Step) -> None:
    await steps.another_card(step.node, step.row)


async def _send_again(step: Step) -> None:
    await steps.send_again(step.node, step.row, step.seen, step.origin)


async def _confirm(step: Step) -> None:
    await steps.confirm(step.node, step.row, step.seen, step.code)


async def _cancel(step: Step) -> None:
    await steps.cancel(step.node, step.row, step.seen)


_STEPS: Mapping[str, Callable[[Step], Awaitable[None]]] = MappingProxyType(
    {
        "pay": _pay,
        "card": _add_card,
        "card-code": _card_code,
        "other": _another_card,
        "code": _send_again,
        "confirm": _confirm,
        "cancel": _cancel,
    }
)


def _without_marks(text: str) -> str:
    """Without what nobody sees: what is copied out of contacts and chats has marks of
    direction and joints in it.
    """
    return "".join(one for one in text if unicodedata.category(one) != "Cf").strip()


def _digits(text: str) -> str:
    """A number as people write it: in groups, or in the wide digits of a Chinese
    keyboard.
    """
    return re.sub(r"[\s()-]", "", unicodedata.normalize("NFKC", _without_marks(text)))


def _phone(text: str) -> str:
    """A phone as its owner writes it: without the country at home."""
    plain = _digits(text)
    return MAINLAND + plain if _MAINLAND_MOBILE.fullmatch(plain) else plain


# --- answers --------------------------------------------------------------------------


def _told(request: Plain, error: Exception) -> Response[bytes]:
    """Bad news as a page: that there is none such, or that it cannot be shown now."""
    told: Response[bytes]
    if isinstance(error, Refusal):
        told = problems.refused(request, error)
    elif isinstance(error, HTTPException):
        told = problems.framework(request, error)
    else:
        told = problems.unexpected(request, error)
    status = told.status_code or HTTPStatus.INTERNAL_SERVER_ERROR
    name = "lost" if status == HTTPStatus.NOT_FOUND else "broken"
    again = {"Refresh": str(LOOKS_AGAIN_S)} if isinstance(error, Unavailable) else {}
    body = pages.notice(name, problems.language_of(_liked(request)))
    return _html(request, body, status=status, more=again)


_Teller = Callable[..., Response[bytes]]
_BAD_NEWS: Mapping[int | type[Exception], _Teller] = MappingProxyType(
    {Refusal: _told, HTTPException: _told, Exception: _told}
)


@get("/checkout/{token:str}", exception_handlers={**_BAD_NEWS})
async def show(request: Plain, token: str) -> Response[bytes]:
    """The page, as things stand."""
    node = door_of(request).node
    what = await checkouts.found(node, await checkouts.opened_by(node, token))
    stage = stage_of(what, node.now())
    shown = await _shown(request, node, what, PAGE + token)
    again_s = pages.looks_again_s(what.checks)
    again = f"{again_s}; url={shown.here}?lang={shown.language}"
    return _html(
        request,
        pages.page(stage, what, shown),
        more={"Refresh": again} if stage.moves else {},
    )


@posted("/checkout/{token:str}/{step:str}", exception_handlers={**_BAD_NEWS})
async def act(request: Plain, token: str, step: str) -> Response[bytes]:
    """Do a step, and show what stands then."""
    node = door_of(request).node
    form = await form_of(request)
    row = await checkouts.opened_by(node, token)
    if step not in _STEPS:
        raise DataNotExist
    say = ""
    try:
        await _STEPS[step](
            Step(node=node, row=row, form=form, origin=payer_of(request))
        )
    except Forbidden:
        raise
    except Refusal as refusal:
        _log.info("checkout_refused", step=step, refusal=refusal.code)
        say = _said(step, refusal)
    language = _language(request, row.locale)
    told = f"&say={say}" if say else ""
    return Response(
        b"",
        status_code=HTTPStatus.SEE_OTHER,
        headers={**HEADERS, "Location": f"{PAGE}{token}?lang={language}{told}"},
    )


@get("/checkout/{token:str}/{step:str}", exception_handlers={**_BAD_NEWS})
async def go_back(request: Plain, token: str, step: str) -> Response[bytes]:
    """Where a browser ends that was cut off in a step and is loaded again."""
    if step not in _STEPS:
        raise DataNotExist
    await checkouts.opened_by(door_of(request).node, token)
    return Response(
        b"",
        status_code=HTTPStatus.SEE_OTHER,
        headers={**HEADERS, "Location": PAGE + token},
    )


def _said(step: str, refusal: Refusal) -> str:
    if isinstance(refusal, BadRequest):
        return refusal.field if refusal.field in _FIELDS else "later"
    if isinstance(refusal, BizCheckError):
        return _NOT_NOW.get(step, "")
    if isinstance(refusal, Duplicate):
        return _TWICE.get(step, "")
    return next((say for kind, say in _SAYS if isinstance(refusal, kind)), "")


async def _shown(request: Plain, node: Node, what: Found, here: str) -> Shown:
    row, payment = what.row, what.payment
    line = lines.line(node, row.biz_line)
    now, wait_s, left = node.now(), 0, None
    if payment is not None:
        gap_s = node.settings.code_gap_s
        wait_s = resend_after_s(payment.row, now=now, code_gap_s=gap_s)
        left = await checkouts.tries_left(node, payment)
    digest = await lines.digest_of(node, row.key_id)
    status = checkouts.status_of(what)
    return Shown(
        language=_language(request, row.locale),
        here=here,
        payee=line.title,
        say=words.known(request.query_params.get("say", "")),
        back=back_to_shop(row, status, digest=digest, now=now),
        tries_left=left,
        wait_s=wait_s,
    )


def _language(request: Plain, locale: str | None) -> str:
    """As the payer switched to, else as the line says, else as his browser likes it."""
    switched = request.query_params.get("lang", "")
    if switched in words.LANGUAGES:
        return switched
    return locale or problems.language_of(_liked(request))


def _liked(request: Plain) -> str:
    return request.headers.get("accept-language", "")


def _html(
    request: Plain,
    body: bytes,
    *,
    status: int = HTTPStatus.OK,
    more: Mapping[str, str],
) -> Response[bytes]:
    """A page, packed where the browser can unpack it: nothing of what the payer sends
    is ever in it, so that its size says nothing.
    """
    headers = {**HEADERS, "Vary": "Accept-Encoding, Accept-Language", **more}
    if _unpacks(request):
        body = gzip.compress(body, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, status_code=status, media_type="text/html", headers=headers)


def _unpacks(request: Plain) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


def _file(asset: Asset) -> HTTPRouteHandler:
    packed = gzip.compress(asset.body, mtime=0)

    @get(asset.path)
    async def file(request: Plain) -> Response[bytes]:
        unpacks = _unpacks(request)
        headers = {
            "Cache-Control": FOR_EVER,
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Vary": "Accept-Encoding",
        }
        if unpacks:
            headers["Content-Encoding"] = "gzip"
        return Response(
            packed if unpacks else asset.body,
            media_type=asset.media,
            headers=headers,
        )

    return file


def handlers() -> list[HTTPRouteHandler]:
    """The page, its steps, and the files beside it."""
    return [show, act, go_back, *(_file(one) for one in pages.assets().values())]

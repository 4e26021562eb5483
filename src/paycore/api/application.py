"""The API as one ASGI application: its routes, and how bad news is told.

An address is written in one way. The framework folds `//metrics`, `/metrics/` and
`/%6detrics` into `/metrics`, and a proxy in front, which lets some addresses through
and others not, does not know that: here they are nobody's.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType

from litestar import Litestar, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from paycore.api import (
    callbacks,
    cards,
    checkout_pages,
    checkouts,
    console,
    deductions,
    desk,
    history,
    operations,
    pages,
    payments,
    problems,
    receipts,
    refunds,
    signing,
)
from paycore.api.contract import Call, Route, document
from paycore.api.decode import MAX_BODY_OCTETS
from paycore.api.door import Door
from paycore.kernel.errors import Refusal

FOR_MACHINES: Sequence[HTTPRouteHandler] = (
    operations.healthz,
    operations.readyz,
    operations.metrics,
)

HANDLERS: Sequence[HTTPRouteHandler] = (
    payments.open_quick_payment,
    payments.send_code_again,
    payments.confirm,
    payments.close_payment,
    payments.get_payment,
    history.search_payments,
    history.get_timeline,
    deductions.deduct,
    refunds.create_refund,
    refunds.get_refund,
    refunds.search_refunds,
    cards.register_card,
    cards.list_cards,
    cards.get_card,
    cards.revoke_card,
    signing.confirm_card,
    signing.get_card_timeline,
    checkouts.create_checkout,
    checkouts.get_checkout,
    desk.search_cases,
    desk.get_case,
    desk.take_case,
    desk.preview_cure,
    desk.approve_cure,
    desk.execute_cure,
    *console.HANDLERS,
    callbacks.receive_callback,
    receipts.receive_receipts,
    *FOR_MACHINES,
)

_NORMAL = re.compile(rb"(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+|/console/")
"""A path as ours are: nothing escaped, no empty part, none that begins with a dot. The
console's is a folder to browsers: what is below it is asked for beside its last slash.
"""
_NOWHERE = "/."
"""Where there is nothing, and never will be."""

_Teller = Callable[..., Response[bytes]]

EXCEPTION_HANDLERS: Mapping[int | type[Exception], _Teller] = MappingProxyType(
    {
        Refusal: problems.refused,
        HTTPException: problems.framework,
        Exception: problems.unexpected,
    }
)


def application(door: Door, *, beside: Sequence[HTTPRouteHandler] = ()) -> ASGIApp:
    """One node's API, and what is served beside it."""
    shown = (*pages.handlers(document(routes())), *checkout_pages.handlers())
    return _served(door, [*HANDLERS, *shown, *beside])


def operations_only(door: Door) -> ASGIApp:
    """What a node that only works answers: nothing but how it is."""
    return _served(door, FOR_MACHINES)


def _served(door: Door, handlers: Sequence[HTTPRouteHandler]) -> ASGIApp:
    app = Litestar(
        handlers,
        openapi_config=None,
        request_max_body_size=MAX_BODY_OCTETS,
        exception_handlers={**EXCEPTION_HANDLERS},
        state=State({"door": door}),
        logging_config=None,
        debug=False,
    )
    return door.metrics.around(_as_written(app))


def _as_written(app: ASGIApp) -> ASGIApp:
    """The same application, where a path that would have to be folded leads nowhere."""

    def asked(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if not _NORMAL.fullmatch(scope["raw_path"]):
            scope["path"] = _NOWHERE
        return app(scope, receive, send)

    return asked


def routes() -> list[Route]:
    """The calls of business lines and operators, as declared beside their handlers."""
    return [
        Route(method=method, path=_plain(path), call=handler.opt["call"])
        for handler in HANDLERS
        for path in handler.paths
        for method in handler.http_methods
        if isinstance(handler.opt.get("call"), Call)
    ]


def _plain(path: str) -> str:
    """A path as OpenAPI writes it: `{card_id}`, not `{card_id:str}`."""
    return path.replace(":str}", "}")

"""Bad news as problem documents (RFC 9457), in the reader's language.

A refusal is told as it is; whatever else was raised is a bug or the framework's own
bad news, and nothing of what it says gets out.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from paycore.api.contract import KEY_AS_SENT, KEY_HEADER, PROBLEM_MEDIA
from paycore.api.door import Door, Plain
from paycore.api.schema import Problem
from paycore.kernel import errors, log
from paycore.kernel.errors import Refusal, Unauthorized
from paycore.kernel.ids import PAY_ORDER_NO_LENGTH

RETRY_AFTER_S = 1
"""Where a refusal may be tried again and does not say when."""

_log = log.get(__name__)
_encode = msgspec.json.Encoder().encode

_FRAMEWORK: Mapping[int, tuple[str, str, str]] = MappingProxyType(
    {
        404: ("NOT_FOUND", "没有此地址", "There is nothing at this address."),
        405: (
            "METHOD_NOT_ALLOWED",
            "不支持此方法",
            "This address knows no such method.",
        ),
        413: ("TOO_LARGE", "请求体过大", "The body is too large."),
    }
)
"""Bad news of the framework's own: our code, zh, en."""

INTERNAL = ("INTERNAL", "系统内部错误", "Something went wrong on our side.")


def catalogue() -> Iterator[tuple[str, int, str, str]]:
    """Every code that an answer may have: code, status, zh, en; for the error page."""
    for kind in _kinds(Refusal):
        yield kind.code, kind.status, kind.default_zh, kind.default_en
    for status, (code, zh, en) in _FRAMEWORK.items():
        yield code, status, zh, en
    code, zh, en = INTERNAL
    yield code, 500, zh, en


def _kinds(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from _kinds(child)


def refused(request: Plain, refusal: Refusal) -> Response[bytes]:
    """A refusal as its problem document."""
    language = language_of(request.headers.get("accept-language", ""))
    zh = language == "zh"
    _log.info("request_refused", refusal=refusal.code, **_about(request))
    retry_s = refusal.retry_after_s
    if retry_s is None and refusal.retryable:
        retry_s = RETRY_AFTER_S
    return _answer(
        request,
        Problem(
            type=f"/docs/errors#{refusal.code}",
            title=refusal.default_zh if zh else refusal.default_en,
            status=refusal.status,
            detail=refusal.zh if zh else refusal.en,
            code=refusal.code,
            field=refusal.field or msgspec.UNSET,
        ),
        language=language,
        headers=_headers_of(refusal, retry_s),
    )


def _headers_of(refusal: Refusal, retry_s: int | None) -> dict[str, str]:
    headers = {} if retry_s is None else {"Retry-After": str(retry_s)}
    if isinstance(refusal, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def framework(request: Plain, error: HTTPException) -> Response[bytes]:
    """The framework's bad news, in our words."""
    if error.status_code in _FRAMEWORK:
        allow = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
        said = _FRAMEWORK[error.status_code]
        return _plain(request, error.status_code, said, headers=allow)
    if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return refused(request, errors.BadRequest())
    return unexpected(request, error)


def unexpected(request: Plain, error: Exception) -> Response[bytes]:
    """A bug: logged whole, told as nothing but that."""
    _log.error("request_failed", exc_info=error, **_about(request))
    return _plain(request, HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL, headers={})


def _about(request: Plain) -> Mapping[str, object]:
    """What a line of the log says of a request: nothing that a stranger chose."""
    door = request.app.state.get("door")  # who reports a bug does not make another
    number = str(request.path_params.get("pay_order_no", ""))
    ours = len(number) == PAY_ORDER_NO_LENGTH and number.isalnum()
    return {
        "method": request.method,
        "call": request.scope.get("path_template"),
        "pay_order_no": number if ours and number.isascii() else None,
        "epoch": door.node.epoch if isinstance(door, Door) else None,
    }


def _plain(
    request: Plain,
    status: int,
    said: tuple[str, str, str],
    *,
    headers: Mapping[str, str],
) -> Response[bytes]:
    code, zh, en = said
    language = language_of(request.headers.get("accept-language", ""))
    text = zh if language == "zh" else en
    return _answer(
        request,
        Problem(
            type=f"/docs/errors#{code}",
            title=text,
            status=status,
            detail=text,
            code=code,
        ),
        language=language,
        headers=headers,
    )


def _answer(
    request: Plain,
    problem: Problem,
    *,
    language: str,
    headers: Mapping[str, str],
) -> Response[bytes]:
    """A caller who sent a good key finds it in whatever answer he gets."""
    key = request.scope["state"].get(KEY_AS_SENT)
    return Response(
        _encode(problem),
        status_code=problem.status,
        media_type=PROBLEM_MEDIA,
        headers={
            **headers,
            **({KEY_HEADER: key} if isinstance(key, str) else {}),
            "Content-Language": language,
            "Cache-Control": "no-store",
        },
    )


def language_of(accepted: str) -> str:
    """Whichever of zh and en the header likes better; en where it is even."""
    liking = {"zh": 0.0, "en": 0.0}
    for part in accepted.split(",")[:16]:
        tag, _, parameters = part.strip().partition(";")
        language = tag.strip().lower().split("-")[0]
        if language in liking:
            liking[language] = max(liking[language], _quality(parameters))
    return "zh" if liking["zh"] > liking["en"] else "en"


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0

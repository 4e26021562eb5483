"""Logs: one line an event on standard error, masked.

    log = get(__name__)
    log.info("code_sent", pay_order_no=..., channel=...)

An event is a word in the past tense with what it is about beside it. Masking happens
to every value of every line, those of libraries included; a key that is named below
never shows its value at all. Log lines are for people: nothing is decided by them.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from paycore.kernel.mask import mask_code, mask_text

SECRET = frozenset(
    {
        "api_key",
        "authorization",
        "code",
        "code_key",
        "credentials",
        "cvv",
        "database_url",
        "key",
        "key_ring",
        "password",
        "search_key",
        "secret",
        "sms_verify_code",
        "token",
    }
)
"""Keys whose value is never shown, whatever it is."""

DEEPEST = 6
"""A value nested deeper than this is not shown: it may nest for ever."""

Format = Literal["json", "console"]


def get(name: str) -> FilteringBoundLogger:
    """Give the logger of a module."""
    return cast("FilteringBoundLogger", structlog.stdlib.get_logger(name))


def configure(
    *,
    level: str = "INFO",
    style: Format = "json",
    stream: TextIO | None = None,
    lasting: bool = False,
) -> None:
    """Send all logs, the libraries' too, to standard error in one form.

    `lasting`: for as long as the process lives. Then each logger is made once, and not
    for each line, most of which are below the level and are not shown.
    """
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_event,
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=lasting,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(style),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def mask_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask every value of an event; a processor."""
    for key, value in event.items():
        event[key] = value if key.startswith("_") else _masked(key, value, depth=0)
    return event


def _masked(key: str, value: Any, *, depth: int) -> Any:
    """Mask one value, and whatever is in it."""
    match value:
        case None | bool():
            return value
        case _ if key.lower() in SECRET:
            return mask_code("")
        case int() | float():
            # A card number logged as a number is masked; other numbers stay numbers.
            shown = mask_text(str(value))
            return value if shown == str(value) else shown
        case Mapping() | list() | tuple() | set() | frozenset():
            return _masked_inside(key, value, depth=depth + 1)
        case _:
            return mask_text(str(value))


def _masked_inside(key: str, value: Any, *, depth: int) -> Any:
    """Mask what a container holds; each pair by its own key."""
    if depth > DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {
            mask_text(str(k)): _masked(str(k), v, depth=depth) for k, v in value.items()
        }
    return [_masked(key, item, depth=depth) for item in value]


def _renderer(style: Format) -> Processor:
    if style == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())

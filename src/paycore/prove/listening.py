"""The log of simulated nodes: read for bugs that a loop caught, and kept by nobody.

A worker's loop outlives a bug in one of its ticks, and says so in the log. Here that is
a violation: nothing that strikes may make our own code break.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
from structlog.typing import EventDict, WrappedLogger

if TYPE_CHECKING:
    from paycore.prove.world import World

BUGS = frozenset(
    {
        "agreement_look_failed",
        "answer_not_written",
        "beat_failed",
        "channel_broke",
        "job_failed",
        "look_failed",
        "loop_failed",
        "notice_delivery_broke",
        "passage_failed",
        "request_failed",
    }
)
"""Events that only a bug of ours makes."""


@contextmanager
def listening(world: "World") -> Iterator[None]:
    """Hear what nodes say while the block runs."""

    def hear(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        said = str(event.get("event"))
        world.note(None, "log", said, str(event.get("pay_order_no") or ""))
        if said in BUGS:
            world.oracle.bug(None, _error_in(event) or said)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[hear],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _error_in(event: EventDict) -> BaseException | None:
    """The error that an event tells of."""
    found = event.get("exc_info")
    if isinstance(found, BaseException):
        return found
    return sys.exc_info()[1] if found else None

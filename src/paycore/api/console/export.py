"""Payments as CSV, for a spreadsheet: page by page, so that a slow reader holds no
connection; masked as in every list, no cell a formula, and a cut is told.
"""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import datetime
from operator import attrgetter

from paycore.core.looks.document import Line
from paycore.core.looks.queries import Page

MOST_ROWS = 100_000
"""So many rows an export has at most."""
ROWS_AT_ONCE = 1_000

COLUMNS = tuple(Line.__struct_fields__)
_OF = attrgetter(*COLUMNS)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would reckon."""

Ask = Callable[[str | None, int], Awaitable[Page]]
"""The next page: from which key on, and how many rows at most."""


async def written(ask: Ask, *, most: int = MOST_ROWS) -> AsyncIterator[str]:
    """The export: a header, a line a payment, and where there were more than `most` a
    last line that says so.
    """
    yield _line(COLUMNS)
    before: str | None = None
    left = most
    while left:
        page = await ask(before, min(left, ROWS_AT_ONCE))
        yield "".join(_line(map(_cell, _OF(line))) for line in page.lines)
        left -= len(page.lines)
        before = page.before
        if before is None:
            return
    yield f"# cut after {most} rows\r\n"


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: object) -> str:
    """A cell that no spreadsheet reckons."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case datetime():
            return value.isoformat()
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text

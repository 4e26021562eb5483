"""An export's lines: no cell is a formula, and a cut is told."""

import csv
import io
from datetime import UTC, datetime

import pytest

from paycore.api.console.export import written
from paycore.core.looks.document import Line
from paycore.core.looks.queries import Page

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def line(**more) -> Line:
    """A payment."""
    given = {
        "pay_order_no": "261130004629534SV051WWETZ8",
        "biz_line": "shop",
        "out_biz_no": "o-1",
        "biz_order_no": None,
        "amount": 1250,
        "payable_amount": 1250,
        "currency": "CNY",
        "pay_type": "QUICK_PAY",
        "biz_status": "SUCCESS",
        "verify_status": "PASS",
        "converted": False,
        "held": None,
        "card_tail": "0012",
        "phone_tail": "8000",
        "bank": "ICBC",
        "channel": "quick_a",
        "resp_code": "OK",
        "created_at": NOW,
        "finished_at": None,
        "unknown_since": None,
        **more,
    }
    return Line(**given)


async def export(*pages: Page) -> list[list[str]]:
    """The cells of an export of some pages, ten rows at most."""
    left = list(pages)

    async def ask(_before: str | None, limit: int) -> Page:
        page = left.pop(0)
        assert len(page.lines) <= limit
        return page

    text = "".join([part async for part in written(ask, most=10)])
    return list(csv.reader(io.StringIO(text)))


def page(*lines: Line, before: str | None) -> Page:
    """A page of an export."""
    return Page(lines=list(lines), before=before, searched_from=None)


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
async def test_no_cell_is_a_formula(begins):
    """What a spreadsheet would reckon is text."""
    bad = f"{begins}1+1"
    rows = await export(page(line(out_biz_no=bad), before=None))
    cell = dict(zip(*rows, strict=True))["out_biz_no"]

    assert f"'{bad}" == cell


async def test_numbers_stay_numbers_and_nothing_is_nothing():
    """Amounts as they are, moments in RFC 3339."""
    rows = await export(page(line(), before=None))
    cells = dict(zip(*rows, strict=True))

    assert ("1250", "false", "") == tuple(
        cells[name] for name in ("amount", "converted", "biz_order_no")
    )
    assert NOW == datetime.fromisoformat(cells["created_at"])


async def test_a_cut_is_told():
    """In the last line, where there is more than so many."""
    many = [line() for _ in range(5)]
    rows = await export(page(*many, before="a"), page(*many, before="b"))

    assert 12 == len(rows)
    assert ["# cut after 10 rows"] == rows[-1]


async def test_all_there_is_is_no_cut():
    """Pages without a row in them are gone on from."""
    rows = await export(page(before="a"), page(*[line()] * 10, before=None))

    assert 11 == len(rows)

"""How a day reads: as rows, as CSV, as a page."""

import csv
import io
from datetime import UTC, datetime
from html.parser import HTMLParser
from uuid import UUID

from paycore.gateway.statement import Trade
from paycore.recon.match import CURES, Kind
from paycore.recon.page import MOST_SHOWN, html
from paycore.recon.report import COLUMNS, Report, csv_lines, rows
from paycore.recon.rows import Difference, Figures, State, Statement, Sum

AT = datetime(2026, 11, 29, 2, tzinfo=UTC)


def statement(**changes):
    """A day of quick_a's that came to something."""
    given = {
        "statement_id": UUID(int=1),
        "channel": "quick_a",
        "account": "main",
        "day": "2026-11-28",
        "state": State.RECONCILED,
        "said": "",
        "tries": 1,
        "next_try_at": None,
        "expected_at": AT,
        "file_no": 1,
        "figures": Figures(
            lines=12,
            matched=10,
            pooled=1,
            differences={Kind.AMOUNT: 2},
            theirs=[
                Sum(currency="CNY", trade=Trade.CHARGE, count=11, amount=2000, fee=8),
                Sum(currency="CNY", trade=Trade.REFUND, count=1, amount=500),
            ],
            ours=[],
        ),
        **changes,
    }
    return Statement(**given)


def difference(**changes):
    """They moved another amount."""
    given = {
        "channel": "quick_a",
        "account": "main",
        "kind": Kind.AMOUNT,
        "fact": "CHARGE:R1",
        "day": "2026-11-28",
        "trade": "CHARGE",
        "request_no": "R1",
        "our_amount": 1250,
        "their_amount": 1300,
        "our_currency": "CNY",
        "their_currency": "CNY",
        "found_at": AT,
        **changes,
    }
    return Difference(**given)


def report(*differences, **changes):
    """A day's report with these."""
    made = Report(day="2026-11-28", statements=[statement(**changes)])
    for one in differences:
        made.add(one)
    return made


def test_a_row_says_what_a_day_came_to():
    """Lines, what agreed, what differs by kind, and what moved, refunds taken off."""
    (row,) = rows(report(difference(), difference(fact="2", healed_at=AT)))

    assert ("12", "10", "1", "AMOUNT 1") == (
        row["lines"],
        row["matched"],
        row["pool"],
        row["differences"],
    )
    assert "1,500 CNY" == row["they moved"]


def test_a_day_without_a_file_says_why():
    """Instead of figures it has none."""
    (row,) = rows(report(state=State.AWAITED, said="not there", figures=None))

    assert ("", "not there") == (row["lines"], row["differences"])


def test_what_is_at_stake_is_what_differs():
    """Of an amount or a fee the difference, of the others all of it."""
    assert 50 == difference().amount
    assert 2 == difference(kind=Kind.FEE, our_fee=5, their_fee=3).amount
    lacked = {"our_amount": None, "our_currency": None}
    assert (1300, "CNY") == (
        difference(kind=Kind.WE_LACK, **lacked).amount,
        difference(kind=Kind.WE_LACK, **lacked).currency,
    )
    assert 1250 == difference(kind=Kind.THEY_LACK, their_amount=None).amount
    assert 0 == difference(kind=Kind.OTHER_DAY).amount


def test_the_csv_has_every_difference_and_no_formula():
    """Whatever a channel writes into its texts, a spreadsheet does not run it."""
    evil = difference(kind=Kind.UNKNOWN_LINE, request_no='=cmd|"x"', said="a,b\nc")
    text = "".join(csv_lines([difference(), evil]))
    head, first, second = csv.reader(io.StringIO(text))
    found = dict(zip(head, second, strict=True))

    assert list(COLUMNS) == head
    assert "50" == dict(zip(head, first, strict=True))["amount"]
    assert ('\'=cmd|"x"', "a,b\nc") == (found["request_no"], found["said"])
    assert CURES[Kind.UNKNOWN_LINE] == found["cure"]


class Page(HTMLParser):
    """What stands on a page, and what it would fetch."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.fetched, self.bars = [], "", [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """What is opened must be closed, but for what is empty."""
        if tag != "meta":
            self.open.append(tag)
        self.bars += tag == "rect"
        self.fetched += [value for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag):
        """In the order of opening."""
        assert tag == self.open.pop()

    def handle_data(self, data):
        """What a reader sees."""
        self.text += data


def test_the_page_needs_nothing_else():
    """One file with a picture: a bar for what agreed and one for each kind; no script,
    no address, and a channel's text is a text.
    """
    evil = difference(
        kind=Kind.UNKNOWN_LINE, fact="2", said="<script>alert(1)</script>"
    )
    text = "".join(html(report(difference(), evil), [difference(), evil]))
    page = Page(text)

    assert (3, [], []) == (page.bars, page.fetched, page.open)
    assert "<script" not in text
    assert "<script>alert(1)</script>" in page.text
    assert "10 of 12 lines agree; 2 differences stand." in page.text


def test_the_page_does_not_grow_without_end():
    """It shows so many, and says that there are more."""
    many = [difference(fact=str(n)) for n in range(MOST_SHOWN + 5)]
    text = "".join(html(report(*many), many))

    assert MOST_SHOWN == text.count("<td>quick_a/main</td>")
    assert "all are in the CSV" in text

"""What is told of growth is what was measured, over all rounds."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from paycore.bench.growth import report, sheets
from paycore.bench.growth.asking import Asked
from paycore.bench.growth.audits import Audit
from paycore.bench.growth.fill import Filled
from paycore.bench.growth.history import History
from paycore.bench.growth.queries import Size
from paycore.bench.growth.run import Figures, Plan, Side, Window
from paycore.bench.load import Level

KEPT_WHOLE = 100
UNTIL = datetime(2026, 11, 25, 12, tzinfo=UTC)


def a_window(payments: int) -> Window:
    level = Level(
        concurrency=64,
        payments=payments,
        seconds=10.0,
        send_s={},
        confirm_s={"a": 0.01, "b": 0.03},
        cpu_s={"node": 2.0, "postgres": 1.0},
    )
    touched = {'SELECT 1 FROM "payment"': (payments, payments * 4), "COMMIT": (9, 0)}
    return Window(level=level, payments=payments, touched=touched)


def a_side(before: int, *payments: int, broken: tuple[str, ...] = ()) -> Side:
    history = History(payments=before, until=UNTIL, kept_whole=KEPT_WHOLE)
    return Side(
        history=history,
        filled=Filled(payments=before, copy_s=2.0, vacuum_s=1.0),
        sizes=[
            Size(table="payment", index=None, octets=before * 300),
            Size(table="payment", index="payment_pkey", octets=before * 50),
            Size(table="trail", index=None, octets=len(history.newest) * 2000),
            Size(
                table="idempotency_key",
                index=None,
                octets=len(history.kept("idempotency_key")) * 700,
            ),
            Size(table="node", index=None, octets=8192),
        ],
        windows=[a_window(each) for each in payments],
        asked=[Asked(what="its timeline", ms=[9.0, 1.0, 2.0], blocks=7.4)],
        at_console=[Asked(what="the overview", ms=[9.0, 1.0, 302.5], blocks=7.4)],
        audits=[
            Audit(
                scope="everything",
                seconds=3.0,
                rows=10,
                violations=len(broken),
                unanswered=0,
                broken=broken,
            )
        ],
    )


def figures(*sides: Side) -> Figures:
    plan = Plan(
        histories=[1000], kept_whole=KEPT_WHOLE, seconds=10, rounds=2, processes=2
    )
    return Figures(plan=plan, sides=sides, payments=3, charged=30)


def test_the_ratio_is_over_all_rounds():
    """One lucky window decides nothing."""
    said = report.document(figures(a_side(0, 900, 1100), a_side(1000, 1100, 800)))

    assert {"1000": 0.95} == said.ratio
    assert {"0": [90.0, 110.0], "1000": [110.0, 80.0]} == said.rounds_per_s
    assert {"0": 2000, "1000": 2105} == {
        history: of["node"] for history, of in said.cpu_us_per_payment.items()
    }


def test_a_payment_takes_what_its_tables_take():
    """For good by all of them, and besides where there is more of it."""
    said = report.document(figures(a_side(0, 1), a_side(1000, 1)))

    assert {
        "1000": {"ever": 350, "newest": 2000, "briefly": 700}
    } == said.octets_per_payment
    assert {"1000": 154} == said.kept_whole
    assert {"rows": 300, "payment_pkey": 50} == said.octets_by_table["1000"]["payment"]
    assert "node" not in said.octets_by_table["1000"]


def test_a_question_is_told_by_its_middle():
    """Neither its first time, with nothing in memory, nor its best."""
    (answer,) = report.document(figures(a_side(0, 1), a_side(1000, 1))).people

    assert {"0": 2.0, "1000": 2.0} == answer.ms
    assert {"0": 7, "1000": 7} == answer.blocks


def test_what_the_console_takes_too_long_for_is_said():
    """Not nineteen of twenty answers in time: it stands in the table and below it."""
    said = report.document(figures(a_side(0, 1), a_side(1000, 1)))

    assert {"0": 302.5, "1000": 302.5} == said.console[0].p95_ms
    drawn = {sheet.title: sheet.markdown() for sheet in sheets.sheets(said)}
    title = "What the console asks: ms at p50/p95, and blocks"
    assert "| 9.0/302.5 (over 300) · 7 |" in drawn[title]
    told = "the overview, at the console beside 1,000: 302 ms at p95, more than 300"
    assert told in sheets.summary(said)


def test_blocks_are_told_a_payment():
    """By what is done, and in all."""
    said = report.document(figures(a_side(0, 10, 30), a_side(1000, 40)))

    assert {"0": 4.0, "1000": 4.0} == said.blocks_per_payment
    assert "read payment" == said.statements[0].does


@pytest.mark.parametrize(("broken", "holds"), [((), True), (("I13",), False)])
def test_what_an_audit_finds_is_not_hidden(broken, holds):
    """A history that is wrong fails the run."""
    said = report.document(figures(a_side(0, 1), a_side(1000, 1, broken=broken)))

    assert holds == said.holds


def test_what_is_kept_is_read_again(tmp_path: Path):
    """The page is drawn from it; every table of it has the figures of each side."""
    said = report.document(figures(a_side(0, 900, 1100), a_side(1000, 1100, 800)))
    report.keep(tmp_path / "results" / "growth.json", said)
    again = report.read(tmp_path / "results" / "growth.json")

    assert report.line(said) == report.line(again)
    drawn = {sheet.title: sheet.markdown() for sheet in sheets.sheets(again)}
    assert "| by that beside none |  | 0.95 |" in drawn["Speed, 64 at once, in turn"]
    assert "| payment | 300 | 50 |" in drawn["Octets a payment on disk, of 1,000"]
    assert "1,000 finished payments" in sheets.summary(again)

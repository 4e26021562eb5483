"""What the API can say has a name at the console, in both languages."""

import re
from pathlib import Path

from paycore.accounting.chart import Kind as Posted
from paycore.api.application import routes
from paycore.core.states import Event, RefundEvent
from paycore.cures.table import SUGGESTED
from paycore.gateway.statement import Trade

WEB = Path(__file__).parents[2] / "web/src"
OPERATORS = Path(__file__).parents[2] / "src/paycore/operators"
NAMED = re.compile(r'^  "?([\w ]+)"?: \["[^"]+", "[^"]+"\],$', re.MULTILINE)
ENTERED = re.compile(r'\bact(?:: str)? ?= ?"(\w+)"')
ASKS_ONLY = {"tryRoute", "validateRoutes"}
"""Under a key, as all that is posted; nothing is changed, so nothing is entered."""


def named(path, table):
    """The codes to which a table of texts gives a name."""
    text = (WEB / path).read_text(encoding="utf-8")
    of_it = text.partition(f"export const {table}: ")[2].partition("\n};")[0]
    return set(NAMED.findall(of_it))


def test_whatever_is_entered_in_the_audit_log_can_be_read_and_looked_for():
    """An act without a name stands in the log as code, and in no filter."""
    acts = {
        route.call.name
        for route in routes()
        if route.call.keyed and route.path.startswith(("/v1/console/", "/v1/desk/"))
    }
    for path in OPERATORS.glob("*.py"):
        acts |= set(ENTERED.findall(path.read_text(encoding="utf-8")))

    assert {"logIn", "switchChannel", "changePasswordRefused"} <= acts
    assert named("text/acts.ts", "acts") == acts - ASKS_ONLY


def test_whatever_happens_to_a_payment_has_a_name_on_its_time_axis():
    """Its changes and its refunds'."""
    assert set(Event) == named("pages/payment/texts.ts", "events")
    assert set(RefundEvent) == named("pages/payment/texts.ts", "refundEvents")


def test_whatever_is_posted_and_compared_has_a_name():
    """The books' kinds of postings, and what a statement's line is."""
    known = named("text/words.ts", "names") | named("text/cases.ts", "cases")
    assert set(Posted) <= known
    assert {trade.lower() for trade in Trade} <= known


def test_whatever_lies_on_the_desk_has_a_name():
    """A case of every kind that has a cure."""
    assert set(SUGGESTED) == named("text/cases.ts", "cases")

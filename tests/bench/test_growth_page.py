"""docs/growth.md says what the run kept, and the disk is asked for what it measured."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import growth_page as page

from paycore.bench.growth import report, space

KEPT = pytest.mark.skipif(not page.RESULTS.exists(), reason="nothing is kept yet")


def test_the_page_is_what_the_run_kept():
    """`python tests/bench/growth_page.py` would change nothing."""
    stands = page.PAGE.read_text(encoding="utf-8")

    assert page.render(stands) == stands


@KEPT
def test_every_key_is_explained():
    """Whoever reads the line of JSON finds each key on the page."""
    stands = page.PAGE.read_text(encoding="utf-8")

    assert [] == [
        key
        for key in report.Document.__struct_fields__
        if f"`{key}`" not in stands.partition(page.BEGIN)[0]
    ]


@KEPT
def test_the_disk_is_asked_for_what_was_measured():
    """No less than a payment took, and not much more."""
    said = report.read(page.RESULTS)
    measured = said.octets_per_payment[str(said.history[-1])]

    assert measured["ever"] <= space.EVER_OCTETS <= measured["ever"] * 1.1
    assert measured["newest"] <= space.NEWEST_OCTETS <= measured["newest"] * 1.1


@KEPT
def test_no_audit_that_found_something_is_published():
    """A history that breaks an invariant says nothing of paycore."""
    assert report.read(page.RESULTS).holds

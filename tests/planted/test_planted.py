"""The planted bugs are there, fit the code, and are found."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from planting import ROOT, Outgrown, Planted, plant, planted
from run import hunt

from paycore.prove.kinds import BY_NAME

BUGS = planted()
AT_LEAST = 25
QUICK = ("37", pytest.param("36", marks=pytest.mark.long))
"""Found within a seed or two, in a moment."""


def _named(bug: Planted) -> str:
    return bug.name


def test_there_are_enough():
    """The simulator is tried by at least 25 bugs, each with a number of its own."""
    numbers = [bug.number for bug in BUGS]
    assert len(set(numbers)) == len(numbers) >= AT_LEAST


@pytest.mark.parametrize("bug", BUGS, ids=_named)
def test_each_fits_the_code(bug: Planted, tmp_path: Path):
    """A planted bug still has its place: one that the code has outgrown is replaced."""
    for file in {hunk.file for hunk in bug.hunks}:
        copy = tmp_path / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((ROOT / file).read_text("utf-8"), "utf-8")
    plant(bug, tmp_path)
    for file in {hunk.file for hunk in bug.hunks}:
        compile((tmp_path / file).read_text("utf-8"), file, "exec")


@pytest.mark.parametrize("bug", BUGS, ids=_named)
def test_each_says_what_it_is(bug: Planted):
    """A header says what the bug is, which invariants it breaks, and known faults."""
    assert bug.what.endswith(".")
    assert bug.hunks
    assert bug.breaks
    assert all(re.fullmatch(r"I\d+|F\d+|BUG", one) for one in bug.breaks)
    assert set(bug.faults) <= set(BY_NAME)


def test_one_that_fits_no_more_is_told(tmp_path: Path):
    """A patch whose place is gone is not planted half, nor taken for harmless."""
    with pytest.raises(Outgrown):
        plant(BUGS[0], tmp_path)


@pytest.mark.parametrize("number", QUICK)
def test_it_is_found(number: str):
    """A bug in the code makes a run fail that does not fail without it."""
    bug = next(bug for bug in BUGS if bug.number == number)
    outcome = hunt(bug, seeds=20, payments=20)
    assert (outcome.invariant in bug.breaks, outcome.failed) == (True, "")

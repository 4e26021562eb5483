"""The catalogue: every invariant is there, with what shows it or who."""

import re

from paycore.audit.catalogue import CATALOGUE


def test_every_invariant_is_there_once():
    """I1 to I30, in order: none is left out without a word."""
    assert [f"I{n}" for n in range(1, 31)] == [one.id for one in CATALOGUE]


def test_what_rows_do_not_show_has_a_reason():
    """Where there is no question there is a sentence that says why."""
    for one in CATALOGUE:
        assert one.checks or one.otherwise, one.id
        assert one.holds.endswith("."), one.id


def test_every_question_has_a_name_of_its_own():
    """A violation is called by its question, so no two share a name."""
    names = [check.name for one in CATALOGUE for check in one.checks]

    assert len(set(names)) == len(names)


def test_no_question_writes_or_locks():
    """Every statement is a SELECT, without a lock, and its time is a parameter."""
    for one in CATALOGUE:
        for check in one.checks:
            assert re.match(r"\s*SELECT\b", check.sql), check.name
            for word in ("INSERT", "UPDATE", "DELETE", "FOR SHARE", "now()"):
                assert word not in check.sql, (check.name, word)

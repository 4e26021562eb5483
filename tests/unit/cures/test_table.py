"""Every kind of case has a cure, and who may do what alone is a table."""

import re
from pathlib import Path

import pytest

from paycore.cures.plans import _PLANS
from paycore.cures.table import SUGGESTED, Cure, limits, needs_second, suggested
from paycore.kernel.errors import Misconfigured
from paycore.recon.match import Kind
from paycore.recovery.match import Found

SOURCE = Path(__file__).parents[3] / "src" / "paycore"
KINDS = re.compile(
    r'(?:\bkind=|_case\(\s*run,\s*)(.*?)[,\n]|CASE = ("\w+")'
    r'|(?:AFTER_ITS_END|UNASKED): Final = ("\w+")',
    re.DOTALL,
)
NAME = re.compile(r'"([A-Z][A-Z_]+)"')
ABOVE = {"CNY": 1000}


def _kinds() -> set[str]:
    """What is opened anywhere in the code."""
    found = {f"RECON_{kind}" for kind in Kind}
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "desk" not in text or path.is_relative_to(SOURCE / "cures"):
            continue
        for opened in KINDS.finditer(text):
            found |= set(NAME.findall(opened.group(0)))
    found |= {f"RESTORE_{kind}" for kind in Found}
    return found - {"RECON_", "RESTORE_"}


def test_every_kind_of_case_that_is_opened_has_a_cure():
    """Whoever opens a case says here what may be done about it."""
    kinds = _kinds()

    assert {"LATE_MONEY", "REFUND_UNKNOWN_TOO_LONG", "INVARIANT"} <= kinds
    assert set() == kinds - set(SUGGESTED)
    assert all(SUGGESTED[kind] for kind in kinds)


def test_each_kind_is_cured_by_its_own_row():
    """The row of that kind, and for one that nobody knows here a note."""
    assert dict(SUGGESTED) == {kind: suggested(kind) for kind in SUGGESTED}
    assert (Cure.NOTE,) == suggested("OF_A_NEWER_VERSION")


def test_every_cure_has_a_plan_and_a_kind():
    """None that nobody can choose, and none that does nothing."""
    assert set(Cure) == set(_PLANS)
    assert set(Cure) == {cure for cures in SUGGESTED.values() for cure in cures}


@pytest.mark.parametrize(
    ("cure", "amount", "currency", "two"),
    [
        (Cure.REFUND, 1000, "CNY", False),
        (Cure.REFUND, 1001, "CNY", True),
        (Cure.WRITE_OFF, 1, "USD", True),
        (Cure.NOTE, None, None, False),
        (Cure.NOTE, 1001, "CNY", True),
        (Cure.ENQUIRE, 9_999_999, "CNY", False),
        (Cure.RENOTIFY, None, None, False),
        (Cure.FORCE_NOT_TAKEN, 1, "CNY", True),
        (Cure.FORCE_NOT_TAKEN, None, None, True),
        (Cure.FORCE_NOT_REFUNDED, 1, "CNY", True),
    ],
)
def test_who_may_alone(cure, amount, currency, two):
    """Much money and a forced state are two people's; a currency without a limit is
    much, and who only asks is one.
    """
    assert two == needs_second(cure, amount, currency, ABOVE)


def test_limits_are_read_by_currency():
    """As the setting is written; a currency twice is refused."""
    assert {"CNY": 100000, "JPY": 5} == limits("CNY:100000,JPY:5")
    assert {} == limits("")
    twice = "^PAYCORE_DESK_SECOND_ABOVE names a currency twice$"
    with pytest.raises(Misconfigured, match=twice):
        limits("CNY:1,CNY:2")

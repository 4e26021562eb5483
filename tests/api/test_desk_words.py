"""What a cure does, in both languages: the sentence that a second person approves."""

import pytest
from operating import Person, case, previewed
from posts import sql

from paycore.cures.document import id_of
from paycore.cures.plans import Plan
from paycore.cures.table import Cure
from paycore.operators.roles import Role


@pytest.fixture(scope="module")
def anna(running) -> Person:
    """Who takes, previews and executes."""
    return Person(running, Role.OPERATOR)


@pytest.fixture
def ref(stack, payer) -> str:
    """A case about a payment that is open."""
    return case(stack, payer.open().json()["pay_order_no"])


def test_a_preview_says_what_it_does_in_both_languages(anna, ref):
    """The same in each, in the preview and with the case; English stays as it was."""
    body = {"cure": "NOTE", "why": "settled by phone"}
    made = anna.act(f"{ref}/cures", body).json()
    (kept,) = anna.see(f"/{ref}").json()["cures"]

    expected = "The case is closed with this reason; nothing else is done."
    assert expected == made["does"] == kept["does"]
    assert "以此原因备注结案，不做其他操作。" == made["does_zh"] == kept["does_zh"]


def test_a_preview_of_before_has_no_chinese_and_still_holds(stack, anna, ref):
    """A node of the version before wrote none: it is null, and can be executed."""
    number = previewed(anna, ref)
    sql(stack, "UPDATE desk_cure SET does_zh = NULL WHERE case_id = $1", id_of(ref))
    (kept,) = anna.see(f"/{ref}").json()["cures"]
    done = anna.act(f"{ref}/cures/{number}/execute")

    assert None is kept["does_zh"]
    assert (200, "DONE") == (done.status_code, done.json()["status"])


def test_a_preview_is_known_again_by_a_node_of_before():
    """What it was made from is told by the English words, the sum and what was seen."""
    english = {"does": "Nothing else is done.", "seen": {"healed": False}}
    first = Plan(**english, does_zh="不做其他操作。")
    second = Plan(**english, does_zh="")

    assert first.fingerprint(Cure.NOTE) == second.fingerprint(Cure.NOTE)

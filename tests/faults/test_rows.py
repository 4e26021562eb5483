"""The fault matrix, row by row: where the test is that holds it.

The rows are those of the fault matrix of the project's reference; a row's test names it
in its docstring. What is not here has no directed test yet.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

ROWS = (
    (
        "F01",
        "no quick channel",
        "conversion",
        "a_line_without_a_quick_channel_converts",
    ),
    ("F03", "the quick channel refuses connections", "conversion", "a_send_that_fails"),
    (
        "F04",
        "the quick channel's answer never comes",
        "conversion",
        "a_send_that_fails",
    ),
    ("F05", "5xx, garbage, bad signature", "conversion", "a_send_that_fails"),
    ("F06", "payer or card refused", "conversion", "a_refusal_of_payer_or_card"),
    ("F07", "a convertible refusal", "conversion", "a_send_that_fails"),
    ("F08", "breaker open", "conversion", "an_open_breaker_converts_at_once"),
    ("F09", "no good mandate", "conversion", "without_a_mandate_that_is_good"),
    ("F10", "no deduct channel", "conversion", "without_a_deduct_channel"),
    ("F11", "the first carrier is down", "conversion", "the_second_carrier_sends"),
    ("F12", "all carriers are down", "conversion", "without_any_carrier"),
    ("F14", "killed while sending", "recovery", "a_node_that_dies_sending"),
    ("F15", "killed while texting", "recovery", "a_node_that_dies_texting"),
    ("F16", "a double click on send", "races", "many_sends_of_one_number"),
    (
        "F18",
        "the abandoned send's late answer",
        "conversion",
        "the_code_of_the_abandoned",
    ),
    ("F19", "the abandoned bank charges", "strange_money", "money_of_the_abandoned"),
    ("F20", "a wrong code", "confirm", "a_wrong_code_is_an_answer"),
    ("F21", "tries used up", "confirm", "used_up_tries_lock_the_code"),
    ("F22", "an expired code", "confirm", "an_expired_code_is_refused"),
    ("F22", "another order's code", "confirm", "a_code_of_another_order"),
    ("F24", "50 confirms at once", "races", "many_confirms_of_one_payment"),
    ("F26", "a confirm on a final order", "confirm", "a_finished_payment"),
    ("F27", "the money leg never left", "charge", "what_never_left"),
    ("F28", "charged, no answer", "charge", "a_charge_without_an_answer"),
    ("F29", "not charged, no answer", "charge", "a_charge_that_never_happened"),
    ("F30", "5xx, garbage, wrong signature", "charge", "a_charge_without_an_answer"),
    ("F31", "a definite failure", "charge", "a_refusal_of_the_payer_is_final"),
    ("F32", "success with other money", "charge", "another_amount_is_no_success"),
    ("F34", "a yes after a no", "strange_money", "money_after_a_refusal"),
    ("F34", "a no after a yes", "strange_money", "a_no_after_a_yes"),
    ("F36", "a byte a second", "charge", "a_charge_without_an_answer"),
    ("F37", "expiry while unknown", "close", "an_order_does_not_expire"),
    ("F38", "money after a close", "strange_money", "money_after_a_close"),
    ("F39", "close against confirm", "close", "closing_and_confirming_at_once"),
    ("F43", "killed before the bank acted", "recovery", "a_charge_that_died_before"),
    ("F44", "killed after the bank acted", "recovery", "a_charge_whose_node_died"),
    ("F48", "a zombie's lease", "nodes", "a_sleeper_that_wakes"),
    ("F52", "100 orders for one coupon", "races", "many_orders_for_one_coupon"),
    ("F59", "ten callbacks at once", "charge", "callbacks_that_repeat_or_run_ahead"),
    (
        "F60",
        "callback before our answer",
        "charge",
        "callbacks_that_repeat_or_run_ahead",
    ),
    ("F61", "callbacks out of order", "strange_money", "what_comes_out_of_order"),
    ("F62", "a forged callback", "charge", "a_forged_callback"),
    ("F64", "PostgreSQL killed under load", "recovery", "a_database_killed"),
)
"""Row, fault, file of the flow tests, and how the test's name begins."""


@pytest.mark.parametrize(("row", "fault", "file", "name"), ROWS)
def test_a_row_has_its_directed_test(row: str, fault: str, file: str, name: str):
    """Each row of the matrix that is said to be held is named by a test that exists."""
    found = [
        promise
        for test, promise in _promises(file).items()
        if test.startswith(f"test_{name}")
    ]

    assert any(_names(row, promise) for promise in found), (row, fault, found)


@cache
def _promises(file: str) -> dict[str, str]:
    """The tests of a file, with their docstrings."""
    path = TESTS / "flows" / f"test_{file}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name: ast.get_docstring(node) or ""
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def _names(row: str, promise: str) -> bool:
    """Whether a promise names a row, by itself or within a span such as F03-F05."""
    number = int(row[1:])
    for word in promise.replace(",", " ").replace(":", " ").split():
        first, _, last = word.partition("-")
        if first[:1] == "F" and first[1:].isdigit():
            until = int(last[1:]) if last[1:].isdigit() else int(first[1:])
            if int(first[1:]) <= number <= until:
                return True
    return False

"""Planted violations of what operators did at the desk over the API."""

from plants import Plant

OF = "an act of no operator"
MISSING = "an operator's act that is missing"
WRITTEN = "an entry that is not as it was written"
BROKEN = "the log of operators is broken"
UNTOLD = "an act at the desk that is not in the log"
ANNA = "revoked_at IS NULL AND role = 'operator'"

OPERATORS = (
    Plant(OF, "DELETE FROM operators_operator WHERE role = 'approver'", "operated"),
    Plant(
        OF,
        "UPDATE operators_operator SET role = 'operator' WHERE role = 'approver'",
        "operated",
    ),
    Plant(
        OF,
        f"UPDATE operators_operator SET role = 'viewer' WHERE {ANNA}",
        "operated",
    ),
    Plant(
        OF,
        "UPDATE desk_step SET who = 'mallory' WHERE what = 'APPROVED' AND case_id ="
        " (SELECT case_id FROM desk_case JOIN operators_act USING (case_id) LIMIT 1)",
        "operated",
    ),
    Plant(
        OF,
        f"UPDATE operators_operator SET revoked_at = clock_timestamp() WHERE {ANNA}",
        "operated",
        (MISSING,),
    ),
    Plant(
        MISSING,
        "DELETE FROM operators_act a USING operators_operator o"
        " WHERE o.operator_id = a.operator_id AND a.number = 1"
        f" AND {ANNA}",
        None,
    ),
    Plant(
        WRITTEN,
        "UPDATE operators_entry SET why = 'something else'"
        " WHERE act = 'takeCase' AND why = 'hers no more'",
        None,
    ),
    Plant(
        WRITTEN,
        "UPDATE operators_entry SET at = at + interval '1 microsecond' WHERE seq = 2",
        None,
    ),
    Plant(
        BROKEN,
        "DELETE FROM operators_entry WHERE seq = 2",
        None,
    ),
    Plant(
        BROKEN,
        "DELETE FROM operators_entry WHERE act = 'addOperator'",
        None,
    ),
    Plant(
        BROKEN,
        "UPDATE operators_head SET seq = seq + 1",
        None,
    ),
    Plant(
        UNTOLD,
        "UPDATE operators_act SET entry = 1 WHERE case_id ="
        " (SELECT case_id FROM operators_act LIMIT 1)",
        "operated",
    ),
)

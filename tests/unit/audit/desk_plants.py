"""Planted violations of the desk: what people did, and what is parked."""

from ledger_plants import FED
from plants import Plant

CASE = (
    "INSERT INTO desk_case (case_id, version, kind, pay_order_no, evidence, opened_at,"
    " owner, status) VALUES ('planted', {version}, 'LATE_MONEY', '{{no}}', '{{{{}}}}',"
    " clock_timestamp(), 'operations', 'OPEN')"
)

CURE = (
    "INSERT INTO desk_cure (case_id, number, version, cure, does, seen, needs_second,"
    " status, proposed_by, why, proposed_at, executed_by, executed_at, result,"
    " ended_at) VALUES ('planted', 1, 1, 'FORCE_NOT_TAKEN', '', '', false, 'DONE',"
    " 'anna', 'because', clock_timestamp(), 'anna', clock_timestamp(), '',"
    " clock_timestamp())"
)

PARKED = (
    "INSERT INTO accounting_posting (pay_order_no, kind, fact, currency, amount, at)"
    " VALUES ('{no}', 'SHORT', 'nobody', 'CNY', 5, clock_timestamp());"
    "INSERT INTO accounting_entry (pay_order_no, kind, fact, line, account, side,"
    " amount) VALUES ('{no}', 'SHORT', 'nobody', 1, 'suspense_short:a:b', 'DEBIT', 5),"
    " ('{no}', 'SHORT', 'nobody', 2, 'channel_receivable:a:b', 'CREDIT', 5);"
    "INSERT INTO accounting_balance (account, currency, slot, amount)"
    " VALUES ('suspense_short:a:b', 'CNY', 99, 5),"
    " ('channel_receivable:a:b', 'CNY', 99, -5)"
)

DESK = (
    Plant("a chain of steps that is broken", CASE.format(version=3), "paid"),
    Plant("a cure executed by one alone", CURE, None),
    Plant(
        "a forced state of no cure",
        "UPDATE transition SET cause = 'BY_HAND' WHERE pay_order_no = '{no}'"
        " AND seq = 1",
        "paid",
    ),
    Plant(
        "a forced state of no cure",
        "UPDATE refund_transition SET cause = 'BY_HAND' WHERE pay_order_no = '{no}'"
        " AND seq = 1",
        "refunded",
    ),
    Plant(
        "suspense that is not what is open",
        "INSERT INTO accounting_balance (account, currency, slot, amount)"
        " VALUES ('suspense_short:a:b', 'CNY', 99, 5), ('differences', 'CNY', 99, -5)",
        None,
        ("a balance that is not the sum of its entries",),
    ),
    Plant(
        "a settled difference that does not add up",
        f"{FED} {PARKED}",
        "paid",
        (
            "suspense that is not what is open",
            "a posting without its fact",
            "a posting that the feed lacks",
        ),
    ),
    Plant(
        "a return of no cure",
        "UPDATE refund SET kind = 'RETURN', case_id = 'nobody', out_refund_no = NULL,"
        " amount = money_amount, coupon_amount = 0 WHERE pay_order_no = '{no}'",
        "refunded",
        (
            "a total that is not the sum of its refunds",
            "a refund or its posting alone",
            "a refund posted elsewhere",
            "a clearing account that is not the sum of its legs",
            "a refund's end that is not told once",
            "a notice that a read of the refund would deny",
            "a refund that is another than its history says",
        ),
    ),
)

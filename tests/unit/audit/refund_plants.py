"""Planted violations of refunds: of one that is done, sent again, or still open."""

from more_plants import AGAIN
from plants import CARD, Plant

UNBALANCED = ("a balance that is not the sum of its entries",)

REFUNDS = (
    Plant(
        "more refunded than was taken",
        "UPDATE refund SET amount = amount + 1000, money_amount = money_amount + 1000"
        " WHERE pay_order_no = '{no}'",
        "refunding",
        ("a total that is not the sum of its refunds",),
    ),
    Plant(
        "a total that is not the sum of its refunds",
        "UPDATE refund_total SET refunds = refunds + 1 WHERE pay_order_no = '{no}'",
        "refunding",
    ),
    Plant(
        "a total that is not the sum of its refunds",
        "UPDATE refund_total SET done_amount = 0, done_money = 0"
        " WHERE pay_order_no = '{no}'",
        "refunded",
    ),
    Plant(
        "a refund by another leg than was charged",
        "UPDATE refund SET original_request_no = 'x' WHERE pay_order_no = '{no}'",
        "refunding",
    ),
    Plant(
        "a refund that failed after a yes to other money",
        "UPDATE refund SET other_money = true WHERE pay_order_no = '{no}'",
        "late_refused",
    ),
    Plant(
        "a refund that is another than its history says",
        "UPDATE refund SET last_event = 'REFUND_BEGUN' WHERE pay_order_no = '{no}'",
        "refunding",
    ),
    Plant(
        "a refund that nobody looks at",
        "UPDATE refund SET lease_until = NULL,"
        " next_check_at = clock_timestamp() - interval '61 seconds'"
        " WHERE pay_order_no = '{no}'",
        "refunding",
    ),
    Plant(
        "a refund or its posting alone",
        "UPDATE accounting_posting SET currency = 'USD'"
        " WHERE pay_order_no = '{no}' AND kind = 'REFUND'",
        "refunded",
        UNBALANCED,
    ),
    Plant(
        "a refund posted elsewhere",
        "UPDATE accounting_entry SET account = 'merchant_pending:tickets'"
        " WHERE pay_order_no = '{no}' AND kind = 'REFUND' AND side = 'DEBIT'",
        "refunded",
        UNBALANCED,
    ),
    Plant(
        "a refund's end that is not told once",
        "DELETE FROM notify_notice WHERE pay_order_no = '{no}'"
        " AND type = 'refund.succeeded'",
        "refunded",
    ),
    Plant(
        "a notice that a read of the refund would deny",
        "UPDATE notify_notice SET body = convert_to(replace(convert_from(body, 'UTF8'),"
        " '\"money_amount\":400', '\"money_amount\":401'), 'UTF8')"
        " WHERE pay_order_no = '{no}' AND type = 'refund.succeeded'",
        "refunded",
    ),
    Plant(
        "a line's number that is not one refund",
        "DELETE FROM refund_out_refund_no WHERE pay_order_no = '{no}'",
        "refunding",
    ),
    Plant(
        "a refund sent without its record, or elsewhere",
        "DELETE FROM gateway_message WHERE pay_order_no = '{no}'"
        " AND direction = 'OUT' AND operation = 'refund'",
        "refunding",
        ("an answer without or before its call",),
    ),
    Plant(
        "a refund sent without its record, or elsewhere",
        f"{AGAIN} AND direction = 'OUT' AND operation = 'refund'",
        "refunding",
    ),
    Plant(
        "a refund sent again that may have got there",
        "UPDATE refund_transition SET event = 'REFUND_UNKNOWN'"
        " WHERE pay_order_no = '{no}' AND event = 'REFUND_NOT_SENT'",
        "refund_resent",
    ),
    Plant(
        "a refund without a yes",
        "DELETE FROM gateway_message WHERE pay_order_no = '{no}'"
        " AND direction = 'IN' AND operation = 'refund' AND verdict LIKE 'SUCC%'",
        "refunded",
    ),
    Plant(
        "a refund open for too long, and nobody knows",
        "UPDATE refund SET created_at = created_at - interval '1 hour'"
        " WHERE pay_order_no = '{no}'",
        "refunding",
    ),
    Plant(
        "a secret in a refund",
        f"UPDATE refund SET reason = 'back to {CARD}' WHERE pay_order_no = '{{no}}'",
        "refunding",
    ),
)

LATE = (
    Plant(
        "late money neither on its way nor seen, or a case that outlives it",
        "UPDATE desk_case SET status = 'OPEN' WHERE pay_order_no = '{no}'",
        "late",
    ),
    Plant(
        "late money neither on its way nor seen, or a case that outlives it",
        "DELETE FROM desk_case WHERE pay_order_no = '{no}'",
        "late_refused",
    ),
    Plant(
        "late money that is not what its request took",
        "UPDATE gateway_message SET verdict = 'DECLINED' WHERE pay_order_no = '{no}'"
        " AND direction = 'CALLBACK' AND operation = 'confirm'",
        "late",
    ),
    Plant(
        "late money booked otherwise",
        "UPDATE accounting_entry SET account = 'payer_pending:tickets'"
        " WHERE pay_order_no = '{no}' AND kind = 'LATE_MONEY' AND side = 'CREDIT'",
        "late_refused",
        UNBALANCED,
    ),
    Plant(
        "late money booked otherwise",
        "DELETE FROM accounting_entry"
        " WHERE pay_order_no = '{no}' AND kind = 'LATE_REFUND'",
        "late",
        (
            *UNBALANCED,
            "a posting that does not balance",
            "a clearing account that is not the sum of its legs",
        ),
    ),
)

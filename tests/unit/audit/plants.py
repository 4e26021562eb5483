"""Violations, planted one by one: SQL that no trigger sees, and what must be found."""

from dataclasses import dataclass

CARD = "6222020200112233446"
LEG = "trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')"
ONE_LEG = "DROP INDEX attempt_one_money_leg"


@dataclass(frozen=True, slots=True)
class Plant:
    """Done to the payment `at`, it breaks `check`, and with it the checks `also`.

    `{no}` in the SQL is the payment's number.
    """

    check: str
    sql: str
    at: str | None
    also: tuple[str, ...] = ()


MONEY = (
    Plant(
        "more than one leg succeeded",
        f"{ONE_LEG}; UPDATE attempt SET process_status = 'GW_SUCCESS'"
        f" WHERE pay_order_no = '{{no}}' AND {LEG}",
        "two_legs",
        (
            "a leg beside one that may have charged",
            "a success that is not its one leg",
            "the last word on a leg is not in the history",
            "a charge cleared elsewhere",
            "a clearing account that is not the sum of its legs",
            "a charge without a yes",
            "a limit that is not what is held of it",
            "a deduct too many",
        ),
    ),
    Plant(
        "a leg beside one that may have charged",
        f"{ONE_LEG}; UPDATE attempt SET process_status = 'GW_DOING',"
        f" finished_at = NULL WHERE pay_order_no = '{{no}}' AND {LEG}"
        " AND process_status = 'GW_FAIL'",
        "two_legs",
        (
            "an attempt that lacks, or stands open",
            "the last word on a leg is not in the history",
            "a limit that is not what is held of it",
            "a deduct too many",
        ),
    ),
    Plant(
        "a leg began before the last had ended",
        "UPDATE transition SET event = 'CHARGE_UNKNOWN' WHERE pay_order_no = '{no}'"
        " AND event = 'NOT_CHARGED'",
        "two_legs",
        ("the last word on a leg is not in the history",),
    ),
    Plant(
        "a deduct too many",
        "UPDATE attempt SET blame = 'payer' WHERE pay_order_no = '{no}'"
        " AND trans_type = 'DEDUCT' AND process_status = 'GW_FAIL'",
        "deducted",
    ),
    Plant(
        "converted more than once, too late, or without cause or time",
        "UPDATE payment SET converted_at = converted_at + interval '1 second'"
        " WHERE pay_order_no = '{no}'",
        "converted",
    ),
    Plant(
        "a leg of another pay type",
        "UPDATE payment SET pay_type = 'QUICK_PAY', converted_at = NULL,"
        " convert_cause = NULL WHERE pay_order_no = '{no}'",
        "open_converted_tried",
        (
            "converted more than once, too late, or without cause or time",
            "another code in force than the newest",
        ),
    ),
    Plant(
        "converted without evidence",
        "DELETE FROM router_decision WHERE pay_order_no = '{no}' AND chosen IS NULL",
        "converted",
    ),
    Plant(
        "a success that is not its one leg",
        "UPDATE attempt SET amount = amount + 1 WHERE pay_order_no = '{no}' AND "
        "process_status = 'GW_SUCCESS' AND trans_type = 'QUICK_PAY_CONFIRM'",
        "paid",
        (
            "a charge cleared elsewhere",
            "a clearing account that is not the sum of its legs",
            "another amount asked for",
        ),
    ),
    Plant(
        "a successful leg of a payment that did not succeed",
        f"UPDATE attempt SET process_status = 'GW_SUCCESS'"
        f" WHERE pay_order_no = '{{no}}' AND {LEG}",
        "declined",
        (
            "the last word on a leg is not in the history",
            "a charge cleared elsewhere",
            "a clearing account that is not the sum of its legs",
            "a charge without a yes",
        ),
    ),
    Plant(
        "another amount asked for",
        "UPDATE attempt SET amount = amount + 1 WHERE pay_order_no = '{no}'",
        "open",
    ),
)

ENDS = (
    Plant(
        "another status than its history says",
        "UPDATE payment SET last_event = 'CODE_SENT' WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "another status than its history says",
        "INSERT INTO transition SELECT pay_order_no, seq + 1, from_status, 'EXPIRED',"
        " 'CLOSED', cause, NULL, at + interval '1 hour' FROM transition"
        " WHERE pay_order_no = '{no}' ORDER BY seq DESC LIMIT 1",
        "paid",
    ),
    Plant(
        "a history of no payment",
        "DELETE FROM payment WHERE pay_order_no = '{no}'",
        "closed",
        (
            "another amount asked for",
            "an end that is not told once",
            "a notice that a read would deny",
            "a kept answer that is none",
            "a line's number of no payment",
            "chosen though it was not allowed",
            "another line was told",
        ),
    ),
    Plant(
        "a step that is not in the table",
        "UPDATE transition SET event = 'CODE_SEND' WHERE pay_order_no = '{no}'"
        " AND event = 'CODE_SENT'",
        "paid",
    ),
    Plant(
        "an attempt that lacks, or stands open",
        "UPDATE payment SET attempts = attempts + 1 WHERE pay_order_no = '{no}'",
        "open",
    ),
    Plant(
        "the last word on a leg is not in the history",
        "UPDATE transition SET attempt_seq = NULL WHERE pay_order_no = '{no}'"
        " AND event = 'CHARGE_BEGUN'",
        "paid",
    ),
    Plant(
        "a payment that nobody looks at",
        "UPDATE payment SET next_check_at = clock_timestamp() - interval '61 seconds'"
        " WHERE pay_order_no = '{no}'",
        "open",
    ),
    Plant(
        "a locked coupon that nobody looks at",
        "UPDATE coupon SET next_check_at = clock_timestamp() - interval '61 seconds'"
        " WHERE holder = '{no}'",
        "unknown",
    ),
    Plant(
        "a notice that nobody tries, or not for long",
        "UPDATE notify_notice SET lease_until = NULL, next_check_at ="
        " clock_timestamp() - interval '11 minutes' WHERE pay_order_no = '{no}'",
        "untold",
    ),
    Plant(
        "a notice that nobody tries, or not for long",
        "UPDATE notify_notice SET next_check_at = clock_timestamp()"
        " + interval '31 hours' WHERE pay_order_no = '{no}'",
        "untold",
    ),
    Plant(
        "closed before its time",
        "UPDATE payment SET expires_at = expires_at + interval '1 hour'"
        " WHERE pay_order_no = '{no}'",
        "expired",
    ),
    Plant(
        "open for too long, and nobody knows",
        "UPDATE payment SET expires_at = clock_timestamp() - interval '31 minutes'"
        " WHERE pay_order_no = '{no}'",
        "open",
    ),
)

CODES = (
    Plant(
        "a deduct without a PASS, or long after its end",
        "UPDATE attempt SET process_status = 'GW_FAIL' WHERE pay_order_no = '{no}'"
        " AND trans_type = 'SMS_VERIFY'",
        "converted",
    ),
    Plant(
        "money asked for without an agreement, or after its end",
        "DELETE FROM cards_agreement WHERE card_id IN"
        " (SELECT card_id FROM payment WHERE pay_order_no = '{no}')",
        "declined",
    ),
    Plant(
        "a deduct without a PASS, or long after its end",
        "UPDATE attempt SET created_at = created_at + interval '1 hour'"
        " WHERE pay_order_no = '{no}' AND trans_type = 'DEDUCT'",
        "converted",
    ),
    Plant(
        "money asked for without an agreement, or after its end",
        "UPDATE cards_agreement SET ends_at = p.created_at - interval '2 minutes'"
        " FROM payment p WHERE p.card_id = cards_agreement.card_id"
        " AND p.pay_order_no = '{no}'",
        "declined",
    ),
    Plant(
        "a deduct routed without a live mandate",
        "UPDATE router_decision SET question = question - 'agreements'"
        " WHERE pay_order_no = '{no}' AND trans_type = 'DEDUCT'",
        "converted",
    ),
    Plant(
        "a code bound to something else",
        "UPDATE sms_code SET amount = amount + 1 WHERE pay_order_no = '{no}'",
        "open_converted",
    ),
    Plant(
        "a code tried too often",
        "UPDATE sms_code SET tries = 1 WHERE pay_order_no = '{no}'",
        "open_converted",
    ),
    Plant(
        "a code that passed after its end",
        "UPDATE sms_code SET expires_at = created_at WHERE pay_order_no = '{no}'",
        "converted",
    ),
    Plant(
        "a good code beside or behind another",
        "UPDATE sms_code SET status = 'ACTIVE' WHERE pay_order_no = '{no}'",
        "open_converted",
    ),
    Plant(
        "another code in force than the newest",
        "UPDATE payment SET code_seq = 1 WHERE pay_order_no = '{no}'",
        "open_converted",
    ),
    Plant(
        "a confirm elsewhere than its code came from",
        "UPDATE attempt SET inst_trans_id = 'other' WHERE pay_order_no = '{no}'"
        " AND trans_type = 'QUICK_PAY_CONFIRM'",
        "paid",
    ),
)

COUPONS = (
    Plant(
        "a coupon out of step with its order",
        "UPDATE coupon SET amount = amount + 1 WHERE holder = '{no}'",
        "discounted",
    ),
    Plant(
        "a success without its coupon",
        "UPDATE coupon SET status = 'AVAILABLE', holder = NULL, used_at = NULL"
        " WHERE holder = '{no}'",
        "discounted",
    ),
    Plant(
        "the coupon of an unknown order is free",
        "UPDATE coupon SET status = 'AVAILABLE', holder = NULL, next_check_at = NULL"
        " WHERE holder = '{no}'",
        "unknown",
    ),
)

"""More planted violations: the books, what was told, calls, routes, secrets, limits."""

from plants import CARD, Plant

BOOKS = (
    Plant(
        "a posting that does not balance",
        "UPDATE accounting_entry SET amount = amount + 1 WHERE pay_order_no = '{no}'"
        " AND side = 'CREDIT'",
        "paid",
        (
            "money credited or spent elsewhere",
            "a balance that is not the sum of its entries",
        ),
    ),
    Plant(
        "books that do not add up",
        "UPDATE accounting_balance SET amount = amount + 1"
        " WHERE account = 'marketing_cost'",
        None,
        ("a balance that is not the sum of its entries",),
    ),
    Plant(
        "a success or a posting alone",
        "UPDATE accounting_posting SET currency = 'USD' WHERE pay_order_no = '{no}'",
        "paid",
        ("a balance that is not the sum of its entries",),
    ),
    Plant(
        "money credited or spent elsewhere",
        "UPDATE accounting_entry SET account = 'merchant_pending:tickets'"
        " WHERE pay_order_no = '{no}' AND side = 'CREDIT'",
        "paid",
        ("a balance that is not the sum of its entries",),
    ),
    Plant(
        "money credited or spent elsewhere",
        "UPDATE accounting_entry SET account = 'merchant_pending:shop'"
        " WHERE pay_order_no = '{no}' AND account = 'marketing_cost'",
        "discounted",
        (
            "an entry against the rules",
            "a balance that is not the sum of its entries",
        ),
    ),
    Plant(
        "a charge cleared elsewhere",
        "UPDATE accounting_entry SET account = 'channel_receivable:elsewhere:main'"
        " WHERE pay_order_no = '{no}' AND side = 'DEBIT'",
        "paid",
        ("a balance that is not the sum of its entries",),
    ),
    Plant(
        "a clearing account that is not the sum of its legs",
        "UPDATE accounting_balance SET account = 'channel_receivable:elsewhere:main'"
        " WHERE account ="
        " (SELECT min(account) FROM accounting_balance WHERE account LIKE 'channel%')",
        None,
        ("a balance that is not the sum of its entries",),
    ),
    Plant(
        "a balance that is not the sum of its entries",
        "UPDATE accounting_balance SET amount = amount + CASE account"
        " WHEN 'marketing_cost' THEN 1 ELSE -1 END"
        " WHERE account IN ('marketing_cost', 'merchant_pending:shop')",
        None,
    ),
)

AGAIN = (
    "INSERT INTO gateway_message (pay_order_no, message_id, direction, at, verdict,"
    " body, operation, channel, attempt_seq, account) SELECT pay_order_no,"
    " gen_random_uuid(), direction, at, verdict, body, operation, channel,"
    " attempt_seq, account FROM gateway_message WHERE pay_order_no = '{no}'"
)

TOLD = (
    Plant(
        "an end that is not told once",
        "DELETE FROM notify_notice WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "an end that is not told once",
        "INSERT INTO notify_notice SELECT pay_order_no, 'msg_twice', version, biz_line,"
        " endpoint_id, type, body, status, tries, last_result, created_at,"
        " delivered_at, replayed_at, next_check_at, lease_epoch, lease_until"
        " FROM notify_notice WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "a notice neither delivered nor in sight",
        "UPDATE notify_notice SET delivered_at = NULL WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "a notice neither delivered nor in sight",
        "UPDATE notify_notice SET status = 'PARKED', next_check_at = NULL,"
        " last_result = 'HTTP 500' WHERE pay_order_no = '{no}'",
        "untold",
    ),
    Plant(
        "a notice that a read would deny",
        "UPDATE notify_notice SET body = convert_to(replace(convert_from(body, 'UTF8'),"
        " '\"SUCCESS\"', '\"FAIL\"'), 'UTF8') WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "a kept answer that is none",
        "UPDATE idempotency_key SET status = 409 WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "a kept answer that is none",
        "UPDATE idempotency_key SET body = '{{}}' WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "a line's number that is not one payment",
        "DELETE FROM payment_out_biz_no WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "a line's number that is not one payment",
        "UPDATE payment_out_biz_no SET biz_line = 'tickets'"
        " WHERE pay_order_no = '{no}'",
        "paid",
        ("a line's number of no payment",),
    ),
    Plant(
        "a line's number of no payment",
        "INSERT INTO payment_out_biz_no (biz_line, out_biz_no, pay_order_no, content)"
        " SELECT biz_line, 'other', pay_order_no, content FROM payment_out_biz_no"
        " WHERE pay_order_no = '{no}'",
        "paid",
    ),
)

CALLS = (
    Plant(
        "a call that is not on record",
        "DELETE FROM gateway_message WHERE pay_order_no = '{no}'"
        " AND direction = 'OUT' AND operation = 'confirm'",
        "paid",
        ("an answer without or before its call",),
    ),
    Plant(
        "a call of no attempt, or money asked for twice",
        f"{AGAIN} AND direction = 'OUT' AND operation = 'confirm'",
        "paid",
    ),
    Plant(
        "a call of no attempt, or money asked for twice",
        f"{AGAIN} AND direction = 'OUT' AND operation = 'deduct'".replace(
            "attempt_seq, account FROM", "attempt_seq + 1, account FROM"
        ),
        "converted",
    ),
    Plant(
        "a call of no attempt, or money asked for twice",
        f"{AGAIN} AND direction = 'OUT' AND operation = 'confirm'".replace(
            "account FROM", "'other' FROM"
        ),
        "paid",
    ),
    Plant(
        "an answer without or before its call",
        "UPDATE gateway_message SET at = at + interval '1 hour'"
        " WHERE pay_order_no = '{no}' AND direction = 'OUT'",
        "paid",
    ),
    Plant(
        "a charge without a yes",
        "DELETE FROM gateway_message WHERE pay_order_no = '{no}'"
        " AND direction = 'IN' AND operation = 'confirm'",
        "paid",
    ),
    Plant(
        "a charge without a yes",
        "UPDATE gateway_message SET attempt_seq = 1 WHERE pay_order_no = '{no}'"
        " AND direction = 'IN' AND operation = 'confirm'",
        "paid",
        ("an answer without or before its call",),
    ),
    Plant(
        "a refused callback had an effect",
        "UPDATE gateway_message SET verdict = 'REFUSED' WHERE pay_order_no = '{no}'"
        " AND direction = 'CALLBACK'",
        "called_back",
    ),
)

ROUTES = (
    Plant(
        "chosen though it was not allowed",
        "UPDATE router_decision SET question = question || '{{\"amount\": 1}}'"
        " WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "chosen though it was not allowed",
        "UPDATE router_decision SET question = question || jsonb_build_object('broken',"
        " (SELECT jsonb_agg(jsonb_build_array(one -> 'channel', one -> 'account'))"
        " FROM jsonb_array_elements(candidates) AS one)) WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "chosen in a window of its account",
        "INSERT INTO router_window SELECT 'mw_' || decision_id, 1, one ->> 'channel',"
        " one ->> 'account', at - interval '2 seconds',"
        " at + interval '2.000001 seconds', 'so', 'ann', at - interval '1 hour'"
        " FROM router_decision, jsonb_array_elements(candidates) AS one"
        " WHERE pay_order_no = '{no}' AND one ->> 'inst_trans_id' = chosen",
        "paid",
    ),
    Plant(
        "sent where no decision led",
        "DELETE FROM router_decision WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "a choice that cannot be made again",
        "UPDATE router_decision SET candidates = (SELECT jsonb_agg(CASE"
        " WHEN one ->> 'inst_trans_id' = chosen THEN one || '{{\"priority\": 200}}'"
        ' ELSE one || \'{{"kept": true, "priority": 1}}\' END)'
        " FROM jsonb_array_elements(candidates) AS one)"
        " WHERE pay_order_no = '{no}' AND trans_type = 'DEDUCT'",
        "converted",
    ),
)

LINES = (
    Plant(
        "another line's card",
        "UPDATE cards_card SET biz_line = 'tickets' WHERE card_id IN"
        " (SELECT card_id FROM payment WHERE pay_order_no = '{no}')",
        "declined",
    ),
    Plant(
        "another line's coupon",
        "UPDATE coupon SET biz_line = 'tickets' WHERE holder = '{no}'",
        "discounted",
        ("a coupon out of step with its order", "a success without its coupon"),
    ),
    Plant(
        "another line was told",
        "UPDATE notify_notice SET biz_line = 'tickets' WHERE pay_order_no = '{no}'",
        "paid",
    ),
)

SECRETS = (
    Plant(
        "a secret in a message",
        f"UPDATE gateway_message SET body = 'card {CARD}'"
        " WHERE pay_order_no = '{no}' AND direction = 'IN'",
        "paid",
    ),
    Plant(
        "a secret in a message",
        f'UPDATE gateway_message SET body = \'{{{{"msg":"\\u5361\\u53f7{CARD}"}}}}\''
        " WHERE pay_order_no = '{no}' AND direction = 'IN'",
        "paid",
    ),
    Plant(
        "a secret in a channel's answer",
        "UPDATE attempt SET resp_msg = '证件号110101199003074178有误'"
        " WHERE pay_order_no = '{no}'",
        "declined",
    ),
    Plant(
        "a secret in a channel's answer",
        f"UPDATE attempt SET channel_ref = '{CARD}' WHERE pay_order_no = '{{no}}'"
        " AND trans_type = 'QUICK_PAY_CONFIRM'",
        "paid",
    ),
    Plant(
        "a secret in a channel's answer",
        f"UPDATE attempt SET channel_token = '{CARD}' WHERE pay_order_no = '{{no}}'"
        " AND trans_type = 'QUICK_PAY_SEND_MSG'",
        "open",
    ),
    Plant(
        "a secret in an order",
        f"UPDATE payment SET subject = '退款到{CARD}' WHERE pay_order_no = '{{no}}'",
        "paid",
    ),
    Plant(
        "a secret in an order",
        f"UPDATE payment SET out_biz_no = '{CARD}', biz_order_no = 'o-1'"
        " WHERE pay_order_no = '{no}';"
        f"UPDATE payment_out_biz_no SET out_biz_no = '{CARD}'"
        " WHERE pay_order_no = '{no}'",
        "open",
    ),
    Plant(
        "a secret in an order's history",
        f"UPDATE transition SET cause = 'card{CARD}' WHERE pay_order_no = '{{no}}'"
        " AND event = 'PAID'",
        "paid",
    ),
    Plant(
        "a secret in a timeline's steps",
        f'UPDATE trail SET steps = \'[{{{{"note": "{CARD}"}}}}]\''
        " WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "a secret in a notice",
        "UPDATE notify_notice SET body = convert_to((convert_from(body, 'UTF8')::jsonb"
        " || '{{\"x\": \"6222 0202 0011 2233 446\"}}')::text, 'UTF8')"
        " WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "a secret in a notice",
        "UPDATE notify_notice SET body = convert_to((convert_from(body, 'UTF8')::jsonb"
        f" || '{{{{\"x\": \"卡{CARD}\"}}}}')::text, 'UTF8')"
        " WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "a secret in a kept answer",
        "INSERT INTO idempotency_key (scope, version, fingerprint, status, body,"
        " created_at, expires_at) SELECT decode('00', 'hex'), 1, fingerprint, 201,"
        f' \'{{{{"number":"{CARD}"}}}}\', created_at, expires_at'
        " FROM idempotency_key LIMIT 1",
        None,
    ),
    Plant(
        "a secret in a kept answer",
        f"UPDATE idempotency_key SET body = body || ' {CARD}'"
        " WHERE pay_order_no = '{no}'",
        "paid",
    ),
    Plant(
        "a secret in a case",
        f'UPDATE desk_case SET evidence = \'{{{{"said": "{CARD}"}}}}\''
        " WHERE pay_order_no = '{no}'",
        "alarmed",
    ),
)

LIMITS = (
    Plant(
        "a limit that is not what is held of it",
        "UPDATE limit_counter SET used = used + 1 WHERE counter LIKE 'agreement:%'"
        " AND counter LIKE '%:DEDUCT:%'",
        None,
    ),
)


PARKED = (
    "UPDATE notify_notice SET status = 'PARKED', next_check_at = NULL,"
    " last_result = '{result}' WHERE pay_order_no = '{{no}}'"
)

LEAPT = (
    "UPDATE notify_notice SET next_check_at = next_check_at + interval '1 year',"
    " created_at = created_at + interval '1 year' WHERE pay_order_no = '{no}'"
)

HARMLESS = (
    ("nobody to be told", PARKED.format(result="NO_ENDPOINT"), "untold"),
    ("told nobody any more", PARKED.format(result="ENDPOINT_DISABLED"), "untold"),
    (
        "waiting by a clock that had leapt ahead",
        LEAPT,
        "untold",
    ),
    (
        "parked in sight",
        PARKED.format(result="HTTP 500")
        + "; INSERT INTO desk_case (case_id, version, kind, pay_order_no, evidence,"
        " opened_at, owner, status) SELECT 'NOTICE_PARKED:{no}::' || notice_id, 1,"
        " 'NOTICE_PARKED', '{no}', '{{}}', created_at, 'operations', 'CLOSED'"
        " FROM notify_notice WHERE pay_order_no = '{no}'",
        "untold",
    ),
    (
        "posted by who knew of no ledger, and no cut-off since",
        "DELETE FROM accounting_feed WHERE pay_order_no = '{no}'",
        "paid",
    ),
    (
        "a channel's number that looks like a card",
        "UPDATE attempt SET channel_ref = '6222020200112233412'",
        "paid",
    ),
)
"""What looks like a violation, and is none."""

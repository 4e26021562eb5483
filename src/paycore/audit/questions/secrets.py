"""I25: texts that were kept, and those among them that may hold a card or an ID number.

These give texts, not verdicts: the pattern lets too much through, and what it lets
through is judged by its check digit in `paycore.audit.suspects`. `known` are numbers
that others chose for the payment and that may look like anything, `card` is what may be
shown of the payer's own; `made` is when a text was written, for it is written once.
Octets are given as `encode(…, 'escape')` has it: it takes whatever they are.
"""

LOOKS_LIKE_A_NUMBER = (
    r"(^|[^0-9]|\\[0-3][0-7]{2}|\\u[0-9a-fA-F]{4})("
    "(2[2-7]|[34569][0-9])([0-9]{11,17}|[0-9]{2}([ -][0-9]{4}){2}[ -][0-9]{1,4})"
    "|[1-9][0-9]{5}(18|19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"
    "[0-9]{3}[0-9Xx])([^0-9]|$)"
)
"""Numbers of issuers, plain and in groups of four, and ID numbers with a birthday; no
digit beside them but that of an escaped letter."""

WHAT_TEXTS_WERE_KEPT_OF_CALLS = """
SELECT pay_order_no, message_id::text AS about, body || ' ' || verdict AS text,
       at AS made
FROM gateway_message
"""

WHAT_TEXTS_WERE_KEPT_OF_ANSWERS = """
SELECT pay_order_no, seq::text AS about,
       concat_ws(' ', resp_code, resp_msg, channel_ref, channel_token) AS text,
       coalesce(finished_at, $3) AS made
FROM attempt
"""

WHAT_TEXTS_ARE_IN_ORDERS = """
SELECT pay_order_no, NULL::text AS about,
       concat_ws(' ', subject, out_biz_no, biz_order_no, coupon_no) AS text,
       created_at AS made
FROM payment
"""

# Written with the refund, and with what the channel last said of it.
WHAT_TEXTS_ARE_IN_REFUNDS = """
SELECT pay_order_no, refund_no AS about,
       concat_ws(' ', reason, out_refund_no, resp_code, resp_msg, channel_ref) AS text,
       coalesce(finished_at, $3) AS made
FROM refund
"""

WHAT_TEXTS_ARE_IN_HISTORIES = """
SELECT pay_order_no, seq::text AS about, cause AS text, at AS made
FROM transition
"""

WHAT_TEXTS_WERE_KEPT_OF_STEPS = """
SELECT pay_order_no, change_id::text AS about, steps::text AS text, at AS made
FROM trail
"""

WHAT_TEXTS_ARE_IN_NOTICES = """
SELECT pay_order_no, notice_id AS about, encode(body, 'escape') AS text,
       created_at AS made
FROM notify_notice
"""

# An answer about no payment is one about a card: those of all times are audited.
WHAT_TEXTS_ARE_IN_KEPT_ANSWERS = """
SELECT pay_order_no, left(encode(scope, 'hex'), 16) AS about,
       encode(body, 'escape') AS text, expires_at - interval '24 hours' AS made
FROM (
    SELECT * FROM idempotency_key
    UNION ALL
    SELECT * FROM every_idempotency_key WHERE pay_order_no IS NULL
) AS k
WHERE body IS NOT NULL
"""

WHAT_TEXTS_ARE_IN_CASES = """
SELECT pay_order_no, case_id AS about, evidence::text AS text, opened_at AS made
FROM desk_case
"""

# `{texts}` is one of the above. A payment's own number is in most of them.
WHICH_TEXTS_MAY_HOLD_A_NUMBER = """
SELECT t.pay_order_no AS payment, t.about, t.text,
       array_remove(ARRAY[p.out_biz_no, p.biz_order_no] || ARRAY(
           SELECT unnest(ARRAY[channel_ref, channel_token])
           FROM every_attempt a WHERE a.pay_order_no = t.pay_order_no
           UNION ALL
           SELECT unnest(ARRAY[channel_ref, out_refund_no])
           FROM every_refund r WHERE r.pay_order_no = t.pay_order_no
       ), NULL) AS known,
       c.bin || c.tail AS card
FROM ({texts}) AS t
LEFT JOIN every_payment p ON p.pay_order_no = t.pay_order_no
LEFT JOIN cards_card c ON c.card_id = p.card_id COLLATE "C"
WHERE t.made >= $5 AND replace(t.text, coalesce(t.pay_order_no, ''), ' ') ~ $4
"""

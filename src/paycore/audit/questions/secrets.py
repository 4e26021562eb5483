"""I25: texts that were kept, and those among them that may hold a card or an ID number.

These give texts, not verdicts: the pattern lets too much through, and what it lets
through is judged by its check digit in `paycore.audit.suspects`. `known` are numbers
that others chose for the payment and that may look like anything; `made` is when a text
was written, for it is written once.
"""

LOOKS_LIKE_A_NUMBER = (
    "(^|[^0-9A-Za-z])("
    "(2[2-7]|[34569][0-9])([0-9]{11,17}|[0-9]{2}([ -][0-9]{4}){2}[ -][0-9]{1,4})"
    "|[1-9][0-9]{5}(18|19|20)[0-9]{9}[0-9Xx])([^0-9A-Za-z]|$)"
)
"""Numbers of issuers, plain and in groups of four, and ID numbers with a birthday."""

WHAT_TEXTS_WERE_KEPT_OF_CALLS = """
SELECT pay_order_no, message_id::text AS about, body || ' ' || verdict AS text,
       at AS made
FROM gateway_message
"""

WHAT_TEXTS_WERE_KEPT_OF_ANSWERS = """
SELECT pay_order_no, seq::text AS about, resp_code || ' ' || resp_msg AS text,
       coalesce(finished_at, $3) AS made
FROM attempt
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

WHAT_TEXTS_ARE_IN_KEPT_ANSWERS = """
SELECT pay_order_no, left(encode(scope, 'hex'), 16) AS about,
       encode(body, 'escape') AS text, expires_at - interval '24 hours' AS made
FROM idempotency_key
WHERE body IS NOT NULL
"""

WHAT_TEXTS_ARE_IN_CASES = """
SELECT pay_order_no, case_id AS about, evidence::text AS text, opened_at AS made
FROM desk_case
"""

# `{texts}` is one of the above.
WHICH_TEXTS_MAY_HOLD_A_NUMBER = """
SELECT t.pay_order_no AS payment, t.about, t.text,
       array_remove(ARRAY[p.out_biz_no, p.biz_order_no] || ARRAY(
           SELECT channel_ref FROM every_attempt a WHERE a.pay_order_no = t.pay_order_no
       ), NULL) AS known
FROM ({texts}) AS t
LEFT JOIN every_payment p ON p.pay_order_no = t.pay_order_no
WHERE t.made >= $5 AND t.text ~ $4
"""

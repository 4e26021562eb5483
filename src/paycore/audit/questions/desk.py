"""I26, and what I15 asks of suspense: what people did, and what is parked till then."""

from paycore.audit.invariant import Check

# A step has the version of its case that it was done to, so that none can be missing.
IS_THE_CHAIN_OF_STEPS_BROKEN = """
SELECT c.pay_order_no, c.case_id AS about,
       (s.steps, s.last) IS DISTINCT FROM (c.version - 1, c.version - 1)
       OR s.nameless > 0 AS wrong,
       jsonb_build_object('version', c.version, 'status', c.status,
           'steps', s.steps, 'last', s.last, 'nameless', s.nameless) AS said
FROM desk_case c
CROSS JOIN LATERAL (
    SELECT count(*) AS steps, coalesce(max(seq), 0) AS last,
           count(*) FILTER (WHERE who = '' OR btrim(why) = '') AS nameless
    FROM desk_step s WHERE s.case_id = c.case_id
) AS s
WHERE c.version > 1 OR s.steps > 0
"""

WAS_A_CURE_EXECUTED_BY_ONE_ALONE = """
SELECT c.pay_order_no, u.case_id || ' ' || u.number AS about,
       u.approved_by IS NULL OR u.approved_by IN ('', u.proposed_by) AS wrong,
       jsonb_build_object('cure', u.cure, 'amount', u.amount, 'currency', u.currency,
           'status', u.status) AS said
FROM desk_cure u LEFT JOIN desk_case c USING (case_id)
WHERE u.status <> 'PREVIEWED' AND (u.needs_second
    OR u.cure IN ('FORCE_NOT_TAKEN', 'FORCE_NOT_REFUNDED'))
"""

IS_A_FORCED_STATE_OF_NO_CURE = """
SELECT t.pay_order_no, t.attempt_seq::text AS about,
       c.case_id IS NULL AS wrong,
       jsonb_build_object('event', t.event, 'cause', t.cause) AS said
FROM transition t
LEFT JOIN LATERAL (
    SELECT u.case_id FROM desk_cure u JOIN desk_case d USING (case_id)
    WHERE d.pay_order_no = t.pay_order_no AND u.cure = 'FORCE_NOT_TAKEN'
      AND u.status = 'DONE'
    LIMIT 1
) AS c ON true
WHERE t.cause = 'BY_HAND'
UNION ALL
SELECT t.pay_order_no, t.refund_no AS about,
       c.case_id IS NULL AS wrong,
       jsonb_build_object('event', t.event, 'cause', t.cause) AS said
FROM refund_transition t
LEFT JOIN LATERAL (
    SELECT u.case_id FROM desk_cure u JOIN desk_case d USING (case_id)
    WHERE d.pay_order_no = t.pay_order_no AND u.cure = 'FORCE_NOT_REFUNDED'
      AND u.status = 'DONE' AND u.does LIKE t.refund_no || ' %'
    LIMIT 1
) AS c ON true
WHERE t.cause = 'BY_HAND'
"""

IS_A_RETURN_OF_NO_CURE = """
SELECT r.pay_order_no, r.refund_no AS about,
       (c.amount, c.currency) IS DISTINCT FROM (r.amount, r.currency)
       OR (r.status = 'DOING') <> (c.status IS NOT DISTINCT FROM 'EXECUTED') AS wrong,
       jsonb_build_object('case', r.case_id, 'amount', r.amount,
           'agreed_on', c.amount, 'cure', c.status) AS said
FROM refund r
LEFT JOIN LATERAL (
    SELECT u.amount, u.currency, u.status FROM desk_cure u
    WHERE u.case_id = r.case_id AND u.cure = 'REFUND' AND u.result LIKE
          '%' || r.refund_no || '%'
    LIMIT 1
) AS c ON true
WHERE r.kind = 'RETURN'
"""

IS_SUSPENSE_NOT_WHAT_IS_OPEN = """
SELECT NULL::text AS pay_order_no, account || ' ' || currency AS about,
       coalesce(b.amount, 0) <> coalesce(o.amount, 0) AS wrong,
       jsonb_build_object('balance', coalesce(b.amount, 0),
           'of_open_cases', coalesce(o.amount, 0)) AS said
FROM (
    SELECT account, currency, sum(amount) AS amount FROM accounting_balance
    WHERE account LIKE 'suspense\\_%' GROUP BY account, currency
) b
FULL JOIN (
    SELECT e.account, p.currency,
           sum(CASE e.side WHEN 'DEBIT' THEN e.amount ELSE -e.amount END) AS amount
    FROM accounting_posting p
    JOIN accounting_entry e USING (pay_order_no, kind, fact)
    JOIN desk_case c ON c.case_id = p.fact AND c.status = 'OPEN'
    WHERE p.kind IN ('LONG', 'SHORT') AND e.account LIKE 'suspense\\_%'
    GROUP BY e.account, p.currency
) o USING (account, currency)
"""

# Parked once under its case; settled once, for as much, if and only if that is closed.
DOES_A_SETTLED_DIFFERENCE_NOT_ADD_UP = """
SELECT p.pay_order_no, p.fact AS about,
       c.case_id IS NULL OR p.parked <> 1
       OR p.settled <> (c.status = 'CLOSED')::integer
       OR (p.settled > 0 AND p.left_over <> 0) AS wrong,
       jsonb_build_object('case', c.status, 'parked', p.parked,
           'settled', p.settled, 'left', p.left_over) AS said
FROM (
    SELECT pay_order_no, fact, count(DISTINCT kind) FILTER (
               WHERE kind IN ('LONG', 'SHORT')) AS parked,
           count(DISTINCT kind) FILTER (WHERE kind = 'ADJUSTMENT') AS settled,
           sum(CASE side WHEN 'DEBIT' THEN amount ELSE -amount END) FILTER (
               WHERE account LIKE 'suspense\\_%') AS left_over
    FROM accounting_entry e
    WHERE kind IN ('LONG', 'SHORT')
       OR (kind = 'ADJUSTMENT' AND NOT EXISTS (
           SELECT FROM accounting_adjustment a WHERE a.adjustment_no = e.fact))
    GROUP BY pay_order_no, fact
) p
LEFT JOIN desk_case c ON c.case_id = p.fact
"""

STEPS = (
    Check(name="a chain of steps that is broken", sql=IS_THE_CHAIN_OF_STEPS_BROKEN),
    Check(name="a cure executed by one alone", sql=WAS_A_CURE_EXECUTED_BY_ONE_ALONE),
    Check(name="a forced state of no cure", sql=IS_A_FORCED_STATE_OF_NO_CURE),
    Check(name="a return of no cure", sql=IS_A_RETURN_OF_NO_CURE),
)

BOOKS = (
    Check(
        name="suspense that is not what is open",
        sql=IS_SUSPENSE_NOT_WHAT_IS_OPEN,
        whole=True,
    ),
    Check(
        name="a settled difference that does not add up",
        sql=DOES_A_SETTLED_DIFFERENCE_NOT_ADD_UP,
    ),
)

"""I16 to I18: what a business line was told, and the answers kept for its keys."""

# One event; every end point of the line gets it under an id of its own.
IS_AN_END_NOT_TOLD_ONCE = """
SELECT pay_order_no, NULL::text AS about,
       coalesce(n.notices, 0) < 1 OR n.notices <> n.places
       OR n.types IS DISTINCT FROM ARRAY[CASE p.biz_status
              WHEN 'SUCCESS' THEN 'payment.succeeded'
              WHEN 'FAIL' THEN 'payment.failed'
              WHEN 'CLOSED' THEN 'payment.closed' END] AS wrong,
       jsonb_build_object('biz_status', p.biz_status, 'notices', coalesce(n.notices, 0),
           'end_points', n.places, 'types', n.types) AS said
FROM (SELECT * FROM payment WHERE biz_status <> 'DOING') p
FULL JOIN (
    SELECT pay_order_no, count(*) AS notices,
           count(DISTINCT coalesce(endpoint_id, '')) AS places,
           array_agg(DISTINCT type) AS types
    FROM notify_notice
    WHERE type NOT LIKE 'refund.%'
    GROUP BY pay_order_no
) n USING (pay_order_no)
"""

# A parked one has its case, but where there was nowhere to send it: its line knows.
IS_A_NOTICE_NEITHER_DELIVERED_NOR_IN_SIGHT = """
SELECT n.pay_order_no, n.notice_id AS about,
       CASE n.status
           WHEN 'PENDING' THEN n.next_check_at IS NULL
           WHEN 'DELIVERED' THEN n.delivered_at IS NULL
           ELSE n.last_result = '' OR (d.case_id IS NULL AND NOT (
               n.last_result = 'NO_ENDPOINT'
               OR n.last_result LIKE 'ENDPOINT\\_%' AND n.last_result <> 'ENDPOINT_DOWN'
           )) END AS wrong,
       jsonb_build_object('status', n.status, 'delivered_at', n.delivered_at,
           'last_result', n.last_result, 'has_a_case', d.case_id IS NOT NULL) AS said
FROM notify_notice n
LEFT JOIN desk_case d ON n.status = 'PARKED'
     AND d.case_id = 'NOTICE_PARKED:' || n.pay_order_no || '::' || n.notice_id
"""

DOES_A_NOTICE_SAY_WHAT_A_READ_WOULD_DENY = """
SELECT n.pay_order_no, n.notice_id AS about,
       p.pay_order_no IS NULL
       OR n.body ->> 'type' IS DISTINCT FROM n.type
       OR NOT coalesce(n.body -> 'data' @> jsonb_build_object(
              'pay_order_no', p.pay_order_no, 'out_biz_no', p.out_biz_no,
              'biz_order_no', coalesce(p.biz_order_no, p.out_biz_no),
              'amount', p.amount, 'payable_amount', p.payable_amount,
              'currency', p.currency, 'pay_type', p.pay_type,
              'biz_status', p.biz_status, 'verify_status', p.verify_status,
              'resp_code', p.resp_code, 'resp_msg', p.resp_msg), false)
       OR (n.body -> 'data' ->> 'finished_at')::timestamptz
          IS DISTINCT FROM p.finished_at AS wrong,
       jsonb_build_object('type', n.type, 'said', n.body -> 'data' -> 'biz_status',
           'biz_status', p.biz_status, 'said_finished_at',
           n.body -> 'data' -> 'finished_at', 'finished_at', p.finished_at) AS said
FROM (
    SELECT pay_order_no, notice_id, type, convert_from(body, 'UTF8')::jsonb AS body
    FROM notify_notice
    WHERE type NOT LIKE 'refund.%'
) AS n
LEFT JOIN payment p USING (pay_order_no)
"""

# Kept are answers that did what was asked; refusals and 5xx never are.
IS_A_KEPT_ANSWER_NO_ANSWER = """
SELECT k.pay_order_no, left(encode(k.scope, 'hex'), 16) AS about,
       p.pay_order_no IS NULL
       OR (k.status IS NULL) <> (k.body IS NULL)
       OR coalesce(k.status NOT BETWEEN 200 AND 299
           OR position(convert_to('"pay_order_no":"' || k.pay_order_no || '"', 'UTF8')
                       IN k.body) = 0, false) AS wrong,
       jsonb_build_object('status', k.status, 'kept', k.body IS NOT NULL,
           'payment_exists', p.pay_order_no IS NOT NULL) AS said
FROM idempotency_key k LEFT JOIN payment p USING (pay_order_no)
"""

# By the number's own key: who asks of a few payments need not read all numbers.
IS_AN_OUT_BIZ_NO_NOT_ONE_PAYMENT = """
SELECT p.pay_order_no, p.out_biz_no AS about,
       o.pay_order_no IS DISTINCT FROM p.pay_order_no AS wrong,
       jsonb_build_object('biz_line', p.biz_line,
           'numbered_for', o.pay_order_no) AS said
FROM payment p
LEFT JOIN payment_out_biz_no o ON o.biz_line = p.biz_line COLLATE "C"
                              AND o.out_biz_no = p.out_biz_no COLLATE "C"
"""

IS_A_NUMBER_OF_NO_PAYMENT = """
SELECT o.pay_order_no, o.out_biz_no AS about,
       (o.biz_line, o.out_biz_no) IS DISTINCT FROM (p.biz_line, p.out_biz_no) AS wrong,
       jsonb_build_object('numbered_for', o.biz_line, 'biz_line', p.biz_line,
           'out_biz_no', p.out_biz_no) AS said
FROM payment_out_biz_no o LEFT JOIN payment p USING (pay_order_no)
"""

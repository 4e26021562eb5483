"""I12, and what the other invariants ask of refunds: their totals, ends, postings,
notices and calls. What holds of late money alone is asked in `late.py`.

`order_refund` is what the line asked for: late money and the desk's returns are no part
of what was paid. A message about a refund has its number behind the payment's attempts:
101 and on, of late money 201 and on.
"""

# In flight and done, of the order, of the money and of the coupon.
IS_MORE_REFUNDED_THAN_WAS_TAKEN = """
SELECT r.pay_order_no, NULL::text AS about,
       (r.amount <= p.amount AND r.money <= l.taken
        AND r.amount - r.money <= p.amount - p.payable_amount
        AND p.biz_status = 'SUCCESS') IS NOT TRUE AS wrong,
       jsonb_build_object('refunded', r.amount, 'of', p.amount,
           'money', r.money, 'taken', l.taken, 'biz_status', p.biz_status) AS said
FROM (
    SELECT pay_order_no, sum(amount) AS amount, sum(money_amount) AS money
    FROM order_refund WHERE status <> 'FAIL' GROUP BY pay_order_no
) r
LEFT JOIN payment p USING (pay_order_no)
LEFT JOIN (
    SELECT pay_order_no, sum(amount) AS taken
    FROM attempt
    WHERE trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
      AND process_status = 'GW_SUCCESS'
    GROUP BY pay_order_no
) l USING (pay_order_no)
"""

IS_A_TOTAL_NOT_THE_SUM_OF_ITS_REFUNDS = """
SELECT pay_order_no, NULL::text AS about,
       (t.taken_amount, t.taken_money, t.done_amount, t.done_money, t.refunds)
       IS DISTINCT FROM
       (r.taken_amount, r.taken_money, r.done_amount, r.done_money, r.refunds)
       AS wrong,
       jsonb_build_object('taken', t.taken_amount, 'of_refunds', r.taken_amount,
           'done', t.done_amount, 'done_of_refunds', r.done_amount,
           'refunds', t.refunds, 'kept', r.refunds) AS said
FROM refund_total t
FULL JOIN (
    SELECT pay_order_no, count(*) AS refunds,
           coalesce(sum(amount) FILTER (WHERE status <> 'FAIL'), 0) AS taken_amount,
           coalesce(sum(money_amount) FILTER (WHERE status <> 'FAIL'), 0)
               AS taken_money,
           coalesce(sum(amount) FILTER (WHERE status = 'SUCCESS'), 0) AS done_amount,
           coalesce(sum(money_amount) FILTER (WHERE status = 'SUCCESS'), 0)
               AS done_money
    FROM order_refund GROUP BY pay_order_no
) r USING (pay_order_no)
"""

DID_A_REFUND_FAIL_AFTER_A_YES = """
SELECT pay_order_no, refund_no AS about,
       resp_code <> 'BY_HAND' AND (other_money OR EXISTS (
           SELECT FROM desk_case c
           WHERE c.pay_order_no = r.pay_order_no AND c.kind = 'CHANNEL_ALARM'
             AND c.evidence ->> 'refund_no' = r.refund_no
             AND c.evidence ->> 'alarm' = 'amount differs')) AS wrong,
       jsonb_build_object('resp_code', resp_code, 'other_money', other_money) AS said
FROM refund r WHERE status = 'FAIL'
"""

IS_A_REFUND_NOT_BY_THE_LEG_THAT_WAS_CHARGED = """
SELECT r.pay_order_no, r.refund_no AS about,
       a.seq IS NULL AS wrong,
       jsonb_build_object('channel', r.channel, 'account', r.account,
           'of', r.original_request_no) AS said
FROM order_refund r
LEFT JOIN attempt a ON a.pay_order_no = r.pay_order_no
     AND a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
     AND a.process_status = 'GW_SUCCESS'
     AND (a.channel, a.account, a.request_no, a.currency)
         = (r.channel, r.account, r.original_request_no, r.currency)
WHERE r.kind = 'ASKED'
"""

IS_A_REFUND_ANOTHER_THAN_ITS_HISTORY = """
SELECT r.pay_order_no, r.refund_no AS about,
       (r.status, r.last_event, r.events) IS DISTINCT FROM
       (t.to_status, t.event, h.events)
       OR h.last_seq <> r.events
       OR h.begun <> (r.kind = 'ASKED' OR r.events > 1)::integer
       OR h.late <> (r.kind = 'LATE_MONEY')::integer
       OR h.agreed <> (r.kind = 'RETURN')::integer
       OR h.ends <> (r.status <> 'DOING')::integer
       OR (r.status <> 'DOING' AND t.at IS DISTINCT FROM r.finished_at)
       OR h.unruly > 0 AS wrong,
       jsonb_build_object('status', r.status, 'last_event', r.last_event,
           'events', r.events, 'events_kept', h.events, 'last_kept', t.event,
           'not_in_the_table', h.unruly) AS said
FROM refund r
LEFT JOIN (
    SELECT t.pay_order_no, t.refund_no, count(*) AS events, max(t.seq) AS last_seq,
           count(*) FILTER (WHERE t.event = 'REFUND_BEGUN') AS begun,
           count(*) FILTER (WHERE t.event = 'LATE_MONEY_CAME') AS late,
           count(*) FILTER (WHERE t.event = 'RETURN_AGREED') AS agreed,
           count(*) FILTER (WHERE t.to_status <> 'DOING') AS ends,
           count(*) FILTER (WHERE u.to_status IS DISTINCT FROM t.to_status) AS unruly
    FROM refund_transition t
    LEFT JOIN refund_transition_rule u USING (from_status, event)
    GROUP BY t.pay_order_no, t.refund_no
) h USING (pay_order_no, refund_no)
LEFT JOIN refund_transition t
     ON t.pay_order_no = r.pay_order_no AND t.refund_no = r.refund_no
    AND t.seq = h.last_seq
"""

IS_A_REFUND_UNSEEN = """
SELECT pay_order_no, refund_no AS about,
       greatest(next_check_at, lease_until)
       < $3 - interval '60 seconds' IS NOT FALSE AS wrong,
       jsonb_build_object('next_check_at', next_check_at, 'lease_until', lease_until,
           'checks', checks) AS said
FROM refund
WHERE status = 'DOING'
"""

IS_A_REFUND_OR_ITS_POSTING_ALONE = """
SELECT pay_order_no, fact AS about,
       (r.amount, r.currency) IS DISTINCT FROM (b.amount, b.currency) AS wrong,
       jsonb_build_object('amount', r.amount, 'currency', r.currency,
           'posted', b.amount, 'posted_in', b.currency) AS said
FROM (
    SELECT pay_order_no, refund_no AS fact, amount, currency
    FROM order_refund WHERE status = 'SUCCESS'
) r
FULL JOIN (SELECT * FROM accounting_posting WHERE kind = 'REFUND') b
     USING (pay_order_no, fact)
"""

# As with the payment itself: the line pays the whole, the channel owes the money less,
# and the coupon cost us its share less.
WAS_IT_POSTED_ELSEWHERE = """
SELECT pay_order_no, fact || ' ' || account AS about,
       o.amount IS DISTINCT FROM e.amount AS wrong,
       jsonb_build_object('by_the_refund', o.amount, 'posted', e.amount) AS said
FROM (
    SELECT pay_order_no, refund_no AS fact, 'merchant_pending:' || biz_line AS account,
           amount
    FROM order_refund WHERE status = 'SUCCESS'
    UNION ALL
    SELECT pay_order_no, refund_no,
           'channel_receivable:' || channel || ':' || account, -money_amount
    FROM order_refund WHERE status = 'SUCCESS'
    UNION ALL
    SELECT pay_order_no, refund_no, 'marketing_cost', -coupon_amount
    FROM order_refund WHERE status = 'SUCCESS' AND coupon_amount > 0
) o
FULL JOIN (
    SELECT pay_order_no, fact, account,
           sum(CASE side WHEN 'DEBIT' THEN amount ELSE -amount END) AS amount
    FROM accounting_entry
    WHERE kind = 'REFUND'
    GROUP BY 1, 2, 3
) e USING (pay_order_no, fact, account)
"""

IS_A_REFUNDS_END_NOT_TOLD_ONCE = """
SELECT pay_order_no, refund_no AS about,
       coalesce(n.notices, 0) < 1 OR n.notices <> n.places
       OR n.types IS DISTINCT FROM ARRAY[CASE
              WHEN r.kind = 'LATE_MONEY' THEN 'refund.late_payment'
              WHEN r.status = 'SUCCESS' THEN 'refund.succeeded'
              WHEN r.status = 'FAIL' THEN 'refund.failed' END] AS wrong,
       jsonb_build_object('status', r.status, 'notices', coalesce(n.notices, 0),
           'end_points', n.places, 'types', n.types) AS said
FROM (
    SELECT * FROM refund
    WHERE status = 'SUCCESS' AND kind <> 'RETURN' OR status = 'FAIL' AND kind = 'ASKED'
) r
FULL JOIN (
    SELECT pay_order_no,
           convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'refund_no' AS refund_no,
           count(*) AS notices,
           count(DISTINCT coalesce(endpoint_id, '')) AS places,
           array_agg(DISTINCT type) AS types
    FROM notify_notice
    WHERE type LIKE 'refund.%'
    GROUP BY 1, 2
) n USING (pay_order_no, refund_no)
"""

DOES_A_NOTICE_SAY_WHAT_A_READ_OF_THE_REFUND_WOULD_DENY = """
SELECT n.pay_order_no, n.notice_id AS about,
       r.refund_no IS NULL
       OR n.body ->> 'type' IS DISTINCT FROM n.type
       OR NOT coalesce(n.body -> 'data' @> jsonb_build_object(
              'refund_no', r.refund_no, 'pay_order_no', r.pay_order_no,
              'out_refund_no', r.out_refund_no, 'amount', r.amount,
              'money_amount', r.money_amount, 'coupon_amount', r.coupon_amount,
              'currency', r.currency, 'biz_status', r.status,
              'resp_code', r.resp_code, 'resp_msg', r.resp_msg), false)
       OR (n.body -> 'data' ->> 'finished_at')::timestamptz
          IS DISTINCT FROM r.finished_at AS wrong,
       jsonb_build_object('type', n.type, 'said', n.body -> 'data' -> 'biz_status',
           'status', r.status) AS said
FROM (
    SELECT pay_order_no, notice_id, type, convert_from(body, 'UTF8')::jsonb AS body
    FROM notify_notice
    WHERE type LIKE 'refund.%'
) AS n
LEFT JOIN refund r ON r.pay_order_no = n.pay_order_no AND r.kind <> 'RETURN'
                  AND r.refund_no = n.body -> 'data' ->> 'refund_no'
"""

IS_AN_OUT_REFUND_NO_NOT_ONE_REFUND = """
SELECT r.pay_order_no, r.out_refund_no AS about,
       (o.pay_order_no, o.refund_no) IS DISTINCT FROM (r.pay_order_no, r.refund_no)
       AS wrong,
       jsonb_build_object('biz_line', r.biz_line, 'refund_no', r.refund_no,
           'numbered_for', o.refund_no) AS said
FROM order_refund r
LEFT JOIN refund_out_refund_no o ON o.biz_line = r.biz_line COLLATE "C"
                                AND o.out_refund_no = r.out_refund_no COLLATE "C"
"""

# The record is in the commit before the call; under the refund's number, each time.
IS_A_SEND_OF_A_REFUND_NOT_ON_RECORD = """
SELECT r.pay_order_no, r.refund_no AS about,
       coalesce(m.sends, 0) <> coalesce(h.sends, 0)
       OR coalesce(m.elsewhere, false) AS wrong,
       jsonb_build_object('sends', coalesce(m.sends, 0), 'begun', h.sends) AS said
FROM refund_with_messages r
LEFT JOIN (
    SELECT pay_order_no, refund_no, count(*) AS sends
    FROM refund_transition
    WHERE event IN ('REFUND_BEGUN', 'REFUND_SENT_AGAIN')
    GROUP BY pay_order_no, refund_no
) h USING (pay_order_no, refund_no)
LEFT JOIN (
    SELECT m.pay_order_no, r.refund_no, count(*) AS sends,
           bool_or((m.channel, m.account) IS DISTINCT FROM (r.channel, r.account)
               OR position(r.refund_no IN m.body) = 0) AS elsewhere
    FROM gateway_message m
    JOIN refund r ON r.pay_order_no = m.pay_order_no
                 AND m.attempt_seq = right(r.refund_no, 2)::integer
                     + CASE r.kind WHEN 'LATE_MONEY' THEN 200 ELSE 100 END
    WHERE m.direction = 'OUT' AND m.operation = 'refund'
    GROUP BY m.pay_order_no, r.refund_no
) m USING (pay_order_no, refund_no)
"""

# By the sequence of events, which no clock can confuse.
WAS_A_REFUND_SENT_AGAIN_WITHOUT_NEED = """
SELECT pay_order_no, refund_no AS about,
       before NOT IN ('REFUND_NOT_SENT', 'REFUND_NOT_FOUND') IS NOT FALSE AS wrong,
       jsonb_build_object('event_before', before) AS said
FROM (
    SELECT pay_order_no, refund_no, event,
           lag(event) OVER (PARTITION BY pay_order_no, refund_no ORDER BY seq) AS before
    FROM refund_transition
) AS story
WHERE event = 'REFUND_SENT_AGAIN'
"""

IS_A_REFUND_WITHOUT_YES = """
SELECT r.pay_order_no, r.refund_no AS about,
       coalesce(m.said_yes, 0) = 0 AS wrong,
       jsonb_build_object('channel', r.channel, 'account', r.account) AS said
FROM refund_with_messages r
LEFT JOIN (
    SELECT m.pay_order_no, m.attempt_seq, m.channel, m.account, count(*) AS said_yes
    FROM gateway_message m
    WHERE m.direction IN ('IN', 'CALLBACK') AND m.verdict LIKE 'SUCCEEDED%'
      AND m.operation IN ('refund', 'enquire')
    GROUP BY 1, 2, 3, 4
) m ON m.pay_order_no = r.pay_order_no AND m.channel = r.channel
   AND m.account = r.account
   AND m.attempt_seq = right(r.refund_no, 2)::integer
       + CASE r.kind WHEN 'LATE_MONEY' THEN 200 ELSE 100 END
WHERE r.status = 'SUCCESS'
"""

# A ladder of twenty minutes, and what a send after it may take.
IS_A_REFUND_OPEN_FOR_TOO_LONG = """
SELECT r.pay_order_no, r.refund_no AS about,
       r.created_at < $3 - interval '45 minutes' AND d.pay_order_no IS NULL AS wrong,
       jsonb_build_object('created_at', r.created_at, 'checks', r.checks) AS said
FROM refund r
LEFT JOIN (
    SELECT DISTINCT pay_order_no FROM desk_case
    WHERE status = 'OPEN' AND kind <> 'INVARIANT'
) d USING (pay_order_no)
WHERE r.status = 'DOING'
"""

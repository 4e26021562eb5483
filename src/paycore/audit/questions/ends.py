"""I5, I6, I27 and I28: what is final stays so, what is open is looked at, and ends."""

IS_IT_ANOTHER_THAN_ITS_HISTORY = """
SELECT p.pay_order_no, NULL::text AS about,
       (p.biz_status, p.last_event, p.events) IS DISTINCT FROM
       (coalesce(t.to_status, 'DOING'), coalesce(t.event, 'OPENED'),
        coalesce(h.events, 0))
       OR coalesce(h.last_seq, 0) <> p.events
       OR coalesce(h.ends, 0) <> (p.biz_status <> 'DOING')::integer
       OR (p.biz_status <> 'DOING' AND t.at IS DISTINCT FROM p.finished_at) AS wrong,
       jsonb_build_object('biz_status', p.biz_status, 'last_event', p.last_event,
           'events', p.events, 'events_kept', coalesce(h.events, 0),
           'ends', coalesce(h.ends, 0), 'last_kept', t.event,
           'leads_to', t.to_status) AS said
FROM payment p
LEFT JOIN (
    SELECT pay_order_no, count(*) AS events, max(seq) AS last_seq,
           count(*) FILTER (WHERE to_status <> 'DOING') AS ends
    FROM transition
    GROUP BY pay_order_no
) h USING (pay_order_no)
LEFT JOIN transition t ON t.pay_order_no = p.pay_order_no AND t.seq = h.last_seq
"""

IS_IT_THE_HISTORY_OF_NO_PAYMENT = """
SELECT h.pay_order_no, h.what AS about,
       p.pay_order_no IS NULL AS wrong,
       jsonb_build_object('rows', h.rows) AS said
FROM (
    SELECT pay_order_no, 'transition' AS what, count(*) AS rows
    FROM transition GROUP BY pay_order_no
    UNION ALL
    SELECT pay_order_no, 'trail', count(*) FROM trail GROUP BY pay_order_no
) h
LEFT JOIN payment p USING (pay_order_no)
"""

IS_A_STEP_NOT_IN_THE_TABLE = """
SELECT t.pay_order_no, t.seq::text AS about,
       r.to_status IS DISTINCT FROM t.to_status AS wrong,
       jsonb_build_object('from', t.from_status, 'event', t.event,
           'to', t.to_status) AS said
FROM transition t LEFT JOIN transition_rule r USING (from_status, event)
"""

DOES_AN_ATTEMPT_LACK_OR_STAND_OPEN = """
SELECT p.pay_order_no, NULL::text AS about,
       coalesce(a.attempts, 0) <> p.attempts
       OR coalesce(a.last_seq, 0) <> p.attempts
       OR coalesce(a.open_before_the_last, false)
       OR (coalesce(a.open, false) AND p.biz_status <> 'DOING') AS wrong,
       jsonb_build_object('attempts', p.attempts, 'kept', coalesce(a.attempts, 0),
           'biz_status', p.biz_status, 'open', coalesce(a.open, false),
           'open_before_the_last', coalesce(a.open_before_the_last, false)) AS said
FROM payment p
LEFT JOIN (
    SELECT pay_order_no, count(*) AS attempts, max(seq) AS last_seq,
           bool_or(open) AS open, bool_or(open AND later) AS open_before_the_last
    FROM (
        SELECT pay_order_no, seq, process_status IN ('INIT', 'GW_DOING') AS open,
               lead(seq) OVER (PARTITION BY pay_order_no ORDER BY seq) IS NOT NULL
                   AS later
        FROM attempt
    ) AS each
    GROUP BY pay_order_no
) a USING (pay_order_no)
"""

# Begun once; ended once if it has ended; PAID if and only if it succeeded.
IS_THE_LAST_WORD_ON_A_LEG_NOT_IN_THE_HISTORY = """
SELECT a.pay_order_no, a.seq::text AS about,
       (coalesce(t.begun, 0), coalesce(t.ended, 0), coalesce(t.paid, 0))
       IS DISTINCT FROM
       (1, (a.finished_at IS NOT NULL)::integer,
        (a.process_status = 'GW_SUCCESS')::integer) AS wrong,
       jsonb_build_object('process_status', a.process_status,
           'begun', coalesce(t.begun, 0), 'ended', coalesce(t.ended, 0),
           'paid', coalesce(t.paid, 0)) AS said
FROM attempt a
LEFT JOIN (
    SELECT pay_order_no, attempt_seq AS seq,
           count(*) FILTER (WHERE event = 'CHARGE_BEGUN') AS begun,
           count(*) FILTER (WHERE event <> 'CHARGE_BEGUN') AS ended,
           count(*) FILTER (WHERE event = 'PAID') AS paid
    FROM transition
    WHERE event IN ('CHARGE_BEGUN', 'PAID', 'DECLINED', 'CODE_REFUSED', 'NOT_CHARGED')
    GROUP BY pay_order_no, attempt_seq
) t USING (pay_order_no, seq)
WHERE a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
"""

# A claim leaves next_check_at as it was: what is leased is in somebody's hands.
IS_A_PAYMENT_NOT_LOOKED_AT = """
SELECT pay_order_no, NULL::text AS about,
       greatest(next_check_at, lease_until)
       < $3 - interval '60 seconds' IS NOT FALSE AS wrong,
       jsonb_build_object('next_check_at', next_check_at, 'lease_until', lease_until,
           'step', step, 'checks', checks) AS said
FROM payment
WHERE biz_status = 'DOING'
"""

IS_A_LOCKED_COUPON_NOT_LOOKED_AT = """
SELECT holder AS pay_order_no, coupon_no AS about,
       greatest(next_check_at, lease_until)
       < $3 - interval '60 seconds' IS NOT FALSE AS wrong,
       jsonb_build_object('next_check_at', next_check_at,
           'lease_until', lease_until) AS said
FROM held_coupon
WHERE status = 'LOCKED'
"""

# Ten minutes and not one: a notice may have to wait for a place in its lane. The
# schedule's longest wait is a day and a fifth of one, by the clock that began it.
IS_A_NOTICE_NOT_TRIED = """
SELECT pay_order_no, notice_id AS about,
       greatest(next_check_at, lease_until)
       < $3 - interval '10 minutes' IS NOT FALSE
       OR next_check_at > greatest($3, created_at, replayed_at) + interval '30 hours'
       AS wrong,
       jsonb_build_object('next_check_at', next_check_at, 'lease_until', lease_until,
           'tries', tries, 'last_result', last_result) AS said
FROM notify_notice
WHERE status = 'PENDING'
"""

IS_IT_CLOSED_BEFORE_ITS_TIME = """
SELECT t.pay_order_no, NULL::text AS about,
       t.at >= p.expires_at IS NOT TRUE AS wrong,
       jsonb_build_object('expires_at', p.expires_at, 'expired_at', t.at) AS said
FROM transition t LEFT JOIN payment p USING (pay_order_no)
WHERE t.event = 'EXPIRED'
"""

IS_IT_OPEN_FOR_TOO_LONG = """
SELECT p.pay_order_no, NULL::text AS about,
       p.expires_at < $3 - interval '30 minutes' AND d.pay_order_no IS NULL AS wrong,
       jsonb_build_object('expires_at', p.expires_at, 'step', p.step,
           'held', p.held, 'checks', p.checks) AS said
FROM payment p
LEFT JOIN (
    SELECT DISTINCT pay_order_no FROM desk_case
    WHERE status = 'OPEN' AND kind <> 'INVARIANT'
) d USING (pay_order_no)
WHERE p.biz_status = 'DOING'
"""

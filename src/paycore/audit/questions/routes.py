"""I21 and I22: decisions of the router, as far as their own explanation shows them.

Accounts, rules and limits may have changed since, so nothing here looks at them: what
was known when a route was chosen stands in the decision. Windows have their times.
"""

WAS_WHAT_WAS_CHOSEN_NOT_ALLOWED = """
SELECT d.pay_order_no, d.decision_id::text AS about,
       NOT coalesce(
           (c.one ->> 'kept')::boolean
           AND d.question -> 'capable' ? (c.one ->> 'channel')
           AND NOT coalesce(d.question -> 'broken', '[]') || coalesce(
               d.question -> 'excluded', '[]') @> jsonb_build_array(c.place)
           AND (d.question ->> 'biz_line', (d.question ->> 'amount')::bigint,
                d.question ->> 'currency', d.question ->> 'card_id')
               = (p.biz_line, p.payable_amount, p.currency, p.card_id), false) AS wrong,
       jsonb_build_object('chosen', d.chosen, 'candidate', c.one,
           'broken', d.question -> 'broken', 'excluded', d.question -> 'excluded',
           'asked_for_line', d.question -> 'biz_line',
           'asked_amount', d.question -> 'amount') AS said
FROM router_decision d
LEFT JOIN payment p USING (pay_order_no)
LEFT JOIN LATERAL (
    SELECT one, jsonb_build_array(one -> 'channel', one -> 'account') AS place
    FROM jsonb_array_elements(d.candidates) AS one
    WHERE one ->> 'inst_trans_id' = d.chosen
    LIMIT 1
) AS c ON true
WHERE d.chosen IS NOT NULL
"""

# A window is known to every node a minute after it was opened, whatever a node was busy
# with; two seconds more or less are what clocks differ by.
WAS_IT_CHOSEN_IN_A_WINDOW = """
SELECT d.pay_order_no, d.decision_id::text AS about, w.window_id IS NOT NULL AS wrong,
       jsonb_build_object('chosen', d.chosen, 'at', d.at, 'window', w.window_id,
           'from', w.starts_at, 'to', w.ends_at) AS said
FROM router_decision d
LEFT JOIN LATERAL (
    SELECT one ->> 'channel' AS channel, one ->> 'account' AS account
    FROM jsonb_array_elements(d.candidates) AS one
    WHERE one ->> 'inst_trans_id' = d.chosen
    LIMIT 1
) AS c ON true
LEFT JOIN LATERAL (
    SELECT window_id, starts_at, ends_at FROM router_window
    WHERE (channel, account) = (c.channel, c.account)
      AND d.at >= greatest(starts_at + interval '2 seconds',
                           opened_at + interval '1 minute')
      AND d.at < ends_at - interval '2 seconds'
    LIMIT 1
) AS w ON true
WHERE d.chosen IS NOT NULL
"""

# Attempts of a payment by where they went, beside its decisions by where they led.
WAS_IT_SENT_WHERE_NO_DECISION_LED = """
SELECT pay_order_no, trans_type || ' ' || inst_trans_id AS about,
       a.attempts IS DISTINCT FROM d.decisions AS wrong,
       jsonb_build_object('channel', channel, 'account', account,
           'attempts', coalesce(a.attempts, 0),
           'decisions', coalesce(d.decisions, 0)) AS said
FROM (
    SELECT pay_order_no, trans_type, inst_trans_id, channel, account,
           count(*) AS attempts
    FROM attempt_with_decisions
    WHERE trans_type IN ('QUICK_PAY_SEND_MSG', 'DEDUCT')
    GROUP BY 1, 2, 3, 4, 5
) a
FULL JOIN (
    SELECT d.pay_order_no, d.trans_type, d.chosen AS inst_trans_id,
           one ->> 'channel' AS channel, one ->> 'account' AS account,
           count(*) AS decisions
    FROM router_decision_with_decisions d
    LEFT JOIN LATERAL jsonb_array_elements(d.candidates) AS one
           ON one ->> 'inst_trans_id' = d.chosen
    WHERE d.chosen IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5
) d USING (pay_order_no, trans_type, inst_trans_id, channel, account)
"""

# As router/rules.py does it: the best of the kept, by name, and the one on whose share
# of the weights (one each where all are 0) the drawn number falls.
CAN_THE_CHOICE_NOT_BE_MADE_AGAIN = """
SELECT d.pay_order_no, d.decision_id::text AS about,
       d.chosen IS DISTINCT FROM again.chosen
       OR (d.chosen IS NULL) = (d.cause = 'ROUTED') AS wrong,
       jsonb_build_object('chosen', d.chosen, 'again', again.chosen,
           'cause', d.cause, 'draw', d.question -> 'draw') AS said
FROM router_decision d
LEFT JOIN LATERAL (
    SELECT name AS chosen
    FROM (
        SELECT name, sum(CASE WHEN weighed THEN weight ELSE 1 END)
                     OVER (ORDER BY name COLLATE "C") AS upto
        FROM (
            SELECT one ->> 'inst_trans_id' AS name,
                   coalesce((one ->> 'weight')::bigint, 0) AS weight,
                   bool_or(coalesce((one ->> 'weight')::bigint, 0) > 0)
                       OVER (PARTITION BY best.place) AS weighed,
                   best.place, min(best.place) OVER () AS first
            FROM jsonb_array_elements(d.candidates) AS one,
                 LATERAL (SELECT ARRAY[
                     CASE WHEN (one ->> 'preferred')::boolean THEN 0 ELSE 1 END,
                     coalesce((one ->> 'priority')::bigint, 0)] AS place) AS best
            WHERE (one ->> 'kept')::boolean
        ) AS kept
        WHERE place = first
    ) AS finalists
    WHERE upto > coalesce((d.question -> 'draw' ->> 'number')::bigint, 0)
    ORDER BY upto
    LIMIT 1
) AS again ON true
"""

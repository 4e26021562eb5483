"""I29: what is used of a limit is what attempts hold of it now.

As `Payment._holding` has it: what is open, the send in force while the payment waits
or when it succeeded, and whatever led to the charge. Of the budgets of texts, what the
codes hold (`sms/budget.py`): each text that went out, or may have.
"""

# Limits that still count: a day's counter is kept until the end of the next day, and
# who reserved of it was opened a day before at the earliest. All of it is looked at,
# from whatever time on is audited.
IS_A_LIMIT_NOT_WHAT_IS_HELD_OF_IT = """
SELECT NULL::text AS pay_order_no, counter AS about,
       coalesce(c.used, 0) <> coalesce(h.held, 0) AS wrong,
       jsonb_build_object('used', c.used, 'held', h.held) AS said
FROM (
    SELECT counter, used
    FROM limit_counter
    WHERE (counter LIKE 'route:%' OR counter LIKE 'agreement:%'
           OR counter LIKE 'text.%')
      AND expires_at > $3
) c
FULL JOIN (
    SELECT counter, sum(held) AS held
    FROM (
    SELECT r ->> 0 AS counter, (r ->> 1)::bigint AS held
    FROM every_attempt a
    JOIN every_payment p USING (pay_order_no)
    CROSS JOIN jsonb_array_elements(a.reserved) AS r
    WHERE a.reserved IS NOT NULL
      AND a.pay_order_no >= to_char(($3 - interval '73 hours')
                                    AT TIME ZONE 'UTC', 'YYMMDDHH24')
      AND p.pay_order_no >= to_char(($3 - interval '73 hours')
                                    AT TIME ZONE 'UTC', 'YYMMDDHH24')
      AND (r ->> 2)::timestamptz > $3
      AND (a.process_status IN ('INIT', 'GW_DOING')
           OR (a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
               AND a.process_status = 'GW_SUCCESS')
           OR (a.seq = p.code_seq AND p.biz_status IN ('DOING', 'SUCCESS')))
    UNION ALL
    SELECT r ->> 0, (r ->> 1)::bigint
    FROM sms_code c
    CROSS JOIN jsonb_array_elements(c.held) AS r
    WHERE c.held IS NOT NULL
      AND c.pay_order_no >= to_char(($3 - interval '73 hours')
                                    AT TIME ZONE 'UTC', 'YYMMDDHH24')
      AND (r ->> 2)::timestamptz > $3
    ) every_hold
    GROUP BY 1
) h USING (counter)
"""

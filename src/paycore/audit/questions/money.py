"""I1 to I4, and what was asked for: money legs, one after the other, and their orders.

A money leg is an attempt of type QUICK_PAY_CONFIRM or DEDUCT.
"""

HAS_MORE_THAN_ONE_LEG_SUCCEEDED = """
SELECT pay_order_no, NULL::text AS about,
       count(*) FILTER (WHERE process_status = 'GW_SUCCESS') > 1 AS wrong,
       jsonb_build_object('successful_legs',
           jsonb_agg(seq ORDER BY seq) FILTER (WHERE process_status = 'GW_SUCCESS')
       ) AS said
FROM attempt
WHERE trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
GROUP BY pay_order_no
"""

IS_A_LEG_BESIDE_ONE_THAT_MAY_HAVE_CHARGED = """
SELECT pay_order_no, seq::text AS about,
       coalesce(bool_or(process_status IN ('INIT', 'GW_DOING', 'GW_SUCCESS')) OVER (
           PARTITION BY pay_order_no ORDER BY seq
           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS wrong,
       jsonb_build_object('leg', seq, 'process_status', process_status) AS said
FROM attempt
WHERE trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
"""

# By the sequence of events, which no clock can confuse.
DID_A_LEG_BEGIN_BEFORE_THE_LAST_ENDED = """
SELECT pay_order_no, attempt_seq::text AS about,
       coalesce(before IN ('CHARGE_BEGUN', 'PAID', 'DECLINED'), false) AS wrong,
       jsonb_build_object('leg', attempt_seq, 'event_before', before) AS said
FROM (
    SELECT t.pay_order_no, t.attempt_seq, t.event,
           lag(t.event) OVER (PARTITION BY t.pay_order_no ORDER BY t.seq) AS before
    FROM transition t
    JOIN attempt a ON a.pay_order_no = t.pay_order_no AND a.seq = t.attempt_seq
    WHERE a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
      AND t.event IN ('CHARGE_BEGUN', 'PAID', 'DECLINED', 'CODE_REFUSED', 'NOT_CHARGED')
) AS story
WHERE event = 'CHARGE_BEGUN'
"""

# After an unknown answer, and after a refusal that blames anybody but the channel, no
# channel is asked any more. Nine tries are the most that the settings admit.
IS_A_DEDUCT_TOO_MANY = """
SELECT a.pay_order_no, a.seq::text AS about,
       a.before IS NOT NULL AND (a.before, a.outcome, a.blame) NOT IN (
           ('GW_FAIL', 'DECLINED', 'channel'), ('GW_FAIL', 'NOT_SENT', ''))
       OR p.converted_at IS NULL AND (a.legs > 9 OR a.there > 1) AS wrong,
       jsonb_build_object('leg', a.seq, 'status_before', a.before,
           'outcome_before', a.outcome, 'blame_before', a.blame,
           'legs', a.legs, 'at_this_account', a.there) AS said
FROM (
    SELECT pay_order_no, seq, row_number() OVER story AS legs,
           row_number() OVER (
               PARTITION BY pay_order_no, channel, account ORDER BY seq) AS there,
           lag(process_status) OVER story AS before,
           lag(coalesce(outcome, '')) OVER story AS outcome,
           lag(coalesce(blame, '')) OVER story AS blame
    FROM attempt
    WHERE trans_type = 'DEDUCT'
    WINDOW story AS (PARTITION BY pay_order_no ORDER BY seq)
) a
JOIN payment p USING (pay_order_no)
"""

DID_IT_CONVERT_MORE_THAN_ONCE_OR_TOO_LATE = """
SELECT p.pay_order_no, NULL::text AS about,
       CASE WHEN p.pay_type = 'QUICK_PAY' OR p.converted_at IS NULL
            THEN t.conversions IS NOT NULL
            ELSE (t.conversions, t.cause, t.at)
                 IS DISTINCT FROM (1, p.convert_cause, p.converted_at)
                 OR coalesce(t.first_charge < t.seq, false)
       END AS wrong,
       jsonb_build_object('pay_type', p.pay_type, 'conversions', t.conversions,
           'converted_at', p.converted_at, 'cause', p.convert_cause,
           'event', t.seq, 'first_charge', t.first_charge) AS said
FROM payment p
LEFT JOIN (
    SELECT pay_order_no,
           nullif(count(*) FILTER (WHERE event = 'CONVERTED'), 0) AS conversions,
           min(seq) FILTER (WHERE event = 'CONVERTED') AS seq,
           min(cause) FILTER (WHERE event = 'CONVERTED') AS cause,
           min(at) FILTER (WHERE event = 'CONVERTED') AS at,
           min(seq) FILTER (WHERE event = 'CHARGE_BEGUN') AS first_charge
    FROM transition
    WHERE event IN ('CONVERTED', 'CHARGE_BEGUN')
    GROUP BY pay_order_no
) t USING (pay_order_no)
"""

IS_A_LEG_OF_ANOTHER_PAY_TYPE = """
SELECT a.pay_order_no, a.seq::text AS about,
       p.pay_type IS DISTINCT FROM CASE a.trans_type
           WHEN 'QUICK_PAY_CONFIRM' THEN 'QUICK_PAY' ELSE 'DEDUCT' END AS wrong,
       jsonb_build_object('trans_type', a.trans_type, 'pay_type', p.pay_type) AS said
FROM attempt a LEFT JOIN payment p USING (pay_order_no)
WHERE a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT', 'SMS_VERIFY')
"""

# The router's own "none", or a quick channel that could not send; where its line sells
# deduct as quick pay, none was asked.
DID_IT_CONVERT_WITHOUT_EVIDENCE = """
SELECT p.pay_order_no, NULL::text AS about,
       CASE WHEN p.convert_cause IN ('ROUTE_NONE', 'ROUTE_ERROR')
            THEN NOT coalesce(p.convert_cause = ANY(d.causes), false)
            WHEN p.convert_cause = 'LINE_DEDUCTS' THEN a.pay_order_no IS NOT NULL
            ELSE a.pay_order_no IS NULL
       END AS wrong,
       jsonb_build_object('cause', p.convert_cause) AS said
FROM payment_with_decisions p
LEFT JOIN (
    SELECT pay_order_no, array_agg(cause) AS causes
    FROM router_decision
    WHERE trans_type = 'QUICK_PAY_SEND_MSG' AND chosen IS NULL
    GROUP BY pay_order_no
) d USING (pay_order_no)
LEFT JOIN (
    SELECT DISTINCT pay_order_no
    FROM attempt
    WHERE trans_type = 'QUICK_PAY_SEND_MSG' AND channel <> 'sms_centre'
      AND process_status = 'GW_FAIL'
) a USING (pay_order_no)
WHERE p.converted_at IS NOT NULL
"""

HAS_A_SUCCESS_NOT_ITS_ONE_LEG = """
SELECT p.pay_order_no, NULL::text AS about,
       (l.legs, l.amount, l.currency)
       IS DISTINCT FROM (1, p.payable_amount, p.currency) AS wrong,
       jsonb_build_object('successful_legs', coalesce(l.legs, 0), 'charged', l.amount,
           'charged_in', l.currency, 'payable_amount', p.payable_amount,
           'currency', p.currency) AS said
FROM payment p
LEFT JOIN (
    SELECT pay_order_no, count(*) AS legs, sum(amount) AS amount,
           min(currency) AS currency
    FROM attempt
    WHERE trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
      AND process_status = 'GW_SUCCESS'
    GROUP BY pay_order_no
) l USING (pay_order_no)
WHERE p.biz_status = 'SUCCESS'
"""

HAS_A_SUCCESSFUL_LEG_NOT_ITS_SUCCESS = """
SELECT a.pay_order_no, a.seq::text AS about,
       p.biz_status IS DISTINCT FROM 'SUCCESS' AS wrong,
       jsonb_build_object('biz_status', p.biz_status, 'channel', a.channel,
           'account', a.account, 'amount', a.amount, 'currency', a.currency) AS said
FROM attempt a LEFT JOIN payment p USING (pay_order_no)
WHERE a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
  AND a.process_status = 'GW_SUCCESS'
"""

IS_ANOTHER_AMOUNT_ASKED_FOR = """
SELECT a.pay_order_no, a.seq::text AS about,
       (a.amount, a.currency)
       IS DISTINCT FROM (p.amount - p.coupon_amount, p.currency)
       OR p.payable_amount IS DISTINCT FROM p.amount - p.coupon_amount
       OR p.payable_amount < 1 AS wrong,
       jsonb_build_object('asked', a.amount, 'asked_in', a.currency,
           'amount', p.amount, 'coupon_amount', p.coupon_amount,
           'payable_amount', p.payable_amount, 'currency', p.currency) AS said
FROM attempt a LEFT JOIN payment p USING (pay_order_no)
"""

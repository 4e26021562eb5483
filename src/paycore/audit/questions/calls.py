"""I19 and I30: calls and callbacks, and the record of each."""

# The record is in the commit before the call, so it is there from the first moment on.
IS_A_CALL_NOT_ON_RECORD = """
SELECT a.pay_order_no, a.seq::text AS about,
       m.pay_order_no IS NULL AS wrong,
       jsonb_build_object('trans_type', a.trans_type, 'channel', a.channel,
           'account', a.account, 'process_status', a.process_status) AS said
FROM attempt_with_messages a
LEFT JOIN (
    SELECT DISTINCT pay_order_no, attempt_seq, operation, channel
    FROM gateway_message
    WHERE direction = 'OUT'
) m ON m.pay_order_no = a.pay_order_no AND m.attempt_seq = a.seq
   AND m.channel = a.channel
   AND m.operation = CASE a.trans_type
       WHEN 'QUICK_PAY_SEND_MSG' THEN 'send_code'
       WHEN 'QUICK_PAY_CONFIRM' THEN 'confirm'
       WHEN 'SMS_VERIFY' THEN 'verify_code'
       WHEN 'DEDUCT' THEN 'deduct'
       WHEN 'REFUND' THEN 'refund' END
"""

# Money is asked for once an attempt, where the attempt says; only an enquiry is made
# again. From 301 on they are calls about agreements. Our SMS centre asks carriers,
# whose calls name them as its accounts.
IS_A_CALL_OF_NO_ATTEMPT_OR_MONEY_ASKED_FOR_TWICE = """
SELECT m.pay_order_no, m.attempt_seq || ' ' || m.operation AS about,
       m.channel IS DISTINCT FROM a.channel
       OR (m.account <> a.account AND m.channel <> 'sms_centre')
       OR m.operation NOT IN ('enquire', CASE a.trans_type
           WHEN 'QUICK_PAY_SEND_MSG' THEN 'send_code'
           WHEN 'QUICK_PAY_CONFIRM' THEN 'confirm'
           WHEN 'SMS_VERIFY' THEN 'verify_code'
           WHEN 'DEDUCT' THEN 'deduct'
           WHEN 'REFUND' THEN 'refund' END)
       OR (m.operation IN ('confirm', 'deduct', 'refund') AND m.calls > 1) AS wrong,
       jsonb_build_object('calls', m.calls, 'channel', m.channel,
           'account', m.account, 'trans_type', a.trans_type,
           'attempt_at', a.channel || '/' || a.account) AS said
FROM (
    SELECT pay_order_no, attempt_seq, operation, channel, account, count(*) AS calls
    FROM gateway_message
    WHERE direction = 'OUT'
      AND NOT (attempt_seq > 100 AND operation IN ('refund', 'enquire'))
      AND attempt_seq <= 300
    GROUP BY pay_order_no, attempt_seq, operation, channel, account
) m
LEFT JOIN attempt a ON a.pay_order_no = m.pay_order_no AND a.seq = m.attempt_seq
UNION ALL
SELECT m.pay_order_no, m.attempt_seq || ' ' || m.operation,
       r.refund_no IS NULL,
       jsonb_build_object('calls', m.calls, 'channel', m.channel, 'account', m.account)
FROM (
    SELECT pay_order_no, attempt_seq, operation, channel, account, count(*) AS calls
    FROM gateway_message
    WHERE direction = 'OUT' AND attempt_seq BETWEEN 101 AND 300
      AND operation IN ('refund', 'enquire')
    GROUP BY pay_order_no, attempt_seq, operation, channel, account
) m
LEFT JOIN refund r ON r.pay_order_no = m.pay_order_no
     AND m.attempt_seq = right(r.refund_no, 2)::integer
         + CASE r.kind WHEN 'LATE_MONEY' THEN 200 ELSE 100 END
     AND (r.channel, r.account) = (m.channel, m.account)
"""

# Each answer was written by the node that called, after what it had written itself.
IS_AN_ANSWER_WITHOUT_OR_BEFORE_ITS_CALL = """
SELECT pay_order_no, attempt_seq::text AS about,
       called < answered OR coalesce(first_call > first_answer, false) AS wrong,
       jsonb_build_object('operation', operation, 'channel', channel,
           'calls', called, 'answers', answered, 'first_call', first_call,
           'first_answer', first_answer) AS said
FROM (
    SELECT pay_order_no, attempt_seq, operation, channel, account,
           count(*) FILTER (WHERE direction = 'OUT') AS called,
           count(*) FILTER (WHERE direction = 'IN') AS answered,
           min(at) FILTER (WHERE direction = 'OUT') AS first_call,
           min(at) FILTER (WHERE direction = 'IN') AS first_answer
    FROM gateway_message
    WHERE direction IN ('OUT', 'IN')
    GROUP BY pay_order_no, attempt_seq, operation, channel, account
) AS calls
"""

# Our own calls name the leg; a callback names the attempt whose number the request has,
# which of a confirm may be that of its send.
IS_A_CHARGE_WITHOUT_A_YES = """
SELECT a.pay_order_no, a.seq::text AS about,
       NOT EXISTS (
           SELECT FROM jsonb_array_elements(m.said_yes) AS yes
           WHERE yes -> 0 = to_jsonb(a.channel) AND yes -> 1 = to_jsonb(a.account)
             AND CASE yes ->> 2
                 WHEN 'IN' THEN yes ->> 3 = a.seq::text
                 ELSE a.pay_order_no || lpad(yes ->> 3, 2, '0') = a.request_no END
       ) AS wrong,
       jsonb_build_object('channel', a.channel, 'account', a.account,
           'trans_type', a.trans_type, 'said_yes', m.said_yes) AS said
FROM attempt_with_messages a
LEFT JOIN (
    SELECT pay_order_no,
           jsonb_agg(jsonb_build_array(channel, account, direction, attempt_seq))
               AS said_yes
    FROM gateway_message
    WHERE direction IN ('IN', 'CALLBACK') AND verdict LIKE 'SUCCEEDED%'
      AND operation IN ('confirm', 'deduct', 'enquire')
    GROUP BY pay_order_no
) m ON m.pay_order_no = a.pay_order_no
WHERE a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
  AND a.process_status = 'GW_SUCCESS'
"""

# What was refused is kept with the verdict REFUSED, and no step of a payment follows.
DID_A_REFUSED_CALLBACK_HAVE_AN_EFFECT = """
SELECT pay_order_no, NULL::text AS about,
       coalesce(s.obeyed, 0) > coalesce(m.accepted, 0) AS wrong,
       jsonb_build_object('obeyed', coalesce(s.obeyed, 0),
           'accepted', coalesce(m.accepted, 0), 'refused', m.refused) AS said
FROM (
    SELECT pay_order_no,
           count(*) FILTER (WHERE verdict <> 'REFUSED') AS accepted,
           count(*) FILTER (WHERE verdict = 'REFUSED') AS refused
    FROM gateway_message
    WHERE direction = 'CALLBACK'
    GROUP BY pay_order_no
) m
FULL JOIN (
    SELECT pay_order_no, count(*) AS obeyed
    FROM trail_with_messages CROSS JOIN jsonb_array_elements(steps) AS step
    WHERE steps @> '[{"command": "Callback"}]' AND step ->> 'command' = 'Callback'
    GROUP BY pay_order_no
) s USING (pay_order_no)
"""

"""Late money: what a channel took when it must not has its case and goes back whole;
meanwhile the books have it.
"""

from paycore.audit.invariant import Check

# Open while it is on its way, closed once it is back; refused, it is a person's.
IS_LATE_MONEY_UNSEEN_OR_STILL_A_PERSONS = """
SELECT r.pay_order_no, r.refund_no AS about,
       CASE r.status WHEN 'DOING' THEN c.status = 'OPEN'
                     WHEN 'SUCCESS' THEN c.status = 'CLOSED'
                     ELSE c.status IS NOT NULL END IS NOT TRUE
       OR c.amount IS DISTINCT FROM r.amount AS wrong,
       jsonb_build_object('status', r.status, 'case', c.status,
           'amount', r.amount, 'in_the_case', c.amount) AS said
FROM refund r
LEFT JOIN desk_case c ON c.case_id = r.case_id AND c.pay_order_no = r.pay_order_no
WHERE r.kind = 'LATE_MONEY'
"""

# All that one request took; of a leg that paid, or may yet have, nothing is late.
IS_LATE_MONEY_ANOTHER_THAN_ITS_REQUEST_TOOK = """
SELECT r.pay_order_no, r.refund_no AS about,
       a.asked IS NOT TRUE OR a.paid OR r.money_amount <> r.amount
       OR m.said_yes IS NULL AS wrong,
       jsonb_build_object('channel', r.channel, 'account', r.account,
           'of', r.original_request_no, 'amount', r.amount,
           'asked_for_so_much', a.asked, 'its_leg_paid', a.paid,
           'yes', m.said_yes) AS said
FROM refund_with_messages r
LEFT JOIN LATERAL (
    SELECT bool_or((channel, account, amount, currency)
                   = (r.channel, r.account, r.amount, r.currency)) AS asked,
           bool_or(trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
                   AND process_status IN ('INIT', 'GW_DOING', 'GW_SUCCESS')) AS paid
    FROM attempt a
    WHERE a.pay_order_no = r.pay_order_no AND a.request_no = r.original_request_no
) a ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS said_yes
    FROM gateway_message m
    WHERE m.pay_order_no = r.pay_order_no
      AND (m.channel, m.account) = (r.channel, r.account)
      AND m.direction IN ('IN', 'CALLBACK') AND m.verdict LIKE 'SUCCEEDED%'
      AND m.operation IN ('confirm', 'deduct', 'enquire') AND m.attempt_seq < 100
    HAVING count(*) > 0
) m ON true
WHERE r.kind = 'LATE_MONEY'
"""

# Ours to give back from when we hear of it until it is back, by itself or by the desk;
# then nothing is left. What the desk gave back of a second charge, or of another
# amount, under the same number was not this.
IS_LATE_MONEY_BOOKED_OTHERWISE = """
SELECT pay_order_no, fact || ' ' || account || ' ' || kind AS about,
       o.amount IS DISTINCT FROM e.amount AS wrong,
       jsonb_build_object('by_the_refund', o.amount, 'posted', e.amount) AS said
FROM (
    SELECT r.pay_order_no, r.refund_no AS fact, p.kind, l.account,
           p.sign * l.sign * r.amount AS amount
    FROM refund r
    JOIN (VALUES ('LATE_MONEY', 1), ('LATE_REFUND', -1)) AS p (kind, sign)
         ON p.kind = 'LATE_MONEY' OR r.status = 'SUCCESS' OR EXISTS (
             SELECT FROM refund d
             WHERE d.pay_order_no = r.pay_order_no AND d.kind = 'RETURN'
               AND d.original_request_no = r.original_request_no
               AND d.status = 'SUCCESS'
               AND split_part(d.case_id, ':', 1)
                   NOT IN ('RECON_DUPLICATE_LINE', 'RECON_AMOUNT'))
    CROSS JOIN LATERAL (VALUES
        ('channel_receivable:' || r.channel || ':' || r.account, 1),
        ('payer_pending:' || r.biz_line, -1)) AS l (account, sign)
    WHERE r.kind = 'LATE_MONEY'
) o
FULL JOIN (
    SELECT pay_order_no, fact, kind, account,
           sum(CASE side WHEN 'DEBIT' THEN amount ELSE -amount END) AS amount
    FROM accounting_entry
    WHERE kind IN ('LATE_MONEY', 'LATE_REFUND')
    GROUP BY 1, 2, 3, 4
) e USING (pay_order_no, fact, kind, account)
"""

GIVEN_BACK = (
    Check(
        name="late money neither on its way nor seen, or a case that outlives it",
        sql=IS_LATE_MONEY_UNSEEN_OR_STILL_A_PERSONS,
    ),
    Check(
        name="late money that is not what its request took",
        sql=IS_LATE_MONEY_ANOTHER_THAN_ITS_REQUEST_TOOK,
    ),
)
"""Of I12."""

BOOKED = (
    Check(name="late money booked otherwise", sql=IS_LATE_MONEY_BOOKED_OTHERWISE),
)
"""Of I14."""

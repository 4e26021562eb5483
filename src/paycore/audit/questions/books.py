"""I13 to I15: postings, balances, and what channels owe us. Days: `ledger.py`."""

DOES_A_POSTING_NOT_BALANCE = """
SELECT pay_order_no, concat_ws(' ', kind, nullif(fact, '')) AS about,
       (e.debit, e.credit) IS DISTINCT FROM (p.amount::numeric, p.amount::numeric)
       AS wrong,
       jsonb_build_object('amount', p.amount, 'currency', p.currency,
           'debit', e.debit, 'credit', e.credit) AS said
FROM accounting_posting p
FULL JOIN (
    SELECT pay_order_no, kind, fact,
           coalesce(sum(amount) FILTER (WHERE side = 'DEBIT'), 0) AS debit,
           coalesce(sum(amount) FILTER (WHERE side = 'CREDIT'), 0) AS credit
    FROM accounting_entry
    GROUP BY pay_order_no, kind, fact
) e USING (pay_order_no, kind, fact)
"""

DO_THE_BOOKS_NOT_ADD_UP = """
SELECT NULL::text AS pay_order_no, currency AS about,
       sum(amount) <> 0 AS wrong,
       jsonb_build_object('debits_minus_credits', sum(amount)) AS said
FROM accounting_balance
GROUP BY currency
"""

IS_A_SUCCESS_OR_A_POSTING_ALONE = """
SELECT pay_order_no, b.kind AS about,
       (p.amount, p.currency, 'PAYMENT')
       IS DISTINCT FROM (b.amount, b.currency, b.kind) AS wrong,
       jsonb_build_object('biz_status', p.biz_status, 'amount', p.amount,
           'currency', p.currency, 'posted', b.amount, 'posted_in', b.currency) AS said
FROM (SELECT * FROM payment WHERE biz_status = 'SUCCESS') p
FULL JOIN (SELECT * FROM accounting_posting WHERE kind = 'PAYMENT') b
     USING (pay_order_no)
"""

# What the clearing account of a channel got for a payment is what its leg took.
IS_A_CHARGE_CLEARED_ELSEWHERE = """
SELECT pay_order_no, account AS about,
       l.amount IS DISTINCT FROM e.amount AS wrong,
       jsonb_build_object('taken', l.amount, 'posted', e.amount) AS said
FROM (
    SELECT pay_order_no, 'channel_receivable:' || channel || ':' || account AS account,
           sum(amount) AS amount
    FROM attempt
    WHERE trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
      AND process_status = 'GW_SUCCESS'
    GROUP BY 1, 2
) l
FULL JOIN (
    SELECT pay_order_no, account,
           sum(CASE side WHEN 'DEBIT' THEN amount ELSE -amount END) AS amount
    FROM accounting_entry
    WHERE account LIKE 'channel\\_receivable:%' AND kind = 'PAYMENT'
    GROUP BY 1, 2
) e USING (pay_order_no, account)
"""

# The whole order is its own line's, and what the coupon paid is our cost.
IS_MONEY_CREDITED_OR_SPENT_ELSEWHERE = """
SELECT pay_order_no, account AS about,
       o.amount IS DISTINCT FROM e.amount AS wrong,
       jsonb_build_object('by_the_order', o.amount, 'posted', e.amount) AS said
FROM (
    SELECT pay_order_no, 'merchant_pending:' || biz_line AS account, -amount AS amount
    FROM payment
    WHERE biz_status = 'SUCCESS'
    UNION ALL
    SELECT pay_order_no, 'marketing_cost', coupon_amount
    FROM payment
    WHERE biz_status = 'SUCCESS' AND coupon_amount > 0
) o
FULL JOIN (
    SELECT pay_order_no, account,
           sum(CASE side WHEN 'DEBIT' THEN amount ELSE -amount END) AS amount
    FROM accounting_entry
    WHERE account NOT LIKE 'channel\\_receivable:%' AND kind = 'PAYMENT'
    GROUP BY 1, 2
) e USING (pay_order_no, account)
"""

IS_A_CLEARING_ACCOUNT_NOT_THE_SUM_OF_ITS_LEGS = """
SELECT NULL::text AS pay_order_no, account || ' ' || currency AS about,
       coalesce(l.amount, 0) <> coalesce(b.amount, 0) AS wrong,
       jsonb_build_object('taken', coalesce(l.amount, 0),
           'balance', coalesce(b.amount, 0)) AS said
FROM (
    SELECT account, currency, sum(amount) AS amount
    FROM (
        SELECT 'channel_receivable:' || channel || ':' || account AS account, currency,
               amount FROM every_attempt
        WHERE trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
          AND process_status = 'GW_SUCCESS'
        UNION ALL
        SELECT 'channel_receivable:' || channel || ':' || account, currency,
               -money_amount
        FROM every_refund WHERE status = 'SUCCESS' AND kind = 'ASKED'
        UNION ALL
        -- What was settled, parked, adjusted or came late: whether each is of a fact is
        -- asked in `ledger.py` and `late.py`.
        SELECT e.account, p.currency,
               CASE e.side WHEN 'DEBIT' THEN e.amount ELSE -e.amount END
        FROM accounting_entry e
        JOIN accounting_posting p USING (pay_order_no, kind, fact)
        WHERE e.account LIKE 'channel\\_receivable:%'
          AND e.kind NOT IN ('PAYMENT', 'REFUND')
    ) AS moved
    GROUP BY 1, 2
) l
FULL JOIN (
    SELECT account, currency, sum(amount) AS amount
    FROM accounting_balance
    WHERE account LIKE 'channel\\_receivable:%'
    GROUP BY 1, 2
) b USING (account, currency)
"""

IS_A_BALANCE_NOT_THE_SUM_OF_ITS_ENTRIES = """
SELECT NULL::text AS pay_order_no, account || ' ' || currency AS about,
       coalesce(e.amount, 0) <> coalesce(b.amount, 0) AS wrong,
       jsonb_build_object('entries', coalesce(e.amount, 0),
           'balance', coalesce(b.amount, 0)) AS said
FROM (
    SELECT e.account, p.currency,
           sum(CASE e.side WHEN 'DEBIT' THEN e.amount ELSE -e.amount END) AS amount
    FROM accounting_entry e
    JOIN accounting_posting p USING (pay_order_no, kind, fact)
    GROUP BY 1, 2
) e
FULL JOIN (
    SELECT account, currency, sum(amount) AS amount
    FROM accounting_balance
    GROUP BY 1, 2
) b USING (account, currency)
"""

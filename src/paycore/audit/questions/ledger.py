"""I13 to I15, as far as they are of the ledger: rules, facts beside the payments' path,
days that were cut off, and the feed.
"""

# An entry stands on an account that a rule of its kind has on that side.
IS_AN_ENTRY_AGAINST_THE_RULES = """
SELECT e.pay_order_no, concat_ws(' ', e.kind, nullif(e.fact, ''), e.line) AS about,
       r.kind IS NULL AS wrong,
       jsonb_build_object('account', e.account, 'side', e.side,
           'amount', e.amount) AS said
FROM accounting_entry e
LEFT JOIN (
    SELECT kind, 'DEBIT' AS side, split_part(debit, ':', 1) AS root
    FROM accounting_rule
    UNION
    SELECT kind, 'CREDIT', split_part(credit, ':', 1) FROM accounting_rule
) r ON r.kind = e.kind AND r.side = e.side
   AND r.root IN (split_part(e.account, ':', 1), '{' || lower(e.side) || '}')
"""

# The kinds beside payments and refunds are of a fact too: an adjustment of its record
# or of a case that is closed, what is parked of its case, the rest of a statement. Of
# late money: `late.py`.
IS_A_POSTING_WITHOUT_ITS_FACT = """
SELECT p.pay_order_no, concat_ws(' ', p.kind, p.fact) AS about,
       coalesce(d.case_id, a.adjustment_no, s.day) IS NULL AS wrong,
       jsonb_build_object('amount', p.amount, 'currency', p.currency) AS said
FROM accounting_posting p
LEFT JOIN desk_case d
       ON p.kind IN ('LONG', 'SHORT', 'ADJUSTMENT') AND d.case_id = p.fact
      AND starts_with(d.kind, 'RECON_')
      AND (p.kind <> 'ADJUSTMENT' OR d.status = 'CLOSED')
LEFT JOIN accounting_adjustment a
       ON p.kind = 'ADJUSTMENT' AND a.adjustment_no = p.fact
LEFT JOIN recon_statement s
       ON p.kind IN ('SETTLEMENT', 'SETTLED_REFUND', 'FEE')
      AND s.day = substr(p.pay_order_no, 2)
      AND (s.state = 'RECONCILED' OR s.settled_at IS NOT NULL)
      AND concat(s.channel, '/', s.account, ':', p.currency) = p.fact
WHERE p.kind NOT IN ('PAYMENT', 'REFUND', 'LATE_MONEY', 'LATE_REFUND')
"""

DOES_A_DAY_NOT_ADD_UP = """
SELECT NULL::text AS pay_order_no, day || ' ' || currency AS about,
       sum(amount) <> 0 AS wrong,
       jsonb_build_object('debits_minus_credits', sum(amount)) AS said
FROM accounting_day_balance
GROUP BY day, currency
"""

# What came onto an account in a day is what was booked with a time of it, and what came
# late of the day before; less what came late of itself, which the next one has. So the
# last day is asked about when there is a next one. What is older than the first day is
# that one's.
IS_A_DAY_NOT_THE_SUM_OF_ITS_ENTRIES = """
SELECT NULL::text AS pay_order_no, concat_ws(' ', day, account, currency) AS about,
       coalesce(k.amount, 0) <> coalesce(b.amount, 0) AS wrong,
       jsonb_build_object('kept', coalesce(k.amount, 0),
           'entries', coalesce(b.amount, 0)) AS said
FROM (
    SELECT day, account, currency,
           amount - coalesce(lag(amount) OVER in_order, 0) - late
           + coalesce(lead(late) OVER in_order, 0) AS amount
    FROM (
        SELECT d.day, n.account, n.currency, coalesce(w.amount, 0) AS amount,
               coalesce(w.late, 0) AS late
        FROM accounting_day d
        CROSS JOIN (SELECT DISTINCT account, currency FROM accounting_day_balance) n
        LEFT JOIN accounting_day_balance w USING (day, account, currency)
    ) w
    WINDOW in_order AS (PARTITION BY account, currency ORDER BY day)
) k
FULL JOIN (
    SELECT d.day, e.account, e.currency, sum(e.amount) AS amount
    FROM (
        SELECT p.at, p.currency, e.account,
               CASE e.side WHEN 'DEBIT' THEN e.amount ELSE -e.amount END AS amount,
               max(split_part(e.account, ':', 2))
                   FILTER (WHERE e.account LIKE '%:%:%')
                   OVER (PARTITION BY pay_order_no, kind, fact) AS channel
        FROM accounting_posting p
        JOIN accounting_entry e USING (pay_order_no, kind, fact)
    ) e
    CROSS JOIN LATERAL (
        SELECT min(day) AS day FROM accounting_day
        WHERE e.at < coalesce((channels ->> e.channel)::timestamptz, ends_at)
    ) d
    WHERE d.day IS NOT NULL
    GROUP BY 1, 2, 3
) b USING (day, account, currency)
WHERE day < (SELECT max(day) FROM accounting_day)
"""

# Certain is what a cut-off saw to, with a ledger named: until then a node may not have
# known of it, and where it is named no more nothing is to be told. What is in the feed
# was posted, always.
DOES_THE_FEED_LACK_A_POSTING = """
SELECT pay_order_no, concat_ws(' ', kind, nullif(fact, '')) AS about,
       p.kind IS NULL
       OR (f.kind IS NULL AND EXISTS (
           SELECT FROM accounting_day d
           WHERE d.day = to_char(p.at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
             AND p.at >= d.fed_from)) AS wrong,
       jsonb_build_object('posted', p.kind IS NOT NULL,
           'to_be_told', f.kind IS NOT NULL) AS said
FROM accounting_posting p
FULL JOIN accounting_feed f USING (pay_order_no, kind, fact)
WHERE EXISTS (SELECT FROM accounting_feed)
"""

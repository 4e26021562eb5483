"""I7 to I9: codes, what they allowed, and the agreements that money was taken under."""

# The code in force is the newest that our SMS centre sent before the leg; the PASS
# must have come between the two. It is good until the code's end; other routes may
# follow for a while, and nodes' clocks differ.
WAS_A_DEDUCT_SENT_UNVERIFIED = """
SELECT a.pay_order_no, a.seq::text AS about,
       coalesce(a.passed > a.sent, false) IS FALSE
       OR c.passed_at IS NULL
       OR a.created_at > c.expires_at + interval '10 minutes'
       OR (c.amount, c.currency, c.card_id)
          IS DISTINCT FROM (a.amount, a.currency, p.card_id) AS wrong,
       jsonb_build_object('code_sent_by', a.sent, 'passed_by', a.passed,
           'code', c.status, 'code_amount', c.amount, 'amount', a.amount,
           'expires_at', c.expires_at, 'begun_at', a.created_at) AS said
FROM (
    SELECT pay_order_no, seq, trans_type, amount, currency, created_at,
           max(seq) FILTER (WHERE trans_type = 'QUICK_PAY_SEND_MSG'
               AND channel = 'sms_centre' AND process_status = 'GW_SUCCESS') OVER before
               AS sent,
           max(seq) FILTER (WHERE trans_type = 'SMS_VERIFY'
               AND process_status = 'GW_SUCCESS') OVER before AS passed
    FROM attempt_with_codes
    WINDOW before AS (PARTITION BY pay_order_no ORDER BY seq)
) AS a
JOIN payment p USING (pay_order_no)
LEFT JOIN sms_code c ON c.pay_order_no = a.pay_order_no AND c.seq = a.sent
WHERE a.trans_type = 'DEDUCT' AND p.converted_at IS NOT NULL
"""

# When one was revoked is not kept; when it ends is, and never changes.
WAS_MONEY_ASKED_FOR_WITHOUT_AN_AGREEMENT = """
SELECT a.pay_order_no, a.seq::text AS about,
       g.card_id IS NULL
       OR coalesce(a.created_at > g.ends_at + interval '60 seconds', false) AS wrong,
       jsonb_build_object('ended_at', g.ends_at, 'begun_at', a.created_at,
           'card_id', p.card_id, 'channel', a.channel,
           'account', a.account, 'trans_type', a.trans_type) AS said
FROM attempt a
JOIN payment p USING (pay_order_no)
LEFT JOIN cards_agreement g
       ON g.card_id = p.card_id COLLATE "C"
      AND g.channel = a.channel COLLATE "C" AND g.account = a.account COLLATE "C"
      AND g.pay_type = CASE a.trans_type
          WHEN 'DEDUCT' THEN 'DEDUCT' ELSE 'QUICK_PAY' END
WHERE a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
"""

IS_A_CODE_BOUND_TO_SOMETHING_ELSE = """
SELECT c.pay_order_no, c.seq::text AS about,
       (c.amount, c.currency, c.card_id)
       IS DISTINCT FROM (p.payable_amount, p.currency, p.card_id)
       OR (a.trans_type, a.channel)
          IS DISTINCT FROM ('QUICK_PAY_SEND_MSG', 'sms_centre') AS wrong,
       jsonb_build_object('code_amount', c.amount, 'payable_amount', p.payable_amount,
           'sent_by', a.trans_type, 'at', a.channel) AS said
FROM sms_code c
LEFT JOIN payment p USING (pay_order_no)
LEFT JOIN attempt a USING (pay_order_no, seq)
"""

# Ten at one code are the most that the settings admit. Every try has its attempt.
WAS_A_CODE_TRIED_TOO_OFTEN = """
SELECT pay_order_no, NULL::text AS about,
       c.most NOT BETWEEN 0 AND 10 OR c.tries > coalesce(a.verifications, 0) AS wrong,
       jsonb_build_object('tries', c.tries, 'most_at_one_code', c.most,
           'verifications', coalesce(a.verifications, 0)) AS said
FROM (
    SELECT pay_order_no, sum(tries) AS tries, max(tries) AS most
    FROM sms_code GROUP BY pay_order_no
) c
LEFT JOIN (
    SELECT pay_order_no, count(*) AS verifications
    FROM attempt WHERE trans_type = 'SMS_VERIFY' GROUP BY pay_order_no
) a USING (pay_order_no)
"""

# An attempt is recorded before the code is compared: an expired one cannot have passed.
WAS_A_CODE_GOOD_AFTER_ITS_END = """
SELECT a.pay_order_no, a.seq::text AS about,
       a.created_at < c.expires_at IS NOT TRUE AS wrong,
       jsonb_build_object('code_sent_by', a.sent, 'expires_at', c.expires_at,
           'verified_at', a.created_at) AS said
FROM (
    SELECT pay_order_no, seq, trans_type, process_status, created_at,
           max(seq) FILTER (WHERE trans_type = 'QUICK_PAY_SEND_MSG'
               AND channel = 'sms_centre' AND process_status = 'GW_SUCCESS')
               OVER (PARTITION BY pay_order_no ORDER BY seq) AS sent
    FROM attempt_with_codes
) AS a
LEFT JOIN sms_code c ON c.pay_order_no = a.pay_order_no AND c.seq = a.sent
WHERE a.trans_type = 'SMS_VERIFY' AND a.process_status = 'GW_SUCCESS'
"""

IS_A_CODE_GOOD_BESIDE_OR_BEHIND_ANOTHER = """
SELECT pay_order_no, seq::text AS about,
       good > 1 OR newest IS DISTINCT FROM seq
       OR (status = 'PASSED') <> (passed_at IS NOT NULL) AS wrong,
       jsonb_build_object('status', status, 'good', good, 'newest_out', newest) AS said
FROM (
    SELECT pay_order_no, seq, status, passed_at,
           count(*) FILTER (WHERE status IN ('ACTIVE', 'PASSED')) OVER of AS good,
           max(seq) FILTER (WHERE status NOT IN ('PENDING', 'VOID')) OVER of AS newest
    FROM sms_code
    WINDOW of AS (PARTITION BY pay_order_no)
) AS c
WHERE status IN ('ACTIVE', 'PASSED')
"""

# After a conversion a bank's send never counts; before one there is no send of ours.
IS_ANOTHER_CODE_IN_FORCE_THAN_THE_NEWEST = """
SELECT p.pay_order_no, NULL::text AS about,
       (p.code_seq, p.code_by) IS DISTINCT FROM
       CASE WHEN p.pay_type = 'DEDUCT'
            THEN (s.ours, CASE WHEN s.ours IS NOT NULL THEN 'sms_centre' END)
            ELSE (s.theirs, CASE WHEN s.theirs IS NOT NULL THEN 'channel' END) END
       OR (p.pay_type = 'QUICK_PAY' AND s.ours IS NOT NULL) AS wrong,
       jsonb_build_object('pay_type', p.pay_type, 'in_force', p.code_seq,
           'sent_by', p.code_by, 'newest_of_ours', s.ours,
           'newest_of_a_bank', s.theirs) AS said
FROM payment p
LEFT JOIN (
    SELECT pay_order_no,
           max(seq) FILTER (WHERE channel = 'sms_centre') AS ours,
           max(seq) FILTER (WHERE channel <> 'sms_centre') AS theirs
    FROM attempt
    WHERE trans_type = 'QUICK_PAY_SEND_MSG' AND process_status = 'GW_SUCCESS'
    GROUP BY pay_order_no
) s USING (pay_order_no)
"""

WAS_A_CODE_CONFIRMED_WHERE_IT_DID_NOT_COME_FROM = """
SELECT a.pay_order_no, a.seq::text AS about,
       (s.channel, s.account, s.inst_trans_id)
       IS DISTINCT FROM (a.channel, a.account, a.inst_trans_id)
       OR a.request_no NOT IN
          (s.request_no, a.pay_order_no || lpad(a.seq::text, 2, '0')) AS wrong,
       jsonb_build_object('sent_at', s.channel, 'sent_account', s.account,
           'confirmed_at', a.channel, 'confirmed_account', a.account) AS said
FROM (
    SELECT pay_order_no, seq, trans_type, channel, account, inst_trans_id, request_no,
           max(seq) FILTER (WHERE trans_type = 'QUICK_PAY_SEND_MSG'
               AND process_status = 'GW_SUCCESS')
               OVER (PARTITION BY pay_order_no ORDER BY seq) AS sent
    FROM attempt
) AS a
LEFT JOIN attempt s ON s.pay_order_no = a.pay_order_no AND s.seq = a.sent
WHERE a.trans_type = 'QUICK_PAY_CONFIRM'
"""

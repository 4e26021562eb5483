"""I7 again: agreements and mandates, what they allowed, and what ended them."""

from paycore.audit.invariant import Check

# By its history for ever, and by the message as long as messages are kept.
IS_AN_AGREEMENT_NOT_ACKNOWLEDGED = """
SELECT s.signing_no AS pay_order_no, s.card_id AS about,
       NOT EXISTS (
           SELECT FROM agreement_transition t
           WHERE t.card_id = s.card_id AND t.signing_no = s.signing_no
             AND t.event IN ('SIGNED', 'SIGN_FOUND'))
       OR (s.signing_no >= (SELECT messages FROM let_go) AND NOT EXISTS (
           SELECT FROM gateway_message m
           WHERE m.pay_order_no = s.signing_no
             AND (m.channel, m.account) = (s.channel, s.account)
             AND m.direction = 'IN' AND m.verdict LIKE 'SUCCEEDED%'
             AND m.operation IN ('sign_confirm', 'enquire'))) AS wrong,
       jsonb_build_object('status', s.status, 'channel', s.channel,
           'account', s.account, 'signed_at', s.signed_at) AS said
FROM agreement_signing s
WHERE s.signed_at IS NOT NULL
"""

WAS_MONEY_ASKED_FOR_AFTER_A_REVOCATION = """
SELECT a.pay_order_no, a.seq::text AS about,
       coalesce(a.created_at > s.ended_at + interval '60 seconds', false) AS wrong,
       jsonb_build_object('ended_at', s.ended_at, 'begun_at', a.created_at,
           'status', s.status, 'channel', a.channel, 'account', a.account) AS said
FROM attempt a
JOIN payment p USING (pay_order_no)
JOIN agreement_signing s
  ON s.card_id = p.card_id COLLATE "C"
 AND (s.channel, s.account) = (a.channel, a.account)
 AND s.pay_type = CASE a.trans_type WHEN 'DEDUCT' THEN 'DEDUCT' ELSE 'QUICK_PAY' END
WHERE a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
"""

# Live then: the question that the router was asked names the agreements that were.
WAS_A_DEDUCT_ROUTED_WITHOUT_A_LIVE_MANDATE = """
SELECT d.pay_order_no, d.decision_id::text AS about,
       NOT EXISTS (
           SELECT FROM jsonb_array_elements(d.question -> 'agreements') AS agreed,
                       jsonb_array_elements(d.candidates) AS candidate
           WHERE candidate ->> 'inst_trans_id' = d.chosen
             AND candidate ->> 'channel' = agreed ->> 0
             AND candidate ->> 'account' = agreed ->> 1
       ) AS wrong,
       jsonb_build_object('chosen', d.chosen,
           'agreements', d.question -> 'agreements') AS said
FROM router_decision d
WHERE d.trans_type = 'DEDUCT' AND d.chosen IS NOT NULL
"""

CHECKS = (
    Check(
        name="a deduct routed without a live mandate",
        sql=WAS_A_DEDUCT_ROUTED_WITHOUT_A_LIVE_MANDATE,
    ),
    Check(
        name="an agreement that its channel did not acknowledge",
        sql=IS_AN_AGREEMENT_NOT_ACKNOWLEDGED,
        whole=True,
    ),
    Check(
        name="money asked for after a revocation",
        sql=WAS_MONEY_ASKED_FOR_AFTER_A_REVOCATION,
    ),
)

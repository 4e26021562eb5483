"""I24: whose is it? Everything of a payment belongs to the payment's business line."""

IS_THE_CARD_ANOTHER_LINES = """
SELECT p.pay_order_no, p.card_id AS about,
       c.biz_line IS DISTINCT FROM p.biz_line AS wrong,
       jsonb_build_object('biz_line', p.biz_line, 'cards_line', c.biz_line) AS said
FROM payment p LEFT JOIN cards_card c ON c.card_id = p.card_id COLLATE "C"
"""

IS_THE_COUPON_ANOTHER_LINES = """
SELECT p.pay_order_no, p.coupon_no AS about,
       c.coupon_no IS NULL AS wrong,
       jsonb_build_object('biz_line', p.biz_line) AS said
FROM payment p
LEFT JOIN coupon c ON c.biz_line = p.biz_line COLLATE "C"
                  AND c.coupon_no = p.coupon_no COLLATE "C"
LEFT JOIN coupon_hold h ON h.pay_order_no = p.pay_order_no
WHERE p.coupon_no IS NOT NULL AND h.pay_order_no IS NULL
"""

IS_ANOTHER_LINE_TOLD = """
SELECT n.pay_order_no, n.notice_id AS about,
       n.biz_line IS DISTINCT FROM p.biz_line
       OR (n.endpoint_id IS NOT NULL AND e.biz_line IS DISTINCT FROM n.biz_line)
       AS wrong,
       jsonb_build_object('biz_line', p.biz_line, 'notices_line', n.biz_line,
           'end_points_line', e.biz_line) AS said
FROM notify_notice n
LEFT JOIN payment p USING (pay_order_no)
LEFT JOIN notify_endpoint e ON e.endpoint_id = n.endpoint_id COLLATE "C"
"""

IS_THE_CHECKOUT_ANOTHERS = """
SELECT c.pay_order_no, c.checkout_no AS about,
       (p.biz_line, p.out_biz_no, p.amount, p.currency)
       IS DISTINCT FROM (c.biz_line, c.out_biz_no, c.amount, c.currency)
       OR NOT (c.card_ids || c.own_cards) @> to_jsonb(p.card_id)
       OR (n.checkout_no IS NOT NULL AND n.checkout_no <> c.checkout_no) AS wrong,
       jsonb_build_object('biz_line', p.biz_line, 'checkouts_line', c.biz_line,
           'amount', p.amount, 'asked_for', c.amount, 'currency', p.currency) AS said
FROM checkout c
LEFT JOIN payment p USING (pay_order_no)
LEFT JOIN checkout_out_biz_no n ON n.biz_line = c.biz_line
                               AND n.out_biz_no = c.out_biz_no
WHERE c.pay_order_no IS NOT NULL
"""

IS_IT_PAID_AT_AN_EXPIRED_CHECKOUT = """
SELECT c.pay_order_no, c.checkout_no AS about, c.expired_at IS NOT NULL AS wrong,
       jsonb_build_object('expired_at', c.expired_at, 'opened_at', c.opened_at,
           'biz_status', p.biz_status) AS said
FROM checkout c LEFT JOIN payment p USING (pay_order_no)
WHERE c.pay_order_no IS NOT NULL
"""

"""I10 and I11: coupons and the orders that hold them.

An order whose coupon lives in a system of the user's own has a row of `coupon_hold` and
none of `coupon`: those are asked about in `holds.py`.
"""

IS_A_COUPON_HELD_OUT_OF_STEP = """
SELECT c.holder AS pay_order_no, c.coupon_no AS about,
       (p.biz_line, p.coupon_no, p.coupon_amount, p.currency)
       IS DISTINCT FROM (c.biz_line, c.coupon_no, c.amount, c.currency)
       OR (c.status = 'USED') <> (p.biz_status = 'SUCCESS')
       OR (c.status = 'LOCKED') <> (p.biz_status = 'DOING') AS wrong,
       jsonb_build_object('coupon', c.status, 'biz_status', p.biz_status,
           'orders_coupon', p.coupon_no, 'amount', c.amount, 'currency', c.currency,
           'orders_coupon_amount', p.coupon_amount) AS said
FROM held_coupon c LEFT JOIN payment p ON p.pay_order_no = c.holder
"""

# Or another order has it, and a person was told so in the same change.
IS_A_SUCCESS_WITHOUT_ITS_COUPON = """
SELECT p.pay_order_no, p.coupon_no AS about,
       (c.status, c.holder) IS DISTINCT FROM ('USED', p.pay_order_no)
       AND d.pay_order_no IS NULL AS wrong,
       jsonb_build_object('coupon', c.status, 'holder', c.holder) AS said
FROM payment p
LEFT JOIN coupon c ON c.biz_line = p.biz_line COLLATE "C"
                  AND c.coupon_no = p.coupon_no COLLATE "C"
LEFT JOIN (
    SELECT DISTINCT pay_order_no FROM desk_case WHERE kind = 'COUPON_GONE'
) d ON d.pay_order_no = p.pay_order_no
LEFT JOIN coupon_hold h ON h.pay_order_no = p.pay_order_no
WHERE p.coupon_no IS NOT NULL AND p.biz_status = 'SUCCESS'
  AND h.pay_order_no IS NULL
"""

IS_THE_COUPON_OF_AN_UNKNOWN_ORDER_FREE = """
SELECT p.pay_order_no, p.coupon_no AS about,
       (c.status, c.holder) IS DISTINCT FROM ('LOCKED', p.pay_order_no) AS wrong,
       jsonb_build_object('leg', a.seq, 'coupon', c.status, 'holder', c.holder) AS said
FROM payment p
JOIN attempt a USING (pay_order_no)
LEFT JOIN coupon c ON c.biz_line = p.biz_line COLLATE "C"
                  AND c.coupon_no = p.coupon_no COLLATE "C"
LEFT JOIN coupon_hold h ON h.pay_order_no = p.pay_order_no
WHERE p.coupon_no IS NOT NULL AND h.pay_order_no IS NULL
  AND a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
  AND a.process_status IN ('INIT', 'GW_DOING')
"""

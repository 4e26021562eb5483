"""I6, I10 and I11, as far as coupons live in a system of the user's own."""

# Or it is away, and a person was told so.
IS_A_USE_OR_UNLOCK_OWED_AND_NOT_ON_ITS_WAY = """
SELECT h.pay_order_no, h.coupon_no AS about,
       greatest(h.next_check_at, h.lease_until)
       < $3 - interval '10 minutes' IS NOT FALSE
       AND NOT EXISTS (
           SELECT FROM desk_case WHERE kind = 'COUPON_BEHIND' AND status = 'OPEN'
       ) AS wrong,
       jsonb_build_object('owed', h.status, 'owed_at', h.owed_at, 'tries', h.tries,
           'next_check_at', h.next_check_at, 'lease_until', h.lease_until) AS said
FROM coupon_hold h
WHERE h.status IN ('USING', 'FREEING')
"""

# A use is of a success, and of each; what was asked for and not paid is given back.
IS_A_HOLD_OUT_OF_STEP = """
SELECT h.pay_order_no, h.coupon_no AS about,
       (p.biz_line, p.coupon_no, p.coupon_amount, p.currency)
       IS DISTINCT FROM (h.biz_line, h.coupon_no, h.amount, h.currency)
       OR (p.biz_status = 'SUCCESS') <> (h.status IN ('USING', 'USED'))
       OR (p.biz_status IN ('FAIL', 'CLOSED') AND h.status IN ('ASKED', 'LOCKED'))
       OR (p.biz_status = 'DOING' AND h.status IN ('FREEING', 'FREED')) AS wrong,
       jsonb_build_object('hold', h.status, 'biz_status', p.biz_status,
           'orders_coupon', p.coupon_no, 'amount', h.amount, 'currency', h.currency,
           'orders_coupon_amount', p.coupon_amount) AS said
FROM coupon_hold h LEFT JOIN payment p ON p.pay_order_no = h.pay_order_no
"""

WAS_MONEY_ASKED_FOR_WITHOUT_ITS_COUPON = """
SELECT h.pay_order_no, h.coupon_no AS about, h.status <> 'LOCKED' AS wrong,
       jsonb_build_object('leg', a.seq, 'hold', h.status) AS said
FROM coupon_hold h JOIN attempt a ON a.pay_order_no = h.pay_order_no
WHERE a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
  AND a.process_status IN ('INIT', 'GW_DOING')
"""

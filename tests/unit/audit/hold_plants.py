"""Planted violations of what orders have of coupons that live elsewhere."""

from plants import Plant

HOLDS = (
    Plant(
        "a use or unlock that is owed and not on its way",
        "UPDATE coupon_hold SET lease_until = NULL, lease_epoch = NULL,"
        " next_check_at = clock_timestamp() - interval '11 minutes'"
        " WHERE pay_order_no = '{no}'",
        "owed_elsewhere",
    ),
    Plant(
        "a hold elsewhere out of step with its order",
        "UPDATE coupon_hold SET amount = amount + 1 WHERE pay_order_no = '{no}'",
        "used_elsewhere",
    ),
    Plant(
        "a hold elsewhere out of step with its order",
        "UPDATE coupon_hold SET status = 'FREED' WHERE pay_order_no = '{no}'",
        "used_elsewhere",
    ),
    Plant(
        "a hold elsewhere out of step with its order",
        "UPDATE coupon_hold SET status = 'FREEING', owed_at = clock_timestamp(),"
        " next_check_at = clock_timestamp() WHERE pay_order_no = '{no}'",
        "unknown_elsewhere",
        ("money asked for without the lock elsewhere",),
    ),
    Plant(
        "money asked for without the lock elsewhere",
        "UPDATE coupon_hold SET status = 'ASKED' WHERE pay_order_no = '{no}'",
        "unknown_elsewhere",
    ),
)

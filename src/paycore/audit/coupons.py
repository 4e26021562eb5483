"""What the auditor asks about coupons, for the catalogue: pure.

In a file of its own, as the catalogue is a page of one line a thing already.
"""

from typing import Final

from paycore.audit.invariant import Check
from paycore.audit.questions import coupons, holds

I6: Final = (
    Check(
        name="a use or unlock that is owed and not on its way",
        sql=holds.IS_A_USE_OR_UNLOCK_OWED_AND_NOT_ON_ITS_WAY,
    ),
)
I10: Final = (
    Check(
        name="a coupon out of step with its order",
        sql=coupons.IS_A_COUPON_HELD_OUT_OF_STEP,
    ),
    Check(
        name="a success without its coupon",
        sql=coupons.IS_A_SUCCESS_WITHOUT_ITS_COUPON,
    ),
    Check(
        name="a hold elsewhere out of step with its order",
        sql=holds.IS_A_HOLD_OUT_OF_STEP,
    ),
)
I11: Final = (
    Check(
        name="the coupon of an unknown order is free",
        sql=coupons.IS_THE_COUPON_OF_AN_UNKNOWN_ORDER_FREE,
    ),
    Check(
        name="money asked for without the lock elsewhere",
        sql=holds.WAS_MONEY_ASKED_FOR_WITHOUT_ITS_COUPON,
    ),
)

"""Holds on coupons in a system of the user's own, as people look at them."""

from datetime import timedelta

import pytest

from paycore.coupon.rows import HoldRow, HoldStatus
from paycore.kernel.ids import pay_order_no
from paycore.kernel.terms import BizLineId, CouponNo

OWED_S = {HoldStatus.USING: 90, HoldStatus.FREEING: 400}


async def _held(visit) -> dict[HoldStatus, str]:
    """One hold of each status; the order that has it."""
    node, change, numbers = visit.node, visit.node.change(), {}
    now = node.now()
    for status in HoldStatus:
        done = status in (HoldStatus.USED, HoldStatus.FREED)
        owed_at = now - timedelta(seconds=OWED_S.get(status, 60))
        numbers[status] = pay_order_no(node.ids, now)
        change.insert(
            HoldRow(
                pay_order_no=numbers[status],
                biz_line=BizLineId("shop" if status.owed else "tickets"),
                coupon_no=CouponNo(f"c-{status}"),
                amount=250,
                currency="CNY",
                status=status,
                tries=3 if status.owed else 0,
                last_result="no answer" if status.owed else "",
                owed_at=owed_at if status.owed or done else None,
                acknowledged_at=now if done else None,
                next_check_at=now if status.owed else None,
            )
        )
    assert await node.journal.commit(change) is None
    return numbers


@pytest.fixture
def held(paycore, inside) -> dict[HoldStatus, str]:
    """A hold of every status."""
    return inside(_held)


def test_what_is_not_acknowledged_is_listed(paycore, held):
    """The longest owed first, with its age, the tries and the last result."""
    told = paycore("coupons", "holds", "--open", "--json").told["holds"]
    told = [one for one in told if one["pay_order_no"] in held.values()]

    assert ["FREEING", "USING"] == [one["status"] for one in told]
    for one in told:
        assert OWED_S[one["status"]] <= one["age_s"] < OWED_S[one["status"]] + 60
        assert (3, "no answer") == (one["tries"], one["last_result"])


def test_every_hold_is_listed(paycore, held):
    """Of one line where it is asked for; what is owed by nobody has no age."""
    every = paycore("coupons", "holds", "--limit", "500", "--json").told["holds"]
    mine = {one["status"]: one for one in every if one["pay_order_no"] in held.values()}
    other = paycore("coupons", "holds", "--line", "nobody")

    assert set(HoldStatus) == set(mine)
    assert mine["USED"]["age_s"] is None
    assert mine["LOCKED"]["owed_at"] is None
    assert (0, "There are no holds.\n") == (other.code, other.out)


def test_a_table_shows_them(paycore, held):
    """For people, with the order's number."""
    shown = paycore("coupons", "holds", "--open").out

    assert held[HoldStatus.USING] in shown
    assert "no answer" in shown
    assert held[HoldStatus.USED] not in shown

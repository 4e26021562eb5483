"""Refunds as people look at them."""

from datetime import timedelta

import pytest

from paycore.core.refunds.refund import reserved
from paycore.core.rows import (
    AttemptRow,
    PaymentRow,
    RefundRow,
    RefundTotalRow,
    RefundTransitionRow,
)
from paycore.kernel.ids import attempt_id, pay_order_no, refund_no
from paycore.kernel.terms import (
    BizLineId,
    BizStatus,
    CardId,
    PayOrderNo,
    ProcessStatus,
    RefundStatus,
    TransType,
)

SHOP = BizLineId("shop")


async def _paid(visit) -> PayOrderNo:
    """A paid order of 100."""
    node, change = visit.node, visit.node.change()
    now = node.now()
    no = pay_order_no(node.ids, now)
    change.insert(
        PaymentRow(
            pay_order_no=no,
            biz_line=SHOP,
            out_biz_no="o-1",
            biz_order_no=None,
            amount=100,
            coupon_no=None,
            coupon_amount=0,
            payable_amount=100,
            currency="CNY",
            card_id=CardId("card_1"),
            subject="Tea",
            biz_status=BizStatus.SUCCESS,
            created_at=now,
            expires_at=now + timedelta(minutes=15),
            finished_at=now,
            next_check_at=None,
        )
    )
    change.append(
        AttemptRow(
            pay_order_no=no,
            seq=1,
            trans_type=TransType.DEDUCT,
            process_status=ProcessStatus.GW_SUCCESS,
            channel="deduct_a",
            account="main",
            inst_trans_id="deduct_a.deduct",
            request_no=attempt_id(no, 1),
            amount=100,
            currency="CNY",
            created_at=now,
            quiet_from=now,
            finished_at=now,
        )
    )
    assert await node.journal.commit(change) is None
    return no


async def _refund(visit) -> str:
    """A paid order, of which 60 of 100 are on their way back."""
    no, node = await _paid(visit), visit.node
    now = node.now()
    change, number = node.change(), refund_no(no, 1)
    total = RefundTotalRow(pay_order_no=no, amount=100, payable_amount=100)
    change.insert(reserved(total, amount=60, money=60))
    change.append(
        RefundRow(
            pay_order_no=no,
            refund_no=number,
            biz_line=SHOP,
            out_refund_no="r-1",
            amount=60,
            money_amount=60,
            coupon_amount=0,
            currency="CNY",
            reason="[bold]",
            channel="deduct_a",
            account="main",
            inst_trans_id="deduct_a.deduct",
            original_request_no=attempt_id(no, 1),
            last_event="REFUND_BEGUN",
            events=1,
            created_at=now,
            quiet_from=now,
            next_check_at=now + timedelta(hours=1),
        )
    )
    change.append(
        RefundTransitionRow(
            pay_order_no=no,
            refund_no=number,
            seq=1,
            from_status=RefundStatus.DOING,
            event="REFUND_BEGUN",
            to_status=RefundStatus.DOING,
            cause="",
            at=now,
        )
    )
    assert await node.journal.commit(change) is None
    return number


def test_refunds_are_listed_and_shown(paycore, inside):
    """By payment, line and status; one with what happened to it."""
    number = inside(_refund)

    def listed(*words: str) -> list[str]:
        found = paycore("refunds", "list", "--json", *words)
        assert 0 == found.code, found.err
        return [one["refund_no"] for one in found.told["refunds"]]

    assert [number] == listed("--order", number[:26]) == listed("--status", "DOING")
    assert [] == listed("--line", "nobody") == listed("--status", "FAIL")
    told = paycore("refunds", "show", number, "--json").told
    assert ("r-1", 60) == (told["out_refund_no"], told["amount"])
    assert ["REFUND_BEGUN"] == [step["event"] for step in told["steps"]]
    assert "[bold]" in paycore("refunds", "show", number).out


@pytest.mark.parametrize(
    "words", [("list", "--status", "GONE"), ("show", "x"), ("show", "9" * 26 + "R01")]
)
def test_bad_input_is_refused_with_status_2(paycore, words):
    """What cannot be asked, or is not there, is status 2 and nothing on the output."""
    result = paycore("refunds", *words)

    assert (2, "") == (result.code, result.out)

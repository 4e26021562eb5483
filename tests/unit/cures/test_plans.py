"""What a plan says in Chinese: the same sums and names as in English."""

from datetime import UTC, datetime

import pytest

from paycore.accounting.suspense import Parked
from paycore.cures.facts import Facts
from paycore.cures.plans import plan
from paycore.cures.table import Cure
from paycore.desk.rows import CaseRow
from paycore.kernel.terms import Json, PayOrderNo

NEVER = "as if it had never been parked"
NO = PayOrderNo("26112312000000000000000000")


def facts(kind: str, *, surplus: bool | None = None, **more: object) -> Facts:
    """A case without a payment of ours, and what is parked for it."""
    case = CaseRow(
        case_id=f"{kind}:1",
        kind=kind,
        pay_order_no=None,
        attempt_seq=None,
        amount=1250,
        currency="CNY",
        evidence=Json('{"notice_id": "msg_1"}'),
        opened_at=datetime(2026, 11, 30, tzinfo=UTC),
    )
    parked = Parked(
        no=NO,
        case_id=case.case_id,
        channel="quick_a",
        account="main",
        amount=1250,
        currency="CNY",
        surplus=bool(surplus),
    )
    nothing = {"payment": None, "leg": None, "refund": None, "given_back": None}
    about = {**nothing, "moved_there": None, "healed": False, **more}
    return Facts(case=case, parked=None if surplus is None else parked, **about)


@pytest.mark.parametrize(
    ("cure", "about", "english", "chinese"),
    [
        (
            Cure.WRITE_OFF,
            facts("RECON_WE_LACK", surplus=True),
            "12.50 CNY leave suspense, written off as our gain; the case is closed.",
            "挂账金额 12.50 CNY 转出挂账，计入差错损益，作为我方收益；差错结案。",
        ),
        (
            Cure.WRITE_OFF,
            facts("RECON_WE_LACK", surplus=False),
            "12.50 CNY leave suspense, written off as our loss; the case is closed.",
            "挂账金额 12.50 CNY 转出挂账，计入差错损益，作为我方损失；差错结案。",
        ),
        (
            Cure.RELEASE,
            facts("RECON_WE_LACK", surplus=True, healed=True),
            f"12.50 CNY leave suspense, {NEVER}; the case is closed.",
            "挂账金额 12.50 CNY 转出挂账，视同从未挂账；差错结案。",
        ),
        (
            Cure.NOTE,
            facts("CONTRADICTION"),
            "The case is closed with this reason; nothing else is done.",
            "以此原因备注结案，不做其他操作。",
        ),
        (
            Cure.RENOTIFY,
            facts("NOTICE_PARKED"),
            "The notice is sent again with the same id; the case is closed.",
            "重发同一通知，编号不变；差错结案。",
        ),
    ],
    ids=["gain", "loss", "release", "note", "notice"],
)
def test_a_plan_says_the_same_in_both_languages(node, cure, about, english, chinese):
    """Its sum as people read it, and which way it goes."""
    made = plan(node, about, cure)

    assert english == made.does
    assert chinese == made.does_zh

"""The exception desk takes what others saw."""

import msgspec

from paycore.desk import service
from paycore.desk.rows import CaseRow, CureRow, CureStatus, StepRow
from paycore.kernel.terms import Json, PayOrderNo

NO = PayOrderNo("26112312000000000000000000")


async def test_a_case_comes_with_the_change_that_saw_it(node):
    """A case is staged, not written: it is there when its change is."""
    change = node.change()

    await service.open_case(
        node,
        change,
        kind="AMOUNT_DIFFERS",
        pay_order_no=NO,
        attempt_seq=2,
        amount=500,
        currency="CNY",
        evidence={"ours": 500, "theirs": 499},
    )
    before = await node.journal.every(CaseRow)
    await node.journal.commit(change)
    (case,) = await node.journal.every(CaseRow)

    assert [] == before
    assert ("OPEN", NO, 2, 500) == (
        case.status,
        case.pay_order_no,
        case.attempt_seq,
        case.amount,
    )


async def test_evidence_is_masked_at_every_depth(node):
    """A channel's words may hold a card or a phone: the evidence does not."""
    change = node.change()

    await service.open_case(
        node,
        change,
        kind="SIGNATURE",
        pay_order_no=NO,
        evidence={
            "answer": ["card 6222021234567894", {"to": "13812341234"}],
            "at": node.now(),
            "amount": 6222021234567894,
        },
    )
    evidence = change.inserts[0].row.evidence

    assert "6222021234567894" not in evidence.replace('"amount":6222021234567894', "")
    assert "13812341234" not in evidence
    assert 6222021234567894 == msgspec.json.decode(evidence)["amount"]


async def test_what_is_seen_again_is_one_case(node):
    """A channel that repeats itself a hundred times makes one case, not a hundred."""
    for _ in range(3):
        change = node.change()
        await service.open_case(
            node, change, kind="LATE_MONEY", pay_order_no=NO, evidence={}
        )
        await node.journal.commit(change)
    late = [c for c in await node.journal.every(CaseRow) if c.kind == "LATE_MONEY"]

    assert 1 == len(late)


async def test_a_payments_own_numbers_stay_readable(node):
    """One payment number in ten has the digits of a card; who works on the case needs
    it as it is. A stranger's number is masked all the same.
    """
    own = PayOrderNo("260329015450875ZG3ZFG9HNNY")
    evidence = {
        "refund_no": f"{own}M01",
        "said": "260329015450875 is my card",
        "other": "260329015450875",
    }
    change = node.change()

    await service.open_case(
        node,
        change,
        kind="LATE_MONEY",
        pay_order_no=own,
        attempt_seq=1,
        amount=500,
        currency="CNY",
        evidence=evidence,
    )
    (insert,) = change.inserts
    said = msgspec.json.decode(insert.row.evidence)
    await node.journal.commit(change)
    told = node.change()
    await service.found_out(
        *(node, told, insert.row.case_id),
        what="GIVEN_BACK",
        found={"refund_no": f"{own}M01"},
        close=True,
    )
    await node.journal.commit(told)
    ended = await node.journal.load(CaseRow, insert.row.case_id)

    assert f"{own}M01" == said["refund_no"]
    assert "015450875" not in said["said"] + said["other"]
    assert f"{own}M01" == msgspec.json.decode(ended.evidence)["refund_no"]
    assert ("CLOSED", 2) == (ended.status, ended.version)


async def test_a_cure_that_has_ended_is_not_ended_again(node):
    """Two hear the end of what it was about: the slower one stages nothing, and what it
    has of the refund is refused by that one's version.
    """
    at = node.now()
    case_id = "LATE_MONEY:twice"
    case = CaseRow(
        case_id=case_id,
        kind="LATE_MONEY",
        pay_order_no=None,
        attempt_seq=None,
        amount=500,
        currency="CNY",
        evidence=Json("{}"),
        opened_at=at,
    )
    cure = CureRow(
        case_id=case_id,
        number=1,
        cure="REFUND",
        amount=500,
        currency="CNY",
        does="goes back",
        seen=b"",
        needs_second=False,
        status=CureStatus.EXECUTED,
        proposed_by="ann",
        why="so",
        proposed_at=at,
        executed_by="ann",
        executed_at=at,
    )
    change = node.change()
    change.insert(case)
    change.insert(cure)
    await node.journal.commit(change)
    first, second = node.change(), node.change()

    await service.ended(node, first, case_id, done=True, said="back")
    await node.journal.commit(first)
    await service.ended(node, second, case_id, done=True, said="back")
    ended = await node.journal.load(CureRow, case_id, 1)
    steps = await node.journal.within(StepRow, case_id)

    assert CureStatus.DONE == ended.status
    assert second.empty
    assert [1] == [step.seq for step in steps]

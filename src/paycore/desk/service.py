"""The exception desk: cases for people.

Whoever sees a contradiction, or runs out of schedule, stages a case in the same change
as what it saw. Nothing is decided here and nothing is cured here (that is `cures`);
what is done about a case is written down here, step by step.
"""

import re
from collections.abc import Mapping
from itertools import count
from typing import cast

import msgspec
from msgspec.structs import replace

from paycore.desk.rows import CaseRow, CureRow, CureStatus, StepRow
from paycore.kernel.journal import Change
from paycore.kernel.mask import mask_text
from paycore.kernel.node import Node
from paycore.kernel.terms import Json, PayOrderNo


async def open_case(
    node: Node,
    change: Change,
    *,
    kind: str,
    pay_order_no: PayOrderNo | None,
    attempt_seq: int | None = None,
    amount: int | None = None,
    currency: str | None = None,
    evidence: Mapping[str, object],
    about: str = "",
    again: bool = False,
) -> str | None:
    """Stage a case with its evidence, masked: a channel's words may hold anything.

    One kind of thing about one attempt (and `about`, where that is not enough) is one
    case, however often it is seen: a channel may repeat itself a hundred times. Two who
    see it at once meet at the guard "desk_case". What is about no payment has `about`.
    `again`: what is still so after its case was closed is another case.
    Gives the case's id where it is new.
    """
    name = case_id(kind, pay_order_no, attempt_seq, about)
    name = await _next(node, name) if again else name
    staged = any(insert.row.key() == (name,) for insert in change.inserts)
    if staged or await node.journal.load(CaseRow, name) is not None:
        return None
    change.insert(
        CaseRow(
            case_id=name,
            kind=kind,
            pay_order_no=pay_order_no,
            attempt_seq=attempt_seq,
            amount=amount,
            currency=currency,
            evidence=Json(
                msgspec.json.encode(
                    _masked(msgspec.to_builtins(evidence), pay_order_no)
                ).decode()
            ),
            opened_at=node.now(),
        )
    )
    return name


def case_id(
    kind: str, pay_order_no: str | None, attempt_seq: int | None, about: str
) -> str:
    """What a case of this is called, opened or not."""
    seq = "" if attempt_seq is None else f"{attempt_seq:02d}"
    return ":".join((kind, pay_order_no or "", seq, about))


OURSELVES = "paycore"
"""Who writes down what came of a cure."""


def act(
    node: Node,
    change: Change,
    case: CaseRow,
    *,
    who: str,
    what: str,
    why: str,
    cure_number: int | None = None,
    said: str = "",
    owner: str | None = None,
    close: bool = False,
) -> CaseRow:
    """Stage a step of a case as it was loaded: whoever was faster refuses it, so that
    the numbers of the steps have no gap. Gives the case as it will stand.
    """
    now = node.now()
    change.insert(
        StepRow(
            case_id=case.case_id,
            seq=case.version,
            at=now,
            who=who,
            what=what,
            why=why,
            cure_number=cure_number,
            said=said,
        )
    )
    after = replace(case, owner=owner or case.owner)
    if close:
        after = replace(after, status="CLOSED", closed_at=now)
    change.update(after, version=case.version)
    return after


async def ended(
    node: Node, change: Change, case_id: str, *, done: bool, said: str
) -> None:
    """Stage what came of the cure that is under way; if it is done, so is the case.

    A cure ends in the commit of what it was about. Where none is under way any more,
    somebody brought that end a moment ago, and whoever still has it as it was before is
    refused by its version.
    """
    case = await node.journal.load(CaseRow, case_id)
    cures = await node.journal.within(CureRow, case_id)
    cure = next((one for one in cures if one.status is CureStatus.EXECUTED), None)
    assert case is not None, "a cure has its case"
    if cure is None:
        return
    finished = replace(
        cure,
        status=CureStatus.DONE if done else CureStatus.FAILED,
        result=said,
        ended_at=node.now(),
    )
    change.update(finished, version=cure.version)
    act(
        *(node, change, case),
        who=OURSELVES,
        what=finished.status,
        why=cure.why,
        cure_number=cure.number,
        said=said,
        close=done,
    )


async def found_out(
    node: Node,
    change: Change,
    case_id: str,
    *,
    what: str,
    found: Mapping[str, object],
    close: bool,
) -> None:
    """Stage what became of a case's matter by itself, into its evidence and its steps;
    closed where nobody need look any more.
    """
    case = await node.journal.load(CaseRow, case_id)
    assert case is not None, "what became of it is found by its case"
    evidence = msgspec.json.decode(case.evidence, type=dict[str, object])
    told = _masked(msgspec.to_builtins(found), case.pay_order_no)
    evidence.update(cast("dict[str, object]", told))
    act(
        *(node, change),
        replace(case, evidence=Json(msgspec.json.encode(evidence).decode())),
        who=OURSELVES,
        what=what,
        why="it came to its end by itself",
        close=close and case.status == "OPEN",
    )


async def _next(node: Node, case_id: str) -> str:
    """The first id of a thing under which no case was closed."""
    wanted = case_id
    for number in count(2):
        case = await node.journal.load(CaseRow, wanted)
        if case is None or case.status == "OPEN":
            break
        wanted = f"{case_id}:{number}"
    return wanted


def _masked(value: object, own: str | None) -> object:
    """Mask every text of the evidence, and no number: those are amounts and times; nor
    the payment's own number or one made of it, of whose digits one in ten look like a
    card's.
    """
    match value:
        case str() if own is not None and _made_of(value, own):
            return value
        case str():
            return mask_text(value)
        case dict():
            return {str(name): _masked(one, own) for name, one in value.items()}
        case list() | tuple():
            return [_masked(one, own) for one in value]
        case _:
            return value


def _made_of(text: str, own: str) -> bool:
    """Whether it is a payment's number, or that of one of its attempts or refunds."""
    return re.fullmatch(rf"{re.escape(own)}([A-Z]?[0-9]{{2}})?", text) is not None

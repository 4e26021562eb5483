"""Everything that happened to a payment, in order: for people who must explain it.

Read through the journal from the rows that each context left; nothing here is kept a
second time. What is masked in a row is masked here, and no code is anywhere in it.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from paycore.accounting.rows import EntryRow, PostingRow
from paycore.core.rows import RefundTransitionRow, TrailRow, TransitionRow
from paycore.gateway.rows import MessageRow
from paycore.kernel.ids import REFUND_LEGS, refund_at
from paycore.kernel.journal import Row
from paycore.kernel.node import Node
from paycore.kernel.terms import SMS_CENTRE, Json, PayOrderNo
from paycore.notify.rows import NoticeRow
from paycore.router.rows import DecisionRow
from paycore.sms.rows import CodeRow

R = TypeVar("R", bound=Row)


class Within(Protocol):
    """Reads the rows of a kind that a payment has, in the order of their keys."""

    async def __call__(self, kind: type[R], no: PayOrderNo, /) -> list[R]:
        """All of them."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    at: datetime
    kind: str
    """transition, refund, command, route, message, code, posting, notice, checkout."""
    title: str
    detail: dict[str, object]


async def timeline(node: Node, no: PayOrderNo) -> list[Item]:
    """All of it, oldest first."""
    return await told(node.journal.within, no)


async def told(within: Within, no: PayOrderNo) -> list[Item]:
    """The same, of rows that are read in some other way."""
    found = await asyncio.gather(
        within(TransitionRow, no),
        within(TrailRow, no),
        within(DecisionRow, no),
        within(MessageRow, no),
        within(CodeRow, no),
    )
    posted = await asyncio.gather(
        within(PostingRow, no),
        within(EntryRow, no),
        within(NoticeRow, no),
        within(RefundTransitionRow, no),
    )
    transitions, trails, decisions, messages, codes = found
    postings, entries, notices, refunds = posted
    items = [
        *_commands(trails),
        *_routes(decisions),
        *_messages(messages),
        *_codes(codes),
        *_transitions(transitions),
        *_refunds(refunds),
        *_postings(postings, entries),
        *_notices(notices),
    ]
    return sorted(items, key=lambda item: item.at)


def _transitions(rows: Sequence[TransitionRow]) -> Iterator[Item]:
    for row in rows:
        yield Item(
            at=row.at,
            kind="transition",
            title=row.event,
            detail={
                "from": row.from_status,
                "to": row.to_status,
                "cause": row.cause,
                "attempt": row.attempt_seq,
            },
        )


def _refunds(rows: Sequence[RefundTransitionRow]) -> Iterator[Item]:
    for row in rows:
        yield Item(
            at=row.at,
            kind="refund",
            title=row.event,
            detail={
                "refund_no": row.refund_no,
                "from": row.from_status,
                "to": row.to_status,
                "cause": row.cause,
            },
        )


def _commands(rows: Sequence[TrailRow]) -> Iterator[Item]:
    for row in rows:
        for step in msgspec.json.decode(row.steps, type=list[dict[str, str]]):
            yield Item(
                at=datetime.fromisoformat(step["at"]),
                kind="command",
                title=f"{step['command']}: {step['result']}",
                detail={"note": step["note"], "node_epoch": row.epoch},
            )


def _routes(rows: Sequence[DecisionRow]) -> Iterator[Item]:
    for row in rows:
        chosen = row.chosen or row.cause
        yield Item(
            at=row.at,
            kind="route",
            title=f"{row.trans_type} → {chosen}",
            detail={"cause": row.cause, "candidates": _value(row.candidates)},
        )


def _messages(rows: Sequence[MessageRow]) -> Iterator[Item]:
    # A receipt too: the answer may have died with its node.
    answered = {
        (row.attempt_seq, row.account)
        for row in rows
        if row.direction in ("IN", "RECEIPT")
    }
    for row in rows:
        # A carrier's text is written down before any is tried; what was never used
        # (or died on the way) has no answer.
        unused = (
            row.channel == SMS_CENTRE
            and row.direction == "OUT"
            and (row.attempt_seq, row.account) not in answered
        )
        said = "PREPARED" if unused else row.direction
        yield Item(
            at=row.at,
            kind="message",
            title=f"{said} {row.operation} {row.channel}/{row.account}",
            detail={
                **_about(row),
                "verdict": row.verdict,
                "elapsed_ms": row.elapsed_ms,
                "body": row.body,
            },
        )


def _about(row: MessageRow) -> dict[str, object]:
    """The attempt or the refund that a message is about."""
    if row.attempt_seq <= REFUND_LEGS:
        return {"attempt": row.attempt_seq}
    return {"refund_no": refund_at(row.pay_order_no, row.attempt_seq)}


def _codes(rows: Sequence[CodeRow]) -> Iterator[Item]:
    for row in rows:
        yield Item(
            at=row.created_at,
            kind="code",
            title=f"code of attempt {row.seq:02d} made",
            detail={
                "now": row.status,
                "tries": row.tries,
                "expires_at": row.expires_at.isoformat(),
            },
        )
        if row.passed_at is not None:
            yield Item(
                at=row.passed_at,
                kind="code",
                title=f"code of attempt {row.seq:02d} passed",
                detail={"tries": row.tries},
            )


def _postings(
    postings: Sequence[PostingRow], entries: Sequence[EntryRow]
) -> Iterator[Item]:
    for row in postings:
        lines = [
            {"account": entry.account, "side": entry.side, "amount": entry.amount}
            for entry in entries
            if (entry.kind, entry.fact) == (row.kind, row.fact)
        ]
        yield Item(
            at=row.at,
            kind="posting",
            title=f"{row.kind} {row.amount} {row.currency}",
            detail={"entries": lines, **({"fact": row.fact} if row.fact else {})},
        )


def _notices(rows: Sequence[NoticeRow]) -> Iterator[Item]:
    for row in rows:
        yield Item(
            at=row.created_at,
            kind="notice",
            title=f"{row.type} written",
            detail={
                "id": row.notice_id,
                "now": row.status,
                "tries": row.tries,
                "last_result": row.last_result,
            },
        )
        if row.delivered_at is not None:
            yield Item(
                at=row.delivered_at,
                kind="notice",
                title=f"{row.type} delivered",
                detail={"id": row.notice_id, "tries": row.tries},
            )


def _value(text: Json) -> object:
    return msgspec.json.decode(text)

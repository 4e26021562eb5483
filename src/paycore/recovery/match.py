"""What a channel's answer and what we know say of each other, after a restore. Pure.

A number is asked after whether we know of it or not: ours that had an end, and those
that a lost attempt or refund would have had.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from paycore.gateway.call import Operation, Reply
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import AttemptId, PayOrderNo


class Found(StrEnum):
    """The kinds of difference."""

    CHARGED_THERE = "CHARGED_THERE"
    """They took money that we do not know of."""
    CHARGED_HERE = "CHARGED_HERE"
    """We say that they took money, and they do not know of it."""
    CHARGED_AMOUNT = "CHARGED_AMOUNT"
    """They took another amount."""
    REFUNDED_THERE = "REFUNDED_THERE"
    REFUNDED_HERE = "REFUNDED_HERE"
    REFUNDED_AMOUNT = "REFUNDED_AMOUNT"


class Said(StrEnum):
    """What is none."""

    AGREES = "AGREES"
    UNSURE = "UNSURE"
    """No answer, or none that is the last word."""


class Source(StrEnum):
    """Who told."""

    ENQUIRY = "enquiry"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One number at one account."""

    pay_order_no: PayOrderNo
    seq: int
    """Of the attempt; of a refund behind all attempts (`REFUND_LEGS`)."""
    request_no: AttemptId
    channel: str
    account: str
    operation: Operation
    """What is asked after."""
    amount: int
    currency: str
    inst_trans_id: str
    known: bool = False
    """Whether we have something under this number."""
    paid: bool = False
    """Whether we say that its money moved."""
    stated: tuple[int, str] | None = None
    """What a statement says that moved of it."""
    original: AttemptId | None = None
    """Of a refund: the number of the money that went back."""
    opened_at: datetime | None = None
    """When its order was opened at the channel; None where nothing tells."""
    channel_ref: str | None = None
    """The channel's own number, where anything tells it."""
    original_channel_ref: str | None = None
    """The same of the money that went back."""

    @property
    def is_refund(self) -> bool:
        """Which way its money goes."""
        return self.operation is Operation.REFUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that a channel and we do not both say."""

    found: Found
    number: str
    pay_order_no: str | None
    """None where we know no such payment."""
    channel: str
    account: str
    ours: int | None
    theirs: int | None
    currency: str
    case_id: str
    sources: frozenset[Source] = field(default_factory=frozenset)
    new: bool = False
    """Whether nobody was told before."""

    @property
    def key(self) -> tuple[str, str, str, Found]:
        """The same difference, whoever tells it."""
        return self.channel, self.account, self.number, self.found

    @property
    def amount(self) -> int | None:
        """What is at stake."""
        return self.ours if self.theirs is None else self.theirs


def moved(reply: Reply) -> bool:
    """Whether they say that money moved, be it another amount than we would think: of
    that a channel file makes an alarm.
    """
    strange = reply.alarm is not None and reply.amount is not None
    return reply.outcome is Outcome.SUCCEEDED or strange


def judge(question: Question, reply: Reply, *, last_word: bool) -> Found | Said:
    """What an answer comes to; `last_word`: their "not found" is one."""
    there, here, amount = (
        (Found.REFUNDED_THERE, Found.REFUNDED_HERE, Found.REFUNDED_AMOUNT)
        if question.is_refund
        else (Found.CHARGED_THERE, Found.CHARGED_HERE, Found.CHARGED_AMOUNT)
    )
    if moved(reply):
        if not question.paid:
            return there
        same = (reply.amount, reply.currency) == (question.amount, question.currency)
        return Said.AGREES if same else amount
    if (reply.not_found and last_word) or reply.outcome is Outcome.DECLINED:
        return here if question.paid else Said.AGREES
    return Said.UNSURE

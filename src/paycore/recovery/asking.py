"""Asking channels after numbers: on record first, as every call (I19).

All questions about one payment are one commit before and one after, with what they came
to. They are messages of the payment behind all its attempts, refunds and signings
(`RESTORE_LEGS`), for there is no attempt to hang them on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, Operation, Reply
from paycore.kernel.ids import RESTORE_LEGS
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import CardId
from paycore.recovery.match import Found, Question, Said, judge

AT_ONCE = 8
"""Calls in flight, over all channels: they have payments of others too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one question came to."""

    question: Question
    reply: Reply
    verdict: Found | Said

    @property
    def unsure(self) -> bool:
        """Whether it had no last word."""
        return self.verdict is Said.UNSURE


def as_a_statement_says(question: Question) -> Told:
    """Its word, where its account is not asked: that so much money moved."""
    assert question.stated is not None, "no statement names it"
    amount, currency = question.stated
    reply = Reply(
        outcome=Outcome.SUCCEEDED,
        resp_code="STATEMENT",
        amount=amount,
        currency=currency,
    )
    verdict = judge(question, reply, last_word=True)
    return Told(question=question, reply=reply, verdict=verdict)


class Asker:
    """Asks on behalf of one run."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def ask(
        self, questions: Sequence[Question], *, quiet_from: datetime
    ) -> tuple[list[Told], Change]:
        """The answers, and the change that they are staged in, for whoever goes on.
        `quiet_from`: since when surely nobody is sending any of them.
        """
        node, change = self.node, self.node.change()
        prepared = [
            await gateway.prepare(node, _call(node, each), change) for each in questions
        ]
        if not change.empty:
            await node.journal.commit(change)
        answers = await asyncio.gather(*(self._send(each) for each in prepared))
        change = node.change()
        told = []
        for question, sent, answer in zip(questions, prepared, answers, strict=True):
            gateway.conclude(node, sent, answer, change)
            window = gateway.acceptance_window(node, question.channel)
            last_word = sent.ask.asked_at >= quiet_from + window
            verdict = judge(question, answer.reply, last_word=last_word)
            told.append(Told(question=question, reply=answer.reply, verdict=verdict))
        return told, change

    async def _send(self, prepared: gateway.Prepared) -> gateway.Answer:
        async with self._turns:
            return await gateway.send(self.node, prepared, None)


def _call(node: Node, question: Question) -> Ask:
    """The enquiry, which needs nothing of the card."""
    return Ask(
        operation=Operation.ENQUIRE,
        pay_order_no=question.pay_order_no,
        attempt_seq=RESTORE_LEGS + question.seq,
        request_no=question.request_no,
        inst_trans_id=question.inst_trans_id,
        channel=question.channel,
        account=question.account,
        amount=question.amount,
        currency=question.currency,
        asked_at=node.now(),
        timeout_s=node.settings.enquiry_timeout_s,
        card_id=CardId(""),
        enquired_operation=question.operation,
        original_request_no=question.original,
        opened_at=question.opened_at,
        channel_ref=question.channel_ref,
        original_channel_ref=question.original_channel_ref,
    )

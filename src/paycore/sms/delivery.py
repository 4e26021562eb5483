"""One text on its way: through the carriers in order, until one says yes.

It stages nothing and knows nothing of codes: what is durable before and after is the
service's business. Which answers are believed is the carrier files'.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from paycore.kernel.http import Answered, HttpRequest, NoAnswer, NotSent
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.sms.carrier import Delivery, Line, Text

MAX_UNKNOWN = 2
"""Texts that may have reached the payer: after a time-out one carrier more, once."""

_WEIGHT = (Outcome.SUCCEEDED, Outcome.UNKNOWN, Outcome.DECLINED, Outcome.NOT_SENT)
"""Which carrier's outcome is that of all: one that may have sent outweighs a no."""

MAX_KEPT_OCTETS = 4096
"""Of an answer; a carrier's is a few hundred long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The text as one carrier would get it, and what is kept of that."""

    line: Line
    text: Text
    http: HttpRequest = field(repr=False)
    masked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One carrier's answer, masked."""

    message: Message
    delivery: Delivery
    answer: str
    at: datetime
    elapsed_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came of a send."""

    outcome: Outcome
    resp_code: str
    resp_msg: str = ""
    alarm: str | None = None
    tried: tuple[Tried, ...] = ()


def message_for(line: Line, text: Text) -> Message:
    """What the carrier gets; what is kept is made the same way of the masked text, and
    scrubbed, for its words are a business line's.
    """
    kept = line.driver.assemble(line, text.masked())
    return Message(
        line=line,
        text=text,
        http=line.driver.assemble(line, text),
        masked=line.driver.scrub(kept.body.decode()),
    )


async def deliver(node: Node, messages: Sequence[Message], *, within_s: float) -> Sent:
    """Try the carriers in order, all of them within so many seconds.

    A carrier that surely did not send is passed over at once. Where it is not known,
    the same text goes out once more: two texts with one code harm nobody.
    """
    until = node.clock.monotonic() + within_s
    life = node.epoch
    tried: list[Tried] = []
    for message in messages:
        seconds = until - node.clock.monotonic()
        # Another node may have taken over and be sending a code of its own.
        lives = node.epoch == life and node.lease_holds(node.settings.connect_timeout_s)
        if seconds <= 0 or not lives:
            break
        tried.append(await _try(node, message, seconds))
        if _enough([each.delivery.outcome for each in tried]):
            break
    return _sum_up(messages, tried)


async def _try(node: Node, message: Message, seconds: float) -> Tried:
    """Send through one carrier, in the time that is left."""
    began = node.clock.monotonic()
    timeout_s = min(message.http.timeout_s, seconds)
    result = await node.transport.send(replace(message.http, timeout_s=timeout_s))
    kept = ""
    match result:
        case NotSent(reason=reason):
            delivery = Delivery(
                outcome=Outcome.NOT_SENT, resp_code="NOT_SENT", resp_msg=reason
            )
        case NoAnswer(reason=reason):
            delivery = Delivery(
                outcome=Outcome.UNKNOWN, resp_code="NO_ANSWER", resp_msg=reason
            )
        case Answered():
            said = message.line.driver.read(message.line, message.text, result)
            delivery = _shown(message, said)
            kept = _kept(message, result)
    return Tried(
        message=message,
        delivery=delivery,
        answer=kept,
        at=node.now(),
        elapsed_ms=int((node.clock.monotonic() - began) * 1000),
    )


def _kept(message: Message, answered: Answered) -> str:
    """An answer as it may be stored."""
    body = answered.body.decode("utf-8", "replace").replace("\x00", "")
    # Hidden before it is cut: half a phone's number would not be recognised.
    return message.line.driver.scrub(_hidden(message, body)[:MAX_KEPT_OCTETS])


def _shown(message: Message, said: Delivery) -> Delivery:
    """A carrier's word without the code and the phone, should it repeat them."""
    return dataclasses.replace(
        said,
        resp_code=_hidden(message, said.resp_code),
        resp_msg=_hidden(message, said.resp_msg),
    )


def _hidden(message: Message, text: str) -> str:
    sent, shown = message.text, message.text.masked()
    return text.replace(sent.phone, shown.phone).replace(sent.code, shown.code)


def _enough(outcomes: Sequence[Outcome]) -> bool:
    """Whether no other carrier is to be tried."""
    return (
        Outcome.SUCCEEDED in outcomes or outcomes.count(Outcome.UNKNOWN) >= MAX_UNKNOWN
    )


def _sum_up(messages: Sequence[Message], tried: Sequence[Tried]) -> Sent:
    """One outcome of several."""
    if not tried:
        why = "LEASE_LOST" if messages else "NO_CARRIER"
        return Sent(outcome=Outcome.NOT_SENT, resp_code=why)
    outcomes = [each.delivery.outcome for each in tried]
    outcome = next(weigh for weigh in _WEIGHT if weigh in outcomes)
    speaker = tried[outcomes.index(outcome)]
    alarms = (each.delivery.alarm for each in tried)
    return Sent(
        outcome=outcome,
        resp_code=speaker.delivery.resp_code,
        resp_msg=speaker.delivery.resp_msg,
        alarm=next((alarm for alarm in alarms if alarm), None),
        tried=tuple(tried),
    )

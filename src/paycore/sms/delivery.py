"""One text on its way: through the carriers in order, until one says yes.

It stages nothing and knows nothing of codes: what is durable before and after is the
service's business. Which answers are believed is the carrier files'.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from paycore.kernel import log
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.sms.carrier import Delivery, Line, Said, Text, unknown

MAX_UNKNOWN = 2
"""Texts that may have reached the payer: after a time-out one carrier more, once."""

_WEIGHT = (Outcome.SUCCEEDED, Outcome.UNKNOWN, Outcome.DECLINED, Outcome.NOT_SENT)
"""Which carrier's outcome is that of all: one that may have sent outweighs a no."""

NATIONAL = 11
"""Digits of a phone's number that are its own wherever it is written."""

MAX_KEPT_OCTETS = 4096
"""Of an answer; a carrier's is a few hundred long."""

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The text as one carrier would get it, and what is kept of that."""

    line: Line
    text: Text
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
    """The text, and what is kept of it before it leaves."""
    return Message(line=line, text=text, masked=line.driver.masked(line, text))


def messages_for(lines: Sequence[Line], text: Text) -> tuple[Message, ...]:
    """The text for each carrier; one whose file breaks at it is passed over."""
    made: list[Message] = []
    for line in lines:
        try:
            made.append(message_for(line, text))
        except Exception:  # noqa: BLE001 - the others text all the same
            _log.exception("carrier_broke", carrier=line.carrier)
    return tuple(made)


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
    line = message.line
    try:
        said = await line.driver.deliver(node, line, message.text, timeout_s=seconds)
    except Exception:  # noqa: BLE001 - it may have left: unknown, whatever broke
        _log.exception("carrier_broke", carrier=line.carrier)
        alarm = "the carrier file broke; see the log"
        said = Said(delivery=unknown("CARRIER_BROKE", alarm=alarm))
    delivery, kept = _shown(message, said.delivery), _kept(message, said.answer)
    return Tried(
        message=message,
        delivery=delivery,
        answer=kept,
        at=node.now(),
        elapsed_ms=int((node.clock.monotonic() - began) * 1000),
    )


def _kept(message: Message, answer: str) -> str:
    """An answer as it may be stored."""
    if not answer:
        return ""
    # Hidden before it is cut: half a phone's number would not be recognised.
    hidden = _hidden(message, answer.replace("\x00", ""))
    return message.line.driver.scrub(hidden[:MAX_KEPT_OCTETS])


def _shown(message: Message, said: Delivery) -> Delivery:
    """A carrier's word without the code and the phone, should it repeat them."""
    return dataclasses.replace(
        said,
        resp_code=_hidden(message, said.resp_code),
        resp_msg=_hidden(message, said.resp_msg),
    )


def _hidden(message: Message, text: str) -> str:
    sent, shown = message.text, message.text.masked()
    # Without its plus, or its country: so some carriers have it, and repeat it.
    for phone in (sent.phone, sent.phone[1:], sent.phone[-NATIONAL:]):
        text = text.replace(phone, shown.phone)
    for secret in message.line.secrets:
        text = text.replace(secret, "***")
    return text.replace(sent.code, shown.code)


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

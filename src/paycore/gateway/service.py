"""The only way out to channels: prepare, send, conclude, and what comes in by callback.

A call is three steps, because a commit stands before it and another after it:
`prepare` stages the masked message with the caller's intent, `send` sends with no
transaction open, `conclude` stages the answer with what the caller makes of it.
Whether a call may be made at all is looked at in `send`, directly before the first
byte: our lease, and the breaker. Nothing here decides what an outcome means.
"""

from datetime import timedelta

import msgspec

from paycore.gateway import accounts
from paycore.gateway import call as calls
from paycore.gateway.accounts import AccountKey, Accounts, Opened
from paycore.gateway.call import Ask, Operation, Reply
from paycore.gateway.callback import Received
from paycore.gateway.callback import receive as callback
from paycore.gateway.channel import Outgoing
from paycore.gateway.health import Admission, Health
from paycore.gateway.masking import storable, without
from paycore.gateway.replies import tidy, verdict
from paycore.gateway.rows import AccountRow, FactRow, MessageRow
from paycore.kernel import log, trace
from paycore.kernel.http import TOO_LATE
from paycore.kernel.journal import Change
from paycore.kernel.meters import CALL_SECONDS, CALLS, Tally
from paycore.kernel.node import Lease, Node
from paycore.kernel.outcome import Outcome

__all__ = [
    "Answer",
    "Prepared",
    "Received",
    "acceptance_window",
    "breakers_open",
    "broken",
    "callback",
    "capable",
    "conclude",
    "confirm_inherits",
    "confirm_names_card",
    "prepare",
    "refresh",
    "refunds_once",
    "save_account",
    "send",
]

save_account = accounts.save

LONGEST_WINDOW = timedelta(days=1)
"""For a channel that no file speaks to: "not found" is not final for a long time."""

_log = log.get(__name__)


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is recorded and may be made."""

    ask: Ask
    opened: Opened | None
    outgoing: Outgoing | None
    """None: it cannot be made, and `refusal` says why."""
    secrets: tuple[str, ...] = ()
    """What no text that is kept of it may hold."""
    refusal: str = ""

    def __repr__(self) -> str:
        """What is asked, and nothing secret."""
        return f"Prepared({self.ask!r})"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a call came to, and the message to store with it."""

    reply: Reply
    message: MessageRow


async def refresh(node: Node) -> None:
    """Look at the accounts again: at start, and about every second."""
    rows = await node.journal.every(AccountRow)
    facts = await node.journal.every(FactRow)
    node.state(Accounts).take(node, rows, facts)


async def prepare(node: Node, ask: Ask, change: Change) -> Prepared:
    """Make the signed message, and stage it masked (I19: recorded before it leaves)."""
    assert ask.inst_trans_id, "core routes before it calls"
    prepared = await _prepare(node, ask, change)
    outgoing = prepared.outgoing
    text = outgoing.masked if outgoing is not None else prepared.refusal
    text = storable(without(text, prepared.secrets))
    change.append(_message(node, prepared, direction="OUT", verdict="", body=text))
    return prepared


async def send(node: Node, prepared: Prepared, lease: Lease | None) -> Answer:
    """Make the call. Raises nothing: whatever happens is an outcome.

    Nothing leaves on a lease that may end before the call does: the look is directly
    before the first byte, on our own monotonic clock. None: what it asks about is in
    nobody's hands.
    """
    ask, started = prepared.ask, node.clock.monotonic()
    with trace.of(node).span(
        "call", channel=ask.channel, account=ask.account, operation=ask.operation
    ) as span:
        reply = tidy(await _send(node, prepared, lease), prepared.secrets)
        span.note(outcome=reply.outcome)
    elapsed_s = node.clock.monotonic() - started
    tally = node.state(Tally)
    tally.count(CALLS, ask.channel, ask.operation, reply.outcome)
    tally.observe(CALL_SECONDS, elapsed_s, ask.channel, ask.operation)
    if reply.alarm is not None:
        _alarm(node, ask, reply)
    elif reply.outcome in (Outcome.NOT_SENT, Outcome.UNKNOWN):
        _unanswered(node, ask, reply)
    return _answer(node, prepared, reply, round(elapsed_s * 1000))


def conclude(node: Node, prepared: Prepared, answer: Answer, change: Change) -> None:
    """Stage the answer, and what it changes in the channel's own rows."""
    change.append(answer.message)
    if prepared.opened is not None and prepared.outgoing is not None:
        driver, account = prepared.opened.driver, prepared.opened.account
        driver.conclude(node, account, prepared.outgoing, answer.reply, change)


def capable(node: Node, operation: Operation) -> frozenset[str]:
    """Channels that can do this, by what their files declare."""
    return node.state(Accounts).capable(operation)


def broken(node: Node, operation: Operation) -> frozenset[AccountKey]:
    """Accounts that no new payment should go to now: breaker open, or disabled."""
    open_now = _health(node).broken(operation, node.clock.monotonic())
    return open_now | node.state(Accounts).closed


def breakers_open(node: Node) -> list[tuple[str, ...]]:
    """Channel, account and operation of every breaker that is open now."""
    return _health(node).opened(node.clock.monotonic())


def acceptance_window(node: Node, at: str) -> timedelta:
    """How long after the last possible byte a channel's "not found" is not final."""
    driver = node.state(Accounts).driver(at)
    return LONGEST_WINDOW if driver is None else driver.acceptance_window


def confirm_inherits(node: Node, at: str) -> bool:
    """Whether a confirm at a channel carries the request number of its send."""
    driver = node.state(Accounts).driver(at)
    return True if driver is None else driver.confirm_inherits_request_no


async def confirm_names_card(node: Node, channel: str, account: str) -> bool:
    """Whether a confirm at an account is given the card's facts."""
    opened = await accounts.look_up(node, channel, account)
    return opened is not None and opened.driver.confirm_names_card(opened.account)


def refunds_once(node: Node, at: str) -> bool:
    """Whether a channel never pays a refund's number twice."""
    driver = node.state(Accounts).driver(at)
    return driver is not None and driver.refunds_once


async def _prepare(node: Node, ask: Ask, change: Change) -> Prepared:
    opened = await accounts.look_up(node, ask.channel, ask.account)
    if opened is None:
        return Prepared(ask=ask, opened=None, outgoing=None, refusal="no such account")
    if ask.operation not in opened.driver.capabilities:
        return Prepared(ask=ask, opened=opened, outgoing=None, refusal="cannot do that")
    takes = opened.driver.currencies
    if takes and ask.currency and ask.currency not in takes:
        refusal = "not in that currency"
        return Prepared(ask=ask, opened=opened, outgoing=None, refusal=refusal)
    outgoing = await opened.driver.prepare(node, opened.account, ask, change)
    secrets = ask.secrets + opened.secrets
    return Prepared(ask=ask, opened=opened, outgoing=outgoing, secrets=secrets)


async def _send(node: Node, prepared: Prepared, lease: Lease | None) -> Reply:
    """Look at the lease and the breaker, then make the call and count it."""
    ask = prepared.ask
    if lease is not None and not node.outlasts(lease, ask.timeout_s):
        return calls.not_sent("lease ran out before the call")
    if prepared.opened is None or prepared.outgoing is None:
        return calls.not_sent(prepared.refusal)
    if prepared.outgoing.answer is not None:
        # No breaker hears of it: whoever asks for the impossible shuts out nobody else.
        return prepared.outgoing.answer
    # The first byte leaves, at the latest, when the connection is made.
    if not node.lease_holds(node.settings.connect_timeout_s):
        return calls.not_sent("lease")
    breaker = _health(node).breaker((ask.channel, ask.account), ask.operation)
    admission = breaker.admit(node.clock.monotonic())
    if admission is Admission.REFUSED:
        return calls.not_sent("breaker")
    leaving = _while_ours(node, prepared.outgoing)
    try:
        reply = await _perform(node, prepared.opened, leaving)
    except BaseException:
        breaker.release(admission)
        raise
    if reply.outcome is Outcome.NOT_SENT and reply.resp_msg == TOO_LATE.reason:
        breaker.release(admission)  # it was we who stood still
    else:
        breaker.record(node.clock.monotonic(), admission, failed=_failed(reply))
    return reply


def _while_ours(node: Node, outgoing: Outgoing) -> Outgoing:
    """The same call; the door looks once more, when its connection stands."""
    if outgoing.http is None:
        return outgoing
    may_leave = node.leaves_in_time(outgoing.ask.timeout_s)
    http = msgspec.structs.replace(outgoing.http, may_leave=may_leave)
    return msgspec.structs.replace(outgoing, http=http)


async def _perform(node: Node, opened: Opened, outgoing: Outgoing) -> Reply:
    """Make the call; a channel file that stumbles over an answer has none."""
    try:
        return await opened.driver.perform(node, opened.account, outgoing)
    except Exception:  # noqa: BLE001 - it may have left: unknown, whatever broke
        _log.exception("channel_broke", channel=opened.account.channel)
        return calls.unknown(
            "CHANNEL_BROKE", alarm="the channel file broke; see the log"
        )


def _failed(reply: Reply) -> bool:
    """Whether a call counts against the channel; "no such order" is a good answer."""
    if reply.not_found:
        return False
    return reply.outcome in (Outcome.NOT_SENT, Outcome.UNKNOWN)


def _answer(node: Node, prepared: Prepared, reply: Reply, elapsed_ms: int) -> Answer:
    message = _message(
        node,
        prepared,
        direction="IN",
        verdict=verdict(reply),
        body=reply.kept,
        elapsed_ms=elapsed_ms,
    )
    return Answer(reply=reply, message=message)


def _message(
    node: Node,
    prepared: Prepared,
    *,
    direction: str,
    verdict: str,
    body: str,
    elapsed_ms: int | None = None,
) -> MessageRow:
    ask = prepared.ask
    return MessageRow(
        pay_order_no=ask.pay_order_no,
        message_id=node.ids.uuid(),
        attempt_seq=ask.attempt_seq,
        direction=direction,
        operation=ask.operation,
        channel=ask.channel,
        account=ask.account,
        at=node.now(),
        verdict=verdict,
        body=body,
        elapsed_ms=elapsed_ms,
    )


def _unanswered(node: Node, ask: Ask, reply: Reply) -> None:
    _log.info(
        "channel_unanswered",
        channel=ask.channel,
        account=ask.account,
        operation=ask.operation.value,
        pay_order_no=ask.pay_order_no,
        epoch=node.epoch,
        outcome=reply.outcome.value,
        resp_code=reply.resp_code,
    )


def _alarm(node: Node, ask: Ask, reply: Reply) -> None:
    _log.warning(
        "channel_alarmed",
        channel=ask.channel,
        account=ask.account,
        operation=ask.operation.value,
        pay_order_no=ask.pay_order_no,
        epoch=node.epoch,
        why=reply.alarm,
    )


def _health(node: Node) -> Health:
    return node.state(Health, lambda: Health(node.settings))

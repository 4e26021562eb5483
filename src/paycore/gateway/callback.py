"""What channels send us of their own accord: verified, parsed, written down.

Verified here: who sent it (the channel's signature), that it names our account there,
and that its request number and its order number belong together. What it means for a
payment, and that a second copy changes nothing, is core's: a callback becomes the same
`Reply` as an answer does. One that is refused is to be stored as well, where it names
an order (whether there is one is core's to know), but strangers cannot fill our disk
with it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from urllib.parse import unquote_to_bytes

from msgspec.structs import replace

from paycore.gateway.accounts import Accounts, Opened
from paycore.gateway.call import Beside, Callback
from paycore.gateway.masking import readable, storable, without
from paycore.gateway.replies import tidy, verdict
from paycore.gateway.rows import MessageRow
from paycore.kernel import log
from paycore.kernel.ids import payment_of
from paycore.kernel.node import Node
from paycore.kernel.terms import PayOrderNo

REFUSED_STORED_A_MINUTE = 60
"""How many refused callbacks a node stores a minute; the rest are only logged."""

_MINUTE_S = 60.0

_SIZE = b"%d octets"
"""All that is kept of the words of a refused message: they follow nobody's protocol,
so that no name tells what in them is a secret."""

# A number of ours in a message that nobody vouches for: payment, and perhaps attempt.
_LIKE_OURS = re.compile(
    rb"(?<![0-9A-Z])(\d{15}[0-9A-Z]{11})(?:(\d\d)|[RMS]\d\d)?(?![0-9A-Z])"
)

Named = tuple[PayOrderNo, int]
Accept = Callable[[bool], tuple[int, bytes]]

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message that came in."""

    callback: Callback | None
    """None where it is not to be trusted: nothing follows from it."""
    message: MessageRow | None
    """To be stored, whatever comes of it; where nobody vouches for it, if its number
    is one of ours.
    """
    accept: Accept
    """Gives the HTTP status and body that this channel wants to read."""


@dataclass(slots=True)
class Refusals:
    """How many refused callbacks were stored in the minute that began at `since`."""

    since: float = -inf
    stored: int = 0

    def may_store(self, now: float) -> bool:
        """Take one of this minute's places."""
        if now >= self.since + _MINUTE_S:
            self.since, self.stored = now, 0
        self.stored += 1
        return self.stored <= REFUSED_STORED_A_MINUTE


async def receive(  # noqa: PLR0917 - a raw HTTP request has these parts
    node: Node,
    channel: str,
    account: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Received:
    """Verify and parse a message to /callbacks/{channel}/{account}; raises nothing.

    An account that is not in the snapshot yet is unknown: a channel sends again, and a
    stranger cannot make us ask the database.
    """
    opened = node.state(Accounts).find(channel, account)
    if opened is None:
        return Received(callback=None, message=None, accept=lambda _: (404, b""))
    lowered = {name.lower(): value for name, value in headers.items()}
    callback = _parsed(node, opened, path, lowered, body)
    if isinstance(callback, Beside):
        return _beside(opened)
    named = None if callback is None else _named(callback)
    if callback is None or named is None:
        return _refused(node, opened, body)
    operation, why = callback.operation.value, verdict(callback.reply)
    message = _message(node, opened, body, named, operation=operation, why=why)
    accept = partial(opened.driver.acknowledge, callback)
    return Received(callback=callback, message=message, accept=accept)


def _beside(opened: Opened) -> Received:
    """Theirs, and nothing of ours: not even a line of it is kept."""
    taken = opened.driver.acknowledge(None, True)
    return Received(callback=None, message=None, accept=lambda _: taken)


def _parsed(
    node: Node, opened: Opened, path: str, headers: Mapping[str, str], body: bytes
) -> Callback | Beside | None:
    """What the channel file makes of it; where it stumbles, nothing is trusted."""
    try:
        callback = opened.driver.callback(
            opened.account, path, headers, body, now=node.now()
        )
        if callback is None and (former := opened.account.former) is not None:
            callback = opened.driver.callback(
                former, path, headers, body, now=node.now()
            )
    except Exception:  # noqa: BLE001 - a stranger's bytes, and a plug-in perhaps
        _log.exception("channel_broke", channel=opened.account.channel)
        return None
    if not isinstance(callback, Callback):
        return callback
    return replace(callback, reply=tidy(callback.reply, opened.secrets))


def _named(callback: Callback) -> Named | None:
    """The payment and attempt it is about, if its two numbers agree."""
    named = payment_of(callback.request_no)
    if named is None or callback.pay_order_no not in (None, named[0]):
        return None
    return named


def _refused(node: Node, opened: Opened, body: bytes) -> Received:
    """Not to be trusted: written down for people, and without any other effect."""
    key = opened.account
    _log.warning("callback_refused", channel=key.channel, account=key.account)
    # In a form the octets before a number may be those of a quotation mark: %22.
    found = _LIKE_OURS.search(unquote_to_bytes(body))
    message = None
    if found is not None and node.state(Refusals).may_store(node.clock.monotonic()):
        claimed = PayOrderNo(found[1].decode()), int(found[2] or 0)
        message = _message(node, opened, _SIZE % len(body), claimed, why="REFUSED")
    refuse = opened.driver.acknowledge(None, False)
    return Received(callback=None, message=message, accept=lambda _: refuse)


def _message(
    node: Node,
    opened: Opened,
    body: bytes,
    named: Named,
    *,
    operation: str = "",
    why: str,
) -> MessageRow:
    text = opened.driver.scrub(readable(body))
    return MessageRow(
        pay_order_no=named[0],
        message_id=node.ids.uuid(),
        attempt_seq=named[1],
        direction="CALLBACK",
        operation=operation,
        channel=opened.account.channel,
        account=opened.account.account,
        at=node.now(),
        verdict=why,
        body=storable(without(text, opened.secrets)),
    )

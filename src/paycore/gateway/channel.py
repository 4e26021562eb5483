"""The shape of a channel: what a channel file declares and which verbs it has.

A channel file holds, in this order: its docstring (whose API, which version, what
differs), the declaration block, how a request is assembled and signed, how an answer
is verified and parsed, callbacks, `scrub`. Nothing else changes when one is added.

A call has three moments, because what is staged is committed around it:
`assemble` before the commit (the signed message and its masked text), `perform` after
it (no transaction is open), `conclude` with the answer's commit. Most channels speak
HTTP and write only `assemble` and `read`.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import ClassVar

import msgspec

from paycore.gateway.call import (
    Ask,
    Beside,
    Callback,
    Operation,
    Reply,
    not_sent,
    unknown,
)
from paycore.gateway.masking import readable
from paycore.gateway.statement import Arrived, Fetched, StatementLine, Take
from paycore.kernel.http import Answered, HttpRequest, NoAnswer, NotSent
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome

BAD_SIGNATURE = "BAD_SIGNATURE"
"""The code of an answer that is not by whom it should be."""


WITHIN_S = 600.0
"""For a whole statement, however slowly it comes."""

MOST_OCTETS = 4 << 30


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message ready to leave: what was signed, and what may be kept of it."""

    ask: Ask
    masked: str
    """For gateway_message: nothing of the card, no code, key or token."""
    http: HttpRequest | None = None
    answer: Reply | None = None
    """What is answered where the call lacks what it needs, or is ours alone to answer:
    there is nothing to send, and nothing of it is the channel's doing."""
    extra: object = None
    """A channel's own notes from `assemble` to `perform` and `conclude`."""

    def __repr__(self) -> str:
        """What is asked, and nothing secret."""
        return f"Outgoing({self.ask!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account at a channel, opened: credentials are the channel's `Config`."""

    channel: str
    account: str
    base_url: str
    config: msgspec.Struct = field(repr=False)
    former: "Account | None" = None
    """The same with the credentials that are being replaced: nothing is signed by
    them any more, and what is signed by theirs is still believed."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the channel itself has told us to use, as its newest certificate."""


class Channel(ABC):
    """One provider's wire protocol. Stateless: one instance serves every account."""

    code: ClassVar[str]
    title: ClassVar[str]
    capabilities: ClassVar[frozenset[Operation]]
    Config: ClassVar[type[msgspec.Struct]]
    currencies: ClassVar[frozenset[str]] = frozenset()
    """What it takes; empty: any currency."""
    acceptance_window: ClassVar[timedelta]
    """How long after the last possible byte "not found" is not yet final."""
    confirm_inherits_request_no: ClassVar[bool] = True
    """Whether a confirm carries the request number of its send."""
    refunds_once: ClassVar[bool] = False
    """Whether a refund's number that is known is never paid again: then what the
    channel does not know may be sent once more under it."""
    secret_fields: ClassVar[tuple[str, ...]] = ()
    """Fields of `Config` whose text is never kept or shown; of a list each text."""
    errors: ClassVar[Mapping[str, tuple[Outcome, Blame | None]]] = {}
    """Their code → our outcome and class; what is not here is UNKNOWN."""

    def confirm_names_card(self, account: Account) -> bool:
        """Say whether a confirm names the card once more: then its facts come with that
        call as well (`Ask.card`).
        """
        return False

    def unfit(self, account: Account) -> str:
        """Say why an account like this must not be used, as an address that nobody's
        certificate vouches for; empty: it may.
        """
        return ""

    async def prepare(
        self, node: Node, account: Account, ask: Ask, change: Change
    ) -> Outgoing:
        """Give the message to send; the channel stages rows of its own in `change`."""
        return self.assemble(account, ask)

    @abstractmethod
    def assemble(self, account: Account, ask: Ask) -> Outgoing:
        """Build and sign the message, and mask it."""

    async def perform(self, node: Node, account: Account, outgoing: Outgoing) -> Reply:
        """Send once and read the answer. Opens no transaction, raises nothing."""
        if outgoing.answer is not None:
            return outgoing.answer
        assert outgoing.http is not None
        request = msgspec.structs.replace(
            outgoing.http, connect_timeout_s=node.settings.connect_timeout_s
        )
        result = await node.transport.send(request)
        match result:
            case NotSent(reason=reason):
                return not_sent(reason)
            case NoAnswer(reason=reason):
                return unknown("NO_ANSWER", reason)
            case Answered():
                reply = self.believed(account, outgoing.ask, result)
                kept = self.scrub(readable(result.body))
                return msgspec.structs.replace(reply, kept=kept)

    def believed(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        """Read an answer by the account's credentials, or by those it had before."""
        reply = self.read(account, ask, answered)
        if reply.resp_code == BAD_SIGNATURE and account.former is not None:
            again = self.read(account.former, ask, answered)
            return reply if again.resp_code == BAD_SIGNATURE else again
        return reply

    @abstractmethod
    def read(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        """Verify and parse an answer; whatever cannot be trusted is UNKNOWN, and with
        the code `BAD_SIGNATURE` where that is why.
        """

    def conclude(
        self,
        node: Node,
        account: Account,
        outgoing: Outgoing,
        reply: Reply,
        change: Change,
    ) -> None:
        """Stage what the answer changes in rows of the channel's own."""
        return

    def callback(
        self,
        account: Account,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: datetime,
    ) -> Callback | Beside | None:
        """Verify and parse what the channel sent; None where it cannot be trusted, and
        `Beside` where it can and is about nothing that we follow.

        `headers` have their names in lower case.
        """
        return None

    def acknowledge(
        self,
        callback: Callback | None,
        accepted: bool,  # noqa: FBT001 - yes or no
    ) -> tuple[int, bytes]:
        """Status and body that this channel wants for a callback; `callback` is None
        where it was not to be trusted, or, accepted, was about nothing of ours.
        """
        return (200, b"OK") if accepted else (400, b"REFUSED")

    async def learn(self, node: Node, account: Account) -> Mapping[str, str] | None:
        """Ask the channel for what it wants used (`Account.facts`), once a day; None
        where there is nothing new. Raises nothing.
        """
        return None

    def explain(self, account: Account, reply: Reply) -> str:
        """Say what an answer to a test call means for whoever set the account up;
        empty: nothing that every channel's would not.
        """
        return ""

    @abstractmethod
    def scrub(self, text: str) -> str:
        """Give the text of a message, in or out, without anything secret."""


class StatementChannel(ABC):
    """What a channel is besides, if it writes a statement of each day (对账单).

    Two moments, as of a call: `ask_statement` gives the request, whose answer is kept
    as it comes; `read_statement` reads the kept file. One without statements is none.
    """

    statement_zone: ClassVar[tzinfo] = UTC
    """By whose clock its day begins and ends."""
    statement_absent: ClassVar[frozenset[int]] = frozenset({404})
    """HTTP statuses by which it says that a statement is not there yet."""

    async def fetch_statement(
        self, node: Node, account: Account, day: date, take: Take
    ) -> Fetched:
        """Have a day's statement come, octet by octet, to `take`; by one request, where
        a channel does not need several. Raises nothing of the network's.
        """
        asked = self.ask_statement(account, day, at=node.now(), timeout_s=WITHIN_S)
        request = msgspec.structs.replace(
            asked,
            most_octets=MOST_OCTETS,
            connect_timeout_s=node.settings.connect_timeout_s,
        )
        result = await node.transport.receive(request, take)
        match result:
            case NotSent(reason=reason) | NoAnswer(reason=reason):
                return Fetched(arrived=Arrived.FAILED, said=reason)
            case Answered(status=200):
                return Fetched(arrived=Arrived.WHOLE, said="")
            case Answered(status=status) if status in self.statement_absent:
                return Fetched(arrived=Arrived.ABSENT, said=Arrived.ABSENT.value)
            case Answered(status=status):
                return Fetched(arrived=Arrived.FAILED, said=f"HTTP {status}")

    @abstractmethod
    def ask_statement(
        self, account: Account, day: date, *, at: datetime, timeout_s: float
    ) -> HttpRequest:
        """Build and sign the (first) request for a day's statement."""

    @abstractmethod
    def read_statement(
        self, account: Account, day: date, octets: AsyncIterator[bytes]
    ) -> AsyncIterator[StatementLine]:
        """Give the lines of a day's file, one after the other, as it is read.

        Raises `StatementBroken` where it is not the whole file, of that day, by them,
        and `StatementAbsent` where they only say that there is none yet; a single line
        that cannot be read is given as such.
        """

"""The shape of a carrier (运营商): what a carrier file declares and which verbs it has.

A carrier delivers a text and says yes or no; it knows nothing of codes or payments.
Like a channel it is one file behind one class, and nothing else changes when one is
added. It assembles and reads; who sends, in which order and how often, is the service.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, ClassVar

import msgspec
from msgspec.structs import replace as msgspec_replace

from paycore.kernel.crypto import same
from paycore.kernel.http import Answered, HttpRequest, NoAnswer, NotSent
from paycore.kernel.mask import mask_code, mask_phone
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.stream import Place

BAD_SIGNATURE = "BAD_SIGNATURE"
"""The code of an answer that is not by whom it should be."""

ReceiptToken = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9_-]{16,128})?$")]
"""The last part of the address that a carrier is given for its receipts, where it
signs none; empty: it gets no address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text message as the SMS centre wants it."""

    request_no: str
    """The same at every carrier: it is the same text."""
    phone: str = field(repr=False)
    """E.164."""
    body: str = field(repr=False)
    code: str = field(repr=False)
    """For carriers that fill a template instead of sending our words."""
    sign: str
    """The sender's name (短信签名) that carriers put before a text."""
    at: datetime
    timeout_s: float
    connect_timeout_s: float
    language: str = "zh"
    """The payer's, for carriers that have a template for each."""

    def masked(self) -> "Text":
        """The same text as it may be kept."""
        return replace(
            self,
            phone=mask_phone(self.phone),
            body=self.body.replace(self.code, mask_code(self.code)),
            code=mask_code(self.code),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a carrier said. UNKNOWN may have reached the phone."""

    outcome: Outcome
    resp_code: str = ""
    resp_msg: str = ""
    alarm: str | None = None
    """Set where a person should look: a bad signature."""
    message_id: str = ""
    """The carrier's own number of a text that it took."""
    further_ids: tuple[str, ...] = ()
    """Those of its other parts, where it went in several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A carrier that is set up, opened: credentials are the driver's `Config`."""

    carrier: str
    driver: "Carrier"
    base_url: str
    priority: int
    price: int | None = None
    spend_per_day: int | None = None
    config: msgspec.Struct = field(repr=False)
    former: "Line | None" = None
    """The same with the credentials that are being replaced: nothing is signed by
    them any more, and what is signed by theirs is still believed."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts of the credentials that must not be stored anywhere."""
        names, lines = self.driver.secret_fields, [self, self.former]
        found = (
            str(getattr(line.config, name))
            for line in lines
            if line is not None
            for name in names
        )
        return tuple(filter(None, found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What came of a text at one carrier, and its answer's words, not yet masked."""

    delivery: Delivery
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a carrier tells later of a text that it had taken (回执)."""

    delivered: bool
    code: str = ""
    """The carrier's own, for people."""
    request_no: str = ""
    """Ours, where the carrier repeats it."""
    message_id: str = ""
    """The carrier's, where it does not."""
    at: datetime | None = None
    """When, by the carrier's clock."""


class Carrier(ABC):
    """One carrier's wire protocol. Stateless: one instance serves every line.

    What must be kept open (a bind) is kept in the node's state.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    Config: ClassVar[type[msgspec.Struct]]
    secret_fields: ClassVar[tuple[str, ...]] = ()
    """Fields of `Config` whose text is never kept or shown."""
    receipts_by_id: ClassVar[bool] = False
    """Whether its receipts name its own number of a text only, and not ours."""
    unsigned: ClassVar[bool] = False
    """Whether its answers carry no signature: TLS is all that proves them then, and a
    line without is not opened."""

    @abstractmethod
    def masked(self, line: Line, text: Text) -> str:
        """What would be sent, as it may be kept."""

    @abstractmethod
    async def deliver(
        self, node: Node, line: Line, text: Text, *, timeout_s: float
    ) -> Said:
        """Have the text delivered: once. Raises nothing: what happens is an outcome."""

    async def check(self, node: Node, line: Line, *, timeout_s: float) -> Delivery:
        """Make the cheapest call that texts nobody: SUCCEEDED where the address is
        right and the credentials are taken. Raises nothing. Whoever has none leaves
        this as it is, and is not asked.
        """
        raise NotImplementedError

    def misplaced(self, base_url: str) -> str:
        """Why this cannot be where such a carrier is; nothing where it can."""
        if base_url.startswith(("https://", "http://")):
            return ""
        return "A base URL begins with https://."

    def place(self, line: Line, *, within_s: float) -> Place | None:
        """Where it keeps a connection to; None for one that takes requests."""
        return None

    def tend(self, node: Node, lines: Sequence[Line]) -> None:
        """Called about every second with all its lines: keep open what they need, and
        let go of what was kept open for any other. Must not block.
        """
        return

    async def let_go(self, node: Node) -> None:
        """Close whatever is kept open: the node stops."""
        return

    def receipts(
        self, line: Line, token: str, headers: Mapping[str, str], body: bytes
    ) -> Sequence[Receipt] | None:
        """Parse what the carrier posted to /receipts/{carrier}/{token}; None where it
        cannot be trusted.
        """
        return None

    def acknowledge(
        self,
        accepted: bool,  # noqa: FBT001 - yes or no
    ) -> tuple[int, bytes]:
        """Status and body that this carrier wants for a receipt."""
        return (200, b"OK") if accepted else (400, b"REFUSED")

    @abstractmethod
    def scrub(self, text: str) -> str:
        """What of a message, in or out, may be kept; the code is gone already."""


class HttpCarrier(Carrier):
    """A carrier that takes one request a text: it assembles, and reads the answer."""

    @abstractmethod
    def assemble(self, line: Line, text: Text) -> HttpRequest:
        """Build and sign the request that has this text delivered."""

    @abstractmethod
    def read(self, line: Line, text: Text, answered: Answered) -> Delivery:
        """Verify and parse an answer; whatever cannot be trusted is UNKNOWN, and with
        the code `BAD_SIGNATURE` where that is why.
        """

    def kept_of(self, request: HttpRequest) -> str:
        """Which part of a request says what it asks for: its body, or its query."""
        return request.body.decode()

    def masked(self, line: Line, text: Text) -> str:
        """Made of the masked text, and scrubbed: its words are a business line's."""
        return self.scrub(self.kept_of(self.assemble(line, text.masked())))

    async def deliver(
        self, node: Node, line: Line, text: Text, *, timeout_s: float
    ) -> Said:
        """Send once, and read the answer."""
        request = self.assemble(line, text)
        timeout_s = min(request.timeout_s, timeout_s)
        may_leave = node.leaves_in_time(timeout_s)
        request = msgspec_replace(request, timeout_s=timeout_s, may_leave=may_leave)
        result = await asked(node, request)
        if isinstance(result, Delivery):
            return Said(delivery=result)
        delivery = self.read(line, text, result)
        former = line.former
        if delivery.resp_code == BAD_SIGNATURE and former is not None:
            again = self.read(former, text, result)
            if again.resp_code != BAD_SIGNATURE:
                delivery = again
        return Said(delivery=delivery, answer=result.body.decode("utf-8", "replace"))


async def asked(node: Node, request: HttpRequest) -> Answered | Delivery:
    """Send once: the answer; or what it is for a text that there is none."""
    match await node.transport.send(request):
        case NotSent(reason=reason):
            return not_sent(reason)
        case NoAnswer(reason=reason):
            return unknown("NO_ANSWER", reason)
        case Answered() as answered:
            return answered


def admits(token: ReceiptToken, given: str) -> bool:
    """Whether a receipt came to the address that its carrier alone was given."""
    return bool(token) and same(token.encode(), given.encode())


def not_sent(reason: str) -> Delivery:
    """Surely never left us."""
    return Delivery(outcome=Outcome.NOT_SENT, resp_code="NOT_SENT", resp_msg=reason)


def unknown(
    resp_code: str, resp_msg: str = "", *, alarm: str | None = None
) -> Delivery:
    """Sent, and no trustworthy answer."""
    return Delivery(
        outcome=Outcome.UNKNOWN, resp_code=resp_code, resp_msg=resp_msg, alarm=alarm
    )

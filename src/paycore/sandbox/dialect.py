"""How one provider speaks: bytes to calls of a bank or a carrier, and back.

What a bank does with money is `bank`'s, how answers travel and which fault strikes is
`teller`'s; a dialect only translates. It is written from the provider's own documents
and shares no line with the adapter that will call it.
"""

from abc import ABC, abstractmethod
from typing import Final, Protocol

from msgspec import Struct

from paycore.sandbox.bank import Bank, Call
from paycore.sandbox.clerk import Clerk
from paycore.sandbox.orders import Answer, Order
from paycore.sandbox.wire import Exchange

JSON: Final = "application/json"


class Wire(Struct, frozen=True, kw_only=True):
    """An answer, or a message of the bank's own, ready to leave."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON


class Plain(Exception):
    """The call is answered at once: not authentic, malformed, or only a question."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire.status)
        self.wire = wire


class Asked(Struct, frozen=True, kw_only=True):
    """One authentic call, understood."""

    call: Call
    told: object = None
    """What the dialect itself needs again for its answer."""


class Dialect(ABC):
    """A bank's way of speaking. `bank` is the one that it speaks for."""

    tells: bool = False
    """Whether a callback goes out for every end, and not only where one is promised."""
    tells_after_ms: int = 0
    """How long after the answer."""
    tells_again: int = 5
    """How often one that is not acknowledged is sent once more; at most so often."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    async def aside(self, exchange: Exchange, at_ms: int) -> bool:
        """Answer what is no call of the bank's (a statement, a certificate); whether
        this was one.
        """
        return False

    @abstractmethod
    def read(self, exchange: Exchange, at_ms: int) -> Asked:
        """Authenticate and parse a call, or raise `Plain`."""

    def begin(self, asked: Asked) -> None:  # noqa: B027  most need not know
        """A call is acted on from now on: no fault has kept it from that."""

    def done(self, asked: Asked) -> None:  # noqa: B027  as above
        """The caller has his answer, or has left without it."""

    @abstractmethod
    def reply(self, asked: Asked, answer: Answer, at_ms: int) -> Wire:
        """Sign what the bank says."""

    @abstractmethod
    def spoil(self, wire: Wire) -> Wire:
        """The same answer with a signature that is wrong."""

    @abstractmethod
    def callback(self, order: Order, at_ms: int) -> Wire | None:
        """What `order.notify_url` is told of an order's end; None: nothing."""

    def acknowledged(self, order: Order, status: int, body: bytes) -> bool:
        """Whether the merchant's answer ends the telling."""
        return status == 200


class VendorDialect(Dialect):
    """A provider's: made with its own keys, and with the desk that knows what moved."""

    Config: type[Struct]

    def __init__(self, bank: Bank, config: Struct, clerk: Clerk) -> None:
        super().__init__(bank)
        self.config = config
        self.clerk = clerk


class CarrierCall(Struct, frozen=True, kw_only=True):
    """One text that a carrier is asked for, understood."""

    phone: str
    """E.164."""
    text: str
    code: str | None
    request_id: str = ""
    told: object = None


class CarrierDialect(ABC):
    """A carrier's way of speaking, over HTTP."""

    async def aside(self, exchange: Exchange, at_ms: int) -> bool:
        """Answer what is no text (a question after one); whether this was one."""
        return False

    @abstractmethod
    def read(self, exchange: Exchange, at_ms: int) -> CarrierCall:
        """Authenticate and parse a call, or raise `Plain`."""

    @abstractmethod
    def reply(
        self, asked: CarrierCall, refusal: str | None, message_id: str, at_ms: int
    ) -> Wire:
        """What is answered: to a text that was taken, or refused with a code."""

    def spoil(self, wire: Wire) -> Wire:
        """The same answer with a signature that is wrong; most carriers sign none."""
        return wire

    def receipt(
        self, asked: CarrierCall, message_id: str, *, delivered: bool, at_ms: int
    ) -> tuple[str, Wire] | None:
        """Where to, and what is told of a text that was delivered or was not; None:
        nobody asked for it.
        """
        return None

    def acknowledged(self, status: int, body: bytes) -> bool:
        """Whether the customer's answer ends the telling."""
        return status == 200


class VendorCarrierDialect(CarrierDialect):
    """A provider's: made with its own keys."""

    Config: type[Struct]

    def __init__(self, config: Struct) -> None:
        self.config = config


class Deliver(Protocol):
    """A carrier behind a server that does not speak HTTP."""

    async def take(self, asked: CarrierCall) -> "Taken":
        """Deliver a text, or what the faults make of it."""


class Taken(Struct, frozen=True, kw_only=True):
    """What became of a text that came over another protocol than HTTP."""

    fault: str | None = None
    """timeout_before, timeout_after, http_500, slow, garbage, bad_signature: as if
    over HTTP."""
    slow_ms: int = 0
    """How long after it acted it answers."""
    refusal: str | None = None
    message_id: str = ""
    delivered: bool = True
    """What its receipt is to say."""


class VendorServer(ABC):
    """A carrier's server that does not speak HTTP. As with `wire.Listener`, its address
    can be shut and opened again and stays the same.
    """

    Config: type[Struct]

    def __init__(self, config: Struct, deliver: Deliver) -> None:
        self.config = config
        self.deliver = deliver

    @abstractmethod
    def place(self, port: int) -> str:
        """Take a port, or where that is taken (or 0) any free one; the URL."""

    @abstractmethod
    async def open(self) -> None:
        """Listen, if it does not."""

    @abstractmethod
    async def shut(self) -> None:
        """Refuse new callers and cut off those who are there, if it listens."""

    @abstractmethod
    async def close(self) -> None:
        """Shut for good and give the port back."""

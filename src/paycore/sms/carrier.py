"""The shape of a carrier (运营商): what a carrier file declares and which verbs it has.

A carrier delivers a text and says yes or no; it knows nothing of codes or payments.
Like a channel it is one file behind one class, and nothing else changes when one is
added. It assembles and reads; who sends, in which order and how often, is the service.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar

import msgspec

from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.mask import mask_code, mask_phone
from paycore.kernel.outcome import Outcome


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


class Carrier(ABC):
    """One carrier's wire protocol. Stateless: one instance serves every line."""

    code: ClassVar[str]
    title: ClassVar[str]
    Config: ClassVar[type[msgspec.Struct]]

    @abstractmethod
    def assemble(self, line: Line, text: Text) -> HttpRequest:
        """Build and sign the request that has this text delivered."""

    @abstractmethod
    def read(self, line: Line, text: Text, answered: Answered) -> Delivery:
        """Verify and parse an answer; whatever cannot be trusted is UNKNOWN."""

    @abstractmethod
    def scrub(self, text: str) -> str:
        """What of a message, in or out, may be kept; the code is gone already."""

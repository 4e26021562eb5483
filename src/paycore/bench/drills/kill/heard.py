"""What business lines were told: every answer that a caller got, with its key and time.

An answer is a promise from the moment in which it is heard. What a call that broke off
came to nobody was told, so nothing is kept of it but that it broke.
"""

from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter, time
from urllib.parse import urlsplit

import msgspec

OPENING = "/v1/quick-payments"

_UNIX_S = time() - perf_counter()


def moment() -> float:
    """Unix time by a clock that only goes on: which of two answers was first is judged
    by it, and a machine's time may leap back.
    """
    return _UNIX_S + perf_counter()


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that was acknowledged: 2xx, whole, and in the caller's hands."""

    at: float
    """When it was heard, in Unix time."""
    asked_at: float
    """When it was asked for: under a key for the first time, since an answer that is
    kept there may be as old as that; of a GET, by the try that was answered."""
    path: str
    key: str | None
    """The idempotency key; None of a GET."""
    request: bytes
    """The whole request, to be sent again."""
    status: int
    body: bytes

    @property
    def told(self) -> "Told":
        """What it says."""
        return _TOLD.decode(self.body)


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of 4xx: nothing is promised by it but that nothing was done."""

    at: float
    path: str
    key: str | None
    request: bytes
    status: int
    code: str
    """Why."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One that had no answer until its caller's patience was over."""

    path: str
    key: str | None
    request: bytes


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an order or the result of a confirm says, as far as it can be held to it."""

    pay_order_no: str
    out_biz_no: str
    biz_status: str
    verify_status: str
    resp_code: str
    resp_msg: str
    # Of an order only.
    amount: int | None = None
    payable_amount: int | None = None
    currency: str | None = None
    pay_type: str | None = None
    created_at: str | None = None
    expires_at: str | None = None
    finished_at: str | None = None


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """What a business line ordered, as far as an answer can be held to it."""

    out_biz_no: str
    amount: int
    currency: str
    coupon_no: str | None = None


def ordered(path: str, request: bytes) -> Ordered | None:
    """What a request ordered; None where it is no order."""
    if path != OPENING:
        return None
    _, _, body = request.partition(b"\r\n\r\n")
    return msgspec.json.decode(body, type=Ordered)


def number_in(path: str) -> str | None:
    """The payment that a path names: /v1/payments/{pay_order_no}/close."""
    parts = urlsplit(path).path.split("/")
    return parts[3] if len(parts) > 3 else None


_TOLD = msgspec.json.Decoder(Told)


@dataclass(slots=True, kw_only=True)
class Heard:
    """What all callers together heard."""

    answers: list[Said] = field(default_factory=list)
    first_asked: dict[tuple[str, str], float] = field(default_factory=dict)
    """By path and key, when it was asked for the first time."""
    calls: int = 0
    waits: int = 0
    """Answers that the same work is under way."""
    errors: Counter[str] = field(default_factory=Counter)
    """Calls without an answer, and answers of 500 and above."""
    refused: list[Refused] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    """Where an order was looked for whose opening was acknowledged, and not found."""
    given_up: list[Call] = field(default_factory=list)

    def asked(self, path: str, key: str | None) -> float:
        """A try is about to be made: how old its answer may be."""
        now = moment()
        return now if key is None else self.first_asked.setdefault((path, key), now)

    @property
    def bugs(self) -> int:
        """Answers of 5xx that are none of ours: what is not available says 503."""
        return sum(
            count
            for said, count in self.errors.items()
            if said.startswith("HTTP ") and said != "HTTP 503"
        )

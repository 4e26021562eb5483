"""Which faults are set, and which of them strikes now.

Pure but for its own random numbers, which are seeded: the same calls in the same
order meet the same faults. What a fault does on the wire is `wire` and `teller`.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

from msgspec import Meta, Struct

BANKS: Final = ("quick_a", "quick_b", "deduct_a", "deduct_b")
CARRIERS: Final = ("a", "b")
VENDORS: Final = ("unionpay", "huifu", "stripe")
"""Banks that speak as a provider does; each is there where the configuration names
it."""
VENDOR_CARRIERS: Final = ("aliyun", "tencent", "smpp")
OPERATIONS: Final = (
    "send_code",
    "confirm",
    "deduct",
    "enquire",
    "refund",
    "sign",
    "revoke",
)
TARGETS: Final = (
    *(
        f"bank.{bank}.{operation}"
        for bank in (*BANKS, *VENDORS)
        for operation in OPERATIONS
    ),
    *(f"carrier.{carrier}.send" for carrier in (*CARRIERS, *VENDOR_CARRIERS)),
    "biz.notice",
)

# Families: of each at most one fault strikes a call, the one that was set first.
# Different families combine, for instance a late answer with a wrong signature.
REFUSED: Final = frozenset({"refuse_connection"})
DELIVERY: Final = frozenset(
    {"timeout_before", "timeout_after", "http_500", "slow", "drip"}
)
CONTENT: Final = frozenset({"garbage", "bad_signature"})
AMOUNT: Final = frozenset({"wrong_amount"})
TWICE: Final = frozenset({"charge_twice"})
DECLINE: Final = frozenset({"decline"})
PROCESSING: Final = frozenset({"processing"})
DUPLICATE: Final = frozenset({"duplicate_callback"})
EARLY: Final = frozenset({"callback_before_answer"})
UNDELIVERED: Final = frozenset({"undelivered"})

_SECONDS: Final = frozenset({"processing", "slow", "drip"})
_PLAIN: Final = (
    REFUSED
    | AMOUNT
    | TWICE
    | EARLY
    | UNDELIVERED
    | CONTENT
    | frozenset({"timeout_before", "timeout_after", "http_500"})
)
# Thirty years: "processing for ever" without a number that overflows a timer.
_LONGEST_S: Final = 10**9


class WrongFault(Exception):
    """The fault cannot be set; the text says why."""


class FaultRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /control/faults`."""

    target: str
    fault: str
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    count: Annotated[int, Meta(ge=1)] | None = None


class Strike(Struct, frozen=True, kw_only=True, gc=False):
    """A fault that strikes this call."""

    kind: str
    text: str = ""
    number_ms: int = 0
    number: int = 0


@dataclass(slots=True, kw_only=True)
class Rule:
    """A fault as it was set, with the hits it had so far."""

    id: int
    request: FaultRequest
    strike: Strike
    pattern: re.Pattern[str]
    hits: int = 0

    @property
    def spent(self) -> bool:
        """Whether its count is used up."""
        return self.request.count is not None and self.hits >= self.request.count


def read_fault(text: str) -> Strike:
    """Parse `kind` or `kind:value`, or raise `WrongFault`."""
    kind, colon, value = text.partition(":")
    if kind in _PLAIN and not colon:
        return Strike(kind=kind)
    if kind == "decline" and 0 < len(value) <= 64:
        return Strike(kind=kind, text=value)
    if kind in _SECONDS and colon:
        return Strike(kind=kind, number_ms=_milliseconds(value))
    if kind == "duplicate_callback" and re.fullmatch("[1-9][0-9]{0,2}", value):
        return Strike(kind=kind, number=int(value))
    raise WrongFault(f"not a fault: {text[:80]!r}")


def _milliseconds(value: str) -> int:
    try:
        seconds = Decimal(value)
    except InvalidOperation as error:
        raise WrongFault(f"not a number of seconds: {value[:80]!r}") from error
    if not seconds.is_finite() or not 0 <= seconds <= _LONGEST_S:
        raise WrongFault(f"seconds must be 0 to {_LONGEST_S}")
    return int(seconds * 1000)


def _pattern(target: str) -> re.Pattern[str]:
    """`*` matches within a name, so never over a dot."""
    parts = (re.escape(part) for part in target.split("*"))
    pattern = re.compile("[^.]*".join(parts))
    if not any(pattern.fullmatch(known) for known in TARGETS):
        raise WrongFault(f"no such target: {target[:80]!r}")
    return pattern


class FaultBook:
    """The faults set at the moment, in the order they were set."""

    def __init__(self, *, seed: int) -> None:
        self._random = random.Random(seed)
        self._rules: list[Rule] = []
        self._next_id = 1

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def add(self, request: FaultRequest) -> Rule:
        """Set one; it strikes from now on."""
        rule = Rule(
            id=self._next_id,
            request=request,
            strike=read_fault(request.fault),
            pattern=_pattern(request.target),
        )
        self._next_id += 1
        self._rules.append(rule)
        return rule

    def clear(self) -> int:
        """Forget all; returns how many there were."""
        count = len(self._rules)
        self._rules.clear()
        return count

    def draw(self, target: str, family: frozenset[str]) -> Strike | None:
        """The fault of this family that strikes a call to `target` now, if any."""
        for rule in self._rules:
            if rule.strike.kind not in family or rule.spent:
                continue
            if not rule.pattern.fullmatch(target):
                continue
            if rule.request.share < 1 and self._random.random() >= rule.request.share:
                continue
            rule.hits += 1
            return rule.strike
        return None

    def refused(self, place: str) -> bool:
        """Whether `place` (as in "bank.quick_a") must not listen at all."""
        known = [t for t in TARGETS if t.startswith(f"{place}.")]
        return any(
            rule.strike.kind in REFUSED and any(map(rule.pattern.fullmatch, known))
            for rule in self._rules
        )

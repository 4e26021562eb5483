"""How calls to an account go, as this node sees it: for people.

Every node has breakers and figures of its own; what another sees may differ.
"""

from dataclasses import dataclass
from enum import StrEnum

from paycore.gateway.accounts import AccountKey, Accounts
from paycore.gateway.health import Health
from paycore.gateway.registry import Registry
from paycore.kernel.meters import CALL_SECONDS, Tally
from paycore.kernel.node import Node


class BreakerState(StrEnum):
    """Whether calls are let through."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"
    """The next call is let through as a probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """One operation at one account."""

    operation: str
    breaker: BreakerState
    calls: int
    """Of the breaker's window."""
    failures: int
    p50_ms: int | None
    """Of all calls of this kind to the channel since the node began."""


def title(node: Node, driver: str) -> str:
    """What a channel file calls itself; its code where there is no such file."""
    found = node.state(Registry).find(driver)
    return driver if found is None else found.title


def operations(node: Node, key: AccountKey) -> list[Going]:
    """Every operation that the account's file declares; none where it does not open."""
    opened = node.state(Accounts).find(*key)
    if opened is None:
        return []
    health = node.state(Health, lambda: Health(node.settings))
    spreads = node.state(Tally).spreads.get(CALL_SECONDS.name, {})
    now, found = node.clock.monotonic(), []
    for operation in sorted(opened.driver.capabilities):
        breaker = health.standing(key, operation)
        calls, failures = (0, 0) if breaker is None else breaker.figures(now)
        spread = spreads.get((key[0], operation))
        median = None if spread is None else spread.median()
        state = BreakerState.CLOSED
        if breaker is not None and breaker.tripped:
            is_open = breaker.open(now)
            state = BreakerState.OPEN if is_open else BreakerState.HALF_OPEN
        found.append(
            Going(
                operation=operation,
                breaker=state,
                calls=calls,
                failures=failures,
                p50_ms=None if median is None else round(median * 1000),
            )
        )
    return found

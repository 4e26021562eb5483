"""The shapes of the console's calls about channels and carriers."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, field

from paycore.api.console.schema import Moment, Why
from paycore.api.schema import Answer, Shape


class Switch(Shape, frozen=True, kw_only=True):
    """On or off, and why."""

    enabled: Annotated[bool, Meta(description="true or false")]
    why: Why


class OpenWindow(Shape, frozen=True, kw_only=True):
    """What leaving an account out for a time takes."""

    since: Moment = field(name="from")
    until: Moment = field(name="to")
    why: Why


class ChannelOperation(Answer, frozen=True, kw_only=True):
    """One operation at an account, as the node that answers sees it."""

    operation: str
    breaker: str
    """CLOSED, OPEN or HALF_OPEN."""
    calls: int
    failures: int
    p50_ms: int | None


class UsedLimit(Answer, frozen=True, kw_only=True):
    """What is used of a limit of this day, in minor units where its name ends with a
    currency; `spend` of a carrier is in millionths of the currency that it bills in.
    """

    name: str
    used: int
    limit: int


class MaintenanceWindow(Answer, frozen=True, kw_only=True):
    """A time in which an account is left out of routes."""

    window_id: str
    since: datetime = field(name="from")
    until: datetime = field(name="to")
    why: str
    by: str


class ConsoleChannel(Answer, frozen=True, kw_only=True):
    """An account at a channel."""

    channel: str
    account: str
    name: str
    driver: str
    enabled: bool
    operations: list[ChannelOperation]
    """Empty where its credentials do not open."""
    limits: list[UsedLimit]
    windows: list[MaintenanceWindow]


class ConsoleChannels(Answer, frozen=True, kw_only=True):
    """A page of accounts; `node` is who saw how they are."""

    items: list[ConsoleChannel]
    next: str | None
    node: str


class ChannelSwitched(Answer, frozen=True, kw_only=True):
    """Whether an account is chosen from now on."""

    channel: str
    account: str
    enabled: bool


class Checked(Answer, frozen=True, kw_only=True):
    """What a call that moves nothing came to."""

    ok: bool
    says: list[str]
    resp_code: str
    resp_msg: str
    took_ms: int


class ConsoleCarrier(Answer, frozen=True, kw_only=True):
    """A carrier; prices in millionths."""

    carrier: str
    name: str
    driver: str
    enabled: bool
    priority: int
    price: int | None
    limits: list[UsedLimit]


class ConsoleCarriers(Answer, frozen=True, kw_only=True):
    """A page of carriers, in the order in which they are tried."""

    items: list[ConsoleCarrier]
    next: str | None


class CarrierSwitched(Answer, frozen=True, kw_only=True):
    """Whether it texts from now on."""

    carrier: str
    enabled: bool

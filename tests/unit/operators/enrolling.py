"""Operators who have enrolled, and their codes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from msgspec.structs import replace

from paycore.kernel.node import Node
from paycore.operators import logins, service
from paycore.operators.roles import Role
from paycore.operators.sessions import Typed

PASSWORD = "correct horse battery"


class Ahead:
    """A node's clock, with so much added to what it says."""

    def __init__(self, clock) -> None:
        self._clock, self.by = clock, timedelta()

    def now(self) -> datetime:
        """Wall time, ahead."""
        return self._clock.now() + self.by

    def __getattr__(self, name: str):
        return getattr(self._clock, name)


@dataclass
class Somebody:
    """An operator with a device."""

    node: Node
    name: str
    secret: str

    @property
    def clock(self) -> Ahead:
        """The node's."""
        if not isinstance(self.node.clock, Ahead):
            self.node.clock = Ahead(self.node.clock)
        return self.node.clock

    def code(self, steps: int = 0) -> str:
        """Of now, or of so many steps away."""
        at = self.node.now() + timedelta(seconds=30 * steps)
        return pyotp.TOTP(self.secret).at(at)

    def typed(self, **changes: str) -> Typed:
        """What he types."""
        right = Typed(name=self.name, password=PASSWORD, code=self.code())
        return replace(right, **changes)

    def wait(self, **by: float) -> None:
        """Time goes on."""
        self.clock.by += timedelta(**by)

    async def operator(self) -> service.Operator:
        """As the row stands."""
        row = await service.live(self.node, self.name)
        assert row is not None
        return service.operator_of(row)


async def somebody(node: Node, name: str, role: Role = Role.OPERATOR) -> Somebody:
    """Invited and enrolled, a minute ago."""
    invitation = (await logins.invite(node, name, role)).clear
    begun = await logins.enrol(node, invitation, PASSWORD)
    made = Somebody(node, name, begun.totp_secret)
    await logins.confirm(node, invitation, PASSWORD, made.code())
    made.wait(minutes=1)
    return made

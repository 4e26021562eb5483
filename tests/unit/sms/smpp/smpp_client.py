"""A line to a message centre at a node, as the SMS centre uses it."""

import asyncio
from datetime import UTC, datetime

from paycore.sms.carrier import Text
from paycore.sms.smpp.bind import Binds

PASSWORD, PHONE, CODE = "pa55w0rd", "+8613812345678", "482913"
WITHIN_S = 30.0
"""For what surely comes, however busy the machine is."""


class Client:
    """A carrier's line at a node, as the SMS centre uses it."""

    def __init__(self, node, driver, line):
        self.node, self.driver, self.line = node, driver, line

    def tend(self, *lines):
        """What happens about every second; without lines, it has been removed."""
        self.driver.tend(self.node, lines)

    async def bound(self):
        """Tend, and wait until it is bound."""
        self.tend(self.line)
        bind = self.node.state(Binds).of(self.line)
        return await bind.session(WITHIN_S)

    async def send(
        self, body=f"Your code is {CODE}.", *, timeout_s=WITHIN_S, connect_s=0.3
    ):
        """Have one text delivered."""
        return await self.driver.deliver(
            self.node, self.line, a_text(body, connect_s), timeout_s=timeout_s
        )


def a_text(body=f"Your code is {CODE}.", connect_s=0.3):
    return Text(
        request_no="2611292109380003HG2W5Q8ZC701",
        phone=PHONE,
        body=body,
        code=CODE,
        sign="Acme",
        at=datetime.now(UTC),
        timeout_s=WITHIN_S,
        connect_timeout_s=connect_s,
    )


async def until(holds, within_s=WITHIN_S):
    """Wait until it holds."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - of what another task does
            await asyncio.sleep(0.005)

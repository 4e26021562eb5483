"""What leaves a node: looked at in the moment, before a byte of it does.

A call to a bank is read by its house's own eyes, so that a provider's words are held to
what the sandbox's are held to.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from paycore.core.rows import AttemptRow
from paycore.gateway.rows import MessageRow
from paycore.kernel.http import HttpRequest
from paycore.kernel.ids import REFUND_LEGS, SIGNING_LEGS, payment_of
from paycore.prove.coupons import HOST
from paycore.prove.loop import Machine

if TYPE_CHECKING:
    from paycore.prove.oracle import Oracle
    from paycore.prove.world import World


def named(request_id: str) -> tuple[str, int]:
    """The payment that a request number of ours names, and its attempt or refund."""
    found = payment_of(request_id)
    assert found is not None, request_id
    return found


class Departures:
    """Looks at what leaves; what it finds is the oracle's to keep."""

    def __init__(self, world: "World", oracle: "Oracle") -> None:
        self._world, self._oracle = world, oracle
        self._called: Counter[tuple[str, str, str]] = Counter()
        """Calls that left, by payment, bank and operation."""

    def leaves(
        self, machine: Machine, host: str, path: str, request: HttpRequest
    ) -> None:
        """A byte is about to leave: its record must be there (I19)."""
        if path.startswith(("/notices", "/postings")):
            return
        if host == HOST:
            self._world.coupons.leaves(path, request)
            return
        house = self._world.banks.get(host)
        if house is None:
            no = self._texts(host, request)
            self._world.note(machine, "calls", f"{host}{path}", no)
            return
        seen = house.glance(request, path)
        if seen is None:
            return  # about no order, and so on no order's record
        if not seen.request_id:
            self._world.note(machine, "calls", f"{host}{path}", "")
            return  # about one of many, and nobody can say which
        request_id, operation = seen.request_id, seen.operation
        no, seq = named(request_id)
        # Each call to a bank has a record of its own.
        self._called[no, host, operation] += 1
        mine = [
            row
            for row in self._world.base.within(MessageRow, no)
            if (row.direction, row.channel, row.operation) == ("OUT", host, operation)
        ]
        recorded = len(mine) >= self._called[no, host, operation]
        self._oracle.holds("I19", recorded, f"a call to {host} without a record", no)
        self._world.note(machine, "calls", f"{host}{path}", no)
        if seq > SIGNING_LEGS:
            self._oracle.agreements.leaves(no, seq, operation)
        elif seq > REFUND_LEGS:
            self._oracle.refunds.leaves(seen, no)
        if operation in ("confirm", "deduct"):
            leg = [
                a
                for a in self._world.base.within(AttemptRow, no)
                if a.request_no == request_id and a.trans_type.moves_money
            ]
            self._oracle.holds("I19", leg, "money asked for without a leg", no)

    def _texts(self, host: str, request: HttpRequest) -> str:
        """A text is about to leave to a carrier; of which payment."""
        body = msgspec.json.decode(request.body, type=dict[str, Any])
        no, _ = named(str(body["request_id"]))
        mine = [
            row
            for row in self._world.base.within(MessageRow, no)
            if (row.direction, row.channel) == ("OUT", "sms_centre")
        ]
        self._oracle.holds("I19", mine, f"a call to {host} without a record", no)
        return no

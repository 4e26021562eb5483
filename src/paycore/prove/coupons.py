"""A coupon system of the user's own in the simulated world, and what must hold of it.

It does what docs/contracts/coupon.openapi.json asks of it, and keeps its own record:
the truth about which coupon was used, and by which order.
"""

from base64 import b64encode
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
from standardwebhooks.webhooks import Webhook

from paycore.core.rows import PaymentRow
from paycore.coupon.rows import HoldRow, HoldStatus
from paycore.kernel.config import Settings
from paycore.kernel.http import Answered, HttpRequest, NotSent
from paycore.kernel.terms import BizStatus, PayOrderNo
from paycore.prove import kinds
from paycore.prove.stage import COUPON_MINOR
from paycore.prove.strangers import answered, signed_by

if TYPE_CHECKING:
    from paycore.prove.network import Parcel
    from paycore.prove.world import World

HOST = "coupons"

KEY = bytes(range(32))

LEASE_S = 40.0
"""Longer than any lease that a leap of a clock can end."""

LATEST_S = 400.0
"""How long after it was given up a call may arrive: long after the order has ended."""

INTENT: Mapping[str, HoldStatus] = MappingProxyType(
    {
        "lock": HoldStatus.ASKED,
        "use": HoldStatus.USING,
        "unlock": HoldStatus.FREEING,
    }
)
"""What must be on record before a call leaves."""

Place = tuple[str, str]


class CouponHouse:
    """The system at its address."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._is_there = world.faults.strikes("coupons_elsewhere")
        self._rng = world.stream("coupon system")
        self._webhook = Webhook(b64encode(KEY).decode())
        self._held: dict[Place, str] = {}
        """Whose a coupon is; one that is not here is free."""
        self._spent: dict[str, str] = {}
        """By order: its last word, use or unlock."""

    def settings(self, given: Settings) -> Settings:
        """Those of nodes whose coupons live here, if they do."""
        if not self._is_there:
            return given
        return msgspec.structs.replace(
            given,
            coupon_url=f"http://{HOST}.sim",
            coupon_secret=b64encode(KEY).decode(),
        )

    # --- on the network ---------------------------------------------------------------

    def leaves(self, path: str, request: HttpRequest) -> None:
        """A call is about to leave: its intent is on record (I19)."""
        wanted = INTENT.get(path.strip("/"))
        if wanted is None:
            return
        no = str(msgspec.json.decode(request.body, type=dict[str, Any])["pay_order_no"])
        world = self._world
        hold = world.base.load(HoldRow, no)
        recorded = hold is not None and hold.status is wanted
        # Whoever is late tells what another has told meanwhile; never a lock. But a
        # leap of the database's clock ends orders before their time: what is locked
        # then is unlocked all the same.
        told = path != "/lock" and hold is not None and hold.acknowledged_at
        leapt = world.loop.time() < world.leapt_at + LEASE_S
        world.oracle.holds(
            "I19",
            recorded or bool(told) or leapt,
            f"{path} of a coupon without its intent",
            no,
        )

    def carry(self, parcel: "Parcel") -> None:
        """Bring a call, or let it break."""
        network = self._world.network
        strike = self._world.faults.one_of(kinds.COUPON_SYSTEM[1:])
        if strike is not None:
            said = f"{strike} at {parcel.path}"
            self._world.note(parcel.sender, "strike", said)
        if strike == "coupon_refused":
            network.reply(parcel, NotSent(reason="refused"))
        elif strike == "coupon_500":
            network.reply(parcel, answered(b"{}", {}, 500))
        elif strike == "coupon_arrives_late":
            after = parcel.request.timeout_s + self._rng.random() * LATEST_S
            network.later(self._arrive, parcel, strike, after=after)
        elif strike != "coupon_lost":
            network.later(self._arrive, parcel, strike)
            if strike == "coupon_doubled":
                network.later(self._arrive, parcel, None)

    def _arrive(self, parcel: "Parcel", strike: str | None) -> None:
        """It acts, whatever becomes of its answer."""
        world = self._world
        reply = self.take(parcel.path.strip("/"), parcel.request)
        world.note(None, HOST, f"{parcel.path} {reply.status} {reply.body.decode()}")
        if strike == "coupon_garbage":
            reply = answered(b"{oops", {}, reply.status)
        if strike == "coupon_other_amount":
            body = reply.body.replace(b"%d" % COUPON_MINOR, b"%d" % (COUPON_MINOR + 1))
            reply = answered(body, {}, reply.status)
        if strike != "coupon_unanswered":
            world.network.reply(parcel, reply)
        world.perhaps_dies_now(parcel.sender, "killed_after_call")

    # --- what the contract asks of it -------------------------------------------------

    def take(self, operation: str, request: HttpRequest) -> Answered:
        """One call."""
        if not signed_by(self._webhook, request):
            return answered(b"", {}, 401)
        said = msgspec.json.decode(request.body, type=dict[str, Any])
        place, no = (said["biz_line"], said["coupon_no"]), said.get("pay_order_no", "")
        holder = self._held.get(place)
        match operation:
            case "ask" if holder is not None:
                return _refused("TAKEN")
            case "lock" if no in self._spent:
                return _refused("SPENT")
            case "lock" | "use" if holder not in (None, no):
                return _refused("TAKEN")
            case "lock" if said["amount"] != COUPON_MINOR:
                return _refused("DOES_NOT_FIT")
            case "lock":
                self._held[place] = no
            case "use":
                self._held[place] = no
                self._spent[no] = "use"
            case "unlock":
                self._spent.setdefault(no, "unlock")
                if holder == no and self._spent[no] == "unlock":
                    del self._held[place]
        return self._stands(place)

    def _stands(self, place: Place) -> Answered:
        holder = self._held.get(place)
        locked = "USED" if self._spent.get(holder or "") == "use" else "LOCKED"
        coupon = {
            "coupon_no": place[1],
            "status": "AVAILABLE" if holder is None else locked,
            "amount": COUPON_MINOR,
            "currency": "CNY",
            "pay_order_no": holder,
        }
        return answered(msgspec.json.encode(coupon), {})

    # --- what must hold in the end ----------------------------------------------------

    def still_owed(self) -> bool:
        """Whether something is still to be told."""
        return any(row.status.owed for row in self._world.base.waiting(HoldRow))

    def judge(self) -> None:
        """Its record, our rows and the orders say the same (I10, I11)."""
        base, holds = self._world.base, self._world.oracle.holds
        for row in base.every(HoldRow):
            no = row.pay_order_no
            order = base.load(PaymentRow, no)
            status = order.biz_status if order is not None else None
            # What it locked for an order it never refuses to that order: no case of
            # a coupon that is gone excuses anything here.
            paid, used = status is BizStatus.SUCCESS, self._spent.get(no) == "use"
            holds("I10", paid == used, "paid and not used there, or used", no)
            holds("I6", not row.status.owed, "owed, and never told", no)
        for no in map(PayOrderNo, self._held.values()):
            order = base.load(PaymentRow, no)
            over = order is None or order.biz_status in (
                BizStatus.FAIL,
                BizStatus.CLOSED,
            )
            holds("I10", not over, "locked there for an order that is over", no)


def _refused(code: str) -> Answered:
    return answered(msgspec.json.encode({"code": code}), {}, 409)

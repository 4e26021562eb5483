"""Two coupon systems behind one order: the built-in one, and one over HTTP.

An order here is a real payment's row, locked and ended by the chain's own commands on a
real node; only the money in between is left out.
"""

from datetime import timedelta
from itertools import count
from typing import TypeVar

from coupon_system import Coupons
from telling import LeapingClock

from paycore.cards.rows import CardRow
from paycore.core.absorb import load_payment
from paycore.core.chain import GuardRefused, Next, Run
from paycore.core.commands import CouponLock, CouponModify
from paycore.core.payment import Payment
from paycore.core.rows import PaymentRow
from paycore.core.states import Event
from paycore.coupon import service as coupon
from paycore.coupon.rows import CouponRow, HoldRow
from paycore.kernel.errors import CouponAway, CouponRefused
from paycore.kernel.ids import pay_order_no
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, CardId, CouponNo, Json, PayOrderNo
from paycore.lines.rows import BizLineRow
from paycore.notify import webhook
from paycore.worker import loop, redeemer

SHOP, CARD = BizLineId("shop"), CardId("card_1")
NUMBERS = count(1)

ENDS = {
    "SUCCESS": (Event.CHARGE_BEGUN, Event.PAID),
    "FAIL": (Event.DECLINED,),
    "CLOSED": (Event.CLOSED,),
}


class Orders:
    """Orders that name coupons, at one node."""

    def __init__(self, node: Node, line: BizLineRow, card: CardRow) -> None:
        self.node, self._line, self._card = node, line, card

    async def opened(self, coupon_no: str, *, amount: int = 1250) -> PayOrderNo | str:
        """An order on record; or why there is none."""
        node, now = self.node, self.node.now()
        try:
            worth = await coupon.worth(
                node,
                SHOP,
                CouponNo(coupon_no),
                amount=amount,
                currency="CNY",
                sign=webhook.headers,
            )
        except (CouponRefused, CouponAway) as refusal:
            return refusal.code
        row = PaymentRow(
            pay_order_no=pay_order_no(node.ids, now),
            biz_line=SHOP,
            out_biz_no=f"o{next(NUMBERS)}",
            biz_order_no=None,
            amount=amount,
            coupon_no=CouponNo(coupon_no),
            coupon_amount=worth,
            payable_amount=amount - worth,
            currency="CNY",
            card_id=CARD,
            subject="tea",
            created_at=now,
            expires_at=now + timedelta(days=1),
            next_check_at=now + timedelta(days=1),
        )
        run = self._run(Payment(row, new=True))
        coupon.name(
            node,
            run.change,
            pay_order_no=row.pay_order_no,
            biz_line=SHOP,
            coupon_no=row.coupon_no,
            amount=worth,
            currency="CNY",
        )
        await run.commit()
        return row.pay_order_no

    async def locked(self, no: PayOrderNo) -> bool:
        """Whether the order got as far as the money."""
        run = self._run(await load_payment(self.node, no))
        try:
            step = await CouponLock().run(run)
            run.release()
            await run.commit()
        except GuardRefused as error:
            if error.refused.guard != coupon.GUARD:
                raise
            return False
        return step is Next.NEXT

    async def ended(self, no: PayOrderNo, status: str) -> None:
        """The order ends so, and its coupon with it."""
        run = self._run(await load_payment(self.node, no))
        for event in ENDS[status]:
            run.payment.apply(event, now=self.node.now())
        await CouponModify().run(run)
        await run.commit()

    async def worked(self) -> None:
        """Whoever works did all there is to do, however long it took."""
        for _ in range(60):
            await redeemer.tick(self.node)
            await loop.sweep(self.node)
            held = await self.node.journal.every(HoldRow)
            if not any(row.status.owed for row in held):
                break
            self._leap(30)
        self._leap(coupon.LOCK_CHECK.total_seconds() + 1)
        await loop.sweep(self.node)

    def _leap(self, seconds: float) -> None:
        assert isinstance(self.node.clock, LeapingClock)
        self.node.clock.ahead += timedelta(seconds=seconds)

    def _run(self, payment: Payment | None) -> Run:
        assert payment is not None
        return Run(
            node=self.node,
            payment=payment,
            line=self._line,
            change=self.node.change(),
            card=self._card,
        )


class BuiltIn(Orders):
    """Coupons are rows of ours."""

    async def issued(self, *, amount: int = 250, **more: object) -> str:
        """A coupon that nobody has."""
        fields = {"currency": "CNY", **more}
        if fields.pop("expired", False):
            fields["valid_until"] = self.node.now() - timedelta(seconds=1)
        change, coupon_no = self.node.change(), CouponNo(f"B-{next(NUMBERS)}")
        row = {"biz_line": SHOP, "coupon_no": coupon_no, "amount": amount, **fields}
        change.insert(CouponRow(**row))
        assert await self.node.journal.commit(change) is None
        return coupon_no

    async def is_(self, coupon_no: str) -> tuple[str, str | None]:
        """Where it stands, and whose it is."""
        row = await self.node.journal.load(CouponRow, SHOP, coupon_no)
        return row.status, row.holder


class Elsewhere(Orders):
    """Coupons live in a system over HTTP."""

    system: Coupons

    async def issued(self, *, amount: int = 250, **more: object) -> str:
        """A coupon that nobody has."""
        return self.system.issue(f"E-{next(NUMBERS)}", amount=amount, **more)

    async def is_(self, coupon_no: str) -> tuple[str, str | None]:
        """Where it stands, and whose it is."""
        return self.system.is_(coupon_no)


Kind = TypeVar("Kind", bound=Orders)


def placed(kind: type[Kind], node: Node) -> Kind:
    """Orders at a node, of a line and a card that nothing here looks at."""
    line = BizLineRow(biz_line=SHOP, title="Tea", currencies=Json('["CNY"]'))
    card = CardRow(
        card_id=CARD,
        biz_line=SHOP,
        sealed=b"",
        number_hash=b"",
        phone_hash=b"",
        bin="622202",
        tail="6446",
        phone_masked="",
        holder_masked="",
        bank="ICBC",
        card_kind="DEBIT",
        created_at=node.now(),
    )
    return kind(node, line, card)

"""What a business line of a simulated world gives back: all or parts, several at once,
more than there is, the same refund twice.
"""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING

from paycore.core.refunds.service import RefundRequest
from paycore.kernel.terms import BizLineId, PayOrderNo
from paycore.prove.api import Answer

if TYPE_CHECKING:
    from paycore.prove.payers import Payer


class Returns:
    """What a line gives back of a paid order."""

    def __init__(self, payer: "Payer") -> None:
        self._payer, self._rng = payer, payer.rng
        self._serial = 0

    async def ask(self) -> None:
        """All, or parts, or more than there is."""
        amount = self._amount()
        if self._payer.strikes("refunds_too_much"):
            part = amount * 6 // 10
            await self._at_once([part] * 4)
            return
        parts = self._parts(amount)
        if self._payer.strikes("refunds_at_once"):
            await self._at_once(parts)
            return
        for part in parts:
            await self._one(part)

    def _amount(self) -> int:
        number = f"order-{self._payer.number}"
        return self._payer.world.oracle.hearing.requests[number].amount

    def _parts(self, amount: int) -> list[int]:
        """The whole, or what three refunds make of it, the last perhaps left out."""
        if self._rng.random() < 0.4:
            return [amount]
        first = 1 + self._rng.randrange(amount - 2)
        second = 1 + self._rng.randrange(amount - first - 1)
        parts = [first, second, amount - first - second]
        return parts[: self._rng.choice((2, 3))]

    async def _at_once(self, parts: Iterable[int]) -> None:
        await asyncio.gather(*(self._one(part) for part in parts))

    async def _one(self, amount: int) -> None:
        self._serial += 1
        payer = self._payer
        request = RefundRequest(
            biz_line=BizLineId(payer.line),
            pay_order_no=PayOrderNo(payer.no),
            out_refund_no=f"refund-{payer.number}-{self._serial}",
            amount=amount,
            reason=None,
        )
        api, watch = payer.world.api, payer.world.oracle.refunds

        def call(key: str) -> Awaitable[Answer | None]:
            return api.refund(request, key)

        answer = await payer.insist(call)
        watch.heard(request, answer)
        if payer.strikes("refunds_twice"):
            again = await payer.insist(call)
            watch.heard(request, again)

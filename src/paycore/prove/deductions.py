"""Deductions as a line asks for them: nobody is present, and the line waits for the
end. Now and then it does what an order of this kind must refuse, or closes it between
two tries.
"""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paycore.prove.payers import Payer

LOOKS = 12
LOOK_EVERY_S = 3.0


async def wait(payer: "Payer") -> None:
    """Until it has come to its end, or for as long as a line has patience."""
    api, rng = payer.world.api, payer.rng
    if rng.random() < 0.2:
        await _asks_for_codes(payer)
    for _ in range(LOOKS):
        if payer.ended:
            return
        if payer.strikes("closes"):
            await payer.close()
        await asyncio.sleep(LOOK_EVERY_S * (0.5 + rng.random()))
        answer = await api.get(payer.line, payer.no)
        if answer is not None and answer.status == 200:
            payer.heard(answer)


async def _asks_for_codes(payer: "Payer") -> None:
    """There is no code of a deduction, to be sent or to be typed."""
    api, holds = payer.world.api, payer.world.oracle.holds
    asked = await payer.insist(lambda key: api.resend(payer.line, payer.no, key))
    typed = await payer.insist(
        lambda key: api.confirm(payer.line, payer.no, "123456", key)
    )
    for answer in (asked, typed):
        refused = answer is None or 400 <= answer.status < 500
        holds("I7", refused, "a code of a deduction was taken", payer.no)

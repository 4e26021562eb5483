"""The commands of a deduction: money under the card's mandate, with nobody present.

The next channel is asked only where it is sure that the last one took nothing: it
refused and blames itself, or it was never reached. What stands in the rows says how
many were tried and which, so that whoever goes on after a crash goes on from there.
"""

from paycore.cards.rows import AgreementRow
from paycore.core import ask as asking
from paycore.core.chain import Foreign, Local, Next, Run
from paycore.core.commands import declined, deduct_at, drop_coupon
from paycore.core.messages import words
from paycore.core.settle import settle
from paycore.core.states import Event
from paycore.coupon import service as coupon
from paycore.gateway.call import Ask, Reply
from paycore.kernel import errors
from paycore.kernel.journal import Refused
from paycore.kernel.outcome import AfterCharge, Outcome
from paycore.kernel.terms import PayType, TransType
from paycore.router import service as router
from paycore.router.question import Route

GOES_ON = frozenset({AfterCharge.NEXT_DEDUCT_ROUTE, AfterCharge.NOT_TAKEN})
"""After these, and no others, another channel may be asked."""


class MandateCheck(Local):
    """The card can be deducted from at all: else nothing is recorded."""

    async def run(self, run: Run) -> Next:
        """Live now, at whatever channel; the route decides at which."""
        if not await asking.agreements(run, PayType.DEDUCT):
            raise errors.BizCheckError(
                "The card has no mandate to deduct under.", "该银行卡未签约代扣"
            )
        return Next.NEXT


class CardDeduct(Foreign):
    """Take the money at one deduct channel after the other (轮询扣款)."""

    async def before(self, run: Run) -> Ask | Next:
        """Route over what was not tried, and record the leg."""
        row = run.payment.row
        if run.coupon_refused:
            drop_coupon(run)
            return declined(run, "COUPON")
        if run.now >= row.expires_at:
            return _expired(run)
        found = await asking.agreements(run, PayType.DEDUCT)
        if not found:
            return declined(run, "AGREEMENT_GONE")
        route = await _next_route(run, found)
        if route is None:
            return declined(run, _why(run))
        run.payment.respond("CONFIRMING", words("CONFIRMING", run.line.language))
        return deduct_at(run, route, found)

    async def after(self, run: Run, seq: int, reply: Reply) -> Next:
        """Elsewhere only where it is sure that nothing was taken here."""
        step = await settle(run, run.payment.attempts[seq], reply, call_ended=True)
        return Next.AGAIN if step in GOES_ON else Next.NEXT

    def refused(self, run: Run, refused: Refused) -> Next:
        """A limit filled up meanwhile, or the coupon went to another order: where
        nothing of ours is on record yet, the request is refused for it.
        """
        if refused.guard == coupon.GUARD and run.committed:
            run.coupon_refused = True
            return Next.AGAIN
        return asking.next_route(run, refused)


async def _next_route(run: Run, found: list[AgreementRow]) -> Route | None:
    """What the router has left, while there are tries: its own decision each time."""
    tried = run.payment.money_legs
    for leg in tried:
        run.exclude(leg)
    if len(tried) >= run.node.settings.deduct_tries:
        return None
    wanted = asking.question(run, TransType.DEDUCT, found)
    return await router.route(run.node, wanted, run.change)


def _why(run: Run) -> str:
    """The last channel's own refusal, where it gave one."""
    tried = run.payment.money_legs
    if not tried:
        return router.cause_of(run.change)
    last = max(tried, key=lambda leg: leg.seq)
    return last.resp_code if last.outcome is Outcome.DECLINED else "NOT_TAKEN"


def _expired(run: Run) -> Next:
    """Its time is over between two tries: nothing was taken, and nothing will be."""
    run.payment.respond("EXPIRED", words("EXPIRED", run.line.language))
    run.payment.apply(Event.EXPIRED, now=run.now, cause=Event.EXPIRED)
    return Next.NEXT

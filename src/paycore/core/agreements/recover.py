"""What a worker does with an agreement that is due: the one look that fits its state.

A signing whose answer did not come is asked after under its number. A revocation goes
on until the bank has acknowledged it: asked after, and while the agreement stands sent
again. What is out of schedule a person is told, and it is looked at all the same.
"""

from paycore.cards import service as cards
from paycore.cards.rows import AgreementRow
from paycore.core.agreements.calls import Call, load
from paycore.core.agreements.rows import SigningRow
from paycore.core.agreements.signing import REVOKE, SIGN
from paycore.core.agreements.states import AgreementEvent, AgreementStatus
from paycore.core.chain import GuardRefused
from paycore.desk import service as desk
from paycore.gateway import service as gateway
from paycore.gateway.call import Operation, Reply
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome

Due = SigningRow
"""An agreement that was due, claimed."""


async def claim(node: Node, limit: int) -> list[Due]:
    """Take the lease of agreements that are due and in nobody's hands."""
    return await node.journal.due(
        SigningRow,
        limit,
        now=node.now(),
        over=node.over_by(),
        epoch=node.epoch,
        live=node.heartbeat.live,
        lease_until=node.lease_until(),
    )


async def look(node: Node, row: Due) -> None:
    """Do what a claimed agreement's state calls for, and give the lease back.

    Refused by a guard means that somebody else did something meanwhile.
    """
    call = await load(node, row)
    try:
        call.signing.look_again()
        await _look(call)
        if call.signing.out_of_schedule and not call.signing.row.status.final:
            await _tell(call)
        call.signing.release(node.now())
        await call.commit()
    except GuardRefused:
        return


async def _look(call: Call) -> None:
    row, now = call.signing.row, call.node.now()
    if row.status is AgreementStatus.ACTIVE:
        if row.ends_at is not None and row.ends_at <= now:
            _apply(call, AgreementEvent.TERM_OVER)
    elif row.status is AgreementStatus.REVOKING:
        await _revoke(call)
    elif row.step:
        await _enquire(call)
    elif row.expires_at <= now:
        _apply(call, AgreementEvent.SIGN_EXPIRED)


def _apply(call: Call, event: AgreementEvent) -> None:
    before = call.signing.row.status
    call.signing.apply(event, now=call.node.now())
    call.follow(before)


async def _enquire(call: Call) -> None:
    """Ask what became of the signing; its number is kept where there is one."""
    number = call.signing.request_no
    reply = await _asked(call, number, Operation.SIGN)
    before = call.signing.row.status
    call.signing.hear_enquiry(reply, now=call.node.now(), over=_over(call))
    fresh = call.signing.row.last_event in (
        AgreementEvent.SIGNED,
        AgreementEvent.SIGN_FOUND,
    )
    call.follow(before, reply.agreement if fresh else None)


async def _revoke(call: Call) -> None:
    """Have the bank end it too: with its number, which may have to be asked for."""
    row, node = call.signing.row, call.node
    place = (row.card_id, row.pay_type, row.channel, row.account)
    agreement = await node.journal.load(AgreementRow, *place)
    if agreement is None or row.step not in ("", REVOKE):
        await _enquire(call)
        return
    token = cards.token(node, agreement)
    if row.step == REVOKE:
        number = call.signing.revoke_no
        reply = await _asked(call, number, Operation.REVOKE, token)
        before = call.signing.row.status
        quiet = row.quiet_from <= node.now()
        call.signing.hear_of_revocation(reply, now=node.now(), quiet=quiet)
        call.follow(before)
        return
    call.signing.begin(REVOKE, now=node.now())
    number = call.signing.revoke_no
    _, answer = await call.ask(Operation.REVOKE, number, token=token)
    before = call.signing.row.status
    call.signing.hear(answer.reply, now=node.now())
    call.follow(before)


async def _asked(
    call: Call, number: str, about: Operation, token: str | None = None
) -> Reply:
    """An enquiry; one that did not get through says nothing."""
    _, answer = await call.ask(Operation.ENQUIRE, number, about=about, token=token)
    reply = answer.reply
    if reply.outcome is Outcome.NOT_SENT:
        return Reply(outcome=Outcome.UNKNOWN, resp_code=reply.resp_code)
    return reply


def _over(call: Call) -> bool:
    """Whether what was sent is there by now, or never will be."""
    row = call.signing.row
    window = gateway.acceptance_window(call.node, row.channel)
    return row.quiet_from + window <= call.node.now()


async def _tell(call: Call) -> None:
    """A person is told, once."""
    row = call.signing.row
    await desk.open_case(
        call.node,
        call.change,
        kind="AGREEMENT_UNKNOWN",
        pay_order_no=None,
        evidence={
            "card_id": row.card_id,
            "channel": row.channel,
            "account": row.account,
            "status": row.status,
            "step": row.step or SIGN,
            "resp_code": row.resp_code,
        },
        about=row.signing_no,
    )

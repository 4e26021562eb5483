"""The door to agreements: sign a card, confirm with the bank's code, revoke, and take
in what a channel says of its own accord.

A POST is two commits around one call, as a payment's is: its key and the record of the
call before, the answer and what follows from it after. Who dies in between is followed
by a worker (`recover`), and his caller's key by the state.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from paycore.cards import service as cards
from paycore.cards.rows import AgreementRow, CardRow
from paycore.cards.service import NewCard
from paycore.core import keys
from paycore.core.agreements.calls import Call, load
from paycore.core.agreements.place import (
    TWICE_EN,
    TWICE_ZH,
    Wish,
    allowed,
    checked,
    slot_of,
    take,
)
from paycore.core.agreements.rows import NumberRow, SigningRow
from paycore.core.agreements.signing import CONFIRM, MAX_CONFIRMS, SIGN, Signing
from paycore.core.agreements.states import AgreementEvent, AgreementStatus
from paycore.core.chain import GuardRefused
from paycore.core.keys import KeptAnswer, Key, KeyClaim, leased
from paycore.core.rows import IdempotencyRow
from paycore.core.template import Running
from paycore.gateway.call import Operation
from paycore.gateway.service import Received
from paycore.kernel import errors
from paycore.kernel.ids import SIGNING_LEGS, pay_order_no
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import BizLineId, CardId, Origin
from paycore.sms import service as sms

TIMES_TO_TRY = 5

__all__ = [
    "Typed",
    "View",
    "Wish",
    "confirm",
    "is_of_signing",
    "receive",
    "revoke",
    "sign",
    "view_of",
]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer is made from: the card, what it may be used under, its signing."""

    card: CardRow
    agreements: list[AgreementRow]
    signing: SigningRow | None = None


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """A code that the payer typed for a card."""

    biz_line: BizLineId
    card_id: CardId
    code: str

    def __repr__(self) -> str:
        """Whose it is, without the code."""
        return f"Typed({self.card_id!r}, …)"


AnswerOf = Callable[[View], tuple[int, bytes]]


async def sign(  # noqa: PLR0917 - one shape for all use cases
    node: Node,
    new: NewCard,
    wish: Wish,
    claim: KeyClaim,
    answer_of: AnswerOf,
    origin: Origin | None = None,
) -> KeptAnswer:
    """Register a card and have its bank text the payer a code to sign with."""
    asked = _Asked(new=new, wish=wish, origin=origin)
    return await _to_its_end(node, _sign(node, asked, claim, answer_of))


async def confirm(
    node: Node,
    typed: Typed,
    claim: KeyClaim,
    answer_of: AnswerOf,
) -> KeptAnswer:
    """Complete a signing with the code that the payer typed."""
    return await _to_its_end(node, _confirm(node, typed, claim, answer_of))


async def revoke(node: Node, biz_line: BizLineId, card_id: CardId) -> None:
    """End a card here and now, and what was signed for it at the channel as well, which
    a worker sees to. A second time changes nothing.
    """
    for _ in range(TIMES_TO_TRY):
        card = await cards.card_of(node, biz_line, card_id)
        if card.status == cards.REVOKED:
            return
        change = node.change()
        for row in await node.journal.within(SigningRow, card_id):
            if row.status in (AgreementStatus.PENDING, AgreementStatus.ACTIVE):
                _end(row, node.now()).stage(change)
        await cards.stage_revocation(node, change, card_id)
        if await node.journal.commit(change) is None:
            return
    raise errors.Unavailable


async def receive(node: Node, received: Received) -> bool | None:
    """Absorb what a channel says of an agreement: that it was revoked there. None where
    it is about none of ours.
    """
    callback, message = received.callback, received.message
    assert callback is not None
    assert message is not None
    if callback.operation is not Operation.REVOKE:
        return None
    for _ in range(TIMES_TO_TRY):
        row = await _numbered(node, message.pay_order_no)
        place = (message.channel, message.account)
        if row is None or place != (row.channel, row.account):
            return None
        call = await load(node, row)
        call.change.append(message)
        revoked = callback.reply.outcome is Outcome.SUCCEEDED
        if revoked and not row.status.final:
            call.signing.apply(
                AgreementEvent.REVOKED_BY_BANK,
                now=node.now(),
                cause=callback.reply.resp_code,
            )
            call.follow(row.status)
        try:
            await call.commit()
        except GuardRefused:
            continue
        return True
    return False


async def knows(node: Node, no: str) -> bool:
    """Whether a signing has this number."""
    return await node.journal.load(NumberRow, no) is not None


def is_of_signing(seq: int) -> bool:
    """Whether a number's last part names a signing's call."""
    return seq > SIGNING_LEGS


# --- signing --------------------------------------------------------------------------


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A signing that is asked for: of which card, of what, from where."""

    new: NewCard
    wish: Wish
    origin: Origin | None


async def _sign(
    node: Node, asked: _Asked, claim: KeyClaim, answer_of: AnswerOf
) -> KeptAnswer:
    async def found(standing: IdempotencyRow) -> SigningRow | None:
        return await _numbered(node, _name_of(standing))

    for _ in range(TIMES_TO_TRY):
        key = await _key(node, claim, answer_of, found)
        if isinstance(key, KeptAnswer):
            return key
        try:
            call, texting = await _asked_for(node, asked, key)
            _, answer = await call.ask(Operation.SIGN, call.signing.request_no)
        except (GuardRefused, errors.Duplicate) as error:
            # What stands in the way may be what this very key did before: that first.
            if await keys.look_up(node, claim) is None:
                raise _refusal(node, error) from None
            continue
        sms.give_back_unsent(texting, answer.reply.outcome, call.change)
        call.signing.hear(answer.reply, now=node.now())
        return await _finish(call, answer_of)
    raise errors.InFlight(retry_after_s=1)


def _refusal(node: Node, error: Exception) -> errors.Refusal:
    """Why a signing did not begin: too many texts, or one that has its place."""
    if isinstance(error, GuardRefused):
        too_many = sms.too_many(node, error.refused)
        if too_many is not None:
            return too_many
    return errors.Duplicate(TWICE_EN, TWICE_ZH)


async def _asked_for(
    node: Node, asked: _Asked, key: Key
) -> tuple[Call, tuple[sms.Quota, ...]]:
    """The card and its agreement as they begin, with what their text takes; refused
    where they cannot.
    """
    wish = asked.wish
    new = checked(node, asked.new, wish)
    await allowed(node, new.biz_line, wish)
    change, now = node.change(), node.now()
    card = cards.register(node, change, new, status=cards.PENDING)
    no = pay_order_no(node.ids, now)
    row = SigningRow(
        card_id=card.card_id,
        signing_no=no,
        biz_line=card.biz_line,
        pay_type=wish.pay_type,
        channel=wish.channel,
        account=wish.account,
        scope=wish.scope,
        single_limit=wish.single_limit,
        daily_limit=wish.daily_limit,
        ends_at=wish.ends_at,
        slot=slot_of(node, new, wish),
        created_at=now,
        expires_at=now + timedelta(seconds=node.settings.code_lifetime_s),
        quiet_from=now,
        next_check_at=now,
    )
    await take(node, change, row)
    for name in (no, _name_of(key.row)):
        change.insert(NumberRow(name=name, card_id=card.card_id, signing_no=no))
    texting = sms.take_for_bank(node, new.phone, asked.origin, change)
    signing = Signing(row, new=True)
    call = Call(node=node, card=card, signing=signing, change=change, key=key)
    return call, texting


async def _confirm(
    node: Node,
    typed: Typed,
    claim: KeyClaim,
    answer_of: AnswerOf,
) -> KeptAnswer:
    async def found(_: IdempotencyRow) -> SigningRow | None:
        # A key and the try that it is of are one commit: where one is, the other is.
        return await _newest(node, typed.card_id)

    for _ in range(TIMES_TO_TRY):
        card = await cards.card_of(node, typed.biz_line, typed.card_id)
        key = await _key(node, claim, answer_of, found)
        if isinstance(key, KeptAnswer):
            return key
        row = await _confirmable(node, card)
        call = await load(node, row)
        call.key = key
        call.signing.begin(CONFIRM, now=node.now())
        number = call.signing.request_no
        try:
            _, answer = await call.ask(Operation.SIGN_CONFIRM, number, code=typed.code)
        except GuardRefused:
            continue
        call.signing.hear(answer.reply, now=node.now())
        return await _finish(call, answer_of, token=answer.reply.agreement)
    raise errors.InFlight(retry_after_s=1)


async def _confirmable(node: Node, card: CardRow) -> SigningRow:
    """The card's signing, where a code may be typed for it now."""
    row = await _newest(node, card.card_id)
    if row is None or row.status is not AgreementStatus.PENDING:
        raise errors.BizCheckError(
            "No signing of this card waits for a code.", "该卡没有待确认的签约"
        )
    if leased(node, row.lease_epoch) and not node.lease_is_over(row.lease_until):
        raise errors.InFlight(retry_after_s=1)
    if row.step == CONFIRM:
        raise errors.BizCheckError(
            "The result of an earlier code is being confirmed.", "签约结果确认中"
        )
    if row.expires_at <= node.now():
        raise errors.BizCheckError("The code has expired.", "验证码已失效")
    if row.confirms >= MAX_CONFIRMS:
        raise errors.BizCheckError(
            "This signing's tries are used up; register the card again.",
            "该签约的尝试次数已用完,请重新绑卡",
        )
    return row


# --- how a passage ends ---------------------------------------------------------------


async def _finish(
    call: Call, answer_of: AnswerOf, token: str | None = None
) -> KeptAnswer:
    """Answer, release, commit; where somebody was first, what stands is the answer."""
    before = AgreementStatus.PENDING
    call.follow(before, token)
    if call.signing.row.step:
        call.signing.look_again()
    call.signing.release(call.node.now())
    status, body = answer_of(await _view(call))
    assert call.key is not None
    call.key.answer(call.node, status, body)
    try:
        await call.commit()
    except GuardRefused:
        # Revoked meanwhile, here or at the bank: the worker finds what the bank did.
        return await _from_state(call.node, call.signing.row, call.key, answer_of)
    return KeptAnswer(status=status, body=body)


async def _view(call: Call) -> View:
    """The card as the commit will leave it."""
    live = await cards.live_agreements(call.node, call.card.card_id, call.node.now())
    if call.made is not None:
        live = [*live, call.made]
    return View(
        card=call.card,
        agreements=live if call.card.status == cards.ACTIVE else [],
        signing=call.signing.row,
    )


async def view_of(node: Node, card: CardRow) -> View:
    """The card as it stands."""
    live = await cards.live_agreements(node, card.card_id, node.now())
    return View(
        card=card,
        agreements=live if card.status == cards.ACTIVE else [],
        signing=await _newest(node, card.card_id),
    )


async def _key(
    node: Node,
    claim: KeyClaim,
    answer_of: AnswerOf,
    found: Callable[[IdempotencyRow], Coroutine[object, object, SigningRow | None]],
) -> Key | KeptAnswer:
    """The key to work under, or the answer that it has, or gets from the state."""
    standing = await node.journal.load(IdempotencyRow, claim.scope)
    if standing is None:
        return Key.fresh(node, claim, None)
    if standing.expires_at <= node.now():
        return Key.renewed(node, claim, standing)
    kept = keys.kept(standing, claim, node)
    if kept is not None:
        return kept
    key, row = Key.again(node, standing), await found(standing)
    return key if row is None else await _from_state(node, row, key, answer_of)


async def _from_state(
    node: Node, row: SigningRow, key: Key, answer_of: AnswerOf
) -> KeptAnswer:
    """Keep an answer made from what stands; a passage that runs is waited for."""
    standing = await node.journal.load(SigningRow, row.card_id, row.signing_no)
    card = await node.journal.load(CardRow, row.card_id)
    assert card is not None
    assert standing is not None
    status, body = answer_of(replace(await view_of(node, card), signing=standing))
    key.answer(node, status, body)
    change = node.change()
    key.stage(change)
    if await node.journal.commit(change) is not None:
        raise errors.InFlight(retry_after_s=1)
    return KeptAnswer(status=status, body=body)


async def _to_its_end(
    node: Node, passage: Coroutine[object, object, KeptAnswer]
) -> KeptAnswer:
    """A passage is not cancelled when its caller leaves; a stop waits for it."""
    task = asyncio.create_task(passage)
    running = node.state(Running).tasks
    running.add(task)
    task.add_done_callback(running.discard)
    return await asyncio.shield(task)


def _end(row: SigningRow, now: datetime) -> Signing:
    """The agreement, ended with us; a worker takes it to the bank."""
    signing = Signing(row)
    signing.apply(AgreementEvent.REVOKE_ASKED, now=now)
    if not (row.step or row.signed_at):
        # Nothing of it is under way, but the bank may have been asked: it is enquired.
        signing.row = replace(signing.row, step=SIGN)
    # Whoever is confirming it finds it changed, and leaves it to the worker.
    signing.row = replace(
        signing.row, next_check_at=now, lease_epoch=None, lease_until=None
    )
    return signing


def _name_of(key: IdempotencyRow) -> str:
    """What a signing is found by under its key: a name is given for good, and a key is
    new again after its retention.
    """
    return f"{key.scope.hex()} {key.created_at.isoformat()}"


async def _numbered(node: Node, name: str) -> SigningRow | None:
    found = await node.journal.load(NumberRow, name)
    if found is None:
        return None
    return await node.journal.load(SigningRow, found.card_id, found.signing_no)


async def _newest(node: Node, card_id: CardId) -> SigningRow | None:
    rows = await node.journal.within(SigningRow, card_id)
    return rows[-1] if rows else None

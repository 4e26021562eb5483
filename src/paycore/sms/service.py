"""The SMS centre (短信中心): sends codes through carriers, and verifies them.

Each call has three moments, around which the caller commits: prepare stages what must
be durable before the first byte leaves (a send) or before anything is compared (a
verification); send and verify stage nothing; conclude stages what came of it.

A new code is PENDING until a carrier said yes; only then do the older ones go void, so
a send that failed leaves the code that the payer already has. What it is not: it knows
no payment's status, and how long the payer waits between two codes is core's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from paycore.kernel.crypto import keyed_hash, same
from paycore.kernel.errors import TooMany
from paycore.kernel.journal import Change, Refused
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import (
    AttemptId,
    CardId,
    Origin,
    PayOrderNo,
    VerifyStatus,
)
from paycore.sms import budget
from paycore.sms import code as codes
from paycore.sms.budget import SPEND, Asked, wait_s
from paycore.sms.carrier import Line, Text
from paycore.sms.delivery import Message, Sent, Tried, deliver, messages_for
from paycore.sms.quota import Quota, quotas_of_phone, quotas_of_try
from paycore.sms.receipts import handle_of
from paycore.sms.registry import Carriers
from paycore.sms.registry import save as save_carrier
from paycore.sms.rows import CarrierRow, CodeRow, CodeStatus, SentRow

__all__ = [
    "SPEND",
    "PreparedSend",
    "PreparedVerify",
    "Quota",
    "SendRequest",
    "Sent",
    "Verified",
    "VerifyRequest",
    "all_used",
    "conclude_send",
    "conclude_verify",
    "give_back_unsent",
    "let_go",
    "prepare_send",
    "prepare_verify",
    "refresh",
    "save_carrier",
    "send",
    "take_for_bank",
    "too_many",
    "verify",
]


async def refresh(node: Node) -> None:
    """Take over the carriers as they are set up now."""
    carriers = node.state(Carriers)
    carriers.take(node, await node.journal.every(CarrierRow))
    carriers.tend(node)


async def let_go(node: Node) -> None:
    """Close what is kept open at carriers: the node stops."""
    await node.state(Carriers).let_go(node)


# --- sending a code -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """One code that is to be sent; it will be good for exactly this."""

    pay_order_no: PayOrderNo
    seq: int
    request_no: AttemptId
    amount: int
    currency: str
    card_id: CardId
    phone: str = field(repr=False)
    payee: str
    subject: str
    card_tail: str
    language: str
    sign: str
    biz_line: str = ""
    origin: Origin | None = None
    """Where the payer is; None where nobody asks for it, after a crash."""
    texted: bool = False
    """Whether a bank may have texted its own code for it just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSend:
    """A code that may be sent as soon as this is durable."""

    row: CodeRow
    older: tuple[int, ...]
    """The codes that go void once this one is out."""
    messages: tuple[Message, ...]
    quotas: tuple[Quota, ...]


async def prepare_send(
    node: Node, request: SendRequest, change: Change
) -> PreparedSend:
    """Make the code; stage its row and what it takes of the phone's limits."""
    carriers = node.state(Carriers)
    if not carriers.loaded:
        await refresh(node)
    older = await node.journal.within(CodeRow, request.pay_order_no)
    code = codes.make(node.ids, node.settings.code_digits)
    row = _new_row(node, request, code)
    quotas = quotas_of_phone(
        node.settings, row.phone_hash, row.created_at, texted=request.texted
    )
    lines, budgets = await _budgets(node, carriers, request, row.created_at)
    row = replace(row, held=budget.held_by(budgets))
    change.insert(row, guard="sms_code")
    for quota in (*quotas, *budgets):
        quota.take(change)
    text = _text(node, request, code, row.created_at)
    return PreparedSend(
        row=row,
        older=tuple(each.seq for each in older if each.status.replaceable),
        messages=messages_for(lines, text),
        quotas=quotas,
    )


async def _budgets(
    node: Node, carriers: Carriers, request: SendRequest, now: datetime
) -> tuple[tuple[Line, ...], tuple[Quota, ...]]:
    """The carriers that may be tried, and what the text takes of all budgets."""
    asked = Asked(biz_line=request.biz_line, origin=request.origin)
    lines, spends = await budget.within_budget(node, carriers.lines, now)
    return lines, (*budget.quotas_of(node.settings, asked, now), *spends)


async def send(node: Node, prepared: PreparedSend, *, within_s: float) -> Sent:
    """Have the text delivered; only after the commit of what was prepared.

    `within_s` is for all carriers together: two time-outs of one carrier.
    """
    return await deliver(node, prepared.messages, within_s=within_s)


def conclude_send(
    node: Node, prepared: PreparedSend, sent: Sent, change: Change
) -> None:
    """Stage the new code's taking over, or its end."""
    row, out = prepared.row, sent.outcome is Outcome.SUCCEEDED
    if out:
        for seq in prepared.older:
            change.amend(CodeRow, (row.pay_order_no, seq), _void)
    for tried in sent.tried:
        _stage_numbers(node, row, tried, change)
    held = budget.give_back(change, row.held, budget.kept_of(row.held, sent))
    settle = _activate if out else _void
    change.amend(CodeRow, row.key(), lambda stands: replace(settle(stands), held=held))
    give_back_unsent(prepared.quotas, sent.outcome, change)


def _stage_numbers(node: Node, row: CodeRow, tried: Tried, change: Change) -> None:
    """Keep what receipts will name, where they name nothing of ours."""
    line, delivery = tried.message.line, tried.delivery
    if not line.driver.receipts_by_id:
        return
    numbers = filter(None, (delivery.message_id, *delivery.further_ids))
    # By what is kept of them: two that are too long may be one then, and a row that
    # stands twice in a change would keep the code itself from being written.
    for handle in dict.fromkeys(handle_of(line, number) for number in numbers):
        change.insert(
            SentRow(
                handle=handle,
                pay_order_no=row.pay_order_no,
                seq=row.seq,
                sent_at=node.now(),
            )
        )


def take_for_bank(
    node: Node, phone: str, origin: Origin | None, change: Change
) -> tuple[Quota, ...]:
    """Stage what a text takes that a bank sends at our asking: of the phone, which does
    not care who texts it, and of the payer's address. In the commit of the intent.
    """
    now, hashed = node.now(), _phone_hash(node, phone)
    quotas = (
        *quotas_of_phone(node.settings, hashed, now),
        *budget.quotas_by_bank(node.settings, origin, now),
    )
    for quota in quotas:
        quota.take(change)
    return quotas


def too_many(node: Node, refused: Refused) -> TooMany | None:
    """What a text that does not go out is refused with; None where the guard is
    another's.
    """
    if not refused.guard.startswith("sms."):
        return None
    return TooMany(retry_after_s=wait_s(node.now(), refused.guard))


def give_back_unsent(quotas: Sequence[Quota], outcome: Outcome, change: Change) -> bool:
    """Stage that nothing was taken, where surely no text was sent; whether that is."""
    unsent = outcome in (Outcome.DECLINED, Outcome.NOT_SENT)
    if unsent:
        for quota in quotas:
            quota.give_back(change)
    return unsent


# --- verifying one --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What the payer typed, and for what: the same facts as at the send."""

    pay_order_no: PayOrderNo
    amount: int
    currency: str
    card_id: CardId
    number_hash: bytes = field(repr=False)
    """Of the card's number: by it tries are counted."""
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedVerify:
    """A try that may be compared as soon as it is durably counted."""

    row: CodeRow | None
    """With this try counted in."""
    typed: bytes
    """The hash of what was typed, as if for `row`."""
    foregone: VerifyStatus | None
    """What is known already: nothing is counted, and nothing will be compared."""
    tries_left: int
    quotas: tuple[Quota, ...]
    reason: str
    """Why it would be wrong: for us, never for the payer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What became of the code."""

    status: VerifyStatus
    tries_left: int | None
    at: datetime
    """When it was judged: by then a code must have been good."""
    reason: str = ""


async def prepare_verify(
    node: Node, request: VerifyRequest, change: Change
) -> PreparedVerify:
    """Find the code in force, and stage the count of this try."""
    now = node.now()
    rows = await node.journal.within(CodeRow, request.pay_order_no)
    row, limits = codes.in_force(rows), _limits(node)
    foregone = codes.foregone(row, rows, now, limits)
    quotas: tuple[Quota, ...] = ()
    if row is not None and foregone is None:
        counted = replace(row, tries=row.tries + 1)
        change.update(counted, version=row.version, guard="sms_code")
        quotas = quotas_of_try(node.settings, request.number_hash, row.phone_hash, now)
        for quota in quotas:
            quota.take(change)
        row = counted
    return PreparedVerify(
        row=row,
        typed=b"" if row is None else _typed(node, request, row),
        foregone=foregone,
        tries_left=0 if row is None else codes.tries_left(row, rows, limits),
        quotas=quotas,
        reason=_reason(node, request, row, rows),
    )


async def all_used(node: Node, no: PayOrderNo) -> bool:
    """Whether a payment's tries are used up: no code of it can pass any more."""
    return codes.all_used(await node.journal.within(CodeRow, no), _limits(node))


async def tries_left(node: Node, no: PayOrderNo) -> int:
    """How often the code in force may still be guessed; 0 where there is none."""
    rows = await node.journal.within(CodeRow, no)
    row = codes.in_force(rows)
    return 0 if row is None else codes.tries_left(row, rows, _limits(node))


def verify(node: Node, prepared: PreparedVerify) -> Verified:
    """Compare; only after the commit that counts the try."""
    status, at = prepared.foregone, node.now()
    if status is None:
        assert prepared.row is not None, "nothing to compare with is foregone"
        status = codes.judge(prepared.row, prepared.typed, at)
    match status:
        case VerifyStatus.PASS:
            left = prepared.tries_left + 1
            return Verified(status=status, tries_left=left, at=at)
        case VerifyStatus.WRONG:
            return Verified(
                status=status,
                tries_left=prepared.tries_left,
                at=at,
                reason=prepared.reason,
            )
        case _:
            why = "no code is good" if prepared.row is None else ""
            return Verified(status=status, tries_left=0, at=at, reason=why)


def conclude_verify(
    node: Node, prepared: PreparedVerify, verified: Verified, change: Change
) -> None:
    """Stage what the code is from now on."""
    row = prepared.row
    if row is None:
        return
    if verified.status is not VerifyStatus.WRONG:
        for quota in prepared.quotas:
            quota.give_back(change)
    match verified.status:
        case VerifyStatus.PASS:
            at = verified.at
            change.amend(CodeRow, row.key(), lambda stands: _pass(stands, at))
        case VerifyStatus.EXPIRED:
            # Seen to have expired once, it stays so, whatever clocks do (I27).
            change.amend(CodeRow, row.key(), _void)
        case _ if prepared.tries_left == 0:
            change.amend(CodeRow, row.key(), _lock)


# --- a code's row ---------------------------------------------------------------------


def _void(stands: CodeRow) -> CodeRow:
    """No good any more; what is final already stays as it is."""
    if not stands.status.replaceable:
        return stands
    return replace(stands, status=CodeStatus.VOID)


def _activate(stands: CodeRow) -> CodeRow:
    """The code in force; a late yes does not revive what was replaced meanwhile."""
    if stands.status is not CodeStatus.PENDING:
        return stands
    return replace(stands, status=CodeStatus.ACTIVE)


def _lock(stands: CodeRow) -> CodeRow:
    if not stands.status.replaceable:
        return stands
    return replace(stands, status=CodeStatus.LOCKED)


def _pass(stands: CodeRow, at: datetime) -> CodeRow | None:
    """Consume it, and give the try back; refused where it was replaced meanwhile."""
    if stands.status not in (CodeStatus.ACTIVE, CodeStatus.PASSED):
        return None
    return replace(
        stands,
        status=CodeStatus.PASSED,
        passed_at=stands.passed_at or at,
        tries=max(0, stands.tries - 1),
    )


def _new_row(node: Node, request: SendRequest, code: str) -> CodeRow:
    now, key = node.now(), node.settings.code_key_octets
    bound = codes.Binding(
        pay_order_no=request.pay_order_no,
        seq=request.seq,
        amount=request.amount,
        currency=request.currency,
        card_id=request.card_id,
        phone_hash=_phone_hash(node, request.phone),
    )
    return CodeRow(
        pay_order_no=bound.pay_order_no,
        seq=bound.seq,
        digest=codes.digest(key, code, bound),
        amount=bound.amount,
        currency=bound.currency,
        card_id=bound.card_id,
        phone_hash=bound.phone_hash,
        created_at=now,
        expires_at=now + timedelta(seconds=node.settings.code_lifetime_s),
    )


def _phone_hash(node: Node, phone: str) -> bytes:
    return keyed_hash(node.settings.code_key_octets, "phone", phone)


def _typed(node: Node, request: VerifyRequest, row: CodeRow) -> bytes:
    """The hash that `row` would have, were this its code and were it for this."""
    bound = codes.Binding(
        pay_order_no=request.pay_order_no,
        seq=row.seq,
        amount=request.amount,
        currency=request.currency,
        card_id=request.card_id,
        phone_hash=row.phone_hash,
    )
    return codes.digest(node.settings.code_key_octets, request.code, bound)


def _reason(
    node: Node, request: VerifyRequest, row: CodeRow | None, rows: Sequence[CodeRow]
) -> str:
    """Whether it is one of the payment's other codes: an old text, not a guess."""
    replaced = (other for other in rows if row is not None and other.seq != row.seq)
    if any(same(other.digest, _typed(node, request, other)) for other in replaced):
        return "a code that was replaced"
    return "no code of this payment"


def _limits(node: Node) -> codes.Limits:
    return codes.Limits(
        tries=node.settings.code_tries,
        tries_per_payment=node.settings.code_tries_per_payment,
    )


def _text(node: Node, request: SendRequest, code: str, at: datetime) -> Text:
    wording = codes.Wording(
        language=request.language,
        amount=request.amount,
        currency=request.currency,
        payee=request.payee,
        subject=request.subject,
        card_tail=request.card_tail,
        minutes=node.settings.code_lifetime_s // 60,
    )
    return Text(
        request_no=request.request_no,
        phone=request.phone,
        body=codes.text(code, wording),
        code=code,
        sign=request.sign,
        at=at,
        timeout_s=node.settings.sms_timeout_s,
        connect_timeout_s=node.settings.connect_timeout_s,
        language=request.language,
    )

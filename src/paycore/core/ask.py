"""What a command asks its neighbours with: a question, a call."""

from collections.abc import Iterable
from datetime import timedelta
from types import MappingProxyType

from paycore.cards import service as cards
from paycore.cards.rows import AgreementRow
from paycore.core.chain import GuardRefused, Next, Run
from paycore.core.rows import AttemptRow
from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, CardFacts, Operation
from paycore.kernel.journal import Refused
from paycore.kernel.terms import AttemptId, PayType, TransType
from paycore.router import service as router
from paycore.router.question import AgreementLimits, Question, Route

_OPERATION_OF = MappingProxyType(
    {
        TransType.QUICK_PAY_SEND_MSG: Operation.SEND_CODE,
        TransType.QUICK_PAY_CONFIRM: Operation.CONFIRM,
        TransType.SMS_VERIFY: Operation.VERIFY_CODE,
        TransType.DEDUCT: Operation.DEDUCT,
        TransType.REFUND: Operation.REFUND,
    }
)


def operation_of(trans_type: TransType) -> Operation:
    """What the gateway calls a transaction type."""
    return _OPERATION_OF[trans_type]


def question(
    run: Run,
    trans_type: TransType,
    agreements: Iterable[AgreementRow] | None,
    *,
    named: str | None = None,
) -> Question:
    """The router's question, with what the gateway and the vault know handed over."""
    row, operation = run.payment.row, operation_of(trans_type)
    return Question(
        pay_order_no=row.pay_order_no,
        biz_line=row.biz_line,
        trans_type=trans_type,
        amount=row.payable_amount,
        currency=row.currency,
        card_id=row.card_id,
        bank=run.card.bank,
        card_kind=run.card.card_kind,
        now=run.now,
        agreements=None if agreements is None else _limits(agreements),
        broken=gateway.broken(run.node, operation),
        capable=gateway.capable(run.node, operation),
        excluded=frozenset(run.excluded),
        named=named,
    )


def _limits(
    agreements: Iterable[AgreementRow],
) -> dict[tuple[str, str], AgreementLimits]:
    return {
        (agreement.channel, agreement.account): AgreementLimits(
            single_limit=agreement.single_limit, daily_limit=agreement.daily_limit
        )
        for agreement in agreements
    }


async def agreements(run: Run, pay_type: PayType) -> list[AgreementRow]:
    """The card's live agreements of this kind, read now."""
    return await cards.agreements(run.node, run.payment.row.card_id, pay_type, run.now)


async def agreement_of(run: Run, pay_type: PayType, attempt: AttemptRow) -> str | None:
    """The channel's number of the card's live agreement at an attempt's place, read
    now, in clear.
    """
    place, card_id = (attempt.channel, attempt.account), run.payment.row.card_id
    row = await cards.agreement(run.node, card_id, pay_type, place, now=run.now)
    return None if row is None else cards.token(run.node, row)


async def former_agreement_of(
    run: Run, pay_type: PayType, attempt: AttemptRow
) -> str | None:
    """The same, whether it holds or is over; only to ask what became of an attempt."""
    place, card_id = (attempt.channel, attempt.account), run.payment.row.card_id
    row = await cards.former_agreement(run.node, card_id, pay_type, place)
    return None if row is None else cards.token(run.node, row)


def agreement_at(
    run: Run, found: Iterable[AgreementRow], place: Route | AttemptRow
) -> str | None:
    """The channel's number of the agreement at a place, in clear."""
    for agreement in found:
        if (agreement.channel, agreement.account) == (place.channel, place.account):
            return cards.token(run.node, agreement)
    return None


def call(
    run: Run,
    attempt: AttemptRow,
    *,
    timeout_s: float,
    operation: Operation | None = None,
    agreement: str | None = None,
    channel_token: str | None = None,
    code: str | None = None,
    with_card: bool = False,
) -> Ask:
    """One call to the gateway about an attempt."""
    row, asked = run.payment.row, operation_of(attempt.trans_type)
    return Ask(
        operation=operation or asked,
        pay_order_no=row.pay_order_no,
        attempt_seq=attempt.seq,
        request_no=attempt.request_no,
        inst_trans_id=attempt.inst_trans_id,
        channel=attempt.channel,
        account=attempt.account,
        amount=attempt.amount,
        currency=attempt.currency,
        asked_at=run.now,
        timeout_s=timeout_s,
        card_id=row.card_id,
        card=_facts(run) if with_card else None,
        number_hash=run.card.number_hash,
        agreement=agreement,
        channel_token=channel_token,
        code=code,
        subject=row.subject,
        payee=run.line.title,
        card_tail=run.card.tail,
        language=run.line.language,
        notify_url=_notify_url(run, attempt),
        biz_line=row.biz_line,
        origin=run.origin,
        opened_at=run.payment.opened_at(attempt.request_no),
        channel_ref=attempt.channel_ref,
        enquired_operation=asked if operation is Operation.ENQUIRE else None,
    )


def quiet_from_delay(run: Run, timeout_s: float) -> timedelta:
    """How long after an intent somebody may at the latest still be sending it."""
    return timedelta(seconds=run.node.lease_lasts_for(timeout_s) + timeout_s)


def _facts(run: Run) -> CardFacts:
    facts = cards.facts(run.node, run.card)
    return CardFacts(
        number=facts.number, name=facts.name, id_no=facts.id_no, phone=facts.phone
    )


def _notify_url(run: Run, attempt: AttemptRow) -> str | None:
    base = run.node.settings.public_url
    return f"{base}/callbacks/{attempt.channel}/{attempt.account}" if base else None


def begin(
    run: Run,
    trans_type: TransType,
    route: Route,
    timeout_s: float,
    *,
    request_no: AttemptId | None = None,
) -> AttemptRow:
    """Record an attempt at a place, with what it reserves, before its call."""
    if trans_type.moves_money:
        run.payment.first_look()
    run.asked = (route.channel, route.account)
    now = run.now
    return run.payment.begin(
        trans_type,
        channel=route.channel,
        account=route.account,
        inst_trans_id=route.inst_trans_id,
        now=now,
        quiet_from=now + quiet_from_delay(run, timeout_s),
        request_no=request_no,
        reserved=router.reserved(route, run.payment.row.payable_amount),
    )


def next_route(run: Run, refused: Refused) -> Next:
    """Where a limit was full by the time of the commit, on to the next route."""
    if not refused.guard.startswith("limit:") or run.asked is None:
        raise GuardRefused(refused)
    run.excluded.add(run.asked)
    return Next.AGAIN

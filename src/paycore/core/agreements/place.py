"""What a business line wishes to have signed, and whether it can be: its terms, where,
and that nobody has the place.

There is one agreement per payer, card, payee, kind and account: the payee is the
business line. The place is taken with the asking and free again at the end.
"""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from paycore.cards import numbers
from paycore.cards.service import NewCard
from paycore.core.agreements.rows import SigningRow, SlotRow
from paycore.gateway import service as gateway
from paycore.gateway.call import Operation
from paycore.kernel.crypto import keyed_hash
from paycore.kernel.errors import BadRequest, BizCheckError, Duplicate
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, PayType, TransType
from paycore.router import service as router

FIELD = "sign"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be signed, and where."""

    pay_type: PayType
    channel: str
    account: str
    scope: str = ""
    single_limit: int | None = None
    daily_limit: int | None = None
    ends_at: datetime | None = None


def checked(node: Node, new: NewCard, wish: Wish) -> NewCard:
    """The card in the form that banks take; BadRequest names what is wrong."""
    name = numbers.bank_name(new.name)
    if name is None:
        raise BadRequest(
            "A bank does not take such a name.", "姓名不符合银行要求", field="name"
        )
    if not numbers.bank_phone(new.phone):
        raise BadRequest(
            "A bank cannot text a code to it.", "手机号无法接收银行短信", field="phone"
        )
    check_terms(node, wish)
    place = (wish.pay_type, wish.channel, wish.account)
    if any((one.pay_type, one.channel, one.account) == place for one in new.agreements):
        raise BadRequest(
            "What is to be signed is given already.",
            "待签约协议与已有协议重复",
            field=FIELD,
        )
    return replace(new, name=name)


def check_terms(node: Node, wish: Wish) -> None:
    """A mandate says what for, how much and until when; no limit is above another."""
    limits = single, daily = wish.single_limit, wish.daily_limit
    if wish.pay_type is PayType.DEDUCT and (
        not wish.scope.strip() or None in limits or wish.ends_at is None
    ):
        raise BadRequest(
            "A mandate needs its scope, single and daily limit, and its end.",
            "代扣授权需要用途、单笔与单日限额及有效期",
            field=FIELD,
        )
    if any(limit is not None and limit < 1 for limit in limits) or (
        wish.ends_at is not None and wish.ends_at <= node.now()
    ):
        raise BadRequest(
            "Limits are from 1 on, and the end is to come.",
            "限额须为正数,有效期须晚于当前时间",
            field=FIELD,
        )
    if single is not None and daily is not None and single > daily:
        raise BadRequest(
            "The single limit is above the daily one.",
            "单笔限额不能高于单日限额",
            field=FIELD,
        )


async def allowed(node: Node, biz_line: BizLineId, wish: Wish) -> None:
    """Refuse an account that is not the line's, not of this kind, or cannot sign."""
    tables = await router.tables(node)
    lines = {(one.biz_line, one.channel, one.account) for one in tables.allowed}
    kinds = {(one.channel, one.account, one.trans_type) for one in tables.types}
    deduct = wish.pay_type is PayType.DEDUCT
    kind = TransType.DEDUCT if deduct else TransType.QUICK_PAY_SEND_MSG
    at = (wish.channel, wish.account)
    if (
        (biz_line, *at) not in lines
        or (*at, kind) not in kinds
        or wish.channel not in gateway.capable(node, Operation.SIGN)
    ):
        raise BadRequest(
            "This line cannot have such an agreement signed there.",
            "该业务线不能在此渠道签约",
            field=FIELD,
        )
    if at in gateway.broken(node, Operation.SIGN):
        raise BizCheckError(
            "The channel cannot be reached now.", "渠道暂不可用,请稍后再试"
        )


def slot_of(node: Node, new: NewCard, wish: Wish) -> bytes:
    """The place that an agreement takes, told by a keyed hash."""
    parts = (
        *(new.biz_line, wish.pay_type, wish.channel, wish.account),
        *(new.number, new.id_no.upper()),
    )
    return keyed_hash(node.settings.search_key_octets, "agreement", "\x1f".join(parts))


async def take(node: Node, change: Change, row: SigningRow) -> None:
    """Stage the taking of the place; refused where another agreement has it."""
    slot = await node.journal.load(SlotRow, row.slot)
    if slot is None:
        change.insert(SlotRow(slot=row.slot, holder=row.signing_no))
    elif not slot.holder:
        change.update(replace(slot, holder=row.signing_no), version=slot.version)
    else:
        raise Duplicate(TWICE_EN, TWICE_ZH)


TWICE_EN = "This card has such an agreement already, or it is being signed."
TWICE_ZH = "该卡已有同类协议或正在签约"

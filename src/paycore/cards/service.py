"""Cards of payers, and the agreements they have given: the door to the vault.

A card belongs to the business line that registered it; to every other line it does not
exist. Its facts never change: a new number is a new card. Whether a card may be used is
its status, which is for the caller to look at. No refusal repeats what was refused.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from paycore.cards import numbers, vault
from paycore.cards.rows import AgreementRow, CardRow
from paycore.cards.vault import CardSecrets
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.ids import letters
from paycore.kernel.journal import Change
from paycore.kernel.mask import mask_name, mask_phone
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, CardId, PayType

PENDING = "PENDING"
"""It waits for its agreement to be signed."""
ACTIVE = "ACTIVE"
REVOKED = "REVOKED"
OVER = (REVOKED, "EXPIRED", "REFUSED")
"""Nothing is paid with it any more: revoked, or never signed."""

CARD_ID_LETTERS = 20
LONGEST_NAME = 64

CLOCKS_DIFFER = timedelta(seconds=1)
"""What was agreed upon at one node a moment ago is in force at the next one too, whose
clock may be a little behind."""

_BANK = re.compile(r"[A-Z][A-Z0-9_]{1,15}")


class GivenAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement or mandate that exists at a channel already."""

    pay_type: PayType
    channel: str
    account: str
    token: str
    """The channel's number of it."""
    single_limit: int | None = None
    daily_limit: int | None = None
    starts_at: datetime | None = None
    """None: now."""
    ends_at: datetime | None = None

    def __repr__(self) -> str:
        """Everything but its number."""
        return f"GivenAgreement({self.pay_type} at {self.channel}/{self.account})"


class NewCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card to register. Bank and kind may be left out where the BIN is known."""

    biz_line: BizLineId
    number: str
    name: str
    id_no: str
    phone: str
    bank: str | None = None
    card_kind: str | None = None
    agreements: Sequence[GivenAgreement] = ()

    def __repr__(self) -> str:
        """Whose it is, and nothing of the card."""
        return f"NewCard(biz_line={self.biz_line!r}, …)"


def register(
    node: Node, change: Change, request: NewCard, *, status: str = ACTIVE
) -> CardRow:
    """Stage a card with its agreements; BadRequest names the field that is wrong."""
    secrets = _checked(request)
    bank, kind = _bank_and_kind(request)
    card_id = CardId(f"card_{letters(node.ids, CARD_ID_LETTERS)}")
    key = node.settings.search_key_octets
    row = CardRow(
        card_id=card_id,
        biz_line=request.biz_line,
        sealed=vault.seal(node.key_ring, card_id, secrets),
        number_hash=vault.number_hash(key, secrets.number),
        phone_hash=vault.phone_hash(key, secrets.phone),
        bin=secrets.number[: numbers.BIN_LETTERS],
        tail=secrets.number[-numbers.TAIL_LETTERS :],
        phone_masked=mask_phone(secrets.phone),
        holder_masked=mask_name(secrets.name),
        bank=bank,
        card_kind=kind,
        status=status,
        created_at=node.now(),
    )
    change.insert(row)
    for agreement in _agreements(node, card_id, request.agreements):
        change.insert(agreement)
    return row


async def card_of(node: Node, biz_line: BizLineId, card_id: CardId) -> CardRow:
    """The line's card, revoked ones too; DataNotExist for anybody else's."""
    row = await node.journal.load(CardRow, card_id)
    if row is None or row.biz_line != biz_line:
        raise DataNotExist
    return row


async def agreements(
    node: Node, card_id: CardId, pay_type: PayType, now: datetime
) -> list[AgreementRow]:
    """The card's agreements of one kind that hold now."""
    return [
        row
        for row in await node.journal.within(AgreementRow, card_id)
        if row.pay_type == pay_type and _live(row, now)
    ]


async def agreement(
    node: Node,
    card_id: CardId,
    pay_type: PayType,
    place: tuple[str, str],
    *,
    now: datetime,
) -> AgreementRow | None:
    """The card's agreement of a kind at a channel and account, if it holds now."""
    row = await node.journal.load(AgreementRow, card_id, pay_type, *place)
    return row if row is not None and _live(row, now) else None


async def former_agreement(
    node: Node, card_id: CardId, pay_type: PayType, place: tuple[str, str]
) -> AgreementRow | None:
    """The card's agreement of a kind at a channel and account, over or not, as long as
    its number is kept. Nothing is charged under it: it says whose an order was.
    """
    row = await node.journal.load(AgreementRow, card_id, pay_type, *place)
    return row if row is not None and row.token else None


async def live_agreements(
    node: Node, card_id: CardId, now: datetime
) -> list[AgreementRow]:
    """The card's agreements of every kind that hold now."""
    rows = await node.journal.within(AgreementRow, card_id)
    return [row for row in rows if _live(row, now)]


async def stage_revocation(node: Node, change: Change, card_id: CardId) -> None:
    """Stage the end of a card and of all that was agreed for it.

    A payment that is under way goes on: the money it may have moved is not undone by
    forgetting the card. What was signed at a bank has to end there too, which is not
    seen to here (`core.agreements`).
    """
    now = node.now()

    def step(standing: CardRow) -> CardRow:
        at = standing.revoked_at or now
        return msgspec.structs.replace(standing, status=REVOKED, revoked_at=at)

    change.amend(CardRow, (card_id,), step)
    for agreement in await node.journal.within(AgreementRow, card_id):
        change.amend(AgreementRow, agreement.key(), ended)


async def forget(node: Node, cards: Mapping[CardId, bool]) -> int:
    """Empty cards that are over of what is secret in them; how many were emptied.

    Of one that is mapped to True a bank is still to be told with its token: those stay,
    and the hashes, which say that it is to be emptied once more. What may be shown of a
    card stays for good, for the payments that were made with it.
    """
    emptied = await asyncio.gather(
        *(_forget(node, one, untold=untold) for one, untold in cards.items())
    )
    return sum(emptied)


async def _forget(node: Node, card_id: CardId, *, untold: bool) -> bool:
    change = node.change()
    change.amend(CardRow, (card_id,), _without_facts if untold else _emptied)
    if not untold:
        for agreement in await node.journal.within(AgreementRow, card_id):
            change.amend(AgreementRow, agreement.key(), _without_token)
    return await node.journal.commit(change) is None


def _without_facts(row: CardRow) -> CardRow | None:
    return msgspec.structs.replace(row, sealed=b"") if row.status in OVER else None


def _emptied(row: CardRow) -> CardRow | None:
    if row.status not in OVER:
        return None
    return msgspec.structs.replace(row, sealed=b"", number_hash=b"", phone_hash=b"")


def _without_token(row: AgreementRow) -> AgreementRow:
    return msgspec.structs.replace(row, token=b"")


def facts(node: Node, card: CardRow) -> CardSecrets:
    """The card in clear, for one call to a channel."""
    return vault.open_sealed(node.key_ring, card.card_id, card.sealed)


def token(node: Node, agreement: AgreementRow) -> str:
    """The channel's number of an agreement, for one call to that channel."""
    return vault.open_token(
        node.key_ring,
        agreement.token,
        card_id=agreement.card_id,
        pay_type=agreement.pay_type,
        channel=agreement.channel,
        account=agreement.account,
    )


async def reseal_card(node: Node, row: CardRow) -> bool:
    """Seal a card's facts with the active key; False where it changed meanwhile."""
    secrets = vault.open_sealed(node.key_ring, row.card_id, row.sealed)
    sealed = vault.seal(node.key_ring, row.card_id, secrets)
    change = node.change()
    change.update(msgspec.structs.replace(row, sealed=sealed), version=row.version)
    return await node.journal.commit(change) is None


async def reseal_agreement(node: Node, row: AgreementRow) -> bool:
    """Seal an agreement's number with the active key; False where it changed."""
    sealed = vault.seal_token(
        node.key_ring,
        token(node, row),
        card_id=row.card_id,
        pay_type=row.pay_type,
        channel=row.channel,
        account=row.account,
    )
    change = node.change()
    change.update(msgspec.structs.replace(row, token=sealed), version=row.version)
    return await node.journal.commit(change) is None


def ended(row: AgreementRow) -> AgreementRow:
    """The agreement, when no money may be taken under it any more."""
    return msgspec.structs.replace(row, status=REVOKED)


def _live(row: AgreementRow, now: datetime) -> bool:
    return (
        row.status == ACTIVE
        and row.starts_at <= now + CLOCKS_DIFFER
        and (row.ends_at is None or now < row.ends_at)
    )


def _checked(request: NewCard) -> CardSecrets:
    """The card's facts in the form they are kept in."""
    if not numbers.good_card(request.number):
        raise BadRequest("It is not a card number.", "卡号有误", field="number")
    name = request.name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadRequest("A name has 1-64 letters.", "姓名为 1-64 个字符", field="name")
    if not numbers.good_id_no(request.id_no):
        raise BadRequest("It is not an ID number.", "证件号有误", field="id_no")
    phone = numbers.e164(request.phone)
    if phone is None:
        raise BadRequest("Phones are E.164.", "手机号须为 E.164 格式", field="phone")
    return CardSecrets(
        number=request.number, name=name, id_no=request.id_no.upper(), phone=phone
    )


def _bank_and_kind(request: NewCard) -> tuple[str, str]:
    """As the caller says, else as its BIN says."""
    known = numbers.BINS.get(request.number[: numbers.BIN_LETTERS], (None, None))
    bank, kind = request.bank or known[0], request.card_kind or known[1]
    if bank is None or not _BANK.fullmatch(bank):
        raise BadRequest(
            "The bank is needed: 2-16 of A-Z 0-9 _.",
            "需要银行代码:2-16 位大写字母、数字或 _",
            field="bank",
        )
    if kind not in (numbers.DEBIT, numbers.CREDIT):
        raise BadRequest(
            "The kind is needed: DEBIT or CREDIT.",
            "需要卡类型:DEBIT 或 CREDIT",
            field="card_kind",
        )
    return bank, kind


def _agreements(
    node: Node, card_id: CardId, given: Sequence[GivenAgreement]
) -> list[AgreementRow]:
    """The rows of what was given; each kind and account at most once."""
    rows = {row.key(): row for row in (_agreement(node, card_id, one) for one in given)}
    if len(rows) != len(given):
        raise BadRequest(
            "An agreement is there twice.", "同一协议重复出现", field="agreements"
        )
    return list(rows.values())


def _agreement(node: Node, card_id: CardId, given: GivenAgreement) -> AgreementRow:
    starts_at = given.starts_at or node.now()
    limits = (given.single_limit, given.daily_limit)
    if (
        not given.token
        or any(limit is not None and limit < 1 for limit in limits)
        or (given.ends_at is not None and given.ends_at <= starts_at)
    ):
        raise BadRequest(
            "An agreement needs a number, limits from 1 on, and a time to hold.",
            "协议需要协议号、正数限额和有效期",
            field="agreements",
        )
    return signed(node, card_id, msgspec.structs.replace(given, starts_at=starts_at))


def signed(
    node: Node, card_id: CardId, given: GivenAgreement, *, status: str = ACTIVE
) -> AgreementRow:
    """The row of an agreement, its number sealed."""
    return AgreementRow(
        card_id=card_id,
        pay_type=given.pay_type,
        channel=given.channel,
        account=given.account,
        token=vault.seal_token(
            node.key_ring,
            given.token,
            card_id=card_id,
            pay_type=given.pay_type,
            channel=given.channel,
            account=given.account,
        ),
        single_limit=given.single_limit,
        daily_limit=given.daily_limit,
        starts_at=given.starts_at or node.now(),
        ends_at=given.ends_at,
        status=status,
    )

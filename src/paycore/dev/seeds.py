"""What `paycore dev` begins with: lines, keys, a card each, coupons, channels, routes.

Seeding is idempotent: what is there is left as it is, but for the addresses of the
sandbox, which may have moved.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from paycore.cards import service as cards
from paycore.cards.service import GivenAgreement, NewCard
from paycore.coupon.rows import CouponRow, CouponStatus
from paycore.dev.folder import BANKS, CARRIERS, Kept, KeptLine
from paycore.dev.processes import SandboxInfo
from paycore.dev.providers import Payer, Providers
from paycore.gateway import accounts
from paycore.gateway import service as gateway
from paycore.kernel.errors import DataNotExist, Unauthorized
from paycore.kernel.node import Node
from paycore.kernel.terms import (
    SMS_CENTRE,
    BizLineId,
    CardId,
    CouponNo,
    Json,
    PayType,
    TransType,
)
from paycore.lines import service as lines
from paycore.lines.rows import BizLineRow
from paycore.notify import service as notify
from paycore.notify.rows import EndpointRow
from paycore.recon import service as recon
from paycore.recon.rows import TermsRow
from paycore.router import service as router
from paycore.router.rows import TransTypeRow
from paycore.sms import registry as carriers
from paycore.worker import loop

ACCOUNT = "main"
CURRENCIES = ("CNY", "USD")
COUPONS = 50
"""Usable ones that a start leaves behind."""
COUPON_MINOR = 500
FEE_MILLIONTHS = 3800
"""What the sandbox's banks keep of a charge (docs/sandbox.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One business line to begin with."""

    biz_line: str
    title: str
    language: str
    channels: tuple[str, ...]
    phone: str
    number: str
    holder: str


PLANS = (
    Plan(
        biz_line="shop",
        title="示例商城",
        language="zh",
        channels=(*BANKS, SMS_CENTRE),
        phone="+8613800138000",
        number="6222020200112233446",
        holder="张三",
    ),
    # Has no quick-pay channel at all: every payment of its is converted.
    Plan(
        biz_line="tickets",
        title="Example Tickets",
        language="en",
        channels=("deduct_a", "deduct_b", SMS_CENTRE),
        phone="+8613900139000",
        number="6222020200112233453",
        holder="李四",
    ),
)

MALL = "mall"
"""The line of the providers, where some are asked for."""

ID_NO = "110101199003074178"

QUICK = (
    TransType.QUICK_PAY_SEND_MSG,
    TransType.QUICK_PAY_CONFIRM,
    TransType.REFUND,
)
DEDUCT = (TransType.DEDUCT, TransType.REFUND)
USUAL = frozenset({"quick_a", "deduct_a", "huifu"})
CENTRE = (TransType.QUICK_PAY_SEND_MSG, TransType.SMS_VERIFY)


class SeededLine(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody needs to pay with one line."""

    biz_line: str
    api_key: str
    card_id: str
    coupon_no: str
    phone: str


async def seed(
    node: Node, sandbox: SandboxInfo, kept: Kept, names: Sequence[str] = ()
) -> tuple[list[SeededLine], Kept]:
    """Seed what is missing; the lines, and what is to be kept of them. Providers that
    are asked for (`names`) have a line of their own, the last.
    """
    there = Providers(node=node, sandbox=sandbox, kept=kept, names=names)
    await _channels(node, sandbox, kept)
    await _carriers(node, sandbox, kept)
    await there.open()
    plans = [*PLANS, *_mall(there.banks)]
    await _routes(node, plans, there.banks)
    await gateway.refresh(node)
    seeded: list[SeededLine] = []
    for plan in plans:
        found = await _line(node, plan, kept, there)
        kept = replace(kept, lines={**kept.lines, plan.biz_line: found})
        await _endpoint(node, BizLineId(plan.biz_line), sandbox.biz, kept)
        seeded.append(
            SeededLine(
                biz_line=plan.biz_line,
                api_key=found.api_key,
                card_id=found.card_id,
                coupon_no=await _coupons(node, BizLineId(plan.biz_line)),
                phone=plan.phone,
            )
        )
    await loop.refresh(node)
    return seeded, kept


def _mall(banks: Sequence[str]) -> list[Plan]:
    """A line for the providers' banks; where there are none it is none."""
    if not banks:
        return []
    return [
        Plan(
            biz_line=MALL,
            title="示例购物中心",
            language="zh",
            channels=(*banks, SMS_CENTRE),
            phone="+8613700137000",
            number="6226388000000095",
            holder="王五",
        )
    ]


# --- where to ---


async def _channels(node: Node, sandbox: SandboxInfo, kept: Kept) -> None:
    for bank in BANKS:
        merchant, base_url = f"paycore_{bank}", sandbox.banks[bank]
        keys = kept.merchants[merchant]
        await accounts.save(
            node,
            channel=bank,
            account=ACCOUNT,
            driver="sandbox",
            base_url=base_url,
            credentials={
                "merchant": merchant,
                "secret": keys.secret,
                "encryption_key": keys.encryption_key,
            },
        )
        if await node.journal.load(TermsRow, bank, ACCOUNT) is None:
            await recon.agree(node, (bank, ACCOUNT), charge_rate=FEE_MILLIONTHS)
    await accounts.save(
        node,
        channel=SMS_CENTRE,
        account=ACCOUNT,
        driver=SMS_CENTRE,
        base_url="",
        credentials={"sign": "paycore"},
    )


async def _carriers(node: Node, sandbox: SandboxInfo, kept: Kept) -> None:
    for priority, carrier in enumerate(CARRIERS, 1):
        merchant = f"paycore_carrier_{carrier}"
        await carriers.save(
            node,
            carrier=carrier,
            driver="sandbox",
            base_url=sandbox.carriers[carrier],
            credentials={
                "merchant": merchant,
                "secret": kept.merchants[merchant].secret,
            },
            priority=priority,
        )


async def _routes(node: Node, plans: Sequence[Plan], providers: Sequence[str]) -> None:
    for bank in (*BANKS, *providers):
        kinds = QUICK if pay_type(bank) is PayType.QUICK_PAY else DEDUCT
        # Between two that can the router draws by weight; there is a usual one. Of
        # providers the other one is never drawn while it stands: the demo says so.
        other = 0 if bank in providers else 1
        await _trans_types(node, bank, kinds, weight=3 if bank in USUAL else other)
    await _trans_types(node, SMS_CENTRE, CENTRE, weight=1)
    for plan in plans:
        for channel in plan.channels:
            await router.allow(node, BizLineId(plan.biz_line), channel, ACCOUNT)


async def _trans_types(
    node: Node, channel: str, kinds: Sequence[TransType], *, weight: int
) -> None:
    for kind in kinds:
        name = f"{channel}.{kind.lower()}"
        if await node.journal.load(TransTypeRow, name) is None:
            await router.save_trans_type(
                node,
                TransTypeRow(
                    inst_trans_id=name,
                    channel=channel,
                    account=ACCOUNT,
                    trans_type=kind,
                    currencies=Json(msgspec.json.encode(CURRENCIES).decode()),
                    weight=weight,
                ),
            )


# --- who ---


async def _line(node: Node, plan: Plan, kept: Kept, there: Providers) -> KeptLine:
    """The line with its key and card; a key that works is kept, another one is made."""
    biz_line = BizLineId(plan.biz_line)
    if await node.journal.load(BizLineRow, biz_line) is None:
        await lines.create_line(
            node,
            plan.biz_line,
            title=plan.title,
            currencies=CURRENCIES,
            language=plan.language,
        )
    known = kept.lines.get(plan.biz_line)
    api_key = known.api_key if known is not None else ""
    card_id = CardId(known.card_id) if known is not None else None
    if not await _key_works(node, api_key):
        api_key = await lines.create_key(node, biz_line, "dev")
    if card_id is None or not await _card_works(node, biz_line, card_id):
        card_id = await _card(node, plan, there)
    return KeptLine(api_key=api_key, card_id=card_id)


async def _key_works(node: Node, api_key: str) -> bool:
    try:
        await lines.authenticate(node, api_key)
    except Unauthorized:
        return False
    return True


async def _card_works(node: Node, biz_line: BizLineId, card_id: CardId) -> bool:
    try:
        card = await cards.card_of(node, biz_line, card_id)
    except DataNotExist:
        return False
    return card.status == "ACTIVE"


async def _card(node: Node, plan: Plan, there: Providers) -> CardId:
    """A card with an agreement or mandate at every bank that the line uses."""
    payer = Payer(number=plan.number, name=plan.holder, id_no=ID_NO, phone=plan.phone)
    signed = [
        GivenAgreement(
            pay_type=pay_type(bank),
            channel=bank,
            account=ACCOUNT,
            token=await there.agreement(bank, payer),
        )
        for bank in plan.channels
        if bank in there.banks
    ]
    change = node.change()
    row = cards.register(
        node,
        change,
        NewCard(
            biz_line=BizLineId(plan.biz_line),
            number=plan.number,
            name=plan.holder,
            id_no=ID_NO,
            phone=plan.phone,
            bank="ICBC",
            card_kind="DEBIT",
            agreements=(
                *(
                    GivenAgreement(
                        pay_type=pay_type(bank),
                        channel=bank,
                        account=ACCOUNT,
                        token=f"agreement_{bank}_{plan.biz_line}",
                    )
                    for bank in plan.channels
                    if bank in BANKS
                ),
                *signed,
            ),
        ),
    )
    assert await node.journal.commit(change) is None, "a card's id is new"
    return row.card_id


def pay_type(bank: str) -> PayType:
    """What we use a bank for; some could do both."""
    quick = bank.startswith("quick") or bank == "unionpay"
    return PayType.QUICK_PAY if quick else PayType.DEDUCT


async def _endpoint(node: Node, biz_line: BizLineId, url: str, kept: Kept) -> None:
    """The sandbox's business line hears of the payments, wherever it listens now."""
    rows = await node.journal.every(EndpointRow)
    standing = next((row for row in rows if row.biz_line == biz_line), None)
    if standing is None:
        await notify.add_endpoint(node, biz_line, url, kept.webhook_secret)
    elif standing.url != url:
        change = node.change()
        change.update(replace(standing, url=url), version=standing.version)
        assert await node.journal.commit(change) is None, "nobody else seeds"


async def _coupons(node: Node, biz_line: BizLineId) -> str:
    """Fill up to so many usable coupons; the first of them."""
    rows = await node.journal.every(CouponRow)
    ours = [row for row in rows if row.biz_line == biz_line]
    usable = [row.coupon_no for row in ours if row.status is CouponStatus.AVAILABLE]
    fresh = [
        CouponNo(f"C{number:06d}")
        for number in range(len(ours) + 1, len(ours) + 1 + COUPONS - len(usable))
    ]
    change = node.change()
    for coupon_no in fresh:
        change.insert(
            CouponRow(
                biz_line=biz_line,
                coupon_no=coupon_no,
                amount=COUPON_MINOR,
                currency=CURRENCIES[0],
            )
        )
    if not change.empty:
        assert await node.journal.commit(change) is None, "nobody else seeds"
    return [*usable, *fresh][0]

"""The stage: payers with cards of their own, coupons, and payments to copy.

A node in this process seeds the database, and takes the two payments (one has a coupon)
whose rows pgbench and the bare path write. The nodes that are measured are others,
started as users start them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from paycore import app as apps
from paycore.bench.client import Connection
from paycore.bench.ground import Ground
from paycore.bench.oracle import Oracle
from paycore.bench.payer import COUPON_SHARE, Payer, Purse, Tally
from paycore.bench.statements import Recorder, Write
from paycore.cards import service as cards
from paycore.cards.service import GivenAgreement, NewCard
from paycore.coupon.rows import CouponRow
from paycore.dev import stack
from paycore.dev.folder import BANKS
from paycore.dev.processes import free_port
from paycore.dev.providers import Providers
from paycore.dev.seeds import (
    ACCOUNT,
    COUPON_MINOR,
    CURRENCIES,
    ID_NO,
    SeededLine,
    pay_type,
    seed,
)
from paycore.gateway.call import CardFacts
from paycore.kernel.config import Settings
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, CouponNo, PayType

COUPONS_A_CHANGE = 500
SIGNING_AT_ONCE = 8
BIN = "622202"
HOLDER = "张三"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the load needs."""

    settings: Settings
    quick: list[Purse]
    """Of a line that pays by quick pay."""
    converted: list[Purse]
    """Of a line without a quick channel: every payment of its is converted."""
    coupons: list[str]
    tally: Tally
    plain: tuple[Write, ...]
    """What is written for one payment, commit by commit."""
    with_coupon: tuple[Write, ...]
    """The same of one that has a coupon."""


async def prepare(on: Ground, *, payers: int, converted: bool, coupons: int) -> Stage:
    """Migrate, seed, take one payment, and stop the node again."""
    # A busy node's log is its own matter; what goes wrong is still said.
    settings = stack.settings_of(on.kept, port=free_port(), log_level="warning")
    await apps.migrate(on.database.dsn)
    app = await apps.start(settings, on.database.dsn)
    try:
        (shop, tickets), _ = await seed(app.node, on.sandbox.info, on.kept)
        quick = await purses(app.node, shop, payers, first=0)
        other = await purses(app.node, tickets, payers * converted, first=payers)
        own, *made = await _coupons(app.node, shop, 1 + coupons)
        tally = Tally()
        with Oracle(on.data / "sandbox") as oracle:
            one = _One(app=app, purse=quick[0], oracle=oracle, tally=tally)
            plain, with_coupon = await one.paid(), await one.paid(own)
    finally:
        await apps.stop(app)
    return Stage(
        settings=settings,
        quick=quick,
        converted=other,
        coupons=made,
        tally=tally,
        plain=plain,
        with_coupon=with_coupon,
    )


async def prepare_at(on: Ground, names: Sequence[str], *, payers: int) -> Stage:
    """The same at providers: some payers have an agreement with their quick bank alone,
    where there is one, others with their deduct bank alone, whose every payment is
    converted. Nobody has a coupon.
    """
    settings = stack.settings_of(on.kept, port=free_port(), log_level="warning")
    await apps.migrate(on.database.dsn)
    app = await apps.start(settings, on.database.dsn)
    try:
        node, sandbox = app.node, on.sandbox.info
        (*_, mall), kept = await seed(node, sandbox, on.kept, names)
        there = Providers(node=node, sandbox=sandbox, kept=kept, names=names)
        quick: list[Purse] = []
        converted: list[Purse] = []
        for bank in there.banks:
            if pay_type(bank) is PayType.QUICK_PAY:
                quick = await _all_signed(there, mall, bank, range(payers))
            else:
                numbers = range(payers, 2 * payers)
                converted = await _all_signed(there, mall, bank, numbers)
    finally:
        await apps.stop(app)
    return Stage(
        settings=settings,
        quick=quick,
        converted=converted,
        coupons=[],
        tally=Tally(),
        plain=(),
        with_coupon=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _One:
    """Somebody who pays while nobody else is there."""

    app: apps.App
    purse: Purse
    oracle: Oracle
    tally: Tally

    async def paid(self, coupon: str | None = None) -> tuple[Write, ...]:
        """Pay, and give what was written for it."""
        node = self.app.node
        recorder = Recorder(node.journal)
        node.journal = recorder
        web = await apps.listen(self.app, host=stack.HOST, port=0)
        connection = await Connection.open(web.url)
        try:
            await Payer(
                purse=self.purse,
                connection=connection,
                oracle=self.oracle,
                tally=self.tally,
                coupons=iter([] if coupon is None else [coupon]),
                payments=COUPON_SHARE - 1,
            ).pay()
            await recorder.settled()
        finally:
            connection.close()
            await web.stop()
            node.journal = recorder.inner
        return tuple(recorder.writes)


async def purses(
    node: Node, line: SeededLine, count: int, *, first: int
) -> list[Purse]:
    """So many cards of a line, numbered from the first: no two share a phone."""
    return list(
        await asyncio.gather(*(_purse(node, line, first + n) for n in range(count)))
    )


async def _purse(node: Node, line: SeededLine, number: int) -> Purse:
    """A card with an agreement at every bank; its phone is nobody else's."""
    quick = line.biz_line == "shop"
    return await _with_card(
        node,
        line,
        number,
        {
            bank: f"agreement_{bank}_{number}"
            for bank in BANKS
            if quick or bank.startswith("deduct")
        },
    )


async def _all_signed(
    there: Providers, line: SeededLine, bank: str, numbers: range
) -> list[Purse]:
    """One for each number; few at once, for each of them waits for a text."""
    purses: list[Purse] = []
    for at in range(0, len(numbers), SIGNING_AT_ONCE):
        some = numbers[at : at + SIGNING_AT_ONCE]
        purses += await asyncio.gather(
            *(_signed(there, line, bank, number) for number in some)
        )
    return purses


async def _signed(there: Providers, line: SeededLine, bank: str, number: int) -> Purse:
    """A card whose holder has signed with one provider, by the code that it texts."""
    card = CardFacts(
        number=card_number(number), name=HOLDER, id_no=ID_NO, phone=_phone(number)
    )
    agreement = await there.agreement(bank, card)
    purse = await _with_card(there.node, line, number, {bank: agreement})
    return replace(purse, waits=True)


async def _with_card(
    node: Node, line: SeededLine, number: int, agreements: Mapping[str, str]
) -> Purse:
    """A card with these agreements, one a bank; it pays as the first of them can."""
    change = node.change()
    row = cards.register(
        node,
        change,
        NewCard(
            biz_line=BizLineId(line.biz_line),
            number=card_number(number),
            name=HOLDER,
            id_no=ID_NO,
            phone=_phone(number),
            bank="ICBC",
            card_kind="DEBIT",
            agreements=tuple(
                GivenAgreement(
                    pay_type=pay_type(bank),
                    channel=bank,
                    account=ACCOUNT,
                    token=token,
                )
                for bank, token in agreements.items()
            ),
        ),
    )
    assert await node.journal.commit(change) is None, "a card's id is new"
    return Purse(
        api_key=line.api_key,
        card_id=row.card_id,
        phone=_phone(number),
        pay_type=pay_type(next(iter(agreements))),
    )


def card_facts(number: int) -> bytes:
    """The facts of a card, as a bank reads them."""
    return msgspec.json.encode(
        {
            "number": card_number(number),
            "name": HOLDER,
            "id_no": ID_NO,
            "phone": _phone(number),
        }
    )


def _phone(number: int) -> str:
    return f"+861370000{number:04d}"


def card_number(number: int) -> str:
    """A card's number with Luhn's digit."""
    digits = f"{BIN}{number:09d}"
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    total = sum(doubled) + sum(int(digit) for digit in digits[-2::-2])
    return f"{digits}{-total % 10}"


async def _coupons(node: Node, line: SeededLine, count: int) -> list[str]:
    made = [CouponNo(f"B{number:07d}") for number in range(count)]
    for start in range(0, count, COUPONS_A_CHANGE):
        change = node.change()
        for coupon_no in made[start : start + COUPONS_A_CHANGE]:
            change.insert(
                CouponRow(
                    biz_line=BizLineId(line.biz_line),
                    coupon_no=coupon_no,
                    amount=COUPON_MINOR,
                    currency=CURRENCIES[0],
                )
            )
        assert await node.journal.commit(change) is None, "nobody else seeds"
    return [str(coupon_no) for coupon_no in made]

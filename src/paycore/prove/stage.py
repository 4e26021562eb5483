"""What every run begins with: a database that was set up once, by production code.

Two business lines as `paycore dev` seeds them, and on top cards of every kind: with all
agreements, without a mandate, with one that is too small, such that the banks refuse.
A run takes a copy and changes in it what its faults want.
"""

import random
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import cast

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from paycore.cards import bins
from paycore.cards import service as cards
from paycore.cards.rows import BinRow
from paycore.cards.service import GivenAgreement, NewCard
from paycore.coupon.rows import CouponRow
from paycore.dev import seeds
from paycore.dev.folder import BANKS, CARRIERS, Kept
from paycore.dev.folder import Merchant as KeptMerchant
from paycore.dev.processes import SandboxInfo
from paycore.gateway.registry import Registry
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.http import Transport
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, CouponNo, PayType
from paycore.operators import service as operators
from paycore.operators.roles import Role
from paycore.prove.ids import SeededIds
from paycore.prove.loop import VirtualLoop
from paycore.prove.schema import empty_store
from paycore.sandbox.magic import MAGIC_CARDS
from paycore.sandbox.protocol import Merchant
from paycore.sms.carrier import Carrier
from paycore.sms.registry import drivers

LINES = ("shop", "tickets")
"""The second one has no quick channel."""

OPERATORS = ("carl", "dora")
"""Two who may configure."""

BIN = "6222"
"""Of all cards here: whoever types one at a page does not say its bank."""

CARDS_A_LINE = 12
COUPONS_A_LINE = 110
COUPON_MINOR = 500
SMALL_MINOR = 1000
"""A mandate's single limit that most payments are above."""

WEBHOOK_SECRET = "whsec_" + "c2ltdWxhdGVkLXNlY3JldC1vZi10aGlydHktdHdvLWI="
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plastic:
    """A card that payers may use."""

    card_id: str
    line: str
    phone: str
    kind: str
    """good, no_mandate, small_mandate or magic."""
    number: str = ""
    """Of those that are there from the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The set-up, and what goes with it."""

    settings: Settings
    store: MemoryStore
    cards: tuple[Plastic, ...]
    coupons: Mapping[str, tuple[str, ...]]
    keys: Mapping[str, str]
    """API keys in clear, by line."""
    operators: Mapping[str, str]
    """Operators' tokens in clear, by name."""
    merchants: Mapping[str, Merchant]
    channels: Registry
    drivers: Mapping[str, Carrier]


def _kept(rng: random.Random) -> Kept:
    names = [*BANKS, *(f"carrier_{name}" for name in CARRIERS)]
    return Kept(
        settings={},
        merchants={
            f"paycore_{name}": KeptMerchant(
                secret=rng.randbytes(32).hex(), encryption_key=rng.randbytes(32).hex()
            )
            for name in names
        },
        webhook_secret=WEBHOOK_SECRET,
    )


@cache
def stage() -> Stage:
    """Set up, once a process."""
    rng = random.Random("stage")
    keys = {name: _key(rng) for name in ("code_key", "search_key")}
    settings = Settings.for_dev(
        key_ring=f"k1:{_key(rng)}",
        public_url="http://paycore.sim",
        **keys,
    )
    kept, store, loop = _kept(rng), empty_store(), VirtualLoop(random.Random(1))
    node = Node(
        settings=settings,
        journal=MemoryJournal(store, clock=lambda: LONG_AGO),
        clock=SystemClock(LONG_AGO, monotonic=loop.time),
        ids=SeededIds(rng),
        transport=cast("Transport", None),  # nobody is called
        key_ring=KeyRing(settings.ring_keys),
    )
    made = loop.run(_set_up(node, kept))
    return Stage(
        settings=settings,
        store=store,
        cards=made.cards,
        keys=made.keys,
        operators=made.operators,
        coupons=_coupons(store),
        merchants={
            name: Merchant(
                id=name,
                secret=bytes.fromhex(keys.secret),
                cipher=AESGCM(bytes.fromhex(keys.encryption_key)),
            )
            for name, keys in kept.merchants.items()
        },
        channels=Registry(),
        drivers=drivers(),
    )


def _key(rng: random.Random) -> str:
    return b64encode(rng.randbytes(32)).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What the set-up gave that is in no row."""

    cards: tuple[Plastic, ...]
    keys: Mapping[str, str]
    operators: Mapping[str, str]


async def _set_up(node: Node, kept: Kept) -> _Made:
    info = SandboxInfo(
        control="",
        banks={bank: f"http://{bank}.sim" for bank in BANKS},
        carriers={name: f"http://carrier_{name}.sim" for name in CARRIERS},
        biz="http://line.sim/notices",
    )
    seeded, _ = await seeds.seed(node, info, kept)
    made = []
    for line in LINES:
        for number in range(CARDS_A_LINE):
            made.append(await _card(node, line, number))  # noqa: PERF401 one by one
        change = node.change()
        for number in range(COUPONS_A_LINE):
            change.insert(
                CouponRow(
                    biz_line=BizLineId(line),
                    coupon_no=CouponNo(f"S{number:06d}"),
                    amount=COUPON_MINOR,
                    currency="CNY",
                )
            )
        assert await node.journal.commit(change) is None
    await bins.load(node, [BinRow(prefix=BIN, bank="ICBC", card_kind="DEBIT")])
    return _Made(
        cards=tuple(made),
        keys={one.biz_line: one.api_key for one in seeded},
        operators={
            name: await operators.add(node, name, Role.ADMIN) for name in OPERATORS
        },
    )


async def _card(node: Node, line: str, number: int) -> Plastic:
    kind = {8: "no_mandate", 9: "small_mandate", 10: "magic", 11: "magic"}.get(
        number, "good"
    )
    place = LINES.index(line) * CARDS_A_LINE + number
    phone = f"+86138{place:08d}"
    plain = with_check_digit(f"622202{place:09d}")
    magic = sorted(MAGIC_CARDS)[place % len(MAGIC_CARDS)]
    card_number = magic if kind == "magic" else plain
    change = node.change()
    row = cards.register(
        node,
        change,
        NewCard(
            biz_line=BizLineId(line),
            number=card_number,
            name="王五",
            id_no=seeds.ID_NO,
            phone=phone,
            bank="ICBC",
            card_kind="DEBIT",
            agreements=tuple(_agreements(line, kind)),
        ),
    )
    assert await node.journal.commit(change) is None
    return Plastic(
        card_id=row.card_id, line=line, phone=phone, kind=kind, number=card_number
    )


def _agreements(line: str, kind: str) -> Iterator[GivenAgreement]:
    for bank in BANKS:
        quick = bank.startswith("quick")
        if (quick and line == "tickets") or (not quick and kind == "no_mandate"):
            continue
        small = SMALL_MINOR if not quick and kind == "small_mandate" else None
        yield GivenAgreement(
            pay_type=PayType.QUICK_PAY if quick else PayType.DEDUCT,
            channel=bank,
            account=seeds.ACCOUNT,
            token=f"agreement_{bank}_{line}",
            single_limit=small,
        )


def with_check_digit(digits: str) -> str:
    """The number with its Luhn digit."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if at % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{digits}{-total % 10}"


def _coupons(store: MemoryStore) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for row in store.every(CouponRow):
        if row.coupon_no.startswith("S"):
            found.setdefault(row.biz_line, []).append(row.coupon_no)
    return {line: tuple(numbers) for line, numbers in found.items()}


def settings_for(
    base: Settings, rng: random.Random, *, return_late_money: bool
) -> Settings:
    """The settings of one run: those that change what may happen, drawn anew."""
    return msgspec.structs.replace(
        base,
        code_gap_s=rng.choice((0, 5, 60)),
        code_lifetime_s=rng.choice((30, 60, 300)),
        code_tries=rng.choice((3, 5)),
        code_per_phone_hour=rng.choice((20, 200)),
        # High enough to be kept: what is tried is that they are counted rightly.
        code_per_line_day=1_000_000,
        code_per_day=1_000_000,
        breaker_calls=rng.choice((3, 10)),
        money_timeout_s=rng.choice((3, 10)),
        # The longer ones are longer than a node's silence may last.
        coupon_timeout_s=rng.choice((3, 12)),
        sms_timeout_s=rng.choice((3, 8)),
        answer_within_s=rng.choice((5, 15)),
        desk_second_above=rng.choice(("", "CNY:2500")),
        return_late_money=return_late_money,
    )

"""Simulated banks that speak as providers do, to the channels' own adapters.

A bank keeps its name, its place in the router and its rows: only who speaks for it is
another. The simulators are the sandbox's, in-process. Keys are made once a process and
kept in memory: signatures by them are the same for the same text, and what is sealed
with chance in it is opened before anybody acts on it, so no run depends on them.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast
from uuid import UUID

import msgspec
from msgspec.structs import replace

from paycore.cards import vault
from paycore.cards.rows import AgreementRow
from paycore.dev import seeds, vendors
from paycore.gateway import accounts
from paycore.gateway.registry import Registry
from paycore.gateway.rows import AccountRow
from paycore.kernel.clock import SystemClock
from paycore.kernel.crypto import KeyRing
from paycore.kernel.http import HttpRequest, Transport
from paycore.kernel.journal import Change
from paycore.kernel.journal_memory import MemoryJournal
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame
from paycore.prove import stripe
from paycore.prove.houses import NO_CLERK, BankHouse, Bent, Glance
from paycore.prove.ids import SeededIds
from paycore.prove.loop import VirtualLoop
from paycore.prove.stage import LONG_AGO, Plastic, stage
from paycore.prove.stripe import StripeHouse
from paycore.sandbox.bank import Bank
from paycore.sandbox.dialect import Asked, Plain, Wire
from paycore.sandbox.orders import Order
from paycore.sandbox.vendors import huifu_words as words
from paycore.sandbox.vendors.huifu import HuifuDialect
from paycore.sandbox.vendors.unionpay import UnionPayDialect
from paycore.sandbox.vendors.unionpay_wire import parse_form

if TYPE_CHECKING:
    from paycore.prove.world import World

SPEAK: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "quick_a": ("unionpay", "huifu"),
        "quick_b": ("unionpay", "huifu", ""),
        "deduct_a": ("huifu", "", "stripe"),
        "deduct_b": ("huifu", "", "stripe"),
    }
)
"""As whom each bank may speak; as itself where that is nobody."""

LASTS: Final = timedelta(days=365 * 30)
"""How long certificates are good from `LONG_AGO` on: no run is later."""

_WRONG: Final = b"A" * 342 + b"%3D%3D"
"""A signature that is nobody's, in a form."""


class UnionPayHouse(BankHouse):
    """A bank that speaks as UnionPay: what moves money is only taken in."""

    # Two letters are told as they are, and at once.
    unmapped = "E9"
    # Nothing can be charged before the merchant's own trade.
    charges_unasked = False
    tells_ends = False

    _OPERATIONS: ClassVar[Mapping[tuple[str, str], str]] = MappingProxyType(
        {
            ("77", "00"): "sign",
            ("79", "00"): "sign_confirm",
            ("74", "01"): "revoke",
            ("77", "02"): "send_code",
            ("01", "01"): "confirm",
            ("04", "00"): "refund",
            ("00", "00"): "enquire",
            ("78", "02"): "enquire",
        }
    )

    def __init__(self, bank: Bank, cards: Iterable[Plastic]) -> None:
        config: dict[str, object] = {
            **contract("unionpay").sandbox,
            "agreements": [
                {"token": _token(card), "number": card.number, "phone": card.phone}
                for card in cards
            ],
        }
        read = msgspec.convert(config, UnionPayDialect.Config)
        super().__init__(UnionPayDialect(bank, read, NO_CLERK))

    def glance(self, request: HttpRequest, path: str) -> Glance | None:
        """By type and subtype; what is given back is named by its `queryId`."""
        said = parse_form(request.body)
        operation = self._OPERATIONS.get((said["txnType"], said["txnSubType"]))
        if operation is None:
            return None
        number = said.get("orderId") or self._queried(said["queryId"])
        amount = said.get("txnAmt")
        return Glance(
            operation=operation,
            request_id=number,
            amount=None if amount is None else int(amount),
            currency=None if amount is None else "CNY",
            original=self._queried(said.get("origQryId", "")),
        )

    def _queried(self, number: str) -> str:
        return next(
            (
                order.request_id
                for order in self.orders.values()
                if order.facts.get("queryId") == number
            ),
            "",
        )

    def says_end(self, operation: str) -> bool:
        """The truth about money comes by notice or enquiry."""
        return operation == "enquire"

    def _told(self, order: Order, now_ms: int, bent: Bent | None) -> Wire | None:
        """It gives no notice of what it is still at."""
        return None if bent is Bent.WAITING else super()._told(order, now_ms, bent)

    def _forged(self, wire: Wire) -> Wire:
        said, _, _ = wire.body.rpartition(b"&signature=")
        return replace(wire, body=said + b"&signature=" + _WRONG)


class HuifuHouse(BankHouse):
    """A bank that speaks as Huifu."""

    # A code of its own, without a `trans_stat`.
    unmapped = "97777777"
    tells_ends = False

    _OPERATIONS: ClassVar[Mapping[str, tuple[str, str]]] = MappingProxyType(
        {
            words.APPLY: ("sign", "req_seq_id"),
            words.CONFIRM: ("sign_confirm", "org_req_seq_id"),
            words.CARDS: ("enquire", "out_cust_id"),
            words.UNBIND: ("revoke", "req_seq_id"),
            words.SEND: ("send_code", "req_seq_id"),
            words.PAY: ("confirm", "req_seq_id"),
            words.WITHHOLD: ("deduct", "req_seq_id"),
            words.QUERY: ("enquire", "org_req_seq_id"),
            words.REFUND: ("refund", "req_seq_id"),
            words.REFUND_QUERY: ("enquire", "org_req_seq_id"),
        }
    )
    """What each address is asked for, and where the number of ours stands."""

    def __init__(self, bank: Bank, cards: Iterable[Plastic]) -> None:
        bank.restore(map(_bound, cards), moved=0)
        read = msgspec.convert(contract("huifu").sandbox, HuifuDialect.Config)
        super().__init__(HuifuDialect(bank, read, NO_CLERK))

    def glance(self, request: HttpRequest, path: str) -> Glance | None:
        """By address and number."""
        operation, field = self._OPERATIONS.get(path, ("", ""))
        if not operation:
            return None
        said = msgspec.json.decode(request.body, type=dict[str, Any])["data"]
        number = said.get(field) or self._numbered(said["org_hf_seq_id"])
        amount = said.get("trans_amt") or said.get("ord_amt")
        original = said.get("org_req_seq_id")
        if original is None and "org_hf_seq_id" in said:
            original = self._numbered(said["org_hf_seq_id"])
        return Glance(
            operation=operation,
            request_id=number,
            amount=None if amount is None else int(amount.replace(".", "")),
            currency=None if amount is None else "CNY",
            original=original,
        )

    def _numbered(self, number: str) -> str:
        return next(
            (
                order.request_id
                for order in self.orders.values()
                if order.facts.get("hf_seq_id") == number
            ),
            "",
        )

    def open(self, request: HttpRequest, path: str, now_ms: int) -> Asked:
        """As every house does; files there are none."""
        if path == words.FILES:
            raise Plain(Wire(status=404, body=b"{}"))
        return super().open(request, path, now_ms)

    def agreement(self, order: Order) -> str | None:
        """Both halves of it."""
        if order.token is None:
            return None
        return f"{order.facts['user_huifu_id']}/{order.token}"

    def _forged(self, wire: Wire) -> Wire:
        fields = wire.body.split(b"&")
        forged = (b"sign=" + _WRONG if f.startswith(b"sign=") else f for f in fields)
        return replace(wire, body=b"&".join(forged))


House = Callable[[Bank, Iterable[Plastic]], BankHouse]


def _stripe(bank: Bank, cards: Iterable[Plastic]) -> BankHouse:
    return StripeHouse(bank, cards, contract("stripe").sandbox)


_HOUSES: Final[Mapping[str, House]] = MappingProxyType(
    {"unionpay": UnionPayHouse, "huifu": HuifuHouse, "stripe": _stripe}
)

_BLAMES: Final = MappingProxyType(
    {
        **dict.fromkeys(("33", "62", "64"), Blame.PAYER),
        **dict.fromkeys(("63", "66"), Blame.CARD),
        **dict.fromkeys(("71", "72"), Blame.CODE),
        "91": Blame.CHANNEL,
    }
)
"""Whom the simulator's `bank_code`s blame, which Huifu publishes nowhere."""


# --- who speaks -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """As whom a bank speaks, and our account there."""

    driver: str
    account: AccountRow


def drawn(rng: random.Random) -> dict[str, Spoken]:
    """As whom the banks of a run speak, where not as themselves."""
    chosen = {name: rng.choice(drivers) for name, drivers in SPEAK.items()}
    return {
        name: Spoken(driver=driver, account=_account(name, driver))
        for name, driver in chosen.items()
        if driver
    }


def houses(
    spoken: Mapping[str, Spoken], banks: Mapping[str, BankHouse]
) -> dict[str, BankHouse]:
    """The same banks at their addresses, with a provider's words."""
    return {
        name: _HOUSES[one.driver](banks[name].bank, stage().cards)
        for name, one in spoken.items()
    }


def prepare(world: "World") -> None:
    """Open our accounts at them anew, and give cards the agreements that they know."""
    if not world.spoken:
        return
    rng, base = world.stream("providers rows"), world.base
    change, ring = Change(UUID(int=rng.getrandbits(128))), KeyRing(_keys())
    for name, one in world.spoken.items():
        standing = base.load(AccountRow, name, seeds.ACCOUNT)
        assert standing is not None
        account = replace(one.account, version=standing.version)
        change.update(account, version=standing.version)
    cards = {card.card_id: card for card in world.stage.cards}
    for row in base.every(AgreementRow):
        card, spoken = cards.get(row.card_id), world.spoken.get(row.channel)
        if card is not None and spoken is not None:
            token = AGREEMENTS[spoken.driver](card)
            sealed = vault.seal_token(
                ring,
                token,
                card_id=row.card_id,
                pay_type=row.pay_type,
                channel=row.channel,
                account=row.account,
            )
            change.update(replace(row, token=sealed), version=row.version)
    assert base.commit(change) is None, "nobody else is here yet"


@cache
def contract(name: str) -> vendors.Contract:
    """What both sides of a contract hold; made once a process."""
    if name == "unionpay":
        return vendors.with_unionpay(LONG_AGO, lasts=LASTS)
    made = vendors.added({}, (name,))[name]
    if name == "huifu":
        ours = {**made.ours, "blames": dict(_BLAMES), "expired_codes": ["72"]}
        return replace(made, ours=ours)
    return made


@cache
def _account(name: str, driver: str) -> AccountRow:
    """Our account at a bank that speaks as a provider, saved as a person saves it."""
    store, loop = stage().store.copy(), VirtualLoop(random.Random(1))
    # What is said to a provider goes over TLS, or is refused.
    url = f"https://{name}.sim"
    node = Node(
        settings=stage().settings,
        journal=MemoryJournal(store, clock=lambda: LONG_AGO),
        clock=SystemClock(LONG_AGO, monotonic=loop.time),
        ids=SeededIds(random.Random(f"account {name}")),
        transport=cast("Transport", None),  # nobody is called
        key_ring=KeyRing(_keys()),
    )
    node.state(Registry, lambda: stage().channels)
    saved = accounts.save(
        node,
        channel=name,
        account=seeds.ACCOUNT,
        driver=driver,
        base_url=url,
        credentials=vendors.credentials(contract(driver), driver, url),
    )
    loop.run(saved)
    row = store.load(AccountRow, name, seeds.ACCOUNT)
    assert row is not None
    return row


def _keys() -> Mapping[str, bytes]:
    return stage().settings.ring_keys


# --- cards that have signed already ---------------------------------------------------


def _token(card: Plastic) -> str:
    return f"6299{card.number}"


def _bound(card: Plastic) -> Order:
    """The signing of a card, as Huifu's bank remembers it."""
    user, _, token = _pair(card).partition("/")
    number = f"GIVEN{card.card_id}"[:32]
    return Order(
        merchant=str(contract("huifu").sandbox["huifu_id"]),
        request_id=number,
        pay_order_no=number,
        operation="sign",
        status="SUCCESS",
        at_ms=0,
        phone=card.phone,
        token=token,
        facts={
            "req_seq_id": number,
            "req_date": "20200101",
            "out_cust_id": number,
            "user_huifu_id": user,
            "card_no": card.number,
            "card_name": "王五",
            "phone": card.phone,
        },
    )


def _pair(card: Plastic) -> str:
    return f"6666{card.phone[1:]}/given_{card.number}"


AGREEMENTS: Final[Mapping[str, Callable[[Plastic], str]]] = MappingProxyType(
    {"unionpay": _token, "huifu": _pair, "stripe": stripe.agreement}
)

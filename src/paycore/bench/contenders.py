"""Who is measured: our nodes, and the bare path beside them, on equal ground.

Each has a PostgreSQL, a sandbox and payers of its own. Who is not being loaded idles.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import msgspec

from paycore.bench import ground as grounds
from paycore.bench import load
from paycore.bench.bare.calls import Bank
from paycore.bench.bare.process import serve
from paycore.bench.bare.service import Card, Recorded, Setting
from paycore.bench.ground import Ground, Host
from paycore.bench.load import Level, Place
from paycore.bench.looks import Looks
from paycore.bench.oracle import Oracle
from paycore.bench.payer import Purse, Tally
from paycore.bench.stage import Stage, card_facts, prepare, prepare_at
from paycore.core.rows import AttemptRow
from paycore.dev import stack
from paycore.dev.processes import free_port, start_node
from paycore.kernel.config import Settings
from paycore.kernel.config_texts import NO_LIMIT
from paycore.kernel.crypto import KEY_OCTETS, KeyRing
from paycore.kernel.ids import SystemIds
from paycore.notify.webhook import key_of

WARM_UP_S = 3.0
SYSTEM_DATABASE = "dbos"

OURS, BARE, DURABLE = "paycore", "bare path", "DBOS"
PROVIDERS = "providers"

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How much of everything a contender needs."""

    payers: int
    converted: bool
    coupons: int
    processes: int


@dataclass(slots=True, kw_only=True)
class Contender:
    """Somebody who takes payments."""

    name: str
    place: Place
    quick: Sequence[Purse]
    converted: Sequence[Purse]
    coupons: Iterator[str]
    tally: Tally = field(default_factory=Tally)

    async def level(
        self,
        at_once: int,
        *,
        seconds: float,
        progress: Progress,
        converted: bool = False,
        deducted: bool = False,
        per_s: float | None = None,
    ) -> Level:
        """Measure one window."""
        purses = self.converted if converted or deducted else self.quick
        if deducted:  # the same mandates, without a payer
            purses = [replace(purse, deducts=True) for purse in purses]
        return await load.run_level(
            self.place,
            purses[:at_once],
            # The coupons are the first line's.
            iter(()) if converted or deducted else self.coupons,
            self.tally,
            warm_up_s=WARM_UP_S,
            seconds=seconds,
            progress=progress,
            per_s=per_s,
        )

    def money(self) -> int:
        """What the banks charged in all; raises where that is not what was paid."""
        return load.check_money(self.place.oracle.charges(), self.tally)


@contextmanager
def ours(
    host: Host, folder: Path, wanted: Wanted, *, providers: Sequence[str] = ()
) -> Iterator[tuple[Contender, Stage]]:
    """Nodes as `paycore serve` starts them; where providers are named, payments are
    made at these and not at the sandbox's own banks.
    """
    ports = [free_port() for _ in range(wanted.processes)]
    ground = grounds.ground(
        host,
        folder,
        "paycore",
        vendors=providers,
        api=f"http://{stack.HOST}:{ports[0]}",
    )
    with ground as on, ExitStack() as started:
        if providers:
            stage = asyncio.run(prepare_at(on, providers, payers=wanted.payers))
        else:
            stage = _prepared(on, wanted)
        nodes = [
            started.enter_context(start_node(on.database.dsn, _settings(stage, port)))
            for port in ports
        ]
        apis = [node.info.api for node in nodes]
        place = Place(
            apis=apis,
            oracle=started.enter_context(Oracle(on.data / "sandbox")),
            node_pids=[node.pid for node in nodes],
            postgres_pid=on.database.pid,
            sandbox_pid=on.sandbox.pid,
            looks=Looks(dsn=on.database.dsn, nodes=apis),
        )
        name = PROVIDERS if providers else OURS
        yield _contender(name, place, stage), stage


@contextmanager
def bare(host: Host, folder: Path, wanted: Wanted) -> Iterator[Contender]:
    """The bare path, with payments that were recorded on its own ground."""
    with _copying(host, BARE, folder, wanted, durable=False) as contender:
        yield contender


@contextmanager
def durable(host: Host, folder: Path, wanted: Wanted) -> Iterator[Contender]:
    """The same steps as workflows on DBOS."""
    with _copying(host, DURABLE, folder, wanted, durable=True) as contender:
        yield contender


@contextmanager
def _copying(
    host: Host, name: str, folder: Path, wanted: Wanted, *, durable: bool
) -> Iterator[Contender]:
    called = "durable" if durable else "bare"
    with grounds.ground(host, folder, called) as on, ExitStack() as started:
        stage = _prepared(on, wanted)
        system = on.database.beside(SYSTEM_DATABASE) if durable else None
        recorded = (Recorded.of(stage.plain), Recorded.of(stage.with_coupon))
        served = [
            started.enter_context(
                serve(_setting(on, stage, slot, system=system), recorded)
            )
            for slot in range(wanted.processes)
        ]
        place = Place(
            apis=[each.api for each in served],
            oracle=started.enter_context(Oracle(on.data / "sandbox")),
            node_pids=[each.pid for each in served],
            postgres_pid=on.database.pid,
            sandbox_pid=on.sandbox.pid,
            looks=Looks(dsn=on.database.dsn),
        )
        yield _contender(name, place, stage)


COUNTED: Mapping[str, int] = MappingProxyType(
    {
        "code_per_payer_hour": NO_LIMIT - 1,
        "code_by_bank_per_payer_hour": NO_LIMIT - 1,
        "code_per_caller_hour": NO_LIMIT - 1,
        "code_per_line_day": NO_LIMIT - 1,
        "code_per_day": NO_LIMIT - 1,
        "sms_price": 1,
        "sms_spend_per_day": NO_LIMIT,
    }
)
"""Budgets of texts that cannot run out, and are counted as a deployment's are."""


def _settings(stage: Stage, port: int) -> Settings:
    return msgspec.structs.replace(
        stage.settings,
        port=port,
        public_url=f"http://{stack.HOST}:{port}",
        node_name=f"bench-{port}",
        **COUNTED,
    )


def _prepared(on: Ground, wanted: Wanted) -> Stage:
    return asyncio.run(
        prepare(
            on,
            payers=wanted.payers,
            converted=wanted.converted,
            coupons=wanted.coupons,
        )
    )


def _contender(name: str, place: Place, stage: Stage) -> Contender:
    return Contender(
        name=name,
        place=place,
        quick=stage.quick,
        converted=stage.converted,
        coupons=iter(stage.coupons),
        tally=stage.tally,
    )


def _setting(on: Ground, stage: Stage, slot: int, *, system: str | None) -> Setting:
    """What the bare path must know: one bank, the cards, where the notices go."""
    (attempt,) = (row for row in stage.plain[0].appended if isinstance(row, AttemptRow))
    merchant = f"paycore_{attempt.channel}"
    keys = on.kept.merchants[merchant]
    key = SystemIds().token(KEY_OCTETS)
    ring = KeyRing({"bare": key})
    notice_key = key_of(on.kept.webhook_secret)
    assert notice_key is not None, "it was made by dev"
    return Setting(
        dsn=on.database.dsn,
        bank=Bank(
            url=on.sandbox.info.banks[attempt.channel],
            merchant=merchant,
            secret=keys.secret,
            encryption_key=keys.encryption_key,
        ),
        notices=on.sandbox.info.biz,
        notice_key=notice_key,
        key=key,
        cards={
            purse.card_id: Card(
                sealed=ring.seal(card_facts(number), context=purse.card_id.encode()),
                token=f"agreement_{attempt.channel}_{number}",
            )
            for number, purse in enumerate(stage.quick)
        },
        slot=slot,
        durable=system,
    )

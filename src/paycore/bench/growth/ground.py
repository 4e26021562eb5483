"""One set-up for each size of history: all of paycore, on a database that is so old."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec

from paycore.bench import ground as grounds
from paycore.bench.client import Connection
from paycore.bench.contenders import Contender, Wanted
from paycore.bench.growth.fill import Filled, Told, fill
from paycore.bench.growth.history import History
from paycore.bench.load import CAUGHT_UP_WITHIN_S, TICK_S, Place
from paycore.bench.looks import Looks
from paycore.bench.oracle import Oracle
from paycore.bench.payer import COUPON_SHARE, Payer
from paycore.bench.stage import Stage, prepare
from paycore.dev import stack
from paycore.dev.processes import NodeProcess, free_port, start_node
from paycore.dev.stack import Ground
from paycore.kernel.clock import machine_now
from paycore.kernel.config import Settings
from paycore.retention.catalogue import RULES, How

ORIGINALS = 48, 16
"""So many payments are copied: by quick pay, one in three with a coupon, and converted;
each of a card of its own."""

BEFORE = timedelta(minutes=5)
"""History ends so long before its originals were paid."""


@dataclass(slots=True, kw_only=True)
class Standing:
    """A set-up that stands."""

    history: History
    contender: Contender
    settings: Settings
    dsn: str
    filled: Filled
    nodes: list[NodeProcess]

    @property
    def payments(self) -> int:
        """Finished ones that were there before."""
        return self.history.payments

    def stop_nodes(self) -> None:
        """Leave the database alone."""
        for node in self.nodes:
            node.stop()


@contextmanager
def standing(
    folder: Path, wanted: Wanted, *, payments: int, kept_whole: int, told: Told
) -> Iterator[Standing]:
    """Pay the originals, fill the database with copies, and start the nodes."""
    with stack.ground(folder) as on, ExitStack() as started:
        stage = _prepared(on, wanted)
        coupons = iter(stage.coupons)
        originals = _paid(on, stage, coupons)
        history = History(
            payments=payments, until=machine_now() - BEFORE, kept_whole=kept_whole
        )
        settings = _kept_as(stage.settings, history)
        filled = _filled(on, originals, history, settings, told)
        nodes = [
            started.enter_context(start_node(on.cluster.dsn, _nth(settings, number)))
            for number in range(wanted.processes)
        ]
        oracle = started.enter_context(_oracle(on, stage))
        yield Standing(
            history=history,
            contender=Contender(
                name=f"{payments:,}",
                place=_place(on, nodes, oracle),
                quick=stage.quick,
                converted=stage.converted,
                coupons=coupons,
                tally=stage.tally,
            ),
            settings=settings,
            dsn=on.cluster.dsn,
            filled=filled,
            nodes=nodes,
        )


def _prepared(on: Ground, wanted: Wanted) -> Stage:
    return asyncio.run(
        prepare(
            grounds.Ground.of(on),
            payers=wanted.payers,
            converted=True,
            coupons=wanted.coupons,
        )
    )


def _kept_as(settings: Settings, history: History) -> Settings:
    """As long as the history has it; nothing grows old while it is measured."""
    days = {
        rule.setting: history.keep_days
        for rule in RULES
        if rule.how is How.MONTH and rule.setting
    }
    return msgspec.structs.replace(settings, retention_hour=-1, **days)


def _filled(
    on: Ground,
    originals: list[str],
    history: History,
    settings: Settings,
    told: Told,
) -> Filled:
    """By a server of other settings in the meantime; banks and carriers stay up."""
    on.cluster.stop()
    filled = fill(on.cluster.data, originals, history, settings, told=told)
    on.cluster.restart()
    return filled


def _nth(settings: Settings, number: int) -> Settings:
    """As in every benchmark, but that audits are asked for and measured apart."""
    port = free_port()
    return msgspec.structs.replace(
        settings,
        port=port,
        public_url=f"http://{stack.HOST}:{port}",
        node_name=f"bench-{number}",
        audit_every_s=0,
    )


def _oracle(on: Ground, stage: Stage) -> Oracle:
    """What the sandbox knows, without the codes that were spent before."""
    oracle = Oracle(on.data / "sandbox")
    for purse in (*stage.quick, *stage.converted):
        oracle.code(purse.phone)
    return oracle


def _place(on: Ground, nodes: list[NodeProcess], oracle: Oracle) -> Place:
    apis = [node.info.api for node in nodes]
    return Place(
        apis=apis,
        oracle=oracle,
        node_pids=[node.pid for node in nodes],
        postgres_pid=on.cluster.pid,
        sandbox_pid=on.sandbox.pid,
        looks=Looks(dsn=on.cluster.dsn, nodes=apis),
    )


# --- the originals --------------------------------------------------------------------


def _paid(on: Ground, stage: Stage, coupons: Iterator[str]) -> list[str]:
    """Payments to copy, over HTTP; the node stops when it has finished them."""
    with (
        _oracle(on, stage) as oracle,
        start_node(on.cluster.dsn, _nth(stage.settings, 0)) as node,
    ):
        return asyncio.run(_pay(node.info.api, oracle, stage, coupons))


async def _pay(
    api: str, oracle: Oracle, stage: Stage, coupons: Iterator[str]
) -> list[str]:
    before = set(stage.tally.paid)
    quick, converted = ORIGINALS
    who = [(purse, coupons) for purse in stage.quick[:quick]]
    who += [(purse, iter(())) for purse in stage.converted[:converted]]
    payers = [
        Payer(
            purse=purse,
            connection=await Connection.open(api),
            oracle=oracle,
            tally=stage.tally,
            coupons=theirs,
            payments=nth % COUPON_SHARE,
        )
        for nth, (purse, theirs) in enumerate(who)
    ]
    await asyncio.gather(*(payer.pay() for payer in payers))
    for payer in payers:
        payer.connection.close()
    await _told(oracle, len(stage.tally.paid))
    return sorted(stage.tally.paid.keys() - before)


async def _told(oracle: Oracle, payments: int) -> None:
    async with asyncio.timeout(CAUGHT_UP_WITHIN_S):
        while oracle.told() < payments:  # noqa: ASYNC110 the sandbox tells nobody
            await asyncio.sleep(TICK_S)

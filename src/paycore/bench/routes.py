"""Route decisions a second: what the router alone costs, on one core.

Fifty channels with an offer each, five hundred rules over them, and questions that are
all different: each decision is made as core has it made (`router.service.route`), with
the reason of every candidate and the question encoded as they are stored. The tables
are in memory and no offer has a limit of a day, whose counters are reads of the
database; what the commit costs is a payment's, and measured there.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import process_time
from types import MappingProxyType

import msgspec
from rich.table import Table

from paycore.bench.payer import WrongAnswer
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds, pay_order_no
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, CardId, Json, PayOrderNo, TransType
from paycore.kernel.transport import HttpTransport
from paycore.router import service as router
from paycore.router.question import AgreementLimits, Candidate, Question
from paycore.router.rows import DecisionRow, LineAccountRow, RuleRow, TransTypeRow
from paycore.router.rules import recompute
from paycore.router.service import Asked

CHANNELS, RULES = 50, 500
CONDITIONS = 5
"""So many of the channels have a condition of their own as well."""

LEADING = "a fifth"
MIXES: Mapping[str, float] = MappingProxyType({"none": 0.0, LEADING: 0.2, "all": 1.0})
"""Which share of the rules looks at the amount: their answers are shared by no two."""

LINES, BANKS, KINDS = 3, 20, ("DEBIT", "CREDIT")
QUESTIONS = 500
WARM_UP = 500
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEED = 1

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What was measured of one mix."""

    rules_on_amount: str
    decisions: int
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Decisions a second of one core's time."""
        return self.decisions / self.cpu_s


def measure(seconds: float, progress: Progress) -> list[Decisions]:
    """Decide for so many seconds of processor time, with each mix of rules; raises
    WrongAnswer where a decision is not as it must be.
    """
    return [asyncio.run(_measure(mix, seconds, progress)) for mix in MIXES]


async def _measure(mix: str, seconds: float, progress: Progress) -> Decisions:
    node = await _node(MIXES[mix])
    questions = _questions(node)
    for question in questions[:WARM_UP]:
        await _decide(node, question)
    made, began = 0, process_time()
    while (spent := process_time() - began) < seconds:
        change = node.change()
        for question in questions:
            await router.route(node, question, change)
        made += len(questions)
        progress(process_time() - began - spent)
    spent = process_time() - began
    await node.transport.close()
    return Decisions(rules_on_amount=mix, decisions=made, cpu_s=spent)


async def _decide(node: Node, question: Question) -> None:
    """One decision, held to its own explanation."""
    change = node.change()
    route = await router.route(node, question, change)
    (row,) = (row for row in change.appends if isinstance(row, DecisionRow))
    candidates = msgspec.json.decode(row.candidates, type=list[Candidate])
    draw = msgspec.json.decode(row.question, type=Asked).draw
    again = recompute(candidates, draw)
    if route is None or again != route.inst_trans_id or len(candidates) != CHANNELS:
        raise WrongAnswer(f"a decision that its explanation does not give: {row}")


# --- the tables and the questions -----------------------------------------------------


async def _node(share: float) -> Node:
    settings = Settings.for_dev()
    clock = SystemClock(NOON)
    node = Node(
        settings=settings,
        journal=MemoryJournal(MemoryStore(), clock.now),
        clock=clock,
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    change = node.change()
    for row in (*_offers(), *_rules(share)):
        change.insert(row)
    assert await node.journal.commit(change) is None, "nobody else writes"
    await router.refresh(node)
    return node


def _channel(number: int) -> str:
    return f"channel_{number:02d}"


def _offers() -> list[TransTypeRow | LineAccountRow]:
    types = [
        TransTypeRow(
            inst_trans_id=f"{_channel(number)}.deduct",
            channel=_channel(number),
            account="main",
            trans_type=TransType.DEDUCT,
            currencies=Json('["CNY","USD"]'),
            priority=100 + number % 3,
            weight=1 + number % 5,
            condition='currency == "CNY"' if number < CONDITIONS else None,
        )
        for number in range(CHANNELS)
    ]
    allowed = [
        LineAccountRow(
            biz_line=BizLineId(f"line_{line}"), channel=_channel(number), account="main"
        )
        for line in range(LINES)
        for number in range(CHANNELS)
    ]
    return [*types, *allowed]


def _rules(share: float) -> list[RuleRow]:
    """As many for each channel; so many of them, evenly spread, on the amount."""
    every = round(1 / share) if share else 0
    return [
        RuleRow(
            rule_id=f"rule_{number:03d}",
            title=f"Rule {number}",
            condition=_condition(number, amount=bool(every) and number % every == 0),
            effect="PREFER" if number % 10 == 0 else "DROP",
            channel=_channel(number // (RULES // CHANNELS)),
        )
        for number in range(RULES)
    ]


def _condition(number: int, *, amount: bool) -> str:
    """One of the kind that operators write; a DROP holds for nobody who asks here."""
    if amount:
        return f'amount > {10_000_000 + number} && currency == "CNY"'
    return f'bank == "BANK_{BANKS + number}" || (hour < 6 && weekday == 7)'


def _questions(node: Node) -> Sequence[Question]:
    """All different, as payments are: who pays, how much, with which card."""
    dice = random.Random(SEED)
    capable = frozenset(map(_channel, range(CHANNELS)))
    no_limits = AgreementLimits(single_limit=None, daily_limit=None)
    agreements = {(channel, "main"): no_limits for channel in sorted(capable)}
    return [
        Question(
            pay_order_no=PayOrderNo(pay_order_no(node.ids, NOON)),
            biz_line=BizLineId(f"line_{dice.randrange(LINES)}"),
            trans_type=TransType.DEDUCT,
            amount=dice.randrange(1, 5_000_000),
            currency="CNY",
            card_id=CardId(f"card_{number}"),
            bank=f"BANK_{dice.randrange(BANKS)}",
            card_kind=dice.choice(KINDS),
            now=NOON + timedelta(seconds=dice.randrange(3600)),
            agreements=agreements,
            capable=capable,
        )
        for number in range(QUESTIONS)
    ]


# --- telling --------------------------------------------------------------------------


def table(found: Sequence[Decisions]) -> Table:
    """One line a mix."""
    made = Table(
        title=f"Explained route decisions, {CHANNELS} channels, {RULES} rules",
        title_justify="left",
    )
    made.add_column("rules that look at the amount")
    made.add_column("per s of one core", justify="right", style="bold")
    made.add_column("µs each", justify="right")
    for each in found:
        made.add_row(
            each.rules_on_amount, f"{each.per_s:,.0f}", f"{1e6 / each.per_s:,.0f}"
        )
    return made


def document(found: Sequence[Decisions]) -> dict[str, object]:
    """The line of JSON; its keys are in docs/benchmarks.md."""
    by_mix = {each.rules_on_amount: round(each.per_s) for each in found}
    return {
        "route_decisions_per_s": by_mix[LEADING],
        "route_decisions_by_rules_on_amount": by_mix,
        "route_channels": CHANNELS,
        "route_rules": RULES,
    }

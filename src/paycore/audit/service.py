"""The auditor's door: every invariant that rows can show, asked of a live database.

It reads every table and writes none; what follows from a violation is for who asked:
the worker (`worker/auditor.py`) or a person (`paycore audit`).
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from paycore.audit import bank
from paycore.audit.catalogue import CATALOGUE
from paycore.audit.invariant import Check, Invariant
from paycore.audit.queries import (
    Connection,
    Pace,
    Pool,
    Snapshot,
    Unanswered,
    lent,
    seated,
    snapshot,
)
from paycore.audit.report import Example, Report, Verdict
from paycore.audit.suspects import secrets_in
from paycore.kernel.errors import Misconfigured, Unavailable
from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.node import Node

__all__ = [
    "BANK",
    "SECRETS",
    "Audited",
    "Connection",
    "Pace",
    "Pool",
    "Report",
    "Told",
    "Verdict",
    "audit",
    "compare",
    "lent",
    "seated",
    "steps",
]

EXAMPLES = 3

BANK = "BANK"
"""The verdict of the comparison with the banks, beside I1 to I30."""

SECRETS = "I25"
"""The one that looks through texts, which takes longer than all others together."""

CHARGES_S = 120.0
MEANWHILE = timedelta(seconds=10)
"""What the clocks of nodes differ by, and more: a refund that ended so shortly before
the banks were asked may lack in what they said."""
MOST_CHARGES_OCTETS = 1 << 29
"""Some three million charges."""

Told = Callable[[str], None]
"""Hears of every question as it is asked."""


@dataclass(slots=True)
class Audited:
    """What this node found when it last audited; None where another node does."""

    report: Report | None = None


@dataclass(slots=True)
class _Sum:
    """What is found for one invariant, question after question."""

    looked: int = 0
    violations: int = 0
    examples: list[Example] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def steps(only: Collection[str] = ()) -> int:
    """How many questions an audit asks."""
    return sum(len(invariant.checks) for invariant in _chosen(only))


async def audit(
    node: Node,
    connection: Connection,
    *,
    pace: Pace = Pace.ONCE,
    since: datetime | None = None,
    with_open: bool = False,
    texts_since: datetime | None = None,
    only: Collection[str] = (),
    examples: int = EXAMPLES,
    told: Told | None = None,
) -> Report:
    """Ask everything of one snapshot.

    `since`: of payments numbered from then on, and `with_open` of older ones that are
    still open; without it of all. `texts_since`: texts that were written before are
    not looked through again; they stay as they are.
    """
    began = node.clock.monotonic()
    async with snapshot(connection, pace) as seen:
        seen.left_s = lambda: began + pace.whole_s - node.clock.monotonic()
        if since is not None:
            await seen.narrow(since, with_open=with_open)
        if texts_since is not None:
            seen.texts_from = texts_since
        judged = {
            invariant.id: await _judge(seen, invariant, examples=examples, told=told)
            for invariant in sorted(_chosen(only), key=_takes_long)
        }
        at, left_behind = seen.at, seen.left_behind
    seconds = node.clock.monotonic() - began
    return Report(
        at=at,
        since=since,
        texts_since=texts_since,
        seconds=seconds,
        verdicts=[judged[one.id] for one in _chosen(only)],
        left_behind=left_behind,
    )


def _chosen(only: Collection[str]) -> Iterator[Invariant]:
    return (one for one in CATALOGUE if not only or one.id in only)


def _takes_long(invariant: Invariant) -> bool:
    """Texts come last: what time they need is taken from nobody."""
    return any(check.scan for check in invariant.checks)


async def _judge(
    seen: Snapshot, invariant: Invariant, *, examples: int, told: Told | None
) -> Verdict:
    found = _Sum()
    for check in invariant.checks:
        if told is not None:
            told(f"{invariant.id}: {check.name}")
        if check.whole and seen.first:
            found.left_out.append(check.name)
            continue
        ask = _look_through if check.scan else _ask
        # One at least: a question must not be silent behind another of its invariant.
        room = max(min(1, examples), examples - len(found.examples))
        try:
            await ask(seen, invariant, check, found, room)
        except Unanswered as error:
            found.unanswered.append(f"{check.name}: {error}")
    return Verdict(
        invariant=invariant.id,
        holds=invariant.holds,
        looked=found.looked,
        violations=found.violations,
        examples=tuple(found.examples),
        unanswered=tuple(found.unanswered),
        left_out=tuple(found.left_out),
        otherwise=invariant.otherwise,
        shown=bool(invariant.checks),
    )


async def _ask(
    seen: Snapshot, invariant: Invariant, check: Check, found: _Sum, room: int
) -> None:
    counted = await seen.count(check.sql)
    found.looked += counted.looked
    found.violations += counted.wrong
    if counted.wrong and room:
        found.examples += [
            Example(
                invariant=invariant.id,
                check=check.name,
                payment=one.payment,
                about=one.about,
                said=one.said,
            )
            for one in await seen.find(check.sql, room)
        ]


async def _look_through(
    seen: Snapshot, invariant: Invariant, check: Check, found: _Sum, room: int
) -> None:
    """A scan for secrets: the database finds candidates, we judge them."""
    found.looked += await seen.count_texts(check.sql)
    async for text in seen.texts(check.sql):
        secrets = list(secrets_in(text.text, text.known, text.card))
        if not secrets:
            continue
        found.violations += 1
        if room > 0:
            room -= 1
            found.examples.append(
                Example(
                    invariant=invariant.id,
                    check=check.name,
                    payment=text.payment,
                    about=text.about,
                    said={"found": secrets},
                )
            )


# --- the banks' own word --------------------------------------------------------------


async def compare(
    node: Node,
    connection: Connection,
    control: str,
    *,
    since: datetime | None = None,
    examples: int = EXAMPLES,
) -> Verdict:
    """What the banks charged, against what we know; `control` is the sandbox's address.

    The banks are asked first: what they had charged by then was on record here before
    they were called. Only where a success lacks its charge are they asked again, for
    it may have come since. Where they or the database cannot be asked, the verdict says
    so: what was audited before stands.
    """
    try:
        looked, wrong = await _compared(node, connection, control, since)
    except (Misconfigured, Unavailable, Unanswered) as error:
        said = error.en if isinstance(error, Unavailable) else str(error)
        return _verdict_on_banks(unanswered=(f"what the banks charged: {said}",))
    return _verdict_on_banks(
        looked=looked, violations=len(wrong), examples=tuple(wrong[:examples])
    )


def _verdict_on_banks(**found: Any) -> Verdict:
    return Verdict(
        invariant=BANK,
        holds="The banks charged what succeeded here, once, and nothing else.",
        **found,
    )


async def _compared(
    node: Node, connection: Connection, control: str, since: datetime | None
) -> tuple[int, list[Example]]:
    """How many charges and payments, and what does not fit."""
    asked_at = node.now() - MEANWHILE
    charges = await _charges(node, control)
    async with snapshot(connection, Pace.ONCE) as seen:
        if since is not None:
            await seen.narrow(since, with_open=False)
        charges = [one for one in charges if one.pay_order_no >= seen.first]
        numbers = sorted({one.pay_order_no for one in charges})
        known = await seen.charges(numbers, asked_at=asked_at)
    lacking = bank.lacking(charges, known)
    if lacking:
        lacking = bank.lacking(await _charges(node, control), lacking)
    wrong = [*bank.compare(charges, known), *map(bank.uncharged, lacking)]
    return len(charges) + len(known), wrong


async def _charges(node: Node, control: str) -> list[bank.Charge]:
    address = f"{control.rstrip('/')}/control/charges"
    answer = await node.transport.send(
        HttpRequest(
            method="GET",
            url=address,
            headers={},
            body=b"",
            timeout_s=CHARGES_S,
            most_octets=MOST_CHARGES_OCTETS,
        )
    )
    if not isinstance(answer, Answered):
        raise Misconfigured(f"the banks gave no answer at {address}: {answer.reason}")
    try:
        return msgspec.json.decode(answer.body, type=list[bank.Charge])
    except msgspec.MsgspecError:
        raise Misconfigured(f"what answers at {address} is no sandbox") from None

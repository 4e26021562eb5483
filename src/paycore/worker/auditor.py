"""The auditor's rounds: every few minutes one node asks whether all that must hold
does.

One node at a time has the seat, a lock of a connection of its own, which falls free
with the node. What it finds becomes figures and cases on the exception desk; nothing is
cured here. An audit that took long is followed by a long rest: payments come first.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import zip_longest

import msgspec

from paycore.audit import service as audit
from paycore.audit.report import ROUND, Example, Report, summary
from paycore.desk import service as desk
from paycore.kernel import log
from paycore.kernel.node import Node
from paycore.kernel.terms import Json
from paycore.operators import works

CASE = "INVARIANT"

CASES_A_ROUND = 50
EXAMPLES = 20
"""Of one invariant: a bug breaks it for many, and a person needs to see a few."""

OVERLAP = timedelta(minutes=10)
"""A text is written by a node's clock and committed a little later."""

FIRST_TEXTS = timedelta(hours=1)
"""What a node reads when it has just taken the seat."""

REST = 9
"""A round takes a tenth of the time at the most."""

_log = log.get(__name__)


async def tick(node: Node, dsn: str) -> None:
    """Take the seat if it is free, and go on with the rounds while we have it."""
    held = node.state(audit.Audited)
    held.report = None
    async with audit.seated(dsn) as connection:
        if connection is None:
            return
        rest_s = node.settings.audit_every_s
        while not node.heartbeat.leaving:
            await node.clock.sleep(rest_s)
            held.report = await _round(node, connection, held.report)
            rest_s = max(node.settings.audit_every_s, REST * held.report.seconds)


async def _round(
    node: Node, connection: audit.Connection, last: Report | None = None
) -> Report:
    """Audit the recent past and what is open, and tell what was found."""
    report = await audit.audit(
        node,
        connection,
        pace=audit.Pace.BESIDE,
        since=node.now() - timedelta(seconds=node.settings.audit_window_s),
        with_open=True,
        texts_since=_texts_since(node, last),
        examples=EXAMPLES,
    )
    _log.info(
        "audited",
        seconds=round(report.seconds, 3),
        violations=report.violations,
        unanswered=report.unanswered,
        epoch=node.epoch,
    )
    for verdict in report.verdicts:
        if verdict.violations or verdict.unanswered:
            _log.error(
                "invariant_broken" if verdict.violations else "invariant_unsure",
                invariant=verdict.invariant,
                violations=verdict.violations,
                unanswered=list(verdict.unanswered),
            )
    for what in report.left_behind:
        _log.error("invariants_unsure", looked_at=what)
    await _tell(node, report)
    await _keep(node, report)
    return report


async def _keep(node: Node, report: Report) -> None:
    """For whoever asks another node: what was said of each invariant."""
    at = node.now()
    await works.kept(
        node,
        works.Work(
            work_id=ROUND,
            kind=ROUND,
            begun_by=node.settings.node_name,
            begun_at=report.at,
            told_at=at,
            ended_at=at,
            said=f"{report.violations} violations",
            result=Json(msgspec.json.encode(summary(report)).decode()),
        ),
    )


def _texts_since(node: Node, last: Report | None) -> datetime | None:
    """From when on texts are new; those in which a secret was found never are old."""
    an_hour_ago = node.now() - FIRST_TEXTS
    if last is None or last.texts_since is None:
        return an_hour_ago
    (secrets,) = (one for one in last.verdicts if one.invariant == audit.SECRETS)
    if secrets.violations:
        return last.texts_since
    if secrets.unanswered:
        return max(last.texts_since, an_hour_ago)
    return last.at - OVERLAP


async def _tell(node: Node, report: Report) -> None:
    """Open a case for what was found, the invariants in turn, so many a round at most.

    Each is a change of its own: one that stands already keeps no other from opening,
    and is not counted; the next round goes on where this one had enough.
    """
    opened = 0
    for example in _in_turn(report):
        opened += await _open_case(node, example, report.at)
        if opened >= CASES_A_ROUND:
            return


def _in_turn(report: Report) -> Iterator[Example]:
    """The first of each invariant, then the second of each, and so on."""
    found = (verdict.examples for verdict in report.verdicts)
    for one_of_each in zip_longest(*found):
        yield from filter(None, one_of_each)


async def _open_case(node: Node, example: Example, seen_at: datetime) -> bool:
    """Whether it is a new case."""
    change = node.change()
    await desk.open_case(
        node,
        change,
        kind=CASE,
        pay_order_no=example.payment,
        about=_about(example),
        evidence={
            "check": example.check,
            "about": example.about,
            "said": example.said,
            "seen_at": seen_at,
        },
        again=True,
    )
    return not change.empty and await node.journal.commit(change) is None


def _about(example: Example) -> str:
    """One case an invariant and payment; where there is no payment, a thing."""
    if example.payment is not None or example.about is None:
        return example.invariant
    return f"{example.invariant}:{example.about}"

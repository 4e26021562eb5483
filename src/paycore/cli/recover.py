"""`paycore recover`: after a restore, find out what channels know and we forgot.

Before the nodes start: what was open in the backup is held until its channels were
asked for everything that it may have sent in the time that was lost.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import (
    AsJson,
    Database,
    examples,
    moment,
    print_table,
    progress,
    run,
    say,
)
from paycore.kernel.errors import BadRequest

if TYPE_CHECKING:
    from datetime import datetime

    from paycore.cli.visit import Visit
    from paycore.gateway.accounts import AccountKey
    from paycore.kernel.node import Node
    from paycore.recovery.match import Difference, Question
    from paycore.recovery.report import Report

NOT_OVER = 1
"""Something differs, or somebody is still to answer."""

_UNITS = MappingProxyType(
    {
        "holding": "payments",
        "reading": "statements",
        "waiting": "s",
        "asking": "payments",
        "catching up": "payments",
    }
)
"""Of each of its works, in which it is told how far it is."""

app = typer.Typer(invoke_without_command=True, add_completion=False)


@app.callback(
    epilog=examples(
        "paycore recover --since 2026-11-28T09:15:00Z",
        "paycore recover --since 2026-11-28T09:15:00Z --ahead 99 --refund-days 7",
        "Run it on the restored database before any node starts, and again until it"
        " says that it is complete: the statements of the last days come tomorrow. It"
        " may be stopped and repeated at any time; a difference is one case, however"
        " often. Exit status 0 where nothing differs and everybody answered, else 1"
        " (docs/operate.md).",
    )
)
def recover(
    *,
    since: Annotated[
        str,
        typer.Option(
            help="From when on something may be missing: the backup's moment, or a"
            " little before, as 2026-11-28T09:15:00+08:00. Give the same every time."
        ),
    ],
    ahead: Annotated[
        int,
        typer.Option(
            min=1, max=99, help="Numbers of attempts that one payment may have lost."
        ),
    ] = 25,
    refund_days: Annotated[
        int,
        typer.Option(
            min=0,
            max=31,
            help="Ask for lost refunds of what was paid so many days before, too.",
        ),
    ] = 1,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHANNEL/ACCOUNT",
            help="Do not ask this account, which answers no more, and let go what waits"
            " for nothing else. What it took is then found by its statements at most.",
        ),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """After a restore: hold what was open, and ask every channel what we forgot."""
    from paycore.cli.visit import demand_keys, dsn_of
    from paycore.recovery.service import Scope

    demand_keys()
    dsn, begins = dsn_of(database), moment(since)
    assert begins is not None, "it is demanded"
    left_out = frozenset(_account(one) for one in without or ())
    scope = Scope(since=begins, ahead=ahead, refund_days=refund_days, without=left_out)

    async def work(visit: "Visit") -> "Report":
        from paycore.recovery import service

        async with _alive(visit, scope.since):
            with progress(_UNITS) as told:
                return await service.recover(visit.node, visit.pool, dsn, scope, told)

    report = run(database, work)
    _show(report, as_json=as_json)
    if report.differences or not report.complete:
        raise typer.Exit(NOT_OVER)


def _account(text: str) -> "AccountKey":
    channel, slash, account = text.partition("/")
    if not (channel and slash and account):
        raise BadRequest("--without is CHANNEL/ACCOUNT, as quick_a/main.")
    return channel, account


@asynccontextmanager
async def _alive(visit: "Visit", since: "datetime") -> AsyncIterator[None]:
    """A life that beats: nothing is sent on one that does not."""
    import asyncio
    from contextlib import suppress

    from paycore.accounting import service as accounting
    from paycore.recovery import holding, queries
    from paycore.worker import heartbeat, loop

    node = visit.node
    before = await holding.begun(node, since)
    first = before is None or await queries.unheld(visit.pool, before)
    await heartbeat.begin(node)
    try:
        if first:
            await _refuse_company(node)
        await accounting.read(node)
        await loop.refresh(node)
        beating = asyncio.create_task(heartbeat.run(node))
        try:
            yield
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
    finally:
        await heartbeat.end(node)


async def _refuse_company(node: "Node") -> None:
    """Before anything is held, no node may work. Lives that are in the backup and do
    not beat are not waited for; who does beat is a node at work.
    """
    from paycore.worker import heartbeat

    before = dict(node.heartbeat.heard)
    await node.clock.sleep(2 * node.settings.heartbeat_s)
    await heartbeat.beat(node)
    beating = [
        epoch
        for epoch, (at, _) in node.heartbeat.heard.items()
        if epoch != node.epoch and (epoch not in before or before[epoch][0] != at)
    ]
    if beating:
        raise BadRequest("A node is at work on this database: stop all nodes first.")


def _show(report: "Report", *, as_json: bool) -> None:
    if as_json:
        say(_document(report), "", as_json=True)
        return
    print_table("differences", [_line(one) for one in _found(report)])
    if report.unsure:
        print_table("unanswered", _unanswered(report))
    typer.echo(_sentence(report))


def _document(report: "Report") -> dict[str, object]:
    return {
        "since": report.run.since,
        "begun_at": report.run.begun_at,
        "complete": report.complete,
        "held": report.held,
        "let_go": report.let_go,
        "asked": report.asked,
        "without": ["/".join(key) for key in sorted(report.without)],
        "new_cases": report.new_cases,
        "caught_up": [
            {"pay_order_no": no, "biz_status": status}
            for no, status in report.caught_up.items()
        ],
        "differences": [_line(one) for one in _found(report)],
        "unanswered": _unanswered(report),
        "statements": [
            {
                "channel": one.channel,
                "account": one.account,
                "day": one.day,
                "state": one.state,
                "said": one.said,
            }
            for one in report.statements
        ],
    }


def _found(report: "Report") -> "list[Difference]":
    return sorted(report.differences.values(), key=lambda one: one.key)


def _line(one: "Difference") -> dict[str, object]:
    return {
        "difference": one.found,
        "number": one.number,
        "pay_order_no": one.pay_order_no,
        "channel": one.channel,
        "account": one.account,
        "ours": one.ours,
        "theirs": one.theirs,
        "currency": one.currency,
        "told_by": sorted(one.sources),
        "case": one.case_id,
    }


def _unanswered(report: "Report") -> list[dict[str, object]]:
    """By payment and account: of one that is away all numbers are."""
    counted: dict[tuple[str, str, str], int] = {}
    for one in report.unsure:
        key = _place(one)
        counted[key] = counted.get(key, 0) + 1
    return [
        {"pay_order_no": no, "channel": channel, "account": account, "numbers": count}
        for (no, channel, account), count in sorted(counted.items())
    ]


def _place(one: "Question") -> tuple[str, str, str]:
    return one.pay_order_no, one.channel, one.account


def _sentence(report: "Report") -> str:
    awaited = sum(not one.read for one in report.statements)
    said = (
        f"{report.asked:,} numbers asked after:"
        f" {len(report.differences):,} differences, {report.new_cases:,} new cases;"
        f" {report.let_go:,} payments go on,"
        f" {report.held:,} are held, {len(report.caught_up):,} had their last word."
    )
    if report.complete:
        return f"{said} Complete."
    left_out = ", ".join("/".join(key) for key in sorted(report.without))
    return (
        f"{said} Not complete: {len(report.unsure):,} numbers without a last word,"
        f" {awaited:,} statements to come{left_out and f', {left_out} not asked'}."
        " Run it again, with the same --since."
    )

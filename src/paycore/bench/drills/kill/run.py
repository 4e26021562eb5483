"""The run: rounds until so many were killed, the tally, the figures.

A few rounds share a database, so that what was acknowledged in one is held to in the
next; then everything is made anew. An interrupted run goes on after its last whole
round.
"""

import asyncio
import secrets
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec
import uvloop
from rich.progress import Progress, TaskID
from rich.table import Table

from paycore import app as apps
from paycore.bench import stage as stages
from paycore.bench.drills.kill import round as rounds
from paycore.bench.drills.kill.parts import NODES, Parts, parts, steady_port
from paycore.bench.drills.kill.payers import Wallet
from paycore.bench.drills.kill.record import Record, broken, held
from paycore.bench.drills.kill.round import Brief, Cast
from paycore.bench.payer import Purse
from paycore.coupon import service as coupon
from paycore.dev import stack
from paycore.dev.seeds import COUPON_MINOR, CURRENCIES, seed
from paycore.dev.stack import Ground
from paycore.kernel.errors import Misconfigured
from paycore.kernel.postgres import fresh_folder
from paycore.kernel.terms import BizLineId

KILLS_A_ROUND = 50
"""A minute or two of load: quiet takes half a minute, whatever came before it."""
ROUNDS_A_GROUND = 2
PAYERS = 24
QUICK_SHARE = 0.6
"""Of the payers; the others' line has no quick channel, and always converts."""
COUPONS = 4_000
"""Of each line; a third of the orders of some rounds take one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of a run."""

    kills: int
    state: Path
    seed: int | None = None
    """Any, where none is given."""
    resume: bool = False
    payers: int = PAYERS


def run(asked: Asked, progress: Progress) -> Record:
    """All rounds, from what is on record to so many kills."""
    with held(asked.state):
        return _run(asked, progress)


def _run(asked: Asked, progress: Progress) -> Record:
    if asked.resume:
        record = Record.resume(asked.state, payers=asked.payers)
    else:
        given = secrets.randbelow(1 << 32) if asked.seed is None else asked.seed
        record = Record.begin(asked.state, given, payers=asked.payers)
    task = progress.add_task("starting", total=asked.kills, completed=record.kills)
    run_ = _Run(asked=asked, record=record, progress=progress, task=task)
    while record.kills < asked.kills:
        run_.on_new_ground()
        if record.rounds[-1].broke:
            break  # somebody must look; `--resume` goes on without forgetting it
    return record


@dataclass(slots=True, kw_only=True)
class _Run:
    asked: Asked
    record: Record
    progress: Progress
    task: TaskID

    def on_new_ground(self) -> None:
        """A few rounds, from an empty folder; it is kept where one of them breaks."""
        folder, made = fresh_folder("paycore-kill-"), len(self.record.rounds)
        try:
            self._on(folder)
        except Misconfigured:
            raise  # this machine cannot: nothing was begun on this ground
        except Exception as error:  # noqa: BLE001 before a round, or after it
            why = f"{error!r} between rounds; what was left is kept in {folder}"
            self.record.add(broken(self.record.next_number, why))
            self.progress.console.print_exception()
        finally:
            if not any(each.broke for each in self.record.rounds[made:]):
                shutil.rmtree(folder, ignore_errors=True)

    def _on(self, folder: Path) -> None:
        # Nodes live no longer than the thread that started them: these live on.
        with (
            stack.ground(folder / "stack", database_port=steady_port()) as on,
            ThreadPoolExecutor(NODES) as starter,
        ):
            uvloop.run(self._rounds(on, starter))

    async def _rounds(self, on: Ground, starter: ThreadPoolExecutor) -> None:
        async with parts(on, starter) as made:
            dice = self.record.dice("coupons")
            cast = await _cast(made, self.asked.payers, dice)
            await asyncio.gather(*(made.start(place) for place in made.places))
            await made.calm()
            for _ in range(ROUNDS_A_GROUND):
                left = self.asked.kills - self.record.kills
                if left <= 0:
                    return
                done = await rounds.play(cast, self._brief(min(left, KILLS_A_ROUND)))
                self.record.add(done)
                self.progress.update(self.task, completed=self.record.kills)
                if done.broke:
                    return

    def _brief(self, kills: int) -> Brief:
        number = self.record.next_number

        def told(killed: int, what: str) -> None:
            wrong = self.record.differences + self.record.lost
            said = f"round {number}, {wrong} differ: {what}"
            self.progress.update(self.task, advance=killed, description=said)

        return Brief(
            number=number,
            kills=kills,
            dice=self.record.dice,
            progress=told,
            tell=lambda text: self.progress.console.print(
                text, markup=False, highlight=False
            ),
            stories=self.asked.state.with_name(f"{self.asked.state.stem}-stories"),
        )


async def _cast(made: Parts, payers: int, dice: Random) -> Cast:
    """Migrate and seed, with every address behind its proxy; cards and coupons."""
    dsn, settings = made.on.cluster.dsn, made.places[0].settings
    await apps.migrate(dsn)
    app = await apps.start(msgspec.structs.replace(settings, role="api"), dsn)
    try:
        lines, _ = await seed(app.node, made.sandbox, made.on.kept)
        purses: list[Purse] = []
        wallets, issued = {}, set[tuple[str, str]]()
        by_quick = round(payers * QUICK_SHARE)
        for line, count in zip(lines, (by_quick, payers - by_quick), strict=True):
            purses += await stages.purses(app.node, line, count, first=len(purses))
            numbers = await coupon.issue(
                app.node,
                BizLineId(line.biz_line),
                count=COUPONS,
                amount=COUPON_MINOR,
                currency=CURRENCIES[0],
            )
            issued |= {(line.biz_line, str(number)) for number in numbers}
            wallets[line.api_key] = Wallet(fresh=iter(map(str, numbers)), dice=dice)
    finally:
        await apps.stop(app)
    return Cast(
        parts=made,
        purses=purses,
        wallets=wallets,
        issued=frozenset(issued),
        api_keys={line.biz_line: line.api_key for line in lines},
    )


# --- telling --------------------------------------------------------------------------


def table(record: Record) -> Table:
    """What happened, and what it came to."""
    made = Table(title="Killed under load", title_justify="left")
    made.caption_justify = "left"
    statuses = record.total("statuses")
    ends = ", ".join(f"{count:,} {status}" for status, count in statuses.items())
    made.caption = (
        f"{record.kills:,} kills in {len(record.rounds)} rounds,"
        f" {record.sum('seconds') / 60:.1f} minutes, seed {record.seed}.\n"
        f"{record.sum('payments'):,} payments ({ends};"
        f" {record.sum('converted'):,} converted), {record.sum('answers'):,} answers,"
        f" {record.sum('repeated'):,} of them asked for again.\n"
        f"{record.differences} differences, {record.lost} answers true no more."
    )
    if not record.telling:
        made.caption += "\nNothing was paid or nothing converted: this shows nothing."
    for column in ("struck", "times"):
        made.add_column(column, justify="left" if column == "struck" else "right")
    for name, times in record.total("struck").items():
        made.add_row(name, f"{times:,}")
    return made


def document(record: Record) -> Mapping[str, object]:
    """The line of JSON; its keys are in CONTRIBUTING.md."""
    statuses = record.total("statuses")
    return {
        "drill": "kill",
        "kills": record.kills,
        "payments": record.sum("payments"),
        "succeeded": statuses.get("SUCCESS", 0),
        "converted": record.sum("converted"),
        "answers": record.sum("answers"),
        "repeated": record.sum("repeated"),
        "calls": record.sum("calls"),
        "errors": record.sum("errors"),
        "differences": record.differences,
        "lost_answers": record.lost,
        "trial_balance": max((each.trial_balance for each in record.rounds), default=0),
        "rounds": len(record.rounds),
        "seconds": round(record.sum("seconds")),
        "quiet_s": max((each.quiet_s for each in record.rounds), default=0.0),
        "seed": record.seed,
        "kinds": record.total("struck"),
        "statuses": statuses,
        "cases": record.total("cases"),
        "logged": record.total("logged"),
        "holds": record.holds,
    }

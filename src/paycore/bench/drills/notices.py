"""The drill of the notices: many, to twenty end points, some of which are no good.

First the good end points alone get theirs, then all of them at the same pace each: one
dead, one slow, one that says 410; all the others fail or hang now and then, and the
secrets of two are changed meanwhile. Then the bad ones are switched off, and the good
ones are alone again. What bad ones cost the others is the difference of their delays;
before and after, so that a machine that tires or is busy with something else counts on
both sides. At the end the bad ones are mended and switched on, the node makes way for a
new one, and what was left is replayed: every notice that was ever announced must have
come, signed so that the official clients of PyPI and npm take it.

Notices are made as core makes them, each staged into a change of its own by
`notify.announce`, committed and handed on by `deliver_now`; the payments around them
are not made. The node runs in this process, the end points in another.
"""

import asyncio
import secrets
import shutil
import subprocess
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import perf_counter, time

import msgspec
import uvloop
from rich.progress import Progress, TaskID
from rich.table import Table

from paycore import app as apps
from paycore.bench.drills import npm
from paycore.bench.drills.npm import Verified
from paycore.bench.drills.receivers import Came, Place, Plan
from paycore.bench.load import percentile
from paycore.dev.processes import free_port, start_cluster
from paycore.kernel.config import Settings
from paycore.kernel.errors import Refusal
from paycore.kernel.ids import pay_order_no
from paycore.kernel.node import Node
from paycore.kernel.postgres import fresh_folder
from paycore.kernel.terms import BizLineId, PayOrderNo
from paycore.notify import queries, upkeep
from paycore.notify import service as notify
from paycore.notify.queries import Wanted

PLACES = 20
BAD = ("dead", "slow", "gone")
CHANGED = (3, 4)
"""The end points whose secrets are changed under way."""

ALONE_SHARE = 0.15
"""So many notices, beside all of them, go to the good ones alone before and after."""

STEP_S = 0.02
SETTLED_WITHIN_S = 60.0
"""A good end point that hung once gets its notice within half a minute."""

CURED_WITHIN_S = 300.0
MOST_RATIO = 1.1
ALONE, BESIDE = "alone", "beside"


@dataclass(frozen=True, slots=True)
class Told:
    """A notice that was announced."""

    place: int
    part: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the drill found."""

    per_s: float
    told: Counter[str]
    """Notices by part."""
    delays_s: Mapping[tuple[str, str], Sequence[float]]
    """From the announcement to the end point, by part and behaviour."""
    parked: int
    pending: int
    """Where the notices stood when the load had ended."""
    tries: int
    delivered: int
    lost: int
    pypi: Verified
    npm: Verified

    @property
    def ratio(self) -> float:
        """The good ones' p99 beside bad ones by that without them."""
        alone, beside = (self.delays_s[part, "good"] for part in (ALONE, BESIDE))
        return percentile(beside, 99) / max(percentile(alone, 99), 1e-9)

    @property
    def holds(self) -> bool:
        """None lost, all of them signed, and nobody kept waiting."""
        refused = self.pypi.refused + self.npm.refused
        return not self.lost and not refused and self.ratio <= MOST_RATIO


def run(notices: int, per_s: int, progress: Progress) -> Figures:
    """All of it, from an empty folder to the figures."""
    folder = fresh_folder("paycore-drill-")
    try:
        (folder / "data").mkdir()
        plan = Plan(places=_places(), record=str(folder / "came.jsonl"))
        with (
            start_cluster(folder / "data") as cluster,
            _receivers(plan) as (child, ports),
        ):
            drill = _Drill(
                dsn=cluster.dsn,
                plan=plan,
                ports=ports,
                child=child,
                notices=notices,
                per_s=per_s,
                progress=progress,
            )
            uvloop.run(drill.run())
        progress.update(drill.task, description="npm's client verifies")
        by_npm = npm.verify(folder / "npm", Path(plan.record), plan.places)
        return drill.figures(by_npm)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _places() -> list[Place]:
    return [
        Place(
            behaviour=BAD[place] if place < len(BAD) else "good",
            secrets=[_secret() for _ in range(2 if place in CHANGED else 1)],
        )
        for place in range(PLACES)
    ]


def _secret() -> str:
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


@contextmanager
def _receivers(
    plan: Plan,
) -> Iterator[tuple["subprocess.Popen[bytes]", list[int]]]:
    """The end points' process, and their ports."""
    command = (sys.executable, "-m", "paycore.bench.drills.receivers")
    with subprocess.Popen(  # noqa: S603 our own command, no shell
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(msgspec.json.encode(plan) + b"\n")
        child.stdin.flush()
        yield child, msgspec.json.decode(child.stdout.readline(), type=list[int])
        child.stdin.close()


@dataclass(slots=True, kw_only=True)
class _Drill:
    dsn: str
    plan: Plan
    ports: Sequence[int]
    child: "subprocess.Popen[bytes]"
    notices: int
    per_s: int
    progress: Progress
    endpoints: list[str] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)
    standing: dict[str, int] = field(default_factory=dict)
    took_s: float = 0.0

    async def run(self) -> None:
        """Announce, mend, and wait until nothing is left."""
        settings = Settings.for_dev(port=free_port(), log_level="warning")
        await apps.migrate(self.dsn)
        app = await apps.start(settings, self.dsn)
        try:
            began = app.node.now()
            await self._set_up(app.node)
            good = range(len(BAD), PLACES)
            await self._part(app, ALONE, good, int(self.notices * ALONE_SHARE))
            await self._part(app, BESIDE, range(PLACES), self.notices)
            self.standing = _by_status(await queries.standing(app.pool))
            for place, _ in enumerate(BAD):
                await upkeep.disable_endpoint(app.node, self.endpoints[place])
            await self._part(app, ALONE, good, int(self.notices * ALONE_SHARE))
        finally:
            await apps.stop(app)
        app = await apps.start(settings, self.dsn)
        try:
            await self._cure(app, began)
        finally:
            await apps.stop(app)

    @property
    def task(self) -> TaskID:
        """The progress bar's one task."""
        return self.progress.task_ids[0]

    async def _set_up(self, node: Node) -> None:
        total = self.notices * (1 + 2 * ALONE_SHARE)
        self.progress.add_task("the good ones alone", total=int(total))
        for place, port in enumerate(self.ports):
            url = f"http://127.0.0.1:{port}/notices"
            endpoint_id, _ = await notify.add_endpoint(
                node, _line(place), url, self.plan.places[place].secrets[0]
            )
            self.endpoints.append(endpoint_id)

    # --- the load ---------------------------------------------------------------------

    async def _part(
        self, app: apps.App, part: str, places: Sequence[int], count: int
    ) -> None:
        """Announce at an even pace, so that each place gets as much in both parts."""
        pace = self.per_s * len(places) / PLACES
        self.progress.update(self.task, description=f"the good ones {part}")
        began, sent, changed = perf_counter(), 0, part is ALONE
        async with asyncio.TaskGroup() as group:
            while sent < count:
                due = min(count, int((perf_counter() - began) * pace))
                for number in range(sent, due):
                    place = places[number % len(places)]
                    group.create_task(self._tell(app.node, part, place))
                self.progress.advance(self.task, due - sent)
                sent = due
                if not changed and sent > count // 2:
                    changed = True
                    await self._change_secrets(app.node)
                await asyncio.sleep(STEP_S)
        if part is BESIDE:
            self.took_s = perf_counter() - began
        await self._settled(app)

    async def _tell(self, node: Node, part: str, place: int) -> None:
        """What core does with a payment's last status, without the payment."""
        at = time()
        no = pay_order_no(node.ids, node.now())
        change = node.change()
        notify.announce(
            node,
            change,
            pay_order_no=no,
            biz_line=_line(place),
            type="payment.succeeded",
            data=_order(no, place),
            at=node.now(),
        )
        refused = await node.journal.commit(change)
        assert refused is None, refused
        notify.deliver_now(node, change)
        for row in change.appends:
            self.told[getattr(row, "notice_id")] = Told(place, part, at)  # noqa: B009

    async def _change_secrets(self, node: Node) -> None:
        for place in CHANGED:
            new = self.plan.places[place].secrets[1]
            await notify.rotate_secret(node, self.endpoints[place], new)

    async def _settled(self, app: apps.App) -> None:
        """Wait until the good end points have got theirs, those that hung too."""
        good = {_line(place) for place in range(len(BAD), PLACES)}
        gives_up = perf_counter() + SETTLED_WITHIN_S
        while perf_counter() < gives_up:
            found = await queries.standing(app.pool)
            if not any(s != "DELIVERED" and line in good for line, s in found):
                return
            await asyncio.sleep(1)

    # --- the cure ---------------------------------------------------------------------

    async def _cure(self, app: apps.App, began: datetime) -> None:
        """Mend the bad ones, send again what they have not got, and wait for it."""
        self.progress.update(self.task, description="the bad ones are mended")
        assert self.child.stdin is not None
        self.child.stdin.write(b"mend\n")
        self.child.stdin.flush()
        node = app.node
        for place, _ in enumerate(BAD):
            await notify.enable_endpoint(node, self.endpoints[place])
            line = _line(place)
            wanted = Wanted(since=began, until=node.now(), biz_line=line)
            await notify.replay_range(node, app.pool, wanted)
        gives_up = perf_counter() + CURED_WITHIN_S
        while perf_counter() < gives_up:
            if set(_by_status(await queries.standing(app.pool))) == {"DELIVERED"}:
                return
            await self._replay_the_rest(app)
            await asyncio.sleep(1)

    async def _replay_the_rest(self, app: apps.App) -> None:
        """Those that wait for a later try by their schedule."""
        soon = app.node.now().timestamp() + CURED_WITHIN_S / 10
        for row in await queries.notices(app.pool, status="PENDING", limit=100):
            due = row.next_check_at
            if due is not None and due.timestamp() > soon:
                try:
                    await notify.replay(
                        app.node, PayOrderNo(row.pay_order_no), row.notice_id
                    )
                except Refusal:
                    continue

    # --- what came of it --------------------------------------------------------------

    def figures(self, by_npm: Verified) -> Figures:
        """Compare what was announced with what came."""
        delays: dict[tuple[str, str], list[float]] = {}
        arrived: set[str] = set()
        verified = Counter[bool]()
        for came in _record(Path(self.plan.record)):
            verified[came.verified] += 1
            told = self.told.get(came.id)
            if told is None or came.status != 204 or came.id in arrived:
                continue
            arrived.add(came.id)
            behaviour = self.plan.places[told.place].behaviour
            delays.setdefault((told.part, behaviour), []).append(came.at - told.at)
        return Figures(
            per_s=self.notices / self.took_s,
            told=Counter(told.part for told in self.told.values()),
            delays_s=delays,
            parked=self.standing.get("PARKED", 0),
            pending=self.standing.get("PENDING", 0),
            tries=verified.total(),
            delivered=len(arrived),
            lost=len(self.told.keys() - arrived),
            pypi=Verified(verified=verified[True], refused=verified[False]),
            npm=by_npm,
        )


def _record(path: Path) -> Iterator[Came]:
    decoder = msgspec.json.Decoder(Came)
    with path.open("rb") as lines:
        yield from map(decoder.decode, lines)


def _line(place: int) -> BizLineId:
    return BizLineId(f"line_{place:02d}")


def _by_status(standing: Mapping[tuple[str, str], int]) -> dict[str, int]:
    counted = Counter[str]()
    for (_, status), number in standing.items():
        counted[status] += number
    return dict(counted)


def _order(no: str, place: int) -> bytes:
    """An order as a notice tells it."""
    return msgspec.json.encode(
        {
            "pay_order_no": no,
            "biz_line": _line(place),
            "out_biz_no": f"order-{no}",
            "biz_status": "SUCCESS",
            "pay_type": "QUICK_PAY",
            "subject": "两张电影票 🎬",
            "amount": 1234,
            "payable_amount": 1234,
            "currency": "CNY",
        }
    )


# --- for people and for programs ------------------------------------------------------


def table(figures: Figures) -> Table:
    """One line a kind of end point and part."""
    made = Table(title="Notices", title_justify="left", caption_justify="left")
    made.caption = (
        f"{figures.per_s:,.0f} notices/s; at the end of the load {figures.pending:,}"
        f" pending and {figures.parked:,} parked, which then were replayed.\n"
        f"{figures.tries:,} tries came, {figures.delivered:,} notices of"
        f" {figures.told.total():,} arrived, {figures.lost} lost.\n"
        f"Verified by PyPI's client {figures.pypi.verified:,}, by npm's"
        f" {figures.npm.missing or format(figures.npm.verified, ',')}.\n"
        f"The good ones' p99 beside bad ones by that alone: {figures.ratio:.2f}"
    )
    for column in ("end points", "notices", "p50 ms", "p95 ms", "p99 ms"):
        made.add_column(column, justify="left" if column == "end points" else "right")
    for (part, behaviour), delays in sorted(figures.delays_s.items()):
        made.add_row(
            f"{behaviour}, {part}",
            f"{len(delays):,}",
            *(f"{percentile(delays, each) * 1000:,.1f}" for each in (50, 95, 99)),
        )
    return made


def document(figures: Figures) -> Mapping[str, object]:
    """The line of JSON; its keys are in CONTRIBUTING.md."""
    delays = figures.delays_s
    return {
        "drill": "notices",
        "holds": figures.holds,
        "notices": figures.told[BESIDE],
        "notices_alone": figures.told[ALONE],
        "notices_per_s": round(figures.per_s, 1),
        "delivered": figures.delivered,
        "lost": figures.lost,
        "pending_before_cure": figures.pending,
        "parked_before_cure": figures.parked,
        "tries": figures.tries,
        "verified_pypi": figures.pypi.verified,
        "verified_npm": None if figures.npm.missing else figures.npm.verified,
        "refused": figures.pypi.refused + figures.npm.refused,
        "p50_ms": {part: _ms(delays[part, "good"], 50) for part in (ALONE, BESIDE)},
        "p99_ms": {part: _ms(delays[part, "good"], 99) for part in (ALONE, BESIDE)},
        "p99_ratio": round(figures.ratio, 3),
    }


def _ms(values: Sequence[float], percent: int) -> float:
    return round(percentile(values, percent) * 1000, 2)

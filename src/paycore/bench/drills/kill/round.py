"""One round: load and kills, then quiet, then everything is compared.

Quiet means good weather, strangers that behave, everybody back on his feet, and nobody
who pays. The business lines then close what nobody will pay, an operator has notices
sent again whose next try is minutes away, and everything else must come to its end by
itself, within a bound.
"""

import asyncio
import shutil
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from time import perf_counter

import msgspec

from paycore import app as apps
from paycore.bench.drills.kill import auditing, logs, queries, refusals, strangers
from paycore.bench.drills.kill.answers import Lost, lost, repeated
from paycore.bench.drills.kill.compare import (
    Difference,
    Facts,
    Theirs,
    compare,
    trial_balance,
)
from paycore.bench.drills.kill.heard import Call, Heard, Said
from paycore.bench.drills.kill.logs import Logs
from paycore.bench.drills.kill.parts import Parts, log_of
from paycore.bench.drills.kill.payers import GivenUp, Line, Payer, Wallet
from paycore.bench.drills.kill.record import Round, broke
from paycore.bench.drills.kill.story import Witnesses, story
from paycore.bench.drills.kill.strikes import Striker, Struck, draw
from paycore.bench.drills.phones import Phones
from paycore.bench.oracle import Oracle
from paycore.bench.payer import Purse
from paycore.core.rows import PaymentRow
from paycore.kernel.errors import Refusal
from paycore.kernel.node import Node
from paycore.kernel.terms import PayOrderNo
from paycore.notify import service as notify

WARM_UP_S = 1.0
SURVIVORS_S = 4.0
"""Load after the last kill, by nodes that live on: what a node lets lie is taken up by
others when it dies, and would be found by nobody."""
SECONDS_A_KILL = 8.0
"""Where a kill takes longer than this on average something is wrong with the drill."""
ORDERS_A_PAYER = 400
"""At most in a round: load is bounded in count too."""

QUIET_WITHIN_S = 120.0
"""A leg that a dead node left, never heard of at the bank, takes some twenty seconds,
with a rung of the ladder missed forty."""
ENDS_WITHIN_S = 90.0
"""A payer's patience with his order, and with the calls of it."""
EXPIRES_SOON = timedelta(seconds=12)
"""What expires so soon is left to expire."""
TRIED_SOON = timedelta(seconds=7)
"""A notice that is tried so soon is left alone: the second try is after five."""
POLL_S = 0.3
REPEATED_AT_MOST = 1500
REPEAT_TRIES = 20
AT_ONCE = 8
STORIES = 10


@dataclass(slots=True, kw_only=True)
class Cast:
    """What rounds on the same parts share: cards, coupons, and all that was heard."""

    parts: Parts
    purses: Sequence[Purse]
    wallets: Mapping[str, Wallet]
    """By API key."""
    api_keys: Mapping[str, str]
    """By business line."""
    issued: frozenset[tuple[str, str]] = frozenset()
    """Every coupon, by its line and number."""
    heard: Heard = field(default_factory=Heard)
    struck: list[Struck] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    """Orders of earlier rounds."""
    told: set[str] = field(default_factory=set)
    """What differed in earlier rounds: it is not found twice."""
    logs: Logs = field(default_factory=Logs)


@dataclass(slots=True, kw_only=True)
class Brief:
    """What is asked of a round, and where it tells."""

    number: int
    kills: int
    dice: Callable[[str], Random]
    """Dice about something: the same for the same round of the same run."""
    progress: Callable[[int, str], None]
    """Told of kills as they happen, and of what is done now."""
    tell: Callable[[str], None]
    """Told the stories of what differs."""
    stories: Path
    """Folder for them."""


async def play(cast: Cast, brief: Brief) -> Round:
    """One round; where something differs, its story is told."""
    return await _Round(cast=cast, brief=brief).play()


@dataclass(slots=True, kw_only=True)
class _Desk:
    """A node in this process that nobody kills: the operator's, and the comparer's."""

    node: Node
    pool: queries.Pool


@dataclass(slots=True, kw_only=True)
class _Round:
    cast: Cast
    brief: Brief
    kills: int = 0
    repeated: int = 0
    insisted: int = 0
    quiet_s: float = 0.0
    bugs_before: int = 0
    """Answers of 5xx that earlier rounds have told of."""
    fresh: list[PaymentRow] = field(default_factory=list)
    cases: list[queries.Case] = field(default_factory=list)
    logged: list[logs.Line] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    trial_balance: int = 0
    lost: list[Lost] = field(default_factory=list)

    async def play(self) -> Round:
        began, heard = perf_counter(), self.cast.heard
        answered, refused = len(heard.answers), len(heard.refused)
        struck = len(self.cast.struck)
        calls, errors = heard.calls, heard.errors.total()
        self.bugs_before = heard.bugs
        try:
            await self._play()
        except Exception as error:  # noqa: BLE001 whatever it is, it is found
            self._broke(error)
        return Round(
            number=self.brief.number,
            seconds=round(perf_counter() - began, 1),
            kills=self.kills,
            struck=dict(Counter(each.name for each in self.cast.struck[struck:])),
            payments=len(self.fresh),
            statuses=dict(Counter(str(row.biz_status) for row in self.fresh)),
            converted=sum(row.converted_at is not None for row in self.fresh),
            answers=len(heard.answers) - answered,
            repeated=self.repeated,
            calls=heard.calls - calls,
            errors=heard.errors.total() - errors,
            insisted=self.insisted,
            refused=refusals.counted(heard.refused[refused:]),
            quiet_s=round(self.quiet_s, 1),
            cases=dict(Counter(case.kind for case in self.cases)),
            logged=dict(logs.counted(self.logged)),
            differences=self.differences,
            lost=self.lost,
            trial_balance=self.trial_balance,
        )

    async def _play(self) -> None:
        answered = len(self.cast.heard.answers)
        await self._load()
        self.brief.progress(0, "quiet")
        async with self._desk() as desk:
            await self._settle(desk)
            await self._insist()
            await self._repeat(self.cast.heard.answers[answered:])
            await self._settle(desk)
            # Who ended by himself in quiet is counted too: this round may be the last.
            await self.cast.parts.calm()
            self.brief.progress(0, "comparing")
            facts = await self._facts(desk)
            self._look_round(facts)
            found = [*compare(facts), *await self._audited()]
            self._judge(facts, found)
            await self._tell(desk, facts)

    def _look_round(self, facts: Facts) -> None:
        """What is of this round: its orders, their cases, and what was logged."""
        known = self.cast.known
        self.fresh = [r for r in facts.ours.payments if r.pay_order_no not in known]
        numbers = {row.pay_order_no for row in self.fresh}
        known |= numbers
        self.cases = [c for c in facts.ours.cases if c.pay_order_no in numbers]
        self._read_logs()

    def _read_logs(self) -> None:
        self.logged += self.cast.logs.fresh(self._log_files())

    def _log_files(self) -> list[Path]:
        parts = self.cast.parts
        return [log_of(parts.on.data, place.number) for place in parts.places]

    def _broke(self, error: Exception) -> None:
        """A round that does not come to its end is a finding, and stays one. What it
        left is kept: here is what it came to, and `run.py` lets its folder stand.
        """
        with suppress(OSError):
            self._read_logs()
        found = self._unasked()
        where = self.cast.parts.on.data
        found.append(broke(f"{error!r}; what it left is kept in {where}"))
        self.differences += [each for each in found if each not in self.differences]
        text = "".join(traceback.format_exception(error))
        folder = self._story_folder()
        (folder / "broke.txt").write_text(text, encoding="utf-8")
        self.brief.tell(
            f"=== round {self.brief.number} broke\n{found[-1].what}\n{text}"
        )
        self._keep_logs(folder)

    # --- load and kills ---------------------------------------------------------------

    async def _load(self) -> None:
        """Payers pay while there is killed; then each finishes what he began."""
        cast, url = self.cast, self.cast.parts.on.sandbox.info.control
        phones = Phones(cast.parts.on.data / "sandbox")
        stop = asyncio.Event()
        await strangers.misbehave(url)
        try:
            async with asyncio.timeout(None) as bound, asyncio.TaskGroup() as group:
                for number, purse in enumerate(cast.purses):
                    payer = self._payer(number, purse, phones, stop)
                    group.create_task(payer.pay_on(ORDERS_A_PAYER))
                await self._strike()
                await cast.parts.calm()
                await asyncio.sleep(SURVIVORS_S)
                await strangers.behave(url)
                stop.set()
                bound.reschedule(asyncio.get_running_loop().time() + ENDS_WITHIN_S)
        finally:
            phones.close()

    def _payer(
        self, number: int, purse: Purse, phones: Phones, stop: asyncio.Event
    ) -> Payer:
        dice = self.brief.dice(f"payer {number}")
        return Payer(
            purse=purse,
            line=self._line(f"line {number}"),
            phones=phones,
            wallet=self.cast.wallets[purse.api_key],
            dice=dice,
            stop=stop,
        )

    def _line(self, about: str) -> Line:
        balancer, heard = self.cast.parts.balancer, self.cast.heard
        return Line(balancer=balancer, heard=heard, dice=self.brief.dice(about))

    async def _strike(self) -> None:
        """Until so many were killed."""
        dice, striker = self.brief.dice("strikes"), Striker(parts=self.cast.parts)
        striker.struck = self.cast.struck
        await asyncio.sleep(WARM_UP_S)
        try:
            async with asyncio.timeout(SECONDS_A_KILL * (self.brief.kills + 2)):
                while self.kills < self.brief.kills:
                    strike = draw(dice)
                    await asyncio.sleep(strike.gap_s)
                    killed = await striker.strike(strike)
                    self.kills += killed
                    self.brief.progress(killed, strike.name)
        finally:
            await striker.end()

    # --- quiet ------------------------------------------------------------------------

    @asynccontextmanager
    async def _desk(self) -> AsyncIterator[_Desk]:
        place = self.cast.parts.places[0]
        settings = msgspec.structs.replace(
            place.settings, role="api", node_name="desk", port=0
        )
        app = await apps.start(settings, self.cast.parts.on.cluster.dsn)
        try:
            yield _Desk(node=app.node, pool=app.pool)
        finally:
            await apps.stop(app)

    async def _settle(self, desk: _Desk) -> None:
        """Until nothing is open any more; what still is then, the comparing finds."""
        line, began = self._line("closing"), perf_counter()
        while (await queries.unsettled(desk.pool)).any:
            if perf_counter() > began + QUIET_WITHIN_S:
                break
            now = desk.node.now()
            forsaken = await queries.forsaken(desk.pool, now + EXPIRES_SOON)
            await _some_at_once([self._close(line, *each) for each in forsaken])
            late = await queries.put_off(desk.pool, now + TRIED_SOON)
            for no, notice_id in [*late, *await self._parked(desk)]:
                with suppress(Refusal):  # it is on its way just now
                    await notify.replay(desk.node, PayOrderNo(no), notice_id)
            await asyncio.sleep(POLL_S)
        self.quiet_s = max(self.quiet_s, perf_counter() - began)

    async def _parked(self, desk: _Desk) -> list[tuple[str, str]]:
        """Notices that were parked: each is a difference, and is sent again all the
        same, so that it hides nothing else.
        """
        found = await queries.parked(desk.pool)
        for no, notice_id, result in found:
            what = f"{notice_id} after {result or 'nothing'}"
            parked = Difference(kind="notice_parked", pay_order_no=no, what=what)
            if parked not in self.differences:
                self.differences.append(parked)
        return [(no, notice_id) for no, notice_id, _ in found]

    async def _close(self, line: Line, pay_order_no: str, biz_line: str) -> None:
        with suppress(GivenUp):
            path = f"/v1/payments/{pay_order_no}/close"
            await line.post(self.cast.api_keys[biz_line], path)

    async def _insist(self) -> None:
        """Ask again what was given up: by now everybody answers. What is given up once
        more stays where it is, and is found there.
        """
        heard, line = self.cast.heard, self._line("insisting")
        calls, heard.given_up = heard.given_up, []
        await _some_at_once([self._once_more(line, call) for call in calls])
        self.insisted = len(calls)

    @staticmethod
    async def _once_more(line: Line, call: Call) -> None:
        with suppress(GivenUp):
            await line.insist(call)

    async def _repeat(self, answers: Sequence[Said]) -> None:
        """Ask again under the keys of this round: the same bytes, and no effect."""
        keyed = [said for said in answers if said.key is not None]
        dice = self.brief.dice("repeated")
        chosen = dice.sample(keyed, min(len(keyed), REPEATED_AT_MOST))
        line = self._line("repeating")
        await _some_at_once([self._again(line, said) for said in chosen])
        self.repeated = len(chosen)

    async def _again(self, line: Line, said: Said) -> None:
        for _ in range(REPEAT_TRIES):
            answer = await line.once(said.request)
            if answer is None:
                await asyncio.sleep(POLL_S)
                continue
            changed = repeated(said, answer.status, answer.body)
            if changed is not None:
                self.lost.append(changed)
            return
        unheard = repeated(said, 0, b"no answer at all")
        assert unheard is not None, "no answer is no status"
        self.lost.append(unheard)

    # --- comparing --------------------------------------------------------------------

    async def _facts(self, desk: _Desk) -> Facts:
        with Oracle(self.cast.parts.on.data / "sandbox") as oracle:
            theirs = Theirs(moves=oracle.moves(), came=oracle.came())
        return Facts(await queries.ours(desk.pool), theirs, self.cast.issued)

    async def _audited(self) -> list[Difference]:
        on = self.cast.parts.on
        return await auditing.audit(on.cluster.dsn, on.sandbox.info.control)

    def _judge(self, facts: Facts, found: list[Difference]) -> None:
        """What differs. What stands in rows stands there in the next round too, and is
        not found twice.
        """
        self.trial_balance = max(self.trial_balance, trial_balance(facts))
        found += refusals.differences(self.cast.heard, facts)
        self.cast.heard.given_up.clear()
        # An audit that was not answered says nothing of what stands.
        standing = [
            each
            for each in found
            if each.kind == auditing.UNANSWERED or self._new(repr(each))
        ]
        self.differences = [*self.differences, *standing, *self._unasked()]
        stale = lost(self.cast.heard.answers, facts)
        self.lost += [each for each in stale if self._new(repr(each))]

    def _unasked(self) -> list[Difference]:
        """What is wrong with this round by no row: it counts whenever it happens, and
        was not told of before, though it may be said in the same words.
        """
        parts, heard, found = self.cast.parts, self.cast.heard, list[Difference]()
        for one in parts.died_alone:
            what = f"nobody had killed it: {one}"
            found.append(Difference(kind="died_alone", pay_order_no=None, what=what))
        parts.died_alone = []
        if heard.bugs > self.bugs_before:
            what = f"{heard.bugs - self.bugs_before} answers of 5xx that are no 503"
            found.append(Difference(kind="answered_5xx", pay_order_no=None, what=what))
            self.bugs_before = heard.bugs
        found += [
            Difference(kind="unseen", pay_order_no=None, what=where)
            for where in heard.unseen
        ]
        heard.unseen.clear()
        return [*found, *logs.bugs(self.logged)]

    def _new(self, what: str) -> bool:
        if what in self.cast.told:
            return False
        self.cast.told.add(what)
        return True

    async def _tell(self, desk: _Desk, facts: Facts) -> None:
        """The stories of what differs: on standard error, and on disk."""
        if not (self.differences or self.lost):
            return
        witnesses = Witnesses(
            node=desk.node,
            pool=desk.pool,
            theirs=facts.theirs,
            answers=self.cast.heard.answers,
            struck=self.cast.struck,
        )
        folder = self._story_folder()
        about: list[Difference | Lost] = [*self.differences, *self.lost]
        numbers = dict.fromkeys(each.pay_order_no for each in about)
        for number, no in enumerate(numbers):
            reasons = [f"{e.kind}: {e.what}" for e in about if e.pay_order_no == no]
            head = "\n".join((f"=== {no or 'no one payment'}", *reasons))
            text = f"{head}\n{await story(witnesses, no) if no else ''}\n"
            (folder / f"{no or 'books'}.txt").write_text(text, encoding="utf-8")
            if number < STORIES:
                self.brief.tell(text)
        self._keep_logs(folder)

    def _story_folder(self) -> Path:
        folder = self.brief.stories / f"round-{self.brief.number:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _keep_logs(self, folder: Path) -> None:
        for log in self._log_files():
            shutil.copy(log, folder / log.name)


async def _some_at_once(work: Sequence[Coroutine[object, object, None]]) -> None:
    """All of it, a few at a time."""
    left = iter(work)

    async def hand() -> None:
        for each in left:
            await each

    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, len(work))):
            group.create_task(hand())

"""An event loop of virtual time, under a seeded scheduler.

Nothing waits: where nobody can run, time goes on to the next thing that is due. Where
several can run at once, chance says who does, drawn from the seed; so does every await
at which production code gives way. The same seed gives the same run.

Whose code runs is known: what a machine starts runs in a context that names it, and so
does everything that this starts. A machine that is paused keeps what it would run until
it wakes; of one that was killed nothing runs any more, no `finally` either.
"""

import asyncio
import heapq
import random
from asyncio import events
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from enum import Enum, auto
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Power(Enum):
    """Whether a machine runs."""

    ON = auto()
    PAUSED = auto()
    DEAD = auto()


class Machine:
    """One life of one process: from its start to its end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.power = Power.ON
        self.held: list[Handle] = []
        """What it would have run while it was paused, or since it is dead: that is run
        only to end its tasks, when nothing has an effect any more."""
        self.tasks: set[asyncio.Task[Any]] = set()
        self.epochs: set[int] = set()
        """The epochs that it had: a node that was thought dead begins a new one."""


HOME: ContextVar[Machine | None] = ContextVar("HOME", default=None)
"""The machine whose code runs; None: the world's own."""


class Handle:
    """A call that is to be made; what asyncio expects of one."""

    __slots__ = ("args", "callback", "context", "when")

    def __init__(
        self,
        callback: Callable[..., object] | None,
        args: tuple[object, ...],
        context: Context,
        when: float,
    ) -> None:
        self.callback, self.args = callback, args
        self.context = context
        self.when = when

    def cancel(self) -> None:
        """Make it come to nothing."""
        self.callback, self.args = None, ()

    def cancelled(self) -> bool:
        """Whether it will come to nothing."""
        return self.callback is None

    def __lt__(self, other: "Handle") -> bool:
        return self.when < other.when


class Stuck(Exception):
    """Nobody can run, and nothing is due: somebody waits for what never comes."""


class VirtualLoop:
    """The loop, as far as asyncio asks for one: it has no files, sockets or signals.

    `time()` is in seconds since the run began.
    """

    def __init__(self, rng: random.Random) -> None:
        self._random = rng.random
        self._now = 0.0
        self._ready: list[Handle] = []
        self._timers: list[tuple[float, int, Handle]] = []
        self._serial = 0
        self._closed = False
        self.steps = 0
        # asyncio's own type asks for all that a loop of sockets has.
        self._asyncio = cast("asyncio.AbstractEventLoop", self)
        self.broken: list[BaseException | str] = []
        """What was raised where nobody could catch it."""

    # --- what asyncio asks of a loop ------------------------------------------------

    def time(self) -> float:
        """The virtual time."""
        return self._now

    def call_soon(
        self,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> Handle:
        """Have something run at this very time."""
        handle = Handle(
            callback,
            args,
            copy_context() if context is None else context,
            self._now,
        )
        self._ready.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> Handle:
        """Have something run at a later time."""
        handle = Handle(
            callback, args, copy_context() if context is None else context, when
        )
        self._serial += 1
        heapq.heappush(self._timers, (when, self._serial, handle))
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> Handle:
        """Have something run after a while."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> "asyncio.Future[Any]":
        """A future of this loop."""
        return asyncio.Future(loop=self._asyncio)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> "asyncio.Task[T]":
        """A task of this loop; its machine can find it again."""
        task = asyncio.Task(coro, loop=self._asyncio, name="", context=context)
        home = HOME.get() if context is None else context.get(HOME)
        if home is not None:
            home.tasks.add(task)
            task.add_done_callback(home.tasks.discard)
        return task

    def get_debug(self) -> bool:
        """Never: a debugging loop measures real time."""
        return False

    def is_running(self) -> bool:
        """As long as it is not closed."""
        return not self._closed

    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught: the run has failed."""
        self.broken.append(context.get("exception") or context["message"])

    # --- running --------------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until `main` is done; everything else goes on only as long."""
        events._set_running_loop(self._asyncio)  # noqa: SLF001 what asyncio.run does too
        try:
            task: asyncio.Task[T] = asyncio.Task(main, loop=self._asyncio)
            ready, chance, run = self._ready, self._random, self._run
            done = task.done
            while not done():
                self.steps += 1
                waiting = len(ready)
                if not waiting:
                    self._go_on()
                elif waiting == 1:
                    run(ready.pop())
                else:
                    # One of them, at random: the last takes its place.
                    at = int(chance() * waiting)
                    handle = ready[at]
                    ready[at] = ready[-1]
                    ready.pop()
                    run(handle)
            return task.result()
        finally:
            events._set_running_loop(None)  # noqa: SLF001 the same

    def end(self, machines: list[Machine]) -> None:
        """Let go of every task that was left; of machines nothing has an effect."""
        events._set_running_loop(self._asyncio)  # noqa: SLF001 the same
        try:
            self._timers.clear()
            for _ in range(8):
                left = [task for machine in machines for task in machine.tasks]
                for machine in machines:
                    machine.power = Power.ON
                    self._ready.extend(machine.held)
                    machine.held = []
                for task in left:
                    task.cancel()
                while self._ready:
                    self._run(self._ready.pop())
                self._timers.clear()
                if not left:
                    break
        finally:
            self._closed = True
            events._set_running_loop(None)  # noqa: SLF001 the same

    def _go_on(self) -> None:
        """Go on to the next time at which somebody can run."""
        timers = self._timers
        while timers:
            when, _, handle = heapq.heappop(timers)
            if handle.callback is None:
                continue
            self._now = max(self._now, when)
            self._ready.append(handle)
            while timers and timers[0][0] <= self._now:
                self._ready.append(heapq.heappop(timers)[2])
            return
        raise Stuck

    def _run(self, handle: Handle) -> None:
        callback = handle.callback
        if callback is None:
            return
        context = handle.context
        home = context.get(HOME)
        if home is not None and home.power is not Power.ON:
            home.held.append(handle)
            return
        try:
            context.run(callback, *handle.args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 it is the run that has failed
            self.broken.append(error)

    # --- machines -------------------------------------------------------------------

    def context_of(self, machine: Machine | None) -> Context:
        """A context in which what runs is a machine's own, or the world's."""
        context = copy_context()
        context.run(HOME.set, machine)
        return context

    def pause(self, machine: Machine) -> None:
        """Stop it where it stands."""
        machine.power = Power.PAUSED

    def wake(self, machine: Machine) -> None:
        """Let it go on: it does not know that it stood still."""
        if machine.power is Power.PAUSED:
            machine.power = Power.ON
            self._ready.extend(machine.held)
            machine.held = []

    def kill(self, machine: Machine) -> None:
        """Nothing of it runs any more."""
        machine.power = Power.DEAD

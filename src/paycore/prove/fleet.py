"""Many runs over all cores: each in a process of its own kind, none knows the others.

The processes are started anew and not forked, with one order of hashing: what a set of
texts is walked in is part of what a seed must decide.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process

from paycore.prove.plan import Plan
from paycore.prove.run import Outcome, begin_process, run

HASHING = "PYTHONHASHSEED"

RUNS_A_PROCESS = 500
"""Then another takes its place: what a long life collects is nobody's business."""

AHEAD = 4
"""Runs that wait for each process, so that none waits for us."""


@contextmanager
def fleet(processes: int | None = None) -> "Iterator[ProcessPoolExecutor]":
    """Processes to make runs in: as many as there are cores."""
    before = os.environ.get(HASHING)
    os.environ[HASHING] = "0"
    pool = ProcessPoolExecutor(
        processes or os.cpu_count() or 1,
        mp_context=get_context("spawn"),
        initializer=_begin,
        max_tasks_per_child=RUNS_A_PROCESS,
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        if before is None:
            del os.environ[HASHING]
        else:
            os.environ[HASHING] = before


def _begin() -> None:
    begin_process()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Who is killed takes nobody with him: his processes would wait for ever."""
    parent = parent_process()
    assert parent is not None, "a fleet's process has one"
    parent.join()
    os._exit(1)


def outcomes(pool: ProcessPoolExecutor, plans: Iterable[Plan]) -> Iterator[Outcome]:
    """What each came to, as they end."""
    coming = iter(plans)
    most = AHEAD * (os.cpu_count() or 1)
    under_way: set[Future[Outcome]] = {
        pool.submit(run, plan) for plan in islice(coming, most)
    }
    while under_way:
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for plan in islice(coming, len(done)):
            under_way.add(pool.submit(run, plan))
        for future in done:
            yield future.result()

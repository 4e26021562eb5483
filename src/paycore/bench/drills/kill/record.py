"""The rounds on record: a file of JSON lines, so that an interrupted run goes on.

The first line is the run's, each other line a whole round's. A round counts when its
line is on disk; one that was interrupted is made again, from the same dice.
"""

import fcntl
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Self

import msgspec

import paycore
from paycore.bench.drills.kill.answers import Lost
from paycore.bench.drills.kill.compare import Difference
from paycore.kernel.errors import Misconfigured

ROUND_BROKE = "round_broke"
"""The kind of difference that a round is found with that does not come to its end."""


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """The run: what all its dice are thrown from, and what else must stay the same."""

    seed: int
    payers: int
    code: str
    """A digest of it: what other code came to is nothing to go on from."""


class Round(msgspec.Struct, frozen=True, kw_only=True, tag="round"):
    """What one round came to."""

    number: int
    seconds: float
    kills: int
    struck: dict[str, int]
    """What happened, by its name."""
    payments: int
    statuses: dict[str, int]
    converted: int
    answers: int
    """Answers that were acknowledged, and compared."""
    repeated: int
    """Of these, those that were asked for again under their key."""
    calls: int
    errors: int
    """Calls that broke or were answered 5xx."""
    insisted: int
    """Calls that their callers gave up, and that were asked again in quiet."""
    refused: dict[str, int]
    """Answers of 4xx, by their call and code."""
    quiet_s: float
    """From the end of the load until nothing was open any more."""
    cases: dict[str, int]
    logged: dict[str, int]
    """Lines of level error in the nodes' logs, by their event."""
    differences: list[Difference]
    lost: list[Lost]
    trial_balance: int = 0
    """Debits less credits of all entries, over all currencies, as they stood then."""

    @property
    def holds(self) -> bool:
        """Whether all is as it must be."""
        return not self.differences and not self.lost

    @property
    def broke(self) -> bool:
        """Whether it did not come to its end."""
        return any(each.kind == ROUND_BROKE for each in self.differences)


def empty(number: int) -> Round:
    """A round in which nothing happened."""
    return Round(
        number=number,
        seconds=0.0,
        kills=0,
        struck={},
        payments=0,
        statuses={},
        converted=0,
        answers=0,
        repeated=0,
        calls=0,
        errors=0,
        insisted=0,
        refused={},
        quiet_s=0.0,
        cases={},
        logged={},
        differences=[],
        lost=[],
    )


def broken(number: int, why: str) -> Round:
    """A round of which nothing is known but that it did not come to its end."""
    return msgspec.structs.replace(empty(number), differences=[broke(why)])


def broke(why: str) -> Difference:
    """What is wrong with such a round."""
    return Difference(kind=ROUND_BROKE, pay_order_no=None, what=why)


def code() -> str:
    """A digest of this very code, SQL included."""
    digest = hashlib.sha256()
    folder = Path(paycore.__path__[0])
    for file in sorted((*folder.rglob("*.py"), *folder.rglob("*.sql"))):
        digest.update(f"{file.relative_to(folder)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _refuse_another(path: Path, begun: Begun, payers: int) -> None:
    if begun.code != code():
        raise Misconfigured(
            f"{path} is of other code: begin a new run, without --resume, "
            "or go back to that code"
        )
    if begun.payers != payers:
        raise Misconfigured(
            f"{path} was begun with {begun.payers} payers: "
            f"go on with --payers {begun.payers}"
        )


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody else appends to the record meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured(
                f"another run appends to {path}: wait for it, or take another --state"
            ) from None
        yield


_LINE = msgspec.json.Decoder(Begun | Round)


class Record:
    """The file, and what is in it. Make it with `begin` or `resume`."""

    def __init__(self, path: Path, seed: int, rounds: list[Round]) -> None:
        self.path = path
        self.seed = seed
        self.rounds = rounds

    @classmethod
    def begin(cls, path: Path, seed: int, *, payers: int) -> Self:
        """A new run; the file of an earlier one is kept beside it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.rename(path.with_name(f"{path.name}.before"))
        record = cls(path, seed, [])
        record._append(Begun(seed=seed, payers=payers, code=code()))
        return record

    @classmethod
    def resume(cls, path: Path, *, payers: int) -> Self:
        """Go on with a run, after its last whole round; with the same code and payers,
        or it would be no one run.
        """
        try:
            lines = path.read_bytes().splitlines(keepends=True)
        except OSError as error:
            raise Misconfigured(f"{path} cannot be read: there is no run") from error
        whole = [line for line in lines if line.endswith(b"\n")]
        try:
            found = [_LINE.decode(line) for line in whole]
        except msgspec.DecodeError as error:
            raise Misconfigured(f"{path} is no record of kills") from error
        if not found or not isinstance(found[0], Begun):
            raise Misconfigured(f"{path} is no record of kills")
        _refuse_another(path, found[0], payers)
        # A line that was being written when all ended is nobody's.
        os.truncate(path, sum(map(len, whole)))
        rounds = [line for line in found if isinstance(line, Round)]
        return cls(path, found[0].seed, rounds)

    def add(self, done: Round) -> None:
        """A round is over: from now on it counts."""
        self._append(done)
        self.rounds.append(done)

    def _append(self, line: Begun | Round) -> None:
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    # --- what it comes to -------------------------------------------------------------

    @property
    def next_number(self) -> int:
        """The number of the round to come."""
        return len(self.rounds) + 1

    def dice(self, about: str) -> Random:
        """The dice of the round to come: the same whenever it is made."""
        return Random(f"{self.seed}/{self.next_number}/{about}")

    @property
    def kills(self) -> int:
        """Kill -9s so far."""
        return sum(each.kills for each in self.rounds)

    @property
    def differences(self) -> int:
        """Differences so far."""
        return sum(len(each.differences) for each in self.rounds)

    @property
    def lost(self) -> int:
        """Answers so far that are true no more."""
        return sum(len(each.lost) for each in self.rounds)

    @property
    def telling(self) -> bool:
        """Whether it says anything: payments succeeded, and some converted."""
        statuses = self.total("statuses")
        return statuses.get("SUCCESS", 0) > 0 and self.sum("converted") > 0

    @property
    def holds(self) -> bool:
        """Whether all is as it must be, and there was anything that could be."""
        return self.telling and all(each.holds for each in self.rounds)

    def total(self, name: str) -> Mapping[str, int]:
        """One of the rounds' counts by name, summed."""
        counts = Counter[str]()
        for each in self.rounds:
            counts.update(getattr(each, name))
        return dict(sorted(counts.items()))

    def sum(self, name: str) -> int:
        """One of the rounds' numbers, summed."""
        total: float = sum(getattr(each, name) for each in self.rounds)
        return round(total)

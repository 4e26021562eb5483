"""What the nodes' logs say: their errors are counted, and what is a bug is judged.

A loop of a node outlives a bug in one of its turns, and a caller who has gone hears of
no 500: such a thing stands in the log, and nowhere else.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from paycore.bench.drills.kill.compare import Difference

BUGS = frozenset(
    {
        "agreement_look_failed",
        "answer_not_written",
        "beat_failed",
        "channel_broke",
        "job_failed",
        "look_failed",
        "loop_failed",
        "notice_delivery_broke",
        "passage_failed",
        "request_failed",
    }
)
"""Events that only a bug of ours makes. The simulator has the same, which may not be
imported here, and hears of the last by other ways: a test compares them."""

_WORDS = 300


class Line(msgspec.Struct, frozen=True):
    """A line of a node's log, as far as it is read."""

    event: str = ""
    level: str = ""
    loop: str = ""
    call: str | None = None
    pay_order_no: str | None = None
    exception: str = ""

    @property
    def name(self) -> str:
        """How it is counted."""
        return f"{self.event} {self.loop}".strip()


@dataclass(slots=True, kw_only=True)
class Logs:
    """The logs of some nodes, each read from where it was read last."""

    _read: dict[Path, int] = field(default_factory=dict)

    def fresh(self, files: Iterable[Path]) -> list[Line]:
        """Lines of level error that are new."""
        found: list[Line] = []
        for file in files:
            with file.open("rb") as log:
                log.seek(self._read.get(file, 0))
                for line in log:
                    found += error_in(line)
                self._read[file] = log.tell()
        return found


def error_in(line: bytes) -> list[Line]:
    """The line, if it is of level error; what is no JSON is no event of ours."""
    try:
        said = msgspec.json.decode(line, type=Line)
    except msgspec.DecodeError:
        return [Line("Traceback")] if line.startswith(b"Traceback") else []
    return [said] if said.level in ("error", "critical") else []


def counted(lines: Iterable[Line]) -> Mapping[str, int]:
    """How often each error was logged."""
    return dict(Counter(line.name for line in lines))


def bugs(lines: Iterable[Line]) -> Iterator[Difference]:
    """What only a bug of ours logs: the same one of the same payment once."""
    found: dict[tuple[str, str | None, str], int] = {}
    for line in lines:
        if line.event in BUGS:
            words = (line.exception.strip().splitlines() or [""])[-1][:_WORDS]
            about = f"{line.name} {line.call or ''}".strip()
            name = (f"{about}: {words}", line.pay_order_no, line.event)
            found[name] = found.get(name, 0) + 1
    for (what, no, event), times in found.items():
        said = f"{what}, {times} times in the log"
        yield Difference(kind=f"logged_{event}", pay_order_no=no, what=said)

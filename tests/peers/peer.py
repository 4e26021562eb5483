"""A peer in a process of its own: a line of JSON in is a call, a line out its answer.

Nothing of a peer is imported here: some state no licence, or one that does not suit a
payment core.
"""

import json
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Self

HERE = Path(__file__).parent
CLIENTS = HERE / "clients"
ANSWERS_WITHIN_S = 60.0


class CannotRun(Exception):
    """A peer is not there, or does not start; the text says why."""


class PeerBroke(Exception):
    """A peer that ran has ended, says nothing, or raised where it should not."""


class Peer:
    """A process that answers line by line, once it has said that it runs (`started`).

    Raises `CannotRun` where it does not.
    """

    def __init__(self, command: Sequence[str | Path]) -> None:
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._errors: list[bytes] = []
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            self.started = self.line()["said"]
        except PeerBroke as error:
            self.__exit__()
            raise CannotRun(str(error)) from error

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._errors = [*self._errors[-4:], line]

    def line(self) -> Any:
        """The next line that it says."""
        try:
            said = self._lines.get(timeout=ANSWERS_WITHIN_S)
        except Empty:
            raise PeerBroke("the peer says nothing") from None
        if not said:
            self._threads[1].join(1)
            why = b"".join(self._errors[-1:]).decode("utf-8", "replace").strip()
            raise PeerBroke(f"the peer has ended: {why}")
        return json.loads(said)

    def tell(self, do: str, **given: object) -> None:
        """Say something to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **given}).encode() + b"\n")
        self._process.stdin.flush()

    def ask(self, do: str, **given: object) -> dict[str, Any]:
        """A call: `said`, what its library made of the answer; or `raised`."""
        self.tell(do, **given)
        answer: dict[str, Any] = self.line()
        return answer

    def said(self, do: str, **given: object) -> Any:
        """A call that raises nothing."""
        answer = self.ask(do, **given)
        if "raised" in answer:
            raise PeerBroke(f"{do}: {answer['raised']}: {answer['text']}")
        return answer["said"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(1)
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


def client(python: Path, name: str) -> Peer:
    """A library's client, by the interpreter that has it."""
    return Peer([python, "-u", CLIENTS / f"{name}.py"])

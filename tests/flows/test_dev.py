"""`paycore dev` and `paycore serve` as processes: started, stopped and killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest
from stack import key

from paycore.dev.processes import environ_of
from paycore.kernel.config import Settings
from paycore.kernel.postgres import Cluster, fresh_folder

PROMISED = {
    "api",
    "sandbox",
    "console",
    "docs",
    "api_key",
    "biz_line",
    "card_id",
    "coupon_no",
    "phone",
    "console_operators",
    "checkout",
}
READY_S = 120
GONE_S = 60


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """One folder for all starts of this module: the second one is the point."""
    folder = fresh_folder("paycore-dev-")
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def dev(data: Path, *more: str):
    """`paycore dev --json` on a folder: the process, and what it printed."""
    command = [sys.executable, "-m", "paycore", "dev", "--port", "0", "--json"]
    command += ["--sandbox-port", "0", "--data", str(data), *more]
    environ = {**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ
    ) as process:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def left_of(data: Path) -> list[str]:
    """Processes that have the folder on their command line."""
    listed = subprocess.run(
        ["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True
    ).stdout
    return [line for line in listed.splitlines() if str(data) in line]


def gone(data: Path) -> bool:
    """Whether all of them end soon."""
    deadline = time.monotonic() + GONE_S
    while left_of(data) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not left_of(data)


def pay(said, *, coupon_no=None):
    """One payment with what was printed; the order at its end, and its charges."""
    with httpx.Client(
        base_url=said["api"],
        headers={"Authorization": f"Bearer {said['api_key']}"},
        timeout=READY_S,
    ) as api:
        body = {
            "out_biz_no": key()["Idempotency-Key"],
            "amount": 1250,
            "currency": "CNY",
            "card_id": said["card_id"],
            "subject": "Tea",
            **({"coupon_no": coupon_no} if coupon_no else {}),
        }
        opened = api.post("/v1/quick-payments", json=body, headers=key())
        assert 201 == opened.status_code, opened.text
        no = opened.json()["pay_order_no"]
        phone = {"phone": said["phone"]}
        texts = _heard(said, "sms", phone)
        code = {"sms_verify_code": texts[-1]["code"]}
        api.post(f"/v1/quick-payments/{no}/confirm", json=code, headers=key())
        deadline = time.monotonic() + READY_S
        while (order := api.get(f"/v1/payments/{no}").json())["biz_status"] == "DOING":
            assert time.monotonic() < deadline, order
            time.sleep(0.1)
        return order, _heard(said, "charges", {"pay_order_no": no})


def _heard(said, what: str, about: dict[str, str]):
    """What the sandbox has of it."""
    url = f"{said['sandbox']}/control/{what}"
    return httpx.get(url, params=about, timeout=READY_S).json()


def test_it_is_ready_when_it_says_so_and_ends_in_order(data):
    """The printed line is enough to pay, DATABASE_URL is not read, SIGTERM ends all."""
    with dev(data) as (process, said):
        page = httpx.get(said["checkout"], timeout=READY_S)
        order, charges = pay(said, coupon_no=said["coupon_no"])
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        code = process.wait(READY_S)

    assert set(said) >= PROMISED
    assert f"{said['api']}/console/" == said["console"]
    assert (200, True) == (page.status_code, "128.00" in page.text)
    people = [one["role"] for one in said["console_operators"]]
    assert ["viewer", "operator", "approver", "admin"] == people
    assert ("SUCCESS", [750]) == (order["biz_status"], [c["amount"] for c in charges])
    assert (0, b"") == (code, rest)
    assert gone(data)


def test_a_month_is_only_for_a_new_folder(data):
    """Where somebody has paid, nothing is added, and all is as it was."""
    with dev(data, "--history", "1000") as (process, said):
        found = httpx.get(
            f"{said['api']}/v1/payments",
            params={"limit": 100},
            headers={"Authorization": f"Bearer {said['api_key']}"},
            timeout=READY_S,
        )
        process.send_signal(signal.SIGTERM)
        process.wait(READY_S)

    assert 0 < len(found.json()["items"]) < 10
    assert gone(data)


@pytest.mark.long
def test_over_providers_own_gateways():
    """Quick by UnionPay and, where it cannot text, a code by Aliyun and a deduct by
    Huifu, which is the usual one: the line is the same, and whoever reads it pays the
    same way.
    """
    folder = fresh_folder("paycore-dev-")
    asked = ("--channels", "unionpay,huifu,stripe,aliyun")
    with dev(folder / "data", *asked) as (process, said):
        (mall,) = [one for one in said["lines"] if one["biz_line"] == "mall"]
        said.update(mall)
        quick = ended(*pay(said))
        broken = {"target": "bank.unionpay.send_code", "fault": "http_500"}
        url = f"{said['sandbox']}/control/faults"
        httpx.post(url, json=broken, timeout=READY_S).raise_for_status()
        rescued = ended(*pay(said))
        texts = _heard(said, "sms", {"phone": said["phone"]})
        process.send_signal(signal.SIGTERM)
        process.wait(READY_S)

    assert [("SUCCESS", "unionpay", 1250)] == quick
    assert [("SUCCESS", "huifu", 1250)] == rescued
    assert "aliyun" == texts[-1]["carrier"]
    assert gone(folder / "data")
    shutil.rmtree(folder)


def ended(order, charges):
    """How the order ended, and by whom the money was taken."""
    return [(order["biz_status"], one["bank"], one["amount"]) for one in charges]


def test_kill_9_leaves_nothing_and_a_second_start_finds_everything(data):
    """Children die with it; the next start has the same line and a key that works."""
    with dev(data) as (process, first):
        process.kill()
    with dev(data) as (_, second):
        order, charges = pay(second)

    assert (first["api_key"], first["card_id"]) == (
        second["api_key"],
        second["card_id"],
    )
    assert ("SUCCESS", 1) == (order["biz_status"], len(charges))
    assert gone(data)


def test_secrets_are_for_the_owner_only(data):
    """What was made once is kept with mode 0600."""
    assert 0o600 == (data / "dev.json").stat().st_mode & 0o777


def serve(*options: str, environ: dict[str, str]):
    """`paycore serve` that is expected not to start."""
    return subprocess.run(
        [sys.executable, "-m", "paycore", "serve", *options],
        env={"PATH": os.defpath, **environ},
        capture_output=True,
        text=True,
        timeout=READY_S,
        check=False,
    )


def test_serve_refuses_a_database_that_is_not_migrated(cluster: Cluster):
    """One clear line says what to do, and nothing is changed."""
    settings = environ_of(Settings.for_dev(port=0))
    environ = {**settings, "DATABASE_URL": cluster.dsn_of("postgres")}
    refused = serve(environ=environ)

    assert 1 == refused.returncode
    assert "paycore migrate" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_serve_refuses_missing_keys_by_name():
    """Without keys nothing starts, and the settings are named."""
    refused = serve(environ={"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"})

    assert 1 == refused.returncode
    assert "key_ring" in refused.stderr.lower()
    assert "Traceback" not in refused.stderr


def test_serve_refuses_a_database_that_is_not_there():
    """One clear line, without the password."""
    settings = environ_of(Settings.for_dev(port=0))
    url = "postgresql://x:hunter2@127.0.0.1:1/x"
    refused = serve(environ={**settings, "DATABASE_URL": url})

    assert 1 == refused.returncode
    assert "cannot be reached" in refused.stderr
    assert "hunter2" not in refused.stderr


def test_a_second_node_answers_for_the_first(stack):
    """Any node takes any request: opened at one, confirmed at the other."""
    stack.start_node()
    payer = stack.payer()
    no = payer.open().json()["pay_order_no"]
    confirmed = stack.client(node=-1).post(
        f"/v1/quick-payments/{no}/confirm",
        json={"sms_verify_code": payer.codes()[-1]},
        headers=key(),
    )

    assert "SUCCESS" == confirmed.json()["biz_status"]
    assert 1 == len(stack.charges(no))


def test_sigterm_lets_a_confirm_come_to_its_end(stack):
    """A node that is told to stop answers what it began, and charges once."""
    node = stack.start_node()
    payer = stack.payer(node=len(stack.nodes) - 1)
    no = payer.open().json()["pay_order_no"]
    stack.fault("bank.*.confirm", "slow:1")
    code = payer.codes()[-1]
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        confirming = pool.submit(payer.confirm, no, code)
        stack.has_struck()
        node.process.send_signal(signal.SIGTERM)
        confirmed = confirming.result()

    assert "SUCCESS" == confirmed.json()["biz_status"]
    assert 0 == node.process.wait(READY_S)
    assert time.monotonic() - began < 60
    assert 1 == len(stack.charges(no))
    stack.nodes.remove(node)
    node.stop()

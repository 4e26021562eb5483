"""The runner of `make peers` without its peers: what it counts, names and prints."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
NPM = json.loads((HERE / "npm" / "package.json").read_text(encoding="utf-8"))

CLIENTS = ("dg-sdk", "stripe", "aliyun", "tencent", "smpplib")


def of_this_folder(name: str) -> Any:
    """A module of the runner's, under a name that no other test's can have."""
    spec = importlib.util.spec_from_file_location(f"peers_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(HERE / "run.py"), *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300
    )


def pinned(file: str) -> dict[str, str]:
    """Names and versions of a file of requirements."""
    text = (HERE / file).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", text, re.MULTILINE))


def test_both_ends_are_compared():
    """A call is one disagreement for each end that means something else."""
    book = of_this_folder("book")
    page = book.Page(peer="some")
    page.call("good", answered=(1, 1), recorded=([], []))
    page.call("bad", answered=(("S", 100), ("S", 101)), recorded=([1], []))
    told = book.Book(pages=[page], not_run={"other": "it is not here"}).summed(1.25)

    assert {
        "peers": 1,
        "calls": 2,
        "disagreements": 2,
        "not_run": 1,
        "seconds": 1.2,
    } == told
    assert "some: bad, answered: ('S', 101) where ('S', 100) was due" in (
        page.disagreements
    )


def test_whom_it_cannot_have_it_names(tmp_path: Path):
    """Without the kits their peers are named with the reason; with none of them left
    nothing is shown, and the exit code says so.
    """
    ran = run("--python", str(tmp_path / "nowhere"), *CLIENTS, "localstripe")
    told = json.loads(ran.stdout.splitlines()[-1])

    assert 3 == ran.returncode, ran.stderr
    assert "nobody could be met" in ran.stderr
    assert (0, 0, 0, 6) == tuple(
        told[name] for name in ("peers", "calls", "disagreements", "not_run")
    )
    assert 6 == ran.stderr.count("not run: the environment of the kits is not install")


def test_a_kit_that_does_not_start_is_not_run():
    """An interpreter without a kit is a reason as well, and the kit is named."""
    ran = run("--python", sys.executable, "dg-sdk")
    told = json.loads(ran.stdout.splitlines()[-1])

    assert (3, 0, 1) == (ran.returncode, told["disagreements"], told["not_run"])
    assert "No module named 'dg_sdk'" in ran.stderr


def test_a_peer_that_nobody_knows_is_refused():
    """A wrong name is told those there are."""
    ran = run("stripy")

    assert 2 == ran.returncode
    assert "stripy is none of dg-sdk, stripe, aliyun" in ran.stderr


def test_its_keys_are_explained():
    """CONTRIBUTING.md has each key of the line of JSON, and no other."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.search(r"^\| `peers` \|(?:.*\n\| \|)*.*", text, re.MULTILINE)
    assert rows is not None
    named = [row.split("|")[2] for row in rows[0].splitlines()]
    book = of_this_folder("book").Book()

    assert set(book.summed(0)) == set(re.findall(r"`(\w+)`", " ".join(named)))


def test_the_lock_has_what_is_asked_for():
    """Each package is locked at the version that is asked for, by its hash."""
    asked, locked = pinned("requirements.in"), pinned("requirements.lock")
    text = (HERE / "requirements.lock").read_text(encoding="utf-8")
    parts = re.split(r"\n(?=[a-z0-9])", text)

    assert asked.items() <= locked.items()
    assert [] == [part for part in parts if "--hash=sha256:" not in part]


@pytest.mark.parametrize(
    ("name", "version"),
    [*pinned("requirements.in").items(), *NPM["dependencies"].items()],
)
def test_the_page_has_their_versions(name: str, version: str):
    """docs/peers.md names each package with the version that is pinned."""
    row = rf"^\| [a-z-]+ \| `{re.escape(name)}`(?: \(npm\))? \| {re.escape(version)} \|"

    assert re.search(row, PAGE, re.MULTILINE)


def test_nothing_of_ours_imports_a_kit():
    """They are processes: their licences are no business of paycore's."""
    kits = r"^\s*(?:import|from) (?:dg_sdk|stripe|alibabacloud\w*|tencentcloud|smpplib"
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "src").rglob("*.py")
        if re.search(rf"{kits}|localstripe)\b", path.read_text("utf-8"), re.MULTILINE)
    ]

    assert [] == found

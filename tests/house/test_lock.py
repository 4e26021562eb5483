"""What is installed is what was locked, and what was locked is what is declared."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALL, BENCH = "requirements.lock", "requirements-bench.lock"
DOCS = "requirements-docs.lock"


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def _locked(file: str) -> dict[str, str]:
    """Each locked package and its lines: the pin, then the hashes."""
    text = (ROOT / file).read_text(encoding="utf-8")
    parts = re.split(r"\n(?=[a-z0-9])", text)
    return {_name(part): part for part in parts if "==" in part}


def _pin(lines: str) -> str:
    """The name and the version, whatever system it is for."""
    return lines.split(maxsplit=1)[0]


def _declared(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table = project["project"]
    lists = (
        table["dependencies"],
        *(table["optional-dependencies"][extra] for extra in extras),
        project["build-system"]["requires"],
    )
    return {_name(requirement) for each in lists for requirement in each}


def test_all_that_is_declared_is_locked():
    """`make setup` installs everything, the build back end too: `make lock` if not."""
    assert set() == _declared("otel", "dev", "sm2") - _locked(ALL).keys()


@pytest.mark.parametrize(("extra", "lock"), [("bench", BENCH), ("docs", DOCS)])
def test_what_only_one_target_needs_is_locked_apart(extra, lock):
    """`make test` needs none of it, and both locks name the same versions."""
    everywhere, apart = _locked(ALL), _locked(lock)
    only = _declared(extra) - _declared()
    shared = everywhere.keys() & apart.keys()

    assert only <= apart.keys() - everywhere.keys()
    assert {name: _pin(everywhere[name]) for name in shared} == {
        name: _pin(apart[name]) for name in shared
    }


def test_every_extra_is_in_a_lock():
    """A new one is placed before it lands."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]

    assert {"otel", "dev", "bench", "docs", "sm2"} == extras.keys()


@pytest.mark.parametrize("lock", [ALL, BENCH, DOCS])
def test_all_that_is_locked_is_hashed(lock):
    """A package that was changed under the same version is not installed."""
    unhashed = [name for name, lines in _locked(lock).items() if "--hash=" not in lines]

    assert [] == unhashed

"""What is installed is what was locked, and what was locked is what is declared."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def _locked() -> dict[str, str]:
    """Each locked package and its lines: the pin, then the hashes."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    parts = re.split(r"\n(?=[a-z0-9])", text)
    return {_name(part): part for part in parts if "==" in part}


def _declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table = project["project"]
    lists = (
        table["dependencies"],
        *table["optional-dependencies"].values(),
        project["build-system"]["requires"],
    )
    return {_name(requirement) for each in lists for requirement in each}


def test_all_that_is_declared_is_locked():
    """`make setup` installs everything, the build back end too: `make lock` if not."""
    assert set() == _declared() - _locked().keys()


def test_all_that_is_locked_is_hashed():
    """A package that was changed under the same version is not installed."""
    unhashed = [name for name, lines in _locked().items() if "--hash=" not in lines]

    assert [] == unhashed

"""What is in the repository belongs to no machine: it runs wherever it is cloned."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Written so that this file does not match itself.
MACHINE_PATHS = re.compile(r"/(?:work|farm|root|home/[a-z]+)/[a-z]")
REGISTRIES = re.compile(
    r"pypi[.]org|pythonhosted[.]org|npmjs[.](?:org|com)|deb[.]debian[.]org"
)


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in _tracked()
        if path != Path(__file__) and path.is_file()
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), 1
        )
        if pattern.search(line)
    ]


def test_no_tracked_file_names_a_path_of_one_machine():
    """A path that exists on one machine only is a bug on every other."""
    assert [] == _lines_with(MACHINE_PATHS)


def test_no_tracked_file_names_a_package_registry():
    """Where packages come from is the installing machine's business."""
    assert [] == _lines_with(REGISTRIES)

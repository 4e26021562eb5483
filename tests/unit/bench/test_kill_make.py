"""`make kill` and `make explore` keep what a run came to, also where it failed."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

RUN = """#!/bin/sh
echo "a table"
{says}
exit {status}
"""
DRAW = """#!/bin/sh
echo "drew $*" >> drawn
grep "^{" >> drawn
exit 0
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
@pytest.mark.parametrize("target", ["kill", "explore"])
@pytest.mark.parametrize(
    ("says", "status", "drawn"),
    [
        (
            "echo '{\"holds\":true}'",
            0,
            ["drew tests/prove/page.py {0}", '{"holds":true}'],
        ),
        (
            "echo '{\"holds\":false}'",
            1,
            ["drew tests/prove/page.py {0}", '{"holds":false}'],
        ),
        ("", 3, ["drew tests/prove/page.py"]),
    ],
    ids=["holds", "fails", "breaks off"],
)
def test_the_results_of_a_run_are_stored(tmp_path: Path, target, says, status, drawn):
    """The page is drawn, with the run's figures where it has any, and the status is the
    run's own.
    """
    for name, text in (
        ("paycore", RUN.format(says=says, status=status)),
        ("python", DRAW),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    done = subprocess.run(
        ["make", "-f", str(ROOT / "Makefile"), f"BIN={tmp_path}", "STAMP=", target],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (status == 0) == (done.returncode == 0)
    if status:
        assert f"Error {status}" in done.stderr
    wanted = [line.replace("{0}", target) for line in drawn]
    assert wanted == [
        line.strip() for line in (tmp_path / "drawn").read_text().splitlines()
    ]

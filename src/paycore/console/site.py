"""The built console in memory: each file with its compressed ones, found by its name.

Only what lay in the folder when the node started is ever served, so no path leads out
of it. Whatever is not a file is an address of the page's own, and gets the page.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

FOLDER = Path(__file__).parent / "static"
INDEX = "index.html"
HASHED = "assets/"
"""What lies here has its content's hash in its name."""

MEDIA: Mapping[str, str] = MappingProxyType(
    {
        ".html": "text/html",
        ".js": "text/javascript",
        ".css": "text/css",
        ".svg": "image/svg+xml",
    }
)
CODINGS: Mapping[str, str] = MappingProxyType({"br": ".br", "gzip": ".gz"})
"""How a file may be sent, best first, and how the file that is sent so ends."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file as browsers get it."""

    media: str
    bodies: Mapping[str, bytes]
    """By content coding; plain under ""."""
    lasting: bool
    """Another content would have another name."""

    def best(self, accepted: str) -> tuple[str, bytes]:
        """The coding and the body for an Accept-Encoding."""
        takes = _takes(accepted)
        coding = next((c for c in CODINGS if c in takes and c in self.bodies), "")
        return coding, self.bodies[coding]


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What was built; empty where nothing was."""

    files: Mapping[str, File]

    def find(self, path: str) -> File | None:
        """The file of a path under /console/, else the page; None of what is not there.

        A file that is missing is no address of the page's: a script tag that got the
        page instead would say nothing of what is wrong.
        """
        name = path.strip("/")
        found = self.files.get(name)
        if found is not None or name.startswith(HASHED):
            return found
        return self.files.get(INDEX)


def built(folder: Path = FOLDER) -> Site:
    """Read all that was built."""
    if not (folder / INDEX).is_file():
        return Site(files={})
    return Site(
        files={
            path.relative_to(folder).as_posix(): _file(path, folder)
            for path in sorted(folder.rglob("*"))
            if path.suffix in MEDIA
        }
    )


def _file(path: Path, folder: Path) -> File:
    bodies = {"": path.read_bytes()}
    for coding, ending in CODINGS.items():
        squeezed = path.with_name(path.name + ending)
        if squeezed.is_file():
            bodies[coding] = squeezed.read_bytes()
    inside = path.relative_to(folder).as_posix()
    return File(
        media=MEDIA[path.suffix], bodies=bodies, lasting=inside.startswith(HASHED)
    )


def _takes(accepted: str) -> set[str]:
    """The codings that a client takes at all."""
    takes = set()
    for part in accepted.lower().split(","):
        coding, _, rest = part.partition(";")
        weight = rest.strip().removeprefix("q=")
        if not weight or weight.strip("0."):
            takes.add(coding.strip())
    return takes

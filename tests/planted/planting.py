"""Planted bugs: patches of the real code that the simulator must find.

A patch's header says in words what the bug is, then `breaks: I3` (which invariants it
breaks) and perhaps `faults: money_refused, closes` (which kinds of fault always take
part, so that what is rare is common). It is planted into a copy, never into the tree.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCE = ROOT / "src"

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@.*")


class Outgrown(Exception):
    """The code is no longer what a patch was made for: the bug is to be replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """One place in one file: what stands there, and what shall."""

    file: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One bug."""

    name: str
    what: str
    breaks: tuple[str, ...]
    faults: tuple[str, ...]
    hunks: tuple[Hunk, ...]

    @property
    def number(self) -> str:
        """What it is called on the command line."""
        return self.name.partition("-")[0]


def planted() -> list[Planted]:
    """All of them, in the order of their numbers."""
    return sorted(map(read, HERE.glob("[0-9]*-*.patch")), key=by_number)


def by_number(bug: "Planted | str") -> int:
    """The place of a bug, or of its name, among all."""
    name = bug if isinstance(bug, str) else bug.name
    return int(name.partition("-")[0])


def read(path: Path) -> Planted:
    """A bug from its patch."""
    head, marker, diff = path.read_text(encoding="utf-8").partition("--- a/")
    said = {"breaks": "", "faults": ""}
    words = []
    for line in head.splitlines():
        name, colon, value = line.partition(": ")
        if colon and name in said:
            said[name] = value
        else:
            words.append(line)
    return Planted(
        name=path.stem,
        what=" ".join(words).strip(),
        breaks=_list(said["breaks"]),
        faults=_list(said["faults"]),
        hunks=tuple(_hunks(marker + diff)),
    )


def _list(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _hunks(diff: str):
    """The places of a unified diff, in its order."""
    file, sides = "", None
    for line in diff.splitlines(keepends=True):
        if line.startswith("--- a/"):
            continue
        if line.startswith("+++ b/") or _HUNK.fullmatch(line.rstrip("\n")):
            if sides is not None:
                yield Hunk(file=file, before="".join(sides[0]), after="".join(sides[1]))
            sides = None if line.startswith("+++ b/") else ([], [])
            file = line[6:].strip() if sides is None else file
        elif sides is not None:
            if line[0] in " -":
                sides[0].append(line[1:])
            if line[0] in " +":
                sides[1].append(line[1:])
    if sides is not None:
        yield Hunk(file=file, before="".join(sides[0]), after="".join(sides[1]))


def copy_source(root: Path) -> None:
    """The code as it stands, where bugs may be planted in it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCE, root / "src", ignore=ignored)


def plant(bug: Planted, root: Path) -> None:
    """Put a bug into a copy; `Outgrown` where its place is not there exactly once."""
    for hunk in bug.hunks:
        path = root / hunk.file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if text.count(hunk.before) != 1:
            raise Outgrown(f"{bug.name}: its place in {hunk.file} is gone")
        path.write_text(text.replace(hunk.before, hunk.after), encoding="utf-8")

"""`paycore channel new`: a channel to begin with, its test and its recorded messages.

What is written is whole and passes its own test; the templates are in `skeleton/`. In
a checkout of paycore it becomes a file of the package, elsewhere a package of its own.
"""

import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from paycore.cli.command import AsJson, examples, group, say
from paycore.kernel.errors import BadRequest

CHANNELS = Path("src/paycore/gateway/channels")
"""Where channel files are in a checkout: by it one is known."""

LINE_MAX = 88

_CODE = re.compile(r"[a-z][a-z0-9_]{0,29}[a-z0-9]")

app = group("A channel of your own.")


@app.callback()
def _channel() -> None:
    """Make typer keep the group, though it has one command."""


@app.command(
    epilog=examples(
        "paycore channel new unionpay", "paycore channel new acme --package"
    )
)
def new(
    code: Annotated[
        str,
        typer.Argument(help="Its code: 2-31 of a-z 0-9 _, a letter first, no _ last."),
    ],
    *,
    package: Annotated[
        bool,
        typer.Option(
            "--package", help="An installable project, in a checkout of paycore too."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a small working channel, its test, and a folder for recorded messages.

    Nothing that is there is written over.
    """
    _refuse_unusable(code)
    inside = CHANNELS.is_dir() and not package
    draft = _in_checkout(code) if inside else _as_package(code)
    there = [str(path) for path in draft.files if path.exists()]
    if there:
        raise BadRequest(f"{there[0]} is there already; nothing was written.")
    for path, text in draft.files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise BadRequest(f"{path} cannot be written: {error.strerror}.") from error
    written = [str(path) for path in draft.files]
    lines = ["Written:", *written, "", "Next:", *draft.next]
    say(
        {"code": code, "files": written, "next": draft.next},
        "\n".join(lines),
        as_json=as_json,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """What is to be written, and what its author does then."""

    files: Mapping[Path, str]
    next: list[str]


def _refuse_unusable(code: str) -> None:
    """A code is the name of a file, a part of names, and what accounts refer to."""
    from paycore.gateway.registry import Registry

    if not _CODE.fullmatch(code) or keyword.iskeyword(code):
        raise BadRequest(
            "A channel's code is 2-31 of a-z 0-9 _, a letter first, no _ last, and no "
            "word of Python's."
        )
    if Registry().find(code) is not None:
        raise BadRequest("A channel has this code already: paycore channels drivers.")


def _in_checkout(code: str) -> _Draft:
    tests = Path("tests/channels")
    kind = _kind(code)
    words = {
        "folder": f' / "{code}"',
        "import_next": _import(f"paycore.gateway.channels.{code}", kind),
        "import_last": "",
    }
    source, test = CHANNELS / f"{code}.py", tests / f"test_{code}.py"
    recorded = tests / "recorded" / code
    return _Draft(
        files={
            source: _filled("channel.py", code),
            test: _filled("test.py", code, **words),
            **_recorded(recorded),
        },
        next=[
            f"make test TESTS={test}: it passes as it is",
            f"change {source} where it says CHANGE, and {recorded} with it",
            "subclass tests/channels/contract.py in the test",
            "make generate; make lint; docs/add-a-channel.md says more",
        ],
    )


def _as_package(code: str) -> _Draft:
    from paycore import __version__

    root = Path(f"paycore-channel-{code}")
    module = f"paycore_channel_{code}"
    major, minor = map(int, __version__.split(".")[:2])
    words = {
        "module": module,
        "folder": "",
        "import_next": "",
        "import_last": _import(module, _kind(code)),
        "from_version": f"{major}.{minor}",
        "below_version": f"{major}.{minor + 1}",
    }
    source = root / "src" / module / "__init__.py"
    return _Draft(
        files={
            root / "pyproject.toml": _filled("pyproject.toml", code, **words),
            root / "README.md": _filled("README.md", code, **words),
            source: _filled("channel.py", code),
            root / "tests" / f"test_{code}.py": _filled("test.py", code, **words),
            **_recorded(root / "tests" / "recorded"),
        },
        next=[
            f'cd {root}; pip install -e ".[dev]"; pytest: it passes as it is',
            f"change {source} where it says CHANGE, and tests/recorded with it",
            f"paycore channels drivers: it lists {code}",
        ],
    )


def _kind(code: str) -> str:
    """The class's name; one that ends so is none of what the file imports."""
    return "".join(word.capitalize() for word in code.split("_")) + "Channel"


def _import(module: str, name: str) -> str:
    """An import as the formatter has it, however long the names are."""
    line = f"from {module} import {name}"
    if len(line) > LINE_MAX:
        line = f"from {module} import (\n    {name},\n)"
    return f"{line}\n"


# --- templates ------------------------------------------------------------------------


def _filled(name: str, code: str, **words: str) -> str:
    """A template with its words filled in."""
    text = (_skeleton() / f"{name}.txt").read_text(encoding="utf-8")
    title = code.replace("_", " ").capitalize()
    return Template(text).substitute(
        {"code": code, "title": title, "kind": _kind(code), **words}
    )


def _recorded(folder: Path) -> Mapping[Path, str]:
    """The messages that the test replays: they are the same for any code."""
    return {folder / name: text for name, text in sorted(_messages())}


def _messages() -> Iterator[tuple[str, str]]:
    for file in (_skeleton() / "recorded").iterdir():
        yield file.name, file.read_text(encoding="utf-8")


def _skeleton() -> Traversable:
    return resources.files("paycore.cli") / "skeleton"

"""What other installed packages offer: classes named by their entry points.

A plug-in that is broken is refused, and with it the start of a node: one that went on
without it would have a channel fewer than its operators believe.
"""

import inspect
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from paycore.kernel.errors import Misconfigured

T = TypeVar("T")


def offered(group: str, kind: type[T]) -> Iterator[type[T]]:
    """Give the classes of a kind that are offered under a group.

    Raises `Misconfigured` naming the plug-in: it does not import, is none of the kind,
    or leaves out what every one declares.
    """
    for entry in entry_points(group=group):
        found = _loaded(entry)
        if not (inspect.isclass(found) and issubclass(found, kind)):
            raise _refused(entry, f"it names no class of {kind.__name__}")
        if lacks := sorted({*_undeclared(found, kind), *_abstract(found)}):
            raise _refused(entry, f"{found.__name__} lacks {', '.join(lacks)}")
        yield found


def _loaded(entry: EntryPoint) -> object:
    try:
        return entry.load()
    except (Exception, SystemExit) as error:  # whatever somebody else's file does
        # Its first line: what a file says when it breaks may be of any length.
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise _refused(entry, said) from error


def _undeclared(found: type, kind: type) -> Iterator[str]:
    """What the kind annotates and gives no value for, and this one does not either."""
    return (name for name in inspect.get_annotations(kind) if not hasattr(found, name))


def _abstract(found: type) -> frozenset[str]:
    names: frozenset[str] = getattr(found, "__abstractmethods__", frozenset())
    return names


def _refused(entry: EntryPoint, why: str) -> Misconfigured:
    package = entry.dist.name if entry.dist is not None else "?"
    return Misconfigured(
        f"the plug-in {entry.name!r} of {entry.group} ({entry.value}, in the package "
        f"{package}) cannot be used: {why}; mend it or uninstall the package"
    )

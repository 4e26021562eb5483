"""Finds the channel files: every module in channels/, and plug-ins elsewhere.

A plug-in is an entry point of the group `paycore.channels` that names a class.
Nobody registers anything: a channel is there because its file is.
"""

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module

from paycore.gateway import channels
from paycore.gateway.channel import Channel
from paycore.kernel.errors import Misconfigured
from paycore.kernel.plugins import offered

GROUP = "paycore.channels"


class Registry:
    """The channel files of one node by code (`AccountRow.driver`)."""

    def __init__(self) -> None:
        self._by_code: dict[str, Channel] = {}
        for found in (*shipped(), *_elsewhere()):
            if found.code in self._by_code:
                other = type(self._by_code[found.code])
                raise Misconfigured(
                    f"two channel files have the code {found.code!r}: "
                    f"{other.__module__} and {found.__module__}"
                )
            self._by_code[found.code] = found()

    def find(self, code: str) -> Channel | None:
        """The channel file with this code."""
        return self._by_code.get(code)

    def codes(self) -> list[str]:
        """All there are."""
        return sorted(self._by_code)


def shipped() -> Iterator[type[Channel]]:
    """The classes that the modules of channels/ define; no plug-in's."""
    for module in pkgutil.iter_modules(channels.__path__, channels.__name__ + "."):
        for member in vars(import_module(module.name)).values():
            if _is_channel(member) and member.__module__ == module.name:
                yield member


def _elsewhere() -> Iterator[type[Channel]]:
    """The classes that other installed packages offer."""
    # mypy asks for a concrete class where a kind of them is meant.
    return offered(GROUP, Channel)  # type: ignore[type-abstract]


def _is_channel(member: object) -> bool:
    return (
        inspect.isclass(member)
        and issubclass(member, Channel)
        and not inspect.isabstract(member)
    )

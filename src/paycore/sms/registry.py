"""Finds the carrier files, and opens the carriers that are set up.

Carrier files are the modules of `paycore.sms.carriers` and what other packages offer
under the entry point `paycore.carriers`. A node keeps what it found, and the carriers
as last read, in its own state: nothing is kept by this module.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from types import ModuleType

import msgspec

from paycore.kernel.errors import Misconfigured
from paycore.kernel.node import Node
from paycore.sms import carriers
from paycore.sms.carrier import Carrier, Line
from paycore.sms.rows import CarrierRow

ENTRY_POINT = "paycore.carriers"


def drivers() -> Mapping[str, Carrier]:
    """One instance of every carrier file's class, by its code."""
    found: dict[str, Carrier] = {}
    for kind in _classes():
        if kind.code in found:
            raise Misconfigured(f"two carrier files call themselves {kind.code!r}")
        found[kind.code] = kind()
    return found


@dataclass(slots=True)
class Carriers:
    """One node's carriers, as the last refresh found them."""

    lines: tuple[Line, ...] = ()
    """In the order in which they are tried."""
    loaded: bool = False
    _drivers: Mapping[str, Carrier] = field(default_factory=drivers)
    _opened: dict[tuple[str, int], Line] = field(default_factory=dict)

    def take(self, node: Node, rows: Iterable[CarrierRow]) -> None:
        """Have exactly these; what has not changed is not opened again."""
        lines = {
            (row.carrier, row.version): self._opened.get((row.carrier, row.version))
            or self._open(node, row)
            for row in rows
            if row.enabled
        }
        ordered = sorted(lines.values(), key=lambda line: (line.priority, line.carrier))
        self._opened, self.lines, self.loaded = lines, tuple(ordered), True

    def _open(self, node: Node, row: CarrierRow) -> Line:
        driver = self._drivers.get(row.driver)
        if driver is None:
            raise Misconfigured(f"carrier {row.carrier!r}: no driver {row.driver!r}")
        clear = node.key_ring.open(row.credentials, context=_context(row.carrier))
        try:
            config = msgspec.json.decode(clear, type=driver.Config)
        except msgspec.DecodeError:
            # The decoder's own words could quote a secret.
            said = f"carrier {row.carrier!r}: its credentials are not what it needs"
            raise Misconfigured(said) from None
        return Line(
            carrier=row.carrier,
            driver=driver,
            base_url=row.base_url.rstrip("/"),
            priority=row.priority,
            config=config,
        )


def sealed(node: Node, carrier: str, credentials: Mapping[str, object]) -> bytes:
    """Credentials as a CarrierRow keeps them."""
    return node.key_ring.seal(
        msgspec.json.encode(credentials), context=_context(carrier)
    )


def _context(carrier: str) -> bytes:
    """Whose credentials: those of one carrier do not open as another's."""
    return f"sms_carrier:{carrier}".encode()


def _classes() -> Iterator[type[Carrier]]:
    for module in pkgutil.iter_modules(carriers.__path__):
        yield from _in(importlib.import_module(f"{carriers.__name__}.{module.name}"))
    for point in entry_points(group=ENTRY_POINT):
        offered = point.load()
        assert inspect.isclass(offered), point.name
        assert issubclass(offered, Carrier), point.name
        yield offered


def _in(module: ModuleType) -> Iterator[type[Carrier]]:
    """The carriers that a file declares, not those it imports."""
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if issubclass(kind, Carrier) and kind.__module__ == module.__name__:
            yield kind

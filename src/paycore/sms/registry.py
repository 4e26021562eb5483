"""Finds the carrier files, and opens the carriers that are set up.

Carrier files are the modules of `paycore.sms.carriers` and what other packages offer
under the entry point `paycore.carriers`. A node keeps what it found, and the carriers
as last read, in its own state: nothing is kept by this module.
"""

import asyncio
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType

import msgspec

from paycore.kernel import log
from paycore.kernel.addresses import is_vouched_for
from paycore.kernel.errors import BadRequest, DataNotExist, Misconfigured
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.plugins import offered
from paycore.sms import carriers
from paycore.sms.carrier import Carrier, Line
from paycore.sms.rows import CarrierRow

ENTRY_POINT = "paycore.carriers"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

_log = log.get(__name__)


def drivers() -> Mapping[str, Carrier]:
    """One instance of every carrier file's class, by its code."""
    found: dict[str, Carrier] = {}
    for kind in (*shipped(), *_elsewhere()):
        if kind.code in found:
            raise Misconfigured(
                f"two carrier files have the code {kind.code!r}: "
                f"{type(found[kind.code]).__module__} and {kind.__module__}"
            )
        found[kind.code] = kind()
    return found


@dataclass(slots=True)
class Carriers:
    """One node's carriers, as the last refresh found them."""

    lines: tuple[Line, ...] = ()
    """In the order in which they are tried."""
    loaded: bool = False
    _drivers: Mapping[str, Carrier] = field(default_factory=drivers)
    _opened: dict[tuple[str, int], Line | None] = field(default_factory=dict)
    """By name and version of their rows; None: it does not open, which is reported."""

    def take(self, node: Node, rows: Iterable[CarrierRow]) -> None:
        """Have exactly these; what has not changed is not opened again."""
        opened: dict[tuple[str, int], Line | None] = {}
        for row in rows:
            key = (row.carrier, row.version)
            if key in self._opened:
                opened[key] = self._opened[key]
            elif row.enabled:
                opened[key] = self._try(node, row)
        lines = [line for line in opened.values() if line is not None]
        lines.sort(key=lambda line: (line.priority, line.carrier))
        self._opened, self.lines, self.loaded = opened, tuple(lines), True

    def title(self, driver: str) -> str:
        """What a carrier file calls itself; its code where there is no such file."""
        found = self._drivers.get(driver)
        return driver if found is None else found.title

    def tend(self, node: Node) -> None:
        """Have each carrier file keep open what its lines need."""
        for driver in self._drivers.values():
            try:
                driver.tend(node, [ln for ln in self.lines if ln.driver is driver])
            except Exception:  # noqa: BLE001 - the others are tended all the same
                _log.exception("carrier_broke", driver=driver.code)

    async def let_go(self, node: Node) -> None:
        """Close what is kept open; a file that cannot holds up no other."""
        going = (driver.let_go(node) for driver in self._drivers.values())
        for broken in await asyncio.gather(*going, return_exceptions=True):
            if isinstance(broken, Exception):
                _log.error("carrier_broke", error=type(broken).__name__)

    def _try(self, node: Node, row: CarrierRow) -> Line | None:
        """Open one; if it does not open, the others are used all the same."""
        try:
            return open_line(node, row, self._drivers)
        except Exception as error:  # noqa: BLE001 - a plug-in's, and the others open
            known = isinstance(error, Misconfigured)
            why = str(error) if known else f"its file broke: {type(error).__name__}"
            _log.error("carrier_not_opened", carrier=row.carrier, why=why)
            return None


def open_line(node: Node, row: CarrierRow, known: Mapping[str, Carrier]) -> Line:
    """Unseal and read the credentials of one carrier."""
    driver = known.get(row.driver)
    if driver is None:
        raise Misconfigured(f"there is no carrier file with the code {row.driver!r}")
    if driver.unsigned and not is_vouched_for(row.base_url):
        raise Misconfigured("it signs no answer: nothing but https:// proves one")
    if why := driver.misplaced(row.base_url):
        raise Misconfigured(why)
    line = Line(
        carrier=row.carrier,
        driver=driver,
        base_url=row.base_url.rstrip("/"),
        priority=row.priority,
        price=row.price,
        spend_per_day=row.spend_per_day,
        config=_config(node, row, driver, row.credentials),
    )
    if row.former is None:
        return line
    try:
        config = _config(node, row, driver, row.former)
    except Misconfigured as error:
        # What an older version kept may be in no form of today's.
        _log.error("former_not_opened", carrier=row.carrier, why=str(error))
        return line
    return replace(line, former=replace(line, config=config))


def _config(
    node: Node, row: CarrierRow, driver: Carrier, sealed: bytes
) -> msgspec.Struct:
    clear = node.key_ring.open(sealed, context=_context(row.carrier))
    try:
        return msgspec.json.decode(clear, type=driver.Config)
    except msgspec.MsgspecError:
        # Its own words may repeat the credentials that it did not like.
        raise Misconfigured("the credentials are not of the driver's form") from None


def title(node: Node, driver: str) -> str:
    """What a carrier file calls itself."""
    return node.state(Carriers).title(driver)


async def look_up(node: Node, carrier: str) -> Line:
    """A carrier as it is set up now, switched off or not."""
    row = await node.journal.load(CarrierRow, carrier)
    if row is None:
        raise _no_such()
    return open_line(node, row, drivers())


async def save(
    node: Node,
    *,
    carrier: str,
    driver: str,
    base_url: str,
    credentials: Mapping[str, object],
    priority: int = 100,
    enabled: bool | None = True,
    price: int | None = None,
    spend_per_day: int | None = None,
    rotate: bool = False,
    version: int | None = None,
) -> bool:
    """Set a carrier up or replace it; what would not open is refused. Whether it is
    switched on now.

    `enabled`: None leaves that as it stands, and a new one is on. `rotate`: what it had
    is still believed, until `retire`. `version`: replace this one and no newer.
    """
    if not _NAME.fullmatch(carrier):
        raise BadRequest("A carrier's name is 1-64 of A-Z a-z 0-9 _ -.")
    known = drivers()
    if driver in known and (why := known[driver].misplaced(base_url)):
        raise BadRequest(why, field="base_url")
    row = CarrierRow(
        carrier=carrier,
        driver=driver,
        base_url=base_url,
        credentials=node.key_ring.seal(
            msgspec.json.encode(credentials), context=_context(carrier)
        ),
        priority=priority,
        enabled=enabled is not False,
        price=price,
        spend_per_day=spend_per_day,
    )
    try:
        open_line(node, row, known)
    except Misconfigured as error:
        raise BadRequest(str(error), field="driver") from error
    change = node.change()
    standing = await node.journal.load(CarrierRow, carrier)
    if standing is None:
        change.insert(row)
    else:
        row = msgspec.structs.replace(
            row,
            enabled=standing.enabled if enabled is None else enabled,
            former=standing.credentials if rotate else None,
        )
        change.update(row, version=version or standing.version)
    if await node.journal.commit(change) is not None:
        raise BadRequest("This carrier was changed by somebody else; look again.")
    return row.enabled


async def switch(node: Node, carrier: str, *, enabled: bool) -> None:
    """Text by a carrier again, or no more."""
    change = node.change()
    await switched(node, change, carrier, enabled=enabled)
    await node.journal.commit(change)


async def switched(node: Node, change: Change, carrier: str, *, enabled: bool) -> None:
    """Stage the same; DataNotExist where there is no such carrier."""
    await refuse_unknown(node, carrier)
    change.amend(
        CarrierRow,
        (carrier,),
        lambda row: msgspec.structs.replace(row, enabled=enabled),
    )


async def refuse_unknown(node: Node, carrier: str) -> None:
    """DataNotExist where there is no such carrier; none is ever taken away."""
    if await node.journal.load(CarrierRow, carrier) is None:
        raise _no_such()


async def retire(node: Node, carrier: str) -> None:
    """Believe only the newest credentials from now on."""
    await _amend(node, carrier, lambda row: msgspec.structs.replace(row, former=None))


async def reseal(node: Node, row: CarrierRow) -> None:
    """Seal the credentials with the active key; those that changed meanwhile too."""

    def anew(sealed: bytes) -> bytes:
        clear = node.key_ring.open(sealed, context=_context(row.carrier))
        return node.key_ring.seal(clear, context=_context(row.carrier))

    def step(standing: CarrierRow) -> CarrierRow:
        former = standing.former and anew(standing.former)
        return msgspec.structs.replace(
            standing, credentials=anew(standing.credentials), former=former
        )

    await _amend(node, row.carrier, step)


async def _amend(
    node: Node, carrier: str, step: Callable[[CarrierRow], CarrierRow]
) -> None:
    change = node.change()
    change.amend(CarrierRow, (carrier,), step)
    if await node.journal.commit(change) is not None:
        raise _no_such()


def _no_such() -> DataNotExist:
    return DataNotExist("There is no such carrier.", "运营商不存在")


def _context(carrier: str) -> bytes:
    """Whose credentials: those of one carrier do not open as another's."""
    return f"sms_carrier:{carrier}".encode()


def shipped() -> Iterator[type[Carrier]]:
    """The classes that the modules of carriers/ define; no plug-in's."""
    for module in pkgutil.iter_modules(carriers.__path__):
        yield from _in(importlib.import_module(f"{carriers.__name__}.{module.name}"))


def _elsewhere() -> Iterator[type[Carrier]]:
    """The classes that other installed packages offer."""
    # mypy asks for a concrete class where a kind of them is meant.
    return offered(ENTRY_POINT, Carrier)  # type: ignore[type-abstract]


def _in(module: ModuleType) -> Iterator[type[Carrier]]:
    """The carriers that a file declares, not those it imports."""
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if issubclass(kind, Carrier) and kind.__module__ == module.__name__:
            yield kind

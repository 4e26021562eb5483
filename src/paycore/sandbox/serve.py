"""Puts the sandbox together: record, banks, carriers, business line, control."""

import asyncio
import fcntl
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Final

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from paycore.sandbox.bank import Bank
from paycore.sandbox.biz import PATH as NOTICES
from paycore.sandbox.biz import BusinessLine
from paycore.sandbox.carrier import Carrier
from paycore.sandbox.clerk import Clerk
from paycore.sandbox.control import Control
from paycore.sandbox.courier import Courier
from paycore.sandbox.dialect import (
    CarrierDialect,
    Dialect,
    VendorCarrierDialect,
    VendorDialect,
    VendorServer,
)
from paycore.sandbox.faults import (
    BANKS,
    CARRIERS,
    VENDOR_CARRIERS,
    VENDORS,
    FaultBook,
)
from paycore.sandbox.found import NoVendor, keys, vendor
from paycore.sandbox.own import OwnDialect
from paycore.sandbox.own_carrier import OwnCarrierDialect
from paycore.sandbox.protocol import Merchant
from paycore.sandbox.record import Record
from paycore.sandbox.teller import Teller
from paycore.sandbox.wire import Exchange, Handler, Listener, listener_near

# A second start waits so long for what is left of the first.
_LOCK_WAIT_S: Final = 15.0

OVER_OTHERS: Final = frozenset({"smpp"})
"""Carriers whose protocol is not over HTTP."""


class MerchantConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys of one merchant, in hex."""

    secret: str
    encryption_key: str


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration file."""

    merchants: dict[str, MerchantConfig]
    webhook_secrets: list[str]
    vendors: dict[str, msgspec.Raw] = {}
    """Providers that are to be there too, and their keys (`vendors/`)."""


class Options(Struct, frozen=True, kw_only=True):
    """The command line."""

    port: int
    data: Path
    config: Path
    seed: int = 0


class CannotStart(Exception):
    """The sandbox cannot start; the text says why, in one line."""


class Known(Struct, frozen=True, kw_only=True):
    """The configuration, read."""

    merchants: Mapping[str, Merchant]
    secrets: list[str]
    vendors: Mapping[str, msgspec.Raw] = {}


def read_config(path: Path) -> Known:
    """Merchants, webhook secrets and providers' keys, or `CannotStart`."""
    try:
        config = msgspec.json.decode(path.read_bytes(), type=Config)
        merchants = {
            name: Merchant(
                id=name,
                secret=bytes.fromhex(keys.secret),
                cipher=AESGCM(bytes.fromhex(keys.encryption_key)),
            )
            for name, keys in config.merchants.items()
        }
    except OSError as error:
        raise CannotStart(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError) as error:
        # Not the error's own text in full: it could quote a key.
        what = str(error) if isinstance(error, msgspec.DecodeError) else "a key is bad"
        raise CannotStart(f"{path}: {what}") from error
    strange = config.vendors.keys() - {*VENDORS, *VENDOR_CARRIERS}
    if strange:
        raise CannotStart(f"{path}: there is no provider {min(strange)!r}")
    return Known(
        merchants=merchants, secrets=config.webhook_secrets, vendors=config.vendors
    )


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the folder: two sandboxes on one record would charge twice."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "sandbox.lock").open("w") as lock:
        give_up = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > give_up:
                    raise CannotStart(f"{data} is used by another sandbox") from error
                time.sleep(0.05)
        yield


class Sandbox:
    """Everything that runs in one process."""

    def __init__(self, options: Options, known: Known) -> None:
        self.stopped = asyncio.Event()
        self.failure: str | None = None
        self._faults = FaultBook(seed=options.seed)
        self._record = Record(options.data / "sandbox.db", on_failure=self._fail)
        self._courier = Courier()
        self._clerk = Clerk(merchants=known.merchants, record=self._record)
        self._listeners: dict[str, Listener | VendorServer] = {}
        self._tellers: dict[str, Teller] = {}
        self._options = options
        self._next_port = options.port
        self._merchants = known.merchants
        self._secrets = known.secrets
        self._vendors = known.vendors

    async def start(self) -> Mapping[str, object]:
        """Listen everywhere; returns the addresses."""
        control = self._listen_for_control()
        banks = {name: self._place_bank(name) for name in BANKS}
        carriers = {name: self._place_carrier(name) for name in CARRIERS}
        behind = {  # the places of all others stay where they are
            "banks": [name for name in VENDORS if name in self._vendors],
            "carriers": [name for name in VENDOR_CARRIERS if name in self._vendors],
        }
        line = BusinessLine(
            secrets=self._secrets, faults=self._faults, record=self._record
        )
        biz = self._place("biz", line.serve)
        banks |= {name: self._place_bank(name) for name in behind["banks"]}
        for name in behind["carriers"]:
            carriers[name] = self._place_provider(name)
        info: Mapping[str, object] = {
            "control": control.url,
            "banks": banks,
            "carriers": carriers,
            "biz": biz + NOTICES,
        }
        desk = Control(
            info=info,
            faults=self._faults,
            record=self._record,
            clerk=self._clerk,
            ends={name: teller.end for name, teller in self._tellers.items()},
            refresh=self._refresh,
        )
        control.handler = desk.serve
        # Last in order, so that whoever reaches the control reaches all of it.
        self._listeners["control"] = control
        await self._refresh()
        for teller in self._tellers.values():
            teller.resume()
        return info

    def _listen_for_control(self) -> Listener:
        async def not_yet(_exchange: Exchange) -> None:
            raise AssertionError("the control is opened last")

        try:
            return Listener(self._options.port, not_yet)
        except OSError as error:
            raise CannotStart(f"port {self._options.port}: {error.strerror}") from error

    def _place(self, place: str, handler: Handler) -> str:
        if self._next_port:
            self._next_port += 1
        listener = listener_near(self._next_port, handler)
        self._listeners[place] = listener
        return listener.url

    def _place_bank(self, name: str) -> str:
        number = (*BANKS, *VENDORS).index(name) + 1
        bank = Bank(name, number=number, rng=random.SystemRandom())
        bank.restore(self._record.orders(name), moved=self._record.moved(name))
        teller = Teller(
            self._dialect(bank),
            faults=self._faults,
            record=self._record,
            courier=self._courier,
        )
        self._tellers[name] = teller
        return self._place(f"bank.{name}", teller.serve)

    def _dialect(self, bank: Bank) -> Dialect:
        if bank.name in BANKS:
            return OwnDialect(bank, merchants=self._merchants, clerk=self._clerk)
        kind = vendor(bank.name, VendorDialect)  # type: ignore[type-abstract]
        config = keys(bank.name, self._vendors, kind.Config)
        return kind(bank, config, self._clerk)

    def _place_carrier(self, name: str) -> str:
        carrier = self._carrier(name, OwnCarrierDialect(self._merchants))
        return self._place(f"carrier.{name}", carrier.serve)

    def _carrier(self, name: str, dialect: CarrierDialect | None) -> Carrier:
        return Carrier(
            name,
            dialect,
            faults=self._faults,
            record=self._record,
            courier=self._courier,
        )

    def _place_provider(self, name: str) -> str:
        """A carrier that speaks as a provider does, over HTTP or not."""
        if name not in OVER_OTHERS:
            kind = vendor(name, VendorCarrierDialect)  # type: ignore[type-abstract]
            dialect = kind(keys(name, self._vendors, kind.Config))
            return self._place(f"carrier.{name}", self._carrier(name, dialect).serve)
        other = vendor(name, VendorServer)  # type: ignore[type-abstract]
        config = keys(name, self._vendors, other.Config)
        server = other(config, self._carrier(name, None))
        self._listeners[f"carrier.{name}"] = server
        if self._next_port:
            self._next_port += 1
        return server.place(self._next_port)

    async def _refresh(self) -> None:
        """Shut the listeners that must refuse, open the others."""
        for place, listener in self._listeners.items():
            if self._faults.refused(place):
                await listener.shut()
            else:
                await listener.open()

    def _fail(self, why: str) -> None:
        self.failure = f"the record cannot be written: {why}"
        self.stopped.set()

    async def close(self) -> None:
        """Stop listening, write what is staged."""
        for listener in self._listeners.values():
            await listener.close()
        for teller in self._tellers.values():
            await teller.close()
        await self._courier.close()
        if self.failure is None:
            await self._record.close()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """Stop when whoever holds the other end of stdin is gone."""

    def wait_for_end() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stopped.set)

    Thread(target=wait_for_end, name="stdin", daemon=True).start()


async def run(options: Options, *, watch_stdin: bool) -> None:
    """Serve until SIGTERM, SIGINT or, where asked to watch it, the end of stdin."""
    known = read_config(options.config)
    with only_one(options.data):
        sandbox = Sandbox(options, known)
        try:
            info = await sandbox.start()
        except NoVendor as error:
            raise CannotStart(str(error)) from error
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, sandbox.stopped.set)
        if watch_stdin:
            _watch_stdin(loop, sandbox.stopped)
        sys.stdout.write(msgspec.json.encode(info).decode() + "\n")
        sys.stdout.flush()
        await sandbox.stopped.wait()
        await sandbox.close()
        if sandbox.failure:
            raise CannotStart(sandbox.failure)

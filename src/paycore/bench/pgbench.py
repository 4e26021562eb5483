"""pgbench on one payment's statements: prepared, nothing else running.

It has a database of its own, on a server of its own unless the user named one, with
the same settings and the same schema.
"""

import asyncio
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from paycore import app as apps
from paycore.bench import queries
from paycore.bench.ground import Host, without_password
from paycore.bench.payer import WrongAnswer
from paycore.kernel.postgres_programs import find

CLIENTS = 8
THREADS = 2
MARGIN_S = 60

PLANNED_ONCE = "-c plan_cache_mode=force_generic_plan"
"""Else PostgreSQL plans what touches partitions again each time, and is a fifth slower:
the yardstick gets the best that we know for it."""

_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """What PostgreSQL does by itself."""

    per_s: float
    clients: int
    postgres: str


def measure(host: Host, folder: Path, script: str, *, seconds: int) -> Yardstick:
    """Payments a second, written statement by statement."""
    folder.mkdir()
    folder.chmod(0o711)
    file = folder / "payment.sql"
    file.write_text(script, encoding="utf-8")
    with host.database(folder, "pgbench") as database:
        asyncio.run(apps.migrate(database.dsn))
        shown, password = without_password(database.dsn)
        program = find(data=folder, account=None, major=None).path("pgbench")
        said = _run(
            [
                *(program, "--no-vacuum", "--protocol", "prepared"),
                *("--client", str(CLIENTS), "--jobs", str(THREADS)),
                *("--time", str(seconds), "--define", "n=0"),
                *("--file", str(file), shown),
            ],
            password=password,
            within_s=seconds + MARGIN_S,
        )
        version = asyncio.run(queries.version(database.dsn))
    found = _TPS.search(said)
    if found is None:
        raise WrongAnswer(f"pgbench gave no figure: {said[-500:]}")
    return Yardstick(
        per_s=float(found[1]),
        clients=CLIENTS,
        postgres=version.partition(" ")[0],
    )


def _run(command: list[str], *, password: str | None, within_s: float) -> str:
    done = subprocess.run(  # noqa: S603 our own command, no shell
        command,
        env={
            **os.environ,
            "PGOPTIONS": PLANNED_ONCE,
            **({} if password is None else {"PGPASSWORD": password}),
        },
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    if done.returncode != 0:
        raise WrongAnswer(f"pgbench failed: {done.stderr[-1500:]}")
    return done.stdout

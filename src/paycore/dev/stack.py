"""All of it together, in the order in which each needs the one before."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from paycore import app as apps
from paycore.dev import folder, operators
from paycore.dev.folder import Kept
from paycore.dev.operators import SeededOperator
from paycore.dev.processes import (
    Sandbox,
    free_port,
    start_cluster,
    start_sandbox,
)
from paycore.dev.seeds import SeededLine, seed
from paycore.kernel.config import Settings
from paycore.kernel.errors import Misconfigured
from paycore.kernel.postgres import Cluster, ServerUnavailableError

HOST = "127.0.0.1"


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The line of JSON of `paycore dev --json`."""

    api: str
    sandbox: str
    console: str
    docs: str
    api_key: str
    biz_line: str
    card_id: str
    coupon_no: str
    phone: str
    lines: list[SeededLine]
    """All seeded lines, the first one's again among them."""
    console_operators: list[SeededOperator]
    """One of each role, who may log in to the console."""
    checkout: str = ""
    """A page to pay on, where one was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a node of `dev` stands on."""

    data: Path
    kept: Kept
    cluster: Cluster
    sandbox: Sandbox
    vendors: Sequence[str] = ()
    """Providers that are there beside the sandbox's own banks and carriers."""


@contextmanager
def ground(
    data: Path,
    *,
    sandbox_port: int = 0,
    database_port: int | None = None,
    vendors: Sequence[str] = (),
    api_port: int = 0,
) -> Iterator[Ground]:
    """Cluster and sandbox under a folder; they end with this block, or with us.

    It waits for what is left of an earlier start on the same folder. With a port the
    database is on loopback too. Providers (`vendors`) must know where ours will listen.
    """
    data = folder.make(data)
    with folder.locked(data) as lock:
        kept = folder.with_vendors(data, folder.load(data), vendors)
        try:
            cluster = start_cluster(data, tcp_port=database_port)
        except ServerUnavailableError as error:
            raise Misconfigured(str(error)) from error
        with (
            cluster,
            start_sandbox(
                data,
                kept,
                port=sandbox_port,
                lock=lock,
                vendors=vendors,
                api=f"http://{HOST}:{api_port}",
            ) as sandbox,
        ):
            yield Ground(
                data=data, kept=kept, cluster=cluster, sandbox=sandbox, vendors=vendors
            )


def settings_of(kept: Kept, *, port: int, **overrides: object) -> Settings:
    """A node's settings on this folder; channels reach it at its own port."""
    given: dict[str, object] = {
        "host": HOST,
        "port": port,
        "public_url": f"http://{HOST}:{port}",
        "node_name": "dev",
        **kept.settings,
    }
    return Settings.for_dev(**(given | overrides))


async def prepare(on: Ground, settings: Settings) -> list[SeededLine]:
    """Migrate and seed, for nodes that are started afterwards."""
    await apps.migrate(on.cluster.dsn)
    app = await apps.start(
        msgspec.structs.replace(settings, role="api"), on.cluster.dsn
    )
    try:
        return (await _seeded(app, on))[0]
    finally:
        await apps.stop(app)


async def _seeded(
    app: apps.App, on: Ground
) -> tuple[list[SeededLine], list[SeededOperator]]:
    """Seed, and keep what was made: it is found there at the next start."""
    kept = folder.load(on.data)
    lines, kept = await seed(app.node, on.sandbox.info, kept, on.vendors)
    people, kept = await operators.seed(app.node, kept)
    folder.save(on.data, kept)
    return lines, people


@asynccontextmanager
async def running(
    on: Ground, *, port: int = 0, **overrides: object
) -> AsyncIterator[tuple[apps.App, Summary]]:
    """A node in this process, migrated and seeded, answering on loopback."""
    settings = settings_of(on.kept, port=port or free_port(), **overrides)
    await apps.migrate(on.cluster.dsn)
    app = await apps.start(settings, on.cluster.dsn)
    web = None
    try:
        lines, people = await _seeded(app, on)
        web = await apps.listen(app, host=settings.host, port=settings.port)
        yield app, summary(web.url, on.sandbox.info.control, lines, people)
    finally:
        await apps.stop(app, web)


def summary(
    api: str,
    control: str,
    lines: list[SeededLine],
    people: list[SeededOperator],
) -> Summary:
    """What is told of a running stack."""
    first = lines[0]
    return Summary(
        api=api,
        sandbox=control,
        console=f"{api}/console/",
        docs=f"{api}/docs",
        api_key=first.api_key,
        biz_line=first.biz_line,
        card_id=first.card_id,
        coupon_no=first.coupon_no,
        phone=first.phone,
        lines=lines,
        console_operators=people,
    )

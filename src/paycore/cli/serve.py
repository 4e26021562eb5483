"""`paycore serve`: one node."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import asyncio

    from paycore.kernel.config import Settings


def serve(
    role: Annotated[
        str | None, typer.Option(help="api, worker or all (PAYCORE_ROLE).")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (PAYCORE_HOST).")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port, 0 takes a free one (PAYCORE_PORT).")
    ] = None,
    *,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Bring the schema up to date first.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON when ready.")
    ] = False,
    die_with_parent: Annotated[
        bool, typer.Option("--die-with-parent", hidden=True)
    ] = False,
) -> None:
    """Run a node on DATABASE_URL, else on a PostgreSQL of our own, until SIGTERM."""
    import os
    from pathlib import Path

    import uvloop

    from paycore.kernel import config, config_keys, log, postgres
    from paycore.kernel.errors import Misconfigured

    if die_with_parent:
        from paycore.dev.processes import die_with_parent as bind

        bind()
    asked = {"ROLE": role, "HOST": host, "PORT": port}
    options = {
        f"{config_keys.PREFIX}{name}": str(value)
        for name, value in asked.items()
        if value is not None
    }
    settings = config.load({**os.environ, **options})
    log.configure(level=settings.log_level, style=settings.log_format, lasting=True)
    try:
        chosen = postgres.choose(settings.database_url, data=Path(settings.data_dir))
    except postgres.ServerUnavailableError as error:
        raise Misconfigured(str(error)) from error
    # A database of our own has nobody else to ask; somebody's is changed when told.
    first = migrate or chosen.cluster is not None
    try:
        uvloop.run(_run(settings, chosen.dsn, migrate=first, as_json=as_json))
    finally:
        if chosen.cluster is not None:
            chosen.cluster.stop()


async def _run(settings: "Settings", dsn: str, *, migrate: bool, as_json: bool) -> None:
    from paycore import app as apps

    told = told_to_stop()
    if migrate:
        await apps.migrate(dsn)
    app = await apps.start(settings, dsn)
    web = None
    try:
        web = await apps.listen(app, host=settings.host, port=settings.port)
        if as_json:
            import msgspec

            ready = {"api": web.url, "epoch": app.node.epoch}
            typer.echo(msgspec.json.encode(ready).decode())
        _spare_the_collector()
        await told
    finally:
        await apps.stop(app, web)


def _spare_the_collector() -> None:
    """Let what was loaded at the start be, and look for cycles less often.

    A payment makes some thousand objects that die by themselves, and hardly a cycle:
    by default the collector takes a twentieth of a busy node's time.
    """
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def told_to_stop() -> "asyncio.Future[None]":
    """Listen for SIGTERM and Ctrl-C from now on; a second one ends without waiting.

    To be called before anybody hears that the node is there: who hears of it may stop
    it, and it is to leave in good order.
    """
    import asyncio
    import signal

    running = asyncio.get_running_loop()
    told = running.create_future()
    signs = (signal.SIGTERM, signal.SIGINT)

    def tell() -> None:
        for sign in signs:
            running.remove_signal_handler(sign)
            signal.signal(sign, signal.SIG_DFL)
        told.set_result(None)

    for sign in signs:
        running.add_signal_handler(sign, tell)
    return told


async def until_told_to_stop() -> None:
    """Wait for SIGTERM or Ctrl-C."""
    await told_to_stop()

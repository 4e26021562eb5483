"""A process of the bare path, served by the same server as a node."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import uvicorn
import uvloop

from paycore.bench.bare.calls import Calls
from paycore.bench.bare.durable import Durable
from paycore.bench.bare.service import Both, Desk, Plain, Service, Setting
from paycore.bench.bare.writer import Writer
from paycore.dev.processes import die_with_parent
from paycore.kernel import log
from paycore.kernel.errors import Misconfigured

READY_S = 30.0
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Where a process listens."""

    api: str
    pid: int


@contextmanager
def serve(setting: Setting, recorded: Both) -> Iterator[Served]:
    """Start one; it ends with this block, or with us."""
    spawn = multiprocessing.get_context("spawn")
    ours, its = spawn.Pipe()
    process = spawn.Process(target=_main, args=(setting, recorded, its), daemon=True)
    process.start()
    try:
        if not ours.poll(READY_S):
            raise Misconfigured("the bare path did not start")
        api: str = ours.recv()
        assert process.pid is not None, "it has told us where it is"
        yield Served(api=api, pid=process.pid)
    finally:
        process.terminate()
        process.join()


def _main(setting: Setting, recorded: Both, told: Connection) -> None:
    die_with_parent()
    log.configure(level="warning", style="console")
    uvloop.run(_serve(setting, recorded, told))


async def _serve(setting: Setting, recorded: Both, told: Connection) -> None:
    calls = Calls(setting.bank, notices=setting.notices, notice_key=setting.notice_key)
    desk = Desk(setting.slot, await Writer.open(setting.dsn), calls)
    ways = Plain(desk) if setting.durable is None else Durable(desk, setting.durable)
    service = Service(setting, recorded, desk, ways)
    config = uvicorn.Config(
        service,
        host=HOST,
        port=0,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    told.send(f"http://{host}:{port}")
    await serving

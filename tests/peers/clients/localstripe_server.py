"""localstripe, on loopback, without the file that it writes, and with one field more.

It leaves `amount_received` out of an intent, which every intent of Stripe's has: here
it is what its charge took. Nothing else of it is changed.
"""

import asyncio
import json
import os
import sys
import threading

from aiohttp import web
from localstripe import resources, server


def received(intent: resources.PaymentIntent) -> int:
    """What an intent's charge took."""
    charge = intent.latest_charge
    return charge.amount if charge and charge.paid and charge.captured else 0


def end_with_input() -> None:
    """End when whoever started this is gone."""
    sys.stdin.read()
    os._exit(0)


async def main() -> None:
    """Listen, and say where."""
    resources.PaymentIntent.amount_received = property(received)
    resources.Store.dump_to_disk = lambda _: None
    runner = web.AppRunner(server.app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(json.dumps({"said": f"http://{host}:{port}"}), flush=True)  # noqa: T201
    threading.Thread(target=end_with_input, daemon=True).start()
    await asyncio.Event().wait()


asyncio.run(main())

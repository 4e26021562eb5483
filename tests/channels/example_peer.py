"""A provider that speaks the example's protocol over real HTTP, and misbehaves.

Written by the protocol and not by the channel file; its faults have the names of
docs/sandbox.md.
"""

import asyncio
import hmac
import json
import time

from aiohttp import web

MERCHANT, SECRET = "M-100", "5c" * 32


class Peer:
    """One provider: its orders, and what it is told to do wrong next."""

    def __init__(self) -> None:
        self.paid: dict[str, dict[str, object]] = {}
        self.faults: dict[str, str] = {}
        self._runner: web.AppRunner | None = None

    async def open(self) -> str:
        """Listen, and give the base URL."""
        app = web.Application()
        app.router.add_post("/v1/{operation}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{port}"

    async def close(self) -> None:
        """Be there no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            await asyncio.sleep(0.05)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body, path = await request.read(), request.path
        name, _, value = self.faults.pop(path, "").partition(":")
        expected = _mark(path, request.headers["X-Timestamp"], body)
        if request.headers["X-Signature"] != expected:
            return web.Response(status=401)
        if name == "timeout_before":
            await asyncio.sleep(30)
        answer = self._answer(path, json.loads(body), name, value)
        match name:
            case "timeout_after":
                await asyncio.sleep(30)
            case "drip":
                return await _drip(request)
            case "garbage":
                return web.Response(body=b"\xff<html>")
            case "http_500":
                return web.Response(status=500, body=b"{}")
        text = json.dumps({"merchant": MERCHANT} | answer).encode()
        stamp = str(int(time.time()))
        mark = _mark(path, stamp, text)
        if name == "bad_signature":
            mark = mark[::-1]
        headers = {"X-Timestamp": stamp, "X-Signature": mark}
        return web.Response(body=text, headers=headers)

    def _answer(self, path: str, asked: dict, fault: str, value: str) -> dict:
        """What is said of an order; taking the money where that was asked for."""
        no = asked["order_no"]
        said = {"order_no": no, "status": "REFUSED"}
        match fault, path:
            case "decline", _:
                return said | {"code": value}
            case "processing", _:
                return said | {"status": "PROCESSING", "code": "ACCEPTED"}
            case _, "/v1/enquire":
                if no not in self.paid:
                    return said | {"status": "NOT_FOUND", "code": "NOT_FOUND"}
            case _ if no in self.paid:
                return said | {"code": "DUPLICATE_ORDER"}
            case _:
                amount = asked["amount"] + (fault == "wrong_amount")
                money = {"amount": amount, "currency": asked["currency"]}
                self.paid[no] = money | {"ref": f"9{len(self.paid):08}"}
        return said | {"status": "PAID", "code": "OK"} | self.paid[no]


def _mark(path: str, stamp: str, body: bytes) -> str:
    text = f"{path}\n{stamp}\n".encode() + body
    return hmac.new(bytes.fromhex(SECRET), text, "sha256").hexdigest()


async def _drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "60"})
    await response.prepare(request)
    for _ in range(60):
        await response.write(b" ")
        await asyncio.sleep(0.1)
    return response

"""Two ledgers to hold to one contract: the built-in one, and one over HTTP.

The second is what a user would write from docs/contracts/ledger.openapi.json alone: it
books by the posting's id, and knows nothing of ours.
"""

import base64
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime

from aiohttp import web
from standardwebhooks import Webhook

from paycore.kernel.db import Pool


class BuiltIn:
    """Our own books, as the database has them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def postings(self) -> dict[str, dict[str, int]]:
        """By posting id: what was added to each account."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for row in await self._pool.fetch(
            "SELECT *, CASE side WHEN 'DEBIT' THEN amount ELSE -amount END AS added"
            " FROM accounting_entry"
        ):
            parts = (row["pay_order_no"], row["kind"], row["fact"])
            found[":".join(filter(None, parts))][row["account"]] = row["added"]
        return dict(found)

    async def balances(self) -> dict[str, int]:
        """What stands on each account."""
        rows = await self._pool.fetch(
            "SELECT account, sum(amount)::bigint AS amount FROM accounting_balance"
            " GROUP BY account"
        )
        return {row["account"]: row["amount"] for row in rows}


class Reference:
    """A ledger of a user's own."""

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(base64.b64encode(base64.b64decode(secret)).decode())
        self.url = ""
        self.script: list[int] = []
        """What it answers to the next ones; 0 books it and answers nothing good."""
        self.down = False
        self.told: list[str] = []
        """Every id that came, repeats too."""
        self.order: dict[str, list[str]] = defaultdict(list)
        """By payment: the ids in the order in which they were booked."""
        self.forged = 0
        self.bodies: dict[str, bytes] = {}

    async def answer(self, request: web.Request) -> web.Response:
        """Book a posting once, whoever says it how often."""
        body = await request.read()
        if not self._signed(request, body):
            self.forged += 1
            return web.Response(status=401)
        posting = json.loads(body)
        id_ = posting["posting_id"]
        self.told.append(id_)
        status = 503 if self.down else self.script.pop(0) if self.script else 204
        if 200 <= status < 300 or status == 0:
            if id_ in self.bodies:
                # The same octets at every try, so that they may be compared.
                assert self.bodies[id_] == body
            else:
                self.bodies[id_] = body
                self.order[posting["pay_order_no"] or ""].append(id_)
        return web.Response(status=status or 502)

    def _signed(self, request: web.Request, body: bytes) -> bool:
        """By whoever has the key; when, is not asked: the clocks of tests leap."""
        headers = request.headers
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        wanted = self._webhook.sign(headers["webhook-id"], at, body.decode())
        return wanted in headers["webhook-signature"].split()

    async def postings(self) -> dict[str, dict[str, int]]:
        """By posting id: what was added to each account."""
        return {
            id_: {
                entry["account"]: entry["amount"]
                * (1 if entry["side"] == "DEBIT" else -1)
                for entry in json.loads(body)["entries"]
            }
            for id_, body in self.bodies.items()
        }

    async def balances(self) -> dict[str, int]:
        """What stands on each account."""
        sums: Counter[str] = Counter()
        for added in (await self.postings()).values():
            for account, amount in added.items():
                sums[account] += amount
        return dict(sums)

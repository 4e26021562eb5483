"""All of paycore with its sandbox, as a test sees it: from outside, over real HTTP.

`Stack` is a cluster, the sandbox and nodes as processes (they can be killed with -9).
`Payer` is one card of one business line with a phone of its own, so that tests do not
read one another's texts.
"""

import asyncio
import itertools
import shutil
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx2 as httpx
from auditor import violations
from msgspec.structs import replace

from paycore.dev import folder as folders
from paycore.dev.processes import NodeProcess, free_port, start_node
from paycore.dev.stack import Ground, ground, prepare, settings_of
from paycore.dev.vendors import Contract
from paycore.kernel.postgres import fresh_folder

SHOP, TICKETS, MALL = 0, 1, 2
"""The seeded lines: one that can do both ways, one that has no quick channel, and that
of the providers, where some were asked for."""

BANKS_OF = {
    SHOP: ("quick_a", "quick_b", "deduct_a", "deduct_b"),
    TICKETS: ("deduct_a", "deduct_b"),
}


PATIENCE_S = 120.0
"""How long a client waits: only for who never answers is it too short."""

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that only know loopback: trust of nobody. A context of a client's own
takes 20 ms and a megabyte, and a payer each makes thousands of them.
"""


def key() -> dict[str, str]:
    """A fresh idempotency key, as a header."""
    return {"Idempotency-Key": uuid.uuid4().hex}


class Payer:
    """A card of a line, and the line's client at one node."""

    def __init__(self, stack: "Stack", api: httpx.Client, card_id: str, phone: str):
        self.stack, self.api, self.card_id, self.phone = stack, api, card_id, phone

    def order(self, **changes):
        """The body of a good order, but for what is changed; None leaves out."""
        body = {
            "out_biz_no": f"o-{uuid.uuid4().hex}",
            "amount": 1250,
            "currency": "CNY",
            "card_id": self.card_id,
            "subject": "两杯茶",
            **changes,
        }
        return {name: value for name, value in body.items() if value is not None}

    def open(self, **changes):
        """Open a payment; the answer."""
        return self.api.post(
            "/v1/quick-payments", json=self.order(**changes), headers=key()
        )

    def deduct(self, **changes):
        """Ask for a deduction; the answer."""
        return self.api.post(
            "/v1/deductions", json=self.order(**changes), headers=key()
        )

    def codes(self) -> list[str]:
        """The codes texted to this payer, newest last."""
        return [text["code"] for text in self.stack.sms(self.phone)]

    def confirm(self, pay_order_no: str, code: str | None = None, **headers: str):
        """Confirm, with the newest code if none is given; the answer."""
        return self.api.post(
            f"/v1/quick-payments/{pay_order_no}/confirm",
            json={"sms_verify_code": code or self.codes()[-1]},
            headers={**key(), **headers},
        )

    def get(self, pay_order_no: str):
        """The order as of now."""
        return self.api.get(f"/v1/payments/{pay_order_no}").json()

    def pays(self, pay_order_no: str, code: str | None = None, **headers: str):
        """Confirm, and the order once it is final: of an answer of the bank that came
        too late for a busy node, that is DOING at first.
        """
        answer = self.confirm(pay_order_no, code, **headers)
        assert 200 == answer.status_code, answer.text
        return self.until(pay_order_no)

    def until(self, pay_order_no: str, *, within_s: float = 60.0):
        """The order once it is final, or as it is when the time is up."""
        deadline = time.monotonic() + within_s
        while (order := self.get(pay_order_no))["biz_status"] == "DOING":
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        return order


class Stack:
    """The running stack."""

    def __init__(self, on: Ground, **overrides: object) -> None:
        self.on = on
        self.overrides = overrides
        settings = settings_of(on.kept, port=free_port(), **overrides)
        self.lines = asyncio.run(prepare(on, settings))
        self.nodes: list[NodeProcess] = []
        self.control = httpx.Client(
            base_url=on.sandbox.info.control, timeout=PATIENCE_S
        )
        self._clients: list[httpx.Client] = []
        self._phones = itertools.count(int(time.time()) % 10_000 * 1000)

    def start_node(self, **overrides: object) -> NodeProcess:
        """One more node on the same database."""
        settings = settings_of(
            self.on.kept, port=free_port(), **{**self.overrides, **overrides}
        )
        node = start_node(self.on.cluster.dsn, settings)
        self.nodes.append(node)
        return node

    def client(self, line: int = SHOP, *, node: int = 0) -> httpx.Client:
        """A line's client at a node."""
        made = httpx.Client(
            verify=PLAIN,
            base_url=self.nodes[node].info.api,
            headers={"Authorization": f"Bearer {self.lines[line].api_key}"},
            timeout=PATIENCE_S,
            # A payer each, and hundreds of them: none keeps a connection open.
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._clients.append(made)
        return made

    def payer(self, line: int = SHOP, *, node: int = 0, **card: object) -> Payer:
        """A new card with a phone of its own, agreed upon at every bank of the line."""
        api = self.client(line, node=node)
        phone = f"+86137{next(self._phones) % 100_000_000:08d}"
        body = {
            "number": "6222020200112233446",
            "name": "王五",
            "id_no": "110101199003074178",
            "phone": phone,
            "bank": "ICBC",
            "card_kind": "DEBIT",
            "agreements": [
                {
                    "pay_type": "QUICK_PAY" if bank.startswith("quick") else "DEDUCT",
                    "channel": bank,
                    "account": "main",
                    "token": f"t{uuid.uuid4().hex}",
                }
                for bank in BANKS_OF[line]
            ],
            **card,
        }
        answer = api.post("/v1/cards", json=body, headers=key())
        assert 201 == answer.status_code, answer.text
        return Payer(self, api, answer.json()["card_id"], phone)

    # What the strangers say

    def sms(self, phone: str):
        """The texts to a phone, newest last."""
        return self.control.get("/control/sms", params={"phone": phone}).json()

    def charges(self, pay_order_no: str):
        """The money that moved."""
        params = {"pay_order_no": pay_order_no}
        return self.control.get("/control/charges", params=params).json()

    def notices(self, pay_order_no: str, *, within_s: float = 60.0):
        """The notices that arrived, waiting for a first one."""
        deadline = time.monotonic() + within_s
        params = {"pay_order_no": pay_order_no}
        while not (found := self.control.get("/control/notices", params=params).json()):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return found

    def fault(self, target: str, fault: str, **more: object) -> None:
        """Let a stranger misbehave."""
        body = {"target": target, "fault": fault, **more}
        self.control.post("/control/faults", json=body).raise_for_status()

    def has_struck(self, times: int = 1, *, within_s: float = 60.0) -> None:
        """Wait until faults have struck so often: those calls are with strangers."""
        deadline, hits = time.monotonic() + within_s, 0
        while hits < times:
            assert time.monotonic() < deadline, f"{hits} calls"
            time.sleep(0.05)
            faults = self.control.get("/control/faults").json()
            hits = sum(one["hits"] for one in faults)

    def no_faults(self) -> None:
        """Let all behave again."""
        self.control.delete("/control/faults").raise_for_status()

    def close(self) -> None:
        """Stop the nodes; cluster and sandbox are their own block's."""
        for client in (*self._clients, self.control):
            client.close()
        for node in self.nodes:
            node.stop()


@contextmanager
def stacked(
    *vendors: str, contracts: Mapping[str, Contract] | None = None, **overrides: object
) -> Iterator[Stack]:
    """A stack with one node, in a folder of its own; resends need not wait. Providers
    that are named are there too, and a third line that has agreements with them; by
    the contracts that are given, or by new ones.

    Whatever was done to it, at its end the auditor finds nothing.
    """
    folder = fresh_folder("paycore-flow-")
    settings = {
        "code_gap_s": 0,
        "log_level": "warning",
        # Of fifty at once the last one, too, has his answer on a busy machine.
        "answer_within_s": 60,
        **overrides,
    }
    if contracts:
        kept = folders.load(folders.make(folder))
        folders.save(folder, replace(kept, vendors=dict(contracts)))
    try:
        with ground(folder, vendors=vendors) as on:
            stack = Stack(on, **settings)
            try:
                stack.start_node()
                yield stack
                stack.no_faults()
                wrong = violations(stack)
                assert [] == wrong, wrong
            finally:
                stack.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

"""`paycore dev` with a month of finished payments, as its own command has it."""

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx2 as httpx
from visiting import Operator

from paycore.kernel.postgres import fresh_folder

PAYMENTS = int(os.environ.get("PAYCORE_MONTH", "100000"))
KEPT = os.environ.get("PAYCORE_MONTH_DATA")
"""A folder that stays, so that the next run need not fill it again."""
QUIET = timedelta(minutes=5)
SHOP, TICKETS = 0, 1
OTHERS_EVERY, PAUSE_S = 30, 2.4
"""A phone may be texted by us once a minute; a bank may do so at any time."""
GOODS = ("Two cups of tea", "一本书", "Headphones", "一箱苹果", "Winter coat", "台灯")
FILLED_WITHIN_S, ENDS_WITHIN_S = 900, 60


class Month:
    """What it printed, who may log in, and a business line that goes on paying."""

    def __init__(self, told: dict[str, object]) -> None:
        self.api, self.told = told["api"], told
        self.began = f"{datetime.now(UTC) - QUIET:%Y-%m-%dT%H:%M:%SZ}"
        """Before it the payments of the month are all there is."""
        self.people = {
            one["role"]: Operator(one["name"], SimpleNamespace(**one))
            for one in told["console_operators"]
        }
        self._api = httpx.Client(base_url=self.api, timeout=30)
        self._sandbox = httpx.Client(base_url=told["sandbox"], timeout=30)
        self._turn = threading.Lock()

    def pay(self, line: int = SHOP) -> str:
        """One payment, with the code that was texted; its number."""
        told = self.told["lines"][line]
        with self._turn:  # a phone has one newest code
            order = self._post(
                "/v1/quick-payments",
                told["api_key"],
                {
                    "out_biz_no": uuid.uuid4().hex[:16],
                    "amount": random.randrange(900, 90_000),
                    "currency": "CNY",
                    "card_id": told["card_id"],
                    "subject": random.choice(GOODS),
                },
            )
            no = order["pay_order_no"]
            asked = {"phone": told["phone"]}
            texts = self._sandbox.get("/control/sms", params=asked).json()
            body = {"sms_verify_code": texts[-1]["code"]}
            path = f"/v1/quick-payments/{no}/confirm"
            self._post(path, told["api_key"], body)
        return no

    @contextmanager
    def busy(self) -> Iterator[None]:
        """People pay all the while: one after the other, some by another line."""
        end = threading.Event()

        def on_and_on() -> None:
            for nth in itertools.count(1):
                self.pay(SHOP if nth % OTHERS_EVERY else TICKETS)
                if end.wait(random.uniform(0, 2 * PAUSE_S)):
                    return

        paying = threading.Thread(target=on_and_on)
        paying.start()
        try:
            yield
        finally:
            end.set()
            paying.join()

    def _post(self, path: str, api_key: str, body: dict[str, object]) -> dict:
        head = {
            "Authorization": f"Bearer {api_key}",
            "Idempotency-Key": uuid.uuid4().hex,
        }
        answer = self._api.post(path, json=body, headers=head)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def close(self) -> None:
        """Hang up."""
        self._api.close()
        self._sandbox.close()


@contextmanager
def month() -> Iterator[Month]:
    """Fill a folder, run on it, and stop with the block."""
    folder = Path(KEPT) if KEPT else fresh_folder("paycore-month-")
    ports = ("--port", "0", "--sandbox-port", "0")
    command = (sys.executable, "-m", "paycore", "dev", "--data", str(folder), *ports)
    process = subprocess.Popen(
        [*command, "--history", str(PAYMENTS), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    made = None
    late = threading.Timer(FILLED_WITHIN_S, process.kill)
    late.start()
    try:
        line = next((one for one in process.stdout if one.startswith("{")), None)
        assert line is not None, "paycore dev did not start"
        late.cancel()
        made = Month(json.loads(line))
        yield made
    finally:
        late.cancel()
        if made is not None:
            made.close()
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=ENDS_WITHIN_S)
        process.kill()
        process.wait()
        if not KEPT:
            shutil.rmtree(folder, ignore_errors=True)

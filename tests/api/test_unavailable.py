"""When the node cannot: the database away, a bug in our own code."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx2 as httpx
import pytest
from litestar import Litestar, get
from litestar.testing import TestClient
from posting import opened
from stack import key

from paycore.api.application import EXCEPTION_HANDLERS

BACK_S = 60


def test_without_its_database_the_node_says_503_and_comes_back(payer, stack):
    """503 with Retry-After and nothing recorded; then the same key is processed."""
    body, one = payer.order(), key()
    payer.api.get("/v1/payments")
    stack.on.cluster.kill()
    try:
        away = payer.api.post("/v1/quick-payments", json=body, headers=one)
        search = payer.api.get("/v1/payments")
        ready = payer.api.get("/readyz")
    finally:
        stack.on.cluster.restart()
    deadline = time.monotonic() + BACK_S
    while (back := _again(payer, body, one)).status_code != 201:
        assert time.monotonic() < deadline, back.text
        time.sleep(0.2)

    assert (503, "UNAVAILABLE") == (away.status_code, away.json()["code"])
    assert int(away.headers["retry-after"]) >= 1
    assert one["Idempotency-Key"] == away.headers["idempotency-key"]
    assert (503, "UNAVAILABLE") == (search.status_code, search.json()["code"])
    assert (503, False) == (ready.status_code, ready.json()["has"]["database"])
    assert 1 == len(stack.sms(payer.phone)), back.text


@pytest.mark.long
def test_no_death_of_the_database_is_a_500_to_who_reads(payer, stack):
    """F64: whatever a connection was doing when its server died, a search is answered
    503, for it is not the search that was wrong.
    """
    answers, over = Counter(), Event()

    def search() -> None:
        while not over.is_set():
            answers[payer.api.get("/v1/payments").status_code] += 1

    with ThreadPoolExecutor(6) as pool:
        searching = [pool.submit(search) for _ in range(6)]
        for _ in range(6):
            time.sleep(0.5)
            stack.on.cluster.kill()
            stack.on.cluster.restart()
        over.set()
        for each in searching:
            each.result()

    opened(payer)  # whoever comes next finds a node that takes payments again
    assert {200, 503} == answers.keys()


def _again(payer, body, one) -> httpx.Response:
    return payer.api.post("/v1/quick-payments", json=body, headers=one)


@get("/boom")
async def boom() -> None:
    """Fail as a bug does, with something in the message that nobody may see."""
    raise RuntimeError("card 6222020200112233446")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_bug_is_a_500_that_says_nothing():
    """Code INTERNAL, in our form; what was raised is in the log and nowhere else."""
    app = Litestar(
        [boom], exception_handlers={**EXCEPTION_HANDLERS}, openapi_config=None
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/boom")

    assert (500, "INTERNAL") == (answer.status_code, answer.json()["code"])
    assert "6222" not in answer.text
    assert "RuntimeError" not in answer.text

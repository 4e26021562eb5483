"""What is old goes while payments run, and a node does so by itself once a day."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx2 as httpx
import pytest
from inside import inside
from sql import ask
from stack import SHOP, TICKETS, Payer, Stack, stacked

from paycore.dev.processes import NodeProcess
from paycore.retention import service

MONTHLY = ("gateway_message", "router_decision", "trail", "sms_code")
MONTHS_AGO = (15, 16, 17, 18)
LONGER_AGO = (19, 20, 21)
ROWS = 2000
WITHIN_S = 120.0

PARTITION = """
SELECT ensure_partitions(
    (date_trunc('month', clock_timestamp()) - make_interval(months => $1))::date, 1)
"""
# Four rows a payment that nobody remembers, in the middle of the month.
MESSAGES = """
INSERT INTO gateway_message
SELECT to_char(at, 'YYMMDDHH24MISS') || lpad(n::text, 14, '0'), gen_random_uuid(), 1,
       'OUT', 'confirm', 'quick_a', 'main', at, '', repeat('x', 200), NULL
FROM (SELECT n, date_trunc('month', clock_timestamp()) - make_interval(months => $1)
             + interval '14 days' AS at
      FROM generate_series(1, $2::int) AS n) AS old, generate_series(1, 4)
"""


@pytest.fixture(scope="module")
def calm() -> Iterator[Stack]:
    """A stack whose node takes nothing away by itself."""
    with stacked(retention_hour=-1) as stack:
        yield stack


def _fill(stack: Stack, ago: Sequence[int]) -> None:
    """Months of long ago."""
    for months in ago:
        ask(stack, PARTITION, months)
        ask(stack, MESSAGES, months, ROWS)


def _old(stack: Stack) -> int:
    """How many partitions there are of long ago."""
    ((number,),) = ask(
        stack,
        "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent::regclass::text = ANY($1::text[])"
        " AND right(c.relname, 4) < to_char(clock_timestamp(), 'YYMM')"
        " AND c.relname ~ '_p[0-9]{4}$'",
        list(MONTHLY),
    )
    return number


@contextmanager
def _paying(stack: Stack, payers: int) -> Iterator[list[str]]:
    """Payers that pay one order after the other; what they were not answered well."""
    stop, wrong, paid = threading.Event(), [], []

    def pay(payer: Payer) -> None:
        while not stop.is_set():
            answer = payer.open()
            if answer.status_code != 201:
                wrong.append(answer.text)
                continue
            no = answer.json()["pay_order_no"]
            end = payer.confirm(no)
            if end.status_code != 200 or payer.until(no)["biz_status"] != "SUCCESS":
                wrong.append(end.text)
            paid.append(end)

    threads = [
        threading.Thread(target=pay, args=(stack.payer(line),))
        for line in (SHOP, TICKETS) * (payers // 2)
    ]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert paid


def _remove(stack: Stack) -> service.Report:
    """All that is old, at once."""
    dsn = stack.on.cluster.dsn
    return inside(stack, lambda node: service.remove(node, dsn))


def _figures(node: NodeProcess) -> str:
    return httpx.get(f"{node.info.api}/metrics", timeout=WITHIN_S).text


ENDED = "SELECT * FROM job WHERE job = 'retention' AND finished_at IS NOT NULL"


@pytest.mark.long
def test_a_node_takes_away_once_a_day(calm: Stack):
    """From its hour on, by itself, and of each table a month that has anything in it:
    the day's row says what came of it, and its figures how much it was.

    (First: a month that was touched today is gone on with, whoever touched it.)
    """
    _fill(calm, LONGER_AGO)
    node = calm.start_node(retention_hour=0)
    deadline = time.monotonic() + WITHIN_S
    while not (rows := ask(calm, ENDED)):
        assert time.monotonic() < deadline, ask(calm, "SELECT * FROM job")
        time.sleep(0.2)
    last = 'paycore_job_timestamp_seconds{job="retention"} 1.'
    while last not in (figures := _figures(node)):
        assert time.monotonic() < deadline, figures
        time.sleep(0.2)

    ((job, result),) = ((row["job"], row["result"]) for row in rows)
    assert "retention" == job
    assert f"gateway_message: {service.ENOUGH_TODAY}" in result
    assert len(LONGER_AGO) - 1 == _old(calm)
    assert f'retention_rows_total{{table="gateway_message"}} {ROWS * 4}.0' in figures
    _remove(calm)
    assert 0 == _old(calm)


def test_payments_go_on_while_months_go(calm: Stack):
    """Every order is opened and paid while four months of four tables are taken out
    from under it, one lock after the other; the auditor finds nothing at the end.
    """
    _fill(calm, MONTHS_AGO)
    assert len(MONTHS_AGO) * len(MONTHLY) == _old(calm)
    with _paying(calm, 6) as wrong:
        report = _remove(calm)

    assert [] == wrong
    assert report.done, report.sentence()
    assert 0 == _old(calm)
    (messages,) = (one for one in report.lines if one.table == "gateway_message")
    assert len(MONTHS_AGO) * ROWS * 4 == messages.removed_rows

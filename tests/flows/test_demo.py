"""The demo, as its users run it, and what it would say if bank and books differed."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from paycore.dev.demo.compare import Compared, compare
from paycore.dev.demo.outside import Charge, Detail, Entry, Item, Order
from paycore.kernel.postgres import fresh_folder

WITHIN_S = 60
NOW = datetime(2026, 11, 20, tzinfo=UTC)

DEAF = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")
"""Starts a program as a script starts one with &: Ctrl-C is ignored."""


@pytest.fixture
def temporary(monkeypatch) -> Iterator[Path]:
    """A folder of this test's own for what is temporary."""
    folder = fresh_folder("demo-")
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    folder.rmdir()  # refuses where something is left


def test_the_demo_ends_well_within_a_minute(temporary):
    """Six payments: two converted, two recovered, none about which anybody differs;
    the last line is JSON, and nothing is left on disk.
    """
    ended = _demo(timeout=WITHIN_S)

    assert 0 == ended.returncode, ended.stdout + ended.stderr
    assert "" == ended.stderr
    assert {"payments": 6, "converted": 2, "recovered": 2, "differences": 0} == (
        json.loads(ended.stdout.splitlines()[-1])
    )
    assert "paycore dev" in ended.stdout
    assert max(map(len, ended.stdout.splitlines()[:-1])) <= 80


@pytest.mark.parametrize(
    ("before", "sign"),
    [
        pytest.param((), signal.SIGINT, id="Ctrl-C"),
        pytest.param((), signal.SIGTERM, id="SIGTERM"),
        pytest.param((), signal.SIGHUP, id="the terminal's end"),
        pytest.param(DEAF, signal.SIGTERM, id="SIGTERM in a script's background"),
    ],
)
def test_a_demo_that_is_stopped_leaves_nothing(temporary, before, sign):
    """Ctrl-C, SIGTERM and the terminal's end take the database, the sandbox and the
    folder away; SIGTERM also where a shell had Ctrl-C ignored.
    """
    with _started(*before) as demo:
        assert demo.stdout is not None
        while "1/6" not in demo.stdout.readline():
            pass
        demo.send_signal(sign)
        began = time.monotonic()
        _, said = demo.communicate(timeout=WITHIN_S)

    assert 130 == demo.returncode
    assert "paycore demo: stopped; nothing of it is left\n" == said
    assert time.monotonic() - began < 20


def test_what_all_say_alike_is_no_difference():
    """Charged once, told and posted alike: they agree; unpaid and uncharged as well."""
    unpaid = _order(pay_order_no="2", biz_status="CLOSED")

    rows = _compared([_order(), unpaid], [_charge()], {"1": 100, "2": 0})

    assert [True, True] == [row.agrees for row in rows]


@pytest.mark.parametrize(
    ("orders", "charges", "posted"),
    [
        pytest.param(["SUCCESS"], [100, 100], 100, id="charged twice"),
        pytest.param(["SUCCESS"], [101], 100, id="charged another amount"),
        pytest.param(["SUCCESS"], [], 100, id="never charged"),
        pytest.param(["SUCCESS"], [100], 0, id="not posted"),
        pytest.param(["FAIL"], [100], 0, id="charged, and called failed"),
        pytest.param(["DOING"], [100], 0, id="charged, and no last word"),
        pytest.param(["DOING"], [], 0, id="no last word"),
        pytest.param([], [100], 0, id="charged for nobody"),
    ],
)
def test_a_difference_is_found(orders, charges, posted):
    """Whoever of the three says something else, it is a difference."""
    rows = _compared(
        [_order(biz_status=status) for status in orders],
        [_charge(amount=amount) for amount in charges],
        {"1": posted},
    )

    assert not all(row.agrees for row in rows)


def test_money_in_another_currency_is_a_difference():
    """A hundred of something else is not the hundred that was asked for."""
    (row,) = _compared([_order()], [_charge(currency="USD")], {"1": 100})

    assert not row.agrees


def _demo(*, timeout: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "paycore", "demo"],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def _started(*before: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*before, sys.executable, "-u", "-m", "paycore", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _compared(orders, charges, posted: dict[str, int]) -> list[Compared]:
    return compare(
        orders, charges, {no: [_posting(sum_)] for no, sum_ in posted.items()}
    )


def _order(*, pay_order_no: str = "1", biz_status: str = "SUCCESS") -> Order:
    return Order(
        pay_order_no=pay_order_no,
        biz_status=biz_status,
        verify_status="PASS",
        resp_code="",
        resp_msg="",
        amount=120,
        payable_amount=100,
        currency="CNY",
        code=None,
    )


def _charge(*, amount: int = 100, currency: str = "CNY") -> Charge:
    return Charge(
        bank="quick_a",
        kind="charge",
        pay_order_no="1",
        amount=amount,
        currency=currency,
        at=NOW,
    )


def _posting(amount: int) -> Item:
    entries = [
        Entry(account="channel_receivable:quick_a:main", side="DEBIT", amount=amount),
        Entry(account="merchant_pending:shop", side="CREDIT", amount=amount),
    ]
    detail = Detail(entries=entries if amount else [])
    return Item(at=NOW, kind="posting", title="PAYMENT", detail=detail)

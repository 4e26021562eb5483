"""The demo, as its users run it, and what it would say if bank and books differed."""

import asyncio
import io
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from paycore.accounting.queries import Balance
from paycore.dev.demo import afterwards, agreed
from paycore.dev.demo.compare import Compared, compare
from paycore.dev.demo.desk import Books
from paycore.dev.demo.outside import (
    Charge,
    DemoBroke,
    Detail,
    Entry,
    Item,
    Order,
    Refund,
)
from paycore.dev.demo.play import Act, Play
from paycore.dev.demo.run import Result
from paycore.dev.demo.show import Screen
from paycore.dev.demo.stage import folder, set_up
from paycore.kernel.postgres import fresh_folder

pytestmark = pytest.mark.long

WITHIN_S = 300
"""On a machine that does much else meanwhile; alone it is a third of a minute."""
NOW = datetime(2026, 11, 20, tzinfo=UTC)

SAID = (
    "the card ending in 4553 is ACTIVE",
    "number 2 took it: SUCCESS",
    "gives 45.00 CNY back",
    "LATE_MONEY_CAME (CHARGED_WITHOUT_CONFIRM)",
    "bank 0.00 = order 0.00 = books 0.00",
    "4 statements reconciled, 1 cases",
    "would execute it alone: refused, it needs a second person",
    "anna executes it: DONE",
    "2 of 2 cases settled, 0 differences",
    "http://127.0.0.1:8000/console/ (it prints who may log in)",
    "the page to pay on, whose address it prints",
)
"""What the stories after the kill show, a line or two each; and what to open then."""

DEAF = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")
"""Starts a program as a script starts one with &: Ctrl-C is ignored."""


@pytest.fixture
def temporary(monkeypatch) -> Iterator[Path]:
    """A folder of this test's own for what is temporary."""
    folder = fresh_folder("demo-")
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    folder.rmdir()  # refuses where something is left


def test_the_demo_ends_well(temporary):
    """Eleven payments: whatever a story is about happened, nobody differs about any,
    the books are even and no case is open; the last line is JSON, and nothing is left
    on disk.
    """
    ended = _demo(timeout=WITHIN_S)

    assert 0 == ended.returncode, ended.stdout + ended.stderr
    assert "" == ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == {
        "payments": 11,
        "converted": 2,
        "recovered": 2,
        "signed": 1,
        "deducted": 2,
        "refunded": 1,
        "returned": 1,
        "cases": 2,
        "open_cases": 0,
        "unbalanced": 0,
        "differences": 0,
    }
    lines = [line.strip() for line in ended.stdout.splitlines()]
    assert not [said for said in SAID if not any(said in line for line in lines)]
    assert "paycore dev" in ended.stdout
    assert max(map(len, ended.stdout.splitlines()[:-1])) <= 80


def test_the_demo_over_providers_protocols_ends_well(temporary):
    """Quick pay by UnionPay, deduct by Huifu and by Stripe, a code by Aliyun: each
    bank's own record is what the orders and the books say.
    """
    ended = _demo(*("--channels", "unionpay,huifu,stripe,aliyun"), timeout=WITHIN_S)

    assert 0 == ended.returncode, ended.stdout + ended.stderr
    assert "" == ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert (6, 2, 1) == (told["payments"], told["converted"], told["refunded"])
    assert (0, 0, 0) == (told["differences"], told["unbalanced"], told["cases"])
    took = re.findall(r" bank +(\w+) takes ", ended.stdout)
    # As each story says beforehand.
    assert ["unionpay", "huifu", "stripe", "unionpay", "unionpay", "huifu"] == took
    assert "by carrier aliyun" in ended.stdout


def test_the_demo_says_whom_its_stories_need():
    """A list that lacks somebody is refused before anything starts."""
    some = _demo("--channels", "unionpay,aliyun", timeout=WITHIN_S)
    strange = _demo("--channels", "unionpay,alipay", timeout=WITHIN_S)

    assert (2, 2) == (some.returncode, strange.returncode)
    assert "need unionpay, huifu, stripe and one of" in some.stderr
    assert "--channels are of unionpay," in strange.stderr


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
        assert any("1/11" in line for line in demo.stdout)
        demo.send_signal(sign)
        began = time.monotonic()
        _, said = demo.communicate(timeout=WITHIN_S)

    assert 130 == demo.returncode
    assert "paycore demo: stopped; nothing of it is left\n" == said
    assert time.monotonic() - began < 60


async def _refuse_signing(play: Play) -> None:
    await play.control.break_("bank.quick_b.sign", "decline:CARD_LOST", count=None)


async def _refuse_money(play: Play) -> None:
    await play.control.break_("bank.*.deduct", "decline:OVER_LIMIT", count=None)


async def _refuse_refunds(play: Play) -> None:
    await play.control.break_("bank.*.refund", "decline:OVER_LIMIT", count=None)


async def _plant_more(play: Play) -> None:
    """Another bank's statement, of a payment that was just made, is wrong as well."""
    await afterwards.refunded(play)
    charge = (await play.control.charges())[-1]
    day = charge.at.date()
    await play.control.it_is(day + timedelta(days=1))
    await play.control.plant(charge.bank, day, "other_fee", seed=0)


async def _charge_twice(play: Play) -> None:
    await play.control.break_("bank.*.deduct", "charge_twice", count=1)


SPOILED = (
    (agreed.signed, _refuse_signing, "no text came to"),
    (agreed.deducted, _refuse_money, "the second bank was not asked"),
    (afterwards.refunded, _refuse_refunds, "the refund is FAIL"),
    (afterwards.late, _refuse_refunds, "the late money did not go back"),
    (afterwards.reconciled, _charge_twice, "the bank charged a deduction more"),
    (afterwards.reconciled, _plant_more, "other differences were found"),
)
"""A story, what keeps it from happening, and what it must say then."""


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
def test_a_story_that_did_not_happen_breaks_the_demo():
    """Where the bank does not sign, take or give back, or where other differences are
    found than were planted, a story does not end as if it had gone well.
    """
    with folder() as ground:
        said = asyncio.run(_spoiled(ground))

    expected = [words for _, _, words in SPOILED]
    assert expected == [
        one[: len(words)] for one, words in zip(said, expected, strict=True)
    ], said


async def _spoiled(ground) -> list[str]:
    """What each story says that cannot happen."""
    stage = await set_up(ground)
    try:
        stage.start_node()
        play = Play(stage=stage, screen=Screen(Console(file=io.StringIO())))
        return [await _ends(play, act, spoil) for act, spoil, _ in SPOILED]
    finally:
        await stage.close()


async def _ends(play: Play, act: Act, spoil: Callable[[Play], Awaitable[None]]) -> str:
    try:
        await spoil(play)
        await act(play)
    except DemoBroke as broke:
        return str(broke)
    finally:
        await play.control.mend()
    return "as if it had gone well"


def test_books_that_are_not_even_are_a_failure():
    """A currency that does not come to zero, an open case, a difference: the demo's
    end is not good. Money of two currencies is not set off.
    """
    even = [_balance("a", 700), _balance("b", -700), _balance("c", 0)]
    odd = [*even, _balance("d", 5, "USD"), _balance("e", -5, "CNY")]

    assert 0 == Books(balances=even).unbalanced
    assert {"CNY": (700, 700)} == Books(balances=even).totals
    assert 2 == Books(balances=odd).unbalanced
    assert _result().good
    for name in ("open_cases", "unbalanced", "differences"):
        assert not _result(**{name: 1}).good


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


def test_what_went_back_as_told_is_no_difference():
    """A part refunded, all of it refunded, and late money that went back: all agree."""
    back = [_charge(), _charge(kind="refund", amount=40)]

    part = _compared([_order()], back, {"1": 60}, [_refund(40)])
    back[1] = _charge(kind="refund")
    whole = _compared([_order()], back, {"1": 0}, [_refund(100)])
    late = _compared(
        [_order(biz_status="CLOSED")], back, {"1": 0}, [_refund(100, kind="LATE_MONEY")]
    )

    assert [True] * 3 == [row.agrees for row in (*part, *whole, *late)]


@pytest.mark.parametrize(
    ("status", "moved", "posted", "refunds"),
    [
        pytest.param("SUCCESS", [100, -40], 60, [], id="given back, and nobody told"),
        pytest.param("SUCCESS", [100], 60, [40], id="told, and not given back"),
        pytest.param("SUCCESS", [100, -40, -40], 20, [40], id="given back twice"),
        pytest.param("SUCCESS", [100, -40], 100, [40], id="given back, not posted"),
        pytest.param("SUCCESS", [100, -30], 70, [40], id="another amount"),
        pytest.param("SUCCESS", [100, 40, -40], 100, [], id="to and fro, untold"),
        pytest.param("CLOSED", [100], 0, [], id="late, and kept"),
        pytest.param("CLOSED", [100, -100], 0, [], id="late and back, untold"),
    ],
)
def test_a_difference_in_what_went_back_is_found(status, moved, posted, refunds):
    """Whoever says something else about a refund, it is a difference."""
    charges = [
        _charge(kind="charge" if amount > 0 else "refund", amount=abs(amount))
        for amount in moved
    ]

    (row,) = _compared(
        [_order(biz_status=status)], charges, {"1": posted}, map(_refund, refunds)
    )

    assert not row.agrees


def test_a_refund_without_a_last_word_is_a_difference():
    """What is still open is not agreed upon, whatever the sums say."""
    still = _refund(40, biz_status="DOING")

    (row,) = _compared([_order()], [_charge()], {"1": 100}, [still])

    assert not row.agrees


def test_money_in_another_currency_is_a_difference():
    """A hundred of something else is not the hundred that was asked for."""
    (row,) = _compared([_order()], [_charge(currency="USD")], {"1": 100})

    assert not row.agrees


def _demo(*words: str, timeout: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "paycore", "demo", *words],
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


def _compared(orders, charges, posted: dict[str, int], refunds=()) -> list[Compared]:
    items = {no: [_posting(sum_)] for no, sum_ in posted.items()}
    return compare(orders, charges, items, list(refunds))


def _balance(account: str, amount: int, currency: str = "CNY") -> Balance:
    return Balance(account=account, currency=currency, amount=amount)


def _result(**changes: int) -> Result:
    counts = dict.fromkeys(Result.__struct_fields__, 0)
    return Result(**{**counts, "payments": 11, "cases": 2, **changes})


def _refund(amount: int, *, kind: str = "ASKED", biz_status: str = "SUCCESS") -> Refund:
    return Refund(
        refund_no="1R01",
        pay_order_no="1",
        kind=kind,
        money_amount=amount,
        currency="CNY",
        biz_status=biz_status,
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
        pay_type="QUICK_PAY",
        code=None,
    )


def _charge(
    *, amount: int = 100, currency: str = "CNY", kind: str = "charge"
) -> Charge:
    return Charge(
        bank="quick_a",
        kind=kind,
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

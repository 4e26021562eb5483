"""Providers' own statements against our books: money is taken and partly given back,
and when the day is over its statement is fetched by the provider's own protocol. Every
line of it is ours; whatever is planted there is found, and called what it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from types import MappingProxyType

import pytest
from inside import inside, taken_up
from refunding import refund, until
from sql import ask
from stack import MALL, Payer, Stack, stacked

from paycore.gateway import accounts
from paycore.kernel.node import Node
from paycore.recon import service as recon
from paycore.recon.match import Kind
from paycore.recon.service import Outcome

PAID, REFUNDED = 10, 2
OVER = timedelta(days=5)
"""By then the day is over for everybody, and so are three more after it."""

BEIJING = timezone(timedelta(hours=8))
ZONES = MappingProxyType({"unionpay": BEIJING, "huifu": BEIJING, "stripe": UTC})
PROVIDERS = tuple(ZONES)

KINDS = MappingProxyType(
    {
        "missing_line": Kind.THEY_LACK,
        "missing_refund": Kind.REFUND_MISSING,
        "extra_line": Kind.WE_LACK,
        "other_amount": Kind.AMOUNT,
        "other_fee": Kind.FEE,
        "other_status": Kind.STATUS_THEIRS,
        "duplicate_line": Kind.DUPLICATE_LINE,
        "next_day": Kind.OTHER_DAY,
        "unknown_line": Kind.UNKNOWN_LINE,
        "other_currency": None,
    }
)
"""What each planted difference is called; None: the statement does not say it."""

OTHERWISE = MappingProxyType(
    {
        # It lists what moved, and nothing of what did not.
        "unionpay": {"other_status": Kind.THEY_LACK},
        "huifu": {},
        "stripe": {
            "other_status": Kind.THEY_LACK,
            # A stranger's charge has no number of ours, and it is no less a charge.
            "extra_line": Kind.UNKNOWN_LINE,
            "other_currency": Kind.CURRENCY,
            # A transaction is of the day on which it was made, whichever that is.
            "next_day": None,
        },
    }
)


@pytest.fixture(scope="module")
def books() -> Iterator[Stack]:
    with stacked(*PROVIDERS, retention_hour=-1) as made:
        yield made


@pytest.mark.parametrize("bank", PROVIDERS)
@pytest.mark.long
def test_a_providers_day_is_reconciled(books: Stack, bank: str):
    """F63: all of a true statement is matched; of one that is not each difference is
    named and has a case, and all are healed by the true one.
    """
    day = spent(books, bank)
    it_is(books, day + OVER)
    true = reconcile(books, bank, day)
    assert "RECONCILED" == true.statement.state, true
    assert (PAID + REFUNDED, 0) == (true.statement.figures.matched, true.cases)

    planted = [plant(books, bank, fault, day) for fault in KINDS]
    days = [day + timedelta(days=ahead) for ahead in range(4)]
    found = [reconcile(books, bank, each, anew=True) for each in days]
    wanted = expected(bank, planted)
    assert wanted == standing(books, bank)
    assert len(wanted) == sum(outcome.cases for outcome in found)

    books.control.delete("/control/statement_faults").raise_for_status()
    mended = [reconcile(books, bank, each, anew=True) for each in days]
    assert set() == standing(books, bank)
    assert PAID + REFUNDED == mended[0].statement.figures.matched
    it_is(books, None)


def spent(stack: Stack, bank: str) -> date:
    """Money taken and given back at this provider, and the day on which."""
    line = stack.lines[MALL]
    payer = Payer(stack, stack.client(MALL), line.card_id, line.phone)
    day = datetime.now(ZONES[bank]).date()
    with only(stack, bank):
        paid = [taken(payer, bank, 1000 + 7 * n) for n in range(PAID)]
        for no in paid[:REFUNDED]:
            number = refund(payer, no, 400).json()["refund_no"]
            assert "SUCCESS" == until(payer, number)["biz_status"]
    if datetime.now(ZONES[bank]).date() != day:
        pytest.skip("the provider's midnight came in between")
    return day


def taken(payer: Payer, bank: str, amount: int) -> str:
    """One payment, by the way that this provider offers."""
    if bank == "unionpay":
        no = payer.open(amount=amount).json()["pay_order_no"]
        payer.confirm(no)
    else:
        no = payer.deduct(amount=amount).json()["pay_order_no"]
    assert "SUCCESS" == payer.until(no)["biz_status"]
    assert [bank] == [charge["bank"] for charge in payer.stack.charges(no)]
    return no


@contextmanager
def only(stack: Stack, bank: str) -> Iterator[None]:
    """No other provider is chosen meanwhile."""
    others = [name for name in PROVIDERS if name != bank]
    switch(stack, others, enabled=False)
    yield
    switch(stack, others, enabled=True)


def switch(stack: Stack, names: list[str], *, enabled: bool) -> None:
    """Choose these providers, or no more."""
    for name in names:
        about = {"channel": name, "account": "main", "enabled": enabled}
        inside(stack, partial(accounts.switch, **about))
    taken_up(stack)


def it_is(stack: Stack, day: date | None) -> None:
    """What the providers' statement desks think."""
    told = {"today": day and day.isoformat()}
    stack.control.post("/control/statement_days", json=told).raise_for_status()


def plant(stack: Stack, bank: str, fault: str, day: date) -> dict:
    """Plant one, and hear where."""
    body = {"bank": bank, "date": day.isoformat(), "fault": fault}
    answer = stack.control.post("/control/statement_faults", json=body)
    answer.raise_for_status()
    (told,) = answer.json()
    return told


def expected(bank: str, planted: list[dict]) -> set[tuple[str, str]]:
    """What must stand: kind, and the payment's number, or the stranger's."""
    kinds = KINDS | OTHERWISE[bank]
    named = {
        (kinds[one["fault"]], one["pay_order_no"])
        for one in planted
        if kinds[one["fault"]] is not None
    }
    strangers = {one["pay_order_no"] for one in planted if one["fault"] == "extra_line"}
    if kinds["extra_line"] is not Kind.UNKNOWN_LINE:
        return named
    return {(kind, "" if no in strangers else no) for kind, no in named}


def standing(stack: Stack, bank: str) -> set[tuple[str, str]]:
    """The differences that stand at this provider."""
    query = "SELECT * FROM recon_difference WHERE channel = $1 AND healed_at IS NULL"
    return {
        (row["kind"], row["pay_order_no"] or row["request_no"][:26])
        for row in ask(stack, query, bank)
    }


def reconcile(stack: Stack, bank: str, day: date, *, anew: bool = False) -> Outcome:
    """One day of a provider's, by a node that knows that it is over."""

    async def act(node: Node) -> Outcome:
        node.clock.ahead = OVER
        key = (bank, "main")
        return await recon.run(node, stack.on.cluster.dsn, key, day, anew=anew)

    return inside(stack, act)

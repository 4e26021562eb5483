"""The export: a file that beancount reads, and finds nothing wrong with."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from ledger_books import pay

from paycore.accounting import beancount, queries, service
from paycore.accounting.queries import Posted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def posted(*lines, **changes):
    """A posting as it is exported."""
    given = {
        "pay_order_no": "1",
        "kind": "PAYMENT",
        "fact": "",
        "currency": "CNY",
        "at": NOW,
        "lines": list(lines),
        **changes,
    }
    return Posted(**given)


async def written(pool, *, begins=None, ends=None, account=None):
    """The file."""
    writer = beancount.Writer()
    lines = [*writer.head()]
    async for one in queries.exported(pool, begins, ends, account):
        lines += writer.posting(one)
    return "\n".join(lines) + "\n"


def test_a_posting_is_a_transaction():
    """Amounts in the currency's unit, accounts opened when they are first named."""
    writer = beancount.Writer()
    one = posted(("channel_receivable:quick_a:main", 900), ("merchant_pending:x", -900))

    assert [
        "2026-03-01 open Assets:Channel-Receivable:Quick-A:Main",
        '  paycore: "channel_receivable:quick_a:main"',
        "2026-03-01 open Liabilities:Merchant-Pending:X",
        '  paycore: "merchant_pending:x"',
        '2026-03-01 * "PAYMENT 1"',
        '  booked-at: "2026-03-01T12:00:00Z"',
        "  Assets:Channel-Receivable:Quick-A:Main  9.00 CNY",
        "  Liabilities:Merchant-Pending:X  -9.00 CNY",
    ] == list(writer.posting(one))
    assert "open" not in " ".join(writer.posting(one))


def test_a_currency_without_cents_has_none():
    """A yen is a yen."""
    one = posted(("marketing_cost", 7), ("merchant_pending:x", -7), currency="JPY")

    text = list(beancount.Writer().posting(one))
    assert "  Expenses:Marketing-Cost  7 JPY" in text


def test_two_accounts_that_would_be_spelled_alike_are_two():
    """Nothing of one is ever added to another."""
    one = posted(("merchant_pending:a_b", 5), ("merchant_pending:a-b", -5))

    names = [
        line.split("  ")[1]
        for line in beancount.Writer().posting(one)
        if line.endswith("CNY")
    ]
    assert [
        "Liabilities:Merchant-Pending:A-B",
        "Liabilities:Merchant-Pending:A-B-2",
    ] == names


async def test_from_to_and_account(node, pool):
    """What is before, after, or of another account is left out, a posting whole."""
    await pay(node, NOW - timedelta(days=1), amount=111)
    await pay(node, NOW, amount=222, coupon=22)
    await pay(node, NOW + timedelta(days=1), amount=333, channel="deduct_a")

    day = await written(pool, begins=NOW, ends=NOW + timedelta(days=1))
    other = await written(pool, account="channel_receivable:deduct_a")
    assert "2.22" in day
    assert "0.22" in day
    assert "1.11" not in day
    assert "3.33" not in day
    assert "3.33" in other
    assert "1.11" not in other


async def test_beancount_finds_nothing_wrong(node, pool, tmp_path):
    """Its own check, over every kind of posting; and its sums are our balances."""
    loader = pytest.importorskip("beancount.loader")
    await service.read(node)
    await pay(node, NOW, amount=1000, coupon=100)
    await pay(node, NOW, amount=5, currency="JPY", channel="x.Y-9")
    await service.adjust(
        node,
        "A-1",
        debit="differences",
        credit="payer_pending:shop",
        amount=3,
        currency="CNY",
        made_by='He "the" \\ One',
        why="a test",
    )
    file = tmp_path / "books.beancount"
    file.write_text(await written(pool), encoding="utf-8")

    entries, errors, _ = loader.load_file(str(file))
    checked = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "beancount.scripts.check", str(file)],
        capture_output=True,
        check=False,
    )
    assert (0, b"") == (checked.returncode, checked.stdout + checked.stderr)
    assert [] == errors
    assert _sums(entries) == {
        (balance.account, balance.currency): balance.amount
        for balance in await queries.balances(pool)
        if balance.amount
    }


def _sums(entries):
    """By our own names, which the file has beside beancount's."""
    opened = {e.account: e.meta["paycore"] for e in entries if hasattr(e, "booking")}
    sums = {}
    for entry in entries:
        for leg in getattr(entry, "postings", ()):
            key = (opened[leg.account], leg.units.currency)
            digits = 0 if leg.units.currency == "JPY" else 2
            added = int(leg.units.number.scaleb(digits))
            sums[key] = sums.get(key, 0) + added
    return {key: amount for key, amount in sums.items() if amount}

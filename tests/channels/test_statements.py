"""The sandbox's statements as our channel file fetches and reads them."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from strangers import Strangers

from paycore.gateway import fetching
from paycore.gateway import service as gateway
from paycore.gateway.channel import Account
from paycore.gateway.channels.sandbox import Sandbox, SandboxConfig
from paycore.gateway.fetching import Arrived
from paycore.gateway.statement import StatementBroken, Trade
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.node import Node

DAY = date(2026, 11, 28)
SECRET = "5c" * 32
CONFIG = SandboxConfig(merchant="M-100", secret=SECRET, encryption_key="ec" * 32)
ACCOUNT = Account(channel="bank", account="main", base_url="", config=CONFIG)
TOP = f"H,1,quick_a,M-100,{DAY},1795910460\n"
NAMES = "kind,request_id,pay_order_no,amount,currency,fee,bank_ref,status,at,summary\n"
LINES = (
    "charge,R1,P1,1250,CNY,5,101,SUCCESS,2026-11-28T08:15:30.123Z,消费\n",
    "refund,R2,P1,250,CNY,0,102,FAIL,2026-11-28T23:59:59.999Z,退款\n",
)


def written(lines: Sequence[str] = LINES, *, top: str = TOP, foot: str = "") -> bytes:
    """A file as the bank writes it, signed; `foot` is another trailer than its own."""
    body = (top + NAMES + "".join(lines)).encode()
    text = b"1795910460\n/v1/statement\n" + body
    signature = hmac.new(bytes.fromhex(SECRET), text, hashlib.sha256).hexdigest()
    return body + (foot or f"T,{len(lines)},{_total(lines)},{signature}\n").encode()


def _total(lines: Sequence[str]) -> int:
    """Of the lines that have an amount."""
    amounts = [line.split(",")[3:4] for line in lines]
    return sum(int(amount) for (amount,) in filter(None, amounts) if amount.isdigit())


async def read(octets: bytes, *, size: int = 7):
    """What our file makes of it, however it is cut on its way."""

    async def pieces():
        for at in range(0, len(octets), size):
            yield octets[at : at + size]

    return [one async for one in Sandbox().read_statement(ACCOUNT, DAY, pieces())]


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 16])
async def test_a_file_is_read_however_it_is_cut(size: int):
    """Every line, in our words, in order; pieces end anywhere, within a letter too."""
    charge, refund = await read(written(), size=size)
    moment = datetime(2026, 11, 28, 8, 15, 30, 123000, tzinfo=UTC)

    assert (1, Trade.CHARGE, "R1", "P1", 1250, "CNY") == charge[:6]
    assert (5, True, "101", moment, "") == charge[6:]
    assert (2, Trade.REFUND, 250, False) == (
        refund.no,
        refund.trade,
        refund.amount,
        refund.moved,
    )
    assert [] == await read(written(()), size=size)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "cut off"),
        (written()[:-90], "cut off"),
        (written()[:200], "cut off"),
        (written(foot=f"T,3,1500,{'0' * 64}\n"), "counts"),
        (written(foot=f"T,2,1501,{'0' * 64}\n"), "counts"),
        (written(foot=f"T,2,1500,{'0' * 64}\n"), "signature"),
        (written().replace(b"1250", b"1150").replace(b"1500", b"1400"), "signature"),
        (written().decode().encode("gb18030"), "UTF-8"),
        (written().decode().encode("utf-16"), "UTF-8"),
        (written(top=TOP.replace("M-100", "M-200")), "another merchant"),
        (written(top=TOP.replace("11-28", "11-27")), "another merchant or day"),
        (b"<html>busy</html>\n", "begin"),
        (written() + b"charge\n", "follow"),
        (written() * 2, "counts|follow|signature"),
    ],
)
async def test_a_file_that_is_no_good_is_refused(octets: bytes, why: str):
    """Cut, changed, of another day, in another encoding: it says what is wrong."""
    for size in (11, 1 << 16):
        with pytest.raises(StatementBroken, match=why):
            await read(octets, size=size)


@pytest.mark.parametrize(
    "line",
    [
        "charge,R1,P1,12.5,CNY,5,101,SUCCESS,2026-11-28T08:15:30.123Z,消费\n",
        "gift,R1,P1,1250,CNY,5,101,SUCCESS,2026-11-28T08:15:30.123Z,消费\n",
        "charge,R1,P1,1250,CNY,5,101,SUCCESS,yesterday,消费\n",
        "6222021234567894\n",
    ],
)
async def test_a_line_that_cannot_be_read_is_given_as_such(line: str):
    """It spoils neither the file nor the lines beside it, and shows no card."""
    before, bad, after = await read(written((LINES[0], line, LINES[1])))

    assert (1, 3) == (before.no, after.no)
    assert (2, None, None) == (bad.no, bad.trade, bad.amount)
    assert bad.fault
    assert "6222021234567894" not in bad.fault


async def test_a_statement_comes_as_it_was_sent(node: Node, strangers: Strangers):
    """From the real bank: yesterday's is there, a running day's is not; who is no
    customer gets none, and neither does an account without statements.
    """
    key = ("deduct_a", "main")
    credentials = {
        "merchant": strangers.merchant,
        "secret": strangers.secret,
        "encryption_key": strangers.encryption_key,
    }
    for account, secret in (("main", strangers.secret), ("forged", "00" * 32)):
        await gateway.save_account(
            node,
            channel="deduct_a",
            account=account,
            driver="sandbox",
            base_url=strangers.banks["deduct_a"],
            credentials={**credentials, "secret": secret},
        )
    await gateway.save_account(
        node,
        channel="sms_centre",
        account="main",
        driver="sms_centre",
        base_url="",
        credentials={"sign": "paycore"},
    )
    came: list[bytes] = []

    async def take(octets: bytes) -> None:
        came.append(octets)

    day = await fetching.today(node, key) - timedelta(days=1)
    whole = await fetching.fetch(node, key, day, take)
    early = await fetching.fetch(node, key, day + timedelta(days=1), take)
    forged = await fetching.fetch(node, ("deduct_a", "forged"), day, take)

    async def pieces():
        for piece in came:
            yield piece

    assert Arrived.WHOLE is whole.arrived
    lines = await fetching.reading(node, key, day, pieces())
    assert [] == [line async for line in lines]
    assert Arrived.ABSENT is early.arrived
    assert (Arrived.FAILED, "HTTP 401") == (forged.arrived, forged.said)
    with pytest.raises(BadRequest):
        await fetching.fetch(node, ("sms_centre", "main"), day, take)
    with pytest.raises(DataNotExist):
        await fetching.fetch(node, ("nobody", "main"), day, take)
    await gateway.refresh(node)
    listed = fetching.with_statements(node)
    assert [("deduct_a", "forged"), ("deduct_a", "main")] == listed

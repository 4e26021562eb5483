"""UnionPay's statement, read from files that are made here in its documented layout."""

import base64
import io
import tracemalloc
import zipfile
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from unionpay_calls import DRIVER, OPENED, ORDER, QUERY_ID, account_of
from unionpay_peer import MER_ID, Peer, issue, packed, raw, row

from paycore.gateway import unionpay_statement
from paycore.gateway.channel import Account
from paycore.gateway.statement import (
    StatementAbsent,
    StatementBroken,
    StatementLine,
    Trade,
)

DAY = date(2026, 3, 4)
TRADES = f"INN26030488ZM_{MER_ID}"

CHARGE = {
    "trade_code": "S22",
    "trace_time": "0304171832",
    "account": "622638******0095",
    "amount": "000000001000",
    "query_id": QUERY_ID,
    "order_id": f"{ORDER}01",
    "fee": "D000000000006",
    "settle": "C000000000994",
    "txn_type": "01",
    "sub_type": "01",
    "sub_name": "三杯咖啡",
    "custom": ORDER,
}
REFUND = CHARGE | {
    "trade_code": "S30",
    "trace_time": "0304180000",
    "amount": "000000000400",
    "query_id": "451803041800005987029",
    "order_id": f"{ORDER}R01",
    "fee": "C000000000002",
    "settle": "D000000000398",
    "txn_type": "04",
    "orig_query_id": QUERY_ID,
}


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer()


@pytest.fixture(scope="module")
def account(peer: Peer) -> Account:
    return account_of(peer)


def reply(content: str, **changes: str) -> dict[str, str]:
    return {
        "version": "5.1.0",
        "encoding": "UTF-8",
        "txnType": "76",
        "txnSubType": "01",
        "merId": MER_ID,
        "txnTime": "20260305100000",
        "settleDate": "0304",
        "fileType": "00",
        "fileName": f"{MER_ID}_20260304.zip",
        "fileContent": content,
        "respCode": "00",
        "respMsg": "成功[0000000]",
    } | changes


async def lines(account: Account, body: bytes, day: date = DAY) -> list[StatementLine]:
    async def octets() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 700):
            yield body[at : at + 700]

    return [one async for one in DRIVER.read_statement(account, day, octets())]


def test_it_is_asked_for_by_settle_day(account, peer):
    """At the files' own address, signed, for all files of a day."""
    request = DRIVER.ask_statement(account, DAY, at=OPENED, timeout_s=9)
    fields = dict(parse_qsl(request.body.decode(), strict_parsing=True))

    assert "https://filedownload.95516.com/" == request.url
    assert ("76", "01", "00", "0304", MER_ID) == (
        *(fields["txnType"], fields["txnSubType"], fields["fileType"]),
        *(fields["settleDate"], fields["merId"]),
    )
    assert fields["signature"] == peer.signature(fields, peer.merchant)


async def test_lines_are_read(account, peer):
    """Each column is where it is said to be, whatever stands between in Chinese; a fee
    that was kept is positive, one that came back negative.
    """
    content = packed({TRADES: [row(**CHARGE), row(**REFUND)], f"RD_{MER_ID}": [b"x"]})
    read = await lines(account, peer.reply(reply(content)))

    assert [
        StatementLine(
            *(1, Trade.CHARGE, f"{ORDER}01", ORDER, 1000, "CNY", 6, True, QUERY_ID),
            *(datetime(2026, 3, 4, 9, 18, 32, tzinfo=UTC), ""),
        ),
        StatementLine(
            *(2, Trade.REFUND, f"{ORDER}R01", ORDER, 400, "CNY", -2, True),
            REFUND["query_id"],
            *(datetime(2026, 3, 4, 10, tzinfo=UTC), ""),
        ),
    ] == read


async def test_several_files_of_trades(account, peer):
    """All of them are read, and lines are counted through."""
    other = {f"INN26030489ZM_{MER_ID}": [row(**REFUND), b""]}
    content = packed({TRADES: [row(**CHARGE)], **other})
    read = await lines(account, peer.reply(reply(content)))

    assert [(1, Trade.CHARGE), (2, Trade.REFUND)] == [
        (one.no, one.trade) for one in read
    ]


async def test_a_void_that_somebody_made_elsewhere(account, peer):
    """In UnionPay's console, for one: money that went back by no number of ours."""
    number = "CONSOLE20260304001"
    void = REFUND | {"txn_type": "31", "order_id": number, "custom": ""}
    content = packed({TRADES: [row(**CHARGE), row(**void)]})
    _, line = await lines(account, peer.reply(reply(content)))

    assert (Trade.REFUND, number, "", 400, True) == (
        *(line.trade, line.request_no, line.pay_order_no, line.amount, line.moved),
    )


async def test_an_error_trade_is_a_line_that_nobody_can_place(account, peer):
    """It corrects what another day's file said, so it must not be passed over; what is
    in which of its columns is not known, so it must not be read as a trade either.
    """
    wrong = f"E74 {'6222020200112233446':19} {CHARGE['amount']} 调单".encode("gbk")
    errors = {f"INN26030488ZME_{MER_ID}": [wrong, b""]}
    content = packed({TRADES: [row(**CHARGE)], **errors})
    good, bad = sorted(
        await lines(account, peer.reply(reply(content))), key=lambda one: one.fault
    )

    assert (Trade.CHARGE, "") == (good.trade, good.fault)
    assert (None, None, "") == (bad.trade, bad.amount, bad.request_no)
    assert bad.fault.startswith("ZME: E74")
    assert "6222020200112233446" not in bad.fault


def an_error(trace_no: str, time: str, amount: str, *, length: int = 339) -> bytes:
    """An error trade: what it holds is told by nobody, how wide it is by UnionPay."""
    first = f"E74 {'':11} {'':11} {trace_no:6} {time:10} {'':19} {amount:12} "
    return f"{first}{'...':{length - len(first)}}".encode("gbk")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            an_error("598702", "0303171832", f"{1000:012d}"),
            "ZME, it seems trace number 598702, 2026-03-03 17:18:32, 1000 fen: E74",
        ),
        (an_error("598702", "0303171832", f"{1000:012d}", length=340), "ZME: E74"),
        (an_error("", "0303171832", f"{1000:012d}"), "ZME: E74"),
        (an_error("598702", "1303171832", f"{1000:012d}"), "ZME: E74"),
        (an_error("598702", "0303171832", "-1000"), "ZME: E74"),
    ],
)
async def test_what_an_error_trade_seems_to_say(account, peer, wrong, said):
    """Trace number, moment and amount stand where they do in a trade, if they do: for
    whoever looks. The line is no more of a trade for it.
    """
    errors = {f"INN26030488ZME_{MER_ID}": [wrong]}
    content = packed({TRADES: [row(**CHARGE)], **errors})
    read = await lines(account, peer.reply(reply(content)))
    (bad,) = (one for one in read if one.fault)

    assert bad.fault.startswith(said)
    assert (None, None, None) == (bad.trade, bad.amount, bad.at)


async def test_error_trades_alone_are_no_statement(account, peer):
    """The trades' own file is there on every day that has one, be it empty."""
    errors = {f"INN26030488ZME_{MER_ID}": [b"E74"]}

    assert 1 == len(
        await lines(account, peer.reply(reply(packed({TRADES: []} | errors))))
    )
    with pytest.raises(StatementBroken, match="no trades"):
        await lines(account, peer.reply(reply(packed(errors))))


@pytest.mark.parametrize(
    "changes",
    [
        {"txn_type": "77"},
        {"txn_type": ""},
        {"amount": "-00000001000"},
        {"fee": "X000000000006"},
        {"trace_time": "0230000000"},
        {"mer_id": "777290058110098"},
    ],
)
async def test_a_line_that_cannot_be_read(account, peer, changes):
    """It is given as such, masked, and the others go on."""
    odd = row(**{**CHARGE, "account": "6226388000000095"} | changes)
    content = packed({TRADES: [odd, odd[:-1], row(**CHARGE)]})
    read = await lines(account, peer.reply(reply(content)))

    assert [None, None, Trade.CHARGE] == [one.trade for one in read]
    assert read[0].fault
    assert "6226388000000095" not in read[0].fault


@pytest.mark.parametrize(
    ("day", "stamp", "year"),
    [
        (date(2026, 1, 1), "1231230500", 2025),
        (date(2025, 12, 31), "0101000500", 2026),
        (date(2026, 3, 1), "0228235900", 2026),
        (date(2024, 2, 29), "0229120000", 2024),
    ],
)
async def test_the_year_of_a_line(peer, day, stamp, year):
    """A line does not say its year: it is that which is next to its day."""
    begin, end = datetime(2023, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
    root = issue("a root", begin=begin, end=end)
    leaf = issue("041@Z@00040000:SIGN@1", root, begin=begin, end=end)
    content = packed(
        {f"INN{day:%y%m%d}88ZM_{MER_ID}": [row(**CHARGE | {"trace_time": stamp})]}
    )
    asked = f"{day + timedelta(days=1):%Y%m%d}100000"
    said = reply(content, settleDate=f"{day:%m%d}", txnTime=asked)
    account = account_of(peer, issuers=root.pem)
    (line,) = await lines(account, peer.reply(said, leaf), day)

    assert line.at is not None
    assert year == line.at.year


async def test_there_is_none_yet(account, peer):
    """98 is no broken file: it is asked for again."""
    said = reply("", respCode="98", respMsg="文件不存在[5812000]")
    with pytest.raises(StatementAbsent):
        await lines(account, peer.reply(said))


@pytest.mark.parametrize(
    "changes",
    [
        {"respCode": "32"},
        {"respCode": "06"},
        {"merId": "777290058110098"},
        {"settleDate": "0303"},
        {"txnType": "77"},
        {"txnTime": "20260303100000"},
        {"txnTime": ""},
        {"fileContent": ""},
        {"fileContent": "x"},
        {"fileContent": base64.b64encode(b"no zip").decode()},
        {"fileContent": base64.b64encode(zlib.compress(b"no zip")).decode()},
        {"fileContent": packed({f"RD26030488_{MER_ID}": [b"x"]})},
        {"fileContent": packed({f"INN25030488ZM_{MER_ID}": [row(**CHARGE)]})},
        {"fileContent": packed({"INN26030488ZM_777290058110098": [row(**CHARGE)]})},
    ],
)
async def test_what_is_no_file_of_that_day(account, peer, changes):
    """Refused, of another day or merchant, or not to be unpacked: no good at all."""
    content = packed({TRADES: [row(**CHARGE)]})
    with pytest.raises(StatementBroken):
        await lines(account, peer.reply(reply(content, **changes)))


async def test_a_file_that_was_changed(account, peer):
    """Unsigned, cut, changed, or by a stranger: no good as a whole."""
    said = reply(packed({TRADES: [row(**CHARGE)]}))
    good = peer.signed(said)
    other = packed({TRADES: [row(**CHARGE | {"amount": "000000009999"})]})
    for body in (
        raw(said),
        raw(good)[:-1],
        raw({**good, "fileContent": other}),
        raw({**good, "respCode": "98"}),
        peer.reply(said, issue("041@Z@00040000:SIGN@1")),
        b"Invalid request.",
        b"",
    ):
        with pytest.raises(StatementBroken):
            await lines(account, body)


async def test_a_zip_that_is_damaged_inside(account, peer):
    """What its own sums deny is broken, even where it is signed."""
    content = packed({TRADES: [row(**CHARGE)]})
    zipped = bytearray(zlib.decompress(base64.b64decode(content)))
    zipped[len(TRADES) + 40] ^= 0xFF
    content = base64.b64encode(zlib.compress(bytes(zipped))).decode()
    with pytest.raises(StatementBroken):
        await lines(account, peer.reply(reply(content)))


async def test_who_signed_before_is_believed_while_keys_are_replaced(account, peer):
    """As an answer is: a file may be asked for, or read again, in between."""
    newer = Peer()
    both = replace(account_of(newer), former=account)
    body = peer.reply(reply(packed({TRADES: [row(**CHARGE)]})))

    assert 1 == len(await lines(both, body))
    with pytest.raises(StatementBroken):
        await lines(account_of(newer), body)


def _deflated(octet: bytes, count: int) -> bytes:
    """So many of one octet, which is nearly nothing."""
    stream, block = zlib.compressobj(9), octet * (1 << 20)
    pieces = [stream.compress(block) for _ in range(count >> 20)]
    return b"".join((*pieces, stream.flush()))


@pytest.mark.parametrize("what", ["zip", "line", "lines", "cut"])
async def test_what_would_fill_our_memory_is_no_statement(
    account, peer, what, monkeypatch
):
    """A file that unpacks to more than any: as a whole, in one line, or in all."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        octet = b"\n" if what == "lines" else b"A"
        archive.writestr(TRADES, octet * (64 << 20 if what == "line" else 3 << 20))
    monkeypatch.setattr(unionpay_statement, "LARGEST_OCTETS", 4 << 20)
    if what == "lines":
        monkeypatch.setattr(unionpay_statement, "MOST_OCTETS", 2 << 20)
    octets = {
        "zip": _deflated(b"\0", 64 << 20),
        "cut": zlib.compress(file.getvalue())[:-4],
    }.get(what, zlib.compress(file.getvalue()))
    body = peer.reply(reply(base64.b64encode(octets).decode()))
    tracemalloc.start()
    try:
        with pytest.raises(StatementBroken):
            await lines(account, body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16 << 20

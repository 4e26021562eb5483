"""Huifu's statements: where the files are, how they are kept, what is in them."""

import csv
import io
import json
import tracemalloc
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from huifu_peer import HUIFU, NO, account, answer, public_pem
from werkzeug import Request, Response

from paycore.gateway.channels.huifu import Huifu
from paycore.gateway.statement import Arrived, StatementBroken, Trade
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport

DAY, BEARS = date(2026, 11, 28), "20261129"
AFTERNOON = datetime(2026, 11, 29, 5, 0, tzinfo=UTC)
"""One o'clock in Beijing, the day after."""
HEADING = (
    *("trans_date", "req_seq_id", "hf_seq_id", "trans_type", "trans_amt", "fee_amt"),
    *("trans_stat", "trans_finish_time"),
)
PAID = (
    *("20261128", f"{NO}01", "HF1", "QUICK_PAY", "1234.56", "0.07", "S"),
    "20261128235959",
)
GIVEN_BACK = (
    *("20261128", f"{NO}R01", "HF2", "REFUND", "-4.00", "-0.01", "S"),
    "2026-11-28 10:00:00",
)
FAILED = ("20261128", f"{NO}02", "HF3", "WITHHOLD", "1.00", "", "F", "")
NAME = f"20261128_{HUIFU}_order_1.csv"


def table(*rows, heading=HEADING, encoding="utf-8-sig"):
    """A CSV as they write it, or nearly."""
    text = io.StringIO()
    csv.writer(text).writerows((heading, *rows))
    return text.getvalue().encode(encoding)


def zipped(*tables, name=NAME):
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, one in enumerate(tables):
            archive.writestr(f"{number}/{name}", one)
    return octets.getvalue()


def kept(*files, names=None, **changed):
    """What is kept of a day: a line of JSON, and each file in pieces."""
    head = {
        "huifu_id": HUIFU,
        "file_date": BEARS,
        "files": names or ["x.zip"] * len(files),
    }
    octets = json.dumps(head | changed).encode() + b"\n"
    for file in files:
        for at in range(0, len(file), 100):
            piece = file[at : at + 100]
            octets += len(piece).to_bytes(4, "big") + piece
        octets += bytes(4)
    return octets


async def read(octets, at=None, size=37):
    """What the adapter makes of it, however it is cut on its way."""

    async def pieces():
        for start in range(0, len(octets), size):
            yield octets[start : start + size]

    found = Huifu().read_statement(at or account(), DAY, pieces())
    return [line async for line in found]


# --- reading --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 37, 1 << 20])
async def test_a_statement_is_read_however_it_is_cut(size):
    """Split files and several zips are one; amounts are fen and have no sign."""
    octets = kept(
        zipped(table(PAID, GIVEN_BACK), table(FAILED)), zipped(table(), table(PAID))
    )
    paid, back, failed, last = await read(octets, size=size)
    at = datetime(2026, 11, 28, 15, 59, 59, tzinfo=UTC)

    assert (1, Trade.CHARGE, f"{NO}01", "", 123_456, "CNY", 7) == paid[:7]
    assert (True, "HF1", at, "") == paid[7:]
    assert (2, Trade.REFUND, f"{NO}R01", 400, -1, True) == (
        *(back.no, back.trade, back.request_no, back.amount, back.fee, back.moved),
    )
    assert datetime(2026, 11, 28, 2, tzinfo=UTC) == back.at
    assert (3, False, None, None) == (failed.no, failed.moved, failed.fee, failed.at)
    assert 4 == last.no


@pytest.mark.parametrize("row", [b"A", b'"A\n",'])
async def test_a_row_that_would_fill_our_memory_is_no_statement(row):
    """A small zip, and in it a row that has no end: in one line, or in many."""
    octets = zipped(table(PAID) + row * (4 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(StatementBroken, match="longer than any"):
            await read(kept(octets), size=1 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 3 << 20


async def test_a_day_without_trades_is_read():
    """No file, or files without lines."""
    assert [] == await read(kept())
    assert [] == await read(kept(zipped(table())))
    assert [] == await read(kept(zipped()))


async def test_columns_are_those_that_the_account_says():
    """By their headings, in whatever order, language and words."""
    at = account(
        bill_encoding="gb18030",
        bill_columns={
            "request_no": "商户订单号",
            "amount": "交易金额",
            "trade": "交易类型",
            "status": "",
            "fee": "",
            "at": "",
            "channel_ref": "流水",
        },
        bill_charges=("快捷",),
        bill_refunds=("退款",),
    )
    heading = ("流水", "交易类型", "商户订单号", "交易金额")
    rows = (("`HF1", "快捷", f"\t{NO}01C", "0.5"), ("HF2", "退款", f'="{NO}R01"', "1"))
    paid, back = await read(
        kept(zipped(table(*rows, heading=heading, encoding="gb18030"))), at
    )

    assert (Trade.CHARGE, f"{NO}01", 50, "HF1") == (
        *(paid.trade, paid.request_no, paid.amount, paid.channel_ref),
    )
    assert (Trade.REFUND, f"{NO}R01", 100, True, None) == (
        *(back.trade, back.request_no, back.amount, back.moved, back.at),
    )


@pytest.mark.parametrize(
    "row",
    [
        (*PAID[:4], "12.345", *PAID[5:]),
        (*PAID[:3], "GIFT", *PAID[4:]),
        (*PAID[:4], "-1.00", *PAID[5:]),
        (*PAID[:7], "yesterday 1"),
        PAID[:5],
        ("card 6222021234567894", *PAID[1:4], "", *PAID[5:]),
    ],
)
async def test_a_line_that_cannot_be_read_is_given_as_such(row):
    """It spoils neither the file nor the lines beside it, and shows no card."""
    before, bad, after = await read(kept(zipped(table(PAID, row, PAID))))

    assert (1, 3, "") == (before.no, after.no, after.fault)
    assert (2, None, None) == (bad.no, bad.trade, bad.amount)
    assert bad.fault
    assert "6222021234567894" not in bad.fault


def corrupted():
    """A zip in which one octet of the deflated table is another."""
    file = bytearray(zipped(table(*[PAID] * 50)))
    file[120] ^= 0xFF
    return bytes(file)


WHOLE = kept(zipped(table(PAID)))


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "does not begin"),
        (b"{}\n", "does not begin"),
        (b"\xff\n", "does not begin"),
        (WHOLE[:-1], "cut off"),
        (WHOLE[:-4], "cut off"),
        (WHOLE[: len(WHOLE) // 2], "cut off"),
        (WHOLE + b"x", "follows"),
        (kept(zipped(table(PAID)), names=["a", "b"]), "cut off"),
        (kept(huifu_id="6666"), "another merchant"),
        (kept(file_date="20261128"), "another merchant or day"),
        (
            kept(zipped(table()), names=["20261128_6666_order_1.zip"]),
            "another merchant",
        ),
        (kept(zipped(table(), name="20261128_6666_order_1.csv")), "another merchant"),
        (kept(b"PK no zip"), "broken"),
        (kept(zipped(table(PAID))[:-30]), "broken"),
        (kept(corrupted()), "broken|CSV|utf"),
        (kept(zipped(table(heading=("a", "b")))), "heading lacks fee_amt, hf_seq_id"),
        (kept(zipped(b"")), "heading lacks"),
        (kept(zipped(table(PAID).replace(b"QUICK", b"\xff\xfe"))), "utf-8-sig"),
        (
            b'{"huifu_id":"%b","file_date":"20261129","files":["a"]}\n\xff'
            % HUIFU.encode()
            + b"\xff" * 9,
            "framed",
        ),
    ],
)
async def test_a_statement_that_is_no_good_is_refused(octets, why):
    """Cut, changed, of another day or merchant: it says what is wrong."""
    for size in (11, 1 << 20):
        with pytest.raises(StatementBroken, match=why):
            await read(octets, size=size)


# --- fetching -------------------------------------------------------------------------


class Place:
    """Huifu, as far as statements go: what it answers, and what it was asked."""

    def __init__(self, httpserver):
        self.server = httpserver
        self.asked = []
        self.said = {}
        httpserver.expect_request("/v2/trade/check/filequery").respond_with_handler(
            self.answers
        )

    def answers(self, request: Request) -> Response:
        """What it says of a day's files."""
        data = json.loads(request.data)["data"]
        self.asked.append(data)
        said = {"resp_code": "00000000", "huifu_id": HUIFU}
        said |= {name: data[name] for name in ("req_seq_id", "req_date")} | self.said
        return Response(answer(said).body)

    def file(self, octets, name="a.zip", status=200):
        """A file that can be fetched, as an answer names it."""
        self.server.expect_request(f"/{name}").respond_with_data(octets, status=status)
        return {"file_name": name, "download_url": self.server.url_for(f"/{name}")}


@pytest.fixture
def place(httpserver):
    return Place(httpserver)


@pytest.fixture
async def afternoon():
    """A node in the afternoon of the day after, with a real network."""
    settings = Settings.for_dev()
    clock = SystemClock(AFTERNOON)
    made = Node(
        settings=settings,
        journal=MemoryJournal(MemoryStore(), clock.now),
        clock=clock,
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    yield made
    await made.transport.close()


async def fetched(node, place, day=DAY, former=None, **changed):
    """What became of asking for a day, and what was kept."""
    came = []

    async def take(octets):
        came.append(octets)

    at = account(place.server.url_for("").rstrip("/"), **changed)
    at = replace(at, former=former)
    result = await Huifu().fetch_statement(node, at, day, take)
    return result, b"".join(came)


@pytest.mark.parametrize("shape", ["list", "object", "text"])
async def test_all_files_of_a_day_come(afternoon, place, shape):
    """Asked for under the day after; listed, alone, or as JSON in text."""
    first = place.file(zipped(table(PAID)))
    second = place.file(zipped(table(GIVEN_BACK)), "b.zip")
    second["file_Name"] = second.pop("file_name")
    listed = {"list": [first, second], "object": first, "text": json.dumps([first])}
    place.said = {"file_details": listed[shape], "task_details": [{"task_stat": "S"}]}
    result, octets = await fetched(afternoon, place)
    lines = await read(octets)

    assert Arrived.WHOLE is result.arrived
    assert [f"{NO}01", f"{NO}R01"][: 2 if shape == "list" else 1] == [
        line.request_no for line in lines
    ]
    assert (BEARS, "TRADE_BILL", BEARS) == tuple(
        place.asked[0][name] for name in ("file_date", "bill_type", "req_date")
    )


async def test_who_signed_before_is_believed_while_keys_are_replaced(afternoon, place):
    """As an answer is: Huifu may take up our new key of theirs later than we."""
    place.said = {"file_details": [], "task_stat": "S"}
    newer = {"huifu_public_key": public_pem("newer")}
    alone, _ = await fetched(afternoon, place, **newer)
    both, _ = await fetched(afternoon, place, former=account(), **newer)

    assert (Arrived.FAILED, Arrived.WHOLE) == (alone.arrived, both.arrived)


async def test_a_large_file_comes_in_pieces(afternoon, place):
    """And is read from a temporary file. What stands before a zip is none of it."""
    large = bytes(9 << 20) + zipped(table(PAID))
    place.said = {"file_details": place.file(large), "task_stat": "S"}
    result, octets = await fetched(afternoon, place)

    assert Arrived.WHOLE is result.arrived
    assert 1 == len(await read(octets, size=1 << 16))


@pytest.mark.parametrize(
    ("said", "arrived"),
    [
        ({"task_stat": "S"}, Arrived.WHOLE),
        ({"task_details": [{"task_stat": "S"}], "file_details": []}, Arrived.WHOLE),
        ({"task_details": '[{"task_stat": "S"}]'}, Arrived.WHOLE),
        *(({"task_stat": one}, Arrived.ABSENT) for one in ("I", "P", "DP", "FP")),
        ({"resp_code": "00000100"}, Arrived.ABSENT),
        ({"task_details": [{"task_stat": "S"}, {"task_stat": "P"}]}, Arrived.ABSENT),
        ({"task_stat": "F"}, Arrived.FAILED),
        ({"task_stat": "Q"}, Arrived.FAILED),
        ({}, Arrived.FAILED),
        ({"resp_code": "90000000"}, Arrived.FAILED),
        ({"file_details": "{", "task_stat": "S"}, Arrived.FAILED),
        ({"file_details": [{"file_name": "a"}]}, Arrived.FAILED),
        (
            {"file_details": [{"file_name": "a", "download_url": "file:///etc/x"}]},
            Arrived.FAILED,
        ),
        ({"req_seq_id": "F1", "task_stat": "S"}, Arrived.FAILED),
        ({"huifu_id": "6666", "task_stat": "S"}, Arrived.FAILED),
    ],
)
async def test_what_is_said_of_the_files_decides(afternoon, place, said, arrived):
    """Done without a file is a day without trades; not done is come back later."""
    place.said = said
    result, octets = await fetched(afternoon, place)

    assert arrived is result.arrived
    if arrived is Arrived.WHOLE:
        assert [] == await read(octets)


async def test_a_day_is_not_asked_for_too_early(afternoon, place):
    """Three asks a day are all there are: none before the hour at which it is there."""
    early, _ = await fetched(afternoon, place, bill_from_hour=14)
    running, _ = await fetched(afternoon, place, DAY + timedelta(days=1))

    assert [Arrived.ABSENT] * 2 == [early.arrived, running.arrived]
    assert [] == place.asked


async def test_what_does_not_come_is_no_statement(afternoon, place, httpserver):
    """A file that is not there, an address inside, an answer by somebody else."""
    missing = place.file(b"gone", status=404)
    inside = missing | {"download_url": "http://127.0.0.1:9/a.zip"}
    open_ = missing | {"download_url": "http://files.example/a.zip"}
    for file, why in (
        (missing, "HTTP 404"),
        (inside, "address refused"),
        (open_, "https://"),
    ):
        place.said = {"file_details": file, "task_stat": "S"}
        result, _ = await fetched(afternoon, place)

        assert Arrived.FAILED is result.arrived
        assert why in result.said
    forged = answer({"task_stat": "S"}, "somebody").body
    httpserver.clear()
    for body, status, why in ((forged, 200, "not signed"), (b"", 502, "HTTP 502")):
        httpserver.expect_oneshot_request(
            "/v2/trade/check/filequery"
        ).respond_with_data(body, status=status)
        result, _ = await fetched(afternoon, place)

        assert (Arrived.FAILED, True) == (result.arrived, why in result.said)
    httpserver.stop()
    try:
        result, _ = await fetched(afternoon, place)
    finally:
        httpserver.start()  # one serves the tests of all modules

    assert Arrived.FAILED is result.arrived

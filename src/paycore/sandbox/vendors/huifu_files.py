"""Huifu's statements: which files a day has, and each of them as a zip of one CSV.

What the real columns are is not published: these are ours, and in words in
`docs/sandbox-vendors.md`. A file is written when it is fetched, page by page into a
temporary file: a million lines never stand in memory.
"""

import hmac
import secrets
import tempfile
import zipfile
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import IO, Final

from paycore.sandbox.bank import Bank
from paycore.sandbox.clerk import Clerk
from paycore.sandbox.planting import ENCODING
from paycore.sandbox.statement import SUMMARY, Entry
from paycore.sandbox.vendors.huifu_told import TYPES, number_of
from paycore.sandbox.vendors.huifu_wire import BEIJING, yuan
from paycore.sandbox.wire import Exchange

PATH: Final = "/files/"
BILL: Final = "TRADE_BILL"
COLUMNS: Final = (
    "huifu_id,trans_finish_time,trans_type,req_date,req_seq_id,hf_seq_id,"
    "org_req_seq_id,trans_amt,fee_amt,currency,trans_stat,remark\n"
)
_STATES: Final = MappingProxyType({"SUCCESS": "S", "FAIL": "F"})
_CHUNK: Final = 64 * 1024


class Desk:
    """Where files are asked for and fetched."""

    def __init__(self, clerk: Clerk, bank: Bank, *, merchant: str, rows: int) -> None:
        self._clerk = clerk
        self._bank = bank
        self._merchant = merchant
        self._rows = rows
        # An address is good as long as this process: nobody can make one up.
        self._secret = secrets.token_bytes(32)

    async def find(self, exchange: Exchange, file_date: str) -> dict[str, object]:
        """The files of the day before `file_date`, or how far they are."""
        day = date.fromisoformat(file_date) - timedelta(days=1)
        task: dict[str, object] = {
            "huifu_id": self._merchant,
            "bill_type": BILL,
            "data_date": f"{day:%Y%m%d}",
        }
        if not self._clerk.is_there(self._bank.name, day):
            return {"task_details": [task | {"task_stat": "P"}]}
        lines = 0
        async for page in self._entries(day):
            lines += len(page)
        found: dict[str, object] = {"task_details": [task | {"task_stat": "S"}]}
        files = -(-lines // self._rows)
        if files:
            host = exchange.headers.get(b"host", b"").decode("latin-1")
            found["file_details"] = [
                {
                    "huifu_id": self._merchant,
                    "file_date": file_date,
                    "file_name": f"{self._named(day, part)}.zip",
                    "bill_type": BILL,
                    "download_url": f"http://{host}{self._address(day, part)}",
                }
                for part in range(1, files + 1)
            ]
        return found

    def has(self, exchange: Exchange) -> bool:
        """Whether a file is fetched."""
        return exchange.method == "GET" and exchange.path.startswith(PATH)

    async def hand_out(self, exchange: Exchange) -> None:
        """Send a file; 404 where the address is none that was given."""
        parts = exchange.path.removeprefix(PATH).split("/")
        try:
            day, part = date.fromisoformat(parts[0]), int(parts[1])
        except (ValueError, IndexError):
            exchange.answer(404, b"")
            return
        if not hmac.compare_digest(self._address(day, part), exchange.path):
            exchange.answer(404, b"")
            return
        with tempfile.TemporaryFile() as file:
            await self._write(file, day, part)
            file.seek(0)
            await exchange.stream(_pieces(file), content_type="application/zip")

    def _named(self, day: date, part: int) -> str:
        return f"{day:%Y%m%d}_{self._merchant}_order_{part}.csv"

    def _address(self, day: date, part: int) -> str:
        what = f"{day.isoformat()}/{part}"
        proof = hmac.new(self._secret, what.encode(), "sha256").hexdigest()
        return f"{PATH}{what}/{proof}"

    def _entries(self, day: date) -> AsyncIterator[list[Entry]]:
        return self._clerk.entries(self._bank.name, day, self._merchant)

    async def _write(self, file: IO[bytes], day: date, part: int) -> None:
        """One CSV, zipped; cut in the middle of a line where that is planted."""
        name = self._bank.name
        coded = self._clerk.faults.of_file(name, day, ENCODING)
        encoding = "gb18030" if coded else "utf-8"
        whole = self._clerk.whole(name, day)
        first, at = (part - 1) * self._rows, 0
        with (
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
            packed.open(self._named(day, part), "w") as csv,
        ):
            held = COLUMNS.encode(encoding)
            async for page in self._entries(day):
                mine = page[max(0, first - at) : max(0, first + self._rows - at)]
                at += len(page)
                if mine:
                    csv.write(held)
                    held = "".join(map(self._line, mine)).encode(encoding)
            csv.write(held if whole else held[: -len(held) // 2])

    def _line(self, entry: Entry) -> str:
        """As it stands in the file; no value holds a comma."""
        order = self._bank.find(self._merchant, entry.request_id)
        at = datetime.fromtimestamp(entry.at_ms // 1000, BEIJING)
        if order is None:  # a line that nobody asked for, or that cannot be read
            kind = "refund" if entry.kind == "refund" else "deduct"
            hf = self._reference(entry.bank_ref)
            told = (TYPES[kind], f"{at:%Y%m%d}", entry.request_id, hf, "")
        else:
            number, day = number_of(order)
            original = order.facts.get("org_req_seq_id", "")
            hf = order.facts["hf_seq_id"]
            told = (TYPES[order.operation], day, number, hf, original)
        values = (
            self._merchant,
            f"{at:%Y-%m-%d %H:%M:%S}",
            *told,
            yuan(entry.amount),
            yuan(entry.fee),
            entry.currency,
            _STATES[entry.status],
            SUMMARY[entry.kind],
        )
        return ",".join(values) + "\n"

    def _reference(self, bank_ref: str) -> str:
        """Its `hf_seq_id`, which a line keeps that has lost its number."""
        orders = (order for order in self._bank.orders() if order.bank_ref == bank_ref)
        order = next(orders, None)
        return bank_ref if order is None else order.facts["hf_seq_id"]


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece

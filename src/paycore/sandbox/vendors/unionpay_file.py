"""UnionPay's statement of a day: a zip with rows of fixed width in GBK. Pure.

The trades (ZM), the error trades (ZME, of which there are none here) and a summary for
people (RD). Widths are octets; between two columns stands a blank.
"""

import base64
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import starmap
from typing import Final

from msgspec import Struct

from paycore.sandbox.orders import Order
from paycore.sandbox.statement import Entry
from paycore.sandbox.vendors.unionpay_forms import BEIJING

WIDTHS: Final = (
    *(3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2),
    *(6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98),
)
"""Of the forty-two columns of ZM."""

_ENCODING: Final = "gbk"
# What it is written in where it should not be: no octet stands where it should.
_STRANGE: Final = "utf-16"
# Institutions that are not told apart here.
_INSTITUTION: Final = "00049992"
# The earliest that a zip can say: the same day is the same file.
_WRITTEN: Final = (1980, 1, 1, 0, 0, 0)
_CARD: Final = "01"


class Day(Struct, frozen=True, kw_only=True):
    """Whose file it is, and what is wrong with it."""

    mer_id: str
    day: date
    whole: bool = True
    strange: bool = False

    @property
    def name(self) -> str:
        """`fileName` of the answer."""
        return f"{self.mer_id}_{self.day:%Y%m%d}.zip"


def content(
    day: Day,
    entries: Sequence[Entry],
    *,
    by_ref: Mapping[str, Order],
    by_number: Mapping[str, Order],
) -> str:
    """`fileContent`: the zip, deflated and in base64. An entry's order is found by the
    bank's reference, and that of the charge it gives back by its number.
    """
    rows = [
        _row(day, entry, by_ref.get(entry.bank_ref), by_number)
        for entry in entries
        # It has no column for what became of a trade: those that failed are not in it.
        if entry.status == "SUCCESS"
    ]
    trades = "".join(f"{row}\r\n" for row in rows).encode(
        _STRANGE if day.strange else _ENCODING
    )
    if not day.whole:
        trades = trades[: len(trades) // 2]
    stem = f"INN{day.day:%y%m%d}88"
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in (
            (f"{stem}ZM_{day.mer_id}", trades),
            (f"{stem}ZME_{day.mer_id}", b""),
            (f"RD{day.day:%y%m%d}88_{day.mer_id}", _summary(day, entries)),
        ):
            archive.writestr(zipfile.ZipInfo(name, _WRITTEN), octets)
    return base64.b64encode(zlib.compress(held.getvalue())).decode()


def _row(
    day: Day, entry: Entry, order: Order | None, by_number: Mapping[str, Order]
) -> str:
    """One trade. Where there is no order (a line that was planted), what only the
    order knows is blank.
    """
    facts = {} if order is None else order.facts
    query_id = facts.get("queryId") or _strangers(entry)
    charge = order and order.original and by_number.get(order.original)
    given_back = charge.facts if charge else {}
    is_charge = entry.kind == "charge"
    net = entry.amount - entry.fee if is_charge else entry.amount + entry.fee
    settled = _signed(net, credit=is_charge)
    columns = {
        1: "S22" if is_charge else "S30",
        2: _INSTITUTION,
        3: _INSTITUTION,
        4: query_id[14:20],
        5: query_id[4:14],
        6: facts.get("account", "") or given_back.get("account", ""),
        7: f"{entry.amount:012d}",
        8: "0000",
        9: "07",
        10: query_id,
        12: entry.request_id,
        13: _CARD,
        14: given_back.get("queryId", "")[14:20],
        15: given_back.get("queryId", "")[4:14],
        16: _signed(entry.fee, credit=not is_charge),
        17: settled,
        20: facts.get("txnType") or ("01" if is_charge else "04"),
        21: facts.get("txnSubType") or ("01" if is_charge else "00"),
        22: facts.get("bizType") or "000902",
        23: _CARD,
        27: given_back.get("queryId", ""),
        28: day.mer_id,
        33: settled,
        35: facts.get("reqReserved", ""),
        41: charge.request_id if charge else "",
    }
    return " ".join(
        starmap(_cell, ((columns.get(n, ""), w) for n, w in enumerate(WIDTHS, 1)))
    )


def _strangers(entry: Entry) -> str:
    """A query number like any other, of a line that nobody asked for."""
    at = datetime.fromtimestamp(entry.at_ms // 1000, BEIJING)
    return f"99{at:%y%m%d%H%M%S}{entry.bank_ref[-6:]}8"


def _cell(text: str, width: int) -> str:
    """A column, left-justified and so many octets wide."""
    octets = text.encode(_ENCODING, "replace")[:width]
    # A character that was cut in two is dropped whole.
    cut = octets.decode(_ENCODING, "ignore")
    return cut + " " * (width - len(cut.encode(_ENCODING)))


def _signed(amount: int, *, credit: bool) -> str:
    """C what the merchant gets, D what he pays."""
    return f"{'C' if credit else 'D'}{amount:012d}"


def _summary(day: Day, entries: Sequence[Entry]) -> bytes:
    """For people; no program should read it."""
    charges = [entry for entry in entries if entry.kind == "charge"]
    refunds = [entry for entry in entries if entry.kind != "charge"]
    taken, given = (sum(e.amount for e in part) for part in (charges, refunds))
    fees = sum(entry.fee for entry in entries)
    lines = (
        f"商户号: {day.mer_id}",
        f"清算日期: {day.day:%Y-%m-%d}",
        f"消费: {len(charges)} 笔 {_yuan(taken)}",
        f"退货: {len(refunds)} 笔 {_yuan(given)}",
        f"手续费: {_yuan(fees)}",
        f"清算净额: {_yuan(taken - given - fees)}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode(_ENCODING)


def _yuan(fen: int) -> str:
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"

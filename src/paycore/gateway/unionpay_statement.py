"""UnionPay's statement (对账文件): a signed reply with a zip of fixed-width lines.

`fileContent` is base64 of deflated octets of a zip. Of its members the trades (`ZM`)
are read. The error trades (`ZME`) correct what other days' files said: of them only the
widths of the columns are public and none has our number, so that each is a line that
nobody can place, for a person; who is told what its first columns seem to say.
The summary (`RD`) is for people anyway. Lines are GBK,
cut by octets, one blank between columns. That it is the whole file is said by the
signature and the zip.
"""

import base64
import binascii
import re
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, timedelta, timezone
from io import BufferedReader, BytesIO, RawIOBase
from itertools import accumulate
from types import MappingProxyType
from typing import IO, Final, cast

from paycore.gateway.channel import MOST_OCTETS
from paycore.gateway.statement import (
    StatementAbsent,
    StatementBroken,
    StatementLine,
    Trade,
)
from paycore.gateway.unionpay_codes import NO_FILE
from paycore.gateway.unionpay_config import UnionPayConfig
from paycore.gateway.unionpay_wire import Message

BEIJING: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""All of UnionPay's times."""

LARGEST_OCTETS: Final = 256 << 20
"""Of a reply, and of the zip in it: they stand in memory, and a day of millions of
trades is smaller."""

_LONGEST_LINE: Final = 1 << 14
"""Of whatever a zip holds, line by line: it may be much more than memory does."""

_TRADES: Final = re.compile(r"(?:.*/)?INN(\d{6})\d{2}(ZME?)_(\d{15})")
_OF_TRADES, _OF_ERRORS = "ZM", "ZME"

_WIDTHS: Final = (
    *(3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2),
    *(6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98),
)
_ENDS: Final = tuple(accumulate(width + 1 for width in _WIDTHS))
_LENGTH: Final = _ENDS[-1] - 1

_ERROR_WIDTHS: Final = (
    *(3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2, 135),
)
_ERROR_LENGTH: Final = sum(_ERROR_WIDTHS) + len(_ERROR_WIDTHS) - 1
"""Of an error trade; its first seven columns are as wide as those of a trade."""

_TRACE_NO, _TRACE_TIME, _AMOUNT, _QUERY_ID, _ORDER_ID, _FEE = 4, 5, 7, 10, 12, 16
_TXN_TYPE, _MER_ID, _CUSTOM = 20, 28, 35
"""Columns as UnionPay counts them, from 1 on."""

_TRADE: Final = MappingProxyType(
    {
        "01": Trade.CHARGE,
        "11": Trade.CHARGE,
        "04": Trade.REFUND,
        "31": Trade.REFUND,  # a void gives all of it back
    }
)
_KEPT: Final = MappingProxyType({"D": 1, "C": -1})
"""A fee that we are debited is kept by them, one we are credited was given back."""


async def lines(
    config: UnionPayConfig,
    day: date,
    octets: AsyncIterator[bytes],
    *,
    former: UnionPayConfig | None = None,
) -> AsyncIterator[StatementLine]:
    """The lines of a day's reply. `former`: its certificates are good too."""
    message = Message.of_reply(await _whole(octets))
    if message is None:
        raise StatementBroken("it is none of UnionPay's messages")
    _check(config, former or config, day, message)
    for line in _read(config, day, _unpacked(message)):
        yield line


async def _whole(octets: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for piece in octets:
        body += piece
        if len(body) > LARGEST_OCTETS:
            raise StatementBroken("it is longer than any statement")
    return bytes(body)


def _check(
    config: UnionPayConfig, former: UnionPayConfig, day: date, message: Message
) -> None:
    """By them, about us and this day, and with a file."""
    try:
        asked_at = datetime.strptime(
            message.text("txnTime") + "+0800", "%Y%m%d%H%M%S%z"
        )
    except ValueError:
        raise StatementBroken("it does not say when it was asked for") from None
    fault = config.trust.fault(message, asked_at)
    if fault is not None and former.trust.fault(message, asked_at) is not None:
        raise StatementBroken(fault)
    named = [message.text(name) for name in ("txnType", "merId", "settleDate")]
    if named != ["76", config.mer_id, f"{day:%m%d}"] or asked_at.date() < day:
        raise StatementBroken("it is of another merchant or day")
    code = message.text("respCode")
    if code == NO_FILE:
        raise StatementAbsent("there is no file yet, or no trade that day")
    if code != "00":
        raise StatementBroken(f"it is refused: {code} {message.text('respMsg')}")


def _unpacked(message: Message) -> zipfile.ZipFile:
    stream = zlib.decompressobj()
    try:
        packed = base64.b64decode(message.values.get("fileContent", b""), validate=True)
        octets = stream.decompress(packed, LARGEST_OCTETS)
        if not stream.eof:
            raise StatementBroken("its file is cut off, or larger than any")
        return zipfile.ZipFile(BytesIO(octets))
    except (binascii.Error, ValueError, zlib.error, zipfile.BadZipFile) as error:
        raise StatementBroken("its file does not unpack") from error


def _read(
    config: UnionPayConfig, day: date, file: zipfile.ZipFile
) -> Iterator[StatementLine]:
    """The lines of trades and error trades, counted through all members that have
    some.
    """
    found = [(name, _TRADES.fullmatch(name)) for name in sorted(file.namelist())]
    trades = [(name, told) for name, told in found if told is not None]
    if all(told[2] != _OF_TRADES for _, told in trades):
        raise StatementBroken("there are no trades in its file")
    if sum(file.getinfo(name).file_size for name, _ in trades) > MOST_OCTETS:
        raise StatementBroken("its file holds more than a day can have")
    no = 0
    for name, told in trades:
        if (told[1], told[3]) != (f"{day:%y%m%d}", config.mer_id):
            raise StatementBroken("its file is of another merchant or day")
        try:
            with file.open(name) as member:
                for raw in _raw_lines(member):
                    row = raw.rstrip(b"\r\n")
                    if row:
                        no += 1
                        yield _line(config, day, no, row, kind=told[2])
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise StatementBroken("its file does not unpack") from error


def _raw_lines(member: IO[bytes]) -> Iterator[bytes]:
    file = BufferedReader(cast("RawIOBase", member))
    while raw := file.readline(_LONGEST_LINE):
        if len(raw) == _LONGEST_LINE:
            raise StatementBroken("a line of its file is longer than any")
        yield raw


def _line(
    config: UnionPayConfig, day: date, no: int, row: bytes, *, kind: str
) -> StatementLine:
    if kind == _OF_ERRORS:
        return StatementLine.unreadable(no, _error(day, row))
    try:
        return _parsed(config, day, no, row)
    except (ValueError, KeyError):
        return StatementLine.unreadable(no, row.decode("gbk", "replace"))


def _error(day: date, row: bytes) -> str:
    """An error trade in words: the line and, where columns of a trade's widths hold
    what they would of a trade, that they seem to say it.
    """
    seems = _seeming(day, row) if len(row) == _ERROR_LENGTH else ""
    return f"{_OF_ERRORS}{seems}: {row.decode('gbk', 'replace')}"


def _seeming(day: date, row: bytes) -> str:
    try:
        number, amount = _number(_cell(row, _TRACE_NO)), _number(_cell(row, _AMOUNT))
        at = _moment(_cell(row, _TRACE_TIME), day)
    except ValueError:
        return ""
    moment = f"{at:%Y-%m-%d %H:%M:%S}"
    return f", it seems trace number {number:06d}, {moment}, {amount} fen"


def _parsed(config: UnionPayConfig, day: date, no: int, row: bytes) -> StatementLine:
    if len(row) != _LENGTH or _cell(row, _MER_ID) != config.mer_id:
        raise ValueError("it is cut otherwise, or another merchant's")
    return StatementLine(
        no=no,
        trade=_TRADE[_cell(row, _TXN_TYPE)],
        request_no=_cell(row, _ORDER_ID),
        pay_order_no=_cell(row, _CUSTOM),
        amount=_number(_cell(row, _AMOUNT)),
        currency="CNY",
        fee=_fee(_cell(row, _FEE)),
        moved=True,
        channel_ref=_cell(row, _QUERY_ID),
        at=_moment(_cell(row, _TRACE_TIME), day),
        fault="",
    )


def _cell(row: bytes, column: int) -> str:
    end = _ENDS[column - 1]
    return row[end - 1 - _WIDTHS[column - 1] : end - 1].decode("gbk").strip()


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def _fee(text: str) -> int | None:
    return _KEPT[text[0]] * _number(text[1:]) if text else None


def _moment(text: str, day: date) -> datetime:
    """A time that does not say its year: the one that is nearest to the day."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=BEIJING)
    months, days, hours, minutes, seconds = map(
        _number, (text[at : at + 2] for at in range(0, 10, 2))
    )
    found = []
    for year in (day.year - 1, day.year, day.year + 1):
        try:
            moment = datetime(
                *(year, months, days, hours, minutes, seconds), tzinfo=BEIJING
            )
        except ValueError:  # a 29th of February, in a year without
            continue
        found.append(moment)
    if not found:
        raise ValueError(text)
    return min(found, key=lambda moment: abs(moment - noon))

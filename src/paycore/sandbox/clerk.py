"""The banks' statement desk: answers `GET /v1/statement`, and plants what tests want.

A day's statement is there once the day is over. It is streamed: a million lines never
stand in memory.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import date, timedelta
from typing import Final
from urllib.parse import parse_qs

import msgspec

from paycore.sandbox.clock import now_ms
from paycore.sandbox.planting import (
    ENCODING,
    LATE,
    TRUNCATED,
    Line,
    Planted,
    PlantRequest,
    StatementFaults,
    checked,
)
from paycore.sandbox.protocol import (
    BadSignature,
    Merchant,
    authenticate,
    signed_headers,
)
from paycore.sandbox.record import Record, Row
from paycore.sandbox.statement import PATH, Entry, Pen, bounds_ms, day_of, fee_of
from paycore.sandbox.wire import Exchange

_CSV: Final = "text/csv; charset=utf-8"
_MOVES: Final = """
    SELECT n, merchant, kind, request_id, pay_order_no, amount, currency, bank_ref,
           at_ms
    FROM move
    WHERE bank = ? AND at_ms >= ? AND at_ms < ?
"""
_OF_MERCHANT: Final = f"{_MOVES} AND merchant = ? ORDER BY n"
_OF_ALL: Final = f"{_MOVES} ORDER BY n"


class Clerk:
    """One for all banks; each bank's statement has what moved at that bank."""

    def __init__(self, *, merchants: Mapping[str, Merchant], record: Record) -> None:
        self.faults = StatementFaults()
        self.today_is: date | None = None
        self._merchants = merchants
        self._record = record

    def today(self, bank: str) -> date:
        """Which day it is at a bank: the clock's, unless the control has said
        otherwise.
        """
        return self.today_is or day_of(bank, now_ms())

    async def serve(self, exchange: Exchange, bank: str) -> None:
        """Answer one call. A GET has no body: its query is signed in its place."""
        if exchange.method != "GET":
            exchange.answer(405, b'{"code":"NOT_FOUND"}', (("Allow", "GET"),))
            return
        query = exchange.query.encode("latin-1")
        try:
            merchant = authenticate(
                self._merchants, exchange.headers, PATH, query, now_ms()
            )
        except BadSignature:
            exchange.answer(401, b'{"code":"BAD_SIGNATURE"}')
            return
        day = _day(exchange.query)
        if day is None:
            _refuse(exchange, merchant, 400, "BAD_REQUEST")
        elif not self.is_there(bank, day):
            _refuse(exchange, merchant, 404, "STATEMENT_NOT_READY")
        else:
            pieces = self._pieces(bank, merchant, day)
            await exchange.stream(pieces, content_type=_CSV)

    def is_there(self, bank: str, day: date) -> bool:
        """Whether a day's statement can be had by now."""
        late = self.faults.of_file(bank, day, LATE) or 0
        return self.today(bank) > day + timedelta(days=late)

    async def _pieces(
        self, bank: str, merchant: Merchant, day: date
    ) -> AsyncIterator[bytes]:
        """The file as it is sent, the faults of the whole file included."""
        pen = Pen(
            merchant,
            bank=bank,
            day=day,
            at_ms=now_ms(),
            encoding="gb18030" if self.coded(bank, day) else "utf-8",
        )
        held = pen.head()
        async for page in self.entries(bank, day, merchant.id):
            yield held
            held = pen.lines(page)
        if self.whole(bank, day):
            yield held
            yield pen.foot()
        else:
            yield held[: len(held) // 2]

    async def entries(
        self, bank: str, day: date, merchant: str
    ) -> AsyncIterator[list[Entry]]:
        """What a merchant's file of a day has, page by page, the planted differences
        included; those of the file as a whole are for whoever writes it.
        """
        yield list(self.faults.carried_to(bank, day, merchant))
        values = (bank, *bounds_ms(bank, day), merchant)
        async for page in self._record.read(_OF_MERCHANT, values):
            yield [
                entry
                for line in map(_line, page)
                for entry in self.faults.of_line(line.n, line.entry)
            ]

    def whole(self, bank: str, day: date) -> bool:
        """Whether the file is given whole, and not cut in the middle."""
        return not self.faults.of_file(bank, day, TRUNCATED)

    def late(self, bank: str, day: date) -> bool:
        """Whether what is planted holds a day back that would be there otherwise."""
        planted = self.faults.of_file(bank, day, LATE) is not None
        return planted and not self.is_there(bank, day)

    def coded(self, bank: str, day: date) -> bool:
        """Whether the file is written in an encoding that it should not be in."""
        return self.faults.of_file(bank, day, ENCODING) is not None

    # What the control asks for.

    async def plant(self, request: PlantRequest) -> list[Planted]:
        """Plant, and tell exactly what; raises `WrongFault`."""
        request = checked(request)
        in_file = self.faults.plant_in_file(request)
        if in_file is not None:
            return in_file
        bounds = bounds_ms(request.bank, date.fromisoformat(request.date))
        values = (request.bank, *bounds)
        lines: list[Line] = []
        async for page in self._record.read(_OF_ALL, values):
            lines += self.faults.free(request.fault, [_line(row) for row in page])
        return self.faults.plant(request, lines)


def _day(query: str) -> date | None:
    """The day asked for."""
    given = parse_qs(query).get("date", [])
    try:
        return date.fromisoformat(given[0]) if len(given) == 1 else None
    except ValueError:
        return None


def _refuse(exchange: Exchange, merchant: Merchant, status: int, code: str) -> None:
    body = msgspec.json.encode({"code": code})
    exchange.answer(status, body, signed_headers(merchant, PATH, body, now_ms())[1:])


def _line(row: Row) -> Line:
    n, merchant, kind, request_id, pay_order_no, amount, currency, ref, at_ms = row
    return Line(
        n=int(n or 0),
        merchant=str(merchant),
        entry=Entry(
            kind=str(kind),
            request_id=str(request_id),
            pay_order_no=str(pay_order_no),
            amount=int(amount or 0),
            currency=str(currency),
            fee=fee_of(str(kind), int(amount or 0)),
            bank_ref=str(ref),
            status="SUCCESS",
            at_ms=int(at_ms or 0),
        ),
    )
